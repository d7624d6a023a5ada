"""The network that is trained when the user brings none."""

import keras
import numpy as np
from numpy.typing import ArrayLike

from equipoise.layers import PiecewiseLinear
from equipoise.links import Link, SigmoidLink

# Labels rarer than this start no lower: a few thousand rows cannot tell them apart.
_LOWEST_PREVALENCE = 1e-4


def build_network(
    n_features: int,
    n_labels: int,
    *,
    prevalence: ArrayLike | None = None,
    link: Link | None = None,
    hidden_units: int = 512,
    dropout: float = 0.5,
    encoding: PiecewiseLinear | None = None,
    seed: int | None = None,
) -> keras.Model:
    """Builds a multi-layer perceptron that returns one logit per label.

        PiecewiseLinear, if any → Dense(hidden_units, ReLU) → Dropout → Dense(n_labels)

    Its output bias starts at the logits that stand for the frequencies of the labels under the
    loss, so that training does not spend its first epochs on learning how rare the labels are.

    Args:
        n_features: number of input features.
        n_labels: number of labels L.
        prevalence: (L,) share of positives; zeros as output bias if None.
        link: the inverse link of the loss; the sigmoid if None.
        hidden_units: width of the hidden layer; 0 for a linear model.
        dropout: share of hidden units dropped in training.
        encoding: what the features go through first; adapted, and of one network only.
        seed: of the first weights and of dropout. Without it Keras draws them from Python's global
            generator, from which other threads of the process (a Dask worker's) draw as well.
    """
    bias = "zeros"
    if prevalence is not None:
        clipped = np.clip(prevalence, _LOWEST_PREVALENCE, 1 - _LOWEST_PREVALENCE)
        bias = _Start((link or SigmoidLink()).logits(clipped))
    layers = [keras.layers.Input((n_features,)), *([] if encoding is None else [encoding])]
    if hidden_units:
        layers += [keras.layers.Dense(hidden_units, activation="relu", name="hidden")]
        layers += [keras.layers.Dropout(dropout, name="dropout")]
    layers += [keras.layers.Dense(n_labels, bias_initializer=bias, name="logits")]
    network = keras.Sequential(layers, name="network")
    if seed is not None:
        _start_from(seed, network)
    return network


def bins_of(network: keras.Model) -> int:
    """Returns the bins of the encoding in a network, 0 if there is none."""
    return next((at.n_bins for at in network.layers if isinstance(at, PiecewiseLinear)), 0)


def _start_from(seed: int, network: keras.Model) -> None:
    """Draws kernels (Glorot and Bengio 2010, eq. 16) and the state of dropout from the seed.

    The configuration of the layers stays the same for all seeds, so that they share a program.
    """
    generator = np.random.default_rng(seed)
    for layer in network.layers:
        if isinstance(layer, keras.layers.Dense):
            bound = np.sqrt(6 / sum(layer.kernel.shape))
            layer.kernel.assign(generator.uniform(-bound, bound, layer.kernel.shape))
        elif isinstance(layer, keras.layers.Dropout) and layer.rate > 0:  # else it draws nothing
            drawn = int(generator.integers(1, 1_000_000_000))
            layer.seed_generator.state.assign(keras.random.SeedGenerator(drawn).state.value)


@keras.saving.register_keras_serializable(package="equipoise")
class _Start(keras.initializers.Initializer):
    """Initialises a vector with given values."""

    def __init__(self, values: ArrayLike):
        self.values = np.asarray(values, dtype=np.float64).tolist()

    def __call__(self, shape, dtype=None):  # type: ignore[no-untyped-def]
        return keras.ops.reshape(keras.ops.convert_to_tensor(self.values, dtype=dtype), shape)

    def get_config(self) -> dict[str, list[float]]:
        return {"values": self.values}

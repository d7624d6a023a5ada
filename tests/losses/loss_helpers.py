"""What the tests of the losses share: gradients on every backend, and float64 references."""

import keras
import numpy as np
from keras import ops

from equipoise.losses import CellwiseLoss, WeightedBinaryCrossentropy

BACKEND = keras.backend.backend()


def value_and_grad(loss, y, z, sample_weight=None, activation=None):
    """Returns the loss and its gradient with respect to the logits z, as NumPy arrays.

    The loss sees activation(z) where one is given; losses per cell are added up.
    """

    def value(logits):
        y_pred = logits if activation is None else activation(logits)
        return ops.sum(loss(y, y_pred, sample_weight))

    z = ops.convert_to_tensor(z)
    if BACKEND == "jax":
        import jax

        result, gradient = jax.value_and_grad(value)(z)
    elif BACKEND == "torch":
        z = z.clone().requires_grad_()
        result = value(z)
        result.backward()
        gradient = z.grad
    else:
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(z)
            result = value(z)
        gradient = tape.gradient(result, z)
    gradient = ops.convert_to_numpy(ops.cast(gradient, "float32"))
    return number(result), gradient.astype(np.float64)


def number(tensor):
    """Returns a scalar tensor as a float."""
    return float(ops.convert_to_numpy(tensor))


def cells_of(loss, y, z, sample_weight=None):
    """Returns the losses of the cells under reduction "none", as a float64 array."""
    return ops.convert_to_numpy(loss(y, z, sample_weight)).astype(np.float64)


def reference_cells(y, z, positive=1.0, negative=1.0):
    """Weighted binary cross-entropy per cell in float64, 0 where y is NaN or negative."""
    y, z = np.asarray(y, np.float64), np.asarray(z, np.float64)
    known = y >= 0
    y = np.where(known, y, 0.0)
    cells = y * positive * np.logaddexp(0, -z) + (1 - y) * negative * np.logaddexp(0, z)
    return np.where(known, cells, 0.0)


def reference_gradients(y, z, positive=1.0, negative=1.0):
    """Derivative of `reference_cells` by z."""
    y, z = np.asarray(y, np.float64), np.asarray(z, np.float64)
    known = y >= 0
    y = np.where(known, y, 0.0)
    sigmoid, below = np.exp(-np.logaddexp(0, -z)), np.exp(-np.logaddexp(0, z))
    return np.where(known, (1 - y) * negative * sigmoid - y * positive * below, 0.0)


def model_of(n_labels, activation=None, n_inputs=4, seed=0):
    """A dense layer with fixed weights."""
    model = keras.Sequential(
        [keras.Input((n_inputs,)), keras.layers.Dense(n_labels, activation=activation)]
    )
    rng = np.random.default_rng(seed)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def batch(n_rows=12, n_labels=3, n_inputs=4, seed=0):
    """Inputs and sparse labels."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, n_inputs)).astype("float32")
    y = (rng.random((n_rows, n_labels)) < 0.3).astype("float32")
    return x, y


def crossentropy(reduction="sum_over_batch_size", **options):
    return WeightedBinaryCrossentropy(from_logits=True, reduction=reduction, **options)


def data(shape, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape).astype("float32")
    return (rng.random(shape) < 0.4).astype("float32"), z


@keras.saving.register_keras_serializable(package="equipoise_tests")
class Exponential(CellwiseLoss):
    """As little as a subclass must write: ℓ₊ = e^(−sz), ℓ₋ = e^(sz) with a slope s per label."""

    def __init__(self, slope=(1.0, 1.0, 1.0), **options):
        super().__init__(**options)
        self.slope = np.array(slope, dtype=np.float64)
        self.add_label_parameter("slope", self.slope, "slope")

    def positive_losses(self, z, p):
        return ops.exp(-p["slope"] * z)

    def negative_losses(self, z, p):
        return ops.exp(p["slope"] * z)

    def get_config(self):
        return {**super().get_config(), "slope": self.slope.tolist()}

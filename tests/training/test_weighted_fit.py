import keras
import numpy as np
import pytest
from keras import ops

import equipoise as eq
from equipoise._errors import InvalidInput
from equipoise.losses import Focal, WeightedBinaryCrossentropy
from equipoise.training import fit

pytestmark = pytest.mark.keras

WEIGHTS = {0: 2.5, 1: 10.0, 2: 5.0}
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = (RNG.random((24, 3)) < [0.5, 0.2, 0.3]).astype(np.float32)


def model(activation="sigmoid", loss="binary_crossentropy", **compile_arguments):
    """A model that does not learn, so that its loss is known beforehand."""
    built = keras.Sequential(
        [keras.layers.Input((4,)), keras.layers.Dense(3, activation=activation)]
    )
    built.set_weights([np.full((4, 3), 0.3), np.array([-1.0, 0.5, 0.0])])
    built.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss, **compile_arguments)
    return built


def expected(y, p, positive, negative, sample_weight=1.0):
    cells = -(y * positive * np.log(p) + (1 - y) * negative * np.log1p(-p))
    return float(np.mean(cells * sample_weight))


def probabilities():
    z = X @ np.full((4, 3), 0.3) + np.array([-1.0, 0.5, 0.0])
    return 1 / (1 + np.exp(-z))


POSITIVE = np.array([2.5, 10.0, 5.0])


def trained(built, *data, **options):
    return fit(built, *data, class_weight=WEIGHTS, verbose=0, **options).history


class Rows(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


def generator():
    while True:
        for i in range(3):
            yield X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]


def inputs():
    yield "arrays", (X, Y), {"batch_size": 8, "shuffle": False}
    yield "dataset", (Rows(),), {}
    yield "generator", (generator(),), {"steps_per_epoch": 3, "shuffle": False}
    try:
        import torch
    except ImportError:
        return
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    yield "loader", (torch.utils.data.DataLoader(rows, batch_size=8),), {"shuffle": False}


@pytest.mark.parametrize("kind", ["arrays", "dataset", "generator", "loader"])
def test_every_kind_of_input_gets_the_weights_it_asked_for(kind):
    found = {name: (data, options) for name, data, options in inputs()}
    if kind not in found:
        pytest.skip("Torch is not installed")
    data, options = found[kind]
    history = trained(model(), *data, **options)
    assert history["loss"][0] == pytest.approx(expected(Y, probabilities(), POSITIVE, 1), rel=1e-5)


def test_tensorflow_datasets():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("importing TensorFlow beside another backend takes longer than the test")
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)
    history = trained(model(), rows, shuffle=False)
    assert history["loss"][0] == pytest.approx(expected(Y, probabilities(), POSITIVE, 1), rel=1e-5)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("sigmoid", "binary_crossentropy"),
        ("sigmoid", "bce"),
        ("sigmoid", keras.losses.binary_crossentropy),
        ("sigmoid", keras.losses.BinaryCrossentropy()),
        (None, keras.losses.BinaryCrossentropy(from_logits=True)),
        (None, WeightedBinaryCrossentropy(from_logits=True)),
    ],
)
def test_every_form_of_the_loss_is_translated(activation, loss):
    history = trained(model(activation, loss), X, Y)
    assert history["loss"][0] == pytest.approx(expected(Y, probabilities(), POSITIVE, 1), rel=1e-5)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("sigmoid", "binary_focal_crossentropy"),
        ("sigmoid", keras.losses.binary_focal_crossentropy),
        ("sigmoid", keras.losses.BinaryFocalCrossentropy(gamma=0.5, alpha=0.9)),
        ("sigmoid", keras.losses.BinaryFocalCrossentropy(True, alpha=0.3, reduction="sum")),
        (None, keras.losses.BinaryFocalCrossentropy(True, gamma=3.0, from_logits=True)),
    ],
)
def test_focal_crossentropy_is_translated(activation, loss):
    ones = dict.fromkeys(range(3), 1.0)
    built = model(activation, loss)
    plain = built.fit(X, Y, verbose=0).history["loss"]
    same = fit(built, X, Y, class_weight=ones, verbose=0).history["loss"]
    assert same == pytest.approx(plain, rel=1e-5)
    own = keras.losses.get(loss)
    if not isinstance(own, keras.losses.Loss):
        own = keras.losses.BinaryFocalCrossentropy()
    config = own.get_config()
    ours = Focal(
        config["gamma"],
        config["alpha"] if config["apply_class_balancing"] else None,
        positive_weight=POSITIVE,
        reduction=own.reduction,
    )
    wanted = float(ops.convert_to_numpy(ours(Y, probabilities())))
    wanted /= 3 if own.reduction == "sum" else 1
    assert trained(built, X, Y)["loss"] == pytest.approx([wanted], rel=1e-5)


def test_label_smoothing_and_reduction_are_kept():
    smoothed = keras.losses.BinaryCrossentropy(label_smoothing=0.2)
    history = trained(model(loss=smoothed), X, Y)
    soft = Y * 0.8 + 0.1
    assert history["loss"][0] == pytest.approx(
        expected(soft, probabilities(), POSITIVE, 1), rel=1e-5
    )
    summed = trained(model(loss=keras.losses.BinaryCrossentropy(reduction="sum")), X, Y)
    asked = 24 * expected(Y, probabilities(), POSITIVE, 1)  # Keras adds up means over labels
    assert summed["loss"][0] == pytest.approx(asked, rel=1e-5)


def test_readings_of_the_weights():
    whole = trained(model(), X, Y, applies_to="label")
    p = probabilities()
    assert whole["loss"][0] == pytest.approx(expected(Y, p, POSITIVE, POSITIVE), rel=1e-5)
    weights = eq.LabelWeights.from_targets(Y, "balanced")
    history = fit(model(), X, Y, class_weight=weights, verbose=0).history
    asked = expected(Y, p, weights.positive, weights.negative)
    assert history["loss"][0] == pytest.approx(asked, rel=1e-5)
    some = fit(model(), X, Y, class_weight={1: 10.0}, default=1.0, verbose=0).history
    assert some["loss"][0] == pytest.approx(expected(Y, p, np.array([1, 10, 1]), 1), rel=1e-5)


def test_sample_weights_multiply_cells_at_the_same_time():
    p, rows = probabilities(), RNG.random(24).astype(np.float32)
    history = trained(model(), X, Y, sample_weight=rows)
    assert history["loss"][0] == pytest.approx(expected(Y, p, POSITIVE, 1, rows[:, None]), rel=1e-5)
    cells = RNG.random((24, 3)).astype(np.float32)
    history = trained(model(), X, Y, sample_weight=cells)
    assert history["loss"][0] == pytest.approx(expected(Y, p, POSITIVE, 1, cells), rel=1e-5)


def test_unknown_labels_cost_nothing():
    marked = Y.copy()
    marked[::3, 1] = np.nan
    p = probabilities()
    cells = -(Y * POSITIVE * np.log(p) + (1 - Y) * np.log1p(-p))
    cells[np.isnan(marked)] = 0
    assert trained(model(), X, marked)["loss"][0] == pytest.approx(cells.mean(), rel=1e-5)


def test_validation_is_weighted_by_choice_only():
    plain = trained(model(), X, Y, validation_data=(X, Y))
    p = probabilities()
    assert plain["val_loss"][0] == pytest.approx(expected(Y, p, 1, 1), rel=1e-5)
    weighted = trained(model(), X, Y, validation_data=(X, Y), weight_validation=True)
    assert weighted["val_loss"][0] == pytest.approx(expected(Y, p, POSITIVE, 1), rel=1e-5)
    assert weighted["loss"][0] == pytest.approx(weighted["val_loss"][0], rel=1e-6)


def two_outputs(as_dict):
    inputs = keras.layers.Input((4,))
    a = keras.layers.Dense(3, activation="sigmoid", name="a", kernel_initializer="zeros")(inputs)
    b = keras.layers.Dense(2, activation="sigmoid", name="b", kernel_initializer="zeros")(inputs)
    built = keras.Model(inputs, {"a": a, "b": b} if as_dict else [a, b])
    losses = {"a": "binary_crossentropy", "b": "binary_crossentropy"}
    built.compile(
        optimizer=keras.optimizers.SGD(0.0),
        loss=losses if as_dict else list(losses.values()),
        loss_weights={"a": 1.0, "b": 0.5} if as_dict else [1.0, 0.5],
    )
    return built


@pytest.mark.parametrize("as_dict", [True, False])
def test_several_outputs(as_dict):
    other = Y[:, :2]
    y = {"a": Y, "b": other} if as_dict else [Y, other]
    half = np.full(1, 0.5)
    history = fit(two_outputs(as_dict), X, y, class_weight={"a": WEIGHTS}, verbose=0).history
    a, b = expected(Y, half, POSITIVE, 1), expected(other, half, 1, 1)
    assert history["loss"][0] == pytest.approx(a + 0.5 * b, rel=1e-5)
    assert history["a_loss"][0] == pytest.approx(a, rel=1e-5)
    assert history["b_loss"][0] == pytest.approx(b, rel=1e-5)
    with pytest.raises(InvalidInput, match="Did you mean 'a'|which has no loss"):
        fit(two_outputs(as_dict), X, y, class_weight={"c": WEIGHTS})
    weights = eq.LabelWeights.from_targets(Y)
    with pytest.raises(InvalidInput, match="needs class weights by output"):
        fit(two_outputs(as_dict), X, y, class_weight=weights)


def test_targets_with_a_time_axis():
    built = keras.Sequential(
        [
            keras.layers.Input((5, 4)),
            keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros"),
        ]
    )
    built.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
    x = np.zeros((6, 5, 4), dtype=np.float32)
    y = (RNG.random((6, 5, 3)) < 0.3).astype(np.float32)
    history = trained(built, x, y)
    assert history["loss"][0] == pytest.approx(expected(y, np.full(1, 0.5), POSITIVE, 1), rel=1e-5)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_model_is_left_compiled_as_it_was(jit_compile):
    if jit_compile and keras.backend.backend() == "torch":
        pytest.skip("torch.compile takes half a minute")
    optimizer = keras.optimizers.Adam(0.01)
    built = model(metrics=["binary_accuracy"], jit_compile=jit_compile)
    built.compile(
        optimizer=optimizer,
        loss="binary_crossentropy",
        metrics=["binary_accuracy"],
        jit_compile=jit_compile,
    )
    before = built.get_compile_config()
    plain = float(built.evaluate(X, Y, verbose=0)[0])
    history = trained(built, X, Y, epochs=3)
    assert set(history) == {"loss", "binary_accuracy"}
    assert history["loss"][0] > history["loss"][-1]
    assert built.optimizer is optimizer
    assert int(ops.convert_to_numpy(optimizer.iterations)) == 3
    assert built.get_compile_config() == before
    assert built.loss == "binary_crossentropy"
    again = built.fit(X, Y, epochs=1, verbose=0).history["loss"][0]
    assert again < 3 * plain  # unweighted again
    clone = keras.models.clone_model(built)
    assert type(clone) is type(built)


def test_the_model_is_restored_after_an_error():
    built = model()

    class Broken(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise KeyError("stop")

    with pytest.raises(KeyError):
        trained(built, X, Y, callbacks=[Broken()])
    plain = float(built.evaluate(X, Y, verbose=0))
    assert plain == pytest.approx(expected(Y, probabilities(), 1, 1), rel=1e-5)


def test_subclassed_models():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros")

        def call(self, x):
            return self.dense(x)

    built = Own()
    built.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
    history = trained(built, X, Y)
    assert history["loss"][0] == pytest.approx(expected(Y, np.full(1, 0.5), POSITIVE, 1), rel=1e-5)


def test_regularisation_is_still_part_of_the_loss():
    built = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(3, activation="sigmoid", kernel_regularizer="l2"),
        ]
    )
    built.set_weights([np.full((4, 3), 0.3), np.array([-1.0, 0.5, 0.0])])
    built.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
    penalty = 0.01 * 12 * 0.3**2
    asked = expected(Y, probabilities(), POSITIVE, 1) + penalty
    assert trained(built, X, Y)["loss"][0] == pytest.approx(asked, rel=1e-5)


def test_wrong_use_is_refused():
    uncompiled = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3)])
    with pytest.raises(InvalidInput, match="not compiled"):
        trained(uncompiled, X, Y)
    with pytest.raises(InvalidInput, match="no form with label weights.*mse.*Compile the model"):
        trained(model(loss="mse"), X, Y)
    with pytest.raises(InvalidInput, match="no entry for 1 of 3 labels"):
        fit(model(), X, Y, class_weight={0: 1.0, 1: 2.0})
    with pytest.raises(InvalidInput, match="2 label weights but the output has 3"):
        fit(model(), X, Y, class_weight=eq.LabelWeights.from_targets(Y[:, :2]))
    smoothed = keras.losses.BinaryFocalCrossentropy(label_smoothing=0.1)
    with pytest.raises(InvalidInput, match="focal loss of smoothed labels.*smoothing=0.1"):
        trained(model(loss=smoothed), X, Y)
    schedule = eq.callbacks.DeferredReweighting(eq.LabelWeights.from_targets(Y), 1)
    for callbacks in (schedule, [schedule], keras.callbacks.CallbackList([schedule])):
        with pytest.raises(InvalidInput, match="two sources of weights.*model.fit"):
            trained(model(), X, Y, callbacks=callbacks)
    weighted = WeightedBinaryCrossentropy(positive_weight=[1, 2, 3])
    with pytest.raises(InvalidInput, match="has label weights already"):
        trained(model(loss=weighted), X, Y)

    class Own(keras.Model):
        def compute_loss(self, *arguments, **options):
            return ops.zeros(())

    own = Own()
    own.compile(optimizer="sgd", loss="binary_crossentropy")
    with pytest.raises(InvalidInput, match="computes its loss by itself"):
        trained(own, X, Y)

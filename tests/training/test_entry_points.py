"""Every way into `fit`: what Keras makes of class_weight there, and what eq.fit makes of it.

The Keras half of each test is there to fail when a new Keras version behaves otherwise.
"""

import keras
import numpy as np
import pytest

import equipoise as eq
from equipoise._errors import InvalidInput

pytestmark = pytest.mark.keras

ASKED = {0: 1.0, 1: 10.0, 2: 5.0}
Y = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=np.float32)
X = np.zeros((4, 2), dtype=np.float32)
LOG2 = float(np.log(2))  # what each cell costs a model that says 0.5

PLAIN = 1.0
KERAS = (1 + 10 + 1 + 1) / 4  # row weights 1, 10, 1, 1
OURS = (1 + 10 + (1 + 5) + 8) / 12  # weights on the three positives' cells, 1 on eight negatives


def model(**compile_arguments):
    built = keras.Sequential(
        [
            keras.layers.Input((2,)),
            keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros"),
        ]
    )
    options = {"loss": "binary_crossentropy"} | compile_arguments
    built.compile(optimizer=keras.optimizers.SGD(0.0), **options)
    return built


def keras_loss(x, y=None, built=None, **options):
    history = (built or model()).fit(x, y, class_weight=ASKED, verbose=0, **options).history
    return history["loss"][0] / LOG2


def our_loss(x, y=None, built=None, weights=ASKED, **options):
    history = eq.fit(built or model(), x, y, class_weight=weights, verbose=0, **options).history
    return history["loss"][0] / LOG2


class Rows(keras.utils.PyDataset):
    def __init__(self, y=Y):
        super().__init__()
        self.y = y

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return X, self.y


def generator():
    while True:
        yield X, Y


def test_arrays():
    assert keras_loss(X, Y) == pytest.approx(KERAS, rel=1e-5)
    assert our_loss(X, Y) == pytest.approx(OURS, rel=1e-5)


def test_tensors():
    x, y = keras.ops.convert_to_tensor(X), keras.ops.convert_to_tensor(Y)
    assert keras_loss(x, y) == pytest.approx(KERAS, rel=1e-5)
    assert our_loss(x, y) == pytest.approx(OURS, rel=1e-5)


def test_py_dataset():
    assert keras_loss(Rows()) == pytest.approx(KERAS, rel=1e-5)
    assert our_loss(Rows()) == pytest.approx(OURS, rel=1e-5)


def test_tf_data():
    if keras.backend.backend() != "tensorflow":
        pytest.skip("importing TensorFlow beside another backend takes longer than the test")
    import tensorflow as tf

    rows = tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)
    assert keras_loss(rows, shuffle=False) == pytest.approx(KERAS, rel=1e-5)
    assert our_loss(rows, shuffle=False) == pytest.approx(OURS, rel=1e-5)


def test_train_on_batch():
    loss = float(model().train_on_batch(X, Y, class_weight=ASKED))
    assert loss / LOG2 == pytest.approx(KERAS, rel=1e-5)


def test_torch_data_loader():
    torch = pytest.importorskip("torch")
    rows = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(Y))
    loader = torch.utils.data.DataLoader(rows, batch_size=4)
    with pytest.raises(ValueError, match="class_weight"):
        keras_loss(loader, shuffle=False)
    assert our_loss(loader, shuffle=False) == pytest.approx(OURS, rel=1e-5)


def test_generator():
    with pytest.raises(ValueError, match="class_weight"):
        keras_loss(generator(), steps_per_epoch=1, shuffle=False)
    assert our_loss(generator(), steps_per_epoch=1, shuffle=False) == pytest.approx(OURS, rel=1e-5)


def test_grain():
    grain = pytest.importorskip("grain")
    source = grain.MapDataset.source(list(zip(X, Y, strict=True))).batch(4)
    rows = source.repeat().to_iter_dataset()
    with pytest.raises(ValueError, match="class_weight"):
        keras_loss(rows, steps_per_epoch=1, shuffle=False)
    assert our_loss(rows, steps_per_epoch=1, shuffle=False) == pytest.approx(OURS, rel=1e-5)


def two_outputs(as_dict):
    inputs = keras.layers.Input((2,))
    a, b = (
        keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros", name=name)(inputs)
        for name in "ab"
    )
    built = keras.Model(inputs, {"a": a, "b": b} if as_dict else [a, b])
    losses = {"a": "binary_crossentropy", "b": "binary_crossentropy"}
    built.compile(
        optimizer=keras.optimizers.SGD(0.0), loss=losses if as_dict else list(losses.values())
    )
    return built


@pytest.mark.parametrize("as_dict", [True, False])
@pytest.mark.parametrize("as_dataset", [True, False])
def test_several_outputs(as_dict, as_dataset):
    y = {"a": Y, "b": Y} if as_dict else [Y, Y]
    if as_dataset:
        with pytest.raises((IndexError, TypeError)):
            keras_loss(Rows(y), built=two_outputs(as_dict))
        data = (Rows(tuple(y) if isinstance(y, list) else y),)
    else:
        with pytest.raises(ValueError, match="single"):
            keras_loss(X, y, built=two_outputs(as_dict))
        data = (X, y)
    both = {"a": ASKED, "b": ASKED}
    assert our_loss(*data, built=two_outputs(as_dict), weights=both) == pytest.approx(
        2 * OURS, rel=1e-5
    )


def test_targets_of_three_axes():
    built = keras.Sequential(
        [
            keras.layers.Input((4, 2)),
            keras.layers.Dense(3, activation="sigmoid", kernel_initializer="zeros"),
        ]
    )
    built.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
    x, y = X[None], Y[None]
    with pytest.raises(TypeError):
        keras_loss(x, y, built=built)
    assert our_loss(x, y, built=built) == pytest.approx(OURS, rel=1e-5)


def test_validation_data():
    history = model().fit(X, Y, class_weight=ASKED, validation_data=(X, Y), verbose=0).history
    assert history["loss"][0] / LOG2 == pytest.approx(KERAS, rel=1e-5)
    assert history["val_loss"][0] / LOG2 == pytest.approx(PLAIN, rel=1e-5)
    for alike, expected in ((False, PLAIN), (True, OURS)):
        ours = eq.fit(
            model(),
            X,
            Y,
            class_weight=ASKED,
            validation_data=(X, Y),
            weight_validation=alike,
            verbose=0,
        ).history
        assert ours["val_loss"][0] / LOG2 == pytest.approx(expected, rel=1e-5)


def test_evaluate():
    with pytest.raises((ValueError, TypeError), match="class_weight"):
        model().evaluate(X, Y, class_weight=ASKED, verbose=0)


def test_weighted_metrics():
    metric = keras.metrics.BinaryCrossentropy(name="bce")
    built = model(weighted_metrics=[metric])
    history = built.fit(X, Y, class_weight=ASKED, validation_data=(X, Y), verbose=0).history
    keras_training, keras_validation = history["bce"][0] / LOG2, history["val_bce"][0] / LOG2
    assert keras_validation == pytest.approx(PLAIN, rel=1e-5)
    # A weighted mean of equal cells does not show the weights; that they are there, the loss does.
    assert keras_training == pytest.approx(PLAIN, rel=1e-5)
    ours = eq.fit(built, X, Y, class_weight=ASKED, verbose=0).history
    assert ours["bce"][0] / LOG2 == pytest.approx(PLAIN, rel=1e-5)


def test_together_with_sample_weights():
    rows = np.array([2.0, 0.0, 1.0, 1.0], dtype=np.float32)
    with pytest.raises(ValueError, match="class_weight"):
        keras_loss(X, Y, sample_weight=rows)
    cells = np.where(Y == 1, np.array([1, 10, 5]), 1) * rows[:, None]
    assert our_loss(X, Y, sample_weight=rows) == pytest.approx(cells.mean(), rel=1e-5)


@pytest.mark.parametrize("weights", [{}, {1: 10.0}, {"a": 2.0}])
def test_missing_classes(weights):
    history = model().fit(X, Y, class_weight=weights, verbose=0).history
    silently = (3 + weights.get(1, 1.0)) / 4
    assert history["loss"][0] / LOG2 == pytest.approx(silently, rel=1e-5)
    with pytest.raises(InvalidInput, match="no entry for|names the label 'a'"):
        our_loss(X, Y, weights=weights)


def test_negative_weights():
    history = model().fit(X, Y, class_weight={0: -1.0, 1: 1.0, 2: 1.0}, verbose=0).history
    assert history["loss"][0] < 0
    with pytest.raises(InvalidInput, match="must be a number"):
        our_loss(X, Y, weights={0: -1.0, 1: 1.0, 2: 1.0})


def test_soft_labels():
    soft = np.array([[0.4, 0.6, 0.0]] * 4, dtype=np.float32)
    assert keras_loss(X, soft) == pytest.approx(10.0, rel=1e-5)  # the argmax takes it all
    expected = (0.4 * 1 + 0.6 + 0.6 * 10 + 0.4 + 1) / 3
    assert our_loss(X, soft) == pytest.approx(expected, rel=1e-5)


def test_unknown_labels():
    y = Y.copy()
    y[3, 1] = np.nan
    if keras.backend.backend() == "torch":
        with pytest.raises(RuntimeError):
            keras_loss(X, y)
    else:
        assert np.isnan(keras_loss(X, y))
    assert our_loss(X, y) == pytest.approx((OURS * 12 - 1) / 12, rel=1e-5)


def test_minus_one_labels():
    y = Y.copy()
    y[3, 1] = -1
    if keras.backend.backend() == "torch":
        with pytest.raises(RuntimeError):
            keras_loss(X, y)
    else:
        # Silently trained on, as a cell that costs what it should not.
        assert np.isfinite(keras_loss(X, y))
    assert our_loss(X, y) == pytest.approx((OURS * 12 - 1) / 12, rel=1e-5)


def test_the_order_of_the_labels():
    flipped = {2 - i: w for i, w in ASKED.items()}
    turned = model().fit(X, Y[:, ::-1], class_weight=flipped, verbose=0).history["loss"][0] / LOG2
    assert turned == pytest.approx((1 + 10 + 5 + 5) / 4, rel=1e-5)
    assert turned != pytest.approx(KERAS)
    ours = our_loss(X, Y[:, ::-1].copy(), weights=flipped)
    assert ours == pytest.approx(OURS, rel=1e-5)

import keras
import numpy as np
import pytest
from keras import ops

from equipoise._errors import InvalidInput
from equipoise.layers import WeightedClassification

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
Z = RNG.normal(size=(12, 3)).astype(np.float32)
T = np.eye(3, dtype=np.float32)[RNG.integers(3, size=12)]
W = np.array([1.0, 5.0, 2.0])


def added(layer, *arguments, **options):
    layer(*arguments, **options)
    return float(ops.convert_to_numpy(layer.losses[0]))


def minus_log_p():
    return np.log(np.exp(Z).sum(axis=1, keepdims=True)) - Z


def test_weights_of_one_are_keras_crossentropy():
    peer = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = float(peer(T, Z))
    for divide_by in ("rows", "weights"):
        layer = WeightedClassification(3, divide_by=divide_by)
        assert added(layer, Z, T) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("divide_by", "expected"),
    [
        ("rows", (W * T * minus_log_p()).sum() / 12),
        ("weights", (W * T * minus_log_p()).sum() / (W * T).sum()),
        ("labels", np.mean((W * T * minus_log_p()).sum(axis=0) / T.sum(axis=0))),
    ],
)
def test_each_normalisation(divide_by, expected):
    layer = WeightedClassification(3, W, divide_by=divide_by)
    assert added(layer, Z, T) == pytest.approx(expected, rel=1e-5)


def test_keras_own_class_weight_is_right_for_one_hot_rows():
    softmax = keras.layers.Dense(3, activation="softmax", kernel_initializer="identity")
    model = keras.Sequential([keras.layers.Input((3,)), softmax])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="categorical_crossentropy")
    history = model.fit(Z, T, class_weight=dict(enumerate(W)), verbose=0, batch_size=12)
    assert added(WeightedClassification(3, W), Z, T) == pytest.approx(
        history.history["loss"][0], rel=1e-5
    )


def test_rows_weights_unknown_targets_and_missing_classes():
    rows = RNG.random(12)
    expected = (rows[:, None] * W * T * minus_log_p()).sum() / 12
    layer = WeightedClassification(3, W)
    assert added(layer, Z, T, sample_weight=rows) == pytest.approx(expected, rel=1e-5)
    unknown = T.copy()
    unknown[0] = np.nan
    expected = (W * T * minus_log_p())[1:].sum() / 12
    assert added(WeightedClassification(3, W), Z, unknown) == pytest.approx(expected, rel=1e-5)
    only = np.tile([1.0, 0.0, 0.0], (12, 1))
    for divide_by in ("rows", "weights", "labels"):
        assert np.isfinite(added(WeightedClassification(3, W, divide_by=divide_by), Z, only))
    extreme = np.array([[1e4, -1e4, 0.0]], dtype=np.float32)
    assert np.isfinite(added(WeightedClassification(3, W), extreme, np.eye(3)[[1]]))


def test_weights_of_mean_one():
    layer = WeightedClassification(3, W, mean_one=True)
    assert ops.convert_to_numpy(layer.class_weight).mean() == pytest.approx(1)
    again = WeightedClassification.from_config(layer.get_config())
    np.testing.assert_allclose(
        ops.convert_to_numpy(again.class_weight), ops.convert_to_numpy(layer.class_weight)
    )


def endpoint_model():
    x, t = keras.layers.Input((4,), name="x"), keras.layers.Input((3,), name="t")
    logits = keras.layers.Dense(3, kernel_initializer="zeros")(x)
    return keras.Model([x, t], WeightedClassification(3, W, name="end")(logits, t))


def test_fit_save_and_change_the_weights(tmp_path):
    model = endpoint_model()
    model.compile(optimizer=keras.optimizers.SGD(0.0))
    x = np.zeros((12, 4), dtype=np.float32)
    loss = model.fit([x, T], verbose=0, batch_size=12).history["loss"][0]
    assert loss == pytest.approx((W * T).sum() / 12 * np.log(3), rel=1e-5)
    model.get_layer("end").set_class_weight([1.0, 1.0, 1.0])
    loss = model.fit([x, T], verbose=0, batch_size=12).history["loss"][0]
    assert loss == pytest.approx(np.log(3), rel=1e-5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    kept = ops.convert_to_numpy(again.get_layer("end").class_weight)
    np.testing.assert_array_equal(kept, [1, 1, 1])
    np.testing.assert_allclose(again.predict([x, T], verbose=0), 1 / 3, rtol=1e-6)


def test_wrong_weights_are_refused():
    for weights in ([1.0, 2.0], [1.0, -1.0, 1.0], [0.0, 0.0, 0.0], [1.0, np.nan, 1.0]):
        with pytest.raises(InvalidInput, match="must hold 3 finite weights"):
            WeightedClassification(3, weights)
    layer = WeightedClassification(3)
    with pytest.raises(InvalidInput, match="must hold 3 finite weights"):
        layer.set_class_weight([1.0])
    with pytest.raises(InvalidInput, match="`divide_by` must be one of"):
        WeightedClassification(3, divide_by="batch")
    with pytest.raises(InvalidInput, match="`n_classes`"):
        WeightedClassification(1)

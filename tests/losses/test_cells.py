import keras
import numpy as np
import pytest
from keras import ops
from loss_helpers import (
    BACKEND,
    batch,
    cells_of,
    crossentropy,
    data,
    model_of,
    number,
    reference_cells,
    reference_gradients,
    value_and_grad,
)

from equipoise._errors import InvalidInput
from equipoise.losses import WeightedBinaryCrossentropy

pytestmark = pytest.mark.keras

SHAPE = (4, 3)


# ------------------------------------------------------------------------------------ shapes


@pytest.mark.parametrize(
    ("cells", "weights"),
    [
        ((4, 3), (4,)),
        ((4, 3), (4, 1)),
        ((4, 3), (4, 3)),
        ((3, 3), (3,)),  # as many rows as labels: still one weight per row
        ((3, 3), (3, 1)),
        ((3, 3), (3, 3)),
        ((1, 3), (1,)),
        ((4, 1), (4,)),
        ((4, 3), ()),
        ((4, 5, 3), (4,)),
        ((4, 5, 3), (4, 5)),
        ((4, 5, 3), (4, 5, 1)),
        ((4, 5, 3), (4, 1, 1)),
        ((4, 5, 3), (4, 5, 3)),
        ((4, 5, 3), (4, 1, 3)),
        ((3, 3, 3), (3,)),
        ((3, 3, 3), (3, 3)),
        ((2, 3, 4, 5), (2, 3)),
    ],
)
def test_sample_weights_line_up_with_the_leading_axes(cells, weights):
    y, z = data(cells)
    weight = np.random.default_rng(1).random(weights).astype("float32")
    aligned = weight.reshape(weights + (1,) * (len(cells) - len(weights)))
    loss = crossentropy("none")
    np.testing.assert_allclose(
        cells_of(loss, y, z, weight), reference_cells(y, z) * aligned, rtol=1e-5
    )
    # The divisor of the weighted mean is the sum over cells, however the weights were given.
    wanted = np.average(reference_cells(y, z), weights=np.broadcast_to(aligned, cells))
    assert number(crossentropy("mean_with_sample_weight")(y, z, weight)) == pytest.approx(
        wanted, rel=1e-5
    )


@pytest.mark.parametrize(
    ("cells", "weights", "remedy"),
    [
        ((4, 3), (3,), "label_weight of the loss"),
        ((4, 3), (1, 3), "one value per row"),
        ((4, 3), (1,), "one value per row"),
        ((4, 3), (4, 2), "one value per row"),
        ((4, 3), (4, 3, 1), "one value per row"),
        ((4, 5, 3), (5,), "one value per row"),
        ((4, 5, 3), (3,), "label_weight of the loss"),
        ((4, 5, 3), (4, 3), "one value per row"),
        ((4, 5, 3), (5, 3), "one value per row"),
    ],
)
def test_sample_weights_of_other_shapes_are_refused(cells, weights, remedy):
    y, z = data(cells)
    message = f"`sample_weight` does not fit.*sample_weight.shape=.*y.shape=.*{remedy}"
    with pytest.raises(InvalidInput, match=message):
        crossentropy()(y, z, np.ones(weights))


@pytest.mark.parametrize(
    ("y_shape", "z_shape"), [((4,), (4, 1)), ((4, 1), (4, 1)), ((4, 5), (4, 5, 1))]
)
def test_a_single_label_may_lack_its_axis(y_shape, z_shape):
    y, z = data(z_shape)
    cells = cells_of(crossentropy("none"), y.reshape(y_shape), z)
    np.testing.assert_allclose(cells, reference_cells(y, z), rtol=1e-5)


@pytest.mark.parametrize(
    ("y_shape", "z_shape", "message"),
    [
        ((4,), (4, 3), r"same shape.*y.shape=\(4,\), y_pred.shape=\(4, 3\).*to_categorical"),
        ((3,), (3, 3), "same shape"),
        ((4, 1), (4, 3), "same shape"),
        ((1, 3), (4, 3), "same shape"),
        ((4, 3), (4, 1), "same shape"),
        ((4, 3), (4, 5, 3), "same shape"),
        ((4,), (4,), r"a row axis and, last, a label axis.*y_pred.shape=\(4,\)"),
        ((), (), "a row axis"),
    ],
)
def test_labels_of_another_shape_are_refused(loss_class, y_shape, z_shape, message):
    with pytest.raises(InvalidInput, match=message):
        loss_class(from_logits=True)(np.ones(y_shape), np.ones(z_shape, dtype="float32"))


@pytest.mark.parametrize(
    "make",
    [
        lambda y: y.astype(bool),
        lambda y: y.astype("int8"),
        lambda y: y.astype("float64"),
        lambda y: y.tolist(),
        ops.convert_to_tensor,
    ],
)
def test_labels_of_any_type_are_read(make):
    y, z = data(SHAPE)
    np.testing.assert_allclose(
        cells_of(crossentropy("none"), make(y), z), reference_cells(y, z), rtol=1e-5
    )


class MaskOf(keras.layers.Layer):
    """Puts a given Keras mask on its input."""

    def __init__(self, mask):
        super().__init__()
        self.mask = mask

    def call(self, x):
        return x * 1.0

    def compute_mask(self, x, mask=None):
        return ops.convert_to_tensor(self.mask)


@pytest.mark.parametrize(
    ("cells", "mask"),
    [
        ((4, 3), (4,)),
        ((3, 3), (3,)),
        ((1, 3), (1,)),
        ((4, 3), (4, 3)),
        ((4, 5, 3), (4, 5)),
        ((4, 5, 3), (4, 5, 3)),
    ],
)
def test_a_keras_mask_makes_cells_unknown(cells, mask):
    y, z = data(cells)
    kept = np.random.default_rng(3).random(mask) < 0.5
    kept.flat[0] = False
    hidden = np.where(kept.reshape(mask + (1,) * (len(cells) - len(mask))), y, np.nan)

    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        loss = crossentropy(reduction)
        masked = value_and_grad(loss, y, z, activation=MaskOf(kept))
        cells_unknown = value_and_grad(loss, hidden, z)
        assert masked[0] == pytest.approx(cells_unknown[0], rel=1e-5)
        np.testing.assert_allclose(masked[1], cells_unknown[1], rtol=1e-5)
    p = MaskOf(kept)(ops.sigmoid(z))
    assert number(WeightedBinaryCrossentropy()(y, p)) == pytest.approx(
        number(crossentropy()(hidden, z)), rel=1e-5
    )


def test_padded_time_steps_are_masked_while_fitting():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 5, 4)).astype("float32")
    x[:, 3:] = 0.0
    y = (rng.random((6, 5, 3)) < 0.4).astype("float32")
    inputs = keras.Input((5, 4))
    outputs = keras.layers.Dense(3)(keras.layers.Masking()(inputs))
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    z = ops.convert_to_numpy(model(x))
    wanted = reference_cells(y, z)[:, :3].sum() / y.size  # by all cells, masked or not
    assert model.fit(x, y, batch_size=6, verbose=0).history["loss"][0] == pytest.approx(
        wanted, rel=1e-5
    )


# --------------------------------------------------------------------------------- precision


@pytest.mark.parametrize("half", ["bfloat16", "float16"])
@pytest.mark.parametrize("policy", [None, "mixed_float16", "float16", "float32"])
def test_cells_are_float32_whatever_the_policy(loss_class, half, policy):
    y, z = data(SHAPE)
    rounded = ops.cast(z, half)
    loss = loss_class(from_logits=True, reduction="none", dtype=policy)
    cells = loss(y, rounded)
    assert keras.utils.standardize_dtype(cells.dtype) == "float32"
    as_float32 = cells_of(loss, y, ops.convert_to_numpy(ops.cast(rounded, "float32")))
    np.testing.assert_allclose(ops.convert_to_numpy(cells), as_float32, rtol=1e-6)


@pytest.mark.skipif(BACKEND == "jax", reason="JAX has no float64 unless it is switched on")
def test_float64_on_demand():
    y, z = data(SHAPE)
    y[0, 0] = np.nan
    loss = crossentropy("none", dtype="float64", positive_weight=[1.1, 2.2, 3.3])
    np.testing.assert_allclose(
        cells_of(loss, y, z.astype("float64")), reference_cells(y, z, [1.1, 2.2, 3.3]), rtol=1e-8
    )
    assert WeightedBinaryCrossentropy.from_config(loss.get_config()).dtype == "float64"


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_fit_under_mixed_precision(policy, activation):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        x, y = batch(n_rows=16)
        y[0] = np.nan
        model = model_of(3, activation)
        loss = WeightedBinaryCrossentropy(
            positive_weight=[10.0, 1.0, 100.0], from_logits=activation is None
        )
        model.compile(keras.optimizers.Adam(0.02), loss=loss)
        history = model.fit(100 * x, y, epochs=25, batch_size=16, verbose=0).history["loss"]
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(history).all()
    assert history[-1] < history[0]
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("weight", [1.0, 1e-3, 1e4])
def test_probabilities_are_turned_back_into_logits(weight):
    loss = WeightedBinaryCrossentropy(positive_weight=[weight], reduction="sum")
    lowest = -70.0 if weight > 1 else -80.0  # 1 / p times the weight must not overflow
    z = np.array([[lowest], [-30.0], [-17.0], [-3.0], [0.0], [3.0]], dtype="float32")
    for target in (0.0, 1.0, 0.25):
        y = np.full_like(z, target)
        value, gradient = value_and_grad(loss, y, z, activation=keras.activations.sigmoid)
        assert value == pytest.approx(reference_cells(y, z, weight).sum(), rel=1e-5)
        wanted = reference_gradients(y, z, weight)
        np.testing.assert_allclose(gradient, wanted, rtol=2e-5, atol=1e-7)


@pytest.mark.parametrize("far", [17.0, 30.0, 1e4])
def test_a_confident_mistake_keeps_its_gradient_where_keras_keeps_the_logits(far):
    if BACKEND == "jax":
        pytest.skip("JAX tensors carry no logits; float32 cannot tell the sigmoid of 18 from 1")
    loss = WeightedBinaryCrossentropy(reduction="sum")
    y, z = np.zeros((1, 1)), np.full((1, 1), far, dtype="float32")
    value, gradient = value_and_grad(loss, y, z, activation=keras.activations.sigmoid)
    assert value == pytest.approx(far, rel=1e-6)
    assert gradient[0, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("activation", [ops.sigmoid, keras.activations.sigmoid])
def test_probabilities_at_their_limits_are_finite(dtype, activation):
    z = ops.cast([[-1e4, -88.0, -80.0, -20.0, 0.0, 17.0, 20.0, 1e4]] * 4, dtype)
    y = np.repeat([[0.0], [0.5], [1.0], [np.nan]], 8, axis=1)
    for weight in (1.0, 1e4):
        loss = WeightedBinaryCrossentropy(positive_weight=[weight] * 8)
        value, gradient = value_and_grad(loss, y, z, activation=activation)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


def test_probabilities_of_a_softmax_are_taken_as_they_are():
    y, z = data(SHAPE)
    p = ops.convert_to_numpy(ops.softmax(z)).astype(np.float64)
    wanted = reference_cells(y, np.log(p) - np.log1p(-p)).mean()
    loss = WeightedBinaryCrossentropy()
    value, _ = value_and_grad(loss, y, z, activation=keras.activations.softmax)
    assert value == pytest.approx(wanted, rel=1e-5)
    assert number(loss(y, keras.activations.softmax(ops.convert_to_tensor(z)))) == pytest.approx(
        wanted, rel=1e-5
    )
    x, y = batch()
    model = model_of(3, "softmax")
    model.compile(keras.optimizers.SGD(0.0), loss=loss)
    fitted = model.fit(x, y, batch_size=12, verbose=0).history["loss"][0]
    assert fitted == pytest.approx(number(loss(y, ops.convert_to_numpy(model(x)))), rel=1e-5)


# ------------------------------------------------------------------------- unknown shapes


@pytest.mark.parametrize("n_labels", [1, 3, 12])
def test_one_model_is_fitted_with_weights_of_several_shapes(n_labels):
    # TensorFlow forgets the rank of an argument that came with two of them.
    x, y = batch(n_labels=n_labels)
    model = model_of(n_labels)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    cells = reference_cells(y, ops.convert_to_numpy(model(x)))
    for shape in [(12,), (12, 1), (12, n_labels), (12,)]:
        weight = np.random.default_rng(2).random(shape).astype("float32")
        fitted = model.fit(x, y, sample_weight=weight, batch_size=12, verbose=0)
        wanted = (cells * weight.reshape(12, -1)).mean()
        assert fitted.history["loss"][0] == pytest.approx(wanted, rel=1e-5)


def test_one_sequence_model_is_fitted_with_weights_of_several_shapes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 5, 4)).astype("float32")
    y = (rng.random((4, 5, 3)) < 0.4).astype("float32")
    model = keras.Sequential([keras.Input((5, 4)), keras.layers.Dense(3)])
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    cells = reference_cells(y, ops.convert_to_numpy(model(x)))
    for shape in [(4,), (4, 5), (4, 5, 3), (4, 5, 1)]:
        weight = rng.random(shape).astype("float32")
        fitted = model.fit(x, y, sample_weight=weight, batch_size=4, verbose=0)
        wanted = (cells * weight.reshape(shape + (1,) * (3 - len(shape)))).mean()
        assert fitted.history["loss"][0] == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has unknown shapes")
@pytest.mark.parametrize("jit_compile", [True, False])
def test_tensorflow_graphs_of_unknown_shape(jit_compile):
    import tensorflow as tf

    loss = crossentropy(positive_weight=[2.0, 1.0, 3.0])
    y, z = data(SHAPE)
    weight = np.arange(4, dtype="float32")
    wanted = (reference_cells(y, z, [2.0, 1.0, 3.0]) * weight[:, None]).mean()
    for y_spec, z_spec, w_spec in [
        ([None, None], [None, None], [None]),
        ([None, 3], [None, 3], None),
        (None, [None, 3], None),
        (None, [4, 3], [None, None]),
    ]:
        given_weight = weight[:, None] if w_spec == [None, None] else weight
        graph = tf.function(
            loss.__call__,
            jit_compile=jit_compile,
            input_signature=[tf.TensorSpec(spec, tf.float32) for spec in (y_spec, z_spec, w_spec)],
        )
        assert number(graph(y, z, given_weight)) == pytest.approx(wanted, rel=1e-5)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has unknown shapes")
def test_tensorflow_graphs_refuse_to_broadcast_when_they_run():
    import tensorflow as tf

    y, z = data(SHAPE)
    unknown = [tf.TensorSpec([None, None], tf.float32)] * 3
    graph = tf.function(crossentropy().__call__, input_signature=unknown)
    for labels, weight in [(y[:, :1], y), (y[:1], y), (y, y[:1]), (y, y[:, :2])]:
        with pytest.raises(tf.errors.InvalidArgumentError):
            graph(labels, z, weight)
    one_weight = tf.function(crossentropy(label_weight=[2.0]).__call__, input_signature=unknown)
    with pytest.raises(tf.errors.InvalidArgumentError):
        one_weight(y, z, y)

import copy
import json
import pickle

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from loss_helpers import (
    batch,
    cells_of,
    model_of,
    number,
    reference_cells,
    reference_gradients,
    value_and_grad,
)
from scipy import sparse

from equipoise import LabelWeights
from equipoise._errors import InvalidInput, Undefined
from equipoise.losses import CellwiseLoss, WeightedBinaryCrossentropy

BACKEND = keras.backend.backend()


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


SHAPE = (4, 3)
few = settings(max_examples=10, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan, -1.0]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-5, 5, width=32))
counts = hnp.arrays(np.int64, SHAPE, elements=st.integers(0, 3))


@pytest.fixture(params=[WeightedBinaryCrossentropy, Exponential], ids=lambda c: c.__name__)
def loss_class(request):
    return request.param


def crossentropy(reduction="sum_over_batch_size", **options):
    return WeightedBinaryCrossentropy(from_logits=True, reduction=reduction, **options)


def data(shape, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=shape).astype("float32")
    return (rng.random(shape) < 0.4).astype("float32"), z


# ------------------------------------------------------------------------------- the formula


@few
@given(labels, logits)
def test_a_subclass_writes_two_formulas(y, z):
    loss = Exponential(
        slope=[1.0, 2.0, 0.5],
        positive_weight=[2.0, 3.0, 4.0],
        label_weight=[1.0, 0.5, 1.0],
        from_logits=True,
        reduction="none",
    )
    slope, positive = np.array([1.0, 2.0, 0.5]), np.array([2.0, 1.5, 4.0])
    negative = np.array([1.0, 0.5, 1.0])
    known = y >= 0
    y_known = np.where(known, y, 0.0)
    wanted = y_known * positive * np.exp(-slope * z) + (1 - y_known) * negative * np.exp(slope * z)
    np.testing.assert_allclose(cells_of(loss, y, z), np.where(known, wanted, 0), rtol=1e-5)


def test_all_numbers_per_label_can_be_picked_by_position():
    loss = Exponential(slope=[1.0, 2.0, 0.5], positive_weight=[2.0, 3.0, 4.0], from_logits=True)
    y, z = data((5, 3))
    position = [2, 0]
    p = {
        name: ops.convert_to_tensor(values[position], dtype="float32")
        for name, values in loss.label_parameters.items()
    }
    picked = loss.cell_losses(
        ops.convert_to_tensor(y[:, position]), ops.convert_to_tensor(z[:, position]), p
    )
    whole = ops.convert_to_numpy(loss.call(y, z))[:, position]
    np.testing.assert_allclose(ops.convert_to_numpy(picked), whole, rtol=1e-6)


# ---------------------------------------------------------------- unknown labels, reductions


@few
@given(labels, logits)
def test_the_sum_over_known_cells_is_the_sum_without_the_unknown(y, z):
    known = y >= 0
    for loss in (crossentropy("sum"), Exponential(from_logits=True, reduction="sum")):
        value, gradient = value_and_grad(loss, y, z)
        dropped = 0.0
        for row in range(len(y)):
            for label in np.flatnonzero(known[row]):
                single = type(loss)(
                    from_logits=True,
                    reduction="sum",
                    **({"slope": [1.0]} if isinstance(loss, Exponential) else {}),
                )
                dropped += number(single(y[row : row + 1, [label]], z[row : row + 1, [label]]))
        assert value == pytest.approx(dropped, rel=1e-5, abs=1e-6)
        assert np.isfinite(gradient).all()
        assert (gradient[~known] == 0).all()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
@pytest.mark.parametrize("unknown", [np.nan, -1.0])
def test_a_batch_of_which_nothing_is_known_costs_nothing(loss_class, reduction, unknown):
    loss = loss_class(from_logits=True, reduction=reduction)
    value, gradient = value_and_grad(loss, np.full(SHAPE, unknown), data(SHAPE)[1])
    assert value == 0.0
    assert (gradient == 0).all()


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight", "sum"])
def test_an_empty_batch_costs_nothing(loss_class, reduction):
    loss = loss_class(from_logits=True, reduction=reduction)
    assert number(loss(np.zeros((0, 3)), np.zeros((0, 3), dtype="float32"))) == 0.0


@few
@given(labels, logits, counts)
def test_reductions(y, z, weight):
    cells, known = reference_cells(y, z), y >= 0
    total = (cells * weight).sum()
    over_known = total / max((weight * known).sum(), 1)
    weight = weight.astype("float32")
    for reduction, wanted in [
        ("sum", total),
        ("sum_over_batch_size", total / cells.size),
        ("mean", total / cells.size),
        ("mean_with_sample_weight", over_known),
    ]:
        value = number(crossentropy(reduction)(y, z, weight))
        assert value == pytest.approx(wanted, rel=1e-5, abs=1e-6)
    for reduction in ("none", None):
        np.testing.assert_allclose(
            cells_of(crossentropy(reduction), y, z, weight), cells * weight, rtol=1e-5
        )


def test_the_mean_over_known_cells_without_sample_weights():
    y, z = data(SHAPE)
    y[0, 1] = y[2, 2] = np.nan
    value = number(crossentropy("mean_with_sample_weight")(y, z))
    assert value == pytest.approx(reference_cells(y, z)[y >= 0].mean(), rel=1e-6)


def test_batches_add_up():
    y, z = data((6, 3))
    y[:2] = np.nan  # unevenly known
    whole = number(crossentropy()(y, z))
    parts = [number(crossentropy()(y[rows], z[rows])) for rows in (slice(0, 2), slice(2, 6))]
    assert whole == pytest.approx((2 * parts[0] + 4 * parts[1]) / 6, rel=1e-6)


@few
@given(labels, logits, hnp.arrays(np.int64, SHAPE[0], elements=st.integers(0, 3)))
def test_a_row_of_weight_w_counts_w_times(y, z, times):
    loss = crossentropy("sum")
    rows = np.repeat(np.arange(len(y)), times)
    repeated = number(loss(y[rows], z[rows])) if len(rows) else 0.0
    assert number(loss(y, z, times)) == pytest.approx(repeated, rel=1e-5, abs=1e-6)


def test_call_returns_cells_for_users_of_the_keras_base_class(loss_class):
    y, z = data(SHAPE)
    loss = loss_class(from_logits=True)
    cells = ops.convert_to_numpy(loss.call(y, z))
    assert cells.shape == SHAPE
    assert cells.mean() == pytest.approx(number(loss(y, z)), rel=1e-6)


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
@pytest.mark.parametrize("from_logits", [True, False])
def test_a_keras_mask_makes_cells_unknown(cells, mask, from_logits):
    y, z = data(cells)
    kept = np.random.default_rng(3).random(mask) < 0.5
    kept.flat[0] = False
    hidden = np.where(kept.reshape(mask + (1,) * (len(cells) - len(mask))), y, np.nan)

    def y_pred(logit):
        p = logit if from_logits else keras.activations.sigmoid(logit)
        return MaskOf(kept)(p)

    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        loss = WeightedBinaryCrossentropy(from_logits=from_logits, reduction=reduction)
        masked = value_and_grad(loss, y, z, activation=y_pred)
        cells_unknown = value_and_grad(crossentropy(reduction), hidden, z)
        assert masked[0] == pytest.approx(cells_unknown[0], rel=1e-5)
        np.testing.assert_allclose(masked[1], cells_unknown[1], rtol=1e-4, atol=1e-7)


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
    for y in (np.zeros_like(z), np.ones_like(z), np.full_like(z, 0.25)):
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
@pytest.mark.parametrize("weight", [1.0, 1e4])
def test_probabilities_at_their_limits_are_finite(dtype, activation, weight):
    z = ops.cast([[-1e4, -88.0, -80.0, -20.0, 0.0, 17.0, 20.0, 1e4]], dtype)
    loss = WeightedBinaryCrossentropy(positive_weight=[weight] * 8)
    for y in (0.0, 0.5, 1.0, np.nan):
        value, gradient = value_and_grad(loss, np.full((1, 8), y), z, activation=activation)
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


# ------------------------------------------------------------------------------- Keras' fit


def test_fit_with_sparse_labels():
    x, y = batch()
    model = model_of(3)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    dense = model.fit(x, y, batch_size=12, verbose=0).history["loss"]
    fitted = model.fit(x, sparse.csr_array(y), batch_size=12, verbose=0).history["loss"]
    assert fitted == pytest.approx(dense, rel=1e-6)


def test_fit_one_label_given_without_its_axis():
    x, y = batch(n_labels=1)
    model = model_of(1)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy())
    column = model.fit(x, y, batch_size=12, verbose=0).history["loss"]
    fitted = model.fit(x, y[:, 0], batch_size=12, verbose=0).history["loss"]
    assert fitted == pytest.approx(column, rel=1e-6)


@pytest.mark.parametrize("shape", [(12,), (12, 1), (12, 3)])
@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit_with_sample_weights(shape, jit_compile):
    if BACKEND == "torch" and jit_compile:
        pytest.skip("torch.compile builds C++ code; see test_torch_compile")
    x, y = batch()
    y[3, 1] = np.nan
    weight = np.random.default_rng(2).random(shape).astype("float32")
    model = model_of(3)
    model.compile(keras.optimizers.SGD(0.0), loss=crossentropy(), jit_compile=jit_compile)
    cells = reference_cells(y, ops.convert_to_numpy(model(x)))
    wanted = (cells * weight.reshape(12, -1)).mean()
    fitted = model.fit(x, y, sample_weight=weight, batch_size=12, verbose=0).history["loss"][0]
    assert fitted == pytest.approx(wanted, rel=1e-5)


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


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
def test_torch_compile():
    import torch

    y, z = data(SHAPE)
    y[0, 0] = np.nan
    for loss, activation in [
        (crossentropy(positive_weight=[2.0, 1.0, 3.0]), lambda x: x),
        (WeightedBinaryCrossentropy(positive_weight=[2.0, 1.0, 3.0]), keras.activations.sigmoid),
    ]:
        compiled = torch.compile(lambda y, z, f=activation, c=loss: c(y, f(z)), backend="eager")
        value = number(compiled(torch.tensor(y), torch.tensor(z)))
        assert value == pytest.approx(reference_cells(y, z, [2.0, 1.0, 3.0]).mean(), rel=1e-5)


# ------------------------------------------------------------------------------------ saving


def test_config_is_plain_and_complete(loss_class):
    loss = loss_class(
        positive_weight=np.array([1.0, 2.5, 0.3]),
        label_weight=(1, 2, 3),
        label_names=["a", "日本", "c"],
        from_logits=True,
        reduction="sum",
        name="mine",
    )
    config = loss.get_config()
    assert json.loads(json.dumps(config, allow_nan=False)) == config
    y, z = data(SHAPE)
    restored = keras.losses.deserialize(json.loads(json.dumps(keras.losses.serialize(loss))))
    for other in (loss_class.from_config(config), restored, copy.deepcopy(loss)):
        assert type(other) is loss_class
        assert other.get_config() == config
        assert number(other(y, z)) == number(loss(y, z))
    assert pickle.loads(pickle.dumps(loss)).get_config() == config


def test_weights_are_saved_as_lists_with_their_names():
    weights = LabelWeights.from_class_weight(
        {"cat": {0: 1.0, 1: 2.5}, "dog": {0: 0.5, 1: 10.0}}, label_names=["cat", "dog"]
    )
    config = WeightedBinaryCrossentropy(weights).get_config()
    assert config["positive_weight"] == [2.5, 10.0]
    assert config["negative_weight"] == [1.0, 0.5]
    assert config["label_names"] == ["cat", "dog"]


def test_a_compiled_model_is_saved_and_goes_on_training(loss_class, tmp_path):
    x, y = batch()
    model = model_of(3)
    model.compile("adam", loss=loss_class(positive_weight=[1.0, 2.0, 3.0], from_logits=True))
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is loss_class
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-6
    )
    loaded.fit(x, y, verbose=0)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive_weight": [1.0, -2.0]}, "`positive_weight` must not hold negative weights.*-2"),
        ({"negative_weight": [1.0, np.inf]}, "`negative_weight` must hold finite.*inf.*absent"),
        ({"label_weight": [np.nan]}, "`label_weight` must hold finite numbers"),
        ({"positive_weight": 2.0}, r"list of numbers.*shape=\(\).*\[2.5\] \* n_labels"),
        ({"positive_weight": [[1.0, 2.0]]}, r"list of numbers.*shape=\(1, 2\)"),
        ({"positive_weight": []}, r"list of numbers.*shape=\(0,\)"),
        ({"positive_weight": {0: 1.0}}, "must hold one number per label"),
        ({"positive_weight": ["many"]}, "must hold one number per label"),
        (
            {"positive_weight": [1.0, 2.0], "negative_weight": [1.0]},
            "`negative_weight` has 1 entries but `positive_weight` has 2",
        ),
        (
            {"positive_weight": [1.0, 2.0], "label_weight": [1.0, 1.0, 1.0]},
            "`label_weight` has 3 entries but `positive_weight` has 2",
        ),
        ({"positive_weight": [1.0], "label_names": ["a", "b"]}, "`label_names` has 2 names"),
        ({"label_names": ["a", "a"]}, "same name more than once"),
        ({"weights": {0: 2.5}}, "must be a LabelWeights.*dictionary.*from_class_weight"),
        ({"weights": [1.0, 2.0]}, "must be a LabelWeights.*list.*from_targets"),
        ({"reduction": "average"}, "`reduction` must be one of"),
        ({"reduction": "summ"}, "Did you mean 'sum'"),
        ({"from_logits": "yes"}, "`from_logits` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        WeightedBinaryCrossentropy(**options)


@pytest.mark.parametrize("argument", ["positive_weight", "negative_weight", "label_weight"])
def test_weights_are_given_once(argument):
    weights = LabelWeights.from_targets([[1, 0], [0, 1]])
    with pytest.raises(InvalidInput, match=f"`weights` and `{argument}` are two ways"):
        WeightedBinaryCrossentropy(weights, **{argument: [1.0, 1.0]})


@pytest.mark.parametrize("length", [1, 2, 7])
def test_weights_of_other_labels_are_refused(length):
    y, z = data((32, 5))
    loss = WeightedBinaryCrossentropy(positive_weight=[1.0] * length, from_logits=True)
    message = (
        rf"`positive_weight` has {length} entries but `y` has 5 labels\. Received: "
        rf"positive_weight\.shape=\({length},\), y\.shape=\(32, 5\)\. "
        r"Compute it from the same columns: LabelWeights\.from_targets\(y_train\)\."
    )
    with pytest.raises(InvalidInput, match=message):
        loss(y, z)
    weights = LabelWeights(np.ones(length), np.ones(length), tuple("abcdefg")[:length])
    with pytest.raises(InvalidInput, match=f"`weights` has {length} entries"):
        WeightedBinaryCrossentropy(weights)(y, z)


def test_one_weight_goes_with_one_label():
    y, z = data((4, 1))
    loss = crossentropy("none", positive_weight=[3.0])
    np.testing.assert_allclose(cells_of(loss, y, z), reference_cells(y, z, 3.0), rtol=1e-5)


def test_a_loss_without_a_link_says_what_to_do_instead():
    with pytest.raises(Undefined, match="Exponential has no inverse link.*Calibrator"):
        Exponential().to_probability([[0.0, 0.0, 0.0]])

"""What all losses have in common, one test each, for every loss."""

import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from loss_cases import CASES, n_terms, reference, reference_gradient
from loss_helpers import BACKEND, batch, model_of, number, value_and_grad
from scipy.special import softmax

from equipoise import LabelStats, LabelWeights, losses
from equipoise._errors import InvalidInput, Undefined
from equipoise.training import Treatment

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
every_loss = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
one_per_class = {case.loss: case for case in reversed(CASES.values())}
every_class = pytest.mark.parametrize(
    "case", one_per_class.values(), ids=[loss.__name__ for loss in one_per_class]
)
few = settings(max_examples=4, deadline=None)
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 0.0, 1.0, np.nan, -1.0]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-9, 9, width=32))
per_label = hnp.arrays(np.float64, 3, elements=st.floats(0.1, 10))
counts = hnp.arrays(np.float32, SHAPE[0], elements=st.sampled_from([0.0, 1.0, 2.0, 3.0]))
Y = np.array([[1, 0, 0], [0, np.nan, 1], [1, 1, 0], [0, 0, 0]], dtype="float32")
Z = np.random.default_rng(5).normal(size=SHAPE).astype("float32") * 3


def one_class(y):
    """Rows with one class at most, as losses over classes have them."""
    first = np.zeros_like(y)
    rows = np.flatnonzero((y == 1).any(-1))
    first[rows, (y == 1).argmax(-1)[rows]] = 1.0
    return np.where(y >= 0, first, y)


def labels_for(case, y=Y):
    return one_class(y) if case.categorical else y


def weights_for(case, positive, negative):
    if case.categorical:
        return {"positive_weight": positive}
    return {"positive_weight": positive, "negative_weight": negative}


# ------------------------------------------------------------- values and gradients in float64


@every_loss
@few
@given(hard, logits, per_label, per_label, counts)
def test_values_and_gradients_are_those_of_the_formula(case, y, z, positive, negative, row_weight):
    """Equal to float64 on each backend, hence equal across backends."""
    y = labels_for(case, y)
    loss = case.make(reduction="sum", **weights_for(case, positive, negative))
    options = {"positive": positive, "negative": negative, "row_weight": row_weight}
    value, gradient = value_and_grad(loss, y, z, row_weight)
    wanted = reference(case, y, z, **options)
    assert value == pytest.approx(wanted, rel=1e-5, abs=1e-5)
    wanted = reference_gradient(case, y, z, **options)
    scale = max(1.0, np.abs(wanted).max())
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=2e-6 * scale)


@every_loss
def test_soft_targets(case):
    y = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.05, 0.05, np.nan]])
    loss = case.make(reduction="sum")
    if not case.soft:
        with pytest.raises(InvalidInput, match="a soft target is neither.*0.89.*adds up"):
            loss(y, Z)
        return
    value, gradient = value_and_grad(loss, y.astype("float32"), Z)
    assert value == pytest.approx(reference(case, y, Z), rel=1e-5)
    np.testing.assert_allclose(gradient, reference_gradient(case, y, Z), rtol=2e-5, atol=2e-6)


@every_loss
def test_weights_per_cell(case):
    y, cell_weight = labels_for(case), np.random.default_rng(1).random(SHAPE).astype("float32")
    value, gradient = value_and_grad(case.make(reduction="sum"), y, Z, cell_weight)
    options = {"cell_weight": cell_weight.astype(np.float64)}
    assert value == pytest.approx(reference(case, y, Z, **options), rel=1e-5)
    wanted = reference_gradient(case, y, Z, **options)
    np.testing.assert_allclose(gradient, wanted, rtol=2e-5, atol=2e-6)
    hidden = np.where(cell_weight > 0.5, y, np.nan)
    kept = value_and_grad(case.make(reduction="sum"), y, Z, (cell_weight > 0.5).astype("float32"))
    if case.loss is not losses.DistributionBalanced or not case.options.get("rebalance", True):
        unknown = value_and_grad(case.make(reduction="sum"), hidden, Z)
        assert kept[0] == pytest.approx(unknown[0], rel=1e-5)
        np.testing.assert_allclose(kept[1], unknown[1], rtol=1e-5, atol=1e-7)


@every_loss
def test_reductions(case):
    y = labels_for(case)
    row_weight = np.array([1.0, 2.0, 0.0, 3.0], dtype="float32")
    total = reference(case, y, Z, row_weight=row_weight)
    divisor = n_terms(case, y)
    if divisor is not None:
        for reduction in ("sum_over_batch_size", "mean"):
            value = number(case.make(reduction=reduction)(y, Z, row_weight))
            assert value == pytest.approx(total / divisor, rel=1e-5)
    column = number(case.make()(y, Z, row_weight[:, None]))
    assert column == pytest.approx(number(case.make()(y, Z, row_weight)), rel=1e-6)
    if "none" not in case.loss.reductions:
        with pytest.raises(InvalidInput, match="`reduction` must be one of"):
            case.make(reduction="none")
        return
    terms = ops.convert_to_numpy(case.make(reduction="none")(y, Z, row_weight))
    assert terms.shape == (SHAPE if case.cellwise else SHAPE[:1])
    assert terms.sum() == pytest.approx(total, rel=1e-5)
    unweighted = ops.convert_to_numpy(case.make().call(y, Z))
    assert unweighted.sum() == pytest.approx(reference(case, y, Z), rel=1e-5)


@every_loss
def test_a_row_of_weight_w_counts_w_times(case):
    """For losses over the batch too: a weighted row stands in its sums w times."""
    y, times = labels_for(case), np.array([2, 1, 0, 3])
    rows = np.repeat(np.arange(4), times)
    weighted = number(case.make(reduction="sum")(y, Z, times.astype("float32")))
    repeated = number(case.make(reduction="sum")(y[rows], Z[rows]))
    assert weighted == pytest.approx(repeated, rel=1e-5)


@every_loss
def test_unknown_labels_are_as_if_they_were_not_there(case):
    """Whatever stands in their logit, and whichever way they are written."""
    y = labels_for(case)
    unknown = ~(y >= 0)
    loss = case.make(reduction="sum")
    value, gradient = value_and_grad(loss, y, Z)
    if not case.categorical:  # their logits still belong to the softmax of the row
        assert (gradient[unknown] == 0).all()
        other = np.where(unknown, Z + 50, Z)
        assert number(loss(y, other)) == pytest.approx(value, rel=1e-6)
    negative = np.where(unknown, -1.0, y)
    assert number(loss(negative, Z)) == value
    nothing = value_and_grad(loss, np.full(SHAPE, np.nan), Z)
    assert nothing[0] == 0.0
    assert (nothing[1] == 0).all()


@every_loss
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "mean_with_sample_weight"])
def test_labels_without_a_side_and_rows_without_labels_are_ordinary(case, reduction):
    sides = [np.zeros(SHAPE), np.ones(SHAPE), np.tile([1.0, 0.0, np.nan], (4, 1))]
    for y in [np.eye(4, 3)] if case.categorical else sides:
        value, gradient = value_and_grad(case.make(reduction=reduction), y.astype("float32"), Z)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    empty = np.zeros((0, 3), dtype="float32")
    if case.loss is not losses.TwoWay:
        assert number(case.make(reduction=reduction)(empty, empty)) == 0.0


@every_loss
@few
@given(st.permutations(range(3)), hard, logits, per_label, per_label)
def test_the_order_of_the_labels_does_not_matter(case, order, y, z, positive, negative):
    def value(columns):
        options = {
            key: values[columns] if isinstance(values, np.ndarray) else values
            for key, values in {
                **case.options,
                **weights_for(case, positive, negative),
            }.items()
        }
        loss = case.loss(from_logits=True, **options)
        return number(loss(labels_for(case, y)[:, columns], z[:, columns]))

    assert value(list(order)) == pytest.approx(value([0, 1, 2]), rel=1e-5, abs=1e-6)


@every_loss
def test_leading_axes_are_rows(case):
    y, row_weight = labels_for(case), np.array([1.0, 2.0, 0.0, 3.0], dtype="float32")
    flat = (y, Z, row_weight)
    deep = (y.reshape(2, 2, 3), Z.reshape(2, 2, 3), row_weight.reshape(2, 2))
    for reduction in ("sum_over_batch_size", "mean_with_sample_weight"):
        loss = case.make(reduction=reduction, **weights_for(case, [1.0, 2.0, 3.0], [1.0, 0.5, 2.0]))
        value, gradient = value_and_grad(loss, *deep)
        wanted, flat_gradient = value_and_grad(loss, *flat)
        assert value == pytest.approx(wanted, rel=1e-5)
        np.testing.assert_allclose(gradient.reshape(4, 3), flat_gradient, rtol=1e-4, atol=1e-7)


# ------------------------------------------------------------------------------- precision


@every_loss
def test_extreme_logits_are_finite(case):
    z = np.array([[-1e4, 0.0, 1e4], [1e4, -88.0, -1e4], [-110.0, 30.0, 17.0], [0, 0, 0]])
    z = z.astype("float32")
    heavy = weights_for(case, [1e4, 1.0, 1e-4], [1.0, 1e4, 1e-4])
    targets = [np.eye(4, 3), np.eye(4, 3)[:, ::-1], np.full(SHAPE, np.nan), np.zeros(SHAPE)]
    if not case.categorical:
        targets += [np.ones(SHAPE)]
    if case.soft:
        targets += [np.full(SHAPE, 0.5)]
    for y in targets:
        for options in ({}, heavy):
            value, gradient = value_and_grad(case.make(**options), y.astype("float32"), z)
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()
    if case.has_link:
        assert np.isfinite(case.make().link.log_odds(z)).all()


@every_loss
@pytest.mark.parametrize("half", ["bfloat16", "float16"])
def test_losses_are_float32_whatever_the_logits(case, half):
    y, rounded = labels_for(case), ops.cast(Z, half)
    value = case.make(dtype="mixed_" + half)(y, rounded)
    assert keras.utils.standardize_dtype(value.dtype) == "float32"
    exact = number(case.make()(y, ops.cast(rounded, "float32")))
    assert number(value) == pytest.approx(exact, rel=1e-6)


@every_loss
def test_probabilities_instead_of_logits(case):
    y = labels_for(case)
    activation = keras.activations.softmax if case.categorical else keras.activations.sigmoid
    wanted = value_and_grad(case.make(), y, Z)
    for function in (activation, ops.softmax if case.categorical else ops.sigmoid):
        value, gradient = value_and_grad(case.make(from_logits=False), y, Z, activation=function)
        assert value == pytest.approx(wanted[0], rel=1e-4)
        np.testing.assert_allclose(gradient, wanted[1], rtol=1e-3, atol=1e-5)


@every_class
def test_probabilities_at_their_limits_are_finite(case):
    p = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    for y in (np.eye(4, 3), np.eye(4, 3)[:, ::-1]):
        for dtype in ("float32", "float16"):
            value, gradient = value_and_grad(case.make(from_logits=False), y, p.astype(dtype))
            assert np.isfinite(value)
            assert np.isfinite(gradient).all()


# ----------------------------------------------------------------------------- probabilities


@every_loss
def test_the_link_is_the_quotient_of_the_slopes(case):
    """Of the very loss that Keras trains, on this backend."""
    weight = weights_for(case, [3.0, 1.0, 0.5], [1.0, 2.0, 1.0])
    loss = case.make(reduction="sum", **weight)
    assert loss.has_link == case.has_link
    if not case.has_link:
        message = f"{case.loss.__name__} has no inverse link.*Calibrator"
        with pytest.raises(Undefined, match=message):
            loss.to_probability(Z)
        return
    z = np.linspace(-2.5, 3, 12).reshape(SHAPE).astype("float32")
    if case.categorical:
        q = softmax(np.random.default_rng(0).normal(size=SHAPE), axis=-1)
        at_minimum = loss.link.logits(q).astype("float32")
        gradient = value_and_grad(loss, q, at_minimum)[1]
        np.testing.assert_allclose(gradient, 0.0, atol=2e-6)
        np.testing.assert_allclose(loss.to_probability(at_minimum), q, rtol=1e-5)
        return
    rising = value_and_grad(loss, np.zeros(SHAPE), z)[1]
    falling = -value_and_grad(loss, np.ones(SHAPE), z)[1]
    np.testing.assert_allclose(loss.to_probability(z), rising / (rising + falling), rtol=2e-4)
    assert type(loss.link).from_dict(loss.link.to_dict()).to_dict() == loss.link.to_dict()


@every_class
def test_a_weight_of_zero_leaves_nothing_to_undo(case):
    loss = case.make(label_weight=[1.0, 0.0, 2.0], label_names=["cat", "dog", "owl"])
    value, gradient = value_and_grad(loss, labels_for(case), Z)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    if case.has_link:
        with pytest.raises(Undefined, match="weight of 0.*'dog'"):
            loss.to_probability(Z)


# ------------------------------------------------------------------------ as Keras uses them


@every_loss
def test_config_is_plain_and_complete(case):
    loss = case.make(
        reduction="sum",
        name="mine",
        label_names=["a", "日本", "c"],
        **weights_for(case, np.array([1.0, 2.0, 0.5]), np.array([2.0, 1.0, 0.5])),
    )
    payload = json.loads(json.dumps(keras.losses.serialize(loss), allow_nan=False))
    restored = keras.losses.deserialize(payload)
    assert type(restored) is case.loss
    assert restored.get_config() == loss.get_config()
    y = labels_for(case)
    assert number(restored(y, Z)) == number(loss(y, Z))
    if case.has_link:
        assert restored.link.to_dict() == loss.link.to_dict()


def fitted(case, *, activation=None, jit_compile="auto", epochs=1, rate=0.01):
    x, y = batch(n_rows=12)
    y[0, 0] = np.nan
    y = one_class(y) if case.categorical else y
    model = model_of(3, activation)
    loss = case.make(from_logits=activation is None, positive_weight=[1.0, 2.0, 3.0])
    model.compile(keras.optimizers.SGD(rate), loss=loss, jit_compile=jit_compile)
    weight = np.linspace(0.5, 1.5, 12).astype("float32")
    history = model.fit(
        x, y, sample_weight=weight, batch_size=6, epochs=epochs, shuffle=False, verbose=0
    )
    return model, x, y, history.history["loss"]


@every_class
def test_fit_save_load_and_fit_again(case, tmp_path):
    """Compiled (but for Torch, where that builds C++ for minutes) and eagerly alike."""
    model, x, y, losses_seen = fitted(case, jit_compile=BACKEND != "torch")
    eager = fitted(case, jit_compile=False)
    assert losses_seen == pytest.approx(eager[3], rel=1e-5)
    for a, b in zip(model.get_weights(), eager[0].get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is case.loss
    assert loaded.loss.get_config() == model.loss.get_config()
    before, after = (m.evaluate(x, y, batch_size=12, verbose=0) for m in (model, loaded))
    assert after == pytest.approx(before, rel=1e-6)
    loaded.fit(x, y, batch_size=6, verbose=0)


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
@pytest.mark.parametrize(
    "name", ["focal", "distribution_balanced", "zlpr", "two_way", "soft_f1", "categorical_focal"]
)
def test_torch_can_trace_every_kind_of_loss(name):
    import torch

    case = CASES[name]

    torch.compiler.reset()
    loss, y = case.make(positive_weight=[1.0, 2.0, 3.0]), labels_for(case)
    traced = torch.compile(lambda y, z: loss(y, z), backend="eager")
    value = number(traced(torch.tensor(y), torch.tensor(Z)))
    assert value == pytest.approx(number(loss(y, Z)), rel=1e-5)


@pytest.mark.parametrize(
    ("case", "policy"),
    [
        pytest.param(case, policy, id=f"{case.loss.__name__} {policy}")
        for position, case in enumerate(one_per_class.values())
        for policy in (
            ["mixed_float16", "mixed_bfloat16"] if position % 4 == 0 else ["mixed_float16"]
        )
    ],
)
def test_training_under_mixed_precision(case, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model, _, _, losses_seen = fitted(case)
    finally:
        keras.config.set_dtype_policy(before)
    assert np.isfinite(losses_seen).all()
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only TensorFlow has unknown shapes")
@every_class
def test_tensorflow_graphs_of_unknown_shape(case):
    import tensorflow as tf

    loss, y = case.make(positive_weight=[1.0, 2.0, 3.0]), labels_for(case)
    weight = np.array([1.0, 2.0, 0.0, 3.0], dtype="float32")
    wanted = number(loss(y, Z, weight))
    for spec in ([None], [None, None]):
        given_weight = weight if len(spec) == 1 else weight[:, None]
        shapes = ([None, None], [None, None], spec)
        signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
        graph = tf.function(loss.__call__, input_signature=signature)
        assert number(graph(y, Z, given_weight)) == pytest.approx(wanted, rel=1e-5)


# ------------------------------------------------------------------------------- treatments


@every_class
def test_every_loss_makes_a_treatment(case):
    y = one_class(np.nan_to_num(Y)) if case.categorical else np.nan_to_num(Y)
    stats = LabelStats.from_targets(y, label_names=["a", "b", "c"])
    options = {k: v for k, v in case.options.items() if k not in ("prevalence", "propensity")}
    options = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in options.items()}
    treatment = Treatment(
        "mine",
        loss=case.loss.__name__,
        loss_options=options,
        weights="balanced",
        weight_options={"applies_to": "positives"},
    )
    loss = Treatment(**treatment.to_dict()).build_loss(stats)
    assert type(loss) is case.loss
    assert loss.from_logits
    assert loss.label_names == ("a", "b", "c")
    wanted = LabelWeights.from_stats(stats, "balanced", applies_to="positives").positive
    assert loss.positive_weight.tolist() == wanted.tolist()
    assert np.isfinite(number(loss(y, Z)))


def test_every_public_loss_is_tested_here():
    named = {case.loss.__name__ for case in CASES.values()}
    assert named == set(losses.__all__) - {"CellwiseLoss", "FromIndices"}

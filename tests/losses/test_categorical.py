"""The losses over classes that exclude each other."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import model_of, number, value_and_grad
from scipy.special import softmax

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidInput
from equipoise.losses import (
    CategoricalFocal,
    LogitAdjustedCategoricalCrossentropy,
    WeightedCategoricalCrossentropy,
)
from loss_formulas import log_softmax

pytestmark = pytest.mark.keras

few = settings(max_examples=8, deadline=None)
logits = hnp.arrays(np.float32, (4, 3), elements=st.floats(-15, 15, width=32))
classes = hnp.arrays(np.int64, 4, elements=st.integers(0, 2))
weights = hnp.arrays(np.float64, 3, elements=st.floats(0.1, 10))


def weighted(**options):
    return WeightedCategoricalCrossentropy(from_logits=True, **options)


def one_hot(classes):
    return np.eye(3, dtype="float32")[classes]


@few
@given(classes, logits)
def test_without_weights_it_is_keras_categorical_crossentropy(k, z):
    theirs = keras.losses.CategoricalCrossentropy(from_logits=True)
    wanted = value_and_grad(theirs, one_hot(k), z)
    for loss in (
        weighted(),
        CategoricalFocal(0.0, from_logits=True),
        LogitAdjustedCategoricalCrossentropy(prevalence=[0.2] * 3, tau=0.0, from_logits=True),
    ):
        value, gradient = value_and_grad(loss, one_hot(k), z)
        assert value == pytest.approx(wanted[0], rel=1e-5, abs=1e-6)
        np.testing.assert_allclose(gradient, wanted[1], rtol=1e-4, atol=1e-6)


@few
@given(classes, logits, weights)
def test_it_agrees_with_torch(k, z, w):
    torch = pytest.importorskip("torch")
    if keras.backend.backend() != "torch":
        pytest.skip("the peer shares a process with Keras on Torch only")
    for divide_by, reduction in [("weights", "mean"), ("rows", "sum")]:
        theirs = torch.nn.CrossEntropyLoss(torch.tensor(w), reduction=reduction)
        wanted = theirs(torch.tensor(z, dtype=torch.float64), torch.tensor(k)).item()
        ours = weighted(label_weight=w, divide_by=divide_by, reduction=reduction)
        assert number(ours(one_hot(k), z)) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_hand_computed_number():
    # p = (.5, .25, .25) in both rows, weights (1, 2, 3), soft targets in the second row:
    # (1 · log 2 + (.5 · 2 + .5 · 3) log 4) / 2 = (log 2 + 5 log 2) / 2.
    z = np.log([[0.5, 0.25, 0.25]] * 2).astype("float32")
    targets = [[1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]
    loss = weighted(label_weight=[1.0, 2.0, 3.0])
    assert number(loss(targets, z)) == pytest.approx(3 * np.log(2), rel=1e-6)
    by_weights = weighted(label_weight=[1.0, 2.0, 3.0], divide_by="weights")
    assert number(by_weights(targets, z)) == pytest.approx(6 * np.log(2) / 3.5, rel=1e-6)


@few
@given(classes, logits, weights, hnp.arrays(np.float32, 4, elements=st.floats(0.5, 4, width=32)))
def test_what_the_mean_divides_by(k, z, w, row_weight):
    cost = -log_softmax(z.astype(np.float64))[np.arange(4), k] * w[k] * row_weight
    for options, divisor in [
        ({}, 4),
        ({"reduction": "mean_with_sample_weight"}, row_weight.sum()),
        ({"divide_by": "weights"}, (w[k] * row_weight).sum()),
        ({"reduction": "sum", "divide_by": "weights"}, 1),
    ]:
        value = number(weighted(label_weight=w, **options)(one_hot(k), z, row_weight))
        assert value == pytest.approx(cost.sum() / divisor, rel=1e-5, abs=1e-6)


def test_rows_without_a_class_cost_nothing():
    z = np.array([[3.0, -2.0, 0.5]] * 2, dtype="float32")
    for loss in (weighted(), CategoricalFocal(from_logits=True), weighted(divide_by="weights")):
        for nothing in (0.0, np.nan):
            value, gradient = value_and_grad(loss, np.full((2, 3), nothing), z)
            assert value == 0.0
            assert (gradient == 0).all()


def test_a_known_class_counts_whatever_else_is_unknown():
    z = np.array([[3.0, -2.0, 0.5]], dtype="float32")
    known = number(weighted()([[0.0, 1.0, 0.0]], z))
    assert number(weighted()([[np.nan, 1.0, np.nan]], z)) == known
    assert number(weighted()([[np.nan, 0.0, np.nan]], z)) == 0.0


@few
@given(classes, hnp.arrays(np.float32, (4, 3), elements=st.floats(-5, 5, width=32)))
def test_focal_agrees_with_keras_where_keras_is_right(k, z):
    theirs = keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=2.0, from_logits=True)
    ours = CategoricalFocal(2.0, from_logits=True)
    assert number(ours(one_hot(k), z)) == pytest.approx(number(theirs(one_hot(k), z)), rel=1e-3)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 2.5])
@pytest.mark.parametrize("far", [10.0, 50.0, 1e4])
def test_focal_of_a_sure_class_keeps_its_gradient(gamma, far):
    """With γ < 1 the factor (1 − p)^γ has an infinite slope at p = 1."""
    z = np.array([[far, 0.0, -far], [0.0, far, 0.0]], dtype="float32")
    value, gradient = value_and_grad(CategoricalFocal(gamma, from_logits=True), np.eye(2, 3), z)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    wrong = value_and_grad(CategoricalFocal(gamma, from_logits=True), np.eye(2, 3)[::-1], z)
    assert (np.abs(wrong[1]).max(-1) > 0.4).all()


def test_the_prior_is_in_training_alone():
    loss = LogitAdjustedCategoricalCrossentropy(prevalence=[0.7, 0.2, 0.1], from_logits=True)
    y, z = np.eye(3), np.random.default_rng(0).normal(size=(3, 3)).astype("float32")
    shifted = z + np.log([0.7, 0.2, 0.1]).astype("float32")
    assert number(loss(y, z)) == pytest.approx(number(weighted()(y, shifted)), rel=1e-6)
    np.testing.assert_allclose(loss.to_probability(z), softmax(shifted, axis=-1), rtol=1e-6)


@pytest.mark.parametrize("gamma", [None, 2.0])
def test_a_model_learns_and_its_probabilities_are_repaired(gamma):
    rng = np.random.default_rng(0)
    shares = np.array([0.7, 0.2, 0.1])
    y = np.eye(3, dtype="float32")[rng.choice(3, size=400, p=shares)]
    w = LabelWeights.from_targets(y, "inverse_frequency")
    options = {"weights": w, "from_logits": True}
    loss = weighted(weights=w) if gamma is None else CategoricalFocal(gamma, **options)
    model = model_of(3)
    model.compile(keras.optimizers.Adam(0.3), loss=loss)
    x = np.zeros((400, 4), dtype="float32")  # nothing to learn but the prior
    steps = (np.tile(x, (150, 1)), np.tile(y, (150, 1)))  # one epoch: epochs cost time
    model.fit(*steps, batch_size=400, shuffle=False, verbose=0)
    z = model.predict(x[:1], verbose=0)
    assert abs(softmax(z)[0] - y.mean(0)).max() > 0.1
    np.testing.assert_allclose(loss.to_probability(z)[0], y.mean(0), atol=0.01)


def test_weights_on_negatives_have_no_place():
    y = np.eye(3)[[0, 0, 1, 2]]
    message = 'no negatives to weigh.*applies_to="positives"'
    with pytest.raises(InvalidInput, match=message):
        weighted(weights=LabelWeights.from_targets(y, "balanced"))
    loss = weighted(weights=LabelWeights.from_targets(y, "balanced", applies_to="positives"))
    before = loss.get_config()
    with pytest.raises(InvalidInput, match=message):
        loss.reweigh(LabelWeights.from_targets(y, "balanced"))
    assert loss.get_config() == before
    whole = weighted(weights=LabelWeights.from_targets(y, "balanced", applies_to="label"))
    z = np.zeros((4, 3), dtype="float32")
    assert number(whole(y, z)) == number(loss(y, z))


def test_classes_of_statistics():
    stats = LabelStats.from_targets(np.eye(4)[[0, 0, 1, 2]], label_names=list("abcd"))
    loss = LogitAdjustedCategoricalCrossentropy(stats, from_logits=True)
    np.testing.assert_allclose(loss.prevalence, [0.5, 0.25, 0.25, 0.1])  # ½ / (4 + 1)
    assert loss.label_names == tuple("abcd")


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (
            lambda: weighted()(np.ones((4, 1)), np.ones((4, 1), dtype="float32")),
            "at least two classes.*y_pred.shape=\\(4, 1\\).*binary",
        ),
        (
            lambda: weighted()(np.ones(4), np.ones((4, 3), dtype="float32")),
            "same shape.*to_categorical",
        ),
        (lambda: weighted(divide_by="cells"), "`divide_by` must be one of"),
        (lambda: weighted(label_weight=[1.0, -1.0]), "must not hold negative weights"),
        (lambda: CategoricalFocal(-1.0), "`gamma` must be a number in \\[0"),
        (lambda: LogitAdjustedCategoricalCrossentropy(), "label frequencies once"),
        (
            lambda: LogitAdjustedCategoricalCrossentropy(prevalence=[0.5, 0.5], tau=-1.0),
            "`tau` must be a number in \\[0",
        ),
    ],
)
def test_wrong_input_is_refused(act, message):
    with pytest.raises(InvalidInput, match=message):
        act()

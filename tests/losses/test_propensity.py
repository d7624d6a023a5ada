import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import cells_of, crossentropy, number, reference_cells, value_and_grad
from scipy.special import expit

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidInput
from equipoise.losses import CellwiseLoss, PropensityBinaryCrossentropy

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=8, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-12, 12, width=32))
shares = hnp.arrays(np.float64, 3, elements=st.floats(0.05, 1.0))


def propensity(shares, **options):
    return PropensityBinaryCrossentropy(propensity=shares, from_logits=True, **options)


def test_hand_computed_number():
    # π = ½, z = log 3: softplus(−z) = log 4/3, softplus(z) = log 4.
    y, z = [[1.0]], np.log([[3.0]]).astype("float32")
    unbiased = number(propensity([0.5], form="unbiased")(y, z))
    assert unbiased == pytest.approx(2 * np.log(4 / 3) - np.log(4), rel=1e-5)
    assert number(propensity([0.5])(y, z)) == pytest.approx(3 * np.log(4 / 3), rel=1e-5)


@few
@given(logits, shares, hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0])))
def test_the_unbiased_form_expects_the_loss_of_the_complete_labels(z, shares, complete):
    """Each true label is recorded with probability π, so its expected loss is the mixture."""
    loss = propensity(shares, form="unbiased", reduction="none")
    recorded, missed = cells_of(loss, complete, z), cells_of(loss, np.zeros(SHAPE), z)
    expected = np.where(complete == 1, shares * recorded + (1 - shares) * missed, recorded)
    np.testing.assert_allclose(expected, reference_cells(complete, z), rtol=1e-4, atol=1e-5)


@few
@given(labels, logits, shares)
def test_the_convex_form_bounds_the_unbiased(y, z, shares):
    convex = cells_of(propensity(shares, reduction="none"), y, z)
    unbiased = cells_of(propensity(shares, form="unbiased", reduction="none"), y, z)
    assert (convex >= unbiased - 1e-4).all()


@few
@given(labels, logits, shares)
def test_the_convex_form_is_a_weighted_crossentropy(y, z, shares):
    plain = crossentropy(positive_weight=2 / shares - 1)
    ours = value_and_grad(propensity(shares), y, z)
    theirs = value_and_grad(plain, y, z)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(propensity(shares).to_probability(z), plain.to_probability(z))


@few
@given(labels, logits, shares, st.sampled_from(["convex", "unbiased"]))
def test_the_fused_form_is_the_form_of_the_base_class(y, z, shares, form):
    class Plain(PropensityBinaryCrossentropy):
        cell_losses = CellwiseLoss.cell_losses

    options = {"propensity": shares, "form": form, "positive_weight": [1.0, 2.0, 3.0]}
    fused = value_and_grad(
        PropensityBinaryCrossentropy(from_logits=True, reduction="sum", **options), y, z
    )
    plain = value_and_grad(Plain(from_logits=True, reduction="sum", **options), y, z)
    assert fused[0] == pytest.approx(plain[0], rel=1e-5, abs=1e-4)
    np.testing.assert_allclose(fused[1], plain[1], rtol=1e-5, atol=1e-5)


def test_the_sigmoid_is_the_probability_of_the_true_label():
    loss = propensity([0.5, 0.25, 1.0], form="unbiased")
    z = np.array([[0.3, -1.0, 2.0]])
    np.testing.assert_allclose(loss.to_probability(z) / [0.5, 0.25, 1.0], expit(z))


def test_propensities_come_from_statistics():
    y = (np.arange(1000)[:, None] < [500, 20, 0]).astype("float32")
    loss = PropensityBinaryCrossentropy(LabelStats.from_targets(y, label_names=["a", "b", "c"]))
    c = (np.log(1000) - 1) * 2.5**0.55
    wanted = 1 / (1 + c * (np.array([500, 20, 0]) + 1.5) ** -0.55)
    np.testing.assert_allclose(loss.propensity, wanted)
    assert loss.label_names == ("a", "b", "c")
    wikipedia = PropensityBinaryCrossentropy(LabelStats.from_targets(y), a=0.5, b=0.4)
    inverse = LabelWeights.from_targets(y, "inverse_propensity", a=0.5, b=0.4).positive
    np.testing.assert_allclose(1 / wikipedia.propensity, inverse)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the propensities once.*neither"),
        ({"propensity": [0.5, 0.0]}, "`propensity` must lie in \\(0, 1\\].*0.0 for label 1"),
        ({"propensity": [1.5]}, "`propensity` must lie in \\(0, 1\\].*1.5 for label 0"),
        ({"propensity": 0.5}, "list of numbers"),
        ({"propensity": [0.5], "form": "biased"}, "`form` must be one of"),
        ({"stats": [0.5]}, "`stats` must be a LabelStats.*list"),
        ({"stats": LabelStats.from_targets([[1], [0]]), "propensity": [0.5]}, "both `stats` and"),
        ({"stats": LabelStats.from_targets([[1], [0]]), "a": 0.0}, "`a` must be a number in \\(0"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        PropensityBinaryCrossentropy(**options)

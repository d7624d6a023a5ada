import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import cells_of, crossentropy, number, reference_cells, value_and_grad

from equipoise._errors import InvalidInput
from equipoise.losses import (
    Asymmetric,
    DistributionBalanced,
    Focal,
    LogitAdjustedBinaryCrossentropy,
    PropensityBinaryCrossentropy,
)

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=8, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan]))
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-15, 15, width=32))

WITHOUT_THEIR_PARTS = {
    "focal": lambda: Focal(gamma=0.0, from_logits=True, reduction="none"),
    "asymmetric": lambda: Asymmetric(0.0, 0.0, 0.0, from_logits=True, reduction="none"),
    "detached": lambda: Asymmetric(0.0, 0.0, 0.0, detach=True, from_logits=True, reduction="none"),
    "distribution_balanced": lambda: DistributionBalanced(
        prevalence=[0.1, 0.2, 0.3],
        rebalance=False,
        gamma=0.0,
        kappa=0.0,
        lambda_=1.0,
        from_logits=True,
        reduction="none",
    ),
    "adjusted": lambda: LogitAdjustedBinaryCrossentropy(
        prevalence=[0.1, 0.2, 0.3], tau=0.0, from_logits=True, reduction="none"
    ),
    "convex": lambda: PropensityBinaryCrossentropy(
        propensity=[1.0] * 3, from_logits=True, reduction="none"
    ),
    "unbiased": lambda: PropensityBinaryCrossentropy(
        propensity=[1.0] * 3, form="unbiased", from_logits=True, reduction="none"
    ),
}


@pytest.mark.parametrize("make", WITHOUT_THEIR_PARTS.values(), ids=WITHOUT_THEIR_PARTS)
@few
@given(labels, logits)
def test_without_its_parts_a_loss_is_binary_crossentropy(make, y, z):
    loss = make()
    np.testing.assert_allclose(cells_of(loss, y, z), reference_cells(y, z), rtol=1e-5, atol=1e-11)
    plain = value_and_grad(crossentropy("none"), y, z)[1]
    np.testing.assert_allclose(value_and_grad(loss, y, z)[1], plain, rtol=1e-5, atol=1e-7)
    known = np.nan_to_num(y)
    keras_own = number(keras.losses.BinaryCrossentropy(from_logits=True)(known, z))
    assert cells_of(loss, known, z).mean() == pytest.approx(keras_own, rel=1e-5, abs=1e-6)


@few
@given(labels, logits, st.floats(0.0, 5.0))
def test_alpha_of_one_half_halves(y, z, gamma):
    plain = value_and_grad(Focal(gamma, from_logits=True), y, z)
    halved = value_and_grad(Focal(gamma, alpha=0.5, from_logits=True), y, z)
    assert 2 * halved[0] == pytest.approx(plain[0], rel=1e-6)
    np.testing.assert_allclose(2 * halved[1], plain[1], rtol=1e-6)


@few
@given(labels, logits, hnp.arrays(np.float64, 3, elements=st.floats(0.01, 0.99)))
def test_alpha_is_a_weight_on_both_sides(y, z, alpha):
    with_alpha = Focal(2.0, alpha, from_logits=True)
    with_weights = Focal(2.0, positive_weight=alpha, negative_weight=1 - alpha, from_logits=True)
    assert number(with_alpha(y, z)) == pytest.approx(number(with_weights(y, z)), rel=1e-5)
    np.testing.assert_allclose(
        with_alpha.to_probability(z), with_weights.to_probability(z), rtol=1e-9
    )
    if np.ptp(alpha) == 0:
        assert number(Focal(2.0, alpha[0], from_logits=True)(y, z)) == number(with_alpha(y, z))


@few
@given(hard, hnp.arrays(np.float32, SHAPE, elements=st.floats(-6, 6, width=32)))
def test_it_agrees_with_keras_where_keras_is_right(y, z):
    """Within the logits that its clipped probabilities can hold."""
    theirs = keras.losses.BinaryFocalCrossentropy(
        apply_class_balancing=True, alpha=0.25, gamma=2.0, from_logits=True
    )
    ours = Focal(2.0, 0.25, from_logits=True)
    assert number(ours(y, z)) == pytest.approx(number(theirs(y, z)), rel=1e-3)


@few
@given(hard, logits, st.sampled_from([0.5, 1.0, 1.5, 3.0]))
def test_a_negative_costs_what_a_mirrored_positive_costs(y, z, gamma):
    loss = Focal(gamma, from_logits=True)
    assert number(loss(y, z)) == pytest.approx(number(loss(1 - y, -z)), rel=1e-6)


def test_hand_computed_number():
    # p = .8 and y = 1: .25 · .2² · log(1 / .8); p = .8 and y = 0: .75 · .8² · log 5.
    z = np.log([[4.0, 4.0]]).astype("float32")
    cells = cells_of(Focal(2.0, 0.25, from_logits=True, reduction="none"), [[1.0, 0.0]], z)
    wanted = [0.25 * 0.04 * np.log(1.25), 0.75 * 0.64 * np.log(5)]
    np.testing.assert_allclose(cells[0], wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1.0}, "`gamma` must be a number in \\[0"),
        ({"gamma": "2"}, "`gamma` must be a number"),
        ({"alpha": 1.0}, "`alpha` must be a number in \\(0, 1\\)"),
        ({"alpha": [0.5, 0.0]}, "`alpha` must lie strictly between 0 and 1.*0.0.*positive_weight"),
        ({"alpha": [0.5, np.nan]}, "`alpha` must hold finite"),
        ({"alpha": [0.5], "positive_weight": [1.0, 2.0]}, "`alpha` has 1 entries but"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        Focal(**options)


def test_alpha_of_other_labels_is_refused():
    with pytest.raises(InvalidInput, match="`alpha` has 2 entries but `y` has 3 labels"):
        Focal(alpha=[0.5, 0.5], from_logits=True)(np.ones(SHAPE), np.ones(SHAPE, "float32"))

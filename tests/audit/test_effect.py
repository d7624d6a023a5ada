import json

import numpy as np
import pytest
from scipy.special import expit

import equipoise as eq
from equipoise import losses
from equipoise._errors import InvalidInput, Undefined
from equipoise.audit import effect

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
Y = (RNG.random((300, 3)) < [0.5, 0.1, 0.02]).astype(float)
WEIGHTS = eq.LabelWeights.from_class_weight({0: 1.0, 1: 9.0, 2: 4.0}, 3)


def test_without_weights_both_sides_pull_alike():
    plain = effect(None, Y)
    assert plain.positive_share_of_gradient == pytest.approx([0.5] * 3, abs=0.02)
    assert plain.threshold.tolist() == [0.5] * 3
    assert plain.effective_share == pytest.approx(1)
    assert plain.effective_cells == pytest.approx([300] * 3)


def test_by_hand():
    y = [[1], [0], [0], [0]]
    weights = eq.LabelWeights([3.0], [1.0], ("a",))
    e = effect(weights, y, scores=np.zeros((4, 1)))
    assert e.positive_share_of_loss == pytest.approx([3 / 6])
    assert e.positive_share_of_gradient == pytest.approx([3 / 6])
    assert e.threshold == pytest.approx([0.25])
    assert e.log_odds_shift == pytest.approx([np.log(3)])
    assert e.effective_cells == pytest.approx([6**2 / 12])


@pytest.mark.parametrize("scores", [None, RNG.normal(size=Y.shape)])
def test_a_keras_loss_gives_what_the_formula_gives(scores):
    marked = np.where(RNG.random(Y.shape) < 0.1, np.nan, Y)
    formula = effect(WEIGHTS, marked, scores=scores)
    loss = losses.WeightedBinaryCrossentropy(WEIGHTS)
    for by_keras in (
        effect(None, marked, loss=loss, scores=scores),
        effect(WEIGHTS, marked, loss=losses.WeightedBinaryCrossentropy(), scores=scores),
    ):
        for key in (
            "loss_share",
            "positive_share_of_loss",
            "positive_share_of_gradient",
            "threshold",
            "log_odds_shift",
            "effective_cells",
        ):
            np.testing.assert_allclose(getattr(by_keras, key), getattr(formula, key), rtol=1e-5)


def test_logit_adjustment_moves_the_threshold_to_the_prevalence():
    prevalence = [0.5, 0.1, 0.02]
    loss = losses.LogitAdjustedBinaryCrossentropy(prevalence=prevalence)
    assert effect(None, Y, loss=loss).threshold == pytest.approx(prevalence)
    shift = effect(None, Y, loss=loss).log_odds_shift
    assert expit(-shift) == pytest.approx(prevalence)


PREVALENCE = [0.5, 0.1, 0.02]
ADDING_UP = [
    losses.WeightedBinaryCrossentropy(),
    losses.LogitAdjustedBinaryCrossentropy(prevalence=PREVALENCE),
    losses.Focal(alpha=[0.25, 0.5, 0.75]),
    losses.Asymmetric(),
    losses.Hill(),
    losses.LDAM(prevalence=PREVALENCE, scale=2.0),
    losses.DistributionBalanced(prevalence=PREVALENCE, rebalance=False),
    losses.PropensityBinaryCrossentropy(propensity=[0.3, 0.6, 1.0]),
    losses.PropensityBinaryCrossentropy(propensity=[0.8, 0.6, 1.0], form="unbiased"),
]


@pytest.mark.parametrize("loss", ADDING_UP, ids=lambda loss: type(loss).__name__)
def test_every_loss_that_adds_up_over_labels(loss):
    """Where the gradients of both sides balance, the scores stand for the true frequencies."""
    e = effect(WEIGHTS, Y, loss=loss)
    for key in ("loss_share", "positive_share_of_gradient", "threshold", "log_odds_shift"):
        assert np.isfinite(getattr(e, key)).all()
    link = (
        type(loss)
        .from_config(loss.get_config() | {"positive_weight": WEIGHTS.positive.tolist()})
        .link
    )
    assert e.threshold == pytest.approx(link.to_probability(np.zeros((1, 3)))[0])
    balanced = link.logits(Y.mean(axis=0)[None, :])
    at_balance = effect(WEIGHTS, Y, loss=loss, scores=np.tile(balanced, (len(Y), 1)))
    assert at_balance.positive_share_of_gradient == pytest.approx([0.5] * 3, rel=1e-3)


@pytest.mark.parametrize("loss", [losses.ZLPR(), losses.DistributionBalanced(prevalence=[0.1] * 3)])
def test_other_losses_are_refused(loss):
    with pytest.raises(
        (InvalidInput, Undefined), match="sum over labels.*ZLPR|depend on all labels"
    ):
        effect(WEIGHTS, Y, loss=loss)


def test_absent_labels_and_rendering():
    y = np.zeros((5, 2))
    e = effect(eq.LabelWeights.from_targets(y), y)
    assert np.isfinite(e.positive_share_of_loss).all()
    json.dumps(e.to_dict(), allow_nan=False)
    assert "0.5 stands for" in str(e)
    assert "<table>" in e._repr_html_()


def test_wrong_input():
    with pytest.raises(InvalidInput, match="3 label weights but `y` has 2"):
        effect(WEIGHTS, Y[:, :2])
    with pytest.raises(InvalidInput, match="finite logits in the shape of y"):
        effect(WEIGHTS, Y, scores=np.zeros(3))
    with pytest.raises(InvalidInput, match="a loss of equipoise.losses"):
        effect(WEIGHTS, Y, loss="binary_crossentropy")
    with pytest.raises(Undefined, match="weight 0"):
        effect(eq.LabelWeights([0.0, 1.0, 1.0], [1.0] * 3, ("a", "b", "c")), Y)

"""Mistakes of published implementations, one test each: what they do wrong, ours does right."""

import keras
import numpy as np
import pytest
from keras import ops
from loss_helpers import cells_of, number, reference_gradients, value_and_grad
from scipy.special import expit

from equipoise import LabelStats
from equipoise.losses import (
    ZLPR,
    Asymmetric,
    CategoricalFocal,
    DistributionBalanced,
    Focal,
    FromIndices,
    Hill,
    SoftFBeta,
    TwoWay,
    WeightedBinaryCrossentropy,
)
from loss_formulas import asymmetric_sides

pytestmark = pytest.mark.keras

FAR = np.array([[-1e4, -110.0, -88.0, -18.4, -17.0, 17.0, 18.4, 88.0, 110.0, 1e4]], dtype="float32")


def finite_everywhere(loss, targets=(0.0, 1.0, 0.5), z=FAR):
    for y in targets:
        value, gradient = value_and_grad(loss, np.full(z.shape, y), z)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()


# --------------------------------------------------------------------------- asymmetric loss


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_asymmetric_in_half_precision_has_no_nan(half):
    """An epsilon of 1e-8 inside the logarithm is 0 in float16: log 0, then 0 · ∞."""
    loss = Asymmetric(from_logits=True, dtype=half)
    finite_everywhere(loss, z=ops.cast(np.clip(FAR, -6e4, 6e4), half))


def test_asymmetric_keeps_the_gradient_of_confident_misses():
    """A clamp of the probability at 1e-8 leaves positives at z < −18.4 without any gradient."""
    z = np.array([[-18.5, -30.0, -100.0, -1e4]], dtype="float32")
    for detach in (False, True):
        loss = Asymmetric(detach=detach, from_logits=True, reduction="sum")
        gradient = value_and_grad(loss, np.ones((1, 4)), z)[1]
        np.testing.assert_allclose(gradient, -1.0, rtol=1e-6)


def test_asymmetric_says_whether_its_factors_are_detached():
    """The authors' two variants have different defaults, silently."""
    y, z = np.array([[1.0, 0.0]]), np.array([[0.3, 0.3]], dtype="float32")
    default = value_and_grad(Asymmetric(from_logits=True), y, z)
    explicit = value_and_grad(Asymmetric(detach=False, from_logits=True), y, z)
    detached = value_and_grad(Asymmetric(detach=True, from_logits=True), y, z)
    assert default[0] == explicit[0] == detached[0]
    assert (default[1] == explicit[1]).all()
    assert (np.abs(detached[1]) < np.abs(explicit[1])).all()
    assert Asymmetric().get_config()["detach"] is False


def test_asymmetric_does_not_grow_with_batch_and_labels():
    """A sum as the only reduction makes the learning rate depend on both."""
    loss = Asymmetric(from_logits=True)
    small = number(loss(np.eye(2), np.ones((2, 2), dtype="float32")))
    large = number(loss(np.tile(np.eye(2), (8, 5)), np.ones((16, 10), dtype="float32")))
    assert large == pytest.approx(small, rel=1e-5)


def test_asymmetric_without_margin_stays_in_logit_space():
    """log(1 − p) underflows for a confident positive."""
    z = np.array([[16.0, 17.5, 30.0, 1e4]], dtype="float32")
    for y in (0.0, 1.0):
        loss = Asymmetric(margin=0.0, from_logits=True, reduction="none")
        wanted = asymmetric_sides(z.astype(np.float64), 1, 4, 0)[0 if y else 1]
        np.testing.assert_allclose(
            cells_of(loss, np.full((1, 4), y), z), wanted, rtol=1e-5, atol=1e-37
        )
        assert np.isfinite(value_and_grad(loss, np.full((1, 4), y), z)[1]).all()


# --------------------------------------------------------------------------------- focal loss


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 0.9, 1.0, 2.0, 3.3])
def test_focal_is_finite_for_every_gamma(gamma):
    """(1 − p)^γ with 0 < γ < 1 has an infinite slope at p = 1, and 0⁰ is undefined."""
    finite_everywhere(Focal(gamma, from_logits=True))
    finite_everywhere(Asymmetric(gamma, gamma, 0.05, from_logits=True))
    finite_everywhere(Asymmetric(gamma, gamma, 0.0, from_logits=True))
    z = np.array([[1e4, 0.0], [-1e4, 50.0]], dtype="float32")
    value, gradient = value_and_grad(CategoricalFocal(gamma, from_logits=True), np.eye(2), z)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_focal_keeps_the_gradient_of_confident_misses():
    """Through clipped probabilities that of z = −30 is −7.5e-13, Keras' own answer."""
    y, z = np.ones((1, 1)), np.full((1, 1), -30.0, dtype="float32")
    gradient = value_and_grad(Focal(2.0, 0.25, from_logits=True), y, z)[1]
    assert gradient[0, 0] == pytest.approx(-0.25, rel=1e-5)


# --------------------------------------------------------------- distribution-balanced loss


def test_distribution_balanced_bears_a_label_without_positives():
    """1/n of one such label makes every weight of every row NaN."""
    y = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    stats = LabelStats.from_targets(y)
    assert stats.positives.tolist() == [1, 1, 0]
    for rebalance in (True, False):
        loss = DistributionBalanced(stats, rebalance=rebalance, from_logits=True)
        value, gradient = value_and_grad(loss, y, np.ones((3, 3), dtype="float32"))
        assert np.isfinite(value)
        assert (np.isfinite(gradient) & (gradient != 0)).all()


def test_distribution_balanced_bears_rows_without_labels():
    """Weights divided by their sum over the labels of a row are 0/0 there."""
    loss = DistributionBalanced(prevalence=[0.1, 0.2], from_logits=True)
    value, gradient = value_and_grad(loss, np.zeros((2, 2)), np.zeros((2, 2), dtype="float32"))
    assert np.isfinite(value)
    assert (gradient > 0).all()


def test_distribution_balanced_takes_kappa_from_the_paper():
    """The authors' code divides it by λ."""
    paper = DistributionBalanced(prevalence=[0.1], lambda_=5.0, kappa=0.1)
    code = DistributionBalanced(prevalence=[0.1], lambda_=5.0, kappa=0.1, kappa_over_lambda=True)
    offsets = [loss.label_parameters["offset"][0] for loss in (paper, code)]
    assert offsets[0] == pytest.approx(-0.1 * np.log(9))
    assert offsets[1] == pytest.approx(offsets[0] / 5)


def test_distribution_balanced_leaves_the_logits_alone():
    """Scaling logits in place also changes what the metrics see."""
    z = np.array([[0.5, -0.5]], dtype="float32")
    tensor = ops.convert_to_tensor(z.copy())
    DistributionBalanced(prevalence=[0.1, 0.2], from_logits=True)([[1.0, 0.0]], tensor)
    assert (ops.convert_to_numpy(tensor) == z).all()


# --------------------------------------------------------------------------- Hill, two-way, …


def test_hill_is_finite_for_confident_negatives():
    """log of an underflowed probability at z = −110 gives NaN."""
    finite_everywhere(Hill(from_logits=True))
    value, gradient = value_and_grad(
        Hill(from_logits=True), np.zeros((1, 1)), np.full((1, 1), -110.0, dtype="float32")
    )
    assert value == 0.0
    assert gradient[0, 0] == 0.0


@pytest.mark.parametrize("y", [0.0, 1.0, np.nan])
def test_two_way_bears_a_batch_of_one_side(y):
    """A log-sum over no positives is −∞, and its gradient NaN."""
    loss = TwoWay(from_logits=True)
    value, gradient = value_and_grad(loss, np.full((3, 2), y), np.ones((3, 2), dtype="float32"))
    assert value == 0.0
    assert (gradient == 0).all()
    finite_everywhere(loss, targets=(0.0, 1.0))
    mixed = np.array([[1.0, 0.0] * 5])
    value, gradient = value_and_grad(loss, mixed, FAR)
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_two_way_admits_that_it_has_no_probabilities():
    """Its logits have no threshold of their own."""
    with pytest.raises(ValueError, match="no inverse link.*Calibrator"):
        TwoWay().to_probability([[0.0]])


def test_soft_f_applies_the_sigmoid_once():
    """A sigmoid of probabilities keeps every decision within [.50, .73]."""
    y = np.array([[1.0], [0.0]])
    z = np.array([[50.0], [-50.0]], dtype="float32")
    assert number(SoftFBeta(from_logits=True)(y, z)) == pytest.approx(0.0, abs=1e-6)
    p = expit(z)
    assert number(SoftFBeta()(y, p)) == pytest.approx(0.0, abs=1e-6)
    assert number(SoftFBeta()(y, keras.activations.sigmoid(ops.convert_to_tensor(z)))) < 1e-6


def test_zlpr_is_finite_for_rows_with_any_number_of_labels():
    """Published sparse forms give NaN where a row has no label, or all."""
    for y in (np.zeros((2, 3)), np.ones((2, 3)), np.eye(2, 3)):
        value, gradient = value_and_grad(ZLPR(from_logits=True), y, np.zeros((2, 3), "float32"))
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    finite_everywhere(ZLPR(from_logits=True))


def test_indices_may_be_nothing_but_padding():
    loss = FromIndices(WeightedBinaryCrossentropy(from_logits=True))
    value, gradient = value_and_grad(loss, np.full((2, 4), -1), np.zeros((2, 3), dtype="float32"))
    assert value == pytest.approx(np.log(2), rel=1e-6)
    np.testing.assert_allclose(gradient, 0.5 / 6, rtol=1e-6)


# --------------------------------------------------------------------------- saturated sigmoids


def test_a_saturated_probability_keeps_its_gradient():
    """Clipped at 1e-7, y = 1 at z = −17 has none on JAX and Torch."""
    y, z = np.ones((1, 3)), np.array([[-17.0, -40.0, -80.0]], dtype="float32")
    for loss in (
        WeightedBinaryCrossentropy(reduction="sum"),
        Focal(reduction="sum"),
        Asymmetric(reduction="sum"),
    ):
        gradient = value_and_grad(loss, y, z, activation=keras.activations.sigmoid)[1]
        np.testing.assert_allclose(gradient, reference_gradients(y, z), rtol=1e-4)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import cells_of, number, value_and_grad
from scipy.special import expit

from equipoise._errors import InvalidInput
from equipoise.losses import Asymmetric, Focal
from loss_formulas import asymmetric_sides

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=8, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-15, 15, width=32))


def asymmetric(*numbers, **options):
    return Asymmetric(*numbers, from_logits=True, **options)


@few
@given(labels, logits, st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.5]))
def test_with_equal_gammas_and_no_margin_it_is_focal(y, z, gamma):
    ours = value_and_grad(asymmetric(gamma, gamma, 0.0), y, z)
    focal = value_and_grad(Focal(gamma, from_logits=True), y, z)
    assert ours[0] == pytest.approx(focal[0], rel=1e-6)
    np.testing.assert_allclose(ours[1], focal[1], rtol=1e-5, atol=1e-9)


def test_hand_computed_number():
    # p = .8: a positive costs .2 · log(1/.8); with m = .05 a negative .75⁴ · log(1/.25).
    z = np.log([[4.0, 4.0]]).astype("float32")
    cells = cells_of(asymmetric(reduction="none"), [[1.0, 0.0]], z)
    np.testing.assert_allclose(cells[0], [0.2 * np.log(1.25), 0.75**4 * np.log(4)], rtol=1e-5)


def test_negatives_below_the_margin_cost_nothing():
    z = np.array([[-2.95, -5.0, -100.0]], dtype="float32")  # σ(−2.944) is .05
    value, gradient = value_and_grad(asymmetric(), np.zeros((1, 3)), z)
    assert value == 0.0
    assert (gradient == 0).all()


@pytest.mark.parametrize("gammas", [(1.0, 4.0), (0.5, 1.5), (0.0, 2.0)])
@pytest.mark.parametrize("margin", [0.0, 0.001, 0.05])
def test_detached_factors_are_constants_to_the_gradient(gammas, margin):
    gamma_pos, gamma_neg = gammas
    z = np.linspace(-6, 6, 12).reshape(SHAPE).astype("float32")
    p, q = expit(z.astype(np.float64)), expit(-z.astype(np.float64))
    p_m = np.maximum(p - margin, 0)
    wanted = {
        1.0: -(q**gamma_pos) * q,
        0.0: np.where(p_m > 0, p_m**gamma_neg * p * q / (q + np.minimum(margin, p)), 0.0),
    }
    for y, slope in wanted.items():
        labels = np.full(SHAPE, y)
        options = {"detach": True, "reduction": "sum"}
        value, gradient = value_and_grad(
            asymmetric(gamma_pos, gamma_neg, margin, **options), labels, z
        )
        np.testing.assert_allclose(gradient, slope, rtol=2e-5, atol=1e-9)
        attached = number(asymmetric(gamma_pos, gamma_neg, margin, reduction="sum")(labels, z))
        assert value == pytest.approx(attached, rel=1e-6)


@pytest.mark.parametrize("margin", [1e-6, 1e-3, 0.01, 0.05, 0.5])
def test_every_margin_is_exact_for_confident_mistakes(margin):
    z = np.array([[2.0, 8.0, 17.0, 40.0]], dtype="float32")
    loss = asymmetric(margin=margin, reduction="none")
    wanted = asymmetric_sides(z.astype(np.float64), 1, 4, margin)[1]
    np.testing.assert_allclose(cells_of(loss, np.zeros((1, 4)), z), wanted, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma_pos": -1.0}, "`gamma_pos` must be a number in \\[0"),
        ({"gamma_neg": np.nan}, "`gamma_neg` must be a number in \\[0"),
        ({"margin": 1.0}, "`margin` must be a number in \\[0, 1\\)"),
        ({"margin": -0.1}, "`margin` must be a number in \\[0, 1\\)"),
        ({"detach": None}, "`detach` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        Asymmetric(**options)

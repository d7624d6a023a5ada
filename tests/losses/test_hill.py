import numpy as np
import pytest
from loss_helpers import cells_of, value_and_grad

from equipoise._errors import InvalidInput
from equipoise.losses import Focal, Hill

pytestmark = pytest.mark.keras


def test_hand_computed_number():
    # A positive at z = 1 is at its margin: ½² · log 2. A negative of p = .8: .7 · .64.
    z = np.array([[1.0, np.log(4.0)]], dtype="float32")
    cells = cells_of(Hill(from_logits=True, reduction="none"), [[1.0, 0.0]], z)
    np.testing.assert_allclose(cells[0], [0.25 * np.log(2), 0.7 * 0.64], rtol=1e-6)


def test_positives_are_those_of_focal_loss_behind_a_margin():
    z = np.linspace(-9, 9, 12, dtype="float32").reshape(4, 3)
    y = np.ones((4, 3))
    hill = Hill(margin=0.75, gamma=1.5, from_logits=True)
    focal = Focal(gamma=1.5, from_logits=True)
    ours, theirs = value_and_grad(hill, y, z), value_and_grad(focal, y, z - np.float32(0.75))
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    np.testing.assert_allclose(ours[1], theirs[1], rtol=1e-5, atol=1e-9)


def test_sure_mistakes_on_negatives_are_let_be():
    z = np.array([[-6.0, -1.0, 0.7, 3.0, 8.0]], dtype="float32")
    slope = value_and_grad(Hill(from_logits=True, reduction="sum"), np.zeros((1, 5)), z)[1][0]
    assert slope.argmax() == 2  # 3 p² (1 − p)² · … is steepest near p = 2/3
    assert slope[0] < 1e-4
    assert 0 < slope[4] < 1e-5


def test_it_is_never_rewarded_to_be_wrong():
    with pytest.raises(InvalidInput, match="`lambda_` must be a number in \\[1.5"):
        Hill(lambda_=1.4)
    z = np.linspace(-20, 20, 41, dtype="float32")[None]
    for lambda_ in (1.5, 2.0):
        gradient = value_and_grad(Hill(lambda_, from_logits=True), np.zeros((1, 41)), z)[1]
        assert (gradient >= -1e-12).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"margin": np.inf}, "`margin` must be a number"),
        ({"gamma": -0.5}, "`gamma` must be a number in \\[0"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        Hill(**options)

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from equipoise._errors import InvalidInput
from equipoise.links import LINKS, Link, SigmoidLink

log_odds = st.floats(-12, 12)
weights = st.floats(1e-3, 1e3)


def weighted_crossentropy(z, q, w_positive, w_negative):
    """Expected loss of logit z for a cell that is positive with probability q."""
    return q * w_positive * np.logaddexp(0, -z) + (1 - q) * w_negative * np.logaddexp(0, z)


@given(st.floats(0.01, 0.99), weights, weights)
def test_sigmoid_link_finds_the_true_probability_at_the_minimum(q, w_positive, w_negative):
    z = minimize_scalar(
        weighted_crossentropy,
        args=(q, w_positive, w_negative),
        bounds=(-25, 25),
        method="bounded",
        options={"xatol": 1e-10},
    ).x
    link = SigmoidLink(shift=[np.log(w_positive / w_negative)])
    assert link.to_probability([z])[0] == pytest.approx(q, abs=1e-4)


@given(st.lists(log_odds, min_size=1, max_size=5))
def test_without_a_shift_the_link_is_the_sigmoid(z):
    assert SigmoidLink().to_probability(z) == pytest.approx(1 / (1 + np.exp(-np.array(z))))
    assert SigmoidLink().log_odds(z).tolist() == z


def test_published_numbers():
    # Weighted 9:1, a probability of .5 is read for a true one of .1, and .9 for .5.
    link = SigmoidLink(shift=np.log(9.0))
    assert link.to_probability(0.0) == pytest.approx(0.1)
    assert link.to_probability(np.log(9.0)) == pytest.approx(0.5)


def test_far_logits_stay_finite_and_in_order():
    z = np.array([[-1e4], [-700.0], [-1.0], [0.0], [1.0], [700.0], [1e4]])
    link = SigmoidLink(shift=[30.0])
    odds, q = link.log_odds(z), link.to_probability(z)
    assert np.isfinite(odds).all()
    assert (np.diff(odds, axis=0) > 0).all()
    assert ((q >= 0) & (q <= 1)).all()
    assert (np.diff(q, axis=0) >= 0).all()


def test_range_is_everything():
    assert SigmoidLink(shift=3.0).range == (0.0, 1.0)
    low, high = SigmoidLink(shift=[1.0, -2.0]).range
    assert (low.tolist(), high.tolist()) == ([0.0, 0.0], [1.0, 1.0])


def test_shift_is_one_per_label_on_the_last_axis():
    link = SigmoidLink(shift=[1.0, 0.0, -1.0])
    odds = link.log_odds(np.zeros((2, 4, 3), dtype=np.float32))
    assert odds.shape == (2, 4, 3)
    assert (odds == [-1.0, 0.0, 1.0]).all()
    assert link.log_odds([0, 0, 0]).tolist() == [-1.0, 0.0, 1.0]


@pytest.mark.parametrize("link_class", LINKS.values())
@pytest.mark.parametrize("shift", [0.0, 1.5, [0.5, -2.0]])
def test_links_round_trip_through_json(link_class, shift):
    link = link_class(shift=shift)
    payload = json.loads(json.dumps(link.to_dict(), allow_nan=False))
    z = np.array([[0.3, -4.0]])
    for restored in (Link.from_dict(payload), link_class.from_dict(payload)):
        assert type(restored) is link_class
        assert restored.to_dict() == link.to_dict()
        assert (restored.to_probability(z) == link.to_probability(z)).all()


def test_a_link_cannot_be_changed():
    shift = np.array([1.0, 2.0])
    link = SigmoidLink(shift)
    shift[0] = 9.0
    assert link.shift.tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="read-only"):
        link.shift[0] = 9.0
    with pytest.raises(AttributeError):
        link.shift = 0.0


def test_links_need_no_keras():
    code = "import sys, equipoise.links; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tensors_of_torch_are_read():
    torch = pytest.importorskip("torch")
    z = torch.tensor([[0.0, 2.0]], dtype=torch.bfloat16, requires_grad=True)
    assert SigmoidLink(shift=[0.0, 2.0]).to_probability(z).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize(
    ("shift", "message"),
    [
        (np.inf, "one finite number, or one per label"),
        ([0.0, np.nan], "one finite number, or one per label"),
        ([[0.0]], "one finite number, or one per label.*shape \\(1, 1\\)"),
        ("many", "`shift` must hold numbers"),
    ],
)
def test_a_wrong_shift_is_refused(shift, message):
    with pytest.raises(InvalidInput, match=message):
        SigmoidLink(shift=shift)


@pytest.mark.parametrize(
    ("z", "message"),
    [
        ([[0.0, 0.0, 0.0]], "made for 2 labels.*\\(1, 3\\)"),
        ([[0.0], [0.0]], "made for 2 labels.*\\(2, 1\\)"),
        (0.0, "made for 2 labels.*\\(\\)"),
        ([[0.0, np.nan]], "must not hold NaN.*1 NaN"),
        ([["a", "b"]], "must be an array of numbers"),
    ],
)
def test_wrong_logits_are_refused(z, message):
    with pytest.raises(InvalidInput, match=message):
        SigmoidLink(shift=[0.0, 0.0]).log_odds(z)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "SigmoidLnik"}, "not a saved Link.*Did you mean 'SigmoidLink'"),
        ({"kind": None}, "not a saved Link"),
        ({"schema_version": 99}, "newer equipoise"),
        ({"schema_version": "1"}, "no valid `schema_version`"),
        ({"shfit": 0.0}, "no field 'shfit'.*Did you mean 'shift'"),
    ],
)
def test_a_wrong_payload_is_refused(change, message):
    with pytest.raises(InvalidInput, match=message):
        Link.from_dict(SigmoidLink().to_dict() | change)

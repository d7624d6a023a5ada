"""Calibrator: each map does what it says, on rows it has not seen, and harm is told."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from equipoise import exact
from equipoise._errors import InvalidInput
from equipoise.decision import Calibrator, compare_calibration, cross_fitted_probabilities

METHODS = ("temperature", "logistic", "beta", "isotonic")


@pytest.fixture(scope="module")
def calibrated():
    """Labels that come true with the probabilities σ(z)."""
    rng = np.random.default_rng(0)
    z = rng.normal(scale=1.5, size=(4000, 4)) + np.array([-3, -1, 0, 1])
    return (rng.random(z.shape) < expit(z)).astype(np.uint8), z


def distorted(z, method):
    """Log-odds that the method can turn back into z, label by label."""
    p = expit(z)
    return {
        "temperature": 2.5 * z,
        "logistic": 0.5 * z + 2,
        # Beta with a = 1/2, b = 1/3, c = 1, solved for the score: σ⁻¹ of its inverse by bisection.
        "beta": np.interp(
            z,
            *(lambda s: (-0.5 * np.logaddexp(0, -s) + np.logaddexp(0, s) / 3 + 1, s))(
                np.linspace(-60, 60, 20001)
            ),
        ),
        "isotonic": logit(p**3),
    }[method]


@pytest.mark.parametrize("method", METHODS)
def test_a_distortion_of_its_kind_is_undone(calibrated, method):
    y, z = calibrated
    scores = distorted(z, method)
    half = len(y) // 2
    calibrator = Calibrator(method).fit(scores[:half], y[:half], from_logits=True)
    before = exact.log_loss(y[half:], expit(scores[half:]), average="micro")
    after = exact.log_loss(
        y[half:], calibrator.transform(scores[half:], from_logits=True), average="micro"
    )
    ideal = exact.log_loss(y[half:], expit(z[half:]), average="micro")
    assert ideal <= after + 0.002
    assert after - ideal < 0.15 * (before - ideal) + 0.004
    if method in ("logistic", "beta"):
        found = calibrator.log_odds(scores[half:], from_logits=True)
        inside = np.abs(z[half:]) < 3
        assert np.abs(found - z[half:])[inside].mean() < 0.15


def test_the_maps_are_scikit_learns(calibrated):
    y, z = calibrated
    p = expit(2 * z)
    logistic = Calibrator("logistic").fit(p, y).transform(p)
    isotonic = Calibrator("isotonic").fit(p, y).transform(p)
    for label in range(4):
        peer = LogisticRegression(C=1e4, max_iter=1000).fit(2 * z[:, [label]], y[:, label])
        np.testing.assert_allclose(
            logistic[:, label], peer.predict_proba(2 * z[:, [label]])[:, 1], atol=1e-5
        )
        steps = IsotonicRegression(out_of_bounds="clip").fit_transform(p[:, label], y[:, label])
        inner = (steps > 0.01) & (steps < 0.99)
        np.testing.assert_allclose(isotonic[inner, label], steps[inner], atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_order_of_scores_never_turns_round(calibrated, method):
    y, z = calibrated
    for labels in (y, 1 - y):  # the second: the higher the score, the rarer the label
        calibrator = Calibrator(method).fit(expit(3 * z), labels)
        grid = np.linspace(0, 1, 501)[:, None].repeat(4, axis=1)
        p = calibrator.transform(grid)
        assert np.isfinite(calibrator.log_odds(grid)).all()
        if labels is y:
            assert (np.diff(p, axis=0) >= -1e-12).all()


def test_rare_labels_share_one_map(calibrated):
    y, z = calibrated
    y = y.copy()
    y[150:, 0] = 0  # some 8 positives
    y[100:, 1] = 0
    y[:, 3] = 0
    calibrator = Calibrator("logistic", min_positives=60).fit(z, y, from_logits=True)
    assert calibrator.own_.tolist() == [False, False, True, False]
    at = calibrator.log_odds(np.zeros((1, 4)), from_logits=True)[0]
    assert at[0] == at[1] == at[3] != at[2]
    shared = LogisticRegression(C=1e4, max_iter=1000)
    shared.fit(z[:, [0, 1, 3]].T.reshape(-1, 1), y[:, [0, 1, 3]].T.reshape(-1))
    assert at[0] == pytest.approx(shared.intercept_[0], rel=1e-3)
    pooled = Calibrator("temperature", pooled=True).fit(2 * z, y, from_logits=True)
    assert not pooled.own_.any()
    nothing = Calibrator().fit(z, np.zeros(y.shape), from_logits=True)
    np.testing.assert_allclose(nothing.log_odds(z, from_logits=True), z)


def test_unknown_cells_and_weights(calibrated):
    y, z = calibrated[0][:600].astype(float), calibrated[1][:600] * 2
    unknown, w = y.copy(), np.ones(y.shape)
    unknown[300:, 2] = np.nan
    w[300:, 2] = 0
    for method in METHODS:
        a = Calibrator(method).fit(z, unknown, from_logits=True)
        b = Calibrator(method).fit(z, y, from_logits=True, sample_weight=w)
        np.testing.assert_allclose(
            a.log_odds(z, from_logits=True), b.log_odds(z, from_logits=True), atol=2e-4
        )


@pytest.mark.parametrize("method", METHODS)
def test_perfect_separation_stays_finite(method):
    y = np.array([0] * 50 + [1] * 50)
    p = np.where(y == 1, 1.0, 0.0)
    q = Calibrator(method).fit(p, y).transform([0.0, 0.5, 1.0])
    assert np.isfinite(q).all()
    assert q[0] < 0.05
    assert q[2] > 0.95


def test_a_label_that_is_always_right_is_not_sure_beyond_what_was_seen():
    rng = np.random.default_rng(0)
    y = np.array([0] * 200 + [1] * 50)
    z = rng.normal(size=250) + np.where(y == 1, 8, -8)
    p = Calibrator("temperature").fit(z, y, from_logits=True).transform([2.0], from_logits=True)
    assert 0.5 < p[0] < 0.9  # one to the other side of the gap is possible


def test_cross_fitting_does_not_flatter():
    rng = np.random.default_rng(3)
    y = (rng.random((400, 1)) < 0.1).astype(int)
    noise = rng.random(y.shape)
    same = Calibrator("isotonic").fit(noise, y).transform(noise)
    honest = cross_fitted_probabilities(noise, y, Calibrator("isotonic"))
    base = exact.log_loss(y, np.full(y.shape, y.mean()))
    assert exact.log_loss(y, same) < base  # learned the noise by heart
    assert exact.log_loss(y, honest) > base


def test_the_comparison_says_what_helps_and_what_does_harm(calibrated):
    y, z = calibrated
    found = compare_calibration(y, 3 * z, others={"corrected": expit(z)}, from_logits=True)
    assert found.best() in ("corrected", "logistic", "temperature", "beta")
    said = " ".join(found.verdict())
    assert "corrected helps" in said
    assert "temperature helps" in said
    assert set(found.table()["way"]) == {"raw", "corrected", *METHODS}
    good = compare_calibration(y[:300], z[:300], ["isotonic"], from_logits=True, min_positives=5)
    assert good.best() == "raw"
    assert "helps" not in " ".join(good.verdict())


def test_calibrators_survive_saving(tmp_path, calibrated):
    y, z = calibrated
    y = y.copy()
    y[40:, 0] = 0
    for method in METHODS:
        calibrator = Calibrator(method).fit(2 * z, y, from_logits=True)
        payload = json.loads(json.dumps(calibrator.to_dict(), allow_nan=False))
        for same in (
            Calibrator.from_dict(payload),
            Calibrator.from_json(calibrator.to_json(tmp_path / "c.json")),
        ):
            np.testing.assert_array_equal(
                same.transform(z, from_logits=True), calibrator.transform(z, from_logits=True)
            )
            assert repr(same) == repr(calibrator)
    with pytest.raises(InvalidInput, match="not complete"):
        Calibrator.from_dict({k: v for k, v in payload.items() if k != "maps"})
    with pytest.raises(InvalidInput, match="not complete"):
        Calibrator.from_dict({**payload, "maps": [{"kind": "linear"}] * 4})


def test_wrong_input_is_refused(calibrated):
    y, z = calibrated
    with pytest.raises(InvalidInput, match="`method` must be one of"):
        Calibrator("platt")
    with pytest.raises(InvalidInput, match="must hold probabilities in"):
        Calibrator().fit(z, y)
    with pytest.raises(InvalidInput, match="is not fitted"):
        Calibrator().transform(z)
    with pytest.raises(InvalidInput, match="is not fitted"):
        Calibrator().to_dict()
    fitted = Calibrator().fit(z, y, from_logits=True)
    with pytest.raises(InvalidInput, match="must have 4 columns"):
        fitted.transform(z[:, :2], from_logits=True)
    with pytest.raises(InvalidInput, match="`y_score` holds NaN"):
        fitted.transform(np.full((1, 4), np.nan), from_logits=True)
    with pytest.raises(InvalidInput, match="is there already"):
        compare_calibration(y, z, others={"raw": expit(z)}, from_logits=True)


# ----------------------------------------------------------------------------- reliability curve


@pytest.mark.parametrize("strategy", ["width", "mass"])
def test_the_curve_is_the_bins_and_its_intervals_hold_the_truth(calibrated, strategy):
    y, z = calibrated
    p = expit(z)
    curve = exact.reliability_curve(y, p, n_bins=12, strategy=strategy)
    assert curve.weight.sum() == y.size
    assert (np.diff(curve.predicted) > 0).all()
    # The calibration error is the curve's mean distance to the diagonal.
    error = (curve.weight * np.abs(curve.predicted - curve.observed)).sum() / y.size
    expected = exact.expected_calibration_error(y, p, n_bins=12, strategy=strategy, average="micro")
    assert error == pytest.approx(expected)
    inside = (curve.low <= curve.predicted) & (curve.predicted <= curve.high)
    assert inside.sum() >= 10
    assert ((curve.low <= curve.observed) & (curve.observed <= curve.high)).all()


def test_wilsons_interval_by_hand():
    # 1 of 4, z = 1.96: middle (.25 + .4802)/1.9604 = .3725, half .3269 (computed by hand)
    curve = exact.reliability_curve([1, 0, 0, 0], [0.2] * 4, n_bins=1)
    np.testing.assert_allclose([curve.low[0], curve.high[0]], [0.0456, 0.6994], atol=2e-4)
    doubled = exact.reliability_curve([1, 0, 0, 0], [0.2] * 4, n_bins=1, sample_weight=[2] * 4)
    np.testing.assert_allclose(doubled.low, curve.low)


def test_scores_that_are_no_numbers_are_refused():
    fitted = Calibrator("temperature").fit([[0.2], [0.8]], [[0], [1]])
    with pytest.raises(InvalidInput, match="must hold numbers"):
        fitted.transform([["a"]])


def test_saved_maps_that_give_no_numbers_are_refused():
    saved = Calibrator("temperature").fit([[0.2], [0.8]], [[0], [1]]).to_dict()
    broken = {"kind": "temperature", "temperature": 0.0}
    with pytest.raises(InvalidInput, match="not complete"):
        Calibrator.from_dict({**saved, "maps": [broken]})

"""Metrics of probabilities: parity with scikit-learn, brute force, conventions."""

import itertools

import numpy as np
import pytest
from exact_cases import TOLERANCE, cases
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.exact import calibration

KINDS = ("continuous", "ties", "constant", "saturated")


@pytest.mark.parametrize("kind", KINDS)
def test_log_loss_and_brier_score_are_those_of_scikit_learn(kind):
    for y, p, w in cases(kind, 60):
        clipped = p
        if p.dtype == np.float32:  # scikit-learn adds float32 up in float32
            epsilon = np.finfo(np.float32).eps
            happened = np.clip(np.where(y == 1, p, 1 - p), epsilon, 1 - epsilon)
            clipped = np.where(y == 1, happened.astype(float), 1 - happened.astype(float))
        loss = exact.log_loss(y, p, average=None, sample_weight=w)
        brier = exact.brier_score(y, p, average=None, sample_weight=w)
        for label in range(y.shape[1]):
            wanted = sk.log_loss(y[:, label], clipped[:, label], sample_weight=w, labels=[0, 1])
            np.testing.assert_allclose(loss[label], wanted, rtol=1e-9, atol=1e-12)
            if p.dtype == np.float64:
                np.testing.assert_allclose(loss[label], wanted, **TOLERANCE)
            wanted = sk.brier_score_loss(
                y[:, label], p[:, label].astype(float), sample_weight=w, labels=[0, 1]
            )
            np.testing.assert_allclose(brier[label], wanted, **TOLERANCE)
        for average in ("macro", "micro", "samples"):
            found = exact.log_loss(y, p, average=average, sample_weight=w)
            np.testing.assert_allclose(found, loss.mean(), **TOLERANCE)
            found = exact.brier_score(y, p, average=average, sample_weight=w)
            np.testing.assert_allclose(found, brier.mean(), **TOLERANCE)
        weight = np.ones(len(y)) if w is None else w
        if (weight @ y).any():
            found = exact.brier_score(y, p, average="weighted", sample_weight=w)
            np.testing.assert_allclose(found, np.average(brier, weights=weight @ y), **TOLERANCE)


def test_a_sure_mistake_costs_what_the_dtype_can_tell_apart():
    for dtype, cost in ((np.float32, 15.942385), (np.float64, 36.043653)):
        p = np.array([1.0, 0.0], dtype=dtype)
        assert exact.log_loss([0, 1], p) == pytest.approx(cost, rel=1e-6)
        assert exact.log_loss([1, 0], p) == pytest.approx(np.finfo(dtype).eps, rel=1e-3)


# ------------------------------------------------------------------------ calibration error


@pytest.mark.parametrize("strategy", ["width", "mass"])
def test_calibration_error_against_the_bins_of_scikit_learn(strategy):
    rng = np.random.default_rng(0)
    for _ in range(40):
        n, n_bins = int(rng.integers(5, 80)), int(rng.integers(1, 12))
        p = rng.random(n)
        y = (rng.random(n) < p**2).astype(int)
        if strategy == "width":
            edges = np.linspace(0, 1, n_bins + 1)
            frequency, mean = calibration_curve(y, p, n_bins=n_bins)
        else:
            edges = np.quantile(p, np.linspace(0, 1, n_bins + 1), method="inverted_cdf")
            edges[0] = -1
            frequency = mean = None
        inside = [(p > a) & (p <= b) for a, b in itertools.pairwise(edges)]
        filled = [b for b in inside if b.any()]
        if frequency is None:
            frequency = np.array([y[b].mean() for b in filled])
            mean = np.array([p[b].mean() for b in filled])
        wanted = sum(b.mean() * abs(f - m) for b, f, m in zip(filled, frequency, mean, strict=True))
        found = exact.expected_calibration_error(y, p, n_bins=n_bins, strategy=strategy)
        assert found == pytest.approx(wanted, abs=1e-12)


@pytest.mark.parametrize("strategy", ["width", "mass"])
def test_whole_weights_are_repeated_rows(strategy):
    rng = np.random.default_rng(1)
    for y, p, _ in cases("ties", 60):
        times = rng.integers(0, 4, size=len(y))
        times[0] += 1
        options = {"n_bins": 4, "strategy": strategy}
        for average in (None, "micro"):
            np.testing.assert_allclose(
                exact.expected_calibration_error(
                    y, p, sample_weight=times, average=average, **options
                ),
                exact.expected_calibration_error(
                    np.repeat(y, times, axis=0),
                    np.repeat(p, times, axis=0),
                    average=average,
                    **options,
                ),
                **TOLERANCE,
            )


def test_calibration_error_by_hand():
    y, p = [0, 1, 1, 0], [0.2, 0.2, 0.6, 0.6]
    assert exact.expected_calibration_error(y, p, n_bins=2) == pytest.approx(0.2)
    # bins are closed on the right: 0.5 lies in the lower one
    assert exact.expected_calibration_error([0, 1], [0.5, 0.6], n_bins=2) == pytest.approx(0.45)
    assert exact.expected_calibration_error([0, 1], [0.0, 1.0]) == 0
    # one bin: mean probability against frequency
    assert exact.expected_calibration_error(y, p, n_bins=1) == pytest.approx(0.1)


def test_equal_probabilities_share_a_bin():
    y, p = [1, 0, 1, 0, 1, 0], [0.5] * 6
    found = exact.expected_calibration_error(y, p, strategy="mass", n_bins=3)
    assert found == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("strategy", ["width", "mass"])
def test_unknown_cells_and_averages_of_calibration_error(strategy):
    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, size=(50, 3)).astype(float), rng.random((50, 3))
    y[rng.random(y.shape) < 0.2] = np.nan
    y[:, 2] = np.nan
    options = {"n_bins": 5, "strategy": strategy}
    each = exact.expected_calibration_error(y, p, average=None, **options)
    assert np.isnan(each[2])
    for label in range(2):
        keep = ~np.isnan(y[:, label])
        alone = exact.expected_calibration_error(y[keep, label], p[keep, label], **options)
        assert each[label] == pytest.approx(alone, abs=1e-14)
    macro = exact.expected_calibration_error(y, p, **options)
    assert macro == pytest.approx(each[:2].mean())
    assert macro.undefined == ("label_2",)
    support = np.nansum(y, axis=0)[:2]
    weighted = exact.expected_calibration_error(y, p, average="weighted", **options)
    assert weighted == pytest.approx(np.average(each[:2], weights=support))
    known = ~np.isnan(y)
    micro = exact.expected_calibration_error(y, p, average="micro", **options)
    assert micro == pytest.approx(
        exact.expected_calibration_error(y[known], p[known], **options), abs=1e-14
    )


def test_blocks_add_up(monkeypatch):
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, size=(90, 3)), rng.random((90, 3)).astype(np.float32)
    metrics = exact.log_loss, exact.brier_score, exact.expected_calibration_error
    whole = [metric(y, p, average="micro") for metric in metrics]
    monkeypatch.setattr(calibration, "_BLOCK", 16)
    blocks = [metric(y, p, average="micro") for metric in metrics]
    np.testing.assert_allclose(blocks, whole, **TOLERANCE)


# ------------------------------------------------------------------------------- hostile input


@pytest.mark.parametrize(
    "metric", [exact.log_loss, exact.brier_score, exact.expected_calibration_error]
)
def test_what_is_no_probability_is_refused(metric):
    with pytest.raises(InvalidInput, match=r"`y_prob` must hold probabilities.*-3 to 2"):
        metric([1, 0], [2.0, -3.0])
    with pytest.raises(InvalidInput, match="`y_prob` holds NaN"):
        metric([1, 0], [0.5, np.nan])
    with pytest.raises(InvalidInput, match="`y_prob` must have one column per label"):
        metric([1, 0], [0.5])
    with pytest.raises(InvalidInput, match="`average` must be one of"):
        metric([1, 0], [0.5, 0.5], average="mean")
    for average in ("macro", "micro"):
        with pytest.raises(Undefined, match="is undefined"):
            metric(np.full((2, 1), np.nan), [[0.5], [0.5]], average=average)


def test_wrong_bins_are_refused():
    with pytest.raises(InvalidInput, match="`strategy` must be one of 'width', 'mass'"):
        exact.expected_calibration_error([1, 0], [0.5, 0.5], strategy="uniform")
    with pytest.raises(InvalidInput, match="`n_bins` must be a whole number of at least 1"):
        exact.expected_calibration_error([1, 0], [0.5, 0.5], n_bins=0)
    with pytest.raises(InvalidInput, match="`average` must be one of"):
        exact.expected_calibration_error([1, 0], [0.5, 0.5], average="samples")

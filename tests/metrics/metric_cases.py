"""What the tests of the Keras metrics share: every metric, generated cells, and exact values."""

import numpy as np
from hypothesis import strategies as st
from keras import ops

from equipoise import exact, metrics
from equipoise._errors import Undefined
from equipoise.decision import Thresholds

N_ROWS, N_LABELS, BATCH = 12, 3, 4  # one shape, for JAX compiles each operation for each
NAMES = ("a", "b", "c")
PROPENSITY = [0.5, 0.25, 1.0]
CUTS = [0.3, 0.5, 0.7]

MAKERS = {
    "FBeta": lambda **o: metrics.FBeta(2.0, threshold=CUTS, **o),
    "BalancedAccuracy": lambda **o: metrics.BalancedAccuracy(
        threshold=Thresholds(CUTS, NAMES), **o
    ),
    "MatthewsCorrelation": lambda **o: metrics.MatthewsCorrelation(**o),
    "HammingLoss": lambda **o: metrics.HammingLoss(threshold=0.25, **o),
    "ROCAUC": lambda **o: metrics.ROCAUC(**o),
    "AveragePrecision": lambda **o: metrics.AveragePrecision(**o),
    "ExpectedCalibrationError": lambda **o: metrics.ExpectedCalibrationError(n_bins=4, **o),
    "BrierScore": lambda **o: metrics.BrierScore(**o),
    "PrecisionAtK": lambda **o: metrics.PrecisionAtK(2, **o),
    "PropensityPrecisionAtK": lambda **o: metrics.PropensityPrecisionAtK(
        1, propensity=PROPENSITY, **o
    ),
}
OVER_LABELS = [name for name in MAKERS if not name.endswith("AtK")]


@st.composite
def cells(draw, weights=("none", "rows", "column", "cells"), n_rows=N_ROWS):
    """Draws (y, p, sample_weight) with unknown cells, absent labels, ties and saturated scores."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (n_rows, N_LABELS)
    y = (rng.random(shape) < draw(st.sampled_from([0.1, 0.5, 0.9]))).astype("float32")
    if draw(st.booleans()):
        y[:, draw(st.integers(0, N_LABELS - 1))] = 0
    if draw(st.booleans()):
        unknown = rng.random(shape) < 0.3
        y[unknown] = draw(st.sampled_from([np.nan, -1.0]))
    kind = draw(st.sampled_from(["continuous", "grid", "constant", "saturated", "crowded"]))
    scores = {
        "continuous": rng.random(shape),
        "grid": rng.integers(0, 5, shape) / 4,
        "constant": np.full(shape, 0.3),
        "saturated": rng.choice([0.0, 1e-30, 0.5, 1.0], shape),
        "crowded": 1 / (1 + np.exp(9 - 1.5 * rng.normal(size=shape))),
    }[kind]
    given = {
        "none": None,
        "rows": rng.random(n_rows) * (rng.random(n_rows) < 0.8),
        "column": rng.random((n_rows, 1)),
        "cells": rng.random(shape) * (rng.random(shape) < 0.8),
    }[draw(st.sampled_from(weights))]
    given = None if given is None else given.astype("float32")
    return y, scores.astype("float32"), given


def for_exact(y):
    """Labels with NaN where unknown: -1 alone, without a 0 beside it, would be refused there."""
    return np.where(y >= 0, y, np.nan)


def fed(metric, y, p, sample_weight=None, batch=BATCH):
    """Returns the metric after all rows, a batch at a time."""
    for start in range(0, len(y), batch):
        rows = slice(start, start + batch)
        metric.update_state(
            y[rows], p[rows], None if sample_weight is None else sample_weight[rows]
        )
    return metric


def numbers(result):
    """Returns a result as a float or a dictionary of floats."""
    if isinstance(result, dict):
        return {name: numbers(value) for name, value in result.items()}
    return float(ops.convert_to_numpy(result))


def per_label(metric):
    """Returns the values of the labels, (L,), of a metric made with per_label=True."""
    result = numbers(metric.result())
    return np.array([result[f"{metric.name}/{name}"] for name in metric.names])


def or_nan(function, *args, **options):
    """Returns what the exact metric gives, NaN where it raises Undefined."""
    try:
        return float(function(*args, **options))
    except Undefined:
        return np.nan


def exact_of(name, y, p, **options):
    """Returns the exact counterpart of a metric in MAKERS."""
    y = for_exact(y)
    if name == "FBeta":
        return exact.f_beta(y, Thresholds(CUTS).predict(p), beta=2.0, **options)
    if name == "BalancedAccuracy":
        return exact.balanced_accuracy(y, Thresholds(CUTS).predict(p), **options)
    if name == "MatthewsCorrelation":
        return exact.matthews_correlation(y, (p >= 0.5).astype(int), **options)
    if name == "HammingLoss":
        return exact.hamming_loss(y, (p >= 0.25).astype(int), **options)
    if name == "ExpectedCalibrationError":
        return exact.expected_calibration_error(y, p, n_bins=4, **options)
    if name == "PrecisionAtK":
        return exact.precision_at_k(y, p, 2, **options)
    if name == "PropensityPrecisionAtK":
        return exact.propensity_precision_at_k(y, p, 1, propensity=PROPENSITY, **options)
    function = {
        "ROCAUC": exact.roc_auc,
        "AveragePrecision": exact.average_precision,
        "BrierScore": exact.brier_score,
    }[name]
    return function(y, p, **options)

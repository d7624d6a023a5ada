"""The area that Keras' AUC reports: its formulas on the counts between its thresholds.

Keras itself takes seconds and much memory for this; that both agree on the installed version is
tested.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def thresholds_of(config: Mapping[str, Any]) -> Floats:
    """Returns the thresholds of an AUC with this config; the ends enclose all probabilities."""
    inner = config.get("thresholds")
    if inner is None:
        n = int(config.get("num_thresholds", 200))
        inner = np.arange(1, n - 1) / (n - 1)
    return np.concatenate([[-1e-7], np.sort(np.asarray(inner, dtype=np.float64)), [1 + 1e-7]])


def binned_area(y: NDArray[Any], scores: Floats, config: Mapping[str, Any]) -> float:
    """Returns what AUC with this config says of (N, L) labels and scores in [0, 1]."""
    if not config.get("multi_label"):
        y, scores = y.reshape(-1, 1), scores.reshape(-1, 1)
    tp, fp = _counts_above(y, scores, thresholds_of(config))
    positives, negatives = tp[:1], fp[:1]  # every score is above the first threshold
    curve = str(config.get("curve", "ROC")).upper()
    method = str(config.get("summation_method", "interpolation")).lower()
    recall = _ratio(tp, positives)
    if curve == "ROC":
        return float(_area(_ratio(fp, negatives), recall, method).mean())
    if method != "interpolation":
        return float(_area(recall, _ratio(tp, tp + fp), method).mean())
    return float(_interpolated_precision(tp, fp).mean())


def _counts_above(y: NDArray[Any], scores: Floats, thresholds: Floats) -> tuple[Floats, Floats]:
    """(T, L) positives and negatives whose score is above each threshold."""
    n_labels, n_bins = y.shape[1], len(thresholds) + 1
    # Keras compares in float32.
    bins = np.searchsorted(thresholds.astype(np.float32), scores.astype(np.float32), side="left")
    cells = (bins + n_bins * np.arange(n_labels)).reshape(-1)
    counts: list[Floats] = []
    for side in (y == 1, y == 0):
        held = np.bincount(cells[side.reshape(-1)], minlength=n_labels * n_bins)
        held = held.reshape(n_labels, n_bins).T.astype(np.float64)
        counts.append(np.cumsum(held[::-1], axis=0)[::-1][1:])
    return counts[0], counts[1]


def _area(x: Floats, y: Floats, method: str) -> Floats:
    """(L,) area under y over x, both falling with the threshold."""
    heights = {
        "interpolation": (y[:-1] + y[1:]) / 2,
        "minoring": np.minimum(y[:-1], y[1:]),
        "majoring": np.maximum(y[:-1], y[1:]),
    }[method]
    return ((x[:-1] - x[1:]) * heights).sum(axis=0)


def _interpolated_precision(tp: Floats, fp: Floats) -> Floats:
    """(L,) area under precision over recall, true and false positives growing linearly.

    Davis and Goadrich, The relationship between precision-recall and ROC curves, ICML 2006,
    section 4, integrated between two thresholds.
    """
    d_tp = tp[:-1] - tp[1:]
    predicted = tp + fp
    slope = _ratio(d_tp, predicted[:-1] - predicted[1:])
    intercept = tp[1:] - slope * predicted[1:]
    both = (predicted[:-1] > 0) & (predicted[1:] > 0)
    growth = np.where(both, _ratio(predicted[:-1], predicted[1:]), 1.0)
    return _ratio(slope * (d_tp + intercept * np.log(growth)), tp[:1]).sum(axis=0)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator != 0)

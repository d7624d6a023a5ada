"""The pooled rule: one line for all labels, log-odds of the threshold against their frequency.

    logit t = a + c·log((n₊ + 1) / (n₋ + 1))

a and c are averages over a grid, each point weighted by how close its macro average comes to the
best: all labels together speak, so a label with three positives, or none, has a threshold too.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from equipoise.decision._objective import Objective
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

_INTERCEPTS = np.linspace(-4.0, 4.0, 33)
_SLOPES = np.linspace(0.0, 1.0, 21)
_CLOSE = 0.003  # macro averages that differ so much are no longer alike


class Pooled(NamedTuple):
    """A fitted line.

    Attributes:
        intercept: a.
        slope: c.
        log_odds: (L,) of the thresholds.
    """

    intercept: float
    slope: float
    log_odds: Float


def pooled_rule(cells: ScoredCells, goal: Objective, *, from_logits: bool) -> Pooled:
    """Fits the line to the labels that have positives (and negatives, where the metric asks)."""
    positive, negative = label_totals(cells)
    log_ratio = np.log((positive + 1) / (negative + 1))
    points = np.stack(np.meshgrid(_INTERCEPTS, _SLOPES, indexing="ij")).reshape(2, -1)
    judged = (positive > 0) & ((negative > 0) | (not goal.needs_negatives))
    if not judged.any():
        return Pooled(0.0, 0.0, np.zeros(cells.n_labels))
    total = np.zeros(points.shape[1])
    for label in np.flatnonzero(judged).tolist():
        at = points[0] + points[1] * log_ratio[label]
        reached = _reached_at(cells, label, at if from_logits else expit(at), goal)
        total += np.nan_to_num(reached)
    intercept, slope = (points @ shares(total / judged.sum())).tolist()
    return Pooled(intercept, slope, intercept + slope * log_ratio)


def shares(macro: Float) -> Float:
    """Returns how much each point of a grid counts, by how close it comes to the best."""
    weights = np.exp((macro - macro.max()) / _CLOSE)
    return weights / weights.sum()


def label_totals(cells: ScoredCells) -> tuple[Float, Float]:
    """Returns the weight of the known positives, and of the known negatives, of each label."""
    positive = np.zeros(cells.n_labels)
    known = np.zeros(cells.n_labels)
    for label in range(cells.n_labels):
        _, y, weights = cells.labels(label, label + 1)[0].present()
        w = np.ones(len(y)) if weights is None else weights
        positive[label], known[label] = float(w @ y), float(w.sum())
    return positive, known - positive


def _reached_at(cells: ScoredCells, label: int, thresholds: Float, goal: Objective) -> Float:
    """Returns the objective of one label at each of some thresholds."""
    scores, y, weights = cells.labels(label, label + 1)[0].present()
    counts = []
    for side in (y == 1, y == 0):
        own = scores[side]
        order = np.argsort(own)
        above = np.zeros(len(own) + 1)  # weight of all but the lowest so many
        w = np.ones(len(own)) if weights is None else weights[side][order]
        above[:-1] = np.cumsum(w[::-1])[::-1]
        places = np.searchsorted(own[order], thresholds.astype(scores.dtype), side="left")
        counts.append((above[places], above[0]))
    (tp, positive), (fp, negative) = counts
    return goal.value(label)(tp, fp, positive, negative)

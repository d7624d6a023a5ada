"""The proportional rule: each label is predicted r times as often as it occurs, one r for all.

    t_l: as close to r·n₊ of the scores >= t_l as their cuts allow

r is found as the line of the pooled rule is: ratios of a grid, each weighted by how close its
macro average comes to the best. After the proportional assignments (PCut) of Yang, SIGIR 2001,
which count the rows that are to be decided; here it is the rows at hand that are counted, so that
a new row can be decided alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.decision._objective import Objective
from equipoise.decision._tuned import between
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

_RATIOS = np.geomspace(1 / 16, 16, 65)


class Proportional(NamedTuple):
    """Ratios, and what they come to.

    Attributes:
        macro: (R,) the macro average that each ratio reaches; NaN without a label to judge by.
        thresholds: (R, L) on the scores; NaN for labels without positives.
    """

    macro: Float
    thresholds: Float


def proportional_rule(cells: ScoredCells, goal: Objective) -> Proportional:
    """Returns the thresholds of each ratio, and what it reaches on the cells at hand."""
    thresholds = np.full((len(_RATIOS), cells.n_labels), np.nan)
    reached = []
    for label in range(cells.n_labels):
        scores, tp, fp = _every_cut(cells, label)
        if len(scores) == 0 or tp[-1] == 0:
            continue
        at = _closest(tp + fp, _RATIOS * tp[-1])
        below = np.append(scores, -np.inf)[at + 1]
        ends = zip(below.tolist(), scores[at].tolist(), strict=True)
        thresholds[:, label] = [between(*pair, cells.scores.dtype) for pair in ends]
        if fp[-1] > 0 or not goal.needs_negatives:
            # NaN is Matthews of decisions that are all alike.
            reached.append(np.nan_to_num(goal.value(label)(tp[at], fp[at], tp[-1], fp[-1])))
    macro = np.mean(reached, axis=0) if reached else np.full(len(_RATIOS), np.nan)
    return Proportional(macro, thresholds)


def _every_cut(cells: ScoredCells, label: int) -> tuple[Float, Float, Float]:
    """Returns the distinct finite scores of a label, falling, and what counts from each on."""
    scores, y, weights = cells.labels(label, label + 1)[0].present()
    order = np.argsort(-scores)
    scores, y = scores[order].astype(np.float64), y[order]
    w = np.ones(len(y)) if weights is None else weights[order]
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]  # of its group
    return scores[last], np.cumsum(w * y)[last], np.cumsum(w * (1 - y))[last]


def _closest(rising: Float, wanted: Float) -> NDArray[np.intp]:
    """Returns for each number the place of the closest one of rising numbers."""
    above = np.searchsorted(rising, wanted).clip(0, len(rising) - 1)
    below = np.maximum(above - 1, 0)
    return np.where(wanted - rising[below] <= rising[above] - wanted, below, above)

"""The analytic rule: the best threshold if the probabilities are true, without any labels.

If cells are positive with the probabilities p that the model gives them, the best decisions are
cuts of p, at

    F-beta             F*/(1 + β²), where F* is the best expected F (for F1 half of it)
    balanced accuracy  the mean of p, as for Youden's index
    cost               (false yes − right no) / (that + missed yes − right yes)
    Matthews           the cut with the largest value on the expected counts

with expectations of ratios taken as ratios of expectations. Reference: Lipton, Elkan and
Naryanaswamy, ECML PKDD 2014, theorem 1 (F); Elkan, IJCAI 2001, equation 2 (cost).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.decision._objective import Objective
from equipoise.decision._tuned import Cut
from equipoise.exact.cells import Float


def expected_cuts(p: Float, weights: Float | None, goal: Objective) -> list[Cut]:
    """Returns the best cut of each label, and the objective expected there.

    Args:
        p: (N, L) probabilities.
        weights: None, (N, 1) weights of rows or (N, L) of cells.
        goal: what is to be maximised.
    """
    cuts = []
    for label in range(p.shape[1]):
        own = None if weights is None else weights[:, min(label, weights.shape[1] - 1)]
        cuts.append(_expected_cut(p[:, label], own, goal, label))
    return cuts


def _expected_cut(
    p: NDArray[np.float64], weights: NDArray[np.float64] | None, goal: Objective, label: int
) -> Cut:
    order = np.argsort(-p)
    p = p[order]
    w = np.ones(len(p)) if weights is None else weights[order]
    last = np.append(p[1:] != p[:-1], True)  # of its group of equal scores
    tp, fp, score = np.cumsum(w * p)[last], np.cumsum(w * (1 - p))[last], p[last]
    positive, negative = float(tp[-1]), float(fp[-1])
    if positive == 0 or (goal.needs_negatives and negative == 0):
        return Cut(np.nan, np.nan)
    value = goal.value(label)
    if goal.beta is not None:
        at = float(np.max(value(tp, fp, positive, negative))) / (1 + goal.beta**2)
    elif goal.metric in ("balanced_accuracy", "youden"):
        at = positive / (positive + negative)
    elif goal.cost is not None:
        hit, alarm = goal.gains(label)
        at = alarm / (alarm + hit)
    else:
        at = float(score[np.argmax(np.nan_to_num(value(tp, fp, positive, negative)))])
    above = score >= at
    n = int(above.sum())
    said = (tp[n - 1], fp[n - 1]) if n else (0.0, 0.0)
    return Cut(at, float(np.nan_to_num(value(*said, positive, negative))))

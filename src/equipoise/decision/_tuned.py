"""The tuned rule: the best of all cuts of a label, found exactly."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput
from equipoise._kernels import cuts as cuts_kernel
from equipoise._kernels.cuts import Cuts, Value, all_cuts
from equipoise._kernels.ranking import Cells, curve
from equipoise.decision._constraints import Constraints
from equipoise.decision._objective import Objective
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]


class Cut(NamedTuple):
    """A decision for one label.

    Attributes:
        value: positive is what scores at least this much; NaN if the label cannot be tuned, inf
            for a decision that nothing is positive.
        reached: the objective on the cells it was tuned on; NaN if the label cannot be tuned.
        feasible: whether a decision that says yes at least once meets the constraints.
    """

    value: float
    reached: float
    feasible: bool = True


_NO_CUT = Cut(np.nan, np.nan)


def best_cuts(cells: ScoredCells, goal: Objective, limits: Constraints) -> list[Cut]:
    """Returns the best cut of each label; of equally good cuts the one with fewest positives."""
    if cells.large and cells.weights is None and goal.cost is None and not limits.limits:
        matrices = cells.scores, cells.positive, cells.known
        parts = cuts_kernel.best_cuts(*matrices, cells.limits, goal.value())
        needs, dtype = goal.needs_negatives, cells.scores.dtype
        found = [cut for part in parts for cut in _best_of(part, goal.value(), needs, dtype)]
    else:
        cuts = label_cuts(cells)
        found = [_best(c, label, goal, limits, cells.scores.dtype) for label, c in enumerate(cuts)]
    return [
        cut._replace(value=above_all(cells, label)) if cut.value == np.inf else cut
        for label, cut in enumerate(found)
    ]


def label_cuts(cells: ScoredCells) -> list[Cuts]:
    """Returns all cuts of each label that a finite threshold can make."""

    def cuts(label: Cells) -> Cuts:
        found = all_cuts(curve(label, compiled=cells.large, with_scores=True))
        real = _reachable(found, cells.scores.dtype)
        return found if real.all() else _some(found, real)

    return cells.map_labels(cuts)


def _best(cuts: Cuts, label: int, goal: Objective, limits: Constraints, dtype: Any) -> Cut:
    """Returns the best cut of one label within the limits."""
    if cuts.positive[0] == 0 or (goal.needs_negatives and cuts.negative[0] == 0):
        return _NO_CUT
    totals = cuts.positive[:, None], cuts.negative[:, None]
    at, reached, feasible = choose(cuts.tp[None], cuts.fp[None], *totals, label, goal, limits)
    best = int(at[0])
    value = np.inf if best < 0 else between(float(cuts.below[best]), float(cuts.score[best]), dtype)
    return Cut(value, float(reached[0]), bool(feasible[0]))


def choose(
    tp: Float,
    fp: Float,
    positive: Float,
    negative: Float,
    label: int,
    goal: Objective,
    limits: Constraints,
) -> tuple[NDArray[np.int64], Float, NDArray[np.bool_]]:
    """Returns the best cut of each of B samples of one label, and what it reaches.

    Where the limits cannot be met together, recall gives way: the highest within the others.

    Args:
        tp: (B, C) true positives at the C cuts, by falling score.
        fp: (B, C) false positives.
        positive: (B, 1) all positives.
        negative: (B, 1) all negatives.
        label: which label it is.
        goal: what is to be maximised.
        limits: what the decisions must keep to.

    Returns:
        (B,) the place of the cut, -1 to say yes nowhere; (B,) the objective there; (B,) whether
        any cut meets the limits.
    """
    value = goal.value(label)
    # NaN is Matthews of decisions that are all alike.
    reached = np.nan_to_num(value(tp, fp, positive, negative), nan=0.0)
    nothing = np.nan_to_num(value(0.0, 0.0, positive, negative), nan=0.0)[:, 0]
    if tp.shape[1] == 0:
        none = np.full(len(tp), -1, dtype=np.int64)
        return none, nothing, np.ones(len(tp), dtype=np.bool_)
    allowed = limits.allowed(tp, fp, positive, negative, label)
    feasible: NDArray[np.bool_] = np.any(allowed, axis=1, keepdims=True)[:, 0]
    rows = np.arange(len(tp))
    best = np.argmax(np.where(allowed, reached, -np.inf), axis=1)
    silent = ~feasible
    if limits.demands_recall(label):
        others = limits.allowed(tp, fp, positive, negative, label, recall=False)
        closest = np.argmax(np.where(others, tp, -1.0), axis=1)
        best = np.where(feasible, best, closest)
        silent &= ~others.any(axis=1)
    else:
        silent |= reached[rows, best] <= nothing
    best = np.where(silent, -1, best)
    return best, np.where(silent, nothing, reached[rows, best]), feasible


def _some(cuts: Cuts, chosen: NDArray[np.bool_]) -> Cuts:
    """Returns the chosen cuts of one label."""
    ends = np.array([0, np.count_nonzero(chosen)])
    return cuts._replace(
        score=cuts.score[chosen],
        below=cuts.below[chosen],
        tp=cuts.tp[chosen],
        fp=cuts.fp[chosen],
        starts=ends,
    )


def _reachable(cuts: Cuts, dtype: Any) -> NDArray[np.bool_]:
    """No finite value lies at or below -inf, or between the largest number and inf."""
    return (cuts.score > -np.inf) & (cuts.below < np.finfo(dtype).max)


def _best_of(cuts: Cuts, value: Value, needs_negatives: bool, dtype: Any) -> list[Cut]:
    """Returns the best cut of each label."""
    sizes = np.diff(cuts.starts)
    totals = cuts.positive, cuts.negative
    reached = value(cuts.tp, cuts.fp, *(np.repeat(total, sizes) for total in totals))
    # NaN is Matthews of decisions that are all alike.
    reached = np.nan_to_num(reached, nan=0.0)
    nothing = np.nan_to_num(value(0.0, 0.0, *totals), nan=0.0)
    reached[~_reachable(cuts, dtype)] = -np.inf
    found = []
    for label, start in enumerate(cuts.starts[:-1].tolist()):
        if cuts.positive[label] == 0 or (needs_negatives and cuts.negative[label] == 0):
            found.append(_NO_CUT)
            continue
        stop = start + int(sizes[label])
        best = start + int(np.argmax(reached[start:stop])) if stop > start else -1
        if best < 0 or reached[best] <= nothing[label]:
            found.append(Cut(np.inf, float(nothing[label])))
        else:
            value_here = between(float(cuts.below[best]), float(cuts.score[best]), dtype)
            found.append(Cut(value_here, float(reached[best])))
    return found


def between(below: float, score: float, dtype: Any) -> float:
    """Returns a finite number of the dtype in (below, score], midway if there is one."""
    if score == np.inf:
        return float(np.finfo(dtype).max)
    if below == -np.inf:
        return float(score)
    middle = float(dtype.type(below / 2 + score / 2))
    return middle if below < middle <= score else float(score)


def above_all(cells: ScoredCells, label: int) -> float:
    """Returns the next number above all scores of a label: nothing is positive there."""
    (own,) = cells.labels(label, label + 1)
    present = np.ones(cells.n_rows, dtype=np.bool_) if len(own.known) == 0 else own.known
    if len(own.weights):
        present = present & (own.weights > 0)
    top = (own.scores[present] if present.any() else own.scores).max()
    if top == -np.inf:
        return 0.0
    value = float(np.nextafter(top, top.dtype.type(np.inf)))
    if value == np.inf:
        raise InvalidInput(
            "No finite threshold makes the best decision, that nothing is positive.",
            received=f"label {cells.names[label]!r} with scores up to {top}",
            remedy="Clip infinite scores to finite ones.",
        )
    return value

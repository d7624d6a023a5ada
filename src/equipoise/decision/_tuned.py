"""The tuned rule: the best of all cuts of a label, found exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_choice, check_number
from equipoise._kernels import cuts as cuts_kernel
from equipoise._kernels.cuts import Cuts, Value, all_cuts
from equipoise._kernels.ranking import curve
from equipoise.exact._cells import ScoredCells
from equipoise.exact._confusion import (
    Confusion,
    balanced_accuracy_of,
    f_beta_of,
    matthews_of,
    youden_of,
)

Float = NDArray[np.float64]
Objective = Callable[[Confusion], Any]

METRICS = ("f1", "f_beta", "balanced_accuracy", "matthews_correlation", "youden")

_NEED_NEGATIVES = ("balanced_accuracy", "matthews_correlation", "youden")


class Cut(NamedTuple):
    """A decision for one label.

    Attributes:
        value: positive is what scores at least this much; NaN if the label cannot be tuned, inf
            for a decision that nothing is positive.
        reached: the metric on the cells it was tuned on; NaN if the label cannot be tuned.
    """

    value: float
    reached: float


_NO_CUT = Cut(np.nan, np.nan)


def objective(metric: str, beta: float | None) -> Objective:
    """Returns the formula to maximise. It must not fall when a cell is decided more rightly.

    That holds for all of METRICS (for Matthews wherever it is above 0), and is why the cuts
    of a `Curve`, each just below a positive, are all that need to be looked at.
    """
    check_choice("metric", metric, METRICS)
    if metric == "f_beta":
        if beta is None:
            raise InvalidInput('`beta` is missing: metric="f_beta" needs it.')
        beta = check_number("beta", beta, minimum=0, open_minimum=True, maximum=1e6)
        return partial(f_beta_of, beta=beta)
    if beta is not None:
        raise InvalidInput(
            f"`beta` has no meaning for metric={metric!r}.",
            received=f"beta={beta!r}",
            remedy='Pass metric="f_beta".',
        )
    formulas: dict[str, Objective] = {
        "f1": partial(f_beta_of, beta=1.0),
        "balanced_accuracy": balanced_accuracy_of,
        "matthews_correlation": matthews_of,
        "youden": youden_of,
    }
    return formulas[metric]


def best_cuts(cells: ScoredCells, metric: str, beta: float | None) -> list[Cut]:
    """Returns the best cut of each label; of equally good cuts the one with fewest positives."""
    formula = objective(metric, beta)

    def value(tp: Any, fp: Any, positive: Any, negative: Any) -> Any:
        return formula(Confusion(tp, fp, positive - tp, negative - fp))

    if cells.large and cells.weights is None:
        matrices = cells.scores, cells.positive, cells.known
        parts = cuts_kernel.best_cuts(*matrices, cells.limits, value)
    else:
        parts = cells.map_labels(
            lambda label: all_cuts(curve(label, compiled=cells.large, with_scores=True))
        )
    need_negatives, dtype = metric in _NEED_NEGATIVES, cells.scores.dtype
    found = [cut for part in parts for cut in _best_of(part, value, need_negatives, dtype)]
    return [
        _above_all(cells, label, cut) if cut.value == np.inf else cut
        for label, cut in enumerate(found)
    ]


def _best_of(cuts: Cuts, value: Value, need_negatives: bool, dtype: Any) -> list[Cut]:
    """Returns the best cut of each label."""
    sizes = np.diff(cuts.starts)
    totals = cuts.positive, cuts.negative
    reached = value(cuts.tp, cuts.fp, *(np.repeat(total, sizes) for total in totals))
    # NaN is Matthews of decisions that are all alike.
    reached = np.nan_to_num(reached, nan=0.0)
    nothing = np.nan_to_num(value(0.0, 0.0, *totals), nan=0.0)
    # No finite value lies at or below -inf, or between the largest number and inf.
    reached[(cuts.score == -np.inf) | (cuts.below >= np.finfo(dtype).max)] = -np.inf
    found = []
    for label, start in enumerate(cuts.starts[:-1].tolist()):
        if cuts.positive[label] == 0 or (need_negatives and cuts.negative[label] == 0):
            found.append(_NO_CUT)
            continue
        best = start + int(np.argmax(reached[start : start + sizes[label]]))
        if reached[best] <= nothing[label]:
            found.append(Cut(np.inf, float(nothing[label])))
        else:
            value_here = _between(float(cuts.below[best]), float(cuts.score[best]), dtype)
            found.append(Cut(value_here, float(reached[best])))
    return found


def _between(below: float, score: float, dtype: Any) -> float:
    """Returns a finite number of the dtype in (below, score], midway if there is one."""
    if score == np.inf:
        return float(np.finfo(dtype).max)
    if below == -np.inf:
        return float(score)
    middle = float(dtype.type(below / 2 + score / 2))
    return middle if below < middle <= score else float(score)


def _above_all(cells: ScoredCells, label: int, cut: Cut) -> Cut:
    """Gives the decision that nothing is positive the next number above all of its scores."""
    (own,) = cells.labels(label, label + 1)
    present = np.ones(cells.n_rows, dtype=np.bool_) if len(own.known) == 0 else own.known
    if len(own.weights):
        present = present & (own.weights > 0)
    top = own.scores[present].max()
    value = float(np.nextafter(top, top.dtype.type(np.inf)))
    if value == np.inf:
        raise InvalidInput(
            "No finite threshold makes the best decision, that nothing is positive.",
            received=f"label {cells.names[label]!r} with scores up to {top}",
            remedy="Clip infinite scores to finite ones.",
        )
    return Cut(value, cut.reached)

"""The tuned rule: the best of all cuts of a label, found exactly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_choice, check_number
from equipoise._kernels.ranking import Curve
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
    """Returns the formula to maximise. It must not rise when a false positive is added.

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
    need_negatives = metric in _NEED_NEGATIVES
    dtype = cells.scores.dtype

    def choose(c: Curve) -> Cut:
        if c.positive == 0 or (need_negatives and c.negative == 0):
            return _NO_CUT
        return _best_cut(c, formula, dtype)

    cuts = cells.map_curves(choose, with_scores=True)
    return [
        _above_all(cells, label, cut) if cut.value == np.inf else cut
        for label, cut in enumerate(cuts)
    ]


def _best_cut(c: Curve, formula: Objective, dtype: Any) -> Cut:
    reached = formula(Confusion(c.tp, c.fp, c.positive - c.tp, c.negative - c.fp))
    none = float(formula(Confusion(0.0, 0.0, c.positive, c.negative)))
    if not c.score[-1] > -np.inf:  # no finite value lies at or below -inf
        reached[-1] = -np.inf
    if not c.below[0] < np.finfo(dtype).max:  # or between the largest number and inf
        reached[0] = -np.inf
    if none != none:  # Matthews of decisions that are all alike, as all positive may be
        none = 0.0
        reached[np.isnan(reached)] = 0.0
    best = int(np.argmax(reached))
    if reached[best] <= none:
        return Cut(np.inf, none)
    return Cut(_between(c.below[best], c.score[best], dtype), float(reached[best]))


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

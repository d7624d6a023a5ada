"""What a threshold is tuned for: a metric, as a function of true and false positives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_choice, check_number
from equipoise._kernels.cuts import Value
from equipoise.exact._confusion import (
    Confusion,
    balanced_accuracy_of,
    f_beta_of,
    matthews_of,
    youden_of,
)

Float = NDArray[np.float64]

METRICS = ("f1", "f_beta", "balanced_accuracy", "matthews_correlation", "youden", "cost")

_NEED_NEGATIVES = ("balanced_accuracy", "matthews_correlation", "youden")


@dataclass(frozen=True)
class Objective:
    """What is to be maximised, for every label.

    It must not fall when a cell is decided more rightly. That holds for all of METRICS (for
    Matthews wherever it is above 0), and is why the cuts of a curve, each just below a positive,
    are all that need to be looked at.

    Attributes:
        metric: one of METRICS.
        beta: weight of recall, for F; None for other metrics.
        cost: (L, 2, 2) cost[l, truth, decision], for "cost"; else None.
    """

    metric: str
    beta: float | None = None
    cost: Float | None = None

    @property
    def needs_negatives(self) -> bool:
        """Whether the metric is undefined for a label without negatives."""
        return self.metric in _NEED_NEGATIVES

    def value(self, label: int = 0) -> Value:
        """Returns (tp, fp, positive, negative) -> what is to be maximised, for a label."""
        if self.cost is not None:
            return partial(_minus_mean_cost, self.cost[label])
        formula = self._formula()

        def value(tp: Any, fp: Any, positive: Any, negative: Any) -> Any:
            return formula(Confusion(tp, fp, positive - tp, negative - fp))

        return value

    def gains(self, label: int) -> tuple[float, float]:
        """Returns what deciding yes saves on a positive, and what it costs on a negative."""
        assert self.cost is not None
        (true_no, false_yes), (false_no, true_yes) = self.cost[label].tolist()
        return false_no - true_yes, false_yes - true_no

    def ends(self, label: int) -> tuple[float, float]:
        """Returns the least and the most that what is maximised can be."""
        if self.cost is not None:
            return -float(self.cost[label].max()), -float(self.cost[label].min())
        return -1.0 if self.metric in ("matthews_correlation", "youden") else 0.0, 1.0

    def reported(self, reached: Any) -> Any:
        """Returns the metric as users know it, from what was maximised."""
        return reached if self.cost is None else -reached

    def _formula(self) -> Callable[[Confusion], Any]:
        formulas: dict[str, Callable[[Confusion], Any]] = {
            "balanced_accuracy": balanced_accuracy_of,
            "matthews_correlation": matthews_of,
            "youden": youden_of,
        }
        return formulas.get(self.metric) or partial(f_beta_of, beta=self.beta or 1.0)


def objective(metric: str, beta: float | None, cost: Any, n_labels: int | None) -> Objective:
    """Returns what is to be maximised; `n_labels` is None where only the options are checked."""
    check_choice("metric", metric, METRICS)
    if metric != "f_beta" and beta is not None:
        raise InvalidInput(
            f"`beta` has no meaning for metric={metric!r}.",
            received=f"beta={beta!r}",
            remedy='Pass metric="f_beta".',
        )
    if metric != "cost" and cost is not None:
        raise InvalidInput(
            f"`cost` has no meaning for metric={metric!r}.", remedy='Pass metric="cost".'
        )
    if metric == "f_beta":
        if beta is None:
            raise InvalidInput('`beta` is missing: metric="f_beta" needs it.')
        beta = check_number("beta", beta, minimum=0, open_minimum=True, maximum=1e6)
    if metric == "cost":
        return Objective(metric, cost=_costs(cost, n_labels))
    return Objective(metric, 1.0 if metric == "f1" else beta)


def _costs(cost: ArrayLike | None, n_labels: int | None) -> Float:
    """Returns (L, 2, 2) costs, indexed by label, truth and decision."""
    if cost is None:
        raise InvalidInput(
            '`cost` is missing: metric="cost" needs it.',
            remedy="Pass [[cost of a right no, of a false yes], [of a missed yes, of a right yes]]",
        )
    try:
        costs = np.array(cost, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput("`cost` must hold numbers.", received=repr(cost)) from error
    shapes = [(2, 2)] if n_labels is None else [(2, 2), (n_labels, 2, 2)]
    if n_labels is None and costs.ndim == 3:
        shapes = [(len(costs), 2, 2)]
    if costs.shape not in shapes or not np.isfinite(costs).all():
        raise InvalidInput(
            "`cost` must hold finite numbers: (2, 2) for all labels alike, or (L, 2, 2), indexed "
            "[label, truth, decision].",
            received=f"cost.shape={costs.shape}"
            + ("" if n_labels is None else f" for {n_labels} labels"),
        )
    costs = np.broadcast_to(costs, (n_labels or 1, 2, 2)) if costs.ndim == 2 else costs
    false_yes, false_no = costs[:, 0, 1] - costs[:, 0, 0], costs[:, 1, 0] - costs[:, 1, 1]
    if not ((false_yes >= 0) & (false_no >= 0) & (false_yes + false_no > 0)).all():
        raise InvalidInput(
            "A wrong decision must not cost less than the right one, and one of them must cost "
            "more.",
            received=f"cost={costs.tolist() if len(costs) < 4 else costs[:3].tolist()}",
            remedy="cost[truth, decision]: [[right no, false yes], [missed yes, right yes]].",
        )
    return costs


def _minus_mean_cost(cost: Float, tp: Any, fp: Any, positive: Any, negative: Any) -> Any:
    (true_no, false_yes), (false_no, true_yes) = cost.tolist()
    paid = tp * true_yes + (positive - tp) * false_no + fp * false_yes + (negative - fp) * true_no
    return -paid / np.maximum(positive + negative, 1e-300)

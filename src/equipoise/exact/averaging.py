"""Means over labels, rows or cells, and what happens to those for which a metric is undefined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import Undefined, check_choice, shown_list

Float = NDArray[np.float64]

Average = Literal["macro", "micro", "weighted", "samples"] | None
WhenUndefined = Literal["skip", "zero"]

# A `Score`, or an array of one value per label (or per row) with average=None.
Result = Any

OVER_LABELS = (None, "macro", "micro", "weighted")
OVER_ALL = (*OVER_LABELS, "samples")


class Score(float):
    """A mean that remembers what it could not include.

    It is a float in every calculation; its `repr` shows what was left out.

    Attributes:
        undefined: names of the labels left out of a mean over labels.
        n_undefined: how many labels, or rows, were left out.

    Examples:
        >>> Score(0.5, undefined=("rare",))
        0.5 (undefined for 'rare')
        >>> Score(0.5, n_undefined=3) + 1
        1.5
    """

    undefined: tuple[str, ...]
    n_undefined: int

    def __new__(
        cls, value: float, undefined: Sequence[str] = (), n_undefined: int | None = None
    ) -> Score:
        score = super().__new__(cls, value)
        score.undefined = tuple(undefined)
        score.n_undefined = len(score.undefined) if n_undefined is None else n_undefined
        return score

    __str__ = float.__repr__  # tables and files get the number alone

    def __repr__(self) -> str:
        plain = float.__repr__(self)
        if self.n_undefined == 0:
            return plain
        rows = "1 row" if self.n_undefined == 1 else f"{self.n_undefined} rows"
        return f"{plain} (undefined for {shown_list(self.undefined) if self.undefined else rows})"


def ratio(numerator: Any, denominator: Any) -> Any:
    """Returns numerator / denominator; NaN where the denominator is 0."""
    numerator = np.asarray(numerator, dtype=np.float64)
    empty = np.full(np.broadcast(numerator, denominator).shape, np.nan)
    return np.divide(numerator, denominator, out=empty, where=np.asarray(denominator) > 0)


def check_averaging(average: Average, undefined: str, averages: Sequence[object]) -> None:
    """Raises InvalidInput unless both options are known."""
    check_choice("average", average, averages)
    check_choice("undefined", undefined, ("skip", "zero"))


def over_labels(
    values: Float,
    *,
    average: Average,
    support: Float,
    total: Float,
    names: Sequence[str],
    undefined: str,
    metric: str,
) -> Result:
    """Returns the values per label, or their mean, as `average` asks.

    Args:
        values: (L,) values, NaN where the metric is undefined.
        average: None, "macro" (all labels alike) or "weighted" (by `support`).
        support: (L,) weight of the positives.
        total: (L,) weight of the known cells; a label without any is left out whatever
            `undefined` says.
        names: L names.
        undefined: "skip" leaves undefined labels out, "zero" counts them as 0.
        metric: the name of the metric, for errors.
    """
    values = np.asarray(values, dtype=np.float64)
    if undefined == "zero":
        values = np.where(np.isnan(values) & (total > 0), 0.0, values)
    if average is None:
        return values
    left_out = np.isnan(values)
    weights = np.where(left_out, 0.0, support if average == "weighted" else 1.0)
    if not weights.any():
        raise Undefined(
            f"`{metric}` is undefined for every label"
            + (" that has a positive." if not left_out.all() else "."),
            received=f"{len(values)} labels, positives {support.sum():g}, cells {total.sum():g}",
            remedy='Pass more rows, average=None for NaN in each label, or undefined="zero".',
        )
    mean = float(np.average(np.where(left_out, 0.0, values), weights=weights))
    return Score(mean, [names[i] for i in np.flatnonzero(left_out).tolist()])


def over_rows(
    values: Float, *, weights: Float | None, undefined: str, metric: str, filling: float = 0.0
) -> Score:
    """Returns the mean over rows.

    Args:
        values: (N,) values, NaN where the metric is undefined.
        weights: (N,) weights of the rows, or None; a row of weight 0 is not there.
        undefined: "skip" leaves undefined rows out; anything else counts them as `filling`.
        metric: the name of the metric, for errors.
        filling: the value of undefined rows.
    """
    weights = np.ones(len(values)) if weights is None else weights
    if undefined != "skip":
        values = np.where(np.isnan(values), filling, values)
    left_out = np.isnan(values)
    if not weights[~left_out].any():
        raise Undefined(
            f"`{metric}` is undefined for every row.",
            received=f"{len(values)} rows",
            remedy="Pass rows that have labels, or count the others with `undefined`.",
        )
    mean = np.average(np.where(left_out, 0.0, values), weights=np.where(left_out, 0.0, weights))
    return Score(float(mean), n_undefined=int(np.count_nonzero(left_out & (weights > 0))))


def of_pool(value: float, *, undefined: str, metric: str) -> Score:
    """Returns the value of all cells together."""
    if np.isnan(value):
        if undefined == "zero":
            return Score(0.0)
        raise Undefined(
            f"`{metric}` is undefined for these cells.",
            remedy='Pass more rows, or undefined="zero".',
        )
    return Score(float(value))

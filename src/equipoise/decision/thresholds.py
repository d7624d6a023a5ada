"""Thresholds: one per label, with its name, its origin and what it reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_names, check_number, did_you_mean
from equipoise._files import check_schema, read_json, write_json
from equipoise.decision import _tuned
from equipoise.exact._cells import ScoredCells, as_array, read_scored

Float = NDArray[np.float64]

_SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Thresholds:
    """One threshold per label: a label is predicted where y_score >= its value.

    Build it with `tune_thresholds`, or from values of your own.

    Args:
        values: (L,) finite thresholds, in the units of the scores.
        label_names: L names; "label_0", "label_1", … by default.
        metric: what they were tuned for, or None.
        beta: beta of metric="f_beta", else None.
        metric_values: (L,) what the metric reached on the data of the tuning; NaN where nothing
            could be tuned. It is the best of many cuts on the same data, so it is too good:
            judge on other rows.
        absent: names of the labels that could not be tuned and have a value by policy.

    Raises:
        InvalidInput: values that are not finite, names or values that do not fit.

    Examples:
        >>> Thresholds([0.5, 0.2]).predict([[0.4, 0.3], [0.5, 0.1]])
        array([[0, 1],
               [1, 0]], dtype=uint8)
    """

    values: Float
    label_names: tuple[str, ...] = ()
    metric: str | None = None
    beta: float | None = None
    metric_values: Float | None = None
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float64)
        if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
            raise InvalidInput(
                "`values` must hold one finite threshold per label.",
                received=f"shape {values.shape}, values {np.array2string(values, threshold=6)}",
            )
        names = self.label_names or tuple(f"label_{i}" for i in range(len(values)))
        names = check_names("label_names", names, len(values))
        reached = np.full(len(values), np.nan) if self.metric_values is None else self.metric_values
        reached = np.array(reached, dtype=np.float64)
        if reached.shape != values.shape:
            raise InvalidInput(
                "`metric_values` must hold one value per label.",
                received=f"shape {reached.shape} beside {len(values)} labels",
            )
        for name in self.absent:
            if name not in names:
                raise InvalidInput(
                    f"`absent` names {name!r}, which is no label.", remedy=did_you_mean(name, names)
                )
        values.flags.writeable = reached.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "label_names", names)
        object.__setattr__(self, "metric_values", reached)
        object.__setattr__(self, "absent", tuple(self.absent))

    def predict(self, y_score: Any) -> NDArray[np.uint8]:
        """Returns 1 where y_score >= values, else 0, in the shape of the scores.

        Args:
            y_score: (..., L) scores of the kind that was tuned on (probabilities or logits); 1-D
                for a single label.

        Raises:
            InvalidInput: another number of labels, scores that are NaN.
        """
        scores = as_array(y_score, "y_score", self.label_names)
        n_labels = len(self.label_names)
        if scores.ndim == 0 or (scores.shape[-1] != n_labels and (n_labels > 1 or scores.ndim > 1)):
            raise InvalidInput(
                f"`y_score` must have {n_labels} columns, one per label.",
                received=f"y_score.shape={scores.shape}",
            )
        if scores.dtype.kind not in "fiub":
            raise InvalidInput("`y_score` must hold numbers.", received=f"dtype {scores.dtype}")
        if scores.size and np.isnan(scores.min()):
            raise InvalidInput("`y_score` holds NaN.", remedy="A missing score decides nothing.")
        return (scores >= self.values).view(np.uint8)

    # ------------------------------------------------------------------------------ saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the thresholds as plain numbers, lists and strings (see `from_dict`)."""
        assert self.metric_values is not None  # set in __post_init__
        return {
            "kind": "Thresholds",
            "schema_version": _SCHEMA_VERSION,
            "label_names": list(self.label_names),
            "values": self.values.tolist(),
            "metric": self.metric,
            "beta": self.beta,
            "metric_values": [None if v != v else v for v in self.metric_values.tolist()],
            "absent": list(self.absent),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Thresholds", _SCHEMA_VERSION)
        try:
            reached = [np.nan if v is None else v for v in payload["metric_values"]]
            return cls(
                values=payload["values"],
                label_names=tuple(payload["label_names"]),
                metric=payload["metric"],
                beta=payload["beta"],
                metric_values=np.array(reached, dtype=np.float64),
                absent=tuple(payload["absent"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(
                "These saved Thresholds are not complete.", received=repr(error)
            ) from error

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the thresholds to a JSON file, whole or not at all."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what `to_json` wrote."""
        return cls.from_dict(read_json(path))


def tune_thresholds(
    y_true: Any,
    y_score: Any,
    metric: str = "f1",
    *,
    beta: float | None = None,
    sample_weight: Any = None,
    absent: float | Literal["default"] = "default",
) -> Thresholds:
    """Finds the best threshold of every label among all its distinct scores, exactly.

        value_l = argmax_t  metric(y_l, s_l >= t)

    A value lies midway between the two neighbouring scores that it separates, rounded to the
    dtype of the scores without reaching the lower one: `predict` on the same scores makes
    exactly the best decision. Of equally good cuts the one with the fewest predicted positives
    is taken. Where it is best to predict nothing, the value is the next number above the scores.

    Not on the rows that the model was trained on, and not with a handful of positives: the best
    cut of few rows is chance. Tune on held-out (cross-fitted) scores.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores: probabilities or logits, as they will be at prediction.
        metric: "f1", "f_beta" (with `beta`), "balanced_accuracy", "matthews_correlation" (0 for
            decisions that are all alike) or "youden".
        beta: weight of recall in "f_beta"; above 0.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        absent: the value of labels that cannot be tuned: those without positives, and for
            metrics other than F those without negatives. "default" is 0.5 if all scores lie in
            [0, 1] (probabilities), else 0.0 (the logit of one half). They are named in
            `Thresholds.absent`.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0, an unknown metric.

    Examples:
        >>> t = tune_thresholds([[1, 0], [0, 0], [1, 0]], [[.9, .2], [.4, .6], [.6, .1]])
        >>> t.values, t.metric_values, t.absent
        (array([0.5, 0.5]), array([ 1., nan]), ('label_1',))

    Reference: for F, Lipton, Elkan and Naryanaswamy, ECML PKDD 2014.
    """
    _tuned.objective(metric, beta)  # wrong options before long work
    cells = read_scored(y_true, y_score, sample_weight)
    policy = _absent_value(cells, absent)
    cuts = _tuned.best_cuts(cells, metric, beta)
    values = np.array([cut.value for cut in cuts])
    missing = np.isnan(values)
    return Thresholds(
        values=np.where(missing, policy, values),
        label_names=cells.names,
        metric=metric,
        beta=beta,
        metric_values=np.array([cut.reached for cut in cuts]),
        absent=tuple(cells.names[i] for i in np.flatnonzero(missing).tolist()),
    )


def _absent_value(cells: ScoredCells, absent: object) -> float:
    if absent != "default":
        return check_number("absent", absent, minimum=-np.inf, open_minimum=True, open_maximum=True)
    low, high = cells.limits
    return 0.5 if low >= 0 and high <= 1 else 0.0

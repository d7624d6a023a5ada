"""Thresholds: one per label, with its name, its origin and what it reached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer, check_names, did_you_mean
from equipoise._files import check_schema, read_json, write_json
from equipoise.decision._constraints import highest_of_rows
from equipoise.exact.cells import as_array

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
            could be tuned. Tuned, it is the best of many cuts on the same data, so it is too
            good: see `corrected_values`, or judge on other rows.
        absent: names of the labels that could not be tuned and have a value by policy.
        rule: that of `tune_thresholds`; None for values of your own.
        average: "macro" if each label was tuned by itself, "micro" if all together.
        overall: the metric over all labels: the mean of `metric_values`, or the micro average.
        infeasible: names of the labels whose constraint no decision meets that says yes at all.
        labels_per_row: at most so many labels are predicted for a row, those with the highest
            scores; None for no such bound.
        pooled: (a, c) of the pooled rule, where the rule uses it.
        corrected_values: (L,) the metric without the optimism of tuning; NaN if not asked for.
        intervals: (L, 2) interval of the metric in the population; NaN if not asked for.
        confidence: of the intervals, or None.

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
    rule: str | None = None
    average: str = "macro"
    overall: float | None = None
    infeasible: tuple[str, ...] = ()
    labels_per_row: int | None = None
    pooled: tuple[float, float] | None = None
    corrected_values: Float | None = None
    intervals: Float | None = None
    confidence: float | None = None

    def __post_init__(self) -> None:
        try:
            values = np.array(self.values, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput("`values` must hold numbers.", received=repr(error)) from error
        if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
            raise InvalidInput(
                "`values` must hold one finite threshold per label.",
                received=f"shape {values.shape}, values {np.array2string(values, threshold=6)}",
            )
        names = self.label_names or tuple(f"label_{i}" for i in range(len(values)))
        names = check_names("label_names", names, len(values))
        values.flags.writeable = False
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "label_names", names)
        for name in ("metric_values", "corrected_values"):
            object.__setattr__(self, name, self._beside(name, values.shape))
        object.__setattr__(self, "intervals", self._beside("intervals", (*values.shape, 2)))
        for name in ("absent", "infeasible"):
            self._check_named(name)
        if self.labels_per_row is not None:
            check_integer("labels_per_row", self.labels_per_row, minimum=1)

    def _beside(self, name: str, shape: tuple[int, ...]) -> Float:
        """Returns numbers that stand beside the values; NaN if there are none."""
        given = getattr(self, name)
        numbers = np.full(shape, np.nan) if given is None else np.array(given, dtype=np.float64)
        if numbers.shape != shape:
            raise InvalidInput(
                f"`{name}` must hold one {'value' if len(shape) == 1 else 'pair'} per label.",
                received=f"shape {numbers.shape} beside {shape[0]} labels",
            )
        numbers.flags.writeable = False
        return numbers

    def _check_named(self, argument: str) -> None:
        labels = tuple(getattr(self, argument))
        known = set(self.label_names)
        for name in labels:
            if name not in known:
                raise InvalidInput(
                    f"`{argument}` names {name!r}, which is no label.",
                    remedy=did_you_mean(name, self.label_names),
                )
        object.__setattr__(self, argument, labels)

    def predict(self, y_score: Any) -> NDArray[np.uint8]:
        """Returns 1 where y_score >= values, else 0, in the shape of the scores.

        With `labels_per_row`, only among that many highest scores of a row; of equal scores the
        first label's counts as higher.

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
        if scores.dtype.kind in "iub":  # unsigned numbers and bools have no negatives to rank by
            scores = scores.astype(np.float64)
        elif scores.dtype.name == "bfloat16":
            scores = scores.astype(np.float32)
        elif scores.dtype.kind != "f":
            raise InvalidInput("`y_score` must hold numbers.", received=f"dtype {scores.dtype}")
        if scores.size and np.isnan(scores.min()):
            raise InvalidInput("`y_score` holds NaN.", remedy="A missing score decides nothing.")
        decided = scores >= self.values
        if self.labels_per_row is not None and n_labels > 1:
            decided &= highest_of_rows(scores, self.labels_per_row)
        return decided.view(np.uint8)

    # ------------------------------------------------------------------------------ saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the thresholds as plain numbers, lists and strings (see `from_dict`)."""
        return {
            "kind": "Thresholds",
            "schema_version": _SCHEMA_VERSION,
            "label_names": list(self.label_names),
            "values": self.values.tolist(),
            "metric": self.metric,
            "beta": self.beta,
            "metric_values": _plain(self.metric_values),
            "absent": list(self.absent),
            "rule": self.rule,
            "average": self.average,
            "overall": self.overall,
            "infeasible": list(self.infeasible),
            "labels_per_row": self.labels_per_row,
            "pooled": None if self.pooled is None else list(self.pooled),
            "corrected_values": _plain(self.corrected_values),
            "intervals": _plain(self.intervals),
            "confidence": self.confidence,
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Thresholds", _SCHEMA_VERSION)
        try:
            parts = {f.name: payload[f.name] for f in fields(cls)}
            for name in ("values", "metric_values", "corrected_values", "intervals"):
                parts[name] = np.array(parts[name], dtype=np.float64)  # None becomes NaN
            for name in ("label_names", "absent", "infeasible", "pooled"):
                parts[name] = None if parts[name] is None else tuple(parts[name])
            return cls(**parts)
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


def _plain(numbers: Float | None) -> list[Any]:
    """Returns numbers as lists, NaN as None."""
    assert numbers is not None  # set in __post_init__
    plain = numbers.astype(object)
    plain[np.isnan(numbers)] = None
    return plain.tolist()

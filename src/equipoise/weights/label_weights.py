"""LabelWeights: a weight for the positives and one for the negatives of every label."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import (
    InvalidInput,
    Undefined,
    check_choice,
    check_names,
    check_number,
    did_you_mean,
    shown_list,
)
from equipoise._files import check_schema, read_json, write_json
from equipoise._kernels.row_weights import REDUCTIONS, reduce_rows
from equipoise.stats import LabelStats
from equipoise.targets import as_targets
from equipoise.weights.schemes import SCHEMES, Scheme

_SCHEMA_VERSION = 1

AppliesTo = Literal["positives", "classes", "label"]


@dataclass(frozen=True, eq=False)
class LabelWeights:
    """Weights w₊ on the positives and w₋ on the negatives of each label.

        cell loss = y · w₊ · loss₊ + (1 - y) · w₋ · loss₋

    Weighting moves the probabilities a model learns by `log_odds_shift`; correct them before
    they are read as probabilities.

    Args:
        positive: (L,) finite weights ≥ 0 on cells with y = 1.
        negative: (L,) finite weights ≥ 0 on cells with y = 0.
        label_names: L names.

    Raises:
        InvalidInput: a weight that is negative, not finite, or a wrong number of them.

    Examples:
        >>> w = LabelWeights.from_targets([[1, 0], [1, 0], [1, 1], [0, 0]], "inverse_frequency")
        >>> w.positive
        array([1.33333333, 4.        ])
        >>> w.for_cells([[1, 0], [0, 1]])
        array([[1.33333333, 1.        ],
               [1.        , 4.        ]])
    """

    positive: NDArray[np.float64]
    negative: NDArray[np.float64]
    label_names: tuple[str, ...]

    def __post_init__(self) -> None:
        names = check_names("label_names", self.label_names)
        object.__setattr__(self, "label_names", names)
        for side in ("positive", "negative"):
            try:
                weights = np.array(getattr(self, side), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise InvalidInput(f"`{side}` must hold numbers: {error}.") from error
            if weights.shape != (len(names),):
                raise InvalidInput(
                    f"`{side}` must hold one weight per label.",
                    received=f"shape {weights.shape} for {len(names)} labels",
                )
            wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
            if len(wrong):
                raise InvalidInput(
                    f"`{side}` must hold finite weights of at least 0.",
                    received=f"{weights[wrong[0]]} for label {names[wrong[0]]!r}",
                )
            weights.flags.writeable = False
            object.__setattr__(self, side, weights)

    # ------------------------------------------------------------------------ building

    @classmethod
    def from_targets(
        cls,
        y: Any,
        scheme: str | Scheme = "balanced",
        *,
        label_names: Iterable[object] | None = None,
        **options: Any,
    ) -> Self:
        """Weights from the label counts of y; the options are those of `from_stats`."""
        stats = LabelStats.from_targets(y, label_names=label_names, labelsets=False)
        return cls.from_stats(stats, scheme, **options)

    @classmethod
    def from_stats(
        cls,
        stats: LabelStats,
        scheme: str | Callable[[Any, Any], ArrayLike] = "balanced",
        *,
        applies_to: AppliesTo | None = None,
        absent: Literal["max", "zero", "error"] = "max",
        power: float = 1.0,
        cap: float | None = None,
        smoothing: float = 0.0,
        normalize: Literal["cells", "labels"] | None = None,
        **scheme_options: float,
    ) -> Self:
        """Weights from label counts: scheme, absent labels, power, cap, normalise, in this order.

        Args:
            stats: the counts; a label's N is the number of rows in which it is known.
            scheme: one of `SCHEMES`, or a function (positives, n_rows) -> (L,) weights.
            applies_to: what the weights multiply. "positives": cells with y = 1, negatives keep
                1. "classes": positives by their own frequency and negatives by theirs. "label":
                both alike. By default "classes" for "balanced", else "positives".
            absent: the weight of a side that has no row: "max" gives the largest weight of the
                other labels where the formula is infinite (1 if there is none), "zero" gives 0,
                "error" refuses. A formula that is 0 because the *other* side has no row (the
                ratio of negatives to positives) gives 1: there is nothing to balance.
            power: exponent of the weights, ≥ 0: 0.5 halves their effect on the log-odds.
            cap: largest weight allowed.
            smoothing: added to the positives and to the negatives before the formula.
            normalize: "cells" divides both sides by one number so that the mean weight over the
                known cells is 1 (`log_odds_shift` stays); "labels" divides each weighted side by
                its mean over the labels.
            **scheme_options: options of the scheme, such as `beta` of "effective_number".

        Raises:
            InvalidInput: an unknown scheme or option, or a label refused by `absent="error"`.
        """
        check_choice("applies_to", applies_to, ("positives", "classes", "label", None))
        check_choice("absent", absent, ("max", "zero", "error"))
        check_choice("normalize", normalize, ("cells", "labels", None))
        power = check_number("power", power, minimum=0.0)
        smoothing = check_number("smoothing", smoothing, minimum=0.0)
        if cap is not None:
            cap = check_number("cap", cap, minimum=0.0, open_minimum=True)
        formula = _scheme(scheme, scheme_options)
        if applies_to is None:
            applies_to = "classes" if scheme == "balanced" else "positives"

        def side(counts: NDArray[np.int64], which: str) -> NDArray[np.float64]:
            smoothed = counts + smoothing
            with np.errstate(divide="ignore", invalid="ignore"):
                weights = formula(smoothed, stats.n_known + 2 * smoothing)
            weights = np.where((weights == 0) & (counts == stats.n_known), 1.0, weights)
            weights = _resolve_absent(weights, counts, absent, which, stats.label_names)
            weights = weights**power
            if absent == "zero":  # 0 ** 0 is 1
                weights[counts == 0] = 0.0
            return weights if cap is None else np.minimum(weights, cap)

        positive = side(stats.positives, "positive")
        if applies_to == "positives":
            negative = np.ones(stats.n_labels)
        elif applies_to == "classes":
            negative = side(stats.negatives, "negative")
        else:
            negative = positive.copy()
        if normalize == "cells":
            total = stats.positives @ positive + stats.negatives @ negative
            scale = stats.n_known.sum() / total if total > 0 else 1.0
            positive, negative = positive * scale, negative * scale
        elif normalize == "labels":
            positive = _mean_one(positive)
            negative = negative if applies_to == "positives" else _mean_one(negative)
        return cls(positive, negative, stats.label_names)

    @classmethod
    def from_class_weight(
        cls,
        class_weight: Mapping[Any, Any],
        n_labels: int | None = None,
        *,
        label_names: Iterable[object] | None = None,
        applies_to: Literal["positives", "label"] = "positives",
        default: float | None = None,
    ) -> Self:
        """Reads a Keras-style `class_weight` as it was meant: label -> weight.

        The three readings: {label: w} on the positives of the label (`applies_to="positives"`) or
        on its whole term (`applies_to="label"`), and {label: {0: w₋, 1: w₊}} for a pair.

        Args:
            class_weight: weights by label position (int) or label name (str).
            n_labels: L, where no names are given.
            label_names: L names.
            applies_to: what a single weight multiplies; pairs say it themselves.
            default: weight of labels that are not named; by default a missing label is an error.

        Raises:
            InvalidInput: a label that does not exist or is missing, or a weight that is no number.

        Examples:
            >>> w = LabelWeights.from_class_weight({0: 2.5, 1: 10.0}, n_labels=2)
            >>> w.positive, w.negative
            (array([ 2.5, 10. ]), array([1., 1.]))
        """
        check_choice("applies_to", applies_to, ("positives", "label"))
        if not isinstance(class_weight, Mapping):
            raise InvalidInput(
                "`class_weight` must be a dictionary from label to weight.",
                received=type(class_weight).__name__,
            )
        names = _label_names(label_names, n_labels)
        positive = np.full(len(names), np.nan)
        negative = np.full(len(names), np.nan)
        for key, value in class_weight.items():
            i = _position(key, names)
            if not np.isnan(positive[i]):
                raise InvalidInput(
                    "`class_weight` names a label twice.", received=f"{key!r} and {i}"
                )
            if isinstance(value, Mapping):
                negative[i], positive[i] = _pair(value, names[i])
            else:
                weight = check_number(f"class_weight[{key!r}]", value, minimum=0.0)
                positive[i] = weight
                negative[i] = weight if applies_to == "label" else 1.0
        missing = [name for name, w in zip(names, positive, strict=True) if np.isnan(w)]
        if missing and default is None:
            raise InvalidInput(
                f"`class_weight` has no entry for {len(missing)} of {len(names)} labels.",
                received=f"no entry for {shown_list(missing)}",
                remedy="Name every label, or pass default=1.0.",
            )
        if missing:
            weight = check_number("default", default, minimum=0.0)
            gap = np.isnan(positive)
            positive[gap] = weight
            negative[gap] = weight if applies_to == "label" else 1.0
        return cls(positive, negative, names)

    # -------------------------------------------------------------------------- using

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return len(self.label_names)

    @property
    def log_odds_shift(self) -> NDArray[np.float64]:
        """(L,) log(w₊ / w₋): how far weighting moves the log-odds that a model learns.

        Raises:
            Undefined: a label of weight 0 on one side, whose probabilities nothing can restore.
        """
        zero = (self.positive == 0) | (self.negative == 0)
        if zero.any():
            names = [n for n, z in zip(self.label_names, zero, strict=True) if z]
            raise Undefined(
                "A label with weight 0 on one side has no log-odds shift.",
                received=f"weight 0 for {shown_list(names)}",
                remedy='Leave these labels out, or build the weights with absent="max".',
            )
        return np.log(self.positive) - np.log(self.negative)

    def for_cells(self, y: Any) -> NDArray[np.float64]:
        """Returns the weight of every cell in the shape of y; 0 where a label is not known."""
        targets = self._targets(y)
        dense = targets.to_dense()
        cells = np.where(dense.values == 1, self.positive, self.negative)
        if dense.unknown is not None:
            cells[dense.unknown] = 0.0
        return cells.reshape(targets.shape)

    def for_rows(
        self,
        y: Any,
        reduce: Literal["max", "mean", "sum", "product"] = "max",
        unlabelled: Literal["mean", "min"] | float = "mean",
    ) -> NDArray[np.float64]:
        """Returns one weight per row from the positive weights of the labels it has.

        For tools that take row weights only: a row weight also multiplies the cells of the labels
        that the row does not have, so prefer `for_cells` or a weighted loss.

        Args:
            y: the labels.
            reduce: how a row's label weights become one.
            unlabelled: weight of rows without any known label: "mean" or "min" of the label
                weights, or a number.

        Examples:
            >>> y = [[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 0]]
            >>> LabelWeights.from_targets(y, "minimum_count").for_rows(y).round(3)
            array([0.333, 1.   , 0.25 , 0.333, 0.333])
        """
        check_choice("reduce", reduce, REDUCTIONS)
        if isinstance(unlabelled, str):
            check_choice("unlabelled", unlabelled, ("mean", "min"))
            empty = float(self.positive.mean() if unlabelled == "mean" else self.positive.min())
        else:
            empty = check_number("unlabelled", unlabelled, minimum=0.0)
        targets = self._targets(y)
        return reduce_rows(targets.values, self.positive, reduce, empty)

    def _targets(self, y: Any) -> Any:
        targets = as_targets(y)
        if targets.n_labels != self.n_labels:
            raise InvalidInput(
                f"There are {self.n_labels} label weights but `y` has {targets.n_labels} labels.",
                received=f"y.shape={targets.shape}",
                remedy="Compute the weights from the same columns: LabelWeights.from_targets(y).",
            )
        return targets

    # ------------------------------------------------------------------------- saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the weights as plain numbers and strings (see `from_dict`)."""
        return {
            "kind": "LabelWeights",
            "schema_version": _SCHEMA_VERSION,
            "label_names": list(self.label_names),
            "positive": self.positive.tolist(),
            "negative": self.negative.tolist(),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "LabelWeights", _SCHEMA_VERSION)
        for key in ("positive", "negative", "label_names"):
            if key not in payload:
                raise InvalidInput(f"These saved weights have no {key!r}.")
        return cls(payload["positive"], payload["negative"], payload["label_names"])

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the weights to a JSON file."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads the weights from a JSON file."""
        return cls.from_dict(read_json(path))

    def __repr__(self) -> str:
        return (
            f"LabelWeights({self.n_labels} labels, positive {self.positive.min():.4g} to "
            f"{self.positive.max():.4g}, negative {self.negative.min():.4g} to "
            f"{self.negative.max():.4g})"
        )


def _scheme(
    scheme: str | Callable[[Any, Any], ArrayLike], options: Mapping[str, float]
) -> Callable[[Any, Any], NDArray[np.float64]]:
    """Returns (positives, n_rows) -> checked (L,) float64 weights."""
    if isinstance(scheme, str):
        if scheme not in SCHEMES:
            raise InvalidInput(
                f"Unknown weight scheme {scheme!r}.", remedy=did_you_mean(scheme, SCHEMES)
            )
        function: Callable[..., Any] = SCHEMES[scheme]
        parameters = inspect.signature(function).parameters.values()
        allowed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
        for option in options:
            if option not in allowed:
                raise InvalidInput(
                    f"The scheme {scheme!r} has no option {option!r}.",
                    remedy=did_you_mean(option, allowed) if allowed else "It has none.",
                )
    elif callable(scheme):
        function = scheme
    else:
        raise InvalidInput(
            "`scheme` must be a name or a function (positives, n_rows) -> weights.",
            received=repr(scheme),
        )

    def checked(positives: Any, n_rows: Any) -> NDArray[np.float64]:
        weights = np.array(function(positives, n_rows, **options), dtype=np.float64)
        if weights.shape != positives.shape:
            raise InvalidInput(
                "The weight scheme must return one weight per label.",
                received=f"shape {weights.shape} for {len(positives)} labels",
            )
        return weights

    return checked


def _resolve_absent(
    weights: NDArray[np.float64],
    counts: NDArray[np.int64],
    absent: str,
    side: str,
    names: tuple[str, ...],
) -> NDArray[np.float64]:
    none = counts == 0
    if not none.any():
        return weights
    if absent == "error":
        missing = [name for name, n in zip(names, none, strict=True) if n]
        raise InvalidInput(
            f"{len(missing)} labels have no {side} row, so they have no weight.",
            received=shown_list(missing),
            remedy='Leave these labels out, or pass absent="max" or absent="zero".',
        )
    if absent == "zero":
        return np.where(none, 0.0, weights)
    present = weights[~none]
    largest = present.max() if len(present) else 1.0
    return np.where(none & ~np.isfinite(weights), largest, weights)


def _mean_one(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    mean = weights.mean()
    return weights / mean if mean > 0 else weights


def _label_names(label_names: Iterable[object] | None, n_labels: int | None) -> tuple[str, ...]:
    if label_names is not None:
        return check_names("label_names", label_names, n_labels)
    if n_labels is None:
        raise InvalidInput(
            "The number of labels is not known.", remedy="Pass `n_labels` or `label_names`."
        )
    return tuple(f"label_{i}" for i in range(n_labels))


def _position(key: Any, names: tuple[str, ...]) -> int:
    if isinstance(key, str):
        if key in names:
            return names.index(key)
        raise InvalidInput(
            f"`class_weight` names the label {key!r}, which does not exist.",
            remedy=did_you_mean(key, names),
        )
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool) and 0 <= key < len(names):
        return int(key)
    raise InvalidInput(
        f"`class_weight` names the label {key!r}, which does not exist.",
        remedy=f"Use label names, or positions from 0 to {len(names) - 1}.",
    )


def _pair(pair: Mapping[Any, Any], name: str) -> tuple[float, float]:
    if set(pair) != {0, 1}:
        raise InvalidInput(
            f"The pair of weights for label {name!r} must be {{0: ..., 1: ...}}.",
            received=repr(dict(pair)),
        )
    negative, positive = (
        check_number(f"class_weight[{name!r}][{side}]", pair[side], minimum=0.0) for side in (0, 1)
    )
    return negative, positive

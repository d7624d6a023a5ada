"""What every streaming metric needs but its formula: input, sums, saving, merging."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, Self, TypedDict

import keras
import numpy as np
from keras import ops

from equipoise._errors import InvalidInput, check_choice, check_names
from equipoise.losses import _cells
from equipoise.losses._arguments import working_dtype
from equipoise.losses.base import _Mask

WhenUndefined = Literal["skip", "zero"]
Sums = Mapping[str, Any]


class MetricOptions(TypedDict, total=False):
    """The keyword arguments that all metrics share; see `StreamingMetric`."""

    from_logits: bool
    label_names: Iterable[object] | None
    undefined: WhenUndefined
    name: str | None
    dtype: Any


class BatchCells(NamedTuple):
    """The cells of a batch, all (rows, L).

    Attributes:
        y: labels in [0, 1], 0 where unknown.
        scores: scores, in the units that the metric asked for; 0 in the place of NaN.
        weights: weights; 0 where unknown or masked, NaN where the score is NaN.
        known: whether the label is known and not masked.
    """

    y: Any
    scores: Any
    weights: Any
    known: Any

    @property
    def positive(self) -> Any:
        """Weight that each cell adds to the positives."""
        return self.weights * self.y

    @property
    def negative(self) -> Any:
        """Weight that each cell adds to the negatives."""
        return self.weights * (1.0 - self.y)


class StreamingMetric(keras.metrics.Metric):
    """Base of all metrics; of use through its subclasses.

    - **All variables are sums** over cells or rows. Those of two devices, or of two parts of the
      data, are added (`merge_state`), and the result is that of one pass.
    - **Unknown labels**, NaN or negative, and cells that a Keras mask leaves out, count nowhere.
    - **Shapes** are those of the losses: y and y_pred (..., L), sample weights (N,), (N, 1),
      (N, L). Keras hands sample weights only to the metrics in `compile(weighted_metrics=...)`.
    - **NaN**: a score that is NaN makes the result NaN. Otherwise the result is NaN only where
      the metric is undefined for every label.
    - **Precision**: sums are float32, or float64 on demand. Whole numbers are exact up to 16.7
      million in one sum; beyond, a batch adds its own sum rounded to 7 digits of the total.

    Args:
        from_logits: whether y_pred holds logits rather than probabilities.
        label_names: L names; "label_0", "label_1", … by default.
        undefined: "skip" leaves undefined labels, or rows, out of the mean and counts them;
            "zero" counts them as 0.
        name: key in the logs; by default that of the metric.
        dtype: "float64" for double precision; float32 otherwise.
    """

    _direction = "up"  # which way is better, for callbacks with mode="auto"
    default_name: ClassVar[str]
    reads: ClassVar[Literal["scores", "logits", "probabilities"]] = "scores"

    def __init__(
        self,
        *,
        from_logits: bool = False,
        label_names: Iterable[object] | None = None,
        undefined: WhenUndefined = "skip",
        name: str | None = None,
        dtype: Any = None,
    ):
        check_choice("from_logits", from_logits, (True, False))
        check_choice("undefined", undefined, ("skip", "zero"))
        super().__init__(name=name or self.default_name, dtype=working_dtype(dtype))
        self.from_logits = from_logits
        self.undefined = undefined
        self.n_labels: int | None = None
        self._sized_by = ""
        # A tuple: Keras tracks lists and gives them back as a type of its own.
        self.label_names: tuple[str, ...] | None = None
        if label_names is not None:
            self.label_names = check_names("label_names", label_names)
            self._set_length("label_names", len(self.label_names))
        self._sum_names: tuple[str, ...] = ()

    # ---------------------------------------------------------------- what a subclass writes

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """The shape of each sum."""
        raise NotImplementedError

    def batch_sums(self, cells: BatchCells) -> Sums:
        """What a batch adds to each sum."""
        raise NotImplementedError

    # ----------------------------------------------------------------------- Keras' methods

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Adds a batch.

        Raises:
            InvalidInput: shapes that do not fit; where they can be seen (outside compiled code),
                values outside [0, 1] in the place of probabilities.
        """
        cells = self._read(y_true, y_pred, sample_weight)
        self._build(cells.scores.shape[-1])
        for name, term in self.batch_sums(cells).items():
            total = getattr(self, f"_sum_{name}")
            total.assign(total + ops.cast(term, total.dtype))

    def merge_state(self, metrics: Iterable[Self]) -> None:
        """Adds what other metrics of the same configuration have seen.

        Raises:
            InvalidInput: metrics of another class, configuration or number of labels.
        """
        own = {**self.get_config(), "name": None}
        for other in metrics:
            if type(other) is not type(self) or {**other.get_config(), "name": None} != own:
                raise InvalidInput(
                    "Only metrics that were made alike can be merged.",
                    received=f"{other!r} for {self!r}",
                    remedy="Make both from one configuration: "
                    "type(metric).from_config(metric.get_config()).",
                )
            if not other._sum_names:
                continue
            self._build(other.n_labels)
            for total, added in zip(self.variables, other.variables, strict=True):
                total.assign(total + ops.convert_to_tensor(added))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "label_names": None if self.label_names is None else list(self.label_names),
            "undefined": self.undefined,
        }

    # -------------------------------------------------------------------------------- parts

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the labels; none before the number of labels is known."""
        if self.label_names is not None:
            return self.label_names
        return tuple(f"label_{i}" for i in range(self.n_labels or 0))

    def sums(self) -> dict[str, Any]:
        """Returns the sums so far, as tensors."""
        return {n: ops.convert_to_tensor(getattr(self, f"_sum_{n}")) for n in self._sum_names}

    def _set_length(self, argument: str, length: int) -> None:
        if self.n_labels not in (None, length):
            raise InvalidInput(
                f"`{argument}` has {length} entries but `{self._sized_by}` has {self.n_labels}.",
                remedy="Give one entry per label, in the order of the columns of y.",
            )
        if self.n_labels is None:
            self.n_labels, self._sized_by = length, argument

    def _build(self, n_labels: int | None) -> None:
        if n_labels is None:
            raise InvalidInput(
                "The number of labels is not known.", remedy="Give the metric label_names."
            )
        self._set_length("y_pred", n_labels)
        if self._sum_names:
            return
        shapes = self.shapes(n_labels)
        for name, shape in shapes.items():
            total = self.add_variable(shape, "zeros", dtype=self.dtype, name=name)
            setattr(self, f"_sum_{name}", total)
        self._sum_names = tuple(shapes)

    def _read(self, y_true: Any, y_pred: Any, sample_weight: Any) -> BatchCells:
        mask = _Mask(reduction="none", name="mask")(0.0, y_pred)
        scores = self._scores(y_pred)
        y = ops.convert_to_tensor(y_true, dtype=self.dtype, sparse=False)
        y = _cells.align_labels(y, scores)
        known = y >= 0  # False for NaN too
        if _cells.static_shape(mask) != () or scores.shape[0] == 1:
            known = ops.logical_and(known, _cells.align_weights(mask, scores, "mask") > 0)
        # A comparison with NaN is False, so a NaN score would otherwise pass as a low one.
        wrong = ops.isnan(scores)
        weights = ops.where(wrong, float("nan"), 1.0)
        if sample_weight is not None:
            given = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
            weights = weights * self._align(given, scores)
        weights = ops.cast(ops.where(known, weights, 0.0), self.dtype)
        scores = ops.where(wrong, 0.0, scores)
        n_labels = scores.shape[-1] or self.n_labels
        parts = (ops.where(known, y, 0.0), scores, weights, known)
        return BatchCells(*(ops.reshape(part, (-1, n_labels or -1)) for part in parts))

    def _align(self, weights: Any, scores: Any) -> Any:
        return _cells.align_weights(weights, scores, "sample_weight")

    def _scores(self, y_pred: Any) -> Any:
        scores = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        if self.reads == "scores":
            return scores
        if self.from_logits:
            return scores if self.reads == "logits" else ops.sigmoid(scores)
        _check_probabilities(scores)
        return scores if self.reads == "probabilities" else self._logits(y_pred)

    def _logits(self, y_pred: Any) -> Any:
        return _cells.logits_of(y_pred, self.dtype, 1.0)


def ratio(numerator: Any, denominator: Any) -> Any:
    """Returns numerator / denominator; NaN where the denominator is not above 0."""
    there = denominator > 0
    return ops.where(there, numerator / ops.where(there, denominator, 1.0), float("nan"))


def per_label_argument(argument: str, values: Any) -> float | tuple[float, ...]:
    """Returns one finite number, or a tuple of one per label.

    Raises:
        InvalidInput: anything else.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{argument}` must be a number, or one number per label.", received=repr(values)
        ) from error
    if array.ndim > 1 or array.size == 0 or not np.isfinite(array).all():
        raise InvalidInput(
            f"`{argument}` must be a finite number, or one finite number per label.",
            received=f"shape {array.shape}, {np.array2string(array, threshold=6)}",
        )
    return float(array) if array.ndim == 0 else tuple(array.tolist())


def plain(values: Any) -> Any:
    """Returns a tuple as a list, for a configuration."""
    return list(values) if isinstance(values, Sequence) and not isinstance(values, str) else values


def _check_probabilities(y_pred: Any) -> None:
    values = _cells.visible_values(y_pred)
    if values is None or values.size == 0:
        return
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:  # False for NaN, which the result shows
        raise InvalidInput(
            "`y_pred` must hold probabilities in [0, 1].",
            received=f"values from {low:g} to {high:g}",
            remedy="For logits make the metric with from_logits=True.",
        )

"""What the metrics are given, read and checked: labels, scores or decisions, and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import narwhals as nw
import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_numbers, shown_list
from equipoise._kernels import SMALL
from equipoise._kernels.counts import are_zero_one
from equipoise._kernels.ranking import Cells
from equipoise.targets import Targets, as_targets

Float = NDArray[np.float64]
T = TypeVar("T")

_BLOCK = 1 << 21  # cells of the labels that are copied out of the matrix together
_TILE = 512  # rows of them at a time


@dataclass(frozen=True)
class ScoredCells:
    """Labels and scores of N rows and L labels, aligned.

    Attributes:
        positive: (N, L) uint8, 0 where unknown.
        scores: (N, L) float32 or float64, none of them NaN.
        known: (N, L) bool, or None if all are known.
        weights: None, or float64 of shape (N, 1) for rows or (N, L) for cells.
        names: L names.
        lowest: the lowest score.
    """

    positive: NDArray[np.uint8]
    scores: NDArray[Any]
    known: NDArray[np.bool_] | None
    weights: Float | None
    names: tuple[str, ...]
    lowest: float

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return self.scores.shape[0]

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return self.scores.shape[1]

    def pool(self) -> Cells:
        """All cells as one pool."""
        pool = Cells(self.scores.reshape(-1), self.positive.reshape(-1))
        if self.known is not None:
            pool = pool._replace(known=np.ascontiguousarray(self.known).reshape(-1))
        if self.weights is not None:
            per = self.n_labels // self.weights.shape[1]
            pool = pool._replace(weights=self.weights.reshape(-1), per=per)
        return pool

    def labels(self, first: int, last: int) -> list[Cells]:
        """The cells of the labels from `first` to before `last`, one pool each."""
        columns = [_columns(part, first, last) for part in (self.scores, self.positive)]
        pools = [Cells(scores, positive) for scores, positive in zip(*columns, strict=True)]
        if self.known is not None:
            masks = _columns(self.known, first, last)
            pools = [p._replace(known=m) for p, m in zip(pools, masks, strict=True)]
        if self.weights is not None:
            of_rows = self.weights.shape[1] == 1
            weights = (
                [self.weights[:, 0]] * len(pools)
                if of_rows
                else _columns(self.weights, first, last)
            )
            pools = [p._replace(weights=w) for p, w in zip(pools, weights, strict=True)]
        return pools

    @cached_property
    def limits(self) -> tuple[float, float]:
        """The lowest and the highest score."""
        return self.lowest, float(self.scores.max())

    @property
    def large(self) -> bool:
        """Whether compiled loops are worth their start-up."""
        return self.scores.size >= SMALL

    def map_labels(self, function: Callable[[Cells], T]) -> list[T]:
        """Returns `function` of each label's cells."""
        width = max(1, min(16, _BLOCK // self.n_rows))
        starts = range(0, self.n_labels, width)
        blocks = (self.labels(start, min(start + width, self.n_labels)) for start in starts)
        return [function(cells) for block in blocks for cells in block]


def _columns(matrix: NDArray[Any], first: int, last: int) -> NDArray[Any]:
    """Returns columns as rows; a few rows at a time, or each cache line is read many times."""
    turned = np.empty((last - first, len(matrix)), dtype=matrix.dtype)
    for start in range(0, len(matrix), _TILE):
        turned[:, start : start + _TILE] = matrix[start : start + _TILE, first:last].T
    return turned


def read_scored(
    y_true: Any, y_score: Any, sample_weight: Any = None, *, argument: str = "y_score"
) -> ScoredCells:
    """Reads and checks labels, scores and weights.

    Raises:
        InvalidInput: shapes that do not fit, NaN or non-numeric scores, weights below 0.
    """
    targets = read_targets(y_true)
    scores, lowest = read_scores(y_score, targets, argument)
    dense = targets.to_dense()
    return ScoredCells(
        np.ascontiguousarray(dense.values),
        scores,
        None if dense.unknown is None else dense.known,
        read_weights(sample_weight, targets),
        targets.label_names,
        lowest,
    )


def read_targets(y_true: Any) -> Targets:
    """Reads labels with `as_targets`; 0/1 bytes are taken as they are, without a copy."""
    if (
        isinstance(y_true, np.ndarray)
        and y_true.dtype == np.uint8
        and y_true.ndim == 2
        and y_true.size
        and are_zero_one(y_true)
    ):
        targets = as_targets(y_true.view(np.bool_))
    else:
        targets = as_targets(y_true)
    if targets.n_rows == 0:
        raise InvalidInput("`y_true` has no rows.", remedy="Pass at least one row.")
    return targets


def read_scores(
    y_score: Any, targets: Targets, argument: str = "y_score"
) -> tuple[NDArray[Any], float]:
    """Returns (N, L) float32 or float64 scores, none of them NaN, and the lowest of them."""
    array = as_matrix(y_score, argument, targets)
    if array.dtype.kind not in "fiub" and array.dtype.name != "bfloat16":
        raise InvalidInput(
            f"`{argument}` must hold numbers.", received=f"{argument}.dtype={array.dtype}"
        )
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    elif array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    elif array.dtype.itemsize > 8:
        raise InvalidInput(
            f"`{argument}` must be float32 or float64.",
            received=f"{argument}.dtype={array.dtype}",
            remedy=f"Convert it: {argument}.astype(np.float64).",
        )
    array = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
    lowest = float(array.min())
    if np.isnan(lowest):  # the minimum of anything with NaN is NaN: no mask in memory
        row, label = np.argwhere(np.isnan(array))[0]
        raise InvalidInput(
            f"`{argument}` holds NaN.",
            received=f"NaN in row {row}, label {targets.label_names[label]!r}",
            remedy="Find out why the model returns NaN; a rank cannot be given to it.",
        )
    return array, lowest


def read_weights(sample_weight: Any, targets: Targets) -> Float | None:
    """Returns None, (N, 1) weights of rows or (N, L) weights of cells."""
    if sample_weight is None:
        return None
    weights = check_numbers("sample_weight", sample_weight)
    n, shape = targets.n_rows, targets.shape
    if weights.shape in ((n,), (n, 1), shape[:-1], (*shape[:-1], 1)):
        weights = weights.reshape(n, 1)
    elif weights.shape in ((n, targets.n_labels), shape):
        weights = weights.reshape(n, targets.n_labels)
    else:
        raise InvalidInput(
            f"`sample_weight` must have shape ({n},) or ({n}, 1) for rows, or "
            f"({n}, {targets.n_labels}) for cells.",
            received=f"sample_weight.shape={weights.shape}, y_true.shape={shape}",
        )
    if not (weights.min() >= 0 and weights.max() < np.inf):
        raise InvalidInput(
            "`sample_weight` must hold finite numbers that are not negative.",
            received=f"values from {weights.min():g} to {weights.max():g}",
            remedy="Give 0 to what must not count.",
        )
    return np.ascontiguousarray(weights)


def as_matrix(values: Any, argument: str, targets: Targets) -> NDArray[Any]:
    """Returns an (N, L) array, or says why the values do not fit the labels."""
    array = as_array(values, argument, targets.label_names)
    check_shape(argument, array.shape, targets)
    return array.reshape(targets.n_rows, targets.n_labels)


def as_array(values: Any, argument: str, names: tuple[str, ...]) -> NDArray[Any]:
    """Returns an array from an array, tensor, list or data frame with a column per label."""
    if isinstance(values, np.ndarray):
        return np.asarray(values)  # what is derived from arrays becomes one
    frame = nw.from_native(values, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.DataFrame):
        _check_columns(frame.columns, argument, names)
        values = frame.to_numpy()
    elif isinstance(frame, nw.Series):
        values = frame.to_numpy()
    if hasattr(values, "detach"):  # Torch refuses to convert a tensor with gradients
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InvalidInput(
            f"`{argument}` cannot be read as an array: {error}", received=type(values).__name__
        ) from error


def check_shape(argument: str, received: tuple[int, ...], targets: Targets) -> None:
    """Raises InvalidInput unless the shape is that of the labels."""
    n, n_labels, shape = targets.n_rows, targets.n_labels, targets.shape
    allowed = [shape, (n, n_labels)]
    if n_labels == 1:
        allowed += [(n,), shape[:-1]]
    if received not in allowed:
        raise InvalidInput(
            f"`{argument}` must have one column per label and one row per row of `y_true`.",
            received=f"{argument}.shape={received}, y_true.shape={shape} "
            f"({n_labels} labels: {shown_list(targets.label_names, 4)})",
        )


def _check_columns(columns: list[str], argument: str, names: tuple[str, ...]) -> None:
    if set(columns) == set(names) and tuple(columns) != names:
        raise InvalidInput(
            f"The columns of `{argument}` are not in the order of the labels.",
            received=f"{shown_list(columns)} beside {shown_list(names)}",
            remedy=f"Reorder them: {argument}[list(label_names)].",
        )

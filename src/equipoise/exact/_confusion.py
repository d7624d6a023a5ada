"""Counts of right and wrong decisions, and the formulas that are functions of them.

The formulas take numbers or arrays, and return NaN where they are undefined.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise._kernels.counts import are_zero_one, label_counts
from equipoise._kernels.outcomes import outcome_counts
from equipoise.exact.averaging import ratio
from equipoise.exact.cells import as_matrix, check_shape, read_targets, read_weights
from equipoise.targets import Targets, as_targets

Float = NDArray[np.float64]

_BLOCK = 1 << 20  # cells worked on at a time


class Confusion(NamedTuple):
    """Weights (counts, without weights) of the four outcomes; arrays alike, or numbers."""

    tp: Any
    fp: Any
    fn: Any
    tn: Any

    @property
    def positive(self) -> Any:
        """Weight of the positives."""
        return self.tp + self.fn

    @property
    def total(self) -> Any:
        """Weight of all known cells."""
        return self.tp + self.fp + self.fn + self.tn

    def summed(self) -> Confusion:
        """Returns the outcomes of all cells together."""
        return Confusion(*(float(np.sum(part)) for part in self))


# -------------------------------------------------------------------------------------- formulas


def precision_of(c: Confusion) -> Any:
    """tp / (tp + fp)."""
    return ratio(c.tp, c.tp + c.fp)


def recall_of(c: Confusion) -> Any:
    """tp / (tp + fn)."""
    return ratio(c.tp, c.tp + c.fn)


def f_beta_of(c: Confusion, beta: float) -> Any:
    """(1 + β²) tp / ((1 + β²) tp + β² fn + fp)."""
    gain = (1 + beta**2) * c.tp
    return ratio(gain, gain + beta**2 * c.fn + c.fp)


def balanced_accuracy_of(c: Confusion) -> Any:
    """(tp / (tp + fn) + tn / (tn + fp)) / 2."""
    positive, negative = c.tp + c.fn, c.tn + c.fp
    # One division: equal values come out as equal numbers.
    return ratio(c.tp * negative + c.tn * positive, 2 * positive * negative)


def youden_of(c: Confusion) -> Any:
    """tp / (tp + fn) + tn / (tn + fp) − 1."""
    positive, negative = c.tp + c.fn, c.tn + c.fp
    return ratio(c.tp * negative - c.fp * positive, positive * negative)


def matthews_of(c: Confusion) -> Any:
    """(tp·tn − fp·fn) / √((tp+fp)(tp+fn)(tn+fp)(tn+fn))."""
    margins = np.sqrt((c.tp + c.fp) * (c.tn + c.fn)) * np.sqrt((c.tp + c.fn) * (c.tn + c.fp))
    return np.clip(ratio(c.tp * c.tn - c.fp * c.fn, margins), -1.0, 1.0)  # rounding


def error_of(c: Confusion) -> Any:
    """(fp + fn) / all."""
    return ratio(c.fp + c.fn, c.total)


# -------------------------------------------------------------------------------------- counting


class Decisions(NamedTuple):
    """Labels and 0/1 decisions of N rows and L labels; each part is dense or CSR.

    Attributes:
        targets: what is so.
        predicted: what was said, uint8.
        weights: None, or float64 of shape (N, 1) for rows or (N, L) for cells.
        counts: None, or what `outcome_counts` found when the values were checked.
    """

    targets: Targets
    predicted: Any
    weights: Float | None
    counts: NDArray[np.int64] | None = None

    def by_label(self) -> Confusion:
        """Returns the outcomes of each label, (L,) arrays."""
        if self.weights is None:
            return self._counts_by_label()
        sums = [np.zeros(self.targets.n_labels) for _ in range(4)]
        for block, weights in self._blocks():
            for total, cells in zip(sums, block, strict=True):
                if weights.shape[1] == 1:
                    total += np.einsum("i,ij->j", weights[:, 0], cells)
                else:
                    total += np.einsum("ij,ij->j", weights, cells)
        return Confusion(*sums)

    def by_row(self) -> Confusion:
        """Returns the outcomes of each row, (N,) arrays; weights of rows are not in them."""
        blocks: list[Any] = []
        for block, weights in self._blocks():
            if weights.shape[1] == 1:
                blocks.append([cells.sum(axis=1, dtype=np.float64) for cells in block])
            else:
                blocks.append([np.einsum("ij,ij->i", weights, cells) for cells in block])
        return Confusion(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))

    def row_weights(self) -> Float:
        """Returns (N,) weights of the rows; weights of cells count inside their row."""
        if self.weights is None or self.weights.shape[1] > 1:
            return np.ones(self.targets.n_rows)
        return self.weights[:, 0]

    def _counts_by_label(self) -> Confusion:
        values: Any = self.targets.values
        unknown: Any = self.targets.unknown
        predicted = self.predicted
        n_known = np.full(self.targets.n_labels, self.targets.n_rows, dtype=np.int64)
        if unknown is not None:
            n_known -= label_counts(unknown)
        if not isinstance(values, np.ndarray) and not isinstance(predicted, np.ndarray):
            hits = label_counts(values.multiply(predicted).tocsr())
            positive, said = label_counts(values), label_counts(predicted)
            if unknown is not None:
                said = said - label_counts(predicted.multiply(unknown).tocsr())
        elif self.counts is not None:
            hits, positive, said = self.counts
        elif unknown is None and isinstance(values, np.ndarray) and not sparse.issparse(predicted):
            hits, positive, said = _counted(values, predicted)
        else:
            counts = np.zeros((3, len(n_known)), dtype=np.int64)
            for rows in self._row_blocks():
                y, p = _dense(values, rows), _dense(predicted, rows)
                counts += _counted(y, p if unknown is None else p & ~_dense(unknown, rows))
            hits, positive, said = counts
        # Whole numbers, so differences are exact.
        return Confusion(hits, said - hits, positive - hits, n_known - said - positive + hits)

    def _blocks(self) -> Iterator[tuple[list[NDArray[np.bool_]], Float]]:
        """Yields the cells of each outcome, (rows, L) masks, and their weights."""
        for rows in self._row_blocks():
            y = _dense(self.targets.values, rows).astype(np.bool_)
            p = _dense(self.predicted, rows).astype(np.bool_)
            outcomes = [y & p, ~y & p, y & ~p, ~y & ~p]
            if self.targets.unknown is not None:
                known = ~_dense(self.targets.unknown, rows)
                outcomes = [cells & known for cells in outcomes]
            yield outcomes, np.ones((len(y), 1)) if self.weights is None else self.weights[rows]

    def _row_blocks(self) -> Iterator[slice]:
        rows = 255 * max(1, _BLOCK // (255 * self.targets.n_labels))  # what label_counts adds up
        for start in range(0, self.targets.n_rows, rows):
            yield slice(start, start + rows)


def _counted(y: NDArray[np.uint8], p: NDArray[np.uint8]) -> NDArray[np.int64]:
    counts = outcome_counts(y, p)
    assert counts is not None  # `Targets` and `_read_predicted` let 0 and 1 through only
    return counts


def _dense(matrix: Any, rows: slice) -> Any:
    return matrix[rows] if isinstance(matrix, np.ndarray) else matrix[rows].toarray()


def read_decisions(y_true: Any, y_pred: Any, sample_weight: Any = None) -> Decisions:
    """Reads and checks labels, 0/1 decisions and weights.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
    """
    if sample_weight is None and _are_bytes(y_true) and _are_bytes(y_pred):
        y, p = y_true.view(np.uint8), y_pred.view(np.uint8)
        counts = outcome_counts(y, p) if y.shape == p.shape else None
        if counts is not None:
            return Decisions(as_targets(y.view(np.bool_)), p, None, counts)
    targets = read_targets(y_true)
    return Decisions(
        targets, _read_predicted(y_pred, targets), read_weights(sample_weight, targets)
    )


def _are_bytes(values: Any) -> bool:
    """Whether values are a matrix of bytes, of which 0 and 1 need no conversion."""
    return (
        isinstance(values, np.ndarray)
        and values.dtype in (np.uint8, np.bool_)
        and values.ndim == 2
        and values.size > 0
    )


def _read_predicted(y_pred: Any, targets: Targets) -> Any:
    """Returns (N, L) uint8 decisions, dense or CSR."""
    if sparse.issparse(y_pred):
        matrix: Any = sparse.csr_array(y_pred, copy=True)  # pyright: ignore
        check_shape("y_pred", matrix.shape, targets)
        _check_zero_one(matrix.data)
        matrix.eliminate_zeros()
        return matrix.astype(np.uint8)
    if _holds_labels(y_pred, targets):
        decided = (
            y_pred
            if isinstance(y_pred, Targets)
            else as_targets(y_pred, label_names=targets.label_names, task=targets.task)
        )
        if decided.label_names != targets.label_names or decided.unknown is not None:
            raise InvalidInput(
                "`y_pred` must decide every cell of the labels of `y_true`.",
                received=f"{decided!r} beside {targets!r}",
            )
        check_shape("y_pred", decided.values.shape, targets)
        return decided.values
    array = as_matrix(y_pred, "y_pred", targets)
    if array.dtype == np.bool_:
        return array.view(np.uint8)
    _check_zero_one(array)
    return array if array.dtype == np.uint8 else array.astype(np.uint8)


def _holds_labels(y_pred: Any, targets: Targets) -> bool:
    """Whether decisions are written as labels: `Targets`, label sets, or a class for each row."""
    if isinstance(y_pred, Targets):
        return True
    if isinstance(y_pred, (list, tuple)) and any(isinstance(r, (set, frozenset)) for r in y_pred):
        return True
    return targets.task == "multiclass" and np.ndim(y_pred) == 1


def _check_zero_one(values: NDArray[Any]) -> None:
    if values.dtype == np.uint8:
        fine = are_zero_one(values)
    else:
        fine = values.dtype.kind in "biuf" and bool(((values == 0) | (values == 1)).all())
    if not fine:
        numeric = values.dtype.kind in "iuf"
        wrong = values[(values != 0) & (values != 1)] if numeric else values.reshape(-1)
        raise InvalidInput(
            "`y_pred` must hold the decisions 0 and 1.",
            received=f"{wrong.reshape(-1)[0]!r}",
            remedy="Decide first: (y_score >= 0.5), or Thresholds.predict(y_score).",
        )

"""The labels of an audit: cleaned, with an account of what had to be cleaned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.stats import LabelStats
from equipoise.targets import Targets, as_targets


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a case, cleaned, and what had to be cleaned.

    Attributes:
        given: y as it was given.
        targets: y with distinct names, −1 of a −1/+1 matrix as 0, and soft targets from 0.5 up
            as 1.
        shape: the shape of y as Keras sees it.
        repeated_names: label names that y or `label_names` holds more than once.
        minus_ones_as_negatives: how many −1 cells a matrix without 0 holds.
        soft_cells: how many cells are strictly between 0 and 1.
        soft_negatives: how many of those are below 0.5.
        unknown_markers: how often each marker of unknown labels, "NaN" or "-1", occurs.
    """

    given: Any
    targets: Targets
    shape: tuple[int, ...]
    repeated_names: tuple[str, ...]
    minus_ones_as_negatives: int
    soft_cells: int
    soft_negatives: int
    unknown_markers: dict[str, int]

    @property
    def names(self) -> tuple[str, ...]:
        """L distinct names."""
        return self.targets.label_names

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return self.targets.n_labels

    @cached_property
    def stats(self) -> LabelStats:
        """Counts per label."""
        return LabelStats.from_targets(self.targets, labelsets=False)

    @cached_property
    def per_row(self) -> NDArray[np.int64]:
        """(rows,) number of labels that each row is known to have."""
        return np.asarray(self.targets.values.sum(axis=1)).reshape(-1).astype(np.int64)

    @cached_property
    def exclusive(self) -> bool:
        """Whether every row has exactly one label, so that argmax tells all."""
        if self.targets.task == "multiclass":
            return True
        return self.n_labels > 1 and bool((self.per_row == 1).all())

    @property
    def prior(self) -> NDArray[np.float64]:
        """(L,) share of positives, kept off 0 and 1."""
        return (self.stats.positives + 0.5) / (self.stats.n_known + 1)

    @property
    def multi_label(self) -> bool:
        """Whether some row has no label, or several."""
        return self.n_labels > 1 and not self.exclusive

    def named(self, mask: NDArray[np.bool_]) -> list[str]:
        """The names of the labels in a mask."""
        return [self.names[i] for i in np.flatnonzero(mask)]


def read_labels(y: Any, label_names: Iterable[object] | None = None) -> Labels:
    """Reads y as `as_targets` does, but keeps account of what that function refuses."""
    if not _may_be_labels(y):
        raise InvalidInput(
            "`y` must be the labels of one output: an array, a data frame, or a list.",
            received=type(y).__name__,
            remedy="Check every output by itself, check(y['name'], model, output='name'); of a "
            "data set take the labels out first.",
        )
    given = y
    if hasattr(y, "collect") and hasattr(y, "lazy"):  # a lazy frame, whose names cost a query
        y = y.collect()
    columns = None if isinstance(y, Targets) else getattr(y, "columns", None)
    if columns is not None and label_names is None:
        label_names = list(columns)
    names, repeated = _distinct(label_names)
    if columns is not None and repeated:
        y = np.asarray(y)
    array: Any = _numbers(y)
    if array is None:  # label sets, class names, Targets: forms that hold nothing to clean
        targets = as_targets(y, label_names=names)
        markers = {} if targets.unknown is None else {"NaN": int(targets.unknown.sum())}
        return Labels(given, targets, targets.shape, repeated, 0, 0, 0, markers)
    is_sparse = bool(sparse.issparse(array))
    cells: NDArray[Any] = array.data if is_sparse else array
    markers = {
        "NaN": int(np.count_nonzero(cells != cells)),
        "-1": int(np.count_nonzero(cells == -1)),
    }
    minus_ones, soft, soft_negatives = 0, 0, 0
    if markers["-1"] and _is_minus_plus(array, cells):
        minus_ones = markers["-1"]
        cells = np.where(cells == -1, 0, cells)
    if minus_ones or array.ndim == 1:  # in a 1-D y, -1 is a class
        markers["-1"] = 0
    if cells.dtype.kind == "f" and _is_soft(cells):
        soft = int(np.count_nonzero((cells > 0) & (cells < 1)))
        soft_negatives = int(np.count_nonzero((cells > 0) & (cells < 0.5)))
        cells = np.where(cells == cells, cells >= 0.5, np.nan)
    if minus_ones or soft:
        y = _with_data(array, cells) if is_sparse else cells
    targets = as_targets(y, label_names=names)
    shape = tuple(array.shape)
    found = {marker: n for marker, n in markers.items() if n}
    return Labels(given, targets, shape, repeated, minus_ones, soft, soft_negatives, found)


def _may_be_labels(y: Any) -> bool:
    """Whether y is a container of labels rather than one of outputs or of batches."""
    if isinstance(y, Mapping):
        return False
    if isinstance(y, (list, tuple, Targets)) or sparse.issparse(y):
        return True
    return any(hasattr(y, name) for name in ("__array__", "to_numpy", "collect"))


def _is_soft(cells: NDArray[Any]) -> bool:
    """Whether all cells are in [0, 1] or NaN, and some are neither 0 nor 1."""
    between = (cells > 0) & (cells < 1)
    return bool(between.any()) and bool(
        (between | (cells == 0) | (cells == 1) | (cells != cells)).all()
    )


def _distinct(
    label_names: Iterable[object] | None,
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """Returns names that differ, and those that occurred more than once."""
    if label_names is None:
        return None, ()
    if isinstance(label_names, (str, bytes)):
        raise InvalidInput(
            "`label_names` must be a list of names, one per label.", received=repr(label_names)
        )
    names = [str(name) for name in label_names]
    repeated = tuple(sorted(name for name, n in Counter(names).items() if n > 1))
    if repeated:
        names = [f"{n} (column {i})" if n in repeated else n for i, n in enumerate(names)]
    return tuple(names), repeated


def _numbers(y: Any) -> Any:
    """Returns y as a numeric array or CSR array, or None if it is not numbers."""
    if isinstance(y, Targets):
        return None
    if sparse.issparse(y):
        stored: Any = y
        matrix = sparse.csr_array(stored, copy=True)
        matrix.sum_duplicates()
        return matrix
    try:
        array = np.asarray(y)
    except (ValueError, TypeError, RuntimeError):
        return None
    if array.dtype.kind == "O" and array.ndim > 1:
        missing = np.vectorize(lambda v: v is None or type(v).__name__ == "NAType", otypes=[bool])
        array = np.where(missing(array), np.nan, array)
        try:
            array = array.astype(np.float64)
        except (ValueError, TypeError):
            return None
    label_ids = isinstance(y, (list, tuple)) and array.ndim == 2 and _holds_ids(array)
    if array.dtype.kind not in "biuf" or array.ndim == 0 or label_ids:
        return None
    return array


def _holds_ids(array: NDArray[Any]) -> bool:
    """Whether nested lists of equal length hold label ids rather than 0 and 1."""
    return array.dtype.kind in "iu" and array.size > 0 and bool(array.max() > 1)


def _is_minus_plus(array: Any, cells: NDArray[Any]) -> bool:
    """Whether all known cells are −1 and +1, both of them or −1 alone."""
    if cells.dtype.kind not in "if" or cells.size == 0 or cells.size < np.prod(array.shape):
        return False
    known = cells[cells == cells]
    if array.ndim == 1:  # in a 1-D y, -1 alone is a class
        return set(np.unique(known)) == {-1, 1}
    return bool((known == -1).any()) and bool(np.isin(known, (-1, 1)).all())


def _with_data(matrix: Any, data: NDArray[Any]) -> Any:
    return sparse.csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)

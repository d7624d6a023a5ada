"""Targets: labels of rows as 0/1 values, with the cells that are not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._errors import check_names, shown_list
from equipoise._kernels.ones import positions_of_ones_numpy

Task = Literal["binary", "multiclass", "multilabel"]


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of N rows and L labels as 0/1 values, with the cells that are not known.

    Build it with `as_targets`. Leading axes of y are flattened into rows; `shape` remembers them.

    Attributes:
        values: (N, L) uint8 array, or a CSR array of stored ones; 0 where unknown.
        unknown: None where every cell is known, else a bool array or CSR array like `values`.
        label_names: L distinct names.
        task: "binary" (L is 1), "multiclass" (exactly one label a row) or "multilabel".
        shape: the shape of y as it was given, the last axis being the labels.
    """

    values: NDArray[np.uint8] | sparse.csr_array
    unknown: NDArray[np.bool_] | sparse.csr_array | None
    label_names: tuple[str, ...]
    task: Task
    shape: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows N (the product of all leading axes)."""
        return int(self.values.shape[0])

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return int(self.values.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether `values` is a sparse array."""
        return not isinstance(self.values, np.ndarray)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N, L) dense bool array: True where the label is known (a read-only view if all are)."""
        if self.unknown is None:
            return np.broadcast_to(np.True_, (self.n_rows, self.n_labels))
        return ~_dense(self.unknown)

    def to_sparse(self) -> Targets:
        """Returns the same targets with `values` as a CSR array."""
        if self.is_sparse:
            return self
        unknown = None if self.unknown is None else sparse.csr_array(self.unknown)
        return self._with(self.positives(), unknown)

    def positives(self) -> sparse.csr_array:
        """Returns the (N, L) positives as a CSR array of stored ones, each row's in order."""
        values = self.values
        if isinstance(values, np.ndarray):
            indptr, columns = positions_of_ones_numpy(values)  # numba takes longer to load
            ones = np.ones(len(columns), dtype=np.uint8)
            return sparse.csr_array((ones, columns, indptr), shape=values.shape)
        return values if values.has_sorted_indices else values.sorted_indices()

    def to_dense(self) -> Targets:
        """Returns the same targets with `values` as a dense array."""
        if not self.is_sparse:
            return self
        unknown = None if self.unknown is None else _dense(self.unknown)
        return self._with(_dense(self.values), unknown)

    def to_array(self, unknown: float = np.nan) -> NDArray[np.float32]:
        """Returns a float32 array in the shape of y, with `unknown` where a label is not known."""
        array = _dense(self.values).astype(np.float32)
        if self.unknown is not None:
            array[_dense(self.unknown)] = unknown
        return array.reshape(self.shape)

    def take(self, rows: ArrayLike) -> Targets:
        """Returns the targets of the given rows (indices or a boolean mask)."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        values = self.values[rows]
        unknown = None if self.unknown is None else self.unknown[rows]
        return self._with(values, unknown)

    def _with(self, values: Any, unknown: Any) -> Targets:
        shape = self.shape if values.shape[0] == self.n_rows else tuple(values.shape)
        return Targets(values, unknown, self.label_names, self.task, shape)

    def __repr__(self) -> str:
        kind = "sparse" if self.is_sparse else "dense"
        return (
            f"Targets({self.n_rows} rows, {self.n_labels} labels, {self.task}, {kind}, "
            f"labels {shown_list(self.label_names, 4)})"
        )


def default_names(n_labels: int) -> tuple[str, ...]:
    """Names of labels that have none: label_0, label_1, …."""
    return tuple(f"label_{i}" for i in range(n_labels))


def names_or_default(label_names: Iterable[object] | None, n_labels: int) -> tuple[str, ...]:
    """Returns the names that were given, checked, or those of labels that have none."""
    if label_names is None:
        return default_names(n_labels)
    return check_names("label_names", label_names, n_labels)


def _dense(values: Any) -> Any:
    return values if isinstance(values, np.ndarray) else values.toarray()

"""Label matrices, dense, sparse and in data frames, as `Targets`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_names
from equipoise.targets.targets import Targets, Task, names_or_default

_BLOCK = 1 << 16  # cells inspected at a time: a block and its masks stay in the L2 cache


def from_matrix(array: NDArray[Any], label_names: Iterable[object] | None) -> Targets:
    """Reads a (..., L) array of 0 and 1; NaN, or -1 beside 0, is unknown."""
    n_labels = array.shape[-1]
    if n_labels == 0:
        raise InvalidInput("`y` has no labels.", received=f"y.shape={array.shape}")
    names = names_or_default(label_names, n_labels)
    flat = array.reshape(-1, n_labels)
    values, unknown = _read_cells(flat, names)
    task: Task = "binary" if n_labels == 1 else "multilabel"
    return Targets(values, unknown, names, task, array.shape)


def _read_cells(
    flat: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Returns 0/1 values and the mask of unknown cells (None if there is none)."""
    if flat.dtype == np.bool_:
        return flat.view(np.uint8), None
    if flat.dtype.kind == "O":
        flat = _numbers_from_objects(flat, names)
    if flat.dtype.kind not in "iuf":
        raise InvalidInput(
            "`y` must hold 0 and 1.",
            received=f"y.dtype={flat.dtype}",
            remedy="Pass a list of label sets for labels by name, or a 1-D y for classes.",
        )
    zeros, ones, minus_ones, missing = _count_values(flat)
    if zeros + ones == flat.size:
        return flat.astype(np.uint8), None
    if zeros + ones + minus_ones + missing < flat.size:
        _refuse_other_values(flat, names)
    if minus_ones and not zeros:
        raise InvalidInput(
            "`y` holds -1 but no 0, so -1 may mean negative or unknown.",
            received=f"{minus_ones} cells of -1 and {ones} of 1",
            remedy="If -1 means negative pass (y > 0); if it means unknown pass "
            "np.where(y == -1, np.nan, y).",
        )
    return (flat == 1).astype(np.uint8), ~((flat == 0) | (flat == 1))


def _count_values(flat: NDArray[Any]) -> tuple[int, int, int, int]:
    """Returns how many cells are 0, 1, −1 and NaN, reading the array once."""
    zeros = ones = minus_ones = missing = 0
    rows = max(1, _BLOCK // flat.shape[1])
    for start in range(0, flat.shape[0], rows):
        block = flat[start : start + rows]
        zero, one = int(np.count_nonzero(block == 0)), int(np.count_nonzero(block == 1))
        if zero + one < block.size:
            minus_ones += int(np.count_nonzero(block == -1))
            missing += int(np.count_nonzero(block != block))
        zeros += zero
        ones += one
    return zeros, ones, minus_ones, missing


def _refuse_other_values(flat: NDArray[Any], names: Sequence[str]) -> None:
    allowed = (flat == 0) | (flat == 1) | (flat == -1) | (flat != flat)
    row, column = np.argwhere(~allowed)[0]
    value = flat[row, column]
    soft = 0 < value < 1
    raise InvalidInput(
        "`y` must hold 0 and 1 (NaN, or -1 beside 0, for unknown).",
        received=f"{value!r} in row {row}, label {names[column]!r}",
        remedy="Soft targets are for losses only: pass (y >= 0.5)."
        if soft
        else "Pass a 1-D y for classes, or a list of label sets for label ids.",
    )


def _numbers_from_objects(flat: NDArray[Any], names: Sequence[str]) -> NDArray[np.float64]:
    numbers = np.empty(flat.shape, dtype=np.float64)
    for (row, column), value in np.ndenumerate(flat):
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            numbers[row, column] = np.nan
        elif isinstance(value, (bool, int, float, np.number, np.bool_)):
            numbers[row, column] = value
        else:
            raise InvalidInput(
                "`y` must hold 0 and 1.",
                received=f"{value!r} in row {row}, label {names[column]!r}",
                remedy="Pass a list of label sets for labels by name, or a 1-D y for classes.",
            )
    return numbers


def from_sparse(y: Any, label_names: Iterable[object] | None) -> Targets:
    """Reads an (N, L) sparse matrix of 0 and 1; stored NaN, or -1, is unknown."""
    if len(y.shape) != 2:
        raise InvalidInput("A sparse `y` must have two axes.", received=f"y.shape={y.shape}")
    matrix = sparse.csr_array(y, copy=True)
    matrix.sum_duplicates()
    n_rows, n_labels = matrix.shape
    if n_labels == 0:
        raise InvalidInput("`y` has no labels.", received=f"y.shape={y.shape}")
    names = names_or_default(label_names, n_labels)
    stored = matrix.data
    other = ~((stored == 0) | (stored == 1) | (stored == -1) | (stored != stored))
    if other.any():
        position = int(np.flatnonzero(other)[0])
        row = int(np.searchsorted(matrix.indptr, position, side="right")) - 1
        raise InvalidInput(
            "`y` must hold 0 and 1 (NaN, or -1 beside 0, for unknown).",
            received=f"{stored[position]!r} in row {row}, label "
            f"{names[matrix.indices[position]]!r} (entries stored twice are added up)",
        )
    marked = (stored == -1) | (stored != stored)
    unknown = None
    if marked.any():
        if np.count_nonzero((stored == 1) | marked) == n_rows * n_labels and (stored == -1).any():
            raise InvalidInput(
                "`y` holds -1 but no 0, so -1 may mean negative or unknown.",
                remedy="If -1 means negative pass (y > 0); if it means unknown store NaN there.",
            )
        unknown = sparse.csr_array(
            (marked, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape
        )
        unknown.eliminate_zeros()
    values = sparse.csr_array(
        ((stored == 1).astype(np.uint8), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    values.eliminate_zeros()
    task: Task = "binary" if n_labels == 1 else "multilabel"
    return Targets(values, unknown, names, task, (n_rows, n_labels))


def from_frame(frame: nw.DataFrame[Any], label_names: Iterable[object] | None) -> Targets:
    """Reads a data frame of 0/1 columns; their names are those of the labels."""
    names = check_names("the columns of y", frame.columns)
    columns: list[NDArray[Any]] = []
    for name, series in zip(frame.columns, frame.iter_columns(), strict=True):
        dtype = series.dtype
        if not (dtype.is_numeric() or dtype == nw.Boolean or dtype == nw.Object):
            raise InvalidInput(
                f"Column {name!r} of `y` must hold 0 and 1.",
                received=f"a column of type {dtype}",
                remedy=f"Pass y[{name!r}] alone if it holds classes; leave feature columns out.",
            )
        if dtype != nw.Object and series.null_count() > 0:
            series = series.cast(nw.Float64).fill_null(float("nan"))
        columns.append(series.to_numpy())
    if not columns:
        raise InvalidInput("`y` has no labels.", received="a data frame without columns")
    matrix = np.stack(columns, axis=1)
    return from_matrix(matrix, names if label_names is None else label_names)

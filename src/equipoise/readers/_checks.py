"""What holds for the cells of every format: features are finite, 0/1 labels are 0 or 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.readers._places import Locate, Place, fault
from equipoise.targets import Targets, as_targets

Matrix = NDArray[Any] | sparse.csr_array

# Every column has a name, so an index by mistake of twelve digits must not make as many.
MOST_COLUMNS = 1 << 24

_BLOCK = 1 << 16  # cells looked at a time, so that masks stay small


def first_cell(
    matrix: Matrix, wrong: Callable[[NDArray[Any]], NDArray[np.bool_]]
) -> tuple[int, int, float] | None:
    """Returns row, column and value of the first stored cell that is wrong, or None."""
    if isinstance(matrix, np.ndarray):
        step = max(1, _BLOCK // max(1, matrix.shape[1]))
        for start in range(0, len(matrix), step):
            block = matrix[start : start + step]
            mask = wrong(block)
            if mask.any():
                row, column = (int(i) for i in np.argwhere(mask)[0])
                return start + row, column, float(block[row, column])
        return None
    places = np.flatnonzero(wrong(matrix.data))
    if len(places) == 0:
        return None
    place = int(places[0])
    row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
    return row, int(matrix.indices[place]), float(matrix.data[place])


def check_finite(x: Matrix, names: Sequence[str], locate: Locate) -> None:
    """Raises InvalidFile if a feature is infinite; NaN is a missing value and may stay."""
    cell = first_cell(x, np.isinf)
    if cell is not None:
        row, column, _ = cell
        raise infinite_value(locate(row), names[column])


def infinite_value(place: Place, column: str) -> InvalidInput:
    """Returns the error for a feature that is infinite."""
    return fault(
        place,
        "the value is infinite, or too large for a 32-bit number.",
        column=column,
        remedy="Rescale the column, leave the cell empty, or leave the column out with `ignore`.",
    )


def label_targets(
    matrix: Matrix, columns: Sequence[str], label_names: Sequence[str], locate: Locate
) -> Targets:
    """Returns 0/1 columns as targets.

    Args:
        matrix: (N, L) numbers, NaN where not known.
        columns: the names of the columns in the file, for errors.
        label_names: the names of the labels.
        locate: where in a file a row is.

    Raises:
        InvalidFile: a cell that is not a label, with its line; -1 in a file without 0.
    """
    cell = first_cell(matrix, _is_no_label)
    if cell is not None:
        row, column, value = cell
        raise not_a_label(locate(row), columns[column], f"{value:g}")
    try:
        return as_targets(matrix, label_names=label_names)
    except InvalidInput as error:
        raise fault(
            locate(0).origin,
            f"in the labels, {error.problem}",
            received=error.received,
            remedy="Write 0 for a negative label, and leave cells empty that are not known.",
        ) from error


def not_a_label(place: Place, column: str, value: str) -> InvalidInput:
    """Returns the error for a cell of a label column that is not 0 or 1."""
    return fault(
        place,
        "a label must be 0 or 1 (empty where it is not known).",
        column=column,
        received=value,
        remedy="Name label columns only; for a column of label sets pass `labels_column`.",
    )


def _is_no_label(values: NDArray[Any]) -> NDArray[np.bool_]:
    return ~((values == 0) | (values == 1) | (values == -1) | (values != values))

"""Which rows are the same, by what they hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput

_BLOCK = 4096  # rows copied at a time


def same_rows(argument: str, *tables: Any) -> list[NDArray[np.int64]]:
    """Returns a number for each row of each table, the same for rows that hold the same values.

    −0.0 is 0.0, and one NaN is like another. Numbers of different types are compared by value.

    Args:
        argument: name of the tables in errors.
        tables: arrays of any number of axes, memory maps, sparse matrices, data frames, or
            dictionaries of these, as Keras takes them for several inputs.

    Raises:
        InvalidInput: anything else.
    """
    seen: dict[bytes, int] = {}
    numbered: list[NDArray[np.int64]] = []
    for table in tables:
        # Digests instead of rows: 16 bytes each, and no two alike by chance.
        digests = (blake2b(row, digest_size=16).digest() for row in _rows(argument, table))
        numbered.append(np.array([seen.setdefault(d, len(seen)) for d in digests], np.int64))
    return numbered


def _rows(argument: str, table: Any) -> Iterator[bytes]:
    """The values of each row as bytes."""
    if isinstance(table, Mapping) and table:
        parts = [_rows(argument, table[name]) for name in sorted(table)]
        return (b"\0".join(row) for row in zip(*parts, strict=True))
    if sparse.issparse(table):
        return _rows_of_sparse(table)
    frame: Any = nw.from_native(table, eager_only=True, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return _rows_of_frame(frame)
    try:
        array = np.asanyarray(table)
    except ValueError:  # rows of different lengths
        array = np.empty(())
    if array.ndim == 0 or array.dtype.kind not in "biufcUSO":
        raise InvalidInput(
            f"`{argument}` must be an array, a sparse matrix or a data frame.",
            received=type(table).__name__,
            remedy="Pass the features as they go to model.fit.",
        )
    return _rows_of_array(array)


def _rows_of_array(array: Any) -> Iterator[bytes]:
    if array.dtype.kind == "O":
        return (repr(row.tolist() if hasattr(row, "tolist") else row).encode() for row in array)
    return (
        row.tobytes()
        for start in range(0, len(array), _BLOCK)
        for row in _comparable(array[start : start + _BLOCK])
    )


def _rows_of_sparse(matrix: Any) -> Iterator[bytes]:
    rows: Any = sparse.csr_array(matrix, copy=True)
    rows.sum_duplicates()
    rows.eliminate_zeros()
    data, indices = _comparable(rows.data), rows.indices.astype(np.int64)
    ends = rows.indptr.tolist()
    return (
        indices[start:stop].tobytes() + data[start:stop].tobytes() for start, stop in pairwise(ends)
    )


def _rows_of_frame(frame: Any) -> Iterator[bytes]:
    if all(dtype.is_numeric() or dtype == nw.Boolean for dtype in frame.schema.values()):
        return _rows_of_array(frame.to_numpy())
    return (repr(row).encode() for row in frame.iter_rows())


def _comparable(values: Any) -> Any:
    """Numbers as float64 with one zero and one NaN; text as it is."""
    if values.dtype.kind not in "biuf":
        return np.ascontiguousarray(values)
    numbers = np.asarray(values, dtype=np.float64) + 0.0
    numbers[np.isnan(numbers)] = np.nan
    return np.ascontiguousarray(numbers)

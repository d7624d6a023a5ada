"""Where the ones of a dense 0/1 array are, as a CSR array says it."""

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels import SMALL
from equipoise._kernels.stratify import compiled


def positions_of_ones(values: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Returns the CSR row pointers (N + 1,) and sorted columns of the ones of a 0/1 array."""
    if values.size < SMALL or not values.flags.c_contiguous:
        return positions_of_ones_numpy(values)
    indptr = np.zeros(len(values) + 1, np.int64)
    # One more than there are ones: the loop writes before it knows whether to keep.
    columns = np.empty(np.count_nonzero(values.view(np.bool_)) + 1, np.int32)
    compiled(_write_ones)(values, indptr, columns)
    return indptr, columns[:-1]


def positions_of_ones_numpy(
    values: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The NumPy twin of the compiled `positions_of_ones`."""
    n_rows, n_labels = values.shape
    # One axis is searched several times as fast as two.
    flat = np.flatnonzero(np.ascontiguousarray(values).view(np.bool_))
    indptr = np.searchsorted(flat, np.arange(n_rows + 1) * n_labels).astype(np.int64)
    return indptr, (flat % n_labels).astype(np.int32)


def _write_ones(
    values: NDArray[np.uint8], indptr: NDArray[np.int64], columns: NDArray[np.int32]
) -> None:
    # No branch on the values: a wrong guess of the processor costs more than a write.
    n = 0
    for i in range(values.shape[0]):
        for label in range(values.shape[1]):
            columns[n] = label
            n += values[i, label]
        indptr[i + 1] = n

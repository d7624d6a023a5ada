"""One weight per row from the weights of the labels that the row has."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._kernels import SMALL

REDUCTIONS = ("max", "mean", "sum", "product")

Weights = NDArray[np.float64]


def reduce_rows(values: Any, weights: Weights, reduction: str, empty: float) -> Weights:
    """Returns (N,) weights; `empty` for rows without any label.

    Args:
        values: (N, L) dense uint8 0/1, or CSR with stored ones only.
        weights: (L,) weights.
        reduction: one of `REDUCTIONS`.
        empty: weight of a row without labels.
    """
    dense = isinstance(values, np.ndarray)
    if (values.size if dense else values.nnz) < SMALL:
        return reduce_rows_numpy(values, weights, reduction, empty)
    from equipoise._kernels import row_weights_numba as compiled

    code = REDUCTIONS.index(reduction)
    if dense:
        return compiled.dense(np.ascontiguousarray(values), weights, code, empty)
    return compiled.csr(values.indptr, values.indices, weights, code, empty)


def reduce_rows_numpy(values: Any, weights: Weights, reduction: str, empty: float) -> Weights:
    """The NumPy twin of the compiled loops."""
    matrix = sparse.csr_array(values)
    sizes = np.diff(matrix.indptr)
    rows = np.flatnonzero(sizes)
    result = np.full(matrix.shape[0], empty, dtype=np.float64)
    if len(rows) == 0:
        return result
    operation = {"max": np.maximum, "product": np.multiply}.get(reduction, np.add)
    reduced = operation.reduceat(weights[matrix.indices], matrix.indptr[rows])
    result[rows] = reduced / sizes[rows] if reduction == "mean" else reduced
    return result

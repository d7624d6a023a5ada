"""Small things about sparse matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def row_sums(matrix: Any) -> NDArray[np.float64]:
    """Returns the sum of each row as a plain vector."""
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).reshape(-1)


def stacked(blocks: list[Any]) -> Any:
    """Returns blocks of rows as one array, or one CSR array."""
    if isinstance(blocks[0], np.ndarray):
        return np.concatenate(blocks)
    return sparse.csr_array(sparse.vstack(blocks, format="csr"))


def like(matrix: Any, rows: Any) -> Any:
    """Returns a CSR array in the class and the format of another sparse matrix."""
    wanted: Any = matrix.format
    kind: Any = sparse.csr_matrix if isinstance(matrix, sparse.spmatrix) else sparse.csr_array
    return kind(rows).asformat(wanted)


def cells_where(
    matrix: sparse.csr_array, kept: NDArray[np.bool_], dtype: Any = np.uint8
) -> sparse.csr_array:
    """Returns ones at the stored cells that are kept, each row's in order."""
    ends = np.concatenate([[0], np.cumsum(kept)])[matrix.indptr]
    cells = (np.ones(int(ends[-1]), dtype), matrix.indices[kept], ends)
    result = sparse.csr_array(cells, shape=matrix.shape)
    result.sort_indices()
    return result

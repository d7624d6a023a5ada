"""Local imbalance: how far the neighbourhood of each cell contradicts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.resampling._sparse import cells_where, row_sums
from equipoise.targets import Targets

Indices = NDArray[np.int64]
Float = NDArray[np.float64]

SAFE, BORDERLINE, RARE, OUTLIER = 1, 2, 3, 4  # 0 is a cell of the majority value, or unknown


@dataclass(frozen=True)
class LocalImbalance:
    """What MLSOL and MLUL know of the cells that hold their label's minority value.

        C_ij = share of the k nearest rows that have another value of label j
        S_ij = C_ij / sum of C over the minority cells of label j, over cells with C < 1

    Attributes:
        minority: (L,) the value that fewer rows have, 1 where both are as frequent.
        cells: (N, L) CSR of the known cells that hold it, stored as ones.
        contradicted: C of these cells, in the order of `cells`.
        scores: (N, L) CSR of S.
    """

    minority: NDArray[np.uint8]
    cells: sparse.csr_array
    contradicted: Float
    scores: sparse.csr_array
    _member: sparse.csr_array

    @property
    def weights(self) -> Float:
        """(N,) w_i = sum over labels of S_ij."""
        return row_sums(self.scores)

    def types(self) -> sparse.csr_array:
        """(N, L) CSR of SAFE, BORDERLINE, RARE or OUTLIER at minority cells.

        A rare cell with a safe or borderline one among its neighbours becomes borderline itself,
        again and again until none changes.
        """
        kind = np.digitize(self.contradicted, [0.3, 0.7, 1.0]) + 1
        while True:
            easy = self._with((kind <= BORDERLINE).astype(np.float64))
            around = at_cells(self._member @ easy, self.cells)
            rising = (kind == RARE) & (around > 0)
            if not rising.any():
                return self._with(kind.astype(np.int8))
            kind[rising] = BORDERLINE

    def influence(self, targets: Targets) -> Float:
        """(N,) mean over reverse neighbours m of sum_j ±S_mj: plus where both have one value."""
        same = self._with(np.ones(len(self.cells.data)))
        # sum_j S_mj [i has it too] − sum_j S_mj [i has the other value], for each m near i.
        known = None if targets.unknown is None else sparse.csr_array(targets.unknown)
        reverse = sparse.csr_array(self._member.T)
        total = sparse.csr_array(reverse @ self.scores)
        agree = row_sums(total.multiply(same))
        everything = row_sums(total)
        if known is not None:
            everything -= row_sums(total.multiply(known))
        return (2 * agree - everything) / np.maximum(np.diff(reverse.indptr), 1)

    def _with(self, data: NDArray[Any]) -> sparse.csr_array:
        parts = (data, self.cells.indices, self.cells.indptr)
        made = sparse.csr_array(parts, self.cells.shape, copy=True)
        made.eliminate_zeros()  # in place
        return made


def local_imbalance(targets: Targets, near: Indices) -> LocalImbalance:
    """Returns the local imbalance of targets whose rows have these (N, k) neighbours."""
    n_rows, k = near.shape
    ends = np.arange(n_rows + 1) * k
    member = sparse.csr_array((np.ones(n_rows * k), near.reshape(-1), ends), (n_rows, n_rows))
    minority, cells = _minority_cells(targets)
    ones = cells.astype(np.float64)
    agree = at_cells(member @ ones, cells)
    if targets.unknown is not None:
        agree += at_cells(member @ sparse.csr_array(targets.unknown).astype(np.float64), cells)
    contradicted = 1 - agree / max(k, 1)
    share = np.where(agree > 0, contradicted, 0.0)  # agree = 0 is an outlier, C = 1
    total = np.bincount(cells.indices, weights=share, minlength=targets.n_labels)
    share = share / np.where(total > 0, total, 1)[cells.indices]
    scores = sparse.csr_array((share, cells.indices, cells.indptr), cells.shape)
    return LocalImbalance(minority, cells, contradicted, scores, member)


def at_cells(matrix: sparse.csr_array, cells: sparse.csr_array) -> Float:
    """Returns a non-negative matrix's values at the stored cells of another, zeros included."""
    shift = float(matrix.data.max(initial=0)) + 1
    both = sparse.csr_array(matrix + shift * cells.astype(np.float64))
    both.sort_indices()
    return both.data[both.data >= shift] - shift


def _minority_cells(targets: Targets) -> tuple[NDArray[np.uint8], sparse.csr_array]:
    positives = targets.positives()
    counts = np.bincount(positives.indices, minlength=targets.n_labels)
    known = np.full(targets.n_labels, targets.n_rows)
    unknown = targets.unknown
    if unknown is not None:
        known = known - np.asarray(unknown.sum(axis=0)).reshape(-1)
    minority = (2 * counts <= known).astype(np.uint8)
    flipped = np.flatnonzero(minority == 0)
    if not len(flipped):
        return minority, positives
    columns = positives[:, flipped].toarray()
    other = 1 - columns
    if unknown is not None:
        other[sparse.csr_array(unknown)[:, flipped].toarray()] = 0
    kept = cells_where(positives, minority[positives.indices] == 1)
    spread = sparse.csr_array(
        (np.ones(len(flipped), np.uint8), (np.arange(len(flipped)), flipped)),
        shape=(len(flipped), targets.n_labels),
    )
    cells = sparse.csr_array(kept + sparse.csr_array(other) @ spread)
    cells.eliminate_zeros()
    cells.sort_indices()
    return minority, cells

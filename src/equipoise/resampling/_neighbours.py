"""Exact nearest neighbours, by matrix products in blocks.

A kd-tree visits nearly every row beyond twenty dimensions; a product of two blocks is many times
faster. Its rounding may swap two neighbours, so all rows about as near as the k-th one are
measured again, coordinate by coordinate: ties then go to the lower row, always.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from threadpoolctl import ThreadpoolController

from equipoise._kernels.threads import in_threads, thread_count
from equipoise.resampling._sparse import row_sums

Indices = NDArray[np.int64]
Float = NDArray[np.float64]

_CELLS = 1 << 23  # distances held at a time, at most
_SAFE = 1e6  # whole numbers up to there, and the squares of all, are safe in float32
_LARGE = 2048  # rows from which several threads pay
_WHOLE = 1 << 20  # coordinates held as float64 in one piece: 8 MiB


@functools.cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


class Points:
    """Rows as coordinates, dense (NaN is missing) or CSR.

        squared distance = sum over the coordinates that both rows have · d / their number

    Infinite between rows that have no coordinate in common.
    """

    def __init__(self, coordinates: NDArray[Any] | sparse.csr_array, among: Points | None = None):
        self.coordinates = coordinates
        self.n_rows, self.n_dimensions = coordinates.shape
        self.missing = False
        self._centre = np.zeros(self.n_dimensions)
        self._dtype = np.dtype(np.float64)
        if among is not None and not among.missing:
            self._centre, self._dtype = among._centre, among._dtype
        elif isinstance(coordinates, np.ndarray):
            self._look()
        self._norms: Float | None = None
        self._held: tuple[NDArray[Any], NDArray[Any] | None] | None = None

    def _look(self) -> None:
        """Finds the means, around which products round least, and whether anything is missing."""
        total, known = np.zeros(self.n_dimensions), np.zeros(self.n_dimensions)
        largest = 0.0
        for start in range(0, self.n_rows, 4096):
            block: Float = np.asarray(self.coordinates[start : start + 4096], np.float64)
            sums = block.sum(axis=0)
            if np.isnan(sums).any():
                here = ~np.isnan(block)
                self.missing |= not here.all()
                block = np.where(here, block, 0)
                total += block.sum(axis=0)
                known += here.sum(axis=0)
            else:
                total += sums
                known += len(block)
            largest = max(largest, float(block.max(initial=0)), -float(block.min(initial=0)))
        # Whole numbers multiply without any rounding where they are; leave them there.
        self._centre = np.rint(total / np.maximum(known, 1))
        if self.coordinates.dtype == np.float32 and largest < _SAFE:
            self._dtype = np.dtype(np.float32)  # the candidates are measured in float64 anyway

    def subset(self, rows: Indices) -> Points:
        """Returns the points of some rows."""
        return Points(self.coordinates[rows], self)

    def nearest(self, k: int) -> Indices:
        """Returns the k rows nearest to each, (N, min(k, N − 1)), nearest first; never itself."""
        k = min(k, self.n_rows - 1)
        found = np.empty((self.n_rows, max(k, 0)), np.int64)
        if k < 1:
            return found
        cells = min(_CELLS, max(_CELLS >> 4, self.n_rows * self.n_dimensions // 4))
        step = max(1, min(self.n_rows, cells // self.n_rows))
        starts = range(0, self.n_rows, step)

        def fill(block: int) -> None:
            rows = np.arange(starts[block], min(starts[block] + step, self.n_rows))
            found[rows] = self._nearest_of(rows, k)

        n_threads = thread_count(len(starts)) if self.n_rows >= _LARGE else 1
        # Blocks of rows meet less often than the threads of one product.
        with _pools().limit(limits=1, user_api="blas"):
            in_threads(fill, len(starts), n_threads)
        return found

    def squared(self, left: Indices, right: Indices) -> Float:
        """Returns the squared distance of each pair, coordinate by coordinate."""
        result = np.empty(len(left))
        step = max(1, (1 << 20) // max(self.n_dimensions, 1))
        for start in range(0, len(left), step):
            part = slice(start, start + step)
            result[part] = self._measured(left[part], right[part])
        return result

    def _measured(self, left: Indices, right: Indices) -> Float:
        if not isinstance(self.coordinates, np.ndarray):
            difference = self.coordinates[left].astype(np.float64) - self.coordinates[right]
            return row_sums(difference.multiply(difference))
        difference = np.asarray(self.coordinates[left], np.float64) - self.coordinates[right]
        if not self.missing:
            return (difference * difference).sum(axis=1)
        both = (~np.isnan(difference)).sum(axis=1)
        total = np.nansum(difference * difference, axis=1)
        far = np.full(len(left), np.inf)
        return np.divide(total * self.n_dimensions, both, out=far, where=both > 0)

    def _nearest_of(self, rows: Indices, k: int) -> Indices:
        near, slack = self._by_product(rows)
        near[np.arange(len(rows)), rows] = np.inf
        limit = np.empty(len(rows))
        few = max(1, (1 << 20) // self.n_rows)  # a partition copies
        for i in range(0, len(rows), few):
            limit[i : i + few] = np.partition(near[i : i + few], k - 1, axis=1)[:, k - 1]
        # One axis is searched several times as fast as two.
        left, right = np.divmod(np.flatnonzero(near <= (limit + slack)[:, None]), self.n_rows)
        other = right != rows[left]
        left, right = left[other], right[other]
        distance = self.squared(rows[left], right)
        order = np.lexsort((right, distance, left))
        first = np.searchsorted(left[order], np.arange(len(rows)))
        return right[order[first[:, None] + np.arange(k)]]

    def _by_product(self, rows: Indices) -> tuple[NDArray[Any], Float]:
        """Squared distances from rows to all, and by how much they may be wrong."""
        eps = 4 * float(np.finfo(self._dtype).eps) * (self.n_dimensions + 8)
        if not isinstance(self.coordinates, np.ndarray):
            norms = self._norms
            if norms is None:
                norms = self._norms = row_sums(self.coordinates.astype(np.float64).power(2))
            block = self.coordinates[rows].astype(np.float64)
            near = (block @ self.coordinates.T).toarray()
            near *= -2
            near += norms
            near += norms[rows][:, None]
            return near, eps * (norms[rows] + norms.max())
        own, own_known = self._piece(rows)
        own_norms = np.einsum("ij,ij->i", own, own)
        near = np.empty((len(rows), self.n_rows), self._dtype)
        largest = 0.0
        for start, stop in self._tiles():
            tile, known = self._tile(start, stop)
            product = near[:, start:stop]
            np.matmul(own, tile.T, out=product)
            product *= -2
            norms = np.einsum("ij,ij->i", tile, tile)
            largest = max(largest, float(norms.max()))
            if known is None or own_known is None:
                product += norms
                product += own_norms[:, None]
            else:
                product += own_known @ (tile * tile).T
                product += (own * own) @ known.T
                both = own_known @ known.T
                with np.errstate(divide="ignore", invalid="ignore"):
                    product *= self.n_dimensions / both
                product[both == 0] = np.inf
        slack = eps * (own_norms + largest)
        if self.missing:
            slack *= self.n_dimensions  # one common coordinate is scaled by so much
        return near, slack

    def _tiles(self) -> list[tuple[int, int]]:
        step = max(1, _WHOLE // max(self.n_dimensions, 1))
        return [(i, min(i + step, self.n_rows)) for i in range(0, self.n_rows, step)]

    def _tile(self, start: int, stop: int) -> tuple[NDArray[Any], NDArray[Any] | None]:
        if stop - start < self.n_rows:
            return self._piece(slice(start, stop))
        if self._held is None:
            self._held = self._piece(slice(start, stop))
        return self._held

    def _piece(self, rows: Any) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Centred coordinates, 0 where missing, and 1 where known (None if all are)."""
        piece = np.asarray(self.coordinates[rows], self._dtype)
        if self._centre.any():
            piece = piece - self._centre.astype(self._dtype)
        if not self.missing:
            return piece, None
        known = ~np.isnan(piece)
        return np.where(known, piece, 0).astype(self._dtype), known.astype(self._dtype)

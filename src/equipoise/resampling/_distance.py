"""Distances: nominal values by the labels that go with them, rows by their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.resampling._sparse import row_sums
from equipoise.targets import Targets

Indices = NDArray[np.int64]
Float = NDArray[np.float64]

_CELLS = 1 << 22


class ValueDifference:
    """The value difference metric of nominal features, as coordinates of a Euclidean space.

        vdm²(a, b) = 2/L · sum_l (P(l | a) − P(l | b))²

    Two values are near if the same labels go with them, in the mean over the labels. Missing is a
    value of its own.

    Reference: Stanfill and Waltz, Communications of the ACM 29, 1986, with exponent 2, for one
    label; here in the mean over all.
    """

    def __init__(self, targets: Targets):
        self._positives = targets.positives().astype(np.float64)
        unknown = targets.unknown
        self._unknown = None if unknown is None else sparse.csr_array(unknown).astype(np.float64)
        self._scale = np.sqrt(2 / targets.n_labels)
        self._total = self._counts(sparse.csr_array(np.ones((1, targets.n_rows))))

    def dense(self, codes: NDArray[np.int32]) -> Float:
        """Returns coordinates of (N, c) codes; −1 is missing."""
        parts = [self._column(codes[:, c]) for c in range(codes.shape[1])]
        return np.hstack(parts) if parts else np.empty((len(codes), 0))

    def sparse(self, values: sparse.csr_array) -> sparse.csr_array:
        """Returns coordinates of (N, c) sparse values; 0 is a value, and lies at the origin."""
        columns = values.tocsc()
        n_rows, n_columns = columns.shape
        parts: list[Any] = []
        step = max(1, _CELLS // self._positives.shape[1])
        for start in range(0, n_columns, step):
            part = columns[:, start : start + step]
            place, shifts = self._shifts(part)
            if len(shifts) == np.count_nonzero(np.diff(part.indptr)):
                # 0 and one other value a column: one coordinate, as long as the shift.
                scaled = part.astype(np.float64)
                scaled.data = np.sqrt((shifts * shifts).sum(axis=1))[place]
                parts.append(scaled)
                continue
            own = np.concatenate([[0], np.cumsum(np.diff(part.indptr))])
            for c in range(part.shape[1]):
                cells = slice(own[c], own[c + 1])
                points = _compact(shifts[np.unique(place[cells])])
                codes = np.unique(place[cells], return_inverse=True)[1]
                block = np.zeros((n_rows, points.shape[1]))
                block[part.indices[cells]] = points[codes]
                parts.append(sparse.csc_array(block))
        return sparse.csr_array(sparse.hstack(parts, format="csr"))

    def _shifts(self, part: Any) -> tuple[Indices, Float]:
        """The number of each stored cell's value, and (values, L) how far it lies from 0's."""
        column = np.repeat(np.arange(part.shape[1]), np.diff(part.indptr))
        order = np.lexsort((part.data, column))
        value, of_cell = part.data[order], column[order]
        first = np.ones(len(order), bool)
        first[1:] = (value[1:] != value[:-1]) | (of_cell[1:] != of_cell[:-1])
        place = np.empty(len(order), np.int64)
        place[order] = np.cumsum(first) - 1
        of = of_cell[first]
        n_values = len(of)
        member = sparse.csr_array(
            (np.ones(len(place)), (place, part.indices)), shape=(n_values, part.shape[0])
        )
        positives, known = self._counts(member)
        sums = sparse.csr_array(
            (np.ones(n_values), (of, np.arange(n_values))), shape=(part.shape[1], n_values)
        )
        rest = self._share(self._total[0] - sums @ positives, self._total[1] - sums @ known)
        shifts = (self._share(positives, known) - rest[of]) * self._scale
        return place, shifts

    def _column(self, codes: NDArray[np.int32]) -> Float:
        values, place = np.unique(codes, return_inverse=True)
        member = sparse.csr_array(
            (np.ones(len(codes)), (place, np.arange(len(codes)))), shape=(len(values), len(codes))
        )
        shares = self._share(*self._counts(member)) * self._scale
        return _compact(shares - shares[0])[place]

    def _counts(self, member: sparse.csr_array) -> tuple[Float, Float]:
        """Positives and known cells of each label among the members of each set of rows."""
        positives: Any = (member @ self._positives).toarray()
        size = row_sums(member).reshape(-1, 1)
        if self._unknown is None:
            return positives, np.broadcast_to(size, positives.shape)
        return positives, size - np.asarray((member @ self._unknown).toarray())

    def _share(self, positives: Float, known: Float) -> Float:
        """Share of positives; that of all rows where nothing is known."""
        prior = self._total[0] / np.maximum(self._total[1], 1)
        safe = np.maximum(known, 1)
        return np.where(known > 0, positives / safe, prior)


def _compact(points: Float) -> Float:
    """The same distances in fewer coordinates: V points need no more than V."""
    if points.shape[0] >= points.shape[1]:
        return points
    left, sizes, _ = np.linalg.svd(points, full_matrices=False)
    kept = sizes > 1e-12 * max(float(sizes.max(initial=0)), 1e-300)
    return (left * sizes)[:, kept]


def label_distance(targets: Targets, left: Indices, right: Indices) -> Float:
    """Returns the adjusted Hamming distance of each pair of rows.

        |a xor b| / (|a| + |b|)

    0 for two rows without labels, 1 for two that share none. Labels that are not known in both
    rows do not count.

    Reference: Charte et al., IDEAL 2014, section 3.
    """
    positives = targets.positives().astype(np.int64)
    a, b = positives[left], positives[right]
    if targets.unknown is not None:
        unknown = sparse.csr_array(targets.unknown).astype(np.int64)
        a, b = a - a.multiply(unknown[right]), b - b.multiply(unknown[left])
    shared = row_sums(a.multiply(b))
    total = row_sums(a) + row_sums(b)
    return (total - 2 * shared) / np.maximum(total, 1)

"""New rows between two rows, and nominal values by vote."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.resampling._sparse import cells_where, row_sums

Indices = NDArray[np.int64]
Float = NDArray[np.float64]


def on_segment(numeric: Any, seeds: Indices, others: Indices, share: Float) -> Any:
    """Returns seed + share · (other − seed), one share a row; dense or CSR as the input.

    What the seed is missing stays missing; what only the other is missing is the seed's.
    """
    start = numeric[seeds].astype(np.float64, copy=False)
    end = numeric[others].astype(np.float64, copy=False)
    step = end - start
    if isinstance(numeric, np.ndarray):
        return _moved(start, step, share[:, None], end)
    step.data *= np.repeat(share, np.diff(step.indptr))
    return sparse.csr_array(start + step)


def in_box(
    numeric: Any, seeds: Indices, others: Indices, spread: Float, random: np.random.Generator
) -> tuple[Any, Float, Float]:
    """Returns rows with a share of their own for each coordinate, as MLSOL makes them.

    Also the squared distances from seed and from the other, in units of `spread`.
    """
    start = numeric[seeds].astype(np.float64)
    step = numeric[others].astype(np.float64) - start
    if isinstance(numeric, np.ndarray):
        share = random.random(step.shape)
        scaled = np.nan_to_num(step / spread)  # missing: no way to go
        to_seed = ((share * scaled) ** 2).sum(axis=1)
        to_other = (((1 - share) * scaled) ** 2).sum(axis=1)
        return _moved(start, step, share, numeric[others]), to_seed, to_other
    share = random.random(len(step.data))
    scaled = step.data / spread[step.indices]
    squares = [
        sparse.csr_array(((part * scaled) ** 2, step.indices, step.indptr), shape=step.shape)
        for part in (share, 1 - share)
    ]
    to_seed, to_other = (row_sums(s) for s in squares)
    step.data *= share
    return sparse.csr_array(start + step), to_seed, to_other


def _moved(start: Float, step: Float, share: Float, others: NDArray[Any]) -> Float:
    end = others
    missing = np.isnan(step)
    if missing.any():
        step[missing & ~np.isnan(start)] = 0
        end = np.where(np.isnan(others), start, others)
    step *= share
    step += start
    # Rounding may carry a value just beyond the other row's.
    return np.clip(step, np.minimum(start, end), np.maximum(start, end), out=step)


def majority_of(codes: NDArray[Any], seeds: Indices, table: Indices) -> Indices:
    """Returns for each new row and nominal column a neighbour (or the seed) with the mode value.

    Among values as frequent as each other the seed's wins, then the nearest neighbour's. Missing
    does not vote, and what the seed is missing stays missing.

    Args:
        codes: (N, q) codes; negative is missing.
        seeds: (m,) rows.
        table: (m, k) neighbours, nearest first; −1 is none.
    """
    voters = codes[np.maximum(table, 0)]  # (m, k, q)
    valid = (table >= 0)[:, :, None] & (voters >= 0)
    own = codes[seeds]
    votes = np.zeros(voters.shape, np.int32)
    for j in range(table.shape[1]):
        votes += (voters == voters[:, j : j + 1]) & valid[:, j : j + 1]
    score = np.where(valid, 2 * votes + (voters == own[:, None]), -1)
    best = score.argmax(axis=1)
    source = np.take_along_axis(table[:, :, None], best[:, None], axis=1)[:, 0]
    nobody = (score.max(axis=1) < 0) | (own < 0)
    return np.where(nobody, seeds[:, None], source)


def sparse_majority_of(
    nominal: sparse.csr_array, seeds: Indices, table: Indices
) -> sparse.csr_array | None:
    """Returns `majority_of` for columns of 0 and one other value; None if there are others."""
    value = np.zeros(nominal.shape[1], nominal.dtype)
    value[nominal.indices] = nominal.data
    if not np.array_equal(value[nominal.indices], nominal.data):
        return None
    present = table >= 0
    ends = np.concatenate([[0], np.cumsum(present.sum(axis=1))])
    ones = np.ones(int(ends[-1]), np.int32)
    member = sparse.csr_array((ones, table[present], ends), (len(seeds), nominal.shape[0]))
    pattern = sparse.csr_array(
        (np.ones(len(nominal.data), np.int32), nominal.indices, nominal.indptr), nominal.shape
    )
    votes = sparse.csr_array((member @ pattern) * 2 + pattern[seeds])  # the seed's wins a tie
    won = votes.data > np.repeat(present.sum(axis=1), np.diff(votes.indptr))
    cells = cells_where(votes, won)
    return sparse.csr_array((value[cells.indices], cells.indices, cells.indptr), cells.shape)


def codes_of(rows: sparse.csr_array) -> tuple[NDArray[np.int32], Float]:
    """Returns dense codes ≥ 0 of sparse values, and the values by code."""
    dense = rows.toarray().astype(np.float64)
    values, codes = np.unique(dense, return_inverse=True)
    return codes.reshape(dense.shape).astype(np.int32), values

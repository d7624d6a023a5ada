"""Counts of hits, positives and predictions per label, in one pass over labels and decisions."""

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels import SMALL
from equipoise._kernels.counts import label_counts
from equipoise._kernels.threads import in_threads, thread_count

_CELLS = 1 << 20  # of a thread, at least: handing it over costs as much as counting so many
Bytes = NDArray[np.uint8]


def outcome_counts(y: Bytes, p: Bytes) -> NDArray[np.int64] | None:
    """Returns (3, L) counts of y & p, of y and of p, from dense (N, L) bytes.

    None if a byte is neither 0 nor 1: to look while counting costs nothing, but a pass over
    memory of its own costs as much as the count.
    """
    if y.size < SMALL:
        return outcome_counts_numpy(y, p)
    from equipoise._kernels import outcomes_numba

    y, p = np.ascontiguousarray(y), np.ascontiguousarray(p)
    n_threads = thread_count(max(1, y.size // _CELLS))
    edges = [len(y) * i // n_threads for i in range(n_threads + 1)]

    def part(i: int) -> NDArray[np.int64]:
        rows = slice(edges[i], edges[i + 1])
        return outcomes_numba.outcome_counts(y[rows], p[rows])

    parts = np.stack(in_threads(part, n_threads, n_threads))
    return parts[:, :3].sum(axis=0) if parts[:, 3].max(initial=0) <= 1 else None


def outcome_counts_numpy(y: Bytes, p: Bytes) -> NDArray[np.int64] | None:
    """The NumPy twin of the compiled loop."""
    if y.max(initial=0) > 1 or p.max(initial=0) > 1:
        return None
    return np.stack([label_counts(y & p), label_counts(y), label_counts(p)])

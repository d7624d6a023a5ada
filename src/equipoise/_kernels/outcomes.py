"""Counts of hits, positives and predictions per label, in one pass over labels and decisions."""

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels import SMALL
from equipoise._kernels.counts import label_counts

Bytes = NDArray[np.uint8]


def outcome_counts(y: Bytes, p: Bytes) -> NDArray[np.int64]:
    """Returns (3, L) counts of y & p, of y and of p, from dense (N, L) 0/1 bytes."""
    if y.size < SMALL:
        return outcome_counts_numpy(y, p)
    from equipoise._kernels import outcomes_numba

    return outcomes_numba.outcome_counts(np.ascontiguousarray(y), np.ascontiguousarray(p))


def outcome_counts_numpy(y: Bytes, p: Bytes) -> NDArray[np.int64]:
    """The NumPy twin of the compiled loop."""
    return np.stack([label_counts(y & p), label_counts(y), label_counts(p)])

"""Compiled loops behind `label_sums`. Positions are unsigned: no check for negative ones."""

import numpy as np
from numba import njit

U = np.uint64
_TILE = 256  # rows: those of 16 labels stay in the first-level cache


@njit(cache=True, nogil=True)
def part(scores, positive, known, first, last, buffer):
    """Fills a row of `buffer` for each label: positives from the left, negatives from the right.

    Returns (labels, 2): where the positives end and where the negatives start. Every score is
    written to both sides and kept on one, because a branch that goes either way costs more than
    a store; so a row has room for one more than all scores.
    """
    n, tile, offset, masked = U(scores.shape[0]), U(_TILE), U(first), known.size > 0
    n_labels = U(last - first)
    ends = np.zeros((last - first, 2), dtype=np.int64)
    ends[:, 1] = scores.shape[0]
    column = np.empty(_TILE, dtype=scores.dtype)
    is_positive = np.empty(_TILE, dtype=np.uint8)
    is_known = np.ones(_TILE, dtype=np.uint8)
    for start in range(U(0), n, tile):
        size = min(tile, n - start)
        for label in range(n_labels):
            for i in range(size):
                column[i] = scores[start + i, offset + label]
            for i in range(size):
                is_positive[i] = positive[start + i, offset + label]
            if masked:
                for i in range(size):
                    is_known[i] = known[start + i, offset + label]
            left, right = U(ends[label, U(0)]), U(ends[label, U(1)])
            for i in range(size):
                buffer[label, left] = column[i]
                buffer[label, right] = column[i]
                left += U(is_positive[i])
                right -= U(is_known[i]) - U(is_positive[i])
            ends[label, U(0)], ends[label, U(1)] = left, right
    ends[:, 1] += 1
    return ends


@njit(cache=True, nogil=True)
def walk(buffer, ends, result):
    """Writes the sums of each label, whose positives and negatives are sorted upwards."""
    for label in range(ends.shape[0]):
        positives = buffer[label, : ends[label, 0]]
        negatives = buffer[label, ends[label, 1] :]
        n_positive, n_negative = positives.size, negatives.size
        i, j = n_positive - 1, n_negative - 1
        pairs = precision = 0.0
        tp = fp = 0
        while i >= 0:
            here = positives[i]
            while j >= 8 and negatives[j - 8] > here:  # rare positives lie far apart
                j -= 9
            while j >= 0 and negatives[j] > here:
                j -= 1
            fp_before, tp_before = n_negative - 1 - j, tp
            while j >= 0 and negatives[j] == here:
                j -= 1
            while i >= 0 and positives[i] == here:
                i -= 1
            tp, fp = n_positive - 1 - i, n_negative - 1 - j
            pairs += (tp - tp_before) * (n_negative - (fp_before + fp) / 2)
            precision += (tp - tp_before) * (tp / (tp + fp))
        result[label, 0], result[label, 1] = pairs, precision
        result[label, 2], result[label, 3] = n_positive, n_negative

"""Compiled loops behind `cuts`: histograms of keys, the cells of some buckets, and their cuts."""

import numpy as np
from numba import njit

U = np.uint64
_TILE = 256  # rows: those of 16 labels stay in the first-level cache


@njit(cache=True, nogil=True)
def _key(bits, sign):
    """Returns a number that rises with the score; `sign` is the sign bit of the score."""
    key = U(bits)
    if key > sign:
        return key ^ (sign | (sign - U(1)))
    return key | sign  # -0.0 equals 0.0


@njit(cache=True, nogil=True)
def count_buckets(bits, positive, known, first, lowest, shift, counts):
    """Adds negatives and positives to `counts` (labels, buckets, 2), from label `first` on."""
    sign = U(1) << U(8 * bits.itemsize - 1)
    n, tile, offset, masked = U(bits.shape[0]), U(_TILE), U(first), known.size > 0
    for start in range(U(0), n, tile):
        stop = min(start + tile, n)
        for label in range(U(counts.shape[0])):
            for i in range(start, stop):
                if masked and not known[i, offset + label]:
                    continue
                bucket = (_key(bits[i, offset + label], sign) - lowest) >> shift
                counts[label, bucket, U(positive[i, offset + label])] += 1


@njit(cache=True, nogil=True)
def select(bits, scores, positive, known, first, low, high, buffer):
    """Fills each row of `buffer` with the scores of a label whose keys lie in [low, high].

    Positives stand from the left, negatives from the right.

    Returns:
        (labels, 2) where the positives end and where the negatives start.
    """
    sign = U(1) << U(8 * bits.itemsize - 1)
    n, tile, offset, masked = U(bits.shape[0]), U(_TILE), U(first), known.size > 0
    ends = np.zeros((buffer.shape[0], 2), dtype=np.int64)
    ends[:, 1] = buffer.shape[1]
    for start in range(U(0), n, tile):
        stop = min(start + tile, n)
        for label in range(U(buffer.shape[0])):
            floor, span = low[label], high[label] - low[label]
            left, right = ends[label, 0], ends[label, 1]
            for i in range(start, stop):
                if _key(bits[i, offset + label], sign) - floor > span:  # unsigned: below as well
                    continue
                if masked and not known[i, offset + label]:
                    continue
                if positive[i, offset + label]:
                    buffer[label, left] = scores[i, offset + label]
                    left += 1
                else:
                    right -= 1
                    buffer[label, right] = scores[i, offset + label]
            ends[label, 0], ends[label, 1] = left, right
    return ends


@njit(cache=True, nogil=True)
def walk(buffer, ends, tp_above, fp_above, most):
    """Returns (score, below, tp, fp) of the cuts of all labels in turn, and where each starts.

    `tp_above` and `fp_above` are the counts of each label above its range; the cuts end with the
    one that takes in `most` positives of the range.
    """
    n_labels, size = ends.shape[0], ends[:, 0].sum()
    score, below = np.empty(size), np.empty(size)
    tp, fp = np.empty(size), np.empty(size)
    starts = np.zeros(n_labels + 1, dtype=np.int64)
    n = 0
    for label in range(n_labels):
        positives, negatives = buffer[label, : ends[label, 0]], buffer[label, ends[label, 1] :]
        positives.sort()
        negatives.sort()
        i, j = positives.size - 1, negatives.size - 1
        while positives.size - 1 - i < most[label]:
            here = positives[i]
            while i >= 0 and positives[i] == here:
                i -= 1
            while j >= 0 and negatives[j] >= here:
                j -= 1
            score[n], below[n] = here, -np.inf
            tp[n] = tp_above[label] + positives.size - 1 - i
            fp[n] = fp_above[label] + negatives.size - 1 - j
            if i >= 0:
                below[n] = positives[i]
            if j >= 0 and negatives[j] > below[n]:
                below[n] = negatives[j]
            n += 1
        starts[label + 1] = n
    return score[:n], below[:n], tp[:n], fp[:n], starts

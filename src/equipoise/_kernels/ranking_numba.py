"""Compiled loops behind `ranking`: parting positives from negatives, and walking down the scores.

Both walks go on from where an earlier one stopped, so that a long curve can be had in pieces.
"""

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def part(scores, positive, known, positives, negatives):
    """Copies the scores of known positives and negatives; returns how many there are of each.

    Every score is written to both targets and kept in one, because a branch that goes either way
    costs more than a store; so both have room for one more than they keep.
    """
    n_positive = n_negative = 0
    if known.size == 0:
        for i in range(scores.size):
            positives[n_positive] = scores[i]
            negatives[n_negative] = scores[i]
            here = np.int64(positive[i])
            n_positive += here
            n_negative += 1 - here
        return n_positive, n_negative
    for i in range(scores.size):
        positives[n_positive] = scores[i]
        negatives[n_negative] = scores[i]
        here, present = np.int64(positive[i]), np.int64(known[i])
        n_positive += here & present
        n_negative += (1 - here) & present
    return n_positive, n_negative


@njit(cache=True, nogil=True)
def walk_counts(positives, negatives, start, most, with_scores):
    """Goes down two arrays sorted upwards, for at most `most` distinct scores of positives.

    Args:
        start: how many positives and negatives lie above.

    Returns:
        (score, below, tp, fp_before, fp) and where the next walk starts.
    """
    n_positive, n_negative = positives.size, negatives.size
    i, j = n_positive - 1 - start[0], n_negative - 1 - start[1]
    size = min(most, i + 1)
    tp, fp_before, fp = np.empty(size), np.empty(size), np.empty(size)
    score, below = np.empty(size * with_scores), np.empty(size * with_scores)
    n = 0
    while i >= 0 and n < size:
        here = positives[i]
        while j >= 8 and negatives[j - 8] > here:  # rare positives lie far apart
            j -= 9
        while j >= 0 and negatives[j] > here:
            j -= 1
        fp_before[n] = n_negative - 1 - j
        while j >= 0 and negatives[j] == here:
            j -= 1
        while i >= 0 and positives[i] == here:
            i -= 1
        fp[n] = n_negative - 1 - j
        tp[n] = n_positive - 1 - i
        if with_scores:
            score[n] = here
            below[n] = -np.inf
            if i >= 0:
                below[n] = positives[i]
            if j >= 0 and negatives[j] > below[n]:
                below[n] = negatives[j]
        n += 1
    end = n * with_scores
    stop = (n_positive - 1 - i, n_negative - 1 - j)
    return (score[:end], below[:end], tp[:n], fp_before[:n], fp[:n]), stop


@njit(cache=True, nogil=True)
def walk_weights(scores, positive, weights, start, most, with_scores):
    """Goes down cells sorted by falling score, for at most `most` distinct scores of positives.

    Args:
        start: how many cells lie above, and the weight of their positives and negatives.

    Returns:
        (score, below, tp, fp_before, fp) and where the next walk starts.
    """
    i, tp, fp = start
    size = min(most, scores.size - i)
    tps, fps_before, fps = np.empty(size), np.empty(size), np.empty(size)
    score, below = np.empty(size * with_scores), np.empty(size * with_scores)
    n = 0
    while i < scores.size and n < size:
        here, fp_before, found = scores[i], fp, False
        while i < scores.size and scores[i] == here:
            if positive[i]:
                tp += weights[i]
                found = True
            else:
                fp += weights[i]
            i += 1
        if found:
            tps[n], fps_before[n], fps[n] = tp, fp_before, fp
            if with_scores:
                score[n] = here
                below[n] = scores[i] if i < scores.size else -np.inf
            n += 1
    end = n * with_scores
    return (score[:end], below[:end], tps[:n], fps_before[:n], fps[:n]), (i, tp, fp)

"""Compiled loops behind `ranking`: a radix sort of scores, and the walk down the sorted cells.

A cell travels through the sort as one 64-bit word: 32 bits of its key, 31 bits of its position
and 1 bit that says whether it is positive. Moving key and label apart takes twice the time.
"""

import numpy as np
from numba import njit

U = np.uint64
_HALF = U(32)
_LOW_HALF = U(0xFFFFFFFF)
_ONE = U(1)
_DIGIT = U(11)
_WIDTH = 2048
_DIGIT_MASK = U(_WIDTH - 1)


@njit(cache=True, nogil=True)
def _key(bits, sign):
    """Returns a number that falls as the score rises; `sign` is the sign bit of the score."""
    key = U(bits)
    if key == sign:  # -0.0 equals 0.0
        key = U(0)
    return key ^ (sign - _ONE) if key < sign else key


@njit(cache=True, nogil=True)
def _sort_upper_half(cells, scratch):
    """Sorts by the upper 32 bits, stably, in three passes; the result is in `scratch`."""
    counts = np.zeros((3, _WIDTH), dtype=np.int64)
    for i in range(cells.size):
        key = cells[i] >> _HALF
        counts[0, key & _DIGIT_MASK] += 1
        counts[1, (key >> _DIGIT) & _DIGIT_MASK] += 1
        counts[2, key >> (_DIGIT + _DIGIT)] += 1
    for digit in range(3):
        source, target = (cells, scratch) if digit != 1 else (scratch, cells)
        place = counts[digit]
        total = 0
        for d in range(_WIDTH):
            total, place[d] = total + place[d], total
        shift = _HALF + _DIGIT * U(digit)
        for i in range(source.size):
            cell = source[i]
            d = (cell >> shift) & _DIGIT_MASK
            target[place[d]] = cell
            place[d] += 1


@njit(cache=True, nogil=True)
def curve(bits, positive, known, weights, per, low, high, scores, work, with_scores):
    """Returns (score, below, tp, fp_before, fp, positive, negative); see `ranking.Curve`."""
    single = bits.itemsize == 4
    sign = _ONE << U(8 * bits.itemsize - 1)
    n, n_positive = _fill(bits, positive, known, weights, per, low, high, sign, work[0])
    cells, scratch = work[0, :n], work[1, :n]
    _sort_upper_half(cells, scratch)
    if not single:  # that was the lower half of the 64-bit keys; now the upper half
        for i in range(n):
            cell = scratch[i] & _LOW_HALF
            key = _key(bits[cell >> _ONE], sign)
            cells[i] = ((key >> _HALF) << _HALF) | cell
        _sort_upper_half(cells, scratch)
    return _walk(scratch, n_positive, scores, weights, per, single, with_scores)


@njit(cache=True, nogil=True)
def _fill(bits, positive, known, weights, per, low, high, sign, cells):
    """Writes the cells in the range of keys, and returns how many there are, and positives."""
    span = high - low  # unsigned: one comparison instead of two
    masked, weighted = known.size > 0, weights.size > 0
    n = n_positive = 0
    if not masked and not weighted:
        for i in range(bits.size):
            key = _key(bits[i], sign)
            if key - low <= span:
                cells[n] = (key << _HALF) | (U(i) << _ONE) | U(positive[i])
                n += 1
                n_positive += positive[i]
        return n, n_positive
    for i in range(bits.size):
        if masked and not known[i]:
            continue
        if weighted and weights[i // per] == 0:
            continue
        key = _key(bits[i], sign)
        if key - low <= span:
            cells[n] = (key << _HALF) | (U(i) << _ONE) | U(positive[i])
            n += 1
            n_positive += positive[i]
    return n, n_positive


@njit(cache=True, nogil=True)
def histogram(bits, positive, known, weights, per, low, high, shift):
    """Returns counts and weights of positives and negatives by 16 bits of the key."""
    sign = _ONE << U(8 * bits.itemsize - 1)
    masked, weighted = known.size > 0, weights.size > 0
    counts = np.zeros(1 << 16, dtype=np.int64)
    sums = np.zeros((2, 1 << 16))
    for i in range(bits.size):
        if masked and not known[i]:
            continue
        weight = weights[i // per] if weighted else 1.0
        key = _key(bits[i], sign)
        if weight == 0 or key < low or key > high:
            continue
        bucket = (key >> shift) & U(0xFFFF)
        counts[bucket] += 1
        sums[positive[i], bucket] += weight
    return counts, sums[1], sums[0]


@njit(cache=True, nogil=True)
def _walk(cells, n_positive, scores, weights, per, single, with_scores):
    n, weighted = cells.size, weights.size > 0
    n_scores = n_positive if with_scores else 0
    score, below = np.empty(n_scores), np.empty(n_scores)
    tps, fps_before, fps = np.empty(n_positive), np.empty(n_positive), np.empty(n_positive)
    groups = start = 0
    tp = fp = 0.0
    while start < n:
        key = cells[start] >> _HALF
        first = (cells[start] & _LOW_HALF) >> _ONE
        fp_before = fp
        found = False
        i = start
        while i < n and cells[i] >> _HALF == key:
            position = (cells[i] & _LOW_HALF) >> _ONE
            if not single and scores[position] != scores[first]:
                break
            weight = weights[position // per] if weighted else 1.0
            if cells[i] & _ONE:
                tp += weight
                found = True
            else:
                fp += weight
            i += 1
        if found:
            tps[groups], fps_before[groups], fps[groups] = tp, fp_before, fp
            if with_scores:
                score[groups] = scores[first]
                below[groups] = scores[(cells[i] & _LOW_HALF) >> _ONE] if i < n else -np.inf
            groups += 1
        start = i
    end = groups if with_scores else 0
    return (score[:end], below[:end], tps[:groups], fps_before[:groups], fps[:groups], tp, fp)

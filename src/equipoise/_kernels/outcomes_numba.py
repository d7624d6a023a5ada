"""Compiled loop behind `outcomes`."""

import numpy as np
from numba import njit

_WIDTH = 255  # so many rows of 0/1 add up in a byte without overflow


@njit(cache=True, nogil=True)
def outcome_counts(y, p):
    """Returns (4, L): counts of y & p, of y and of p, and the bits that any byte has."""
    n_rows, n_labels = y.shape
    totals = np.zeros((4, n_labels), dtype=np.int64)
    hits = np.zeros(n_labels, dtype=np.uint8)
    positives, predicted, bits = np.zeros_like(hits), np.zeros_like(hits), np.zeros_like(hits)
    for start in range(0, n_rows, _WIDTH):
        for row in range(start, min(start + _WIDTH, n_rows)):
            for label in range(n_labels):
                so, said = y[row, label], p[row, label]
                hits[label] += so & said
                positives[label] += so
                predicted[label] += said
                bits[label] |= so | said
        for label in range(n_labels):
            totals[0, label] += hits[label]
            totals[1, label] += positives[label]
            totals[2, label] += predicted[label]
            hits[label] = positives[label] = predicted[label] = 0
    for label in range(n_labels):
        totals[3, label] = bits[label]
    return totals

"""Compiled loops behind `row_weights.reduce_rows`; codes are positions in REDUCTIONS."""

import numpy as np
from numba import njit


@njit(cache=True)
def dense(values, weights, code, empty):
    n_rows, n_labels = values.shape
    result = np.empty(n_rows)
    for row in range(n_rows):
        count = 0
        total = 1.0 if code == 3 else 0.0
        for label in range(n_labels):
            if values[row, label]:
                count += 1
                weight = weights[label]
                if code == 0:
                    total = weight if weight > total else total
                elif code == 3:
                    total *= weight
                else:
                    total += weight
        if count == 0:
            total = empty
        elif code == 1:
            total /= count
        result[row] = total
    return result


@njit(cache=True)
def csr(indptr, indices, weights, code, empty):
    n_rows = len(indptr) - 1
    result = np.empty(n_rows)
    for row in range(n_rows):
        start, stop = indptr[row], indptr[row + 1]
        total = 1.0 if code == 3 else 0.0
        for position in range(start, stop):
            weight = weights[indices[position]]
            if code == 0:
                total = weight if weight > total else total
            elif code == 3:
                total *= weight
            else:
                total += weight
        if start == stop:
            total = empty
        elif code == 1:
            total /= stop - start
        result[row] = total
    return result

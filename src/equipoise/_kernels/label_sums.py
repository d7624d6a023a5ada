"""ROC-AUC and average precision of many labels at once, from one sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels.ranking import NO_MASK, Cells, Curve, curve_numpy
from equipoise._kernels.threads import label_blocks, map_in_threads

Float = NDArray[np.float64]


def pairs_in_order(c: Curve) -> float:
    """Returns the weight of (positive, negative) pairs in the right order; ties count one half."""
    return _dot(c.gained, c.negative - (c.fp_before + c.fp) / 2)


def precision_gained(c: Curve) -> float:
    """Returns the sum of precision times the weight of the positives gained at each cut."""
    return _dot(c.gained, c.tp / (c.tp + c.fp))


def _dot(a: Float, b: Float) -> float:
    return float(np.sum(a * b))  # a BLAS would start threads of its own, and wait for them


def label_sums(
    scores: NDArray[np.floating], positive: NDArray[np.uint8], known: NDArray[np.bool_] | None
) -> Float:
    """Returns (L, 4): `pairs_in_order`, `precision_gained`, positives and negatives of each label.

    Args:
        scores: (N, L) float32 or float64 without NaN.
        positive: (N, L) 0/1, 0 where unknown.
        known: (N, L), or None if all are known.
    """
    from equipoise._kernels import label_sums_numba as loops

    n_rows, n_labels = scores.shape
    mask = np.empty((0, 0), dtype=np.bool_) if known is None else known
    blocks, n_threads = label_blocks(n_rows, n_labels)
    width = max(last - first for first, last in blocks)
    result = np.empty((n_labels, 4))

    def work(i: int, buffer: NDArray[np.floating]) -> None:
        first, last = blocks[i]
        ends = loops.part(scores, positive, mask, first, last, buffer)
        for row, (left, right) in zip(buffer, ends, strict=False):
            row[:left].sort()  # NumPy sorts bare numbers with vector instructions
            row[right:].sort()
        loops.walk(buffer, ends, result[first:last])

    map_in_threads(
        work,
        len(blocks),
        new_workspace=lambda: np.empty((width, n_rows + 1), dtype=scores.dtype),
        n_threads=n_threads,
    )
    return result


def label_sums_numpy(
    scores: NDArray[np.floating], positive: NDArray[np.uint8], known: NDArray[np.bool_] | None
) -> Float:
    """The NumPy twin of `label_sums`; the same up to rounding."""
    found = []
    for label in range(scores.shape[1]):
        mask = NO_MASK if known is None else known[:, label]
        c = curve_numpy(Cells(scores[:, label], positive[:, label], mask))
        found.append((pairs_in_order(c), precision_gained(c), c.positive, c.negative))
    return np.array(found)

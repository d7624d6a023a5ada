"""ROC-AUC and average precision of many labels at once, from one sort."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels.ranking import Curve
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
    """The NumPy twin of `label_sums`, for matrices of which some ten copies fit in memory."""
    order = np.argsort(scores.T, axis=1)[:, ::-1]
    falling = np.take_along_axis(scores.T, order, axis=1)
    present = np.ones(falling.shape, dtype=np.bool_) if known is None else known.T
    gained = np.take_along_axis(positive.T.astype(np.float64), order, axis=1)
    lost = np.take_along_axis(present.astype(np.float64), order, axis=1) - gained
    tp, fp = np.cumsum(gained, axis=1), np.cumsum(lost, axis=1)
    position = np.arange(falling.shape[1])
    new = np.ones(falling.shape, dtype=np.bool_)  # begins a group of equal scores
    new[:, 1:] = falling[:, 1:] != falling[:, :-1]
    first = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    ends = np.where(np.roll(new, -1, axis=1), position, len(position) - 1)
    last = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    tp, fp_before = (np.take_along_axis(*pair, axis=1) for pair in ((tp, last), (fp - lost, first)))
    fp = np.take_along_axis(fp, last, axis=1)
    positives, negatives = gained.sum(axis=1), lost.sum(axis=1)
    in_order = gained * (negatives[:, None] - (fp_before + fp) / 2)
    precision = gained * (tp / np.maximum(tp + fp, 1))
    return np.stack([in_order.sum(axis=1), precision.sum(axis=1), positives, negatives], axis=1)

"""The part of each label's curve in which the best cut lies, without sorting the rest.

A histogram of the scores gives the exact counts at the edges of its buckets, and so a bound for
every cut inside a bucket: no more positives than at its lower edge, no fewer negatives than at
its upper edge. Only buckets whose bound reaches the best edge need to be sorted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels.ranking import Curve
from equipoise._kernels.threads import in_threads, label_blocks

_BITS = 11  # of the keys, below the highest that differ: some hundred buckets where it matters
Float = NDArray[np.float64]

_SLACK = 1e-9  # rounding of the bound
_LABELS = 256  # worked on at a time: their histograms take some MB

# (tp, fp, all positives, all negatives) -> what is to be maximised, arrays alike
Value = Callable[[Any, Any, Any, Any], Any]


class Cuts(NamedTuple):
    """Cuts of some labels, those of one after those of the other, each by falling score.

    Attributes:
        score: positive is what scores at least this much.
        below: the next lower score of any cell of the label, -inf below the lowest.
        tp: positives at or above the cut.
        fp: negatives at or above the cut.
        starts: (labels + 1,) where the cuts of each label start, and the end.
        positive: (labels,) all positives.
        negative: (labels,) all negatives.
    """

    score: Float
    below: Float
    tp: Float
    fp: Float
    starts: NDArray[np.int64]
    positive: Float
    negative: Float


def all_cuts(c: Curve) -> Cuts:
    """Returns the cuts of one label from its curve, which must have scores."""
    totals = np.array([c.positive]), np.array([c.negative])
    return Cuts(c.score, c.below, c.tp, c.fp, np.array([0, len(c.tp)]), *totals)


def best_cuts(
    scores: NDArray[Any],
    positive: NDArray[np.uint8],
    known: NDArray[np.bool_] | None,
    limits: tuple[float, float],
    value: Value,
) -> list[Cuts]:
    """Returns a part of each label's cuts that holds every one that maximises `value`.

    Its twin is `all_cuts`, of which it returns a part; the labels are in turn in the list.

    Args:
        scores: (N, L) float32 or float64 without NaN.
        positive: (N, L) 0/1, 0 where unknown.
        known: (N, L), or None if all are known.
        limits: the lowest and the highest of all scores.
        value: must not fall when `tp` rises or `fp` falls, wherever it is above 0; NaN is 0.
    """
    mask = np.empty((0, 0), dtype=np.bool_) if known is None else known
    matrices = scores, positive, mask
    found: list[Cuts] = []
    for first in range(0, scores.shape[1], _LABELS):
        last = min(first + _LABELS, scores.shape[1])
        found += _best_cuts_of(matrices, first, last, limits, value)
    return found


def _best_cuts_of(
    matrices: tuple[NDArray[Any], ...],
    first: int,
    last: int,
    limits: tuple[float, float],
    value: Value,
) -> list[Cuts]:
    """Returns the cuts of the labels from `first` to before `last`."""
    from equipoise._kernels import cuts_numba

    loops: Any = cuts_numba
    scores = matrices[0]
    bits = bits_of(scores)
    blocks, n_threads = label_blocks(len(scores), last - first)
    lowest, highest = keys_of(np.array(limits, dtype=scores.dtype)).tolist()
    shift = max(0, (highest - lowest).bit_length() - _BITS)
    n_buckets = ((highest - lowest) >> shift) + 1
    counts = np.zeros((last - first, n_buckets, 2), dtype=np.int32)

    def count(i: int) -> None:
        start, stop = blocks[i]
        place = first + start, np.uint64(lowest), np.uint64(shift)
        loops.count_buckets(bits, *matrices[1:], *place, counts[start:stop])

    in_threads(count, len(blocks), n_threads)
    fp, tp = (np.cumsum(side[:, ::-1], axis=1, dtype=np.float64) for side in _sides(counts))
    start, stop, reach = live_range(counts[:, ::-1], tp, fp, value)
    # Buckets were turned round: the range of keys is from the last of them to the first.
    low = np.uint64(lowest) + ((n_buckets - reach).astype(np.uint64) << np.uint64(shift))
    width = (reach - start).astype(np.uint64) << np.uint64(shift)
    high = low + (width - np.uint64(1))
    rows = np.arange(len(start))
    above = np.where(start > 0, [tp[rows, start - 1], fp[rows, start - 1]], 0.0)
    n_cells = (tp[rows, reach - 1] + fp[rows, reach - 1] - above.sum(axis=0)).astype(np.int64)
    most = tp[rows, stop - 1] - above[0]

    def cut(i: int) -> Cuts:
        part = slice(*blocks[i])
        buffer = np.empty((len(n_cells[part]), int(n_cells[part].max())), dtype=scores.dtype)
        place = first + part.start, low[part], high[part]
        ends = loops.select(bits, *matrices, *place, buffer)
        arrays: Any = loops.walk(buffer, ends, above[0, part], above[1, part], most[part])
        score, below, tp_here, fp_here, starts = arrays
        return Cuts(score, below, tp_here, fp_here, starts, tp[part, -1], fp[part, -1])

    return in_threads(cut, len(blocks), n_threads)


def live_range(
    counts: NDArray[Any], tp: NDArray[np.float64], fp: NDArray[np.float64], value: Value
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Returns which buckets of each label may hold its best cut.

    That is the first of them and the one after the last; and the one after the next bucket that
    holds a cell, in which the score next below the last cut lies.

    Args:
        counts: (labels, buckets, 2) negatives and positives in each bucket, by falling score.
        tp: (labels, buckets) positives in a bucket and above.
        fp: the same for negatives.
        value: what is to be maximised.
    """
    n_negatives, n_positives = _sides(counts)
    totals = tp[:, -1:], fp[:, -1:]
    edge = np.nan_to_num(value(tp, fp, *totals), nan=0.0)
    bound = np.nan_to_num(value(tp, fp - n_negatives, *totals), nan=0.0)
    bound = np.where(n_positives > 0, bound, -np.inf)
    live = bound >= edge.max(axis=1, keepdims=True) - _SLACK
    live[np.arange(len(live)), np.argmax(bound, axis=1)] = True  # never none at all
    stop = live.shape[1] - np.argmax(live[:, ::-1], axis=1)
    filled = (n_positives + n_negatives > 0) & (np.arange(live.shape[1]) >= stop[:, None])
    reach = np.where(filled.any(axis=1), np.argmax(filled, axis=1) + 1, stop)
    return np.argmax(live, axis=1), stop, reach


def _sides(counts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    return counts[..., 0], counts[..., 1]


def bits_of(scores: NDArray[Any]) -> NDArray[Any]:
    """Returns the scores' own bits as unsigned numbers."""
    return scores.view(np.uint32 if scores.itemsize == 4 else np.uint64)


def keys_of(scores: NDArray[Any]) -> NDArray[np.uint64]:
    """Returns numbers that rise with the scores."""
    keys = bits_of(scores).astype(np.uint64)
    sign = np.uint64(1 << (8 * scores.itemsize - 1))
    return np.where(keys > sign, keys ^ (sign | (sign - np.uint64(1))), keys | sign)

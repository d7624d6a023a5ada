"""Curves: what every metric of ranked scores, and every threshold, is computed from.

Sorted by falling score, the cells of a label form groups of equal scores. Only groups that hold a
positive matter: recall moves nowhere else, and a cut below any other group is never better than
the cut above it. A `Curve` has one entry for each such group, so it is as long as the label has
distinct scores of positives: short where labels are rare.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels import SMALL
from equipoise._kernels.threads import map_in_threads, thread_count

Float = NDArray[np.float64]

# A pool of more cells is sorted in pieces: the sort needs 16 bytes for each cell of a piece.
PIECE = 1 << 20
_MOST_PIECES = 16
_MOST_CELLS = 1 << 31  # a cell's position takes 31 bits of its word
_BUCKET_BITS = 16
_NO_MASK = np.empty(0, dtype=np.bool_)
_NO_WEIGHTS = np.empty(0, dtype=np.float64)


class Curve(NamedTuple):
    """Sums of weights (without weights: counts) at each distinct score of a positive, falling.

    Attributes:
        score: the scores of the cuts; empty if they were not asked for.
        below: the next lower score of any cell, -inf below the lowest; empty without scores.
        gained: weight of the positives at the cut itself.
        tp: weight of the positives at or above the cut.
        fp_before: weight of the negatives above the cut.
        fp: weight of the negatives at or above the cut.
        positive: weight of all positives.
        negative: weight of all negatives.
    """

    score: Float
    below: Float
    gained: Float
    tp: Float
    fp_before: Float
    fp: Float
    positive: float
    negative: float


class Cells(NamedTuple):
    """One pool of cells; their scores are not NaN.

    Attributes:
        scores: (n,) contiguous, float32 or float64.
        positive: (n,) uint8, 0 or 1.
        known: (n,) bool; empty if all are known.
        weights: float64 not below 0, one for every `per` consecutive cells; 0 leaves a cell out.
            Empty if all weigh 1.
        per: how many consecutive cells share a weight.
    """

    scores: NDArray[Any]
    positive: NDArray[np.uint8]
    known: NDArray[np.bool_] = _NO_MASK
    weights: Float = _NO_WEIGHTS
    per: int = 1

    @property
    def bits(self) -> NDArray[Any]:
        """The scores' own bits as unsigned numbers."""
        return self.scores.view(np.uint32 if self.scores.itemsize == 4 else np.uint64)


class KeyRange(NamedTuple):
    """Keys from `low` to `high`, both included; a key falls as the score rises."""

    low: int
    high: int


WHOLE = KeyRange(0, 2**64 - 1)


def new_workspace(n_cells: int) -> NDArray[np.uint64]:
    """Returns the memory in which compiled curves of up to `n_cells` cells are sorted."""
    return np.empty((2, n_cells), dtype=np.uint64)


def curve(
    cells: Cells,
    workspace: NDArray[np.uint64] | None,
    *,
    keys: KeyRange = WHOLE,
    with_scores: bool = False,
) -> Curve:
    """Returns the curve of a pool, or of those of its cells in a range of keys.

    The loops are compiled; without a workspace it is the NumPy twin.
    """
    if workspace is None:
        return curve_numpy(cells, keys=keys, with_scores=with_scores)
    low, high = np.uint64(keys.low), np.uint64(keys.high)
    score, below, tp, fp_before, fp, positive, negative = _compiled().curve(
        *_arrays(cells), low, high, cells.scores, workspace, with_scores
    )
    return Curve(score, below, np.diff(tp, prepend=0.0), tp, fp_before, fp, positive, negative)


def curve_numpy(cells: Cells, *, keys: KeyRange = WHOLE, with_scores: bool = False) -> Curve:
    """The NumPy twin of the compiled loops."""
    chosen, weights = _chosen(cells, keys)
    scores = cells.scores[chosen]
    order = np.argsort(-scores, kind="stable")
    scores, weights = scores[order], weights[order]
    positive = cells.positive[chosen][order].astype(np.float64)
    last = np.append(scores[1:] != scores[:-1], True)[: len(order)]  # of its group
    tp, fp = np.cumsum(weights * positive)[last], np.cumsum(weights * (1 - positive))[last]
    group = np.cumsum(last) - last
    hit = np.bincount(group, weights=positive, minlength=len(tp)) > 0
    cuts = scores[last].astype(np.float64) if with_scores else np.empty(0)
    below = np.append(cuts, -np.inf)[1:]
    return Curve(
        score=cuts[hit] if with_scores else cuts,
        below=below[hit] if with_scores else cuts,
        gained=np.diff(tp[hit], prepend=0.0),
        tp=tp[hit],
        fp_before=np.append(0.0, fp)[:-1][hit],
        fp=fp[hit],
        positive=float(tp[-1]) if len(tp) else 0.0,
        negative=float(fp[-1]) if len(fp) else 0.0,
    )


def whole_curve(cells: Cells) -> Curve:
    """Returns the curve of a pool, compiled where that pays; 16 bytes of memory for each cell."""
    n = len(cells.scores)
    return curve(cells, new_workspace(n) if SMALL <= n < _MOST_CELLS else None)


def sum_over_curve(
    cells: Cells, term: Callable[[Curve], float], *, piece: int | None = None
) -> tuple[float, float, float]:
    """Returns the sum of `term` over a pool's curve, the positives and the negatives.

    `term` must itself be a sum over the entries of a curve. A pool of more than `piece` cells
    (by default PIECE) is cut into ranges of scores which are sorted one by one: it takes the
    memory of one range for each thread, and the result is the same for any number of threads.
    """
    n = len(cells.scores)
    piece = PIECE if piece is None else piece
    if n <= piece or n >= _MOST_CELLS:
        whole = whole_curve(cells)
        return term(whole), whole.positive, whole.negative
    limit = max(piece, n // _MOST_PIECES)
    pieces, positive, negative = plan_pieces(cells, limit)

    def term_of_piece(i: int, workspace: NDArray[np.uint64]) -> float:
        return term(piece_curve(cells, pieces[i], positive, negative, workspace))

    terms = map_in_threads(
        term_of_piece,
        len(pieces),
        new_workspace=lambda: new_workspace(limit),
        n_threads=min(thread_count(len(pieces)), _MOST_PIECES // 4),  # memory for a quarter of them
    )
    return sum(terms), positive, negative


# ------------------------------------------------------------------------ pieces of a large pool


class Piece(NamedTuple):
    """A range of keys, and what lies above it.

    Attributes:
        keys: the range.
        tp_above: weight of the positives above the range.
        fp_above: weight of the negatives above the range.
        positive: weight of the positives in the range.
        negative: weight of the negatives in the range.
    """

    keys: KeyRange
    tp_above: float
    fp_above: float
    positive: float
    negative: float


def plan_pieces(cells: Cells, limit: int) -> tuple[list[Piece], float, float]:
    """Cuts a pool into ranges of at most `limit` cells, or of one score, by falling score.

    Returns the pieces that hold a positive, the weight of all positives and of all negatives.
    """
    shift = 8 * cells.scores.itemsize - _BUCKET_BITS
    pieces: list[Piece] = []
    tp, fp = _cut(
        cells, KeyRange(0, 2 ** (shift + _BUCKET_BITS) - 1), shift, limit, 0.0, 0.0, pieces
    )
    return pieces, tp, fp


def _cut(
    cells: Cells,
    keys: KeyRange,
    shift: int,
    limit: int,
    tp: float,
    fp: float,
    pieces: list[Piece],
) -> tuple[float, float]:
    """Appends the pieces of a range; `tp` and `fp` lie above it, and those below are returned."""
    counts, positives, negatives = histogram(cells, keys, shift)
    ends = np.cumsum(counts)
    tps, fps = np.cumsum(positives), np.cumsum(negatives)
    first = 0
    while first < len(counts):
        done = ends[first - 1] if first else 0
        stop = max(int(np.searchsorted(ends, done + limit, side="right")), first + 1)
        part = KeyRange(keys.low + (first << shift), keys.low + (stop << shift) - 1)
        above = (tps[first - 1], fps[first - 1]) if first else (0.0, 0.0)
        tp_above, fp_above = tp + float(above[0]), fp + float(above[1])
        if counts[first:stop].sum() > limit and shift > 0:
            _cut(cells, part, shift - _BUCKET_BITS, limit, tp_above, fp_above, pieces)
        elif positives[first:stop].any():
            pieces.append(
                Piece(
                    part,
                    tp_above,
                    fp_above,
                    float(positives[first:stop].sum()),
                    float(negatives[first:stop].sum()),
                )
            )
        first = stop
    return tp + float(tps[-1]), fp + float(fps[-1])


def piece_curve(
    cells: Cells,
    piece: Piece,
    positive: float,
    negative: float,
    workspace: NDArray[np.uint64] | None,
) -> Curve:
    """Returns the curve of a piece, with everything above it counted in."""
    if piece.keys.low == piece.keys.high:  # one score, of any number of cells: nothing to sort
        tp, fp = np.array([piece.positive]), np.array([piece.negative])
        part = Curve(np.empty(0), np.empty(0), tp, tp, np.zeros(1), fp, 0.0, 0.0)
    else:
        part = curve(cells, workspace, keys=piece.keys)
    return part._replace(
        tp=part.tp + piece.tp_above,
        fp_before=part.fp_before + piece.fp_above,
        fp=part.fp + piece.fp_above,
        positive=positive,
        negative=negative,
    )


def histogram(cells: Cells, keys: KeyRange, shift: int) -> tuple[NDArray[np.int64], Float, Float]:
    """Returns counts and weights of positives and negatives by 16 bits of the key above `shift`."""
    low, high = np.uint64(keys.low), np.uint64(keys.high)
    return _compiled().histogram(*_arrays(cells), low, high, np.uint64(shift))


def histogram_numpy(
    cells: Cells, keys: KeyRange, shift: int
) -> tuple[NDArray[np.int64], Float, Float]:
    """The NumPy twin of `histogram`."""
    chosen, weights = _chosen(cells, keys)
    buckets = ((_keys(cells)[chosen] >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    positive = cells.positive[chosen]
    size = 1 << _BUCKET_BITS
    sums = [
        np.bincount(buckets, weights=weights * side, minlength=size).astype(np.float64)
        for side in (positive, 1 - positive)
    ]
    return np.bincount(buckets, minlength=size).astype(np.int64), sums[0], sums[1]


# -------------------------------------------------------------------------------------- parts


def _compiled() -> ModuleType:
    from equipoise._kernels import ranking_numba

    return ranking_numba


def _arrays(cells: Cells) -> tuple[Any, ...]:
    return cells.bits, cells.positive, cells.known, cells.weights, cells.per


def _keys(cells: Cells) -> NDArray[np.uint64]:
    bits = cells.bits.astype(np.uint64)
    sign = np.uint64(1 << (8 * cells.scores.itemsize - 1))
    bits[bits == sign] = 0  # -0.0 equals 0.0
    return np.where(bits < sign, bits ^ (sign - np.uint64(1)), bits)


def _chosen(cells: Cells, keys: KeyRange) -> tuple[NDArray[np.intp], Float]:
    """Returns the positions and weights of the known, weighted cells in a range of keys."""
    n = len(cells.scores)
    weights = np.repeat(cells.weights, cells.per) if len(cells.weights) else np.ones(n)
    chosen = weights > 0
    if len(cells.known):
        chosen &= cells.known
    if keys != WHOLE:
        found = _keys(cells)
        chosen &= (found >= np.uint64(keys.low)) & (found <= np.uint64(keys.high))
    positions = np.flatnonzero(chosen)
    return positions, weights[positions]

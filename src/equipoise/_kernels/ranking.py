"""Curves: what every metric of ranked scores, and every threshold, is computed from.

Sorted by falling score, the cells of a label form groups of equal scores. Only groups that hold a
positive matter: recall moves nowhere else, and a cut below any other group is never better than
the cut above it. A `Curve` has one entry for each such group, so it is as long as the label has
distinct scores of positives: short where labels are rare.

Without weights only counts are needed: positives and negatives are sorted apart, as bare numbers,
which NumPy does with vector instructions, several times faster than any sort that has to carry
positions along. With weights the positions are needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

PIECE = 1 << 16  # entries of a piece of a curve: its arrays take a few MB
LARGE = 1 << 22  # cells with weights that are sorted at once, at some 60 bytes each
_RANGES = 32
NO_MASK = np.empty(0, dtype=np.bool_)
NO_WEIGHTS = np.empty(0, dtype=np.float64)


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
        positive: (n,) uint8, 0 or 1; 0 where unknown.
        known: (n,) bool; empty if all are known.
        weights: float64 not below 0, one for every `per` consecutive cells; 0 leaves a cell out.
            Empty if all weigh 1.
        per: how many consecutive cells share a weight.
    """

    scores: NDArray[Any]
    positive: NDArray[np.uint8]
    known: NDArray[np.bool_] = NO_MASK
    weights: Float = NO_WEIGHTS
    per: int = 1

    def present(self) -> tuple[NDArray[Any], NDArray[np.uint8], Float | None]:
        """Returns scores, labels and weights of the known, weighted cells."""
        weights = np.repeat(self.weights, self.per) if len(self.weights) else None
        present = self.known if len(self.known) else None
        if weights is not None:
            present = weights > 0 if present is None else present & (weights > 0)
        if present is None:
            return self.scores, self.positive, None
        return (
            self.scores[present],
            self.positive[present],
            None if weights is None else weights[present],
        )

    def take(self, positions: NDArray[np.intp]) -> Cells:
        """Returns the cells at the given positions."""
        known = self.known[positions] if len(self.known) else self.known
        weights = self.weights[positions // self.per] if len(self.weights) else self.weights
        return Cells(self.scores[positions], self.positive[positions], known, weights)


def curve(cells: Cells, *, compiled: bool, with_scores: bool = False) -> Curve:
    """Returns the curve of a pool; the compiled loops and the NumPy twin give the same numbers."""
    if not compiled:
        return curve_numpy(cells, with_scores=with_scores)
    most = len(cells.scores)
    return next(_compiled_pieces(cells, most, with_scores))


def sum_over_curve(
    cells: Cells, term: Callable[[Curve], float], *, compiled: bool
) -> tuple[float, float, float]:
    """Returns the sum of `term` over a pool's curve, the positives and the negatives.

    `term` must itself be a sum over the entries of a curve: a long curve is never held whole.
    """
    if len(cells.weights) and len(cells.scores) > LARGE:
        pieces = _pieces_by_range(cells, compiled)
    else:
        pieces = _compiled_pieces(cells, PIECE) if compiled else iter([curve_numpy(cells)])
    total = positive = negative = 0.0
    for piece in pieces:
        total += term(piece)
        positive, negative = piece.positive, piece.negative
    return total, positive, negative


def curve_numpy(cells: Cells, *, with_scores: bool = False) -> Curve:
    """The NumPy twin of the compiled loops."""
    scores, positive, weights = _falling(cells)
    weighted = weights if len(cells.weights) else np.ones(len(scores))
    last = np.append(scores[1:] != scores[:-1], True)[: len(scores)]  # of its group
    tp = np.cumsum(weighted * positive)[last]
    fp = np.cumsum(weighted * (1 - positive))[last]
    group = np.cumsum(last) - last
    hit = np.bincount(group, weights=positive, minlength=len(tp)) > 0
    cuts = scores[last].astype(np.float64) if with_scores else np.empty(0)
    below = np.append(cuts, -np.inf)[1:]
    positive_sum, negative_sum = _totals(cells)
    return Curve(
        score=cuts[hit] if with_scores else cuts,
        below=below[hit] if with_scores else cuts,
        gained=np.diff(tp[hit], prepend=0.0),
        tp=tp[hit],
        fp_before=np.append(0.0, fp)[:-1][hit],
        fp=fp[hit],
        positive=positive_sum,
        negative=negative_sum,
    )


def _compiled_pieces(cells: Cells, most: int, with_scores: bool = False) -> Iterator[Curve]:
    """Yields the curve in pieces of at most `most` entries; one empty piece if it has none."""
    loops = _compiled()
    if len(cells.weights):
        arrays: Any = _falling(cells)
        walk, start = loops.walk_weights, (0, 0.0, 0.0)
    else:
        arrays = _parted(cells)
        walk, start = loops.walk_counts, (0, 0)
    positive, negative = _totals(cells)
    above, more, first = 0.0, True, True
    while more:
        (score, below, tp, fp_before, fp), start = walk(*arrays, start, most, with_scores)
        if len(tp) or first:
            gained = np.diff(tp, prepend=above)
            yield Curve(score, below, gained, tp, fp_before, fp, positive, negative)
        more, first = len(tp) == most, False
        above = float(tp[-1]) if len(tp) else above


def _pieces_by_range(cells: Cells, compiled: bool) -> Iterator[Curve]:
    """Yields the curve of many cells with weights, sorting one range of scores after the other."""
    scores = cells.scores
    sample = np.unique(scores[:: max(1, len(scores) // 65536)])[::-1]
    floors = [*sample[:: max(1, len(sample) // _RANGES)][1:].tolist(), -np.inf]
    positive, negative = _totals(cells)
    tp = fp = 0.0
    inside, below = np.empty((2, len(scores)), dtype=np.bool_)
    below[:] = False
    for floor in floors:
        np.greater_equal(scores, floor, out=inside)
        inside ^= below  # what lies in this range, and in none above it
        below ^= inside
        part = curve(cells.take(np.flatnonzero(inside)), compiled=compiled)
        yield part._replace(
            tp=part.tp + tp,
            fp_before=part.fp_before + fp,
            fp=part.fp + fp,
            positive=positive,
            negative=negative,
        )
        tp, fp = tp + part.positive, fp + part.negative


def _compiled() -> ModuleType:
    from equipoise._kernels import ranking_numba

    return ranking_numba


def _parted(cells: Cells) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns the scores of the known positives, and of the negatives, each sorted upwards."""
    scores, positive = cells.scores, cells.positive
    positives = np.empty(int(np.count_nonzero(positive)) + 1, dtype=scores.dtype)
    negatives = np.empty(len(scores) - len(positives) + 2, dtype=scores.dtype)
    n_positive, n_negative = _compiled().part(scores, positive, cells.known, positives, negatives)
    positives, negatives = positives[:n_positive], negatives[:n_negative]
    positives.sort()
    negatives.sort()
    return positives, negatives


def _falling(cells: Cells) -> tuple[NDArray[Any], NDArray[np.uint8], Float]:
    """Returns scores, labels and weights of the known, weighted cells, by falling score."""
    scores, positive, weights = cells.present()
    order = _order(scores)[::-1]
    return scores[order], positive[order], NO_WEIGHTS if weights is None else weights[order]


def _order(scores: NDArray[Any]) -> NDArray[np.intp]:
    """Returns the positions of the scores in rising order."""
    if scores.dtype != np.float32 or len(scores) >= 1 << 32:
        return np.argsort(scores)
    # A key of 32 bits and the position make one number, and numbers sort five times as fast.
    keys = (scores + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0
    keys ^= np.where(keys >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    words = keys.astype(np.uint64)
    words <<= 32
    words |= np.arange(len(scores), dtype=np.uint64)
    words.sort()
    words &= 0xFFFFFFFF
    return words.astype(np.intp)


def _totals(cells: Cells) -> tuple[float, float]:
    """Returns the weight of the known positives, and of the known negatives."""
    n = len(cells.scores)
    if len(cells.weights) == 0:
        n_positive = int(np.count_nonzero(cells.positive))
        n_known = int(np.count_nonzero(cells.known)) if len(cells.known) else n
        return float(n_positive), float(n_known - n_positive)
    positive = _added(cells.positive, cells.per)
    present = _added(cells.known, cells.per) if len(cells.known) else cells.per
    weights = cells.weights
    return float(np.sum(weights * positive)), float(np.sum(weights * (present - positive)))


def _added(flags: NDArray[Any], per: int) -> NDArray[np.int64]:
    """Returns how many of each `per` consecutive flags are set."""
    return flags.reshape(-1, per).sum(axis=1, dtype=np.int64)

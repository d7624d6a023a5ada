"""Ranks inside each row: what the metrics that rank a row's labels are computed from."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

_BLOCK = 1 << 18  # cells ranked at a time


class RowRanks(NamedTuple):
    """Cells of a block of rows, each row sorted by falling score; all (rows, L) float64.

    Weights are 0 for unknown cells, else 1 or the weight of the cell.

    Attributes:
        gained: weight of the cell if it is positive, else 0.
        tp: weight of the row's positives that score at least as high as the cell.
        fp: weight of the row's negatives that score at least as high as the cell.
        fp_before: weight of the row's negatives that score higher than the cell.
    """

    gained: Float
    tp: Float
    fp: Float
    fp_before: Float

    @property
    def positive(self) -> Float:
        """(rows,) weight of each row's positives."""
        return self.tp[:, -1]

    @property
    def negative(self) -> Float:
        """(rows,) weight of each row's negatives."""
        return self.fp[:, -1]


def per_row(cells: ScoredCells, function: Callable[[RowRanks], Float]) -> Float:
    """Returns (N,) values of `function`, worked out in blocks of rows."""
    rows = max(1, _BLOCK // cells.n_labels)
    starts = range(0, cells.n_rows, rows)
    return np.concatenate([function(_rank(cells, slice(s, s + rows))) for s in starts])


def row_weights(cells: ScoredCells) -> Float:
    """Returns (N,) weights of the rows; rows of which nothing is known, or weighs, have 0."""
    weights = np.ones((cells.n_rows, 1)) if cells.weights is None else cells.weights
    if weights.shape[1] > 1:  # cells weigh inside their row, and all rows alike
        present = weights > 0
        if cells.known is not None:
            present &= cells.known
        return np.any(present, axis=1).astype(np.float64)
    if cells.known is not None:
        return np.asarray(weights[:, 0] * cells.known.any(axis=1))
    return weights[:, 0]


def _rank(cells: ScoredCells, rows: slice) -> RowRanks:
    scores = cells.scores[rows]
    order = np.argsort(-scores, axis=1, kind="stable")
    scores = np.take_along_axis(scores, order, axis=1)
    gained = np.take_along_axis(cells.positive[rows], order, axis=1).astype(np.float64)
    lost = 1.0 - gained
    weights = None
    if cells.weights is not None and cells.weights.shape[1] > 1:
        weights = cells.weights[rows]
    if cells.known is not None:
        weights = cells.known[rows] * (1.0 if weights is None else weights)
    if weights is not None:
        weights = np.take_along_axis(weights, order, axis=1)
        gained *= weights
        lost *= weights
    # A cell counts with all cells of its own score: read the sums at the group's last cell.
    n_labels = scores.shape[1]
    changes = scores[:, 1:] != scores[:, :-1]
    ends = np.full(scores.shape, n_labels - 1)
    ends[:, :-1][changes] = np.broadcast_to(np.arange(n_labels - 1), changes.shape)[changes]
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    starts = np.zeros(scores.shape, dtype=ends.dtype)
    starts[:, 1:][changes] = np.broadcast_to(np.arange(1, n_labels), changes.shape)[changes]
    starts = np.maximum.accumulate(starts, axis=1)
    tp, fp = np.cumsum(gained, axis=1), np.cumsum(lost, axis=1)
    before = np.concatenate([np.zeros((len(fp), 1)), fp[:, :-1]], axis=1)
    return RowRanks(
        gained,
        np.take_along_axis(tp, ends, axis=1),
        np.take_along_axis(fp, ends, axis=1),
        np.take_along_axis(before, starts, axis=1),
    )

"""Rows that top up the labels a batch has fewest positives of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.batching._draws import RowDraws

_BATCHES_COUNTED = 512  # at least

Rows = NDArray[np.intp]


class RareRows:
    """Draws the rows with which each batch is topped up.

    One after the other: of the labels that occur, one of those with the fewest positives in the
    batch so far, at random; then a row that has it, at random. A row counts for all its labels.

    Args:
        draws: what the batches are drawn by.
        drawn: rows of a full batch that are drawn by the strategy.
        extra: rows that a full batch is topped up with.
    """

    def __init__(self, draws: RowDraws, drawn: int, extra: int):
        self._draws, self._drawn, self._extra = draws, drawn, extra
        columns: Any = draws.positive.tocsc()
        self._rows_of, self._starts = columns.indices, columns.indptr
        self._absent = np.diff(columns.indptr) == 0

    def batch(self, rows: Rows, epoch: int, index: int) -> Rows:
        """Returns the rows to add to a batch that holds these; fewer for a batch that is not full.

        Every batch has a seed of its own, so that workers may make them in any order.
        """
        return self._added(rows, np.random.default_rng([self._draws.seed, epoch, index + 1]))

    def probabilities(self, epoch: int) -> tuple[NDArray[np.float64], float]:
        """Returns (N,) how added rows are spread, and their share of all rows.

        Which labels a batch lacks follows no simple formula: it is counted over batches drawn
        as in this epoch.
        """
        times = np.zeros(self._draws.targets.n_rows)
        starts = range(0, self._draws.n_draws, self._drawn)
        n_draws = 0
        for again in range(1, 1 + -(-_BATCHES_COUNTED // len(starts))):
            order = self._draws.rows(epoch, again)
            n_draws += len(order)
            for index, start in enumerate(starts):
                rows = order[start : start + self._drawn]
                random = np.random.default_rng([self._draws.seed, epoch, index + 1, again])
                np.add.at(times, self._added(rows, random), 1)
        total = times.sum()
        return times / total, total / (total + n_draws)

    def _added(self, rows: Rows, random: np.random.Generator) -> Rows:
        positive = self._draws.positive
        counts = np.bincount(positive[rows].indices, minlength=len(self._absent)).astype(float)
        counts[self._absent] = np.inf
        added = np.empty(-(-self._extra * len(rows) // self._drawn), np.intp)
        for place in range(len(added)):
            fewest = np.flatnonzero(counts == counts.min())
            label = fewest[random.integers(len(fewest))]
            row = self._rows_of[random.integers(self._starts[label], self._starts[label + 1])]
            added[place] = row
            counts[positive.indices[positive.indptr[row] : positive.indptr[row + 1]]] += 1
        return added

"""Imbalance ratios: which labels are rare, and counts that are kept up to date row by row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import shown_list
from equipoise.stats import LabelStats
from equipoise.targets import Targets

_REFRESH = 4096
_SLACK = 1 + 1e-12  # a ratio that equals the mean must not lie above it by rounding


def irlbl_and_mean(targets: Targets) -> tuple[NDArray[np.float64], float]:
    """Returns the imbalance ratio of each label (0: no positive), and their mean."""
    stats = LabelStats.from_targets(targets, labelsets=False)
    return stats.irlbl, stats.mean_ir


def rare_labels(targets: Targets) -> NDArray[np.int64]:
    """Returns the minority labels: irlbl > mean_ir."""
    ratio, mean = irlbl_and_mean(targets)
    return np.flatnonzero(ratio > mean * _SLACK)


def rows_with_any(positives: sparse.csr_array, labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Returns which rows have at least one of the labels."""
    chosen = np.zeros(positives.shape[1], np.int64)
    chosen[labels] = 1
    return np.asarray(positives.astype(np.int64) @ chosen) > 0


def lonely_warning(names: tuple[str, ...], labels: NDArray[np.int64], why: str) -> str:
    """The warning about labels that cannot be improved."""
    return (
        f"{len(labels)} labels cannot be improved, {why}: "
        f"{shown_list([names[i] for i in labels.tolist()])}. Collect more positives of them, or "
        "weight them."
    )


class RunningRatios:
    """Counts of the labels that occur, and their imbalance ratios while rows come and go.

    Plain Python numbers: a row has few labels, and an array operation would cost more than they.
    A label that loses its last positive has an infinite ratio.
    """

    def __init__(self, positives: sparse.csr_array):
        self._indptr = positives.indptr.tolist()
        self._indices = positives.indices.tolist()
        counts = np.bincount(positives.indices, minlength=positives.shape[1])
        self._present = counts > 0
        self._n_present = max(int(self._present.sum()), 1)
        self._counts: list[int] = counts.tolist()
        self._max = max(self._counts)
        self._until_refresh = 0
        self._refresh()

    def _refresh(self) -> None:
        """Sums the inverses afresh, before rounding adds up."""
        counts = np.asarray(self._counts)[self._present]
        self._absent = int(np.count_nonzero(counts == 0))
        self._inverses = float((1 / counts[counts > 0]).sum())
        self._until_refresh = _REFRESH

    def add(self, row: int) -> None:
        """Counts the labels of a row once more."""
        self._move(row, 1)

    def remove(self, row: int) -> None:
        """Counts the labels of a row once less."""
        self._move(row, -1)

    def _move(self, row: int, by: int) -> None:
        counts, shrunk = self._counts, False
        for label in self._indices[self._indptr[row] : self._indptr[row + 1]]:
            old = counts[label]
            counts[label] = new = old + by
            if old:
                self._inverses -= 1 / old
            if new:
                self._inverses += 1 / new
            else:
                self._absent += 1
            shrunk |= by < 0 and old == self._max
            self._max = max(self._max, new)
        if shrunk:
            self._max = max(counts)
        self._until_refresh -= 1
        if self._until_refresh < 0:
            self._refresh()

    def ratio(self, label: int) -> float:
        """Imbalance ratio of a label that occurs."""
        return self._max / self._counts[label] if self._counts[label] else float("inf")

    def mean(self) -> float:
        """Mean imbalance ratio of the labels that occur."""
        if self._absent:
            return float("inf")
        return self._max * self._inverses / self._n_present

    def is_rare(self, label: int, threshold: float) -> bool:
        """Whether the label's ratio is above the threshold, rounding aside."""
        return self.ratio(label) > threshold * _SLACK

"""Bootstrap of the rows: the outcomes of a label's cuts on other samples of as many rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels.cuts import Cuts
from equipoise.decision._constraints import Constraints
from equipoise.decision._objective import Objective
from equipoise.decision._tuned import between, choose, label_cuts
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

_ENTRIES = 1 << 21  # samples x cuts held at a time: some 16 MB an array
_CELLS = 1 << 17  # samples x rows added up at a time: they stay in the cache


class Counts(NamedTuple):
    """Outcomes of some samples of one label at some thresholds.

    Attributes:
        tp: (B, K) true positives.
        fp: (B, K) false positives.
        positive: (B, 1) all positives.
        negative: (B, 1) all negatives.
    """

    tp: Float
    fp: Float
    positive: Float
    negative: Float


def draw(n_rows: int, n_samples: int, random_state: int) -> NDArray[np.uint8]:
    """Returns (samples, rows): how often each row is in each sample of as many rows."""
    rng = np.random.default_rng(random_state)
    counts = np.empty((n_samples, n_rows), dtype=np.uint8)
    for i in range(n_samples):
        counts[i] = np.bincount(rng.integers(0, n_rows, size=n_rows), minlength=n_rows)
    return counts


class ResampledLabel:
    """One label under resampling of the rows.

    Args:
        cells: all labels.
        label: which one.
        cuts: its cuts, from `label_cuts`.
        goal: what is to be maximised.
        limits: what the decisions must keep to.
    """

    def __init__(
        self,
        cells: ScoredCells,
        label: int,
        cuts: Cuts,
        goal: Objective,
        limits: Constraints | None = None,
    ):
        (own,) = cells.labels(label, label + 1)
        present = np.ones(cells.n_rows, dtype=np.bool_) if len(own.known) == 0 else own.known
        if len(own.weights):
            present = present & (own.weights > 0)
        self.rows = np.flatnonzero(present)
        self.scores = own.scores[self.rows]
        self.positive = own.positive[self.rows].astype(np.int64)
        self.weights = own.weights[self.rows] if len(own.weights) else None
        self.n_rows = cells.n_rows
        self.label, self.cuts, self.goal = label, cuts, goal
        self.limits = limits or Constraints()
        self.dtype = cells.scores.dtype

    def reached(self, threshold: float) -> float:
        """Returns the objective of the rows as they are at a threshold."""
        return float(self.values(self.whole(np.array([threshold])))[0])

    def values(self, counts: Counts) -> Float:
        """Returns the objective of (B, 1) outcomes, (B,)."""
        # NaN is Matthews of decisions that are all alike.
        return np.nan_to_num(self.goal.value(self.label)(*counts))[:, 0]

    def best(self, samples: NDArray[np.uint8]) -> tuple[NDArray[np.int64], Counts]:
        """Returns the place of each sample's best cut (-1: none), and the outcomes there."""
        places, parts = [], []
        for counts in self._at(self.cuts.score, samples):
            place, _, _ = choose(*counts, self.label, self.goal, self.limits)
            places.append(place)
            parts.append(_taken(counts, place))
        merged = (np.concatenate(p) for p in zip(*parts, strict=True))
        return np.concatenate(places), Counts(*merged)

    def at_own(self, thresholds: Float, samples: NDArray[np.uint8]) -> Counts:
        """Returns the outcomes of each sample at its own threshold, (B, 1)."""
        falling, places = _falling(thresholds)
        parts, start = [], 0
        for counts in self._at(falling, samples):
            stop = start + len(counts.tp)
            parts.append(_taken(counts, places[start:stop]))
            start = stop
        return Counts(*(np.concatenate(p) for p in zip(*parts, strict=True)))

    def whole(self, thresholds: Float, places: NDArray[np.int64] | None = None) -> Counts:
        """Returns the outcomes of the rows as they are at some thresholds, (K, 1).

        With `places` the thresholds fall, and are taken at these places; -1 says yes nowhere.
        """
        falling, at = _falling(thresholds) if places is None else (thresholds, places)
        (counts,) = self._at(falling, np.ones((1, self.n_rows), dtype=np.uint8))
        # Nothing is above the place before the first.
        tp, fp = (np.append(part[0], 0.0)[at][:, None] for part in (counts.tp, counts.fp))
        totals = (np.repeat(part, len(at), axis=0) for part in (counts.positive, counts.negative))
        return Counts(tp, fp, *totals)

    def thresholds(self, places: NDArray[np.int64]) -> Float:
        """Returns the thresholds of cuts; above all scores for -1."""
        top = float(np.nextafter(self.scores.max(), self.dtype.type(np.inf)))
        top = min(top, float(np.finfo(self.dtype).max))
        cuts = self.cuts
        values = [
            between(below, score, self.dtype)
            for below, score in zip(cuts.below.tolist(), cuts.score.tolist(), strict=True)
        ]
        return np.array([*values, top])[places]

    def effective_size(self) -> float:
        """Returns how many cells of equal weight say as much as these."""
        if self.weights is None:
            return float(len(self.rows))
        return float(self.weights.sum() ** 2 / (self.weights**2).sum())

    def _at(self, thresholds: Float, samples: NDArray[np.uint8]) -> Iterator[Counts]:
        """Yields the outcomes at falling thresholds, a few samples at a time."""
        n = len(thresholds)
        # The first threshold that takes a cell in; n if none does.
        group = n - np.searchsorted(thresholds[::-1], self.scores.astype(np.float64), side="right")
        inside = group < n
        key = 2 * group[inside] + self.positive[inside]
        rows, weights = self.rows[inside], self.weights
        own = None if weights is None else weights[inside]
        step = max(1, min(_ENTRIES // max(n, 1), _CELLS // len(self.rows)))
        for start in range(0, len(samples), step):
            part = samples[start : start + step]
            sums = _sums(part[:, rows], own, key, 2 * n).reshape(len(part), n, 2)
            totals = _sums(part[:, self.rows], weights, self.positive, 2)
            np.cumsum(sums, axis=1, out=sums)
            yield Counts(sums[..., 1], sums[..., 0], totals[:, 1:], totals[:, :1])


def _sums(
    times: NDArray[np.uint8], weights: Float | None, key: NDArray[np.int64], n_keys: int
) -> Float:
    """Returns (B, n_keys): for each of B samples the weight of the cells of each key."""
    taken = times.astype(np.float64) if weights is None else times * weights
    n_samples = len(times)
    keys = key
    if n_samples > 1:
        keys = key + n_keys * np.arange(n_samples, dtype=np.int64)[:, None]
    sums = np.bincount(keys.reshape(-1), weights=taken.reshape(-1), minlength=n_samples * n_keys)
    return sums.astype(np.float64, copy=False).reshape(n_samples, n_keys)


def _falling(thresholds: Float) -> tuple[Float, NDArray[np.int64]]:
    """Returns the distinct thresholds in falling order, and the place of each there."""
    rising, places = np.unique(thresholds, return_inverse=True)
    return rising[::-1], len(rising) - 1 - places


def _taken(counts: Counts, place: NDArray[np.int64]) -> Counts:
    """Returns the outcomes at one threshold of each sample; -1 says yes nowhere."""
    at = np.maximum(place, 0)[:, None]
    nowhere = place[:, None] < 0

    def take(part: Float) -> Float:
        if part.shape[1] == 0:
            return np.zeros((len(part), 1))
        return np.where(nowhere, 0.0, np.take_along_axis(part, at, axis=1))

    return Counts(take(counts.tp), take(counts.fp), counts.positive, counts.negative)


def resampled_labels(
    cells: ScoredCells, goal: Objective, limits: Constraints | None = None
) -> Iterator[ResampledLabel]:
    """Yields the labels that can be tuned."""
    for label, cuts in enumerate(label_cuts(cells)):
        if cuts.positive[0] > 0 and (cuts.negative[0] > 0 or not goal.needs_negatives):
            yield ResampledLabel(cells, label, cuts, goal, limits)

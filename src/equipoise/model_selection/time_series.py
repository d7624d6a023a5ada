"""Splits in time: train on the past, test on what follows."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise.model_selection._inputs import read_problem
from equipoise.model_selection.splitters import Splits, StratifiedSplitter

_PLACES = 41  # considered for each boundary


class MultilabelTimeSeriesSplit(StratifiedSplitter):
    """Test parts that follow each other in time, each after all of its training rows.

    Rows must be in the order of time. The last part of them is cut into `n_splits` test parts of
    about equal size; each boundary is moved, by at most `tolerance` of a part, to where the
    fewest labels are without a positive in some test part (and then to where the parts are most
    alike in size). With `groups` (the day of each row, say) no group is cut; a group's rows must
    follow each other.

    Not for rows without an order: `MultilabelStratifiedKFold` uses all of them for training and
    gives every part its share of every label, which the past cannot promise of the future.

    Args:
        n_splits: number of test parts.
        gap: rows left out between training and test part, because they are not known yet when
            the test part begins.
        max_train_size: at most so many training rows, the latest.
        tolerance: from 0 (equal parts) to 0.5.

    Raises:
        InvalidInput: options out of their range. From `split`: too few rows, or groups whose rows
            do not follow each other.

    Examples:
        >>> y = [[1], [0], [1], [0], [0], [1], [0], [0], [0]]
        >>> for train, test in MultilabelTimeSeriesSplit(2, tolerance=0.4).split(None, y):
        ...     print(train, test)
        [0 1] [2 3 4]
        [0 1 2 3 4] [5 6 7 8]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        gap: int = 0,
        max_train_size: int | None = None,
        tolerance: float = 0.2,
    ):
        self.n_splits = check_integer("n_splits", n_splits, minimum=1)
        self.gap = check_integer("gap", gap, minimum=0)
        if max_train_size is not None:
            check_integer("max_train_size", max_train_size, minimum=1)
        self.max_train_size = max_train_size
        self.tolerance = check_number("tolerance", tolerance, minimum=0, maximum=0.5)

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Splits:
        """Returns the (train, test) row indices of every split, sorted, the earliest first.

        Args:
            X: N rows of features, of which only their number matters; may be None.
            y: N rows of labels in the order of time, anything `as_targets` reads.
            groups: N group names; a group is in one part, and its rows follow each other.
        """
        targets, codes = read_problem(X, y, groups)
        n = targets.n_rows
        ends = _group_ends(codes, n)
        size = n / (self.n_splits + 1)
        if size < 1 or len(ends) < self.n_splits + 1 or n - self.n_splits * size <= self.gap:
            raise InvalidInput(
                "There are too few rows, or groups, for so many splits in time.",
                received=f"{n} rows in {len(ends)} groups, n_splits={self.n_splits}, "
                f"gap={self.gap}",
            )
        places = _places(ends, size, self.n_splits, self.tolerance, self.gap)
        bounds = _boundaries(targets.positives(), places, size)
        return self._pairs(bounds)

    def _pairs(self, bounds: list[int]) -> Splits:
        for start, stop in itertools.pairwise(bounds):
            last = max(start - self.gap, 0)
            first = 0 if self.max_train_size is None else max(last - self.max_train_size, 0)
            yield np.arange(first, last), np.arange(start, stop)


def _group_ends(codes: NDArray[np.int64] | None, n: int) -> NDArray[np.int64]:
    """Returns after which rows a part may end: after each row, or each group."""
    if codes is None:
        return np.arange(1, n + 1)
    changes = np.flatnonzero(np.diff(codes) != 0) + 1
    if len(changes) + 1 != codes.max() + 1:
        raise InvalidInput(
            "The rows of a group must follow each other in time.",
            received=f"{int(codes.max()) + 1} groups in {len(changes) + 1} runs of rows",
            remedy="Sort the rows by time, and name groups so that each is one stretch.",
        )
    return np.append(changes, n)


def _places(
    ends: NDArray[np.int64], size: float, n_splits: int, tolerance: float, gap: int
) -> list[NDArray[np.int64]]:
    """Returns where each test part may start, and the end of the last."""
    n = int(ends[-1])
    possible = ends[(ends > gap) & (ends < n)]  # something must be left to train on
    if len(possible) == 0:
        raise InvalidInput(
            "No group ends early enough to train on, and late enough for the gap.",
            received=f"{len(ends)} groups, gap={gap}",
        )
    places: list[NDArray[np.int64]] = []
    for i in range(1, n_splits + 1):
        away = np.abs(possible - i * size)
        near = possible[away <= tolerance * size]
        if len(near) > _PLACES:
            near = near[np.linspace(0, len(near) - 1, _PLACES).round().astype(int)]
        places.append(np.unique(np.append(near, possible[np.argmin(away)])))
    return [*places, np.array([n])]


def _boundaries(
    positive: sparse.csr_array, places: list[NDArray[np.int64]], size: float
) -> list[int]:
    """Returns where each test part starts, and the end: by dynamic programming over places."""
    n = int(places[-1][0])
    reached = _positives_before(positive, places)
    there = reached[-1][0] > 0
    # cost[j]: of the best boundaries up to the one that is at place j
    cost = (places[0] - size) ** 2 / size**2 / n
    back: list[NDArray[np.intp]] = []
    for (starts, before), (stops, after) in itertools.pairwise(zip(places, reached, strict=True)):
        empty = np.stack([((after == row) & there).sum(axis=1) for row in before])
        uneven = (stops[None] - starts[:, None] - size) ** 2 / size**2 / n
        total = cost[:, None] + empty + uneven
        total[stops[None] <= starts[:, None]] = np.inf
        back.append(np.argmin(total, axis=0))
        cost = np.min(total, axis=0)
    if not np.isfinite(cost[0]):
        raise InvalidInput(
            "Groups are too large for so many splits in time.",
            received=f"{len(places) - 1} splits",
            remedy="Ask for fewer splits, or for smaller groups.",
        )
    at, bounds = 0, [n]
    for i in range(len(places) - 2, -1, -1):
        at = int(back[i][at])
        bounds.append(int(places[i][at]))
    return bounds[::-1]


def _positives_before(
    positive: sparse.csr_array, places: list[NDArray[np.int64]]
) -> list[NDArray[np.int64]]:
    """Returns for each list of places the (places, L) positives in the rows before them."""
    distinct = np.unique(np.concatenate(places))
    # Which stretch between places a row lies in; the rows of a stretch are added up.
    stretch = np.searchsorted(distinct, np.arange(distinct[-1]), side="right")
    rows = np.arange(len(stretch))
    ones = np.ones(len(rows), dtype=np.int64)
    together = sparse.csr_array((ones, (stretch, rows)), shape=(len(distinct), len(rows)))
    reached = np.cumsum((together @ positive).toarray(), axis=0, dtype=np.int64)
    return [reached[np.searchsorted(distinct, part)] for part in places]

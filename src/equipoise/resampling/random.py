"""ML-ROS and ML-RUS: rows of rare labels cloned, rows of common labels deleted, at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import check_choice
from equipoise.resampling._amount import Amount, read_amount, warn_short, warn_unreached
from equipoise.resampling._base import Drawn, Resampler
from equipoise.resampling._kept import rows_left
from equipoise.resampling._ratios import (
    RunningRatios,
    irlbl_and_mean,
    rare_labels,
    rows_with_any,
)
from equipoise.targets import Targets

Threshold = Literal["recomputed", "static"]


class MLROS(Resampler):
    """Clones random rows of each rare label in turn, until it is rare no more.

        rare: irlbl_l > mean_ir;  a label's turn ends for good at irlbl_l <= mean_ir

    Not for labels with a handful of positives: a clone adds weight, not information.

    Args:
        percentage: clones at most, in percent of the rows; 25 if nothing else is said. Fewer come
            where all labels are done before.
        n_new: the same as a number of rows.
        mean_ir: stop as soon as the mean imbalance ratio is this low; alone, without any other
            bound.
        threshold: "recomputed" compares with the mean ratio of the moment, which falls with every
            clone; "static" with that of the beginning, which adds fewer rows.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, both `percentage` and `n_new`.

    Examples:
        >>> y = np.array([[1, 0, 0]] * 8 + [[1, 1, 0]] * 8 + [[0, 0, 1]])
        >>> X, y_more = MLROS(n_new=3, random_state=0).fit_resample(np.arange(17), y)
        >>> X[17:], y_more.sum(axis=0)
        (array([16, 16, 16]), array([16,  8,  4]))

    Reference: Charte et al., Neurocomputing 163, 2015, algorithm 3.
    """

    def __init__(
        self,
        *,
        percentage: float | None = None,
        n_new: int | None = None,
        mean_ir: float | None = None,
        threshold: Threshold = "recomputed",
        random_state: Any = None,
    ):
        self.percentage = percentage
        self.n_new = n_new
        self.mean_ir = mean_ir
        self.threshold = threshold
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        check_choice("threshold", self.threshold, ("recomputed", "static"))
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_new,
            count_name="n_new",
            mean_ir=self.mean_ir,
            default=25,
        )
        clones = _clones(targets, amount, self.threshold == "recomputed", random)
        return Drawn(np.concatenate([np.arange(targets.n_rows), clones]))


class MLRUS(Resampler):
    """Deletes random rows of each common label in turn, until it is common no more.

        common: irlbl_l < mean_ir;  a label's turn ends for good at irlbl_l >= mean_ir

    A row that has a rare label (irlbl_l > mean_ir) is never deleted, and no row twice. Not where
    rows are few: what is deleted is not learned from. Rows keep their order.

    Args:
        percentage: rows to delete at most, in percent of all; 25 if nothing else is said.
        n_removed: the same as a number of rows.
        mean_ir: stop as soon as the mean imbalance ratio is this low.
        threshold: "recomputed" compares with the mean ratio of the moment, "static" with that of
            the beginning.
        min_kept: positives, and negatives, that each label keeps, or all it has if these are
            fewer; deletions are taken back for it, the last ones first. 0 as published.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, both `percentage` and `n_removed`.

    Examples:
        >>> y = np.array([[1, 0]] * 8 + [[1, 1]] * 2)
        >>> rows, y_less = MLRUS(n_removed=6, random_state=0).fit_resample(np.arange(10), y)
        >>> rows[-2:], y_less.sum(axis=0)
        (array([8, 9]), array([4, 2]))

    Reference: Charte et al., Neurocomputing 163, 2015, algorithm 4.
    """

    def __init__(
        self,
        *,
        percentage: float | None = None,
        n_removed: int | None = None,
        mean_ir: float | None = None,
        threshold: Threshold = "recomputed",
        min_kept: int = 0,
        random_state: Any = None,
    ):
        self.percentage = percentage
        self.n_removed = n_removed
        self.mean_ir = mean_ir
        self.threshold = threshold
        self.min_kept = min_kept
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        check_choice("threshold", self.threshold, ("recomputed", "static"))
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_removed,
            count_name="n_removed",
            mean_ir=self.mean_ir,
            default=25,
            removes=True,
        )
        deleted = _deletions(targets, amount, self.threshold == "recomputed", random)
        return Drawn(rows_left(targets, deleted, self.min_kept))


def _clones(
    targets: Targets, amount: Amount, recompute: bool, random: np.random.Generator
) -> NDArray[np.int64]:
    positives = targets.positives()
    rare = rare_labels(targets)
    bags = _bags(positives, rare)
    running = RunningRatios(positives)
    threshold = running.mean()
    clones: list[int] = []
    best = _Lowest(threshold)

    def finished() -> bool:
        enough = amount.count is not None and len(clones) >= amount.count
        return enough or (amount.mean_ir is not None and running.mean() <= amount.mean_ir)

    turn = rare.tolist()
    while turn and not finished():
        staying: list[int] = []
        for label in turn:
            if finished():
                break
            bag = bags[label]
            row = int(bag[int(random.random() * len(bag))])
            clones.append(row)
            running.add(row)
            best.see(running, len(clones))
            if running.is_rare(label, running.mean() if recompute else threshold):
                staying.append(label)
        turn = staying
    best.tell(amount, len(clones), "added", "no label is rare any more")
    return np.array(clones[: best.end(amount, len(clones))], dtype=np.int64)


def _deletions(
    targets: Targets, amount: Amount, recompute: bool, random: np.random.Generator
) -> NDArray[np.int64]:
    positives = targets.positives()
    ratio, mean = irlbl_and_mean(targets)
    common = np.flatnonzero((ratio > 0) & (ratio < mean))
    protected = rows_with_any(positives, rare_labels(targets))
    bags = _bags(positives, common)
    pools = {
        label: random.permutation(bag[~protected[bag]]).tolist() for label, bag in bags.items()
    }
    running = RunningRatios(positives)
    threshold = running.mean()
    deleted: dict[int, None] = {}
    best = _Lowest(threshold)
    most = amount.bounded(targets.n_rows - 1)

    def finished() -> bool:
        reached = amount.mean_ir is not None and running.mean() <= amount.mean_ir
        return reached or len(deleted) >= most

    turn = common.tolist()
    while turn and not finished():
        staying: list[int] = []
        for label in turn:
            if finished():
                break
            pool = pools[label]
            while pool and pool[-1] in deleted:
                pool.pop()  # another label's turn took it
            if not pool:
                continue
            row = pool.pop()
            deleted[row] = None
            running.remove(row)
            best.see(running, len(deleted))
            if running.ratio(label) < (running.mean() if recompute else threshold):
                staying.append(label)
        turn = staying
    best.tell(amount, len(deleted), "removed", "every other row has a rare label, or none")
    return np.array(list(deleted)[: best.end(amount, len(deleted))], dtype=np.int64)


def _bags(
    positives: sparse.csr_array, labels: Sequence[int] | NDArray[Any]
) -> dict[int, NDArray[np.int64]]:
    """The rows of each label."""
    columns = positives.tocsc()
    return {
        label: columns.indices[columns.indptr[label] : columns.indptr[label + 1]].astype(np.int64)
        for label in np.asarray(labels).tolist()
    }


class _Lowest:
    """The lowest mean ratio on the way, to go back to where the target is out of reach."""

    def __init__(self, start: float):
        self._place, self._ratio = 0, start

    def see(self, running: RunningRatios, place: int) -> None:
        if running.mean() < self._ratio:
            self._place, self._ratio = place, running.mean()

    def end(self, amount: Amount, n_rows: int) -> int:
        return n_rows if amount.mean_ir is None else self._place

    def tell(self, amount: Amount, n_rows: int, verb: str, reason: str) -> None:
        """Warns where neither the count nor the ratio that was asked for has been reached."""
        if amount.mean_ir is None:
            warn_short(amount, n_rows, verb, reason)
        elif self._ratio > amount.mean_ir:
            warn_unreached(amount.mean_ir, self._ratio)

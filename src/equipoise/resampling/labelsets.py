"""LP-ROS and LP-RUS: rows of rare label sets cloned, rows of common ones deleted, at random."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.resampling._amount import Amount, read_amount, shortest_prefix, warn_short
from equipoise.resampling._base import Drawn, Resampler
from equipoise.targets import Targets


class LPROS(Resampler):
    """Clones random rows of the label sets that are rarer than the mean label set.

        mean = rows / label sets;  rare sets, largest first, grow by
        min(mean − size, what is left of the budget / sets left)

    What one set cannot take is passed on to the next, and none grows beyond the mean. Not for
    data with about as many label sets as rows, where the mean is 1: nothing can be added. Unknown
    labels are not part of a set.

    Args:
        percentage: clones at most, in percent of the rows; 25 if nothing else is said.
        n_new: the same as a number of rows.
        mean_ir: stop as soon as the mean imbalance ratio is this low; alone, all sets grow to the
            mean unless it is reached before.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, both `percentage` and `n_new`.

    Examples:
        >>> y = np.array([[1, 0]] * 7 + [[0, 1]] * 1 + [[1, 1]] * 4)
        >>> rows, y_more = LPROS(n_new=2, random_state=0).fit_resample(np.arange(12), y)
        >>> rows[12:], y_more.sum(axis=0)
        (array([7, 7]), array([11,  7]))

    Reference: Charte et al., Neurocomputing 163, 2015, algorithm 1.
    """

    def __init__(
        self,
        *,
        percentage: float | None = None,
        n_new: int | None = None,
        mean_ir: float | None = None,
        random_state: Any = None,
    ):
        self.percentage = percentage
        self.n_new = n_new
        self.mean_ir = mean_ir
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_new,
            count_name="n_new",
            mean_ir=self.mean_ir,
            default=25,
        )
        bags = label_set_bags(targets)
        mean = targets.n_rows / len(bags)
        rare = sorted((bag for bag in bags if len(bag) < mean), key=len, reverse=True)
        room = [int(mean) - len(bag) for bag in rare]
        shares = shared_out(amount.bounded(sum(room)), room)
        clones = [
            bag[random.integers(len(bag), size=n)] for bag, n in zip(rare, shares, strict=True)
        ]
        rows = _in_order(targets, clones, amount, random, sign=1)
        _tell(amount, sum(shares), "added", "no label set may grow beyond the mean")
        return Drawn(np.concatenate([np.arange(targets.n_rows), rows]))


class LPRUS(Resampler):
    """Deletes random rows of the label sets that are more common than the mean label set.

        mean = rows / label sets;  common sets, smallest first, shrink by
        min(size − mean, what is left of the budget / sets left)

    What one set cannot give is passed on to the next, and none shrinks below the mean. Not where
    rows are few: what is deleted is not learned from. Rows keep their order.

    Args:
        percentage: rows to delete at most, in percent of all; 25 if nothing else is said.
        n_removed: the same as a number of rows.
        mean_ir: stop as soon as the mean imbalance ratio is this low.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, both `percentage` and `n_removed`.

    Examples:
        >>> y = np.array([[1, 0]] * 7 + [[0, 1]] * 1 + [[1, 1]] * 1)
        >>> rows, y_less = LPRUS(n_removed=3, random_state=0).fit_resample(np.arange(9), y)
        >>> y_less.sum(axis=0)
        array([5, 2])

    Reference: Charte et al., Neurocomputing 163, 2015, algorithm 2.
    """

    def __init__(
        self,
        *,
        percentage: float | None = None,
        n_removed: int | None = None,
        mean_ir: float | None = None,
        random_state: Any = None,
    ):
        self.percentage = percentage
        self.n_removed = n_removed
        self.mean_ir = mean_ir
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_removed,
            count_name="n_removed",
            mean_ir=self.mean_ir,
            default=25,
            removes=True,
        )
        bags = label_set_bags(targets)
        mean = targets.n_rows / len(bags)
        common = sorted((bag for bag in bags if len(bag) > mean), key=len)
        room = [int(len(bag) - mean) for bag in common]
        shares = shared_out(amount.bounded(sum(room)), room)
        gone = [random.permutation(bag)[:n] for bag, n in zip(common, shares, strict=True)]
        rows = _in_order(targets, gone, amount, random, sign=-1)
        _tell(amount, sum(shares), "removed", "no label set may shrink below the mean")
        return Drawn(np.delete(np.arange(targets.n_rows), rows))


def label_set_bags(targets: Targets) -> list[NDArray[np.int64]]:
    """Returns the rows of each label set, in the order of the sets' first rows."""
    positives = targets.positives()
    data = positives.indices.astype(np.int32, copy=False).tobytes()
    ends = (4 * positives.indptr.astype(np.int64)).tolist()
    codes: dict[bytes, int] = {}
    code = np.empty(targets.n_rows, np.int64)
    for row in range(targets.n_rows):
        code[row] = codes.setdefault(data[ends[row] : ends[row + 1]], len(codes))
    order = np.argsort(code, kind="stable")
    return np.split(order, np.cumsum(np.bincount(code))[:-1])


def shared_out(budget: int, room: list[int]) -> list[int]:
    """Returns how much each takes, in turn an equal share of what is left; room must rise.

    Examples:
        >>> shared_out(10, [1, 2, 9])
        [1, 2, 7]
    """
    shares: list[int] = []
    for place, most in enumerate(room):
        shares.append(min(most, budget // (len(room) - place)))
        budget -= shares[-1]
    return shares


def _in_order(
    targets: Targets,
    parts: list[NDArray[np.int64]],
    amount: Amount,
    random: np.random.Generator,
    *,
    sign: int,
) -> NDArray[np.int64]:
    """The chosen rows; with a target ratio in random order, cut where it is reached."""
    rows = np.concatenate(parts) if parts else np.empty(0, np.int64)
    if amount.mean_ir is None:
        return rows
    rows = random.permutation(rows)
    positives = targets.positives()
    counts = np.bincount(positives.indices, minlength=targets.n_labels)
    return rows[: shortest_prefix(counts, positives[rows], amount.mean_ir, sign=sign)]


def _tell(amount: Amount, n_rows: int, verb: str, reason: str) -> None:
    if amount.mean_ir is None:
        warn_short(amount, n_rows, verb, reason)

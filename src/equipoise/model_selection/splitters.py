"""Splitters for cross-validation, with scikit-learn's contract."""

from collections.abc import Generator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from equipoise._errors import InvalidInput, check_choice, check_integer
from equipoise.model_selection._inputs import check_enough, check_seed, generator, read_problem
from equipoise.model_selection.holdout import checked_sizes, holdout_sizes
from equipoise.model_selection.pairs import with_pairs
from equipoise.model_selection.stratify import assign_parts

Splits = Generator[tuple[NDArray[np.int64], NDArray[np.int64]], Any, None]


class StratifiedSplitter(BaseCrossValidator):
    """What all splitters share of scikit-learn's contract."""

    # With scikit-learn's metadata routing, groups reach `split` without being asked for.
    __metadata_request__split: ClassVar[dict[str, bool]] = {"groups": True}

    n_splits: int

    def get_n_splits(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, X: Any = None, y: Any = None, groups: Any = None
    ) -> int:
        """Returns how many pairs `split` yields; the arguments are not used."""
        return self.n_splits


class MultilabelStratifiedKFold(StratifiedSplitter):
    """K folds that each hold their share of the rows and of every label.

    Every row is in the test part of exactly one fold. The folds' sizes differ by at most one row,
    and a label with at least `n_splits` positives is in every fold where an arrangement with such
    sizes exists and is found; `split_report` says where not. With `groups`, no group is in two
    folds, and sizes and labels are as even as the groups allow.

    Not for rows that follow each other in time: the test part would lie in the past of the
    training part.

    Args:
        n_splits: number of folds, at least 2.
        shuffle: whether the order of the rows, and ties, are drawn at random; without it the same
            y always gives the same folds.
        random_state: None (other folds in every call), a seed, or a NumPy generator.
        order: 1 for labels; 2 also gives each fold its share of every pair of labels that at
            least `n_splits` rows hold together. Labels may then be a little less even.

    Raises:
        InvalidInput: fewer than 2 folds; a random_state without shuffle. From `split`: fewer rows
            or groups than folds; X, y and groups of different lengths.

    Examples:
        >>> y = [[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0]]
        >>> for train, test in MultilabelStratifiedKFold(2, random_state=0).split(None, y):
        ...     print(np.sum([y[i] for i in test], axis=0), len(test))
        [2 1] 3
        [1 1] 3

    Reference: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data, ECML
    PKDD 2011, algorithm 1; extended as `equipoise.model_selection.stratify` describes.
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: Any = None,
        order: int = 1,
    ):
        check_choice("order", order, (1, 2))
        self.order = order
        self.n_splits = check_integer("n_splits", n_splits, minimum=2)
        check_choice("shuffle", shuffle, (True, False))
        check_seed(random_state)
        if not shuffle and random_state is not None:
            raise InvalidInput(
                "`random_state` has no effect without shuffling.",
                received=f"shuffle=False, random_state={random_state!r}",
                remedy="Leave random_state out, or pass shuffle=True.",
            )
        self.shuffle = shuffle
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Splits:
        """Returns the (train, test) row indices of every fold, sorted.

        Args:
            X: N rows of features, of which only their number matters; may be None.
            y: N rows of labels, anything `as_targets` reads; unknown cells count as not positive.
            groups: N group names; rows of one group stay together.
        """
        targets, codes = read_problem(X, y, groups)
        check_enough(self.n_splits, targets, codes)
        fold = assign_parts(
            with_pairs(targets, self.n_splits) if self.order == 2 else targets,
            np.ones(self.n_splits),
            groups=codes,
            random=generator(self.random_state) if self.shuffle else None,
        )
        return _folds(fold, self.n_splits)


class RepeatedMultilabelStratifiedKFold(StratifiedSplitter):
    """`MultilabelStratifiedKFold`, several times with different folds.

    The first repeat with a seed gives the folds of `MultilabelStratifiedKFold` with that seed.
    Scores of different repeats are not independent: their spread understates the uncertainty.

    Args:
        n_splits: number of folds, at least 2.
        n_repeats: how often the rows are divided anew.
        random_state: None (other folds in every call), a seed, or a NumPy generator.

    Raises:
        InvalidInput: as `MultilabelStratifiedKFold`; fewer than one repeat.

    Examples:
        >>> splitter = RepeatedMultilabelStratifiedKFold(2, n_repeats=3, random_state=0)
        >>> splitter.get_n_splits(), len(list(splitter.split(None, [[1, 0], [1, 1], [0, 1]])))
        (6, 6)
    """

    def __init__(self, n_splits: int = 5, n_repeats: int = 10, random_state: Any = None):
        self.n_splits = check_integer("n_splits", n_splits, minimum=2)
        self.n_repeats = check_integer("n_repeats", n_repeats, minimum=1)
        check_seed(random_state)
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Returns how many pairs `split` yields; the arguments are not used."""
        return self.n_splits * self.n_repeats

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Splits:
        """Returns the (train, test) row indices of every fold of every repeat, sorted.

        The arguments are those of `MultilabelStratifiedKFold.split`.
        """
        targets, codes = read_problem(X, y, groups)
        check_enough(self.n_splits, targets, codes)
        random = generator(self.random_state)
        shares = np.ones(self.n_splits)
        return (
            pair
            for _ in range(self.n_repeats)
            for pair in _folds(
                assign_parts(targets, shares, groups=codes, random=random), self.n_splits
            )
        )


class MultilabelStratifiedShuffleSplit(StratifiedSplitter):
    """Independent random splits into a training and a test part that hold their share of labels.

    Each split has exactly the sizes asked for (with `groups`, as nearly as whole groups allow). A
    label with at least two positives is in both parts where such an arrangement is found. Test
    parts of different splits overlap: for every row tested once, take `MultilabelStratifiedKFold`.

    Args:
        n_splits: number of splits.
        test_size: share in (0, 1) or number of test rows; by default what `train_size` leaves,
            or 0.1.
        train_size: share or number of training rows; by default what `test_size` leaves. Rows that
            neither takes are left out.
        random_state: None (other splits in every call), a seed, or a NumPy generator.

    Raises:
        InvalidInput: sizes that leave a part without a row, or exceed the rows together. From
            `split`: fewer groups than parts; X, y and groups of different lengths.

    Examples:
        >>> splitter = MultilabelStratifiedShuffleSplit(1, test_size=0.5, random_state=0)
        >>> y = [{"a"}, {"a"}, {"b"}, {"b"}]
        >>> for train, test in splitter.split(None, y):
        ...     print([y[i] for i in train], [y[i] for i in test])
        [{'a'}, {'b'}] [{'a'}, {'b'}]
    """

    def __init__(
        self,
        n_splits: int = 10,
        test_size: float | None = None,
        train_size: float | None = None,
        random_state: Any = None,
    ):
        self.n_splits = check_integer("n_splits", n_splits, minimum=1)
        checked_sizes(test_size, train_size)
        check_seed(random_state)
        self.test_size = test_size
        self.train_size = train_size
        self.random_state = random_state

    def split(self, X: Any, y: Any = None, groups: Any = None) -> Splits:
        """Returns the (train, test) row indices of every split, sorted.

        The arguments are those of `MultilabelStratifiedKFold.split`.
        """
        targets, codes = read_problem(X, y, groups)
        sizes = holdout_sizes(targets.n_rows, self.test_size, self.train_size, default=0.1)
        check_enough(len(sizes), targets, codes)
        random = generator(self.random_state)
        # Rows that are left out, if any, are a third part that needs no label.
        needs = [True, True, False][: len(sizes)]
        return (
            (np.flatnonzero(part == 0), np.flatnonzero(part == 1))
            for part in (
                assign_parts(targets, sizes, groups=codes, needs=needs, random=random)
                for _ in range(self.n_splits)
            )
        )


def _folds(fold: NDArray[np.int64], n_splits: int) -> Splits:
    return ((np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_splits))

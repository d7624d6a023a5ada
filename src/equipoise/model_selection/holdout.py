"""One split of several arrays into training and test parts, or training, validation and test."""

from collections.abc import Sequence
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise.model_selection._inputs import (
    check_enough,
    check_same_rows,
    generator,
    group_codes,
    n_rows_of,
)
from equipoise.model_selection.stratify import assign_parts
from equipoise.targets import Targets, as_targets


def train_test_split(
    *arrays: Any,
    test_size: float | None = None,
    train_size: float | None = None,
    random_state: Any = None,
    stratify: Any = None,
    groups: Any = None,
) -> list[Any]:
    """Splits arrays into a training and a test part that each hold their share of every label.

    The sizes are exact (with `groups`, as near as whole groups allow), a label with at least two
    positives is in both parts where such an arrangement is found, and rows keep their order.

    Unlike scikit-learn's function, this one stratifies by default: by the **last** array, which
    is read as y. Not for rows that follow each other in time, nor for continuous targets.

    Args:
        arrays: arrays, sparse matrices, data frames (pandas, polars, …), lists or `Targets` of N
            rows each; the last one is y unless `stratify` says otherwise.
        test_size: share in (0, 1) or number of test rows; by default what `train_size` leaves,
            or 0.25.
        train_size: share or number of training rows; by default what `test_size` leaves. Rows
            that neither takes are left out.
        random_state: None (another split in every call), a seed, or a NumPy generator.
        stratify: labels of the N rows, anything `as_targets` reads; None takes the last array,
            False stratifies by nothing.
        groups: N group names; rows of one group stay together.

    Returns:
        Training and test part of each array in turn, each of its array's kind.

    Raises:
        InvalidInput: no array, arrays of different lengths, labels that cannot be read, sizes
            that leave a part without a row or exceed the rows together, fewer groups than parts.

    Examples:
        >>> X = np.arange(8).reshape(8, 1)
        >>> y = np.array([[1, 0], [1, 0], [1, 1], [1, 1], [0, 0], [0, 0], [0, 0], [0, 0]])
        >>> X_train, X_test, y_train, y_test = train_test_split(
        ...     X, y, test_size=0.5, random_state=0
        ... )
        >>> y_train.sum(axis=0), y_test.sum(axis=0)
        (array([2, 1]), array([2, 1]))

    Reference: Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011, algorithm 1.
    """
    n_rows = _common_rows(arrays)
    targets = _labels(arrays, stratify, n_rows)
    sizes = holdout_sizes(n_rows, test_size, train_size, default=0.25)
    part = _parts(targets, sizes, [True, True, False][: len(sizes)], groups, random_state)
    return [_take(array, np.flatnonzero(part == f)) for array in arrays for f in (0, 1)]


def train_validation_test_split(
    *arrays: Any,
    sizes: Sequence[float] = (0.6, 0.2, 0.2),
    random_state: Any = None,
    stratify: Any = None,
    groups: Any = None,
) -> list[Any]:
    """Splits arrays into training, validation and test parts with their share of every label.

    All three are dealt at once, so that a label with three positives can be in all of them; the
    rest is as in `train_test_split`, which stratifies by the **last** array as well.

    Args:
        arrays: arrays of N rows each, as for `train_test_split`.
        sizes: training, validation and test size: three shares that sum to 1, or three numbers of
            rows that sum to N.
        random_state: None (another split in every call), a seed, or a NumPy generator.
        stratify: labels of the N rows; None takes the last array, False stratifies by nothing.
        groups: N group names; rows of one group stay together.

    Returns:
        Training, validation and test part of each array in turn.

    Raises:
        InvalidInput: as `train_test_split`; sizes that are not three, or do not sum to the whole.

    Examples:
        >>> y = np.array([[1], [1], [1], [0], [0], [0], [0], [0], [0], [0]])
        >>> [part.sum() for part in train_validation_test_split(y, random_state=0)]
        [np.int64(1), np.int64(1), np.int64(1)]
    """
    n_rows = _common_rows(arrays)
    targets = _labels(arrays, stratify, n_rows)
    rows = _three_sizes(n_rows, sizes)
    part = _parts(targets, rows, [True, True, True], groups, random_state)
    return [_take(array, np.flatnonzero(part == f)) for array in arrays for f in range(3)]


# ------------------------------------------------------------------------------------- sizes


def checked_sizes(test_size: float | None, train_size: float | None) -> None:
    """Raises InvalidInput unless each size is None, a share in (0, 1) or a number of rows."""
    for argument, size in (("test_size", test_size), ("train_size", train_size)):
        if isinstance(size, (float, np.floating)):
            check_number(argument, size, minimum=0, maximum=1, open_minimum=True, open_maximum=True)
        elif size is not None:
            check_integer(argument, size, minimum=1)


def holdout_sizes(
    n_rows: int, test_size: float | None, train_size: float | None, *, default: float
) -> list[int]:
    """Returns the rows of the training and the test part, and of the rest if there is one.

    As in scikit-learn, a share of test rows is rounded up and one of training rows down.
    """
    checked_sizes(test_size, train_size)
    if test_size is None and train_size is None:
        test_size = default
    if test_size is None:
        n_train = _n_of(train_size, n_rows, np.floor)
        n_test = n_rows - n_train
    else:
        n_test = _n_of(test_size, n_rows, np.ceil)
        n_train = n_rows - n_test if train_size is None else _n_of(train_size, n_rows, np.floor)
    rest = n_rows - n_train - n_test
    if n_train < 1 or n_test < 1 or rest < 0:
        raise InvalidInput(
            "Both parts must have at least one row, and not more than there are together.",
            received=f"test_size={test_size}, train_size={train_size}: {n_train} training and "
            f"{n_test} test rows of {n_rows}",
            remedy="Change `test_size` or `train_size`, or pass more rows.",
        )
    return [n_train, n_test, rest] if rest else [n_train, n_test]


def _n_of(size: Any, n_rows: int, rounded: Any) -> int:
    if not isinstance(size, (float, np.floating)):
        return int(size)
    # A product such as 0.1 · 30 may fall a hair beside the whole number that is meant.
    return int(rounded(np.round(float(size) * n_rows, 9)))


def _three_sizes(n_rows: int, sizes: Sequence[float]) -> list[int]:
    try:
        values = np.asarray(sizes, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    total = values.sum()
    counts = bool(np.all(values == np.rint(values)))
    fits = total == n_rows if counts else abs(total - 1) < 1e-9
    if values.shape != (3,) or not np.all(values > 0) or not fits:
        raise InvalidInput(
            "`sizes` must be three positive shares that sum to 1, or three numbers of rows that "
            f"sum to the {n_rows} rows.",
            received=f"{sizes!r}",
            remedy="For example sizes=(0.6, 0.2, 0.2).",
        )
    if n_rows < 3:
        raise InvalidInput(
            "Three parts need at least 3 rows.", received=f"{n_rows} rows", remedy="Pass more rows."
        )
    exact = values * n_rows / total
    rows = np.maximum(np.floor(np.round(exact, 9)), 1)
    while rows.sum() != n_rows:  # the largest remainder gets a row, the smallest gives one
        short = exact - rows
        if rows.sum() < n_rows:
            rows[np.argmax(short)] += 1
        else:
            rows[np.argmin(np.where(rows > 1, short, np.inf))] -= 1
    return rows.astype(int).tolist()


# ----------------------------------------------------------------------------- rows and labels


def _parts(
    targets: Targets, sizes: list[int], needs: list[bool], groups: Any, random_state: Any
) -> NDArray[np.int64]:
    codes = None if groups is None else group_codes(groups, targets.n_rows)
    check_enough(len(sizes), targets, codes)
    random = generator(random_state)
    return assign_parts(targets, sizes, groups=codes, needs=needs, random=random)


def _common_rows(arrays: tuple[Any, ...]) -> int:
    if not arrays:
        raise InvalidInput("At least one array is needed.", remedy="Pass X and y.")
    counts = [n_rows_of(f"array {i}", array) for i, array in enumerate(arrays)]
    if len(set(counts)) > 1:
        raise InvalidInput(
            "The arrays have different numbers of rows.",
            received=f"{counts}",
            remedy="Pass the same rows in the same order.",
        )
    return counts[0]


def _labels(arrays: tuple[Any, ...], stratify: Any, n_rows: int) -> Targets:
    if stratify is False:
        return as_targets(np.zeros((n_rows, 1), np.uint8))
    if stratify is not None:
        targets = as_targets(stratify)
        check_same_rows("stratify", targets.n_rows, n_rows)
        return targets
    try:
        targets = as_targets(arrays[-1])
    except InvalidInput as error:
        raise InvalidInput(
            f"The last array cannot be read as labels to stratify by: {error.problem}",
            received=error.received,
            remedy="Pass y last, or stratify=y, or stratify=False for a split at random.",
        ) from error
    check_same_rows("the last array", targets.n_rows, n_rows)
    return targets


def _take(array: Any, rows: NDArray[np.int64]) -> Any:
    """Returns the rows of an array, in an object of its own kind."""
    if isinstance(array, Targets):
        return array.take(rows)
    if sparse.issparse(array):
        matrix: Any = array
        return matrix.tocsr()[rows].asformat(matrix.format)
    frame = nw.from_native(array, pass_through=True, allow_series=True)
    if isinstance(frame, (nw.DataFrame, nw.Series)):
        return frame[rows].to_native()
    if isinstance(array, (list, tuple)):
        return [array[i] for i in rows]
    try:
        return array[rows]
    except (TypeError, IndexError, KeyError) as error:
        raise InvalidInput(
            f"The rows of a {type(array).__name__} cannot be taken by their indices.",
            received=f"{error}",
            remedy="Convert it with numpy.asarray first.",
        ) from error

import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from polars.testing import assert_frame_equal as assert_polars_equal
from scipy import sparse
from sklearn.model_selection import cross_validate
from sklearn.model_selection import train_test_split as sklearn_train_test_split
from sklearn.neighbors import KNeighborsClassifier

from equipoise import as_targets
from equipoise._errors import InvalidInput
from equipoise.model_selection import (
    MultilabelStratifiedShuffleSplit,
    split_report,
    train_test_split,
    train_validation_test_split,
)

matrices = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(4, 40), st.integers(1, 5)),
    elements=st.integers(0, 1),
    fill=st.just(0),
)


def labels(n_rows=60, n_labels=4, rate=0.3):
    return (np.random.default_rng(0).random((n_rows, n_labels)) < rate).astype(np.uint8)


# ------------------------------------------------------------------------------- properties


@given(matrices, st.integers(1, 3), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_parts_are_a_partition_in_order(y, test_size, seed):
    rows = np.arange(len(y))
    train, test, y_train, y_test = train_test_split(rows, y, test_size=test_size, random_state=seed)
    assert len(test) == test_size
    assert_array_equal(np.sort(np.concatenate([train, test])), rows)
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(test) > 0)
    assert_array_equal(y_train, y[train])
    assert_array_equal(y_test, y[test])


@given(matrices, st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_three_parts_are_a_partition(y, seed):
    rows = np.arange(len(y))
    parts = train_validation_test_split(rows, y, random_state=seed)
    assert len(parts) == 6
    assert_array_equal(np.sort(np.concatenate(parts[:3])), rows)
    for part, part_of_y, share in zip(parts[:3], parts[3:], (0.6, 0.2, 0.2), strict=True):
        assert_array_equal(part_of_y, y[part])
        assert len(part) >= 1
        assert abs(len(part) - share * len(y)) < 1


@given(st.integers(3, 60), st.sampled_from([None, 0.1, 0.25, 0.5, 0.7, 1, 2]), st.data())
@settings(max_examples=80, deadline=None)
def test_sizes_are_those_of_scikit_learn(n_rows, test_size, data):
    train_size = data.draw(st.sampled_from([None, 0.125, 0.5, 0.75, 1]))
    y = np.zeros((n_rows, 1), int)
    try:
        wanted = sklearn_train_test_split(y, test_size=test_size, train_size=train_size)
    except ValueError:
        with pytest.raises(InvalidInput, match="Both parts must have at least one row"):
            train_test_split(y, test_size=test_size, train_size=train_size)
        return
    ours = train_test_split(y, test_size=test_size, train_size=train_size)
    if test_size == 0.1 or test_size == 0.7:  # binary fractions a hair above the product
        assert abs(len(ours[1]) - len(wanted[1])) <= 1
    else:
        assert [len(part) for part in ours] == [len(part) for part in wanted]


def test_a_share_is_rounded_as_it_was_written():
    assert len(train_test_split(np.zeros((30, 1)), test_size=0.1)[1]) == 3  # 3.0000000000000004


@pytest.mark.parametrize("seed", range(5))
def test_a_label_with_two_positives_is_in_both_parts(seed):
    y = np.zeros((200, 6), np.uint8)
    random = np.random.default_rng(seed)
    for j in range(6):
        y[random.permutation(200)[:2], j] = 1
    for test_size in (0.05, 0.5, 0.9):
        _, test = train_test_split(y, test_size=test_size, random_state=seed)
        assert_array_equal(test.sum(axis=0), np.ones(6))
    splitter = MultilabelStratifiedShuffleSplit(2, test_size=0.1, train_size=0.3, random_state=seed)
    for train, test in splitter.split(None, y):  # 120 rows are left out, none of these
        assert_array_equal(y[train].sum(axis=0), np.ones(6))
        assert_array_equal(y[test].sum(axis=0), np.ones(6))


def test_a_single_positive_is_for_training():
    y = np.zeros((20, 1), int)
    y[7] = 1
    for seed in range(5):
        assert train_test_split(y, random_state=seed)[0].sum() == 1
        assert train_validation_test_split(y, random_state=seed)[0].sum() == 1


@pytest.mark.parametrize("seed", range(5))
def test_a_label_with_three_positives_is_in_all_three_parts(seed):
    y = np.zeros((100, 5), np.uint8)
    for j in range(5):
        y[np.random.default_rng((seed, j)).permutation(100)[:3], j] = 1
    for part in train_validation_test_split(y, sizes=(0.8, 0.1, 0.1), random_state=seed):
        assert_array_equal(part.sum(axis=0), np.ones(5))


def test_labels_are_spread_better_than_at_random():
    y = labels(500, 20, 0.05)
    shares = [0.6, 0.2, 0.2]
    rows = np.arange(500)
    ours = train_validation_test_split(rows, y, random_state=0)[:3]
    chance = train_validation_test_split(rows, y, random_state=0, stratify=False)[:3]
    good, bad = (split_report(y, parts, shares=shares) for parts in (ours, chance))
    assert good["examples_distribution"] == bad["examples_distribution"] == 0
    assert good["label_distribution"] < 0.3 * bad["label_distribution"]


# ------------------------------------------------------------------------------- what goes in


def test_every_kind_of_array_comes_back_as_its_kind():
    y = labels()
    X = np.arange(240).reshape(60, 2, 2)
    names = [f"row {i}" for i in range(60)]
    frame = pd.DataFrame({"a": np.arange(60), "b": names}, index=range(100, 160))
    numbered = pd.DataFrame(np.arange(120).reshape(60, 2))
    table = pl.DataFrame({"a": np.arange(60), "b": names})
    arrays = [X, names, tuple(names), frame, numbered, frame["b"], table, table["b"]]
    arrays += [sparse.csc_array(y), sparse.coo_matrix(y), as_targets(y), y]
    out = train_test_split(*arrays, random_state=0)
    wanted = train_test_split(np.arange(60), y, random_state=0)
    for side in (0, 1):
        rows = wanted[side]
        part = dict(enumerate(out[side::2]))
        assert_array_equal(part[0], X[rows])
        assert part[1] == part[2] == [names[i] for i in rows]
        assert_frame_equal(part[3], frame.iloc[rows])
        assert_frame_equal(part[4], numbered.iloc[rows])
        assert part[5].tolist() == part[1]
        assert part[5].index.tolist() == (rows + 100).tolist()
        assert_polars_equal(part[6], table[rows])
        assert part[7].to_list() == part[1]
        assert part[8].format == "csc"
        assert isinstance(part[9], sparse.coo_matrix)
        assert_array_equal(part[8].toarray(), y[rows])
        assert_array_equal(part[9].toarray(), y[rows])
        assert_array_equal(part[10].values, y[rows])
        assert_array_equal(part[11], y[rows])


def test_the_last_array_is_y_unless_stratify_says_otherwise():
    y, other = labels(), labels()[::-1]
    rows = np.arange(60)
    by_y = train_test_split(rows, y, random_state=0)[0]
    assert_array_equal(train_test_split(y, rows, stratify=y, random_state=0)[2], by_y)
    assert_array_equal(train_test_split(rows, other, stratify=y, random_state=0)[0], by_y)
    assert np.any(train_test_split(rows, other, random_state=0)[0] != by_y)
    plain = train_test_split(rows, y, stratify=False, random_state=0)[0]
    assert np.any(plain != by_y)
    assert_array_equal(train_test_split(rows / 7, stratify=False, random_state=0)[0], plain / 7)


def test_seeds():
    y = labels()
    rows = np.arange(60)
    for split in (train_test_split, train_validation_test_split):
        assert_array_equal(split(rows, y, random_state=5)[0], split(rows, y, random_state=5)[0])
        assert np.any(split(rows, y, random_state=5)[0] != split(rows, y, random_state=6)[0])


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [((0.6, 0.2, 0.2), [6, 2, 2]), ((5, 2, 3), [5, 2, 3]), ((0.98, 0.01, 0.01), [8, 1, 1])],
)
def test_three_sizes(sizes, wanted):
    parts = train_validation_test_split(np.zeros((10, 1)), sizes=sizes)
    assert [len(part) for part in parts] == wanted


# ------------------------------------------------------------------------------ shuffle split


def test_shuffle_splits_are_independent_and_repeatable():
    y = labels()
    splitter = MultilabelStratifiedShuffleSplit(3, test_size=0.25, random_state=0)
    first, again = ([t.tolist() for _, t in splitter.split(None, y)] for _ in range(2))
    assert first == again
    assert len({tuple(t) for t in first}) == splitter.get_n_splits() == 3
    for train, test in splitter.split(None, y):
        assert (len(train), len(test)) == (45, 15)
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(60))
        assert np.all(np.abs(y[test].sum(axis=0) - y.sum(axis=0) / 4) < 1)


def test_shuffle_split_works_in_scikit_learn():
    y = labels()
    splitter = MultilabelStratifiedShuffleSplit(4, random_state=0)
    X = np.random.default_rng(0).normal(size=(60, 2))
    result = cross_validate(KNeighborsClassifier(1), X, y, cv=splitter, scoring="f1_micro")
    assert len(result["test_score"]) == 4
    assert repr(splitter).startswith("MultilabelStratifiedShuffleSplit(n_splits=4, random_state=0")


# ----------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arrays", "options", "message"),
    [
        ((), {}, "At least one array is needed"),
        ((np.zeros(3), np.zeros((4, 1))), {}, r"different numbers of rows\. Received: \[3, 4\]"),
        (({"a": [1]}, np.zeros((1, 1))), {}, "`array 0` must have rows.*several arrays"),
        (("ab", np.zeros((2, 1))), {}, "`array 0` must have rows"),
        ((np.array([0.3, 0.7, 0.1]),), {}, "last array cannot be read as labels.*stratify=False"),
        ((np.zeros((4, 1)),), {"stratify": np.zeros((3, 1))}, "3 rows in `stratify` and 4 in `y`"),
        ((np.zeros((4, 2, 1)),), {}, "8 rows in `the last array` and 4 in `y`"),
        ((np.zeros((1, 1)),), {}, "Both parts must have at least one row.*0 training and 1 test"),
        ((np.zeros((4, 1)),), {"test_size": 4}, "Both parts must have at least one row"),
        ((np.zeros((4, 1)),), {"test_size": 3, "train_size": 2}, "not more than there are"),
        ((np.zeros((4, 1)),), {"test_size": 1.0}, r"`test_size` must be a number in \(0, 1\)"),
        ((np.zeros((4, 1)),), {"test_size": np.nan}, r"`test_size` must be a number in \(0, 1\)"),
        ((np.zeros((4, 1)),), {"train_size": 0}, "`train_size` must be a whole number of at least"),
        ((np.zeros((4, 1)),), {"train_size": True}, "`train_size` must be a whole number"),
        ((np.zeros((4, 1)),), {"random_state": "x"}, "`random_state` must be a whole number"),
        ((np.zeros((4, 1)),), {"groups": [1, 1, 1, 1]}, "2 parts need at least 2 groups"),
    ],
)
def test_refuses(arrays, options, message):
    with pytest.raises(InvalidInput, match=message):
        train_test_split(*arrays, **options)


@pytest.mark.parametrize(
    "sizes", [(0.5, 0.5), (0.5, 0.3, 0.3), (1, 0, 0), (5, 3, 3), (0.5, 0.5, np.nan), "abc", None]
)
def test_refuses_three_sizes(sizes):
    with pytest.raises(InvalidInput, match="`sizes` must be three positive shares"):
        train_validation_test_split(np.zeros((10, 1)), sizes=sizes)


def test_three_parts_need_three_rows():
    with pytest.raises(InvalidInput, match="Three parts need at least 3 rows"):
        train_validation_test_split(np.zeros((2, 1)))


class Rows:
    """Has rows, but none that can be taken."""

    shape = (4, 1)


def test_refuses_rows_that_cannot_be_taken():
    with pytest.raises(InvalidInput, match="rows of a Rows cannot be taken"):
        train_test_split(Rows(), np.zeros((4, 1)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_splits": 0}, "`n_splits` must be a whole number of at least 1"),
        ({"test_size": 1.5}, r"`test_size` must be a number in \(0, 1\)"),
        ({"train_size": "half"}, "`train_size` must be a whole number"),
        ({"random_state": 0.5}, "`random_state` must be a whole number"),
    ],
)
def test_shuffle_split_refuses_options(options, message):
    with pytest.raises(InvalidInput, match=message):
        MultilabelStratifiedShuffleSplit(**options)


def test_shuffle_split_refuses_sizes_beyond_the_rows():
    splitter = MultilabelStratifiedShuffleSplit(test_size=8, train_size=8)
    with pytest.raises(InvalidInput, match="8 training and 8 test rows of 10"):
        splitter.split(None, np.zeros((10, 1)))


# ------------------------------------------------------------------------------------ imports


def test_hold_out_needs_no_heavy_import():
    code = (
        "import sys, numpy, equipoise.model_selection as m;"
        "m.train_test_split(numpy.eye(6), random_state=0);"
        "heavy = {'keras', 'sklearn', 'numba', 'matplotlib'} & set(sys.modules);"
        "assert not heavy, heavy;"
        "m.MultilabelStratifiedKFold; assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

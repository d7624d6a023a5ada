import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from equipoise._errors import InvalidInput
from equipoise.model_selection import (
    MultilabelStratifiedKFold,
    MultilabelStratifiedShuffleSplit,
    RepeatedMultilabelStratifiedKFold,
    split_report,
    train_test_split,
    train_validation_test_split,
)


def folds_of(y, groups, n_splits=3, **options):
    return [t for _, t in MultilabelStratifiedKFold(n_splits, **options).split(None, y, groups)]


@st.composite
def grouped_rows(draw):
    y = draw(
        hnp.arrays(
            np.uint8,
            st.tuples(st.integers(4, 40), st.integers(1, 4)),
            elements=st.integers(0, 1),
            fill=st.just(0),
        )
    )
    groups = draw(st.lists(st.integers(0, 9), min_size=len(y), max_size=len(y)))
    groups[:4] = [0, 1, 2, 3]
    return y, groups


@given(grouped_rows(), st.integers(2, 4), st.integers(0, 2**32), st.booleans())
@settings(max_examples=50, deadline=None)
def test_no_group_is_in_two_folds(rows, n_splits, seed, shuffle):
    y, groups = rows
    tests = folds_of(y, groups, n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    assert_array_equal(np.sort(np.concatenate(tests)), np.arange(len(y)))
    found = [{groups[i] for i in test} for test in tests]
    assert all(found)  # every fold has a group
    assert sum(map(len, found)) == len(set(groups))


@given(grouped_rows(), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_no_group_crosses_a_shuffle_split(rows, seed):
    y, groups = rows
    splitter = MultilabelStratifiedShuffleSplit(2, 0.3, 0.4, random_state=seed)
    for train, test in splitter.split(None, y, groups):
        assert len(train)
        assert len(test)
        rest = np.setdiff1d(np.arange(len(y)), np.concatenate([train, test]))
        parts = [{groups[i] for i in part} for part in (train, test, rest)]
        assert sum(map(len, parts)) == len(set(groups))


def test_groups_of_one_row_are_dealt_evenly():
    y = (np.random.default_rng(0).random((90, 5)) < 0.2).astype(int)
    tests = folds_of(y, np.arange(90), 4, random_state=0)
    assert max(map(len, tests)) - min(map(len, tests)) <= 1
    counts = np.array([y[t].sum(axis=0) for t in tests])
    assert np.all(np.ptp(counts, axis=0) <= 1)


def test_a_label_of_few_groups_is_in_every_fold_that_can_have_it():
    random = np.random.default_rng(0)
    groups = random.integers(60, size=600)
    for seed in range(5):
        y = (random.random((600, 8)) < 0.3).astype(int)
        y[:, 0] = np.isin(groups, [3, 4, 5]) & (random.random(600) < 0.9)  # three groups only
        y[:, 1] = np.isin(groups, [5, 6])  # two groups: one fold of three goes without
        report = split_report(y, folds_of(y, groups, 3, random_state=seed))
        assert [(m["label"], len(m["parts"])) for m in report["missing"]] == [("label_1", 1)]


@pytest.mark.parametrize("n_classes", [3, 6])
def test_classes_are_spread_better_than_by_scikit_learn(n_classes):
    random = np.random.default_rng(n_classes)
    groups = random.choice(80, 2000, p=random.dirichlet(np.ones(80)))
    y = random.choice(n_classes, 2000, p=random.dirichlet(np.full(n_classes, 2.0)))
    y = np.where(random.random(2000) < 0.3, groups % n_classes, y)
    ours, theirs = (
        [
            split_report(y, kind(5, shuffle=True, random_state=s).split(np.zeros(2000), y, groups))
            for s in range(5)
        ]
        for kind in (MultilabelStratifiedKFold, StratifiedGroupKFold)
    )
    for measure in ("label_distribution", "examples_distribution"):
        assert np.mean([r[measure] for r in ours]) <= np.mean([r[measure] for r in theirs])


def test_groups_may_be_named_by_anything():
    y = (np.random.default_rng(0).random((30, 3)) < 0.4).astype(int)
    codes = np.arange(30) % 7
    wanted = folds_of(y, codes, random_state=0)
    names = [f"patient {c}" for c in codes]
    for groups in (
        names,
        tuple(names),
        np.array(names),
        np.array(names, dtype=object),
        pd.Series(names, index=range(100, 130)),
        pl.Series(names),
        codes.astype(float),
        [("ward", int(c)) for c in codes],
    ):
        for ours, plain in zip(folds_of(y, groups, random_state=0), wanted, strict=True):
            assert_array_equal(ours, plain)


def test_hold_out_parts_keep_groups_together():
    y = (np.random.default_rng(0).random((200, 4)) < 0.3).astype(int)
    groups = np.arange(200) // 4
    parts = train_test_split(groups, y, test_size=0.2, random_state=0, groups=groups)[:2]
    assert not set(parts[0]) & set(parts[1])
    assert abs(len(parts[1]) - 40) <= 4
    parts = train_validation_test_split(groups, y, random_state=0, groups=groups)[:3]
    assert sum(len(set(p)) for p in parts) == 50
    assert all(abs(len(p) - n) <= 4 for p, n in zip(parts, (120, 40, 40), strict=True))


def test_repeats_keep_groups_together():
    y = (np.random.default_rng(0).random((60, 3)) < 0.3).astype(int)
    groups = np.arange(60) // 5
    splitter = RepeatedMultilabelStratifiedKFold(3, n_repeats=2, random_state=0)
    for train, test in splitter.split(None, y, groups):
        assert not set(groups[train]) & set(groups[test])


def test_works_in_scikit_learn():
    random = np.random.default_rng(0)
    y = (random.random((80, 3)) < 0.4).astype(int)
    X = random.normal(size=(80, 2))
    groups = np.arange(80) // 4
    model = KNeighborsClassifier(1)
    splitter = MultilabelStratifiedKFold(4, random_state=0)
    plain = cross_validate(model, X, y, groups=groups, cv=splitter, return_indices=True)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(
            model, X, y, params={"groups": groups}, cv=splitter, return_indices=True
        )
        GridSearchCV(model, {"n_neighbors": [1, 2]}, cv=splitter).fit(X, y, groups=groups)
    for test, again in zip(plain["indices"]["test"], routed["indices"]["test"], strict=True):
        assert_array_equal(test, again)
        assert not set(groups[test]) & set(np.delete(groups, test))


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([0, 0, 0, 1, 1, 1], "3 parts need at least 3 groups.*Received: 2 groups.*more finely"),
        ([0, 1, 2], "3 rows in `groups` and 6 in `y`"),
        ([0, 1, 2, None, 4, 5], "`groups` must name the group of every row.*None in row 3"),
        ([0, 1, 2, np.nan, 4, 5], "`groups` must name the group of every row.*nan in row 3"),
        (pd.array([0, 1, 2, None, 4, 5]), "`groups` must name the group of every row"),
        (np.zeros((6, 1)), "`groups` must hold one number or name a row"),
        ("abcdef", "`groups` must have rows"),
        (1, "`groups` must have rows"),
    ],
)
def test_refuses(groups, message):
    for split in (
        lambda: MultilabelStratifiedKFold(3).split(None, np.eye(6), groups),
        lambda: RepeatedMultilabelStratifiedKFold(3).split(None, np.eye(6), groups),
        lambda: MultilabelStratifiedShuffleSplit(3, 2, 2).split(None, np.eye(6), groups),
        lambda: train_validation_test_split(np.eye(6), groups=groups),
    ):
        with pytest.raises(InvalidInput, match=message):
            split()

"""Second-order folds, and splits in time."""

import itertools

import numpy as np
import pytest
from sklearn.model_selection import TimeSeriesSplit, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from equipoise._errors import InvalidInput
from equipoise.model_selection import MultilabelStratifiedKFold, MultilabelTimeSeriesSplit
from equipoise.model_selection.pairs import with_pairs
from equipoise.targets import as_targets


def correlated(seed, n=400, n_labels=8):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 1)) + rng.normal(size=(n, n_labels))
    return (z > np.linspace(0.5, 2.2, n_labels)).astype(int)


def pair_imbalance(y, splitter):
    """Mean distance of a pair's count in a fold from its share, over pairs of 5 rows and more."""
    pairs = [y[:, a] & y[:, b] for a, b in itertools.combinations(range(y.shape[1]), 2)]
    kept = [p for p in pairs if p.sum() >= 5]
    off = [abs(p[test].sum() - p.sum() / 5) for _, test in splitter.split(None, y) for p in kept]
    return np.mean(off)


def test_pairs_are_columns_of_their_own():
    y = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [0, 0, 0]])
    extended = with_pairs(as_targets(y), 2)
    np.testing.assert_array_equal(
        extended.to_array(),
        [[1, 1, 0, 1, 0], [1, 1, 1, 1, 1], [1, 0, 1, 0, 1], [0, 0, 0, 0, 0]],
    )
    assert with_pairs(as_targets(y), 3).n_labels == 3


def test_second_order_folds_share_pairs_better():
    first, second = [], []
    for seed in range(6):
        y = correlated(seed)
        folds = {
            order: MultilabelStratifiedKFold(5, random_state=seed, order=order) for order in (1, 2)
        }
        first.append(pair_imbalance(y, folds[1]))
        second.append(pair_imbalance(y, folds[2]))
        sizes = [len(test) for _, test in folds[2].split(None, y)]
        assert max(sizes) - min(sizes) <= 1
        rows = np.concatenate([test for _, test in folds[2].split(None, y)])
        np.testing.assert_array_equal(np.sort(rows), np.arange(400))
        for _, test in folds[2].split(None, y):
            assert (y[test].sum(axis=0) > 0).all()
    assert np.mean(second) < 0.8 * np.mean(first)
    with pytest.raises(InvalidInput, match="`order` must be one of"):
        MultilabelStratifiedKFold(5, order=3)


def empty_cells(y, bounds):
    there = y.any(axis=0)
    return sum(int((~y[a:b].any(axis=0) & there).sum()) for a, b in itertools.pairwise(bounds))


def test_no_boundaries_within_the_tolerance_leave_fewer_labels_out():
    rng = np.random.default_rng(0)
    for _ in range(25):
        n, n_splits = 30, 2
        y = (rng.random((n, 4)) < 0.12).astype(int)
        parts = list(MultilabelTimeSeriesSplit(n_splits, tolerance=0.3).split(None, y))
        bounds = [parts[0][1][0], parts[1][1][0], n]
        near = [range(7, 14), range(17, 24)]
        best = min(empty_cells(y, [a, b, n]) for a, b in itertools.product(*near) if a < b)
        assert empty_cells(y, bounds) == best


def test_without_tolerance_it_is_scikit_learns():
    y = correlated(0, n=120)
    ours = list(MultilabelTimeSeriesSplit(5, tolerance=0).split(None, y))
    peer = list(TimeSeriesSplit(5).split(y))
    for (train, test), (peer_train, peer_test) in zip(ours, peer, strict=True):
        np.testing.assert_array_equal(train, peer_train)
        np.testing.assert_array_equal(test, peer_test)


def test_training_is_before_the_test_part_with_a_gap():
    y = correlated(1, n=200)
    splitter = MultilabelTimeSeriesSplit(4, gap=7, max_train_size=50)
    seen = []
    for train, test in splitter.split(None, y):
        assert train.max() == test.min() - 8
        assert len(train) <= 50
        seen.append(test)
    rows = np.concatenate(seen)
    np.testing.assert_array_equal(rows, np.arange(rows[0], 200))
    assert splitter.get_n_splits() == 4


def test_groups_are_whole():
    y = correlated(2, n=210)
    days = np.repeat([f"day {i}" for i in range(30)], 7)
    for train, test in MultilabelTimeSeriesSplit(3).split(None, y, days):
        assert not set(days[train]) & set(days[test])
        assert len(test) % 7 == 0


def test_scikit_learn_can_use_it():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2)), correlated(3, n=100, n_labels=3)
    scores = cross_val_score(KNeighborsClassifier(), X, y, cv=MultilabelTimeSeriesSplit(3))
    assert scores.shape == (3,)


def test_what_cannot_be_split_is_refused():
    y = correlated(4, n=20)
    with pytest.raises(InvalidInput, match="too few rows"):
        MultilabelTimeSeriesSplit(20).split(None, y)
    with pytest.raises(InvalidInput, match="must follow each other"):
        MultilabelTimeSeriesSplit(2).split(None, y, [0, 1] * 10)
    with pytest.raises(InvalidInput, match="too few rows, or groups"):
        MultilabelTimeSeriesSplit(3).split(None, y, [0] * 10 + [1] * 10)
    with pytest.raises(InvalidInput, match="`tolerance` must be a number"):
        MultilabelTimeSeriesSplit(2, tolerance=0.9)


@pytest.mark.parametrize("grouped", [False, True])
def test_something_is_always_left_to_train_on(grouped):
    rng = np.random.default_rng(0)
    served = 0
    for _ in range(150):
        n, n_splits, gap = (int(rng.integers(*ends)) for ends in ((4, 30), (1, 4), (0, 5)))
        y = rng.random((n, 2)) < 0.3
        groups = np.sort(rng.integers(0, n // 2, n)) if grouped else None
        splitter = MultilabelTimeSeriesSplit(n_splits, gap=gap, tolerance=0.5)
        try:
            parts = list(splitter.split(None, y, groups))
        except InvalidInput:
            continue
        served += 1
        assert all(len(train) and len(test) for train, test in parts)
    assert served > 50


def test_a_first_group_within_the_gap_leaves_nothing_to_train_on():
    groups = [0, 0, 1, 1, 1, 1, 1, 1, 1]
    with pytest.raises(InvalidInput, match="early enough to train on"):
        list(MultilabelTimeSeriesSplit(1, gap=3).split(None, np.ones((9, 1)), groups))


def test_boundaries_leave_out_as_few_labels_as_any_within_reach():
    rng = np.random.default_rng(1)
    for _ in range(40):
        y = rng.random((18, 3)) < 0.15
        parts = list(MultilabelTimeSeriesSplit(2, tolerance=0.34).split(None, y))

        def empty(first, second, y=y):
            there = y.any(axis=0)
            tests = y[first:second], y[second:]
            return sum(int((there & ~part.any(axis=0)).sum()) for part in tests)

        reach = itertools.product(range(4, 9), range(10, 15))  # 6 and 12, 2 either way
        assert empty(parts[0][1][0], parts[1][1][0]) == min(empty(*ends) for ends in reach)

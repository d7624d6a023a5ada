import copy
import itertools
from functools import cache

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold as Peer
from numpy.testing import assert_array_equal
from scipy import sparse
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate
from sklearn.neighbors import KNeighborsClassifier

from equipoise import as_targets, readers
from equipoise._errors import InvalidInput
from equipoise.model_selection import (
    MultilabelStratifiedKFold,
    RepeatedMultilabelStratifiedKFold,
    split_report,
)

SETS = ("emotions", "scene", "yeast", "birds", "genbase", "medical", "enron", "slashdot", "bibtex")


def folds_of(y, n_splits=3, groups=None, **options):
    """The fold of every row, after checking that the splits are a partition."""
    n_rows = as_targets(y).n_rows
    fold = np.full(n_rows, -1)
    splits = list(MultilabelStratifiedKFold(n_splits, **options).split(None, y, groups))
    assert len(splits) == n_splits
    for f, (train, test) in enumerate(splits):
        assert np.all(np.diff(train) > 0)
        assert np.all(np.diff(test) > 0)
        assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(n_rows))
        assert np.all(fold[test] == -1)
        fold[test] = f
    assert np.all(fold >= 0)
    return fold


def n_empty(y, fold, n_splits):
    return sum(np.count_nonzero(y[fold == f].sum(axis=0) == 0) for f in range(n_splits))


def imbalanced(n_rows, n_labels, seed=0, rarest=0.005):
    random = np.random.default_rng(seed)
    mood = random.standard_normal((n_rows, 1))  # correlates the labels
    noise = random.standard_normal((n_rows, n_labels))
    score = 0.6 * mood + 0.8 * noise
    cuts = [
        np.quantile(score[:, j], 1 - p) for j, p in enumerate(np.geomspace(rarest, 0.3, n_labels))
    ]
    return (score > cuts).astype(np.uint8)


matrices = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(2, 40), st.integers(1, 6)),
    elements=st.integers(0, 1),
    fill=st.just(0),
)


# ------------------------------------------------------------------------------- properties


@given(matrices, st.integers(2, 6), st.integers(0, 2**32), st.booleans())
@settings(max_examples=60, deadline=None)
def test_folds_are_a_partition_with_sizes_within_one_row(y, n_splits, seed, shuffle):
    n_splits = min(n_splits, len(y))
    fold = folds_of(y, n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    sizes = np.bincount(fold, minlength=n_splits)
    assert sizes.max() - sizes.min() <= 1


@given(matrices, st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_every_kind_of_y_gives_the_same_folds(y, seed):
    y[0, :] = 1  # every label occurs, so that label sets name them all
    names = [f"label_{j}" for j in range(y.shape[1])]
    wanted = folds_of(y, 2, random_state=seed)
    sets = [{names[j] for j in np.flatnonzero(row)} for row in y]
    unsorted = sparse.csr_array(y)
    for i in range(len(y)):
        row = slice(unsorted.indptr[i], unsorted.indptr[i + 1])
        unsorted.indices[row] = unsorted.indices[row][::-1].copy()
    targets = as_targets(y).to_sparse()
    same = (
        y.astype(float),
        y.astype(bool),
        np.asfortranarray(y),
        sparse.csr_array(y),
        sparse.coo_matrix(y),
        sets,
        pl.DataFrame(y, schema=names),
        targets,
        type(targets)(unsorted, None, targets.label_names, targets.task, targets.shape),
    )
    for other in same:
        assert_array_equal(folds_of(other, 2, random_state=seed), wanted)


@given(matrices, st.integers(0, 2**32))
@settings(max_examples=15, deadline=None)
def test_unknown_cells_count_as_not_positive(y, seed):
    unknown = np.where(y == 0, np.nan, y)
    y[0, 0] = 0
    unknown[0, 0] = 0
    assert_array_equal(folds_of(unknown, 2, random_state=seed), folds_of(y, 2, random_state=seed))


@given(
    st.lists(st.sampled_from("abcd"), min_size=6, max_size=60),
    st.integers(2, 5),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_classes_are_spread_within_one_row(y, n_splits, seed):
    fold = folds_of(y, n_splits, random_state=seed)
    classes = as_targets(y).to_dense().values  # one column for two classes
    counts = np.stack([classes[fold == f].sum(axis=0, dtype=int) for f in range(n_splits)])
    assert np.all(np.ptp(counts, axis=0) <= 1)


@pytest.mark.parametrize("order", ["rows", "labels"])
def test_order_matters_to_no_guarantee(order):
    y = imbalanced(400, 12)
    y[:, 3], y[:, 5] = 0, 1  # a label without positives, and one without negatives
    random = np.random.default_rng(0)
    for _ in range(5):
        y = y[random.permutation(400)] if order == "rows" else y[:, random.permutation(12)]
        splits = list(MultilabelStratifiedKFold(7, random_state=0).split(None, y))
        report = split_report(y, splits)
        assert np.isfinite(report["label_distribution"])
        assert {m["positives"] for m in report["missing"]} <= set(range(7))


# ------------------------------------------------------------------------------ brute force


@cache
def arrangements(n_rows, n_splits):
    """(A, F, N) all assignments of rows to folds with sizes within one row."""
    fold = np.array(list(itertools.product(range(n_splits), repeat=n_rows)))
    member = np.stack([fold == f for f in range(n_splits)], axis=1)
    sizes = member.sum(axis=2)
    return member[sizes.max(axis=1) - sizes.min(axis=1) <= 1].astype(np.uint8)


def fewest_empty(y, n_splits):
    return int(np.count_nonzero(arrangements(len(y), n_splits) @ y == 0, axis=(1, 2)).min())


@pytest.mark.parametrize("n_splits", [2, 3])
def test_as_few_empty_cells_as_any_arrangement(n_splits):
    random = np.random.default_rng(n_splits)
    beyond_counting = 0
    for case in range(150):
        n_rows = int(random.integers(n_splits, 10 if n_splits == 2 else 8))
        n_labels = int(random.integers(1, 10))
        if case % 2:  # just enough positives: the hardest
            y = np.zeros((n_rows, n_labels), np.uint8)
            for j in range(n_labels):
                n = min(n_splits + int(random.integers(2)), n_rows)
                y[random.permutation(n_rows)[:n], j] = 1
        else:
            y = (random.random((n_rows, n_labels)) < 0.3).astype(np.uint8)
        wanted = fewest_empty(y, n_splits)
        fold = folds_of(y, n_splits, random_state=case)
        assert n_empty(y, fold, n_splits) == wanted, y
        by_count = np.maximum(n_splits - y.sum(axis=0, dtype=int), 0).sum()
        beyond_counting += wanted > by_count
    assert beyond_counting > 10  # the cases include some that counts do not explain


@given(
    hnp.arrays(
        np.uint8, st.tuples(st.integers(3, 7), st.integers(1, 6)), elements=st.integers(0, 1)
    )
)
@settings(max_examples=40, deadline=None)
def test_as_few_empty_cells_without_shuffling(y):
    assert n_empty(y, folds_of(y, 3, shuffle=False), 3) == fewest_empty(y, 3)


def test_a_label_with_enough_positives_is_in_every_fold():
    for seed in range(5):
        y = imbalanced(600, 25, seed, rarest=10 / 600)
        assert y.sum(axis=0).min() >= 10
        assert n_empty(y, folds_of(y, 10, random_state=seed), 10) == 0


# ------------------------------------------------------------------------------------ peers


def empty_and_distribution(splitter, y):
    report = split_report(y, list(splitter.split(np.zeros(len(y)), y)))
    return report["empty_cells"], report["label_distribution"]


@pytest.mark.parametrize("n_splits", [5, 10])
def test_generated_labels_are_spread_better_than_by_iterative_stratification(n_splits):
    y = imbalanced(1500, 30)
    ours, peers = (
        [empty_and_distribution(kind(n_splits, shuffle=True, random_state=s), y) for s in range(4)]
        for kind in (MultilabelStratifiedKFold, Peer)
    )
    assert np.mean(ours, axis=0)[1] <= np.mean(peers, axis=0)[1]
    assert max(ours)[0] <= min(peers)[0]


@pytest.mark.parametrize("name", SETS)
def test_real_labels_are_spread_better_than_by_iterative_stratification(name, real_data):
    folder = real_data / name
    data = readers.read(sorted(folder.glob("*.arff")), labels=next(folder.glob("*.xml")))
    y = data.targets.to_dense().values
    n_seeds = 10 if name in ("yeast", "enron", "bibtex") else 3
    found = {}
    for kind in (MultilabelStratifiedKFold, Peer):
        splits = [
            list(kind(10, shuffle=True, random_state=seed).split(np.zeros(len(y)), y))
            for seed in range(n_seeds)
        ]
        found[kind] = [split_report(y, s) for s in splits]
    for report in found[MultilabelStratifiedKFold]:
        assert max(report["sizes"]) - min(report["sizes"]) <= 1
        assert report["empty_cells"] == np.maximum(10 - y.sum(axis=0, dtype=int), 0).sum()
    ours, peers = (
        [(r["empty_cells"], r["label_distribution"]) for r in reports] for reports in found.values()
    )
    assert max(ours)[0] <= min(peers)[0]
    assert np.mean(ours, axis=0)[1] <= np.mean(peers, axis=0)[1]


# ------------------------------------------------------------------------------------ seeds


def test_a_seed_gives_the_same_folds_again():
    y = imbalanced(300, 8)
    first = folds_of(y, random_state=3)
    assert_array_equal(folds_of(y, random_state=3), first)
    assert_array_equal(folds_of(y, random_state=np.random.default_rng(3)), first)
    assert np.any(folds_of(y, random_state=4) != first)
    splitter = MultilabelStratifiedKFold(3, random_state=3)
    for _ in range(2):  # a splitter with a seed may be used again
        tests = [test for _, test in splitter.split(None, y)]
        assert_array_equal(np.concatenate(tests), np.argsort(first, kind="stable"))


def test_generators_move_on_and_none_is_new_every_time():
    y = imbalanced(300, 8)
    for source in (np.random.default_rng(0), np.random.RandomState(0), None):
        splitter = MultilabelStratifiedKFold(3, random_state=source)
        one, two = ([t.tolist() for _, t in splitter.split(None, y)] for _ in range(2))
        assert one != two


def test_without_shuffling_folds_never_change():
    y = imbalanced(300, 8)
    assert_array_equal(folds_of(y, shuffle=False), folds_of(y, shuffle=False))


def test_numpy_global_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    folds_of(imbalanced(50, 3))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_repeats_are_partitions_and_the_first_is_the_plain_one():
    y = imbalanced(100, 5)
    splitter = RepeatedMultilabelStratifiedKFold(4, n_repeats=3, random_state=7)
    tests = [test for _, test in splitter.split(None, y)]
    assert len(tests) == splitter.get_n_splits() == 12
    for repeat in range(3):
        rows = np.concatenate(tests[4 * repeat : 4 * repeat + 4])
        assert_array_equal(np.sort(rows), np.arange(100))
    plain = [t for _, t in MultilabelStratifiedKFold(4, random_state=7).split(None, y)]
    for ours, wanted in zip(tests[:4], plain, strict=True):
        assert_array_equal(ours, wanted)
    assert any(
        len(a) != len(b) or np.any(a != b) for a, b in zip(tests[:4], tests[4:8], strict=True)
    )


# ------------------------------------------------------------------------------- edge cases


def test_one_positive_is_in_one_fold():
    y = np.zeros((10, 2), int)
    y[4, 0] = 1
    fold = folds_of(y, 5, random_state=0)
    assert_array_equal(np.bincount(fold), [2] * 5)


def test_rows_without_any_label_are_shared_out():
    assert sorted(np.bincount(folds_of(np.zeros((11, 3)), 4, random_state=0))) == [2, 3, 3, 3]


def test_as_many_folds_as_rows():
    assert sorted(folds_of(np.eye(4), 4, random_state=0)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_splits": 1}, "`n_splits` must be a whole number of at least 2"),
        ({"n_splits": 2.0}, "`n_splits` must be a whole number of at least 2"),
        ({"shuffle": "yes"}, "`shuffle` must be one of True, False"),
        ({"random_state": -1}, "`random_state` must be a whole number of at least 0"),
        ({"random_state": "a"}, "`random_state` must be a whole number"),
        ({"shuffle": False, "random_state": 0}, "`random_state` has no effect without shuffling"),
    ],
)
def test_refuses_options(options, message):
    with pytest.raises(InvalidInput, match=message):
        MultilabelStratifiedKFold(**options)


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (None, np.eye(4), r"5 parts need at least 5 rows\. Received: 4 rows"),
        (np.zeros((5, 1)), np.eye(6), "5 rows in `X` and 6 in `y`"),
        (np.zeros((6, 1)), None, "Stratified splits need the labels"),
        ({"a": np.zeros(6)}, np.eye(6), "Pass several inputs as several arrays"),
        (3, np.eye(6), "`X` must have rows"),
        ("abcdef", np.eye(6), "`X` must have rows"),
        (None, [[0.5], [1]], "`y` must hold 0 and 1"),
    ],
)
def test_refuses_data_at_once(X, y, message):
    with pytest.raises(InvalidInput, match=message):
        MultilabelStratifiedKFold(5).split(X, y)  # not only when the first fold is asked for


def test_repeats_refuse():
    with pytest.raises(InvalidInput, match="`n_repeats` must be a whole number of at least 1"):
        RepeatedMultilabelStratifiedKFold(n_repeats=0)
    with pytest.raises(InvalidInput, match="5 parts need at least 5 rows"):
        RepeatedMultilabelStratifiedKFold().split(None, np.eye(4))


# ----------------------------------------------------------------- scikit-learn's contract


def test_works_in_scikit_learn():
    y = imbalanced(120, 4, rarest=0.1)
    X = np.random.default_rng(0).normal(size=(120, 3)) + y[:, :3]
    splitter = MultilabelStratifiedKFold(4, random_state=0)
    model = KNeighborsClassifier(3)
    scores = cross_validate(model, X, y, cv=splitter, scoring="f1_micro")["test_score"]
    by_hand = []
    for train, test in splitter.split(X, y):
        predicted = model.fit(X[train], y[train]).predict(X[test])
        by_hand.append(2 * (predicted * y[test]).sum() / (predicted.sum() + y[test].sum()))
    assert_array_equal(scores, np.array(by_hand))
    assert cross_val_predict(model, X, y, cv=splitter).shape == y.shape
    search = GridSearchCV(model, {"n_neighbors": [1, 3]}, cv=splitter, scoring="f1_micro")
    assert search.fit(X, y).n_splits_ == 4
    repeated = RepeatedMultilabelStratifiedKFold(2, n_repeats=2, random_state=0)
    assert len(cross_validate(model, X, y, cv=repeated, scoring="f1_micro")["test_score"]) == 4


def test_shows_and_copies_its_settings():
    splitter = MultilabelStratifiedKFold(3, random_state=1)
    assert repr(splitter) == (
        "MultilabelStratifiedKFold(n_splits=3, order=1, random_state=1, shuffle=True)"
    )
    assert repr(copy.deepcopy(splitter)) == repr(splitter)
    assert splitter.get_n_splits(None, None, None) == 3

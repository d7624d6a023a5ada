import warnings

import numpy as np
import pytest
import resampling_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from equipoise import LabelStats
from equipoise._errors import EquipoiseWarning, InvalidInput
from equipoise.resampling import MLSMOTE


def problem(n_rows=60, n_columns=3, seed=0, unknown=False):
    random = np.random.default_rng(seed)
    y = (random.random((n_rows, 5)) < [0.8, 0.5, 0.4, 0.1, 0.12]).astype(float)
    y[:4, 3:] = 1
    if unknown:
        y[random.random(y.shape) < 0.1] = np.nan
    return random.normal(size=(n_rows, n_columns)), y


def lies_between(new, seed, other):
    """The share of the way from seed to other, or None if the row is not on the segment."""
    way = other - seed
    share = (new - seed) @ way / (way @ way)
    off = np.abs(seed + share * way - new).max()
    return share if off < 1e-9 and -1e-12 <= share <= 1 + 1e-12 else None


@pytest.mark.parametrize("how", ["ranking", "union", "intersection"])
@pytest.mark.parametrize("unknown", [False, True])
def test_every_new_row_is_as_defined(how, unknown):
    X, y = problem(unknown=unknown)
    expected = reference.smote_seeds(X.tolist(), y.tolist(), 5)
    sampler = MLSMOTE(labels=how, random_state=0)
    X_more, y_more = sampler.fit_resample(X, y)
    assert_array_equal(X_more[:60], X)
    assert_array_equal(y_more[:60], y)
    # Row for row: each row of each rare label is a seed once, the first one too.
    assert_array_equal(sampler.sample_indices_[60:], [seed for seed, _ in expected])
    assert len(expected) > 10
    for new, labels, (seed, near) in zip(X_more[60:], y_more[60:], expected, strict=True):
        assert_array_equal(labels, reference.vote([y[i] for i in [seed, *near]], how))
        assert any(lies_between(new, X[seed], X[i]) is not None for i in near)


def test_neighbour_and_share_are_drawn_uniformly():
    X, y = problem()
    expected = reference.smote_seeds(X.tolist(), y.tolist(), 3)
    drawn, shares = np.zeros(3), []
    for seed in range(60):
        X_more, _ = MLSMOTE(n_neighbors=3, random_state=seed).fit_resample(X, y)
        for new, (row, near) in zip(X_more[60:], expected, strict=True):
            places = [lies_between(new, X[row], X[i]) for i in near]
            found = [(j, share) for j, share in enumerate(places) if share is not None]
            drawn[found[0][0]] += 1
            shares.append(found[0][1])
    n = drawn.sum()
    assert np.all(np.abs(drawn - n / 3) < 5 * np.sqrt(n * 2 / 9))
    assert np.mean(shares) == pytest.approx(0.5, abs=5 * np.sqrt(1 / 12 / n))
    assert np.var(shares) == pytest.approx(1 / 12, abs=0.01)


def test_the_true_nearest_neighbour_is_used_and_never_the_row_itself():
    # Two rows a label: each has one neighbour, the other. Nothing is a copy.
    X = np.array([[0.0], [1.0], [2.0], [10.0], [14.0]])
    y = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1]])
    made = []
    for seed in range(50):
        X_more, _ = MLSMOTE(n_neighbors=1, n_new=1, random_state=seed).fit_resample(X, y)
        assert not set(X_more[5:, 0]) & set(X[:, 0])
        made.append(X_more[5, 0])
    assert min(made) >= 10
    assert max(made) <= 14
    assert np.mean(made) == pytest.approx(12, abs=1)


def test_neighbours_come_from_the_label_s_own_bag():
    # Rows of labels 1 and 2 alternate, so a union of bags would mix them.
    X = np.arange(12.0).reshape(12, 1)
    y = np.zeros((12, 3), int)
    y[:, 0] = 1
    y[0, 1] = y[6, 1] = 1
    y[3, 2] = y[9, 2] = 1
    _, y_more = MLSMOTE(labels="union", random_state=0).fit_resample(X, y)
    assert_array_equal(y_more[12:], [[1, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]])


def test_distances_do_not_include_the_labels():
    X = np.array([[0.0], [0.1], [5.0], [9.0], [9.1], [9.2], [9.3], [9.4]])
    y = np.zeros((8, 4), int)
    y[:, 0] = 1
    y[:3, 1] = 1
    y[[0, 2, 3, 4, 5, 6], 2:] = 1  # the far row has the same labels as the first
    sampler = MLSMOTE(n_neighbors=1, n_new=3, random_state=0)
    X_more, _ = sampler.fit_resample(X, y)
    of_first = X_more[8:][sampler.sample_indices_[8:] == 0]
    assert np.all(of_first <= 0.1)


@pytest.mark.parametrize("n_new", [0, 1, 5, 200])
def test_exactly_as_many_rows_appear_as_were_asked_for(n_new):
    X, y = problem()
    sampler = MLSMOTE(n_new=n_new, random_state=1)
    X_more, y_more = sampler.fit_resample(X, y)
    assert X_more.shape == (60 + n_new, 3)
    assert y_more.shape == (60 + n_new, 5)
    assert_array_equal(sampler.synthetic_, np.arange(60 + n_new) >= 60)
    n_seeds = len(reference.smote_seeds(X.tolist(), y.tolist(), 5))
    pairs = np.unique(sampler.sample_indices_[60:], return_counts=True)[1]
    assert len(pairs) == 0 or pairs.min() >= n_new // n_seeds


def test_new_rows_stop_as_soon_as_the_target_is_reached():
    X, y = problem()
    target = 0.8 * LabelStats.from_targets(y).mean_ir
    _, y_more = MLSMOTE(mean_ir=target, random_state=0).fit_resample(X, y)
    assert LabelStats.from_targets(y_more).mean_ir <= target
    assert LabelStats.from_targets(y_more[:-1]).mean_ir > target


def test_a_label_with_one_positive_is_named_and_left_alone():
    X, y = problem()
    y[:, 4] = 0
    y[7, 4] = 1
    with pytest.warns(EquipoiseWarning, match="one positive.*'label_4'"):
        X_more, y_more = MLSMOTE(random_state=0).fit_resample(X, y)
    assert np.isfinite(X_more).all()
    assert not (y_more[60:, 4] * (1 - y_more[60:, 3])).any()
    only = np.zeros((60, 2))
    only[:, 0], only[3, 1] = 1, 1
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        X_more, _ = MLSMOTE(n_new=5, random_state=0).fit_resample(X, only)
    assert len(X_more) == 60
    assert any("Only 0 of 5 rows could be added" in str(w.message) for w in caught)


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_new_rows_never_leave_the_segment_by_rounding(seed):
    random = np.random.default_rng(seed)
    X = random.choice([1e-300, 0.1, 0.3, 1e16, -7.7], size=(12, 2))
    y = np.zeros((12, 2), int)
    y[:, 0], y[:5, 1] = 1, 1
    sampler = MLSMOTE(random_state=seed)
    X_more, _ = sampler.fit_resample(X, y)
    bag = X[:5]
    assert np.all(X_more[12:] >= bag.min(axis=0))
    assert np.all(X_more[12:] <= bag.max(axis=0))


# ------------------------------------------------------------------- missing and nominal values


def test_missing_numbers_stay_missing_where_the_seed_s_are():
    X, y = problem(n_columns=4)
    X[np.random.default_rng(1).random(X.shape) < 0.15] = np.nan
    expected = reference.smote_seeds(X.tolist(), y.tolist(), 5)
    sampler = MLSMOTE(random_state=0)
    X_more, y_more = sampler.fit_resample(X, y)
    assert_array_equal(sampler.sample_indices_[60:], [seed for seed, _ in expected])
    assert_array_equal(np.isnan(X_more), np.isnan(X[sampler.sample_indices_]))
    for labels, (seed, near) in zip(y_more[60:], expected, strict=True):
        assert_array_equal(labels, reference.vote([y[i] for i in [seed, *near]], "ranking"))


def test_nominal_values_are_the_mode_of_the_neighbours_and_weigh_by_their_labels():
    random = np.random.default_rng(0)
    n = 50
    y = (random.random((n, 3)) < [0.9, 0.5, 0.15]).astype(int)
    y[:3, 2] = 1
    numbers = random.normal(size=(n, 2))
    colours = random.integers(0, 3, n)
    X = np.column_stack([numbers[:, 0], colours, numbers[:, 1]])
    # Heterogeneous distance, from its definition.
    share = np.array([[y[colours == c, j].mean() for j in range(3)] for c in range(3)])
    vdm = 2 / 3 * ((share[:, None] - share[None]) ** 2).sum(axis=2)
    scaled = numbers / (4 * numbers.std(axis=0))
    square = ((scaled[:, None] - scaled[None]) ** 2).sum(axis=2) + vdm[colours][:, colours]
    sampler = MLSMOTE(nominal_features=[1], random_state=0)
    X_more, _ = sampler.fit_resample(X, y)
    rare = reference.rare_labels(y.tolist())
    checked = 0
    for label in rare:
        bag = np.flatnonzero(y[:, label])
        for seed in bag:
            near = sorted(set(bag) - {seed}, key=lambda j, i=seed: (square[i, j], j))[:5]
            votes = [int(colours[i]) for i in near]
            top = max(votes.count(c) for c in votes)
            tied = [c for c in votes if votes.count(c) == top]
            own = int(colours[seed])
            assert X_more[n + checked, 1] == (own if own in tied else tied[0])
            assert any(
                lies_between(X_more[n + checked, [0, 2]], X[seed, [0, 2]], X[i, [0, 2]]) is not None
                for i in near
            )
            checked += 1
    assert checked == len(X_more) - n


def test_sparse_nominal_values_agree_with_dense_ones():
    random = np.random.default_rng(2)
    y = (random.random((80, 4)) < [0.9, 0.5, 0.15, 0.2]).astype(int)
    for values in ([0, 1], [0, 2.5], [0, 1, 3]):
        X = random.choice(values, size=(80, 6))
        dense = MLSMOTE(nominal_features="all", random_state=0).fit_resample(X, y)
        stored = MLSMOTE(nominal_features="all", random_state=0).fit_resample(
            sparse.csr_array(X), y
        )
        assert_array_equal(stored[0].toarray(), dense[0])
        assert_array_equal(stored[1], dense[1])
        mixed = MLSMOTE(nominal_features=[0, 3], random_state=0).fit_resample(X, y)
        stored = MLSMOTE(nominal_features=[0, 3], random_state=0).fit_resample(
            sparse.csc_matrix(X), y
        )
        assert stored[0].format == "csc"
        assert_allclose(stored[0].toarray(), mixed[0], atol=1e-12)


def test_sparse_features_give_the_same_rows_as_dense_ones():
    random = np.random.default_rng(3)
    X = random.normal(size=(70, 8)) * (random.random((70, 8)) < 0.3)
    _, y = problem(70)
    dense = MLSMOTE(random_state=0).fit_resample(X, y)
    stored = MLSMOTE(random_state=0).fit_resample(sparse.csr_array(X), sparse.csr_array(y))
    assert_allclose(stored[0].toarray(), dense[0], atol=1e-12)
    assert_array_equal(stored[1].toarray(), dense[1])
    assert isinstance(stored[0], sparse.csr_array)


def test_stored_zeros_and_repeated_entries_change_nothing():
    X, y = problem()
    rows = np.repeat(np.arange(60), 3)
    halves = np.concatenate([X.ravel() / 2, X.ravel() / 2])
    places = np.tile(rows, 2), np.tile(np.arange(3), 120)
    messy = sparse.coo_array((halves, places), shape=(60, 3))
    plain = MLSMOTE(random_state=0).fit_resample(X, y)
    again = MLSMOTE(random_state=0).fit_resample(messy, y)
    assert_allclose(again[0].toarray(), plain[0], atol=1e-12)


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.zeros((60, 2, 2)), {}, "must have rows and columns"),
        (np.zeros(60), {}, "must have rows and columns"),
        (np.zeros((60, 0)), {}, "must have rows and columns"),
        (np.full((60, 2), np.inf), {}, "infinite numbers"),
        (np.array([["a", "b"]] * 60), {}, "must hold numbers"),
        (np.array([["a", 1.0]] * 60, object), {}, "no number"),
        (np.zeros((60, 2), complex), {}, "must hold numbers"),
        (np.zeros((59, 2)), {}, "different numbers of rows"),
        (sparse.csr_array(np.full((60, 2), np.nan)), {}, "must not hold NaN"),
        (np.zeros((60, 2)), {"nominal_features": [2]}, "does not have"),
        (np.zeros((60, 2)), {"nominal_features": [-1]}, "does not have"),
        (np.zeros((60, 2)), {"nominal_features": "colour"}, "does not have"),
        (np.zeros((60, 2)), {"nominal_features": [True]}, "one entry per column"),
        (np.zeros((60, 2)), {"n_neighbors": 0}, "`n_neighbors`"),
        (np.zeros((60, 2)), {"labels": "rank"}, "Did you mean 'ranking'"),
        (None, {}, "must have rows"),
    ],
)
def test_what_has_no_distances_is_refused(X, options, message):
    with pytest.raises(InvalidInput, match=message):
        MLSMOTE(**options).fit(X, problem()[1])


@pytest.mark.parametrize("y", [[0, 1, 1, 0] * 15, np.array(["a", "b", "c"] * 20)])
def test_classes_are_refused(y):
    with pytest.raises(InvalidInput, match="1-D `y` of classes"):
        MLSMOTE().fit(np.zeros((60, 2)), y)

import numpy as np
import pytest
import resampling_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_array_equal
from scipy import sparse

from equipoise import LabelStats
from equipoise._errors import EquipoiseWarning, InvalidInput
from equipoise.resampling import LPROS, LPRUS, MLROS, MLRUS

matrices = hnp.arrays(
    np.uint8, st.tuples(st.integers(2, 40), st.integers(1, 4)), elements=st.integers(0, 1)
)


def imbalanced(n_rows=60, seed=0):
    random = np.random.default_rng(seed)
    return (random.random((n_rows, 4)) < [0.7, 0.4, 0.15, 0.08]).astype(int)


def sizes(y):
    return {key: len(bag) for key, bag in reference.label_set_sizes(y.tolist()).items()}


@given(matrices, st.integers(0, 30), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_label_sets_grow_as_defined(y, budget, seed):
    expected = reference.lp_ros_sizes(y.tolist(), budget)
    if sum(expected.values()) < len(y) + budget:
        with pytest.warns(EquipoiseWarning, match="rows could be added"):
            rows, more = LPROS(n_new=budget, random_state=seed).fit_resample(np.arange(len(y)), y)
    else:
        rows, more = LPROS(n_new=budget, random_state=seed).fit_resample(np.arange(len(y)), y)
    assert sizes(more) == expected
    assert_array_equal(y[rows], more)
    assert_array_equal(rows[: len(y)], np.arange(len(y)))


@given(matrices, st.integers(0, 30), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_label_sets_shrink_as_defined(y, budget, seed):
    budget = min(budget, len(y) - 1)
    expected = reference.lp_rus_sizes(y.tolist(), budget)
    sampler = LPRUS(n_removed=budget, random_state=seed)
    if sum(expected.values()) > len(y) - budget:
        with pytest.warns(EquipoiseWarning, match="rows could be removed"):
            rows, less = sampler.fit_resample(np.arange(len(y)), y)
    else:
        rows, less = sampler.fit_resample(np.arange(len(y)), y)
    assert sizes(less) == expected
    assert np.all(np.diff(rows) > 0)


def test_what_one_label_set_cannot_take_is_passed_on():
    # mean 4: sets of 3, 1 and 1 rows; a third of 7 is more than the first can take.
    y = np.array([[1, 0]] * 11 + [[0, 1]] * 3 + [[1, 1]] + [[0, 0]])
    _, more = LPROS(n_new=7, random_state=0).fit_resample(np.arange(16), y)
    assert sorted(sizes(more).values()) == [4, 4, 4, 11]


@pytest.mark.parametrize("recompute", [True, False])
@pytest.mark.parametrize("budget", [5, 30, 200])
def test_clones_are_distributed_as_defined(recompute, budget):
    y = imbalanced()
    runs = 150
    ours, theirs = np.zeros((runs, len(y))), np.zeros((runs, len(y)))
    rule = "recomputed" if recompute else "static"
    for seed in range(runs):
        sampler = MLROS(percentage=100 * budget / len(y), threshold=rule, random_state=seed)
        rows, _ = sampler.fit_resample(np.arange(len(y)), y)
        ours[seed] = np.bincount(rows[len(y) :], minlength=len(y))
        clones = reference.ml_ros(y.tolist(), budget, recompute, seed)
        theirs[seed] = np.bincount(np.array(clones, int), minlength=len(y))
    assert_same_distribution(ours, theirs)


@pytest.mark.parametrize("recompute", [True, False])
@pytest.mark.parametrize("budget", [3, 20])
def test_deletions_are_distributed_as_defined(recompute, budget):
    y = imbalanced(seed=3)
    runs = 150
    ours, theirs = np.zeros((runs, len(y))), np.zeros((runs, len(y)))
    rule = "recomputed" if recompute else "static"
    for seed in range(runs):
        sampler = MLRUS(percentage=100 * budget / len(y), threshold=rule, random_state=seed)
        rows, _ = sampler.fit_resample(np.arange(len(y)), y)
        ours[seed, np.setdiff1d(np.arange(len(y)), rows)] = 1
        theirs[seed, reference.ml_rus(y.tolist(), budget, recompute, seed)] = 1
    assert_same_distribution(ours, theirs)


def assert_same_distribution(ours, theirs):
    """Means of every row, and of the number of rows, within 5 standard errors."""
    for a, b in ((ours, theirs), (ours.sum(axis=1), theirs.sum(axis=1))):
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / len(a)) + 1e-9
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * error)


def test_clones_stop_where_no_label_is_rare_any_more():
    y = np.array([[1, 0]] * 20 + [[0, 1]] * 10)
    rows, more = MLROS(percentage=500, random_state=0).fit_resample(np.arange(30), y)
    assert_array_equal(more.sum(axis=0), [20, 20])
    assert len(rows) == 40


def test_no_row_with_a_rare_label_is_deleted_and_no_row_twice():
    y = imbalanced(200, seed=1)
    sampler = MLRUS(percentage=90, random_state=0).fit(np.arange(200), y)
    rare = reference.rare_labels(y.tolist())
    protected = np.flatnonzero(y[:, rare].any(axis=1))
    assert set(protected) <= set(sampler.sample_indices_)
    assert len(set(sampler.sample_indices_)) == len(sampler.sample_indices_)


@pytest.mark.parametrize("sampler", [LPROS, MLROS])
def test_exactly_as_many_rows_appear_as_were_asked_for(sampler):
    y = imbalanced(300)
    for n_new in (0, 1, 7, 20):
        rows, _ = sampler(n_new=n_new, random_state=0).fit_resample(np.arange(300), y)
        assert len(rows) == 300 + n_new
    rows, _ = sampler(percentage=10, random_state=0).fit_resample(np.arange(300), y)
    assert len(rows) == 330


@pytest.mark.parametrize("sampler", [LPRUS, MLRUS])
def test_exactly_as_many_rows_go_as_were_asked_for(sampler):
    y = imbalanced(300)
    for n_removed in (0, 1, 7, 20):
        rows, _ = sampler(n_removed=n_removed, random_state=0).fit_resample(np.arange(300), y)
        assert len(rows) == 300 - n_removed


@pytest.mark.parametrize(("sampler", "sign"), [(LPROS, 1), (MLROS, 1), (LPRUS, -1), (MLRUS, -1)])
def test_sampling_stops_as_soon_as_the_target_is_reached(sampler, sign):
    y = imbalanced(300)
    start = LabelStats.from_targets(y).mean_ir
    target = 0.9 * start
    less_free = sampler(mean_ir=target, random_state=0)
    _, moved = less_free.fit_resample(np.arange(300), y)
    assert LabelStats.from_targets(moved).mean_ir <= target
    if sign > 0:
        assert LabelStats.from_targets(moved[:-1]).mean_ir > target


def test_a_target_out_of_reach_is_told():
    y = np.array([[1, 0]] * 20 + [[1, 1]] * 2)
    with pytest.warns(EquipoiseWarning, match="was not reached"):
        MLROS(mean_ir=1, n_new=3, random_state=0).fit(np.arange(22), y)


@pytest.mark.parametrize("sampler", [MLROS, MLRUS, LPROS, LPRUS])
def test_out_of_reach_the_lowest_ratio_on_the_way_is_kept(sampler):
    y = imbalanced(300)
    start = LabelStats.from_targets(y).mean_ir
    with pytest.warns(EquipoiseWarning, match="was not reached: it comes down to"):
        rows, moved = sampler(mean_ir=1, random_state=0).fit_resample(np.arange(300), y)
    assert LabelStats.from_targets(moved).mean_ir <= start
    assert len(rows) > 100


def test_losing_the_last_positive_is_no_way_to_the_target():
    y = np.array([[1, 0]] * 12 + [[0, 1]] * 4 + [[1, 1]] * 4)
    _, less = MLRUS(mean_ir=1.1, random_state=0).fit_resample(np.arange(20), y)
    assert np.all(less.sum(axis=0) > 0)


@pytest.mark.parametrize("sampler", [LPROS, LPRUS, MLROS, MLRUS])
def test_sparse_and_dense_labels_give_the_same_rows(sampler):
    y = imbalanced(100)
    dense = sampler(random_state=5).fit(np.arange(100), y)
    stored = sampler(random_state=5).fit(np.arange(100), sparse.csr_matrix(y))
    assert_array_equal(dense.sample_indices_, stored.sample_indices_)


@pytest.mark.parametrize("sampler", [LPROS, LPRUS, MLROS, MLRUS])
def test_unknown_labels_are_no_positives_and_move_with_their_row(sampler):
    y = imbalanced(100).astype(float)
    y[::7, 1] = np.nan
    y[::11, 3] = np.nan
    plain = sampler(random_state=5)
    rows, moved = plain.fit_resample(np.arange(100), y)
    assert_array_equal(moved, y[rows])
    negative = sampler(random_state=5).fit(np.arange(100), np.nan_to_num(y))
    assert_array_equal(plain.sample_indices_, negative.sample_indices_)
    before, after = LabelStats.from_targets(y), LabelStats.from_targets(moved)
    assert_array_equal(plain.sampling_rates_.positives, after.positives / before.positives)
    assert_array_equal(plain.sampling_rates_.negatives, after.negatives / before.negatives)


@pytest.mark.parametrize("sampler", [LPROS, LPRUS, MLROS, MLRUS])
def test_labels_without_positives_and_rows_without_labels_are_ordinary(sampler):
    y = np.zeros((30, 3), int)
    y[:6, 0] = 1
    y[0, 1] = 1
    _, moved = sampler(percentage=10, random_state=0).fit_resample(np.arange(30), y)
    assert moved[:, 2].sum() == 0
    fitted = sampler(percentage=10, random_state=0).fit(np.arange(30), y)
    assert np.isfinite(fitted.sampling_rates_.log_odds_shift).all()
    nothing = np.zeros((9, 2), int)
    rows, _ = sampler(percentage=10, random_state=0).fit_resample(np.arange(9), nothing)
    assert_array_equal(rows, np.arange(9))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"percentage": 0.25}, "below 1 it looks like a share"),
        ({"percentage": -5}, "`percentage` must be a number"),
        ({"percentage": True}, "`percentage` must be a number"),
        ({"mean_ir": 0.5}, "`mean_ir` must be a number"),
        ({"percentage": 10, "n_new": 3}, "both say how many rows"),
        ({"n_new": -1}, "`n_new` must be a whole number"),
        ({"n_new": 2.0}, "`n_new` must be a whole number"),
        ({"random_state": "seed"}, "`random_state` must be a whole number"),
    ],
)
def test_options_that_mean_nothing_are_refused(options, message):
    for sampler in (LPROS, MLROS):
        with pytest.raises(InvalidInput, match=message):
            sampler(**options).fit(np.arange(60), imbalanced())


def test_the_threshold_rule_is_checked():
    with pytest.raises(InvalidInput, match="`threshold` must be one of"):
        MLROS(threshold="dynamic").fit(np.arange(60), imbalanced())


@pytest.mark.parametrize("sampler", [LPRUS, MLRUS])
def test_one_row_must_stay(sampler):
    with pytest.raises(InvalidInput, match="At least one row must stay"):
        sampler(n_removed=60).fit(np.arange(60), imbalanced())


def test_running_ratios_stay_exact_over_many_rows():
    from equipoise.resampling._ratios import RunningRatios

    random = np.random.default_rng(0)
    y = (random.random((50, 6)) < np.geomspace(0.05, 0.8, 6)).astype(np.uint8)
    y[0] = 1
    running = RunningRatios(sparse.csr_array(y))
    counts = y.sum(axis=0).astype(int)
    for row in random.integers(50, size=9000):
        running.add(int(row))
        counts += y[row]
    assert running.mean() == pytest.approx(np.mean(counts.max() / counts), rel=1e-12)
    for row in random.integers(50, size=3000):
        running.remove(int(row))
        counts -= y[row]
    assert running.mean() == pytest.approx(np.mean(counts.max() / counts), rel=1e-12)
    assert running.ratio(0) == counts.max() / counts[0]

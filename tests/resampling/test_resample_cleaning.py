import numpy as np
import pytest
import resampling_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse

from equipoise import LabelStats
from equipoise._errors import InvalidInput
from equipoise.resampling import MLROS, MLSMOTE, MLTL, REMEDIAL, MLeNN
from equipoise.resampling._distance import label_distance
from equipoise.resampling._neighbours import Points
from equipoise.targets import as_targets

nan = float("nan")


@st.composite
def problems(draw, *, missing=False, unknown=False):
    n, d, n_labels = draw(st.integers(2, 25)), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    seed = draw(st.integers(0, 2**32 - 1))
    random = np.random.default_rng(seed)
    X = random.integers(0, draw(st.integers(2, 50)), size=(n, d)).astype(float)  # with ties
    y = (random.random((n, n_labels)) < random.random(n_labels)).astype(float)
    if missing:
        X[random.random(X.shape) < 0.2] = np.nan
    if unknown:
        y[random.random(y.shape) < 0.2] = np.nan
    return X, y


@given(problems(), st.sampled_from([1, 3, 4]), st.sampled_from([0.0, 0.5, 0.75]))
@settings(max_examples=80, deadline=None)
@pytest.mark.filterwarnings("ignore::equipoise._errors.EquipoiseWarning")
def test_edited_neighbours_agree_with_the_definition_row_for_row(problem, k, threshold):
    X, y = problem
    sampler = MLeNN(n_neighbors=k, threshold=threshold).fit(X, y)
    assert_array_equal(
        sampler.sample_indices_, reference.ml_enn(X.tolist(), y.tolist(), k, threshold)
    )


@given(problems(missing=True, unknown=True))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::equipoise._errors.EquipoiseWarning")
def test_they_agree_with_missing_and_unknown_cells_too(problem):
    X, y = problem
    kept = reference.ml_enn(X.tolist(), y.tolist(), 3, 0.5)
    assert_array_equal(MLeNN(threshold=0.5).fit(X, y).sample_indices_, kept)
    kept = reference.ml_tl(X.tolist(), y.tolist(), 0.3, True)
    assert_array_equal(MLTL(threshold=0.3, remove="both").fit(X, y).sample_indices_, kept)


@given(problems(), st.sampled_from([0.15, 0.5]), st.booleans())
@settings(max_examples=80, deadline=None)
@pytest.mark.filterwarnings("ignore::equipoise._errors.EquipoiseWarning")
def test_tomek_links_agree_with_the_definition_row_for_row(problem, threshold, both):
    X, y = problem
    sampler = MLTL(threshold=threshold, remove="both" if both else "majority").fit(X, y)
    assert_array_equal(
        sampler.sample_indices_, reference.ml_tl(X.tolist(), y.tolist(), threshold, both)
    )


def test_one_contrary_neighbour_of_three_is_not_enough_and_several_rows_can_go():
    X = np.array([[0.0], [1.0], [2.0], [3.5], [50.0], [51.0], [52.0], [53.5], [54.0], [50.5]])
    y = np.array([[1, 0]] * 3 + [[0, 1]] + [[0, 1]] * 4 + [[1, 0]] * 2)
    y = np.column_stack([y, np.zeros(10, int)])
    y[3, 2] = 1  # a rare label: protected, whatever its neighbours
    kept = MLeNN().fit(X, y).sample_indices_
    assert set(kept) >= {0, 1, 2, 3}
    assert 10 - len(kept) == 2


def test_links_must_be_mutual():
    # 1 is nearest to 2, but 1's own nearest is 0.
    X = np.array([[0.0], [1.0], [2.5], [90.0], [91.0]])
    y = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [1, 0]])
    assert_array_equal(MLTL().fit(X, y).sample_indices_, np.arange(5))


@pytest.mark.parametrize(
    ("rare", "expected"), [(100, 0.5), (10, 0.3), (1, 0.15)], ids=["even", "uneven", "rare"]
)
def test_the_automatic_threshold_follows_the_mean_ratio(rare, expected):
    y = np.zeros((100, 2), int)
    y[:, 0], y[:rare, 1] = 1, 1
    sampler = MLTL().fit(np.arange(100.0)[:, None], y)
    assert sampler.threshold_ == expected


@given(problems(unknown=True))
@settings(max_examples=40, deadline=None)
def test_label_distance_by_hand(problem):
    y = problem[1]
    pairs = np.argwhere(np.ones((len(y), len(y))))
    for form in (y, as_targets(y).to_sparse()):
        measured = label_distance(as_targets(form), pairs[:, 0], pairs[:, 1])
        by_hand = [reference.label_distance(y[i], y[j]) for i, j in pairs]
        np.testing.assert_allclose(measured, by_hand)


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (MLeNN(threshold=1.5), "`threshold` must be a number"),
        (MLeNN(n_neighbors=1.5), "`n_neighbors` must be a whole number"),
        (MLTL(threshold="automatic"), '"auto" or a number'),
        (MLTL(threshold=-1), "`threshold` must be a number"),
        (MLTL(remove="all"), "`remove` must be one of"),
    ],
)
def test_options_that_mean_nothing_are_refused(sampler, message):
    with pytest.raises(InvalidInput, match=message):
        sampler.fit(np.zeros((4, 1)), np.eye(4))


# ---------------------------------------------------------------------------------- neighbours


@given(problems(missing=True), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_neighbours_are_exact_with_ties_and_missing_values(problem, k):
    X = problem[0]
    near = Points(X).nearest(k)
    for i, row in enumerate(near):
        assert row.tolist() == reference.nearest(X.tolist(), i, k)


def test_neighbours_far_from_the_origin_are_exact():
    random = np.random.default_rng(0)
    near = random.normal(size=(40, 5))
    shifted = near + 1e8
    expected = [reference.nearest(shifted.tolist(), i, 4) for i in range(40)]
    assert_array_equal(Points(shifted).nearest(4), expected)


@pytest.mark.parametrize(("shift", "scale"), [(0, 1), (1000, 1), (1e5, 1e-2), (0, 1e30), (1e25, 1)])
def test_neighbours_of_single_precision_are_exact(shift, scale):
    random = np.random.default_rng(0)
    X = (random.normal(size=(60, 20)) * scale + shift).astype(np.float32)
    X[::5] = X[1]  # ties
    expected = [reference.nearest(X.astype(float).tolist(), i, 4) for i in range(60)]
    assert_array_equal(Points(X).nearest(4), expected)
    X[random.random(X.shape) < 0.2] = np.nan
    expected = [reference.nearest(X.astype(float).tolist(), i, 4) for i in range(60)]
    assert_array_equal(Points(X).nearest(4), expected)


def test_sparse_and_blocked_neighbours_are_those_of_one_block(monkeypatch):
    from equipoise.resampling import _neighbours

    random = np.random.default_rng(1)
    X = random.integers(0, 3, size=(90, 12)) * (random.random((90, 12)) < 0.5)
    whole = Points(X.astype(float)).nearest(5)
    assert_array_equal(Points(sparse.csr_array(X)).nearest(5), whole)
    monkeypatch.setattr(_neighbours, "_CELLS", 300)
    monkeypatch.setattr(_neighbours, "_WHOLE", 100)
    assert_array_equal(Points(X.astype(float)).nearest(5), whole)
    assert_array_equal(Points(sparse.csr_array(X)).nearest(5), whole)


# ------------------------------------------------------------------------------------ REMEDIAL


@given(problems())
@settings(max_examples=80, deadline=None)
def test_remedial_agrees_with_the_definition_row_for_row(problem):
    X, y = problem
    sampler = REMEDIAL()
    X_parted, y_parted = sampler.fit_resample(X, y)
    expected = reference.remedial(y.tolist())
    assert_array_equal(sampler.sample_indices_, [i for i, _ in expected])
    assert_array_equal(y_parted, [labels for _, labels in expected])
    assert_array_equal(X_parted, X[sampler.sample_indices_])
    assert_array_equal(y_parted.sum(axis=0), y.sum(axis=0))
    before, after = LabelStats.from_targets(y), LabelStats.from_targets(y_parted)
    assert after.mean_ir == before.mean_ir


def concurrent(n=200):
    random = np.random.default_rng(0)
    y = (random.random((n, 5)) < [0.95, 0.3, 0.25, 0.03, 0.02]).astype(int)
    return random.normal(size=(n, 3)), y


def test_halves_without_labels_are_kept_or_dropped():
    X, y = concurrent()
    keep, drop = REMEDIAL(), REMEDIAL(unlabelled="drop")
    _, kept = keep.fit_resample(X, y)
    _, dropped = drop.fit_resample(X, y)
    empty = np.count_nonzero(kept.sum(axis=1) == 0) - np.count_nonzero(y.sum(axis=1) == 0)
    assert empty == keep.n_unlabelled_ > 0
    assert len(kept) == 200 + keep.n_split_
    assert len(dropped) == len(kept) - keep.n_unlabelled_
    assert drop.n_unlabelled_ == 0
    assert_array_equal(dropped.sum(axis=0), y.sum(axis=0))
    assert np.isfinite(LabelStats.from_targets(kept).scumble)


def test_unknown_labels_stay_unknown_in_both_halves():
    X, y = concurrent()
    y = y.astype(float)
    y[5:60, 2] = np.nan
    sampler = REMEDIAL()
    _, parted = sampler.fit_resample(X, y)
    assert_array_equal(np.isnan(parted), np.isnan(y[sampler.sample_indices_]))
    assert_array_equal(np.nansum(parted, axis=0), np.nansum(y, axis=0))


@pytest.mark.parametrize(
    "then", [MLROS(percentage=20, random_state=0), MLSMOTE(random_state=0), MLeNN()]
)
def test_a_second_resampler_works_on_the_result_of_the_first(then):
    X, y = concurrent()
    weight = np.arange(200.0)
    both = REMEDIAL(then=then)
    X_both, y_both, w_both = both.fit_resample(X, y, weight)
    first = REMEDIAL()
    X_1, y_1, w_1 = first.fit_resample(X, y, weight)
    X_2, y_2, w_2 = then.fit_resample(X_1, y_1, w_1)
    assert_array_equal(X_both, X_2)
    assert_array_equal(y_both, y_2)
    assert_array_equal(w_both, w_2)
    assert_array_equal(w_both, weight[both.sample_indices_])
    assert_array_equal(both.synthetic_, then.synthetic_)
    rates = both.sampling_rates_
    np.testing.assert_allclose(rates.positives, y_both.sum(axis=0) / y.sum(axis=0))
    np.testing.assert_allclose(rates.negatives, (1 - y_both).sum(axis=0) / (1 - y).sum(axis=0))
    assert both.then_ is not then
    assert "then__" + next(iter(then.get_params())) in REMEDIAL(then=then).get_params()


def test_what_is_no_resampler_cannot_come_second():
    X, y = concurrent()
    for then in (MLSMOTE, "MLSMOTE", 3):
        with pytest.raises(InvalidInput, match="`then` must be a resampler"):
            REMEDIAL(then=then).fit(X, y)
    with pytest.raises(InvalidInput, match="`unlabelled` must be one of"):
        REMEDIAL(unlabelled="delete").fit(X, y)

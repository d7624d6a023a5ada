import numpy as np
import pytest
import resampling_reference as reference
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from equipoise import LabelStats, as_targets
from equipoise._errors import EquipoiseWarning, InvalidInput
from equipoise.resampling import MLSOL, MLUL
from equipoise.resampling._local import local_imbalance
from equipoise.resampling._neighbours import Points


def problem(n=60, seed=0, unknown=False, columns=2):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n, columns))
    chance = 1 / (1 + np.exp(-3 * X[:, :1] - [2.5, 0.5, -3]))  # the first is rare, the last common
    y = (random.random((n, 3)) < np.hstack([chance[:, ::-1]])).astype(float)
    if unknown:
        y[random.random(y.shape) < 0.15] = np.nan
    return X, y


@given(st.integers(0, 10_000), st.booleans(), st.sampled_from([1, 3, 5]))
@settings(max_examples=30, deadline=None)
def test_local_imbalance_agrees_with_the_definition(seed, unknown, k):
    X, y = problem(25, seed, unknown)
    minority, c, kind, score, w, v, _ = reference.local(X.tolist(), y.tolist(), k)
    for form in (as_targets(y), as_targets(y).to_sparse()):
        local = local_imbalance(form, Points(X).nearest(k))
        assert_array_equal(local.minority, minority)
        places = [(i, j) for i in range(25) for j in range(3) if c[i][j] is not None]
        rows = np.repeat(np.arange(25), np.diff(local.cells.indptr))
        assert list(zip(rows.tolist(), local.cells.indices.tolist(), strict=True)) == places
        assert_allclose(local.contradicted, [c[i][j] for i, j in places], atol=1e-12)
        assert_array_equal(local.types().toarray(), kind)
        assert_allclose(local.scores.toarray(), score, atol=1e-12)
        assert_allclose(local.weights, w, atol=1e-12)
        value = local.weights + local.influence(form)
        assert_allclose(value - min(0.0, value.min()), v, atol=1e-12)


def test_a_rare_cell_is_judged_by_its_own_neighbours():
    # Row 0 is rare; only its neighbour 3 is safe. Reading the row's own index again, or a
    # neighbour's number as its place, would find no safe cell.
    X = np.array([[0.0], [1.0], [1.1], [2.0], [2.1], [2.2], [2.3], [9.0], [9.1], [9.2]])
    y = np.array([[1], [0], [0], [1], [1], [1], [1], [0], [0], [0]])
    kind = local_imbalance(as_targets(y), Points(X).nearest(4)).types().toarray().ravel()
    expected = reference.local(X.tolist(), y.tolist(), 4)[2]
    assert_array_equal(kind, np.ravel(expected))
    assert kind[0] == 2
    assert kind[3] in (1, 2)


@pytest.mark.parametrize("unknown", [False, True])
def test_every_new_row_is_as_defined(unknown):
    X, y = problem(unknown=unknown)
    _, _, kind, _, w, _, near = reference.local(X.tolist(), y.tolist(), 4)
    sampler = MLSOL(n_neighbors=4, n_new=200, random_state=0)
    X_more, y_more = sampler.fit_resample(X, y)
    assert X_more.shape == (260, 2)
    assert_array_equal(y_more[:60], y)
    for new, labels, s in zip(X_more[60:], y_more[60:], sampler.sample_indices_[60:], strict=True):
        assert w[s] > 0
        candidates = []
        for r in near[s]:
            inside = np.all((new >= np.minimum(X[s], X[r])) & (new <= np.maximum(X[s], X[r])))
            if inside:
                a, b = np.linalg.norm(new - X[s]), np.linalg.norm(new - X[r])
                candidates.append(reference.mlsol_labels(y[s], y[r], kind[s], kind[r], a / (a + b)))
        assert any(np.array_equal(labels, c, equal_nan=True) for c in candidates)


def test_seeds_others_and_labels_are_distributed_as_defined():
    X, y = problem(40, seed=2)
    _, _, kind, _, w, _, near = reference.local(X.tolist(), y.tolist(), 3)
    n = 20_000
    sampler = MLSOL(n_neighbors=3, n_new=n, random_state=0)
    X_more, y_more = sampler.fit_resample(X, y)
    random = np.random.default_rng(1)
    seeds = random.choice(40, size=n, p=np.array(w) / sum(w))
    made, labels = np.empty((n, 2)), np.empty((n, 3))
    for place, s in enumerate(seeds):
        r = near[s][random.integers(3)]
        made[place] = X[s] + random.random(2) * (X[r] - X[s])
        a, b = np.linalg.norm(made[place] - X[s]), np.linalg.norm(made[place] - X[r])
        labels[place] = reference.mlsol_labels(y[s], y[r], kind[s], kind[r], a / (a + b))
    ours = np.bincount(sampler.sample_indices_[40:], minlength=40)
    expected = n * np.array(w) / sum(w)
    assert np.all(np.abs(ours - expected) <= 5 * np.sqrt(expected) + 1e-9)
    for a, b in ((X_more[40:], made), (y_more[40:], labels)):
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / n) + 1e-9
        assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * error)


def test_sparse_features_are_interpolated_alike():
    random = np.random.default_rng(0)
    X, y = problem(columns=6)
    X *= random.random(X.shape) < 0.5
    sampler = MLSOL(n_new=500, random_state=0)
    X_more, y_more = sampler.fit_resample(sparse.csr_array(X), sparse.csr_array(y))
    dense = MLSOL(n_new=500, random_state=1)
    X_dense, y_dense = dense.fit_resample(X, y)
    assert isinstance(X_more, sparse.csr_array)
    a, b = X_more.toarray()[60:], X_dense[60:]
    error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / 500) + 1e-9
    assert np.all(np.abs(a.mean(axis=0) - b.mean(axis=0)) < 5 * error)
    assert y_more[60:].toarray().mean() == pytest.approx(y_dense[60:].mean(), abs=0.1)


def test_nominal_values_come_from_either_row():
    random = np.random.default_rng(0)
    X, y = problem(columns=3)
    X[:, 1] = random.integers(0, 4, 60)
    for form in (X, sparse.csr_array(X)):
        X_more, _ = MLSOL(nominal_features=[1], n_new=300, random_state=0).fit_resample(form, y)
        new = X_more if isinstance(X_more, np.ndarray) else X_more.toarray()
        assert set(new[60:, 1]) == {0, 1, 2, 3}


@pytest.mark.filterwarnings("ignore:Resampling removed every positive")
def test_rows_are_kept_in_proportion_to_what_they_matter():
    X, y = problem(30, seed=4)
    v = np.array(reference.local(X.tolist(), y.tolist(), 3)[5])
    kept = np.zeros((800, 30))
    theirs = np.zeros((800, 30))
    random = np.random.default_rng(0)
    for seed in range(800):
        sampler = MLUL(n_neighbors=3, n_removed=24, random_state=seed).fit(X, y)
        kept[seed, sampler.sample_indices_] = 1
        theirs[seed, random.choice(30, size=6, replace=False, p=v / v.sum())] = 1
    assert np.all(kept.sum(axis=1) == 6)
    error = np.sqrt((kept.var(axis=0) + theirs.var(axis=0)) / 800) + 1e-9
    assert np.all(np.abs(kept.mean(axis=0) - theirs.mean(axis=0)) < 5 * error)


def test_rows_that_do_not_matter_go_first():
    X, y = problem(40, seed=5)
    v = np.array(reference.local(X.tolist(), y.tolist(), 5)[5])
    n_zero = int((v < 1e-12).sum())
    assert n_zero
    sampler = MLUL(n_removed=n_zero, random_state=0).fit(X, y)
    assert np.all(v[sampler.sample_indices_] > 1e-12)


@pytest.mark.parametrize("n_new", [0, 1, 33])
def test_exactly_as_many_rows_appear_as_were_asked_for(n_new):
    X, y = problem()
    assert len(MLSOL(n_new=n_new, random_state=0).fit_resample(X, y)[0]) == 60 + n_new
    assert len(MLUL(n_removed=n_new, random_state=0).fit_resample(X, y)[0]) == 60 - n_new


def test_default_amounts_are_30_percent():
    X, y = problem()
    assert len(MLSOL(random_state=0).fit_resample(X, y)[0]) == 78
    assert len(MLUL(random_state=0).fit_resample(X, y)[0]) == 42


def test_a_target_ratio_stops_both():
    random = np.random.default_rng(0)
    X = random.normal(size=(400, 2))
    y = np.column_stack([X[:, 0] > -0.5, X[:, 0] > 0, X[:, 1] > 1]).astype(int)
    start = LabelStats.from_targets(y).mean_ir
    for sampler in (MLSOL(mean_ir=0.9 * start, random_state=0), MLUL(mean_ir=0.95 * start)):
        _, moved = sampler.set_params(random_state=0).fit_resample(X, y)
        assert LabelStats.from_targets(moved).mean_ir <= 0.95 * start


def test_new_rows_without_labels_can_be_replaced():
    random = np.random.default_rng(0)
    X = random.normal(size=(120, 2))
    y = (random.random((120, 2)) < [0.12, 0.1]).astype(int)
    _, kept = MLSOL(n_new=200, random_state=0).fit_resample(X, y)
    assert np.any(kept[120:].sum(axis=1) == 0)
    X_more, dropped = MLSOL(n_new=200, unlabelled="drop", random_state=0).fit_resample(X, y)
    assert X_more.shape == (320, 2)
    assert np.all(dropped[120:].sum(axis=1) > 0)


def test_a_label_with_one_positive_is_named_and_gets_no_seed():
    X, y = problem()
    y = np.zeros((60, 2), int)
    y[:20, 0], y[30, 1] = 1, 1
    with pytest.warns(EquipoiseWarning, match="one positive.*'label_1'"):
        sampler = MLSOL(random_state=0).fit(X, y)
    assert 30 not in sampler.sample_indices_[60:]


def test_where_nothing_is_contradicted_nothing_is_made():
    X = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]])
    y = np.array([[1], [1], [1], [0], [0], [0]])
    with pytest.warns(EquipoiseWarning, match="Only 0 of 4 rows could be added"):
        X_more, _ = MLSOL(n_neighbors=2, n_new=4).fit_resample(X, y)
    assert len(X_more) == 6


@pytest.mark.parametrize(
    ("sampler", "message"),
    [
        (MLSOL(n_neighbors=-1), "`n_neighbors`"),
        (MLSOL(unlabelled="no"), "`unlabelled` must be one of"),
        (MLSOL(percentage=0.3), "looks like a share"),
        (MLUL(percentage=100), "At least one row must stay"),
        (MLUL(n_neighbors=True), "`n_neighbors`"),
    ],
)
def test_options_that_mean_nothing_are_refused(sampler, message):
    with pytest.raises(InvalidInput, match=message):
        sampler.fit(*problem())

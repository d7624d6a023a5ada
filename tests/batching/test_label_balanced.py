"""LabelBalancedBatches: rows come as often as the formula says, and nothing is lost or doubled."""

import keras
import numpy as np
import pytest
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.batching import LabelBalancedBatches
from equipoise.decision import Correction

pytestmark = pytest.mark.keras


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random((500, 4)) < [0.4, 0.1, 0.03, 0.0]).astype(float)
    y[:, 1] *= y[:, 0]  # goes with the frequent one
    y[0, 2] = 1
    return np.arange(1000, dtype=np.float32).reshape(500, 2), y


def epoch(batches):
    parts = [batches[i] for i in range(len(batches))]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def by_definition(y, power, unlabelled=None):
    """Probability of each row, by the two steps of a draw."""
    none = ~y.any(axis=1)
    share = none.mean() if unlabelled is None else unlabelled
    n = y.sum(axis=0)
    q = np.array([v**power if v else 0.0 for v in n])
    q /= q.sum()
    p = np.zeros(len(y))
    for label in np.flatnonzero(n):
        has = y[:, label] == 1
        p[has] += (1 - share) * q[label] / n[label]
    p[none] = share / none.sum()
    return p


@pytest.mark.parametrize(("strategy", "power"), [("label", 0.0), ("square_root", 0.5)])
@pytest.mark.parametrize("unlabelled", [None, 0.0, 0.5])
def test_probabilities_are_those_of_the_two_steps(rows, strategy, power, unlabelled):
    X, y = rows
    batches = LabelBalancedBatches(X, y, strategy=strategy, unlabelled_share=unlabelled)
    p = by_definition(y, power, unlabelled)
    np.testing.assert_allclose(batches.row_probabilities(), p)
    np.testing.assert_allclose(batches.label_rates(), y.T @ p)
    _, labels = epoch(batches)
    assert len(labels) == 500
    # Systematic: each row as often as it should be, rounded up or down.
    drawn = np.bincount((epoch(batches)[0][:, 0] / 2).astype(int), minlength=500)
    assert (np.abs(drawn - 500 * p) < 1 + 1e-9).all()
    assert np.abs(labels.mean(axis=0) - y.T @ p).max() < 0.05


def test_by_instance_every_row_comes_once_an_epoch(rows):
    X, y = rows
    batches = LabelBalancedBatches(X, y, strategy="instance", batch_size=64)
    for _ in range(3):
        features, labels = epoch(batches)
        np.testing.assert_array_equal(np.sort(features[:, 0]), X[:, 0])
        np.testing.assert_array_equal(labels, y[(features[:, 0] / 2).astype(int)])
        batches.on_epoch_end()
    assert [len(batches[i][0]) for i in range(len(batches))] == [64] * 7 + [52]


def test_progressive_goes_from_instance_to_label(rows):
    X, y = rows
    batches = LabelBalancedBatches(X, y, strategy="progressive", n_epochs=5)
    np.testing.assert_allclose(batches.row_probabilities(), 1 / 500)
    rates = []
    for _ in range(6):
        rates.append(batches.label_rates()[2])
        batches.on_epoch_end()
    assert (np.diff(rates[:5]) > 0).all()
    assert rates[4] == rates[5]
    label = LabelBalancedBatches(X, y, strategy="label")
    np.testing.assert_allclose(batches.row_probabilities(), label.row_probabilities())


def test_shares_of_ones_own_and_other_lengths(rows):
    X, y = rows
    batches = LabelBalancedBatches(
        X, y, label_shares=[0, 0, 1, 0], unlabelled_share=0.25, rows_per_epoch=120, batch_size=50
    )
    _, labels = epoch(batches)
    assert len(labels) == 120
    assert abs(labels[:, 2].sum() - 90) <= 2
    assert [len(batches[i][0]) for i in range(3)] == [50, 50, 20]


def test_epochs_are_repeatable_and_differ(rows):
    X, y = rows
    first, again = (LabelBalancedBatches(X, y, random_state=3) for _ in range(2))
    other = LabelBalancedBatches(X, y, random_state=4)
    np.testing.assert_array_equal(epoch(first)[0], epoch(again)[0])
    assert (epoch(first)[0] != epoch(other)[0]).any()
    before = epoch(first)[0]
    first.on_epoch_end()
    assert (epoch(first)[0] != before).any()
    again.on_epoch_end()
    np.testing.assert_array_equal(epoch(first)[0], epoch(again)[0])


def test_sampling_rates_are_those_of_many_draws_and_undo_them(rows):
    X, y = rows
    batches = LabelBalancedBatches(X, y, strategy="label", rows_per_epoch=200_000)
    _, labels = epoch(batches)
    rates = batches.sampling_rates()
    there = y.sum(axis=0) > 0
    np.testing.assert_allclose(
        rates.positives[there], (labels.mean(axis=0) / y.mean(axis=0).clip(1e-9))[there], rtol=0.01
    )
    np.testing.assert_allclose(
        rates.negatives, (1 - labels.mean(axis=0)) / (1 - y.mean(axis=0)), rtol=0.01
    )
    # A model that only knows how often it saw a label is corrected to how often it is there.
    seen = np.clip(labels.mean(axis=0), 1e-9, 1)[None]
    corrected = Correction(rates).transform(seen, from_logits=False)[0]
    np.testing.assert_allclose(corrected[there], y.mean(axis=0)[there], rtol=0.02)


def test_unknown_cells_draw_nothing_and_stay_unknown(rows):
    X, y = rows
    unknown = y.copy()
    unknown[:250, 0] = np.nan
    batches = LabelBalancedBatches(X, unknown, strategy="label")
    known = np.nan_to_num(unknown)
    np.testing.assert_allclose(batches.row_probabilities(), by_definition(known, 0.0))
    _, labels = epoch(batches)
    assert np.isnan(labels[:, 0]).any()
    assert np.isfinite(batches.sampling_rates().log_odds_shift[:3]).all()


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, np.memmap])
@pytest.mark.parametrize("workers", [{}, {"workers": 2}])
def test_training_from_any_kind_of_rows(rows, kind, workers, tmp_path):
    X, y = rows
    if kind is np.memmap:
        stored = np.memmap(tmp_path / "X.bin", dtype=np.float32, mode="w+", shape=X.shape)
        stored[:] = X
        given = stored
    else:
        given = kind(X)
    batches = LabelBalancedBatches(
        given, sparse.csr_array(y), batch_size=100, sample_weight=np.ones(500), **workers
    )
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(4)])
    model.compile("sgd", keras.losses.BinaryCrossentropy(from_logits=True))
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0)
    assert len(history.history["loss"]) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "class"}, "`strategy` must be one of"),
        ({"strategy": "progressive"}, "`n_epochs` is needed"),
        ({"n_epochs": 5}, "has no other meaning"),
        ({"label_shares": [1, 2]}, "one number from 0 on per label"),
        ({"label_shares": [0, 0, 0, 1]}, "0 for labels without positives"),
        ({"unlabelled_share": 1.5}, "`unlabelled_share` must be a number"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"sample_weight": [1.0]}, "as many rows as X"),
    ],
)
def test_wrong_options_are_refused(rows, options, message):
    with pytest.raises(InvalidInput, match=message):
        LabelBalancedBatches(*rows, **options)


def test_rows_that_cannot_be_balanced_are_refused(rows):
    X, y = rows
    with pytest.raises(InvalidInput, match="same number of rows"):
        LabelBalancedBatches(X[:10], y)
    with pytest.raises(InvalidInput, match="No label has a positive"):
        LabelBalancedBatches(X, np.zeros_like(y))
    with pytest.raises(InvalidInput, match="no row without labels"):
        LabelBalancedBatches(X, np.ones_like(y), unlabelled_share=0.5)


def test_labels_of_a_sparse_matrix_stay_sparse_until_they_are_taken():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 2)), (rng.random((30, 4)) < 0.3).astype(np.float32)
    dense = LabelBalancedBatches(X, y, batch_size=8, random_state=1)
    thin = LabelBalancedBatches(
        sparse.coo_array(X), sparse.csr_array(y), batch_size=8, random_state=1
    )
    for i in range(len(dense)):
        for one, other in zip(dense[i], thin[i], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight": [np.nan, 1, 1]}, "not negative"),
        ({"sample_weight": [-1, 1, 1]}, "not negative"),
        ({"sample_weight": ["a", "b", "c"]}, "must hold numbers"),
        ({"label_shares": ["a", "b"]}, "must hold numbers"),
    ],
)
def test_weights_and_shares_that_cannot_be_meant_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        LabelBalancedBatches(np.zeros((3, 1)), [[1, 0], [0, 1], [1, 1]], **options)


def test_features_must_be_an_array_and_epochs_start_at_0():
    with pytest.raises(InvalidInput, match="an array, a memory map or a sparse matrix"):
        LabelBalancedBatches([[0.0], [1.0]], [[1], [0]])
    with pytest.raises(InvalidInput, match="`epoch`"):
        LabelBalancedBatches(
            np.zeros((2, 1)), [[1], [0]], strategy="progressive", n_epochs=2
        ).row_probabilities(-1)


# ------------------------------------------------------------------ topped up within the batch


def test_each_batch_has_its_positives_and_the_epoch_loses_no_row(rows):
    X, y = rows
    plain = LabelBalancedBatches(X, y, batch_size=60, strategy="instance", random_state=2)
    topped = LabelBalancedBatches(
        X, y, batch_size=64, strategy="instance", rare_rows=12, random_state=2
    )
    sizes = [len(topped[i][0]) for i in range(len(topped))]
    assert sizes == [64] * 9 + [32 + 8]  # 500 = 9 · 52 + 32, and 12 · 32 / 52 rounded up
    features, labels = epoch(topped)
    drawn = [topped[i][0][: min(52, 500 - 52 * i)] for i in range(len(topped))]
    np.testing.assert_array_equal(np.concatenate(drawn), epoch(plain)[0])
    np.testing.assert_array_equal(labels, y[(features[:, 0] / 2).astype(int)])
    for i in range(9):
        assert (topped[i][1].sum(axis=0)[:3] >= 4).all()  # 12 rows for three labels that occur
        np.testing.assert_array_equal(topped[i][0], topped[i][0])
    topped.on_epoch_end()
    assert (epoch(topped)[0] != features).any()


def test_one_row_at_a_time_goes_to_a_label_with_the_fewest_positives():
    y = np.zeros((40, 3))
    y[:20, 0], y[20:24, 1], y[[0, 24], 2] = 1, 1, 1
    X = np.arange(40.0)[:, None]
    options = {"batch_size": 12, "strategy": "instance", "random_state": 1}
    batches = LabelBalancedBatches(X, y, rare_rows=4, **options)
    for index in range(5):
        labels = batches[index][1]
        for place in range(8, 12):
            counts = labels[:place].sum(axis=0)
            added = labels[place]
            assert (added[counts == counts.min()] == 1).any()
    assert len(np.unique([batches[i][0][8:].ravel() for i in range(5)])) > 3


@pytest.mark.parametrize("strategy", ["instance", "label"])
def test_what_topping_up_adds_is_in_the_rates(rows, strategy):
    X, y = rows
    options = {"strategy": strategy, "batch_size": 32, "rare_rows": 8}
    batches = LabelBalancedBatches(X, y, rows_per_epoch=40_000, random_state=5, **options)
    few = LabelBalancedBatches(X, y, random_state=6, **options)
    p = few.row_probabilities()
    assert p.sum() == pytest.approx(1)
    _, labels = epoch(batches)
    there = y.sum(axis=0) > 0
    np.testing.assert_allclose(few.label_rates()[there], labels.mean(axis=0)[there], rtol=0.04)
    rates = few.sampling_rates()
    np.testing.assert_allclose(
        rates.positives[there], (labels.mean(axis=0)[there] / y.mean(axis=0)[there]), rtol=0.04
    )
    np.testing.assert_allclose(
        rates.negatives, (1 - labels.mean(axis=0)) / (1 - y.mean(axis=0)), rtol=0.02
    )
    np.testing.assert_array_equal(few.row_probabilities(), p)


@pytest.mark.parametrize(
    ("n", "message"),
    [(-1, "`rare_rows` must be a whole number"), (64, "must leave room in the batch.*64")],
)
def test_rows_that_leave_no_room_are_refused(rows, n, message):
    with pytest.raises(InvalidInput, match=message):
        LabelBalancedBatches(*rows, batch_size=64, rare_rows=n)

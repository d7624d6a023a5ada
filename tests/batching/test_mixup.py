"""Mixtures of rows: what they are mixed of shows where the features are unit vectors."""

import keras
import numpy as np
import pytest
from scipy import sparse

from equipoise import losses
from equipoise._errors import InvalidInput
from equipoise.batching import ArrayBatches, MixupBatches

pytestmark = pytest.mark.keras


def unit_rows(n, n_labels, seed=0, unknown=0.0):
    """Features that tell each row from all others, labels, and weights of cells."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, n_labels)) < 0.3).astype(np.float32)
    y[rng.random(y.shape) < unknown] = np.nan
    return np.eye(n, dtype=np.float32), y, rng.random((n, n_labels)).astype(np.float32)


def test_rows_are_mixed_with_at_most_one_other_and_are_the_larger_part():
    X, y, _ = unit_rows(50, 3)
    shares, labels = MixupBatches([(X, y)], alpha=1.0)[0]
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert (np.diag(shares) >= 0.5).all()
    assert (np.count_nonzero(shares, axis=1) <= 2).all()
    assert (np.count_nonzero(shares, axis=1) == 2).sum() > 40
    np.testing.assert_allclose(labels, shares @ y, atol=1e-6)
    assert shares.dtype == labels.dtype == np.float32


def test_alpha_says_how_much_is_mixed():
    X, y, _ = unit_rows(400, 1)
    parts = [1 - np.diag(MixupBatches([(X, y)], alpha=a)[0][0]).mean() for a in (0.01, 0.2, 1, 50)]
    # Of Beta(1, 1) the smaller part is 1/4 on average; a few rows are mixed with themselves.
    assert parts[0] < 0.01 < parts[1] < parts[2] < parts[3]
    assert parts[2] == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize("unknown", [0.0, 0.4])
@pytest.mark.parametrize("weighted", ["no", "rows", "column", "cells"])
@pytest.mark.parametrize(
    "loss",
    [
        losses.WeightedBinaryCrossentropy(positive_weight=[3, 1, 2], negative_weight=[1, 0.5, 2]),
        losses.Asymmetric(),
        losses.Focal(gamma=2.0),
        losses.LogitAdjustedBinaryCrossentropy(prevalence=[0.1, 0.3, 0.5]),
    ],
    ids=lambda loss: type(loss).__name__,
)
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses(loss, weighted, unknown):
    n = 40
    loss = type(loss).from_config(loss.get_config() | {"from_logits": True, "reduction": "none"})
    X, y, cells = unit_rows(n, 3, unknown=unknown)
    weights = {"no": None, "rows": cells[:, 0], "column": cells[:, :1], "cells": cells}[weighted]
    batch = (X, y) if weights is None else (X, y, weights)
    batches = MixupBatches([batch], unknown_labels=unknown > 0, alpha=1.0, random_state=1)
    shares, mixed_y, *mixed_weights = batches[0]
    assert bool(mixed_weights) == (weights is not None or unknown > 0)
    z = np.random.default_rng(2).normal(size=(n, 3)).astype(np.float32)
    of_cells = {"no": np.ones_like(y), "cells": cells}.get(weighted, cells[:, :1])

    def loss_of(labels, weights):
        return keras.ops.convert_to_numpy(loss(labels, z, weights))

    # Row i's mixture, by the row that each part is of.
    parts = [loss_of(np.tile(y[j], (n, 1)), np.tile(of_cells[j], (n, 1))) for j in range(n)]
    wanted = np.einsum("ij,jil->il", shares, np.stack(parts))
    np.testing.assert_allclose(loss_of(mixed_y, *(mixed_weights or [None])), wanted, atol=1e-5)


def test_labels_stay_as_frequent_on_average():
    X, y, weights = unit_rows(60, 2, unknown=0.3)
    batches = MixupBatches([(X, y, weights)], alpha=1.0)
    sums = []
    for _ in range(300):
        _, labels, total = batches[0]
        labels = np.where(total > 0, labels, 0)
        sums.append([(labels * total).sum(axis=0), ((1 - labels) * total).sum(axis=0)])
        batches.on_epoch_end()
    known = weights * ~np.isnan(y)
    positive = known * np.nan_to_num(y)
    wanted = [positive.sum(axis=0), (known - positive).sum(axis=0)]
    np.testing.assert_allclose(np.mean(sums, axis=0), wanted, rtol=0.02)


def test_cells_known_of_neither_row_are_unknown():
    y = np.array([[1, -1], [0, np.nan], [1, -1]])
    _, labels, weights = MixupBatches([(np.eye(3), y)], unknown_labels=True, alpha=1.0)[0]
    assert np.isnan(labels[:, 1]).all()
    np.testing.assert_array_equal(weights, [[1, 0]] * 3)


def test_one_column_of_labels_and_nested_features():
    X, y, weights = unit_rows(20, 1)
    flat = MixupBatches([({"a": X, "b": [X[:, None]]}, y[:, 0], weights)])[0]
    column = MixupBatches([(X, y, weights)])[0]
    np.testing.assert_array_equal(flat[0]["a"], column[0])
    np.testing.assert_array_equal(flat[0]["b"][0][:, 0], column[0])
    np.testing.assert_array_equal(flat[1], column[1][:, 0])
    np.testing.assert_array_equal(flat[2], column[2][:, 0])


def test_sparse_features_are_made_dense():
    X, y, _ = unit_rows(20, 2)
    dense, _ = MixupBatches([(X, y)])[0]
    mixed, _ = MixupBatches([(sparse.csr_array(X), y)])[0]
    np.testing.assert_array_equal(mixed, dense)


def test_a_seed_says_all_and_epochs_and_batches_differ():
    X, y, _ = unit_rows(64, 2)
    source = [(X, y), (X, y)]
    first, second = MixupBatches(source, random_state=3), MixupBatches(source, random_state=3)
    np.testing.assert_array_equal(first[1][0], second[1][0])
    assert (first[0][0] != first[1][0]).any()
    assert (first[0][0] != MixupBatches(source, random_state=4)[0][0]).any()
    before = first[0][0]
    first.on_epoch_end()
    assert (first[0][0] != before).any()


def test_the_source_goes_on_to_its_next_epoch():
    X, y, _ = unit_rows(32, 1)
    source = ArrayBatches(X, y, batch_size=8, random_state=0)
    batches = MixupBatches(source)
    assert len(batches) == 4
    before = source[0][0]
    batches.on_epoch_end()
    assert (source[0][0] != before).any()


def test_keras_fits_on_mixtures():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(256, 4)).astype(np.float32)
    y = (X[:, :2] > 0).astype(np.float32)
    y[:5, 0] = np.nan  # most batches know all their labels
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(2)])
    loss = losses.WeightedBinaryCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(0.05), loss=loss)
    source = ArrayBatches(X, y, batch_size=32, random_state=0)
    batches = MixupBatches(source, unknown_labels=True, workers=2)
    model.fit(batches, epochs=10, verbose=0)
    right = (keras.ops.convert_to_numpy(model(X)) > 0) == (X[:, :2] > 0)
    assert right.mean() > 0.9


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((np.eye(3), np.array([0, 1, 2])), r"batch 0 must be in \[0, 1\].*2.*to_categorical"),
        ((np.eye(3), np.array([0, -1, 1])), "batch 0 are unknown.*1 unknown.*unknown_labels=True"),
        ((np.eye(3), np.array(["a", "b", "c"])), "labels of batch 0 must be numbers"),
        ((np.eye(3), np.zeros((3, 2, 1))), r"labels of batch 0 must be.*\(3, 2, 1\)"),
        ((np.array([["a"]] * 3), np.zeros(3)), "Only numbers can be mixed.*dtype <U1"),
        ((np.eye(4), np.zeros(3)), r"same number of rows.*\(4, 4\) beside 3 rows"),
        (
            (np.eye(3), np.zeros((3, 2)), np.ones((3, 3))),
            r"one weight per row or per cell.*\(3, 3\)",
        ),
        ((np.eye(3), np.zeros((3, 2)), np.ones(2)), r"same number of rows.*\(2,\)"),
    ],
)
def test_what_cannot_be_mixed_is_refused(batch, message):
    with pytest.raises(InvalidInput, match=message):
        MixupBatches([batch])[0]


@pytest.mark.parametrize("alpha", [0, -1, np.inf, np.nan])
def test_alpha_must_be_above_zero(alpha):
    with pytest.raises(InvalidInput, match="`alpha`"):
        MixupBatches([(np.eye(2), np.zeros(2))], alpha=alpha)

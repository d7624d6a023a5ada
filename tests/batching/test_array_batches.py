import numpy as np
import pytest
from scipy import sparse

from equipoise.batching import ArrayBatches, array_batches

pytestmark = pytest.mark.keras


def test_sparse_rows_that_would_take_much_memory_are_made_dense_by_batches(monkeypatch):
    X = sparse.random_array((50, 20), density=0.2, dtype=np.float32, format="csr", rng=0)
    held_dense = ArrayBatches(X, np.zeros(50), batch_size=16, random_state=0)
    monkeypatch.setattr(array_batches, "_HELD_DENSE", 50 * 20 * 4 - 1)
    by_batches = ArrayBatches(X, np.zeros(50), batch_size=16, random_state=0)
    for i in range(4):
        assert isinstance(by_batches[i][0], np.ndarray)
        np.testing.assert_array_equal(by_batches[i][0], held_dense[i][0])


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array])
def test_every_row_once_an_epoch_in_an_order_of_its_own(kind):
    X = np.arange(1, 23, dtype=np.float32).reshape(11, 2)
    y, weight = X[:, :1] * 10, X[:, 1] * 100
    batches = ArrayBatches(kind(X), y, batch_size=4, random_state=0, sample_weight=weight)
    orders = []
    for _ in range(2):
        parts = [batches[i] for i in range(len(batches))]
        assert [len(p[0]) for p in parts] == [4, 4, 3]
        features, labels, weights = (np.concatenate(p) for p in zip(*parts, strict=True))
        assert sorted(features[:, 0]) == sorted(X[:, 0])
        np.testing.assert_array_equal(labels, features[:, :1] * 10)
        np.testing.assert_array_equal(weights, features[:, 1] * 100)
        orders.append(features[:, 0].tolist())
        batches.on_epoch_end()
    assert orders[0] != orders[1]
    again = ArrayBatches(kind(X), y, batch_size=4, random_state=0)
    assert np.concatenate([again[i][0] for i in range(3)])[:, 0].tolist() == orders[0]
    assert len(again[0]) == 2

"""RebalancedBatches: the draws of LabelBalancedBatches, from the batches of another data set."""

import pickle

import keras
import numpy as np
import pytest
from scipy import sparse

import equipoise as eq
from equipoise._errors import InvalidInput
from equipoise.batching import ArrayBatches, LabelBalancedBatches, RebalancedBatches

pytestmark = pytest.mark.keras


class Source(keras.utils.PyDataset):
    """Batches of 30 rows that count how often they are read."""

    def __init__(self, X, y, *extra, form=None):
        super().__init__()
        self.arrays, self.form = (X, y, *extra), form
        self.read = []

    def __len__(self):
        return -(-self.arrays[1].shape[0] // 30)

    def __getitem__(self, index):
        self.read.append(index)
        X, *rest = (array[30 * index : 30 * (index + 1)] for array in self.arrays)
        return (X if self.form is None else self.form(X), *rest)


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    y = (rng.random((500, 3)) < [0.4, 0.1, 0.03]).astype(np.float32)
    return np.arange(1000, dtype=np.float32).reshape(500, 2), y


def epoch(batches):
    parts = [batches[i] for i in range(len(batches))]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


@pytest.mark.parametrize("strategy", ["label", "square_root", "instance"])
@pytest.mark.parametrize("open_batches", [1, 4, None])
def test_rows_are_those_that_arrays_would_give(rows, strategy, open_batches):
    X, y = rows
    options = {"strategy": strategy, "random_state": 7}
    source = Source(X, y, np.arange(500.0))
    ours = RebalancedBatches(source, open_batches=open_batches, batch_size=40, **options)
    arrays = LabelBalancedBatches(X, y, batch_size=40, **options)
    np.testing.assert_array_equal(ours.row_probabilities(), arrays.row_probabilities())
    np.testing.assert_array_equal(
        ours.sampling_rates().log_odds_shift, arrays.sampling_rates().log_odds_shift
    )
    for _ in range(2):
        features, labels, weights = epoch(ours)
        np.testing.assert_array_equal(labels, y[weights.astype(int)])
        np.testing.assert_array_equal(features, X[weights.astype(int)])
        theirs = epoch(arrays)[0]
        if open_batches is None:
            np.testing.assert_array_equal(features, theirs)
        else:
            assert (features != theirs).any()
            np.testing.assert_array_equal(np.sort(features[:, 0]), np.sort(theirs[:, 0]))
        assert [len(ours[i][0]) for i in range(len(ours))] == [40] * 12 + [20]
        ours.on_epoch_end()
        arrays.on_epoch_end()


def test_each_source_batch_is_read_once_an_epoch(rows):
    source = Source(*rows)
    batches = RebalancedBatches(source, batch_size=32, open_batches=4)
    assert source.read == list(range(17))
    for _ in range(3):
        source.read.clear()
        epoch(batches)
        assert len(source.read) == len(set(source.read)) <= 17
        first = source.read[:4]
        batches.on_epoch_end()
        batches._held.clear()
    source.read.clear()
    epoch(batches)
    assert source.read[:4] != first  # other groups


def test_rows_of_a_group_are_mixed(rows):
    one = RebalancedBatches(Source(*rows), batch_size=30, strategy="instance", open_batches=5)
    holders = (one[0][0][:, 0] / 2).astype(int) // 30
    assert len(set(holders)) == 5


@pytest.mark.parametrize(
    "form",
    [
        lambda X: sparse.csr_array(X),
        lambda X: {"left": X[:, :1], "right": X[:, 1:]},
        lambda X: (X[:, :1], X[:, 1:]),
        lambda X: keras.ops.convert_to_tensor(X),
    ],
    ids=["sparse", "dictionary", "pair", "tensor"],
)
def test_features_of_any_kind(rows, form):
    X, y = rows
    batches = RebalancedBatches(Source(X, y, form=form), batch_size=50, random_state=1)
    plain = RebalancedBatches(Source(X, y), batch_size=50, random_state=1)
    features, labels = batches[3]
    wanted, wanted_labels = plain[3]
    np.testing.assert_array_equal(labels, wanted_labels)
    if isinstance(features, dict):
        features = (features["left"], features["right"])
    if isinstance(features, tuple):
        features = np.concatenate(features, axis=1)
    assert isinstance(features, np.ndarray)
    np.testing.assert_array_equal(features, wanted)


def test_labels_of_any_kind(rows):
    X, y = rows
    plain = RebalancedBatches(Source(X, y), random_state=1)
    for labels in (sparse.csr_array(y), y.astype(bool), y.astype(np.int64)):
        other = RebalancedBatches(Source(X, labels), random_state=1)
        np.testing.assert_array_equal(other.row_probabilities(), plain.row_probabilities())
        np.testing.assert_array_equal(other[0][1], plain[0][1])
    classes = y.argmax(axis=1)
    batches = RebalancedBatches(Source(X, classes), random_state=1)
    np.testing.assert_array_equal(
        batches.row_probabilities(), LabelBalancedBatches(X, classes).row_probabilities()
    )
    assert batches[0][1].shape == (64,)
    unknown = y.copy()
    unknown[:250, 0] = np.nan
    batches = RebalancedBatches(Source(X, unknown), random_state=1)
    arrays = LabelBalancedBatches(X, unknown)
    np.testing.assert_array_equal(
        batches.sampling_rates().negatives, arrays.sampling_rates().negatives
    )
    assert np.isnan(epoch(batches)[1]).any()


@pytest.mark.parametrize("workers", [{}, {"workers": 2}])
def test_training_from_a_memory_map_by_way_of_a_data_set(rows, workers, tmp_path):
    X, y = rows
    stored = np.memmap(tmp_path / "X.bin", dtype=np.float32, mode="w+", shape=X.shape)
    stored[:] = X / 1000
    stored.flush()
    mapped = np.memmap(tmp_path / "X.bin", dtype=np.float32, mode="r", shape=X.shape)
    batches = RebalancedBatches(Source(mapped, y, np.ones(500)), batch_size=100, **workers)
    model = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(3)])
    model.compile("sgd", eq.losses.WeightedBinaryCrossentropy(from_logits=True))
    history = model.fit(batches, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert len(history.history["loss"]) == 2


def test_an_order_of_ones_own_is_the_same_with_any_worker(rows):
    batches = RebalancedBatches(Source(*rows), batch_size=64, random_state=3)
    copy = pickle.loads(pickle.dumps(batches))
    for i in reversed(range(len(batches))):
        np.testing.assert_array_equal(copy[i][0], batches[i][0])


def test_a_source_that_shuffles_is_told(rows):
    X, y = rows
    source = ArrayBatches(X, y, batch_size=50, random_state=0)
    batches = RebalancedBatches(source, batch_size=64)
    epoch(batches)
    source.on_epoch_end()
    batches._held.clear()
    with pytest.raises(InvalidInput, match="other labels than when it was first read.*shuffling"):
        epoch(batches)
    source = Source(X, (y[:, 0] > 0).astype(int))
    batches = RebalancedBatches(source)
    source.arrays = X, 1 - source.arrays[1]
    with pytest.raises(InvalidInput, match="other labels"):
        epoch(batches)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (iter([]), "must have a length.*list_iterator"),
        ([], "has no batches"),
        ([np.zeros((3, 2))], r"Batch 0 of `source` must be \(X, y\).*ndarray"),
        ([(np.zeros((3, 2)), np.zeros((2, 2)))], r"as many rows.*\[2, 3\]"),
        ([(np.zeros((3, 2)), None)], "must have X and y"),
        ([(np.zeros((3, 2)), {"a": np.zeros((3, 1))})], "y must be one array"),
        ([(np.zeros((3, 2)), np.zeros((3, 2, 2)))], r"one or two axes.*\(3, 2, 2\)"),
        ([(np.ones((3, 2)), np.ones((3, i))) for i in (2, 3)], r"same labels.*\(2,\), \(3,\)"),
        ([(np.ones((3, i)), np.ones((3, 2))) for i in (2, 3)], r"same parts.*\(3,\).* in batch 1"),
        (
            [(np.ones((3, 2)), np.ones((3, 2))), (*[np.ones((3, 2))] * 2, np.ones(3))],
            r"same parts.* in batch 1",
        ),
        ([(np.zeros((3, 2)), np.zeros((3, 2)))], "No label has a positive"),
        ([(np.zeros((3, 2)), np.full((3, 2), 7.0))], "must hold 0 and 1"),
    ],
)
def test_sources_that_give_no_rows_with_labels_are_refused(source, message):
    with pytest.raises(InvalidInput, match=message):
        RebalancedBatches(source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"open_batches": 0}, "`open_batches` must be a whole number"),
        ({"strategy": "class"}, "`strategy` must be one of"),
        ({"batch_size": 0}, "`batch_size`"),
        ({"rows_per_epoch": 0}, "`rows_per_epoch`"),
    ],
)
def test_wrong_options_are_refused(rows, options, message):
    with pytest.raises(InvalidInput, match=message):
        RebalancedBatches(Source(*rows), **options)

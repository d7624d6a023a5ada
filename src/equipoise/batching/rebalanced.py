"""RebalancedBatches: rows of another data set, drawn through their labels."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_integer
from equipoise.batching._draws import RowDraws
from equipoise.resampling import SamplingRates
from equipoise.targets import Targets, as_targets

Float = NDArray[np.float64]


class RebalancedBatches(keras.utils.PyDataset):
    """Batches for `model.fit` of rows that another data set holds, each label as often as chosen.

    The labels are gathered in one pass over the source and kept as a sparse matrix; rows are then
    drawn as by `LabelBalancedBatches`, and their features fetched from the batch that holds them.

    What it costs: one reading of the source to begin with. In an epoch every source batch that
    holds a drawn row is fetched about once: rows are shuffled within groups of `open_batches`
    source batches, picked anew at random each epoch, and the batches of two groups are kept in
    memory. With None all are one group: a perfect shuffle, the whole source in memory.

    Not for a source that shuffles or changes its rows between readings: labels are compared with
    those of the first pass, and an error says so. Random changes of the features (augmentation)
    are fine, but the copies of a row in one epoch look alike.

    Args:
        source: a `keras.utils.PyDataset`, or anything with `len()` and `[i]` that gives batches
            (X, y) or (X, y, sample_weight); X may be an array, or nested lists and dictionaries
            of arrays. Its `on_epoch_end` is never called.
        batch_size: rows a batch.
        strategy: as for `LabelBalancedBatches`, as are `label_shares`, `unlabelled_share`,
            `rows_per_epoch` and `n_epochs`.
        open_batches: source batches whose rows are shuffled together, or None for all.
        random_state: seed: the same seed gives the same epochs, with any number of workers.
        **workers: `workers`, `use_multiprocessing`, `max_queue_size` of `keras.utils.PyDataset`.

    Raises:
        InvalidInput: a source without batches, batches of different parts or shapes, labels that
            differ from those of the first pass, options out of their range, no positive at all.

    Examples:
        >>> X, y = np.arange(8.0).reshape(8, 1), np.array([[1, 0]] * 6 + [[0, 1]] + [[0, 0]])
        >>> source = [(X[:5], y[:5]), (X[5:], y[5:])]
        >>> batches = RebalancedBatches(source, batch_size=4, strategy="label")
        >>> batches.label_rates()
        array([0.4375, 0.4375])
        >>> [len(batches[i][1]) for i in range(len(batches))]
        [4, 4]
    """

    def __init__(
        self,
        source: Any,
        *,
        batch_size: int = 64,
        strategy: str = "label",
        label_shares: ArrayLike | None = None,
        unlabelled_share: float | None = None,
        rows_per_epoch: int | None = None,
        n_epochs: int | None = None,
        open_batches: int | None = 16,
        random_state: int = 0,
        **workers: Any,
    ):
        super().__init__(**workers)
        self._source = source
        self._batch_size = check_integer("batch_size", batch_size, minimum=1)
        self._labels, self._starts = _read_labels(source)
        self._draws = RowDraws(
            _together(self._labels),
            strategy=strategy,
            label_shares=label_shares,
            unlabelled_share=unlabelled_share,
            n_draws=rows_per_epoch,
            n_epochs=n_epochs,
            random_state=random_state,
        )
        n_source = len(self._starts) - 1
        self._n_open = (
            n_source
            if open_batches is None
            else check_integer("open_batches", open_batches, minimum=1)
        )
        self._held: OrderedDict[int, tuple[Any, ...]] = OrderedDict()
        self._lock = threading.Lock()
        self._epoch = 0
        self._order = self._drawn()

    def __len__(self) -> int:
        return -(-self._draws.n_draws // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        holders = self._holder_of(rows)
        parts: list[Any] = []
        for holder in np.unique(holders).tolist():
            places = rows[holders == holder] - self._starts[holder]
            parts.append(tree.map_structure(_Rows(places), self._batch(holder)))
        # Back from the order of the source batches to that of the draws.
        back = np.argsort(np.argsort(holders, kind="stable"), kind="stable")
        joined: Any = tree.map_structure(lambda *pieces: np.concatenate(pieces)[back], *parts)
        return joined

    def on_epoch_end(self) -> None:
        """Draws the rows of the next epoch."""
        self._epoch += 1
        self._order = self._drawn()

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the lock and the batches held, for workers of other processes."""
        return {**self.__dict__, "_lock": None, "_held": OrderedDict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    def row_probabilities(self, epoch: int | None = None) -> Float:
        """Returns (N,) the probability of each row of the source at a draw."""
        at = self._epoch if epoch is None else check_integer("epoch", epoch, minimum=0)
        return self._draws.probabilities(at)

    def label_rates(self, epoch: int | None = None) -> Float:
        """Returns (L,) the share of draws that have each label."""
        return np.asarray(self._draws.positive.T @ self.row_probabilities(epoch))

    def sampling_rates(self, epoch: int | None = None) -> SamplingRates:
        """Returns how often positives and negatives are drawn, as a share of the source's."""
        return self._draws.sampling_rates(self.row_probabilities(epoch))

    def _holder_of(self, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The source batch that holds each row."""
        return np.searchsorted(self._starts, rows, side="right") - 1

    def _drawn(self) -> NDArray[np.intp]:
        """The rows of an epoch, those of one group of source batches after the other."""
        rows = self._draws.rows(self._epoch)
        n_source = len(self._starts) - 1
        if self._n_open >= n_source:
            return rows
        random = np.random.default_rng([self._draws.seed, self._epoch, 1])
        group = random.permutation(n_source) // self._n_open
        return rows[np.argsort(group[self._holder_of(rows)], kind="stable")]

    def _batch(self, index: int) -> tuple[Any, ...]:
        """A batch of the source, from memory if it was wanted a moment ago."""
        with self._lock:  # sources are not made for several threads at once
            if index in self._held:
                self._held.move_to_end(index)
                return self._held[index]
            batch = _checked(self._source[index], index)
            if not _same(_plain_labels(batch[1]), self._labels[index]):
                raise InvalidInput(
                    f"Batch {index} of `source` has other labels than when it was first read.",
                    received="a source whose rows change place",
                    remedy="Switch off its shuffling: the rows are shuffled here.",
                )
            self._held[index] = batch
            while len(self._held) > 2 * self._n_open:
                self._held.popitem(last=False)
            return batch


def _read_labels(source: Any) -> tuple[list[Any], NDArray[np.int64]]:
    """The labels of each batch, and the number of the first row of each, with that of all rows."""
    try:
        n_batches = len(source)
    except TypeError as error:
        raise InvalidInput(
            "`source` must have a length and give its batches by number.",
            received=type(source).__name__,
            remedy="Pass a keras.utils.PyDataset, or a list of batches (X, y).",
        ) from error
    if n_batches == 0:
        raise InvalidInput("`source` has no batches.", received="len(source)=0")
    labels: list[Any] = []
    layouts: list[str] = []
    for index in range(n_batches):
        batch = _checked(source[index], index)
        labels.append(_plain_labels(batch[1]))
        layouts.append(repr(tree.map_structure(lambda leaf: tuple(leaf.shape[1:]), batch)))
    shapes = {batch.shape[1:] for batch in labels}
    if len(shapes) > 1:
        raise InvalidInput(
            "All batches of `source` must have the same labels.",
            received="batches with labels of shapes " + ", ".join(map(str, sorted(shapes))),
        )
    for index, layout in enumerate(layouts):
        if layout != layouts[0]:
            raise InvalidInput(
                "All batches of `source` must have the same parts, of the same shapes but for "
                "the number of rows: their rows are mixed.",
                received=f"{layouts[0]} in batch 0, {layout} in batch {index}",
            )
    return labels, np.cumsum([0] + [batch.shape[0] for batch in labels])


def _together(labels: list[Any]) -> Targets:
    if isinstance(labels[0], np.ndarray):
        return as_targets(np.concatenate(labels))
    return as_targets(sparse.csr_array(sparse.vstack(labels, format="csr")))


def _plain_labels(y: Any) -> Any:
    """Labels of a batch as they are compared: classes as an array, label matrices as CSR."""
    if sparse.issparse(y) or y.ndim == 2:
        cells: Any = sparse.csr_array(y)
        cells.sort_indices()
        return cells
    if y.ndim == 1:
        return y
    raise InvalidInput(
        "Labels of `source` must have one or two axes.", received=f"a batch of shape {y.shape}"
    )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return np.array_equal(one, other)
    return (
        one.shape == other.shape
        and np.array_equal(one.indptr, other.indptr)
        and np.array_equal(one.indices, other.indices)
        and np.array_equal(one.data, other.data, equal_nan=True)
    )


def _checked(batch: Any, index: int) -> tuple[Any, ...]:
    """A batch as arrays of as many rows."""
    if not isinstance(batch, (tuple, list)) or len(batch) not in (2, 3):
        raise InvalidInput(
            f"Batch {index} of `source` must be (X, y) or (X, y, sample_weight).",
            received=type(batch).__name__,
        )
    parts = [part for part in batch if part is not None]
    arrays = tuple(tree.map_structure(_array, part) for part in parts)
    if len(arrays) < 2 or sum(batch[i] is None for i in (0, 1)):
        raise InvalidInput(f"Batch {index} of `source` must have X and y.", received="None")
    sizes = {int(leaf.shape[0]) if leaf.ndim else -1 for leaf in tree.flatten(arrays)}
    if len(sizes) != 1 or not hasattr(arrays[1], "shape"):
        raise InvalidInput(
            f"X, y and sample_weight of batch {index} of `source` must have as many rows, and y "
            "must be one array.",
            received=f"arrays of {sorted(sizes)} rows",
        )
    return arrays


def _array(leaf: Any) -> Any:
    if sparse.issparse(leaf):
        return sparse.csr_array(leaf)
    return np.asarray(leaf)


class _Rows:
    """Takes rows from an array, and makes them dense."""

    def __init__(self, places: NDArray[np.intp]):
        self._places = places

    def __call__(self, array: Any) -> NDArray[Any]:
        rows = array[self._places]
        return rows.toarray() if sparse.issparse(rows) else rows

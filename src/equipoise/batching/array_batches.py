"""Shuffled batches of arrays; sparse features that would be large are made dense by batches."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

_HELD_DENSE = 64 << 20  # bytes


class ArrayBatches(keras.utils.PyDataset):
    """Batches of rows in a new random order every epoch; every row once, the last batch smaller.

    Args:
        X: (N, d) array, memory map or CSR array. A CSR array that takes no more than 64 MiB dense
            is held dense, and no batch converted.
        y: (N, ...) array.
        batch_size: rows a batch.
        random_state: seed of the order.
        sample_weight: (N, ...) weights, or None.

    Examples:
        >>> batches = ArrayBatches(np.arange(10).reshape(5, 2), np.arange(5), batch_size=2,
        ...                        random_state=0)
        >>> [len(batches[i][1]) for i in range(len(batches))]
        [2, 2, 1]
    """

    def __init__(
        self,
        X: Any,
        y: NDArray[Any],
        *,
        batch_size: int,
        random_state: int | np.random.Generator,
        sample_weight: NDArray[Any] | None = None,
    ):
        super().__init__()
        if (
            not isinstance(X, np.ndarray)
            and X.shape[0] * X.shape[1] * X.dtype.itemsize <= _HELD_DENSE
        ):
            X = X.toarray()
        self._X, self._y, self._weight = X, y, sample_weight
        self._batch_size = batch_size
        self._random = np.random.default_rng(random_state)
        self._order = self._random.permutation(len(y))

    def __len__(self) -> int:
        return -(-len(self._y) // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
        features = self._X[rows]
        if not isinstance(features, np.ndarray):
            features = features.toarray()
        if self._weight is None:
            return features, self._y[rows]
        return features, self._y[rows], self._weight[rows]

    def on_epoch_end(self) -> None:
        """Draws a new order."""
        self._order = self._random.permutation(len(self._y))

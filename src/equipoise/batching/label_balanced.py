"""LabelBalancedBatches: rows drawn through their labels, so that rare labels come more often."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_integer, check_numbers
from equipoise.batching._draws import RowDraws
from equipoise.batching._rare_rows import RareRows
from equipoise.resampling import SamplingRates
from equipoise.targets import as_targets

Float = NDArray[np.float64]


class LabelBalancedBatches(keras.utils.PyDataset):
    """Batches for `model.fit` in which each label is seen with a chosen frequency.

    A draw first decides whether to take a row without any label; if not, it picks a label l with

        q_l ∝ positives_l ** power     power 1 by instance, ½ square root, 0 each label alike

    and then a row that has it. A row of several labels is in the way of several draws, so a
    frequent label rises with the rare ones it goes with. An epoch takes each row as often as its
    probability says, rounded up or down at random (systematic sampling), in a new order.

    With `rare_rows`, that many rows of each batch are set apart to top up the labels of which the
    other rows have the fewest positives: so many rows are drawn, one by one, for whichever label
    is behind. With rare_rows = k · L every batch has k positives of each label or more. The rows
    of the epoch all come as they would without, in more batches; a last batch that is not full is
    topped up in proportion.

    Not together with weights for the same imbalance: both correct it, and twice is too much. And
    probabilities come out too high for what is drawn more often: `sampling_rates()` tells
    `equipoise.decision.Correction` by how much.

    Args:
        X: (N, d) array, memory map or sparse matrix (made dense one batch at a time).
        y: labels, anything `as_targets` reads; unknown cells become NaN and draw nothing.
        batch_size: rows a batch.
        strategy: "label", "square_root", "instance" (every row once an epoch), or "progressive":
            from instance to label over `n_epochs` epochs.
        label_shares: (L,) q_l of your own, instead of the strategy's.
        unlabelled_share: share of the draws that are rows without labels; by default their share
            of the rows.
        rows_per_epoch: draws an epoch; N by default. The last batch is smaller, never filled up.
        rare_rows: rows of each batch, of `batch_size`, that top up its rarest labels.
        n_epochs: epochs over which "progressive" goes all the way.
        sample_weight: (N, …) weights from 0 on that go with the rows.
        random_state: seed: the same seed gives the same epochs, with any number of workers.
        **workers: `workers`, `use_multiprocessing`, `max_queue_size` of `keras.utils.PyDataset`.

    Raises:
        InvalidInput: X and y of different lengths, options out of their range, no positive at
            all.

    Examples:
        >>> X = np.arange(8.0).reshape(8, 1)
        >>> y = np.array([[1, 0]] * 6 + [[0, 1]] + [[0, 0]])
        >>> batches = LabelBalancedBatches(X, y, batch_size=4, strategy="label", random_state=0)
        >>> batches.label_rates()  # an eighth of the draws has no label, the labels share the rest
        array([0.4375, 0.4375])
        >>> [len(batches[i][0]) for i in range(len(batches))]
        [4, 4]

    Reference: Kang et al., ICLR 2020, equation 1 (instance, class-balanced, square-root and
    progressively-balanced sampling), for labels instead of classes.
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        *,
        batch_size: int = 64,
        strategy: str = "label",
        label_shares: ArrayLike | None = None,
        unlabelled_share: float | None = None,
        rows_per_epoch: int | None = None,
        rare_rows: int = 0,
        n_epochs: int | None = None,
        sample_weight: Any = None,
        random_state: int = 0,
        **workers: Any,
    ):
        super().__init__(**workers)
        targets = as_targets(y)
        if not (isinstance(X, np.ndarray) or sparse.issparse(X)):
            raise InvalidInput(
                "`X` must be an array, a memory map or a sparse matrix.",
                received=type(X).__name__,
                remedy="Convert it: numpy.asarray(X).",
            )
        if sparse.issparse(X):
            X = sparse.csr_array(X)  # rows can be taken from it
        if len(targets.shape) != 2 or X.shape[0] != targets.n_rows:
            raise InvalidInput(
                "`X` and `y` must have the same number of rows, and `y` two axes.",
                received=f"X.shape={X.shape}, y.shape={targets.shape}",
            )
        self._X, self._targets = X, targets
        self._weight = None if sample_weight is None else _weights(sample_weight, targets.n_rows)
        self._draws = RowDraws(
            targets,
            strategy=strategy,
            label_shares=label_shares,
            unlabelled_share=unlabelled_share,
            n_draws=rows_per_epoch,
            n_epochs=n_epochs,
            random_state=random_state,
        )
        batch_size = check_integer("batch_size", batch_size, minimum=1)
        rare_rows = check_integer("rare_rows", rare_rows, minimum=0)
        if rare_rows >= batch_size:
            raise InvalidInput(
                "`rare_rows` must leave room in the batch.",
                received=f"rare_rows={rare_rows}, batch_size={batch_size}",
                remedy="Raise `batch_size`, or top up with fewer rows.",
            )
        self._n_drawn = batch_size - rare_rows  # rows of a batch
        self._rare = RareRows(self._draws, self._n_drawn, rare_rows) if rare_rows else None
        self._epoch = 0
        self._order = self._draws.rows(0)

    def __len__(self) -> int:
        return -(-self._draws.n_draws // self._n_drawn)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._n_drawn : (index + 1) * self._n_drawn]
        if self._rare is not None:
            rows = np.concatenate([rows, self._rare.batch(rows, self._epoch, index)])
        features = self._X[rows]
        if hasattr(features, "toarray"):
            features = features.toarray()
        labels = self._targets.take(rows).to_array()
        if self._weight is None:
            return features, labels
        return features, labels, self._weight[rows]

    def on_epoch_end(self) -> None:
        """Draws the rows of the next epoch."""
        self._epoch += 1
        self._order = self._draws.rows(self._epoch)

    def row_probabilities(self, epoch: int | None = None) -> Float:
        """Returns (N,) the probability of each row at a draw; of the current epoch by default.

        With `rare_rows`, what these add is counted over 512 batches or more drawn like those of
        this epoch, an approximation; the rest is exact.
        """
        at = self._epoch if epoch is None else check_integer("epoch", epoch, minimum=0)
        p = self._draws.probabilities(at)
        if self._rare is None:
            return p
        added, share = self._rare.probabilities(at)
        return (1 - share) * p + share * added

    def label_rates(self, epoch: int | None = None) -> Float:
        """Returns (L,) the share of draws that have each label."""
        return np.asarray(self._draws.positive.T @ self.row_probabilities(epoch))

    def sampling_rates(self, epoch: int | None = None) -> SamplingRates:
        """Returns how often positives and negatives are drawn, as a share of the data's.

        `equipoise.decision.Correction` takes it. Of "progressive" it is that of the given epoch;
        the last one has formed the probabilities most.
        """
        return self._draws.sampling_rates(self.row_probabilities(epoch))


def _weights(sample_weight: Any, n_rows: int) -> NDArray[np.float32]:
    weights = check_numbers("sample_weight", sample_weight).astype(np.float32)
    if weights.ndim == 0 or len(weights) != n_rows:
        raise InvalidInput(
            "`sample_weight` must have as many rows as X.", received=f"shape {weights.shape}"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise InvalidInput(
            "`sample_weight` must hold finite numbers that are not negative.",
            received=f"values from {weights.min():g} to {weights.max():g}",
            remedy="Give 0 to what must not count.",
        )
    return weights

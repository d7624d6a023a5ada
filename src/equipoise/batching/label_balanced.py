"""LabelBalancedBatches: rows drawn through their labels, so that rare labels come more often."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_choice, check_integer, check_number
from equipoise.resampling import SamplingRates
from equipoise.stats import LabelStats
from equipoise.targets import as_targets

Float = NDArray[np.float64]

# Share of draws of a label ∝ positives ** power; "progressive" goes from 1 to 0.
POWERS = {"instance": 1.0, "square_root": 0.5, "label": 0.0, "progressive": None}


class LabelBalancedBatches(keras.utils.PyDataset):
    """Batches for `model.fit` in which each label is seen with a chosen frequency.

    A draw first decides whether to take a row without any label; if not, it picks a label l with

        q_l ∝ positives_l ** power     power 1 by instance, ½ square root, 0 each label alike

    and then a row that has it. A row of several labels is in the way of several draws, so a
    frequent label rises with the rare ones it goes with. An epoch takes each row as often as its
    probability says, rounded up or down at random (systematic sampling), in a new order.

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
        n_epochs: int | None = None,
        sample_weight: Any = None,
        random_state: int = 0,
        **workers: Any,
    ):
        super().__init__(**workers)
        targets = as_targets(y)
        check_choice("strategy", strategy, tuple(POWERS))
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
        if (strategy == "progressive") != (n_epochs is not None):
            raise InvalidInput(
                '`n_epochs` is needed with strategy="progressive", and has no other meaning.',
                received=f"strategy={strategy!r}, n_epochs={n_epochs!r}",
            )
        self._X, self._targets = X, targets
        self._weight = None if sample_weight is None else _weights(sample_weight, targets.n_rows)
        self._batch_size = check_integer("batch_size", batch_size, minimum=1)
        self._strategy = strategy
        self._n_epochs = (
            None if n_epochs is None else check_integer("n_epochs", n_epochs, minimum=2)
        )
        self._seed = check_integer("random_state", random_state, minimum=0)
        n = targets.n_rows
        self._n_draws = (
            n
            if rows_per_epoch is None
            else check_integer("rows_per_epoch", rows_per_epoch, minimum=1)
        )
        self._positive = targets.positives()
        counts = np.asarray(self._positive.sum(axis=0), dtype=np.float64).reshape(-1)
        self._counts = counts
        if not counts.any():
            raise InvalidInput("No label has a positive, so there is nothing to balance.")
        self._unlabelled = np.diff(self._positive.indptr) == 0
        share = float(self._unlabelled.mean())
        if unlabelled_share is not None:
            share = check_number("unlabelled_share", unlabelled_share, minimum=0, maximum=1)
            if share > 0 and not self._unlabelled.any():
                raise InvalidInput("There is no row without labels, so none can be drawn.")
        self._unlabelled_share = share
        self._shares = None if label_shares is None else _shares(label_shares, counts)
        self._epoch = 0
        self._order = self._drawn()

    def __len__(self) -> int:
        return -(-self._n_draws // self._batch_size)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        rows = self._order[index * self._batch_size : (index + 1) * self._batch_size]
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
        self._order = self._drawn()

    def row_probabilities(self, epoch: int | None = None) -> Float:
        """Returns (N,) the probability of each row at a draw; of the current epoch by default."""
        power = POWERS[self._strategy]
        if power is None:
            assert self._n_epochs is not None  # checked in __init__
            at = self._epoch if epoch is None else check_integer("epoch", epoch, minimum=0)
            power = max(0.0, 1 - at / (self._n_epochs - 1))
        if self._shares is None and power == 1.0 and self._keeps_unlabelled():
            return np.full(self._targets.n_rows, 1 / self._targets.n_rows)
        shares = self._shares
        if shares is None:
            shares = np.where(self._counts > 0, self._counts, np.inf) ** power
            shares[self._counts == 0] = 0
            shares = shares / shares.sum()
        per_positive = np.divide(
            shares, self._counts, out=np.zeros_like(shares), where=self._counts > 0
        )
        p = (1 - self._unlabelled_share) * np.asarray(self._positive @ per_positive)
        if self._unlabelled.any():
            p[self._unlabelled] = self._unlabelled_share / self._unlabelled.sum()
        else:
            p /= p.sum()
        return p

    def label_rates(self, epoch: int | None = None) -> Float:
        """Returns (L,) the share of draws that have each label."""
        return np.asarray(self._positive.T @ self.row_probabilities(epoch))

    def sampling_rates(self, epoch: int | None = None) -> SamplingRates:
        """Returns how often positives and negatives are drawn, as a share of the data's.

        `equipoise.decision.Correction` takes it. Of "progressive" it is that of the given epoch;
        the last one has formed the probabilities most.
        """
        p = self.row_probabilities(epoch) * self._targets.n_rows
        stats = LabelStats.from_targets(self._targets, labelsets=False)
        positives = np.asarray(self._positive.T @ p)
        unknown: Any = self._targets.unknown
        out = 0.0 if unknown is None else np.asarray(unknown.T @ p).reshape(-1)
        negatives = p.sum() - positives - out
        return SamplingRates(
            _rate(positives, stats.positives),
            _rate(negatives, stats.negatives),
            self._targets.label_names,
        )

    def _keeps_unlabelled(self) -> bool:
        return self._unlabelled_share == float(self._unlabelled.mean())

    def _drawn(self) -> NDArray[np.intp]:
        """Returns the rows of an epoch, in their order, from its own seed."""
        random = np.random.default_rng([self._seed, self._epoch])
        reached = np.cumsum(self.row_probabilities())
        reached *= self._n_draws / reached[-1]
        # One random offset for all: a row is taken once for each whole number its part holds. The
        # rows are put in a random order first, so that neighbours do not go together.
        order = random.permutation(len(reached))
        parts = np.diff(reached, prepend=0.0)[order]
        ends = np.floor(np.cumsum(parts) + random.random()).astype(np.int64)
        ends[-1] = max(ends[-1], 0)
        times = np.diff(ends, prepend=0)
        rows = np.repeat(order, times)
        missing = self._n_draws - len(rows)
        if missing > 0:  # rounding at the very end
            rows = np.append(rows, order[-missing:])
        return random.permutation(rows[: self._n_draws])


def _rate(drawn: Float, there: NDArray[Any]) -> Float:
    return np.divide(drawn, there, out=np.ones(len(drawn)), where=there > 0)


def _numbers(argument: str, values: Any) -> Float:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{argument}` must hold numbers.", received=type(values).__name__
        ) from error


def _weights(sample_weight: Any, n_rows: int) -> NDArray[np.float32]:
    weights = _numbers("sample_weight", sample_weight).astype(np.float32)
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


def _shares(label_shares: ArrayLike, counts: Float) -> Float:
    shares = _numbers("label_shares", label_shares)
    if shares.shape != counts.shape or not np.isfinite(shares).all() or (shares < 0).any():
        raise InvalidInput(
            "`label_shares` must hold one number from 0 on per label.",
            received=f"shape {shares.shape} for {len(counts)} labels",
        )
    if not (shares * (counts > 0)).any() or ((shares > 0) & (counts == 0)).any():
        raise InvalidInput(
            "`label_shares` must be above 0 somewhere, and 0 for labels without positives.",
            received=f"{shares.tolist()[:8]}",
        )
    return shares / shares.sum()

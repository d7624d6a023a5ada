"""MixupBatches: each row of a batch mixed with another one, with the loss of the mixture."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import tree
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_integer, check_number

Float = NDArray[np.float32]


class MixupBatches(keras.utils.PyDataset):
    """The batches of another data set, each row mixed with another row of its batch.

        x = λ x_i + (1 − λ) x_j        λ = max(β, 1 − β),  β ~ Beta(α, α)
        W = λ w_i + (1 − λ) w_j        y = (λ w_i y_i + (1 − λ) w_j y_j) / W

    (Zhang, Cissé, Dauphin and Lopez-Paz 2018, eq. 1; j is drawn anew for each batch.) A network
    that must answer in between what it has seen is less sure of what it has seen once. w is the
    weight of a cell, 0 where its label is unknown, so that W times the loss of y is the mixture
    of the two losses, of every loss that is a sum over cells (`losses.CellwiseLoss`). On average
    the labels stay as frequent as they were, so the corrections of losses and of sampling hold as
    before.

    Not for features that mean nothing in between, such as codes of categories, nor behind
    `layers.PiecewiseLinear`, where it gained nothing (docs/ablation.md); not for losses that
    look at a row or a batch as a whole, whose loss of a mixture is another one.

    Args:
        source: a `keras.utils.PyDataset`, or anything with `len()` and `[i]` that gives batches
            (X, y) or (X, y, sample_weight). X holds numbers, in an array, dense or sparse, or in
            nested lists and dictionaries of arrays; y is (n,) or (n, L) with labels in [0, 1],
            unknown ones NaN or negative; weights are (n,), (n, 1) or (n, L).
        unknown_labels: whether labels may be unknown; then every batch has weights of cells, as
            it has where the source has weights. Without either, batches are (X, y).
        alpha: α > 0: how much is mixed: .2 mostly a little, 1 anything between the two rows.
        random_state: seed: the same seed gives the same mixtures, with any number of workers.
        **workers: `workers`, `use_multiprocessing`, `max_queue_size` of `keras.utils.PyDataset`.

    Raises:
        InvalidInput: alpha that is not above 0; batches whose labels are above 1, whose parts
            have different numbers of rows, or whose features are no numbers; unknown labels that
            were not announced.

    Examples:
        >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([[0], [0], [1], [1]])
        >>> x, labels = MixupBatches([(X, y)], alpha=1.0, random_state=0)[0]
        >>> x, labels = x.ravel().astype(float), labels.ravel().astype(float)
        >>> x.round(2).tolist(), labels.round(2).tolist()
        ([0.0, 1.57, 2.0, 2.92], [0.0, 0.29, 1.0, 0.96])
    """

    def __init__(
        self,
        source: Any,
        *,
        unknown_labels: bool = False,
        alpha: float = 0.2,
        random_state: int = 0,
        **workers: Any,
    ):
        super().__init__(**workers)
        self._source, self._unknown_labels = source, unknown_labels
        self._alpha = check_number("alpha", alpha, minimum=0, open_minimum=True, open_maximum=True)
        self._seed = check_integer("random_state", random_state, minimum=0)
        self._epoch = 0

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        X, y, *rest = self._source[index]
        y = _labels(y, index)
        n = len(y)
        random = np.random.default_rng([self._seed, self._epoch, index])
        share = random.beta(self._alpha, self._alpha, size=n).astype(np.float32)
        share = np.maximum(share, 1 - share)
        partner = random.permutation(n)

        def mixed(values: Any) -> Float:
            values = _numbers(values, n, index)
            own = share.reshape(n, *[1] * (values.ndim - 1))
            mixture = values[partner]
            mixture -= values
            mixture *= 1 - own
            mixture += values
            return mixture

        X = tree.map_structure(mixed, X)
        known = y >= 0
        if not rest and not self._unknown_labels:  # all batches alike: TensorFlow wants that
            if not known.all():
                raise InvalidInput(
                    f"Labels of batch {index} are unknown (NaN or negative).",
                    received=f"{np.count_nonzero(~known)} unknown cells",
                    remedy="Pass unknown_labels=True: every batch then has weights of cells.",
                )
            return X, mixed(y)
        weights = known.astype(np.float32)
        if rest:
            weights = weights * _weights(rest[0], y, index)
        total = mixed(weights)
        of_positives = mixed(np.where(known, y * weights, 0))
        unknown = np.full_like(total, np.nan)
        share_of_positives = np.divide(of_positives, total, out=unknown, where=total > 0)
        return X, np.minimum(share_of_positives, 1), total

    def on_epoch_end(self) -> None:
        """Draws new mixtures, and lets the source go on."""
        self._epoch += 1
        if hasattr(self._source, "on_epoch_end"):
            self._source.on_epoch_end()


def _labels(y: Any, index: int) -> Float:
    y = np.asarray(y)
    if y.dtype.kind not in "fiub" or y.ndim not in (1, 2):
        raise InvalidInput(
            f"The labels of batch {index} must be numbers, (n,) or (n, L).",
            received=f"shape {y.shape}, dtype {y.dtype}",
        )
    y = y.astype(np.float32)
    if (y > 1).any():
        raise InvalidInput(
            f"The labels of batch {index} must be in [0, 1]; others cannot be mixed.",
            received=f"{np.nanmax(y):g}",
            remedy="Give one column of 0 and 1 for each class (keras.utils.to_categorical).",
        )
    return y


def _weights(given: Any, y: Float, index: int) -> Float:
    """Returns weights of rows or cells in a shape that goes with y."""
    weights = _numbers(given, len(y), index)
    if weights.ndim == 1:
        weights = weights.reshape(len(y), *[1] * (y.ndim - 1))
    if weights.shape not in (y.shape, (len(y), 1)):
        raise InvalidInput(
            f"The sample weights of batch {index} must have one weight per row or per cell.",
            received=f"shape {weights.shape} beside labels of shape {y.shape}",
        )
    return weights.reshape(y.shape) if y.ndim == 1 else weights


def _numbers(values: Any, n: int, index: int) -> Float:
    values = values.toarray() if sparse.issparse(values) else np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise InvalidInput(
            f"Only numbers can be mixed, in batch {index} there are others.",
            received=f"dtype {values.dtype}",
            remedy="Turn texts and categories into numbers first.",
        )
    if values.ndim == 0 or len(values) != n:
        raise InvalidInput(
            f"The parts of batch {index} must have the same number of rows.",
            received=f"shape {values.shape} beside {n} rows of labels",
        )
    return values.astype(np.float32, copy=False)

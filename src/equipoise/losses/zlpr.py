"""ZLPR: labels of a row above a threshold of 0, the others below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from equipoise.losses._log_sums import log_sum
from equipoise.losses.rowwise import RowwiseLoss


def zlpr(positive: Any, negative: Any, z: Any) -> Any:
    """log(1 + Σ m₋ · e^z) + log(1 + Σ m₊ · e^−z) over the labels of a row."""
    return ops.softplus(log_sum(negative, z, -1)) + ops.softplus(log_sum(positive, -z, -1))


@keras.saving.register_keras_serializable(package="equipoise")
class ZLPR(RowwiseLoss):
    """Zero-bounded log-sum-exp and pairwise rank-based loss.

        row loss = log(1 + Σ_{negatives} w₋ · e^z) + log(1 + Σ_{positives} w₊ · e^−z)

    The worst labels of a row dominate. Logits are decided at 0. A soft target y counts as y
    positives and 1 − y negatives. A weight counts a label that many times.

    Not for probabilities: the loss does not add up over labels, so no formula undoes it
    (`link` says what to fit instead). Not for FromIndices either.

    Args:
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `RowwiseLoss`.

    Raises:
        InvalidInput: what `LabelLoss` refuses.

    Examples:
        >>> loss = ZLPR(from_logits=True)
        >>> round(float(loss([[1, 0, 0]], [[0.0, 0.0, 0.0]])), 4)  # log 3 + log 2
        1.7918

    Reference:
        Su et al., "ZLPR: A Novel Loss for Multi-label Classification", 2022 (arXiv 2208.02955),
        eq. 5.
    """

    def row_losses(self, positive: Any, negative: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The loss of every row."""
        return zlpr(positive, negative, z)

"""Softmax cross-entropy with a weight per class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
from keras import ops

from equipoise.links import SoftmaxLink
from equipoise.losses.base import LossOptions
from equipoise.losses.categorical import CategoricalLoss, DivideBy


@keras.saving.register_keras_serializable(package="equipoise")
class WeightedCategoricalCrossentropy(CategoricalLoss):
    """Softmax cross-entropy in which every class has a weight, for one-hot or soft targets.

        loss = −(1/N) Σ_n Σ_k w_k · T_nk · log p_nk,   p = softmax(z)

    With `divide_by="weights"` the sum is divided by Σ_n Σ_k w_k · T_nk instead, as in Torch. The
    weights move the probabilities that the model learns; `to_probability` moves them back:
    q ∝ p / w.

    Not for labels that can occur together: their losses are binary.

    Args:
        divide_by: "rows" or "weights"; see `CategoricalLoss`.
        **options: weights, from_logits, reduction and the like; see `CategoricalLoss`.

    Raises:
        InvalidInput: weights on negatives, or what `LabelLoss` refuses.

    Examples:
        >>> loss = WeightedCategoricalCrossentropy(label_weight=[3.0, 1.0], from_logits=True)
        >>> round(float(loss([[1, 0], [0, 1]], [[0.0, 0.0], [0.0, 0.0]])), 4)  # (3 + 1)/2 · log 2
        1.3863
        >>> loss.to_probability([[0.0, 0.0]])
        array([[0.25, 0.75]])
    """

    def __init__(self, *, divide_by: DivideBy = "rows", **options: Unpack[LossOptions]):
        super().__init__(divide_by=divide_by, **options)

    def class_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ_k = −log p_k."""
        return -ops.log_softmax(z, axis=-1)

    @property
    def link(self) -> SoftmaxLink:
        """q = softmax(z − log w)."""
        return SoftmaxLink(self.class_weight_shift())

"""Binary cross-entropy with a weight for the positives and the negatives of every label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import ops
from numpy.typing import ArrayLike

from equipoise.links import SigmoidLink
from equipoise.losses._cells import cell_masses
from equipoise.losses._logistic import softplus, softplus_sums
from equipoise.losses.base import Reduction
from equipoise.losses.cellwise import CellwiseLoss

if TYPE_CHECKING:
    from equipoise.weights import LabelWeights


def crossentropy_cells(y: Any, z: Any, p: Mapping[str, Any]) -> Any:
    """y·w₊·softplus(−z) + (1 − y)·w₋·softplus(z) per cell, 0 where y is unknown.

    Accurate to rounding in every cell, in value and in gradient, however far z is from 0.
    """
    if keras.backend.backend() == "torch":
        from equipoise.losses import _torch

        return _torch.crossentropy_cells(y, z, p)
    positive, negative = cell_masses(y, p)
    return two_sided(positive, negative, z)


def two_sided(positive: Any, negative: Any, z: Any) -> Any:
    """a·softplus(−z) + b·softplus(z), with one exponential for both.

    With t = log(1 + e^−|z|) it is (a + b)·t + b·|z| for z > 0 and (a + b)·t + a·|z| otherwise.
    """
    # Not a·softplus(−z) + b·(softplus(−z) + z), in which z cancels: for z = −17 no digit would
    # remain. And not abs(z): its gradient at 0 is 0, where that of the loss is (b − a) / 2.
    above = z > 0
    distance = ops.where(above, z, -z)
    wrong = ops.where(above, negative, positive)
    return (positive + negative) * ops.log1p(ops.exp(-distance)) + wrong * distance


@keras.saving.register_keras_serializable(package="equipoise")
class WeightedBinaryCrossentropy(CellwiseLoss):
    """Binary cross-entropy in which every label weighs its positives and its negatives.

        cell loss = w · [y · w₊ · softplus(−z) + (1 − y) · w₋ · softplus(z)]

    With all weights 1 it is Keras' BinaryCrossentropy. Weights move the probabilities that the
    model learns; `to_probability` moves them back: logit q = z − log(w₊ / w₋).

    Not to raise a macro-F1 alone: a tuned threshold on an unweighted model does nearly the same.

    Args:
        weights: a `LabelWeights`, or else any of the three lists that follow.
        positive_weight: L weights w₊ ≥ 0 on cells with y = 1 (1 by default).
        negative_weight: L weights w₋ ≥ 0 on cells with y = 0 (1 by default).
        label_weight: L weights w ≥ 0 on both (1 by default).
        label_names: L names for messages; by default those of `weights`.
        from_logits: whether y_pred holds logits rather than probabilities; see `CellwiseLoss`.
        reduction: how cells become one number; see `CellwiseLoss`.
        name: name of the loss.
        dtype: "float64" to compute in double precision; float32 otherwise.

    Raises:
        InvalidInput: weights that are not L finite numbers ≥ 0, or both kinds of weights.

    Examples:
        >>> loss = WeightedBinaryCrossentropy(positive_weight=[9.0, 1.0], from_logits=True)
        >>> cells = loss.call([[1, 0], [0, 1]], [[0.0, 0.0], [0.0, 0.0]])
        >>> [[round(float(cell), 4) for cell in row] for row in cells]
        [[6.2383, 0.6931], [0.6931, 0.6931]]
        >>> loss.to_probability([[0.0, 0.0]])
        array([[0.1, 0.5]])
    """

    fused_on_torch = True

    def __init__(
        self,
        weights: LabelWeights | None = None,
        *,
        positive_weight: ArrayLike | None = None,
        negative_weight: ArrayLike | None = None,
        label_weight: ArrayLike | None = None,
        label_names: Iterable[object] | None = None,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "weighted_binary_crossentropy",
        dtype: Any = None,
    ):
        super().__init__(
            weights,
            positive_weight=positive_weight,
            negative_weight=negative_weight,
            label_weight=label_weight,
            label_names=label_names,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = softplus(−z)."""
        return softplus(-z)

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = softplus(z)."""
        return softplus(z)

    def negative_sums(self, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ softplus(z) of rows without labels."""
        return softplus_sums(z)

    def cell_losses(self, y: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The weighted losses of all cells, both sides at once."""
        return crossentropy_cells(y, z, p)

    @property
    def link(self) -> SigmoidLink:
        """logit q = z − log(w₊ / w₋)."""
        return SigmoidLink(self.weight_shift())

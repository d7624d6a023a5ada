"""CategoricalLoss: what losses over classes that exclude each other share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack

import numpy as np
from keras import ops
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_choice
from equipoise.losses import _cells
from equipoise.losses.base import LossOptions
from equipoise.losses.rowwise import RowwiseLoss

DivideBy = Literal["rows", "weights"]


class CategoricalLoss(RowwiseLoss):
    """Base of the losses of a softmax over K classes that exclude each other.

        row loss = Σ_k T_k · w_k · ℓ_k(z)

    A subclass writes `class_losses` (ℓ). Targets T are (..., K), one-hot or soft; a row without
    a class costs nothing, and an unknown entry counts as 0. Weights are one per class: `weights`
    of a `LabelWeights` whose negatives weigh 1 or like its positives, positive_weight or
    label_weight. Sample weights (N,), (N, 1) or (N, K) multiply terms.

    Args:
        divide_by: what the mean reductions divide by. "rows": as `RowwiseLoss` says. "weights":
            Σ T_k · w_k over the batch, times sample weights, the mean of Torch's
            CrossEntropyLoss(weight=...); batches then no longer add up.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `RowwiseLoss`.

    Raises:
        InvalidInput: weights on negatives, or what `LabelLoss` refuses.
    """

    def __init__(self, *, divide_by: DivideBy = "rows", **options: Unpack[LossOptions]):
        super().__init__(**options)
        check_choice("divide_by", divide_by, ("rows", "weights"))
        self.divide_by = divide_by

    def class_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ: the unweighted loss of every class, were it the true one.

        Args:
            z: (..., K) logits.
            p: the label parameters as (K,) tensors.
        """
        raise NotImplementedError

    def row_losses(self, positive: Any, negative: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ_k T_k · w_k · ℓ_k for every row."""
        return ops.sum(positive * self.class_losses(z, p), axis=-1)

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """The sum, or the mean, of the weighted rows, or those (...,) rows."""
        if _cells.static_shape(z)[-1] == 1:
            raise InvalidInput(
                f"{type(self).__name__} needs at least two classes.",
                received=f"y_pred.shape={_cells.static_shape(z)}",
                remedy="For one label use a binary loss, such as WeightedBinaryCrossentropy.",
            )
        if self.divide_by == "rows" or self.reduction in ("sum", "none", None):
            return super().reduced(y, z, p, sample_weight)
        masses = self.cell_masses(y, p)[0]
        if sample_weight is not None:
            masses = masses * sample_weight
        total = ops.sum(masses)
        return ops.sum(masses * self.class_losses(z, p)) / ops.where(total > 0, total, 1.0)

    def logits_of(self, y_pred: Any) -> Any:
        """The logits of softmax probabilities, exact where Keras still knows them."""
        return _cells.log_probabilities(y_pred, self.dtype, self._largest_weight())

    def check_sides(
        self, positive: NDArray[np.float64] | None, negative: NDArray[np.float64] | None
    ) -> None:
        """Refuses weights on negatives, unless the classes weigh as a whole."""
        if negative is None or (negative == 1).all():
            return
        if positive is not None and np.allclose(negative, positive):
            return
        raise InvalidInput(
            "Classes that exclude each other have no negatives to weigh.",
            received=f"negative weights from {negative.min():g} to {negative.max():g}",
            remedy='Build the weights with applies_to="positives".',
        )

    def class_weight_shift(self) -> float | NDArray[np.float64]:
        """log w_k.

        Raises:
            Undefined: a class has a weight of 0.
        """
        weights = self.label_parameters.get("positive")
        if weights is None:
            return 0.0
        self._check_trained(weights > 0)
        return np.log(weights)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "divide_by": self.divide_by}

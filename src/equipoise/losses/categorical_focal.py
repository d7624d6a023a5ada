"""Focal loss over classes that exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras

from equipoise._errors import check_number
from equipoise.links import CategoricalFocalLink
from equipoise.losses._log_sums import log_others
from equipoise.losses._logistic import Logistic
from equipoise.losses.base import LossOptions
from equipoise.losses.categorical import CategoricalLoss, DivideBy
from equipoise.losses.focal import focal_positive


@keras.saving.register_keras_serializable(package="equipoise")
class CategoricalFocal(CategoricalLoss):
    """Softmax cross-entropy in which a row weighs the less, the surer the model is of its class.

        loss = −(1/N) Σ_n Σ_k w_k · T_nk · (1 − p_nk)^γ · log p_nk,   p = softmax(z)

    It draws probabilities towards each other; `to_probability` undoes that, and the weights.

    Not for labels that can occur together: `Focal` is for those.

    Args:
        gamma: focusing γ ≥ 0; 0 is weighted cross-entropy.
        divide_by: "rows" or "weights"; see `CategoricalLoss`.
        **options: weights, from_logits, reduction and the like; see `CategoricalLoss`.

    Raises:
        InvalidInput: γ out of range, or what `CategoricalLoss` refuses.

    Examples:
        >>> loss = CategoricalFocal(gamma=2.0, from_logits=True)
        >>> round(float(loss([[1, 0]], [[0.0, 0.0]])), 4)  # log 2 / 4
        0.1733

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5, over a softmax.
    """

    def __init__(
        self, gamma: float = 2.0, *, divide_by: DivideBy = "rows", **options: Unpack[LossOptions]
    ):
        super().__init__(divide_by=divide_by, **options)
        self.gamma = check_number("gamma", gamma, minimum=0.0)

    def class_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ_k = −(1 − p_k)^γ · log p_k."""
        log_odds = z - log_others(z)  # of p_k, exact however near it is to 1
        return focal_positive(Logistic(log_odds), self.gamma)

    @property
    def link(self) -> CategoricalFocalLink:
        """q_k ∝ 1 / (w_k · |ℓ′(p_k)|)."""
        return CategoricalFocalLink(self.class_weight_shift(), gamma=self.gamma)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "gamma": self.gamma}

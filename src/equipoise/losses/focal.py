"""Focal loss: cells that the model already gets right weigh little."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
import numpy as np
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_number
from equipoise.links import FocalLink
from equipoise.losses._arguments import label_vector
from equipoise.losses._logistic import Logistic
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss


def focal_positive(x: Logistic, gamma: float) -> Any:
    """(1 − p)^γ · softplus(−z), the focal loss of a positive  (Lin et al. 2017, eq. 4)."""
    return x.q_to(gamma) * x.minus_log_p


def focal_negative(x: Logistic, gamma: float) -> Any:
    """p^γ · softplus(z), the focal loss of a negative  (Lin et al. 2017, eq. 4)."""
    return x.p_to(gamma) * x.minus_log_q


@keras.saving.register_keras_serializable(package="equipoise")
class Focal(CellwiseLoss):
    """Cross-entropy in which a cell weighs the less, the surer the model is of the right answer.

        cell loss = y · w₊ · α · (1 − p)^γ · softplus(−z)
                    + (1 − y) · w₋ · (1 − α) · p^γ · softplus(z)

    It draws all probabilities towards ½; `to_probability` undoes that, and α, and the weights.

    Not for probabilities as the model gives them; and not for noisy labels, on which it dwells.

    Args:
        gamma: focusing γ ≥ 0; 0 is weighted cross-entropy.
        alpha: share α in (0, 1) of the positives, one number or one per label; None leaves both
            factors out. The published .25 weighs positives *down*.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.

    Raises:
        InvalidInput: γ or α out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = Focal(gamma=2.0, from_logits=True, reduction="none")
        >>> [round(float(cell), 4) for cell in loss([[1, 0]], [[0.0, 0.0]])[0]]
        [0.1733, 0.1733]
        >>> loss.to_probability([[-1.7, 0.0]]).round(3)
        array([[0.01, 0.5 ]])

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", ICCV 2017, eq. 5.
    """

    def __init__(
        self,
        gamma: float = 2.0,
        alpha: float | ArrayLike | None = None,
        **options: Unpack[LossOptions],
    ):
        super().__init__(**options)
        self.gamma = check_number("gamma", gamma, minimum=0.0)
        self.alpha: Any = None
        if alpha is not None:
            self.alpha = self._share(alpha)

    def _share(self, alpha: Any) -> Any:
        inside = {"minimum": 0.0, "maximum": 1.0, "open_minimum": True, "open_maximum": True}
        if np.ndim(alpha) == 0:
            return check_number("alpha", alpha, **inside)
        shares = label_vector("alpha", alpha)
        if not ((shares > 0) & (shares < 1)).all():
            raise InvalidInput(
                "`alpha` must lie strictly between 0 and 1.",
                received=repr(float(shares[(shares <= 0) | (shares >= 1)][0])),
                remedy="Label weights may be 0: pass positive_weight and negative_weight.",
            )
        self.add_label_parameter("alpha", shares, "alpha")
        return shares

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = α · (1 − p)^γ · softplus(−z)."""
        losses = focal_positive(Logistic(z), self.gamma)
        return losses if self.alpha is None else p.get("alpha", self.alpha) * losses

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = (1 − α) · p^γ · softplus(z)."""
        losses = focal_negative(Logistic(z), self.gamma)
        return losses if self.alpha is None else (1.0 - p.get("alpha", self.alpha)) * losses

    @property
    def link(self) -> FocalLink:
        """logit q of focal loss − log(α / (1 − α)) − log(w₊ / w₋)."""
        shift = self.weight_shift()
        if self.alpha is not None:
            shift = shift + np.log(self.alpha) - np.log1p(-self.alpha)
        return FocalLink(shift, gamma=self.gamma)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        alpha = self.alpha.tolist() if isinstance(self.alpha, np.ndarray) else self.alpha
        return {**super().get_config(), "gamma": self.gamma, "alpha": alpha}

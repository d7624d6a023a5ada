"""Asymmetric loss: focal, but far harder on easy negatives than on easy positives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
from keras import ops

from equipoise._errors import check_choice, check_number
from equipoise.links import AsymmetricLink
from equipoise.losses._logistic import Logistic, product
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss

# Above this margin float32 keeps 1 − p_m exact enough however near p is to 1.
_WIDE_MARGIN = 0.01


def asymmetric_negative(x: Logistic, gamma: float, margin: float, detach: bool) -> Any:
    """−p_m^γ · log(1 − p_m) with p_m = max(p − m, 0)  (Ridnik et al. 2021, eq. 6).

    Without a margin it is p^γ · softplus(z): log(1 − p) would underflow for confident positives.
    """
    if margin == 0:
        factor, losses = x.p_to(gamma), x.minus_log_q
    else:
        shifted = ops.maximum(x.p - margin, 0.0)
        factor, losses = _power(shifted, gamma), _minus_log_rest(shifted, x, margin)
    return _factor(factor, detach) * losses


def asymmetric_positive(x: Logistic, gamma: float, detach: bool) -> Any:
    """(1 − p)^γ · softplus(−z)  (Ridnik et al. 2021, eq. 6)."""
    return _factor(x.q_to(gamma), detach) * x.minus_log_p


def _minus_log_rest(shifted: Any, x: Logistic, margin: float) -> Any:
    """−log(1 − p_m)."""
    if margin >= _WIDE_MARGIN:
        return -ops.log1p(-shifted)
    # 1 − p_m is q + m, without the rounding of 1 − p at p near 1.
    confident = shifted > 0.5
    near = ops.log1p(-ops.where(confident, 0.0, shifted))
    far = ops.log(ops.where(confident, x.q + margin, 1.0))
    return -(near + far)


def _power(shifted: Any, gamma: float) -> Any:
    """p_m^γ, where p_m may be 0."""
    if gamma == 0:
        return 1.0
    if gamma in (1, 2, 3, 4):
        return product(shifted, int(gamma))
    above = shifted > 0
    return ops.where(above, ops.exp(gamma * ops.log(ops.where(above, shifted, 1.0))), 0.0)


def _factor(power: Any, detach: bool) -> Any:
    return ops.stop_gradient(power) if detach and not isinstance(power, float) else power


@keras.saving.register_keras_serializable(package="equipoise")
class Asymmetric(CellwiseLoss):
    """Focal loss with a γ for each side, and with a margin that drops very easy negatives.

        cell loss = y · w₊ · (1 − p)^γ₊ · softplus(−z) − (1 − y) · w₋ · p_m^γ₋ · log(1 − p_m),
        p_m = max(p − m, 0)

    It raises all probabilities, rare ones most; `to_probability` undoes that. Below p = m nothing
    tells negatives apart (z < −2.94 at m = .05): only the order of the logits is kept there.

    Not for probabilities as the model gives them; with γ₊ = 0 not for q near 1 either.

    Args:
        gamma_pos: γ₊ ≥ 0 of positives.
        gamma_neg: γ₋ ≥ 0 of negatives.
        margin: m in [0, 1), taken from the probability of negatives.
        detach: whether the factors (1 − p)^γ₊ and p_m^γ₋ count as constants when gradients are
            taken. The authors' two implementations differ in it; the formula says no.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.
            The authors' "sum" grows with batch and labels; here the mean is the default.

    Raises:
        InvalidInput: a number out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = Asymmetric(from_logits=True, reduction="none")
        >>> [round(float(cell), 4) for cell in loss([[1, 0, 0]], [[0.0, 0.0, -3.0]])[0]]
        [0.3466, 0.0245, 0.0]
        >>> loss.to_probability([[-0.75, 0.0, 0.57]]).round(2)
        array([[0.01, 0.15, 0.5 ]])

    Reference:
        Ridnik et al., "Asymmetric Loss For Multi-Label Classification", ICCV 2021, eq. 7.
    """

    def __init__(
        self,
        gamma_pos: float = 1.0,
        gamma_neg: float = 4.0,
        margin: float = 0.05,
        *,
        detach: bool = False,
        **options: Unpack[LossOptions],
    ):
        super().__init__(**options)
        self.gamma_pos = check_number("gamma_pos", gamma_pos, minimum=0.0)
        self.gamma_neg = check_number("gamma_neg", gamma_neg, minimum=0.0)
        self.margin = check_number("margin", margin, minimum=0.0, maximum=1.0, open_maximum=True)
        check_choice("detach", detach, (True, False))
        self.detach = detach

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = (1 − p)^γ₊ · softplus(−z)."""
        return asymmetric_positive(Logistic(z), self.gamma_pos, self.detach)

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = −p_m^γ₋ · log(1 − p_m)."""
        return asymmetric_negative(Logistic(z), self.gamma_neg, self.margin, self.detach)

    @property
    def link(self) -> AsymmetricLink:
        """logit q of the asymmetric loss − log(w₊ / w₋)."""
        return AsymmetricLink(self.weight_shift(), **self._formula())

    def _formula(self) -> dict[str, Any]:
        return {
            "gamma_pos": self.gamma_pos,
            "gamma_neg": self.gamma_neg,
            "margin": self.margin,
            "detach": self.detach,
        }

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), **self._formula()}

"""Hill loss: confident false positives may be labels that nobody wrote down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras

from equipoise._errors import check_number
from equipoise.links import HillLink
from equipoise.losses._logistic import Logistic
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss
from equipoise.losses.focal import focal_positive


def hill_negative(x: Logistic, lambda_: float) -> Any:
    """(λ − p) · p²  (Zhang et al. 2021, eq. 7)."""
    return (lambda_ - x.p) * x.p * x.p


@keras.saving.register_keras_serializable(package="equipoise")
class Hill(CellwiseLoss):
    """A loss whose slope vanishes for confident negatives on both ends, like the side of a hill.

        cell loss = y · w₊ · σ(m − z)^γ · softplus(m − z) + (1 − y) · w₋ · (λ − p) · p²

    A negative that the model is sure to be positive is let be: it may be a missing label. For
    training on labels of which many positives are missing. `to_probability` gives the
    probability of a label as recorded.

    Not for fully labelled data, where such negatives are plain mistakes.

    Args:
        lambda_: λ ≥ 1.5; below it, confident mistakes would be rewarded.
        margin: m, how far above 0 the logit of a positive must be to count as found.
        gamma: focusing γ ≥ 0 of positives; below 1, and with λ = 1.5, high probabilities cannot
            be told apart (see the range of the link).
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.

    Raises:
        InvalidInput: a number out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = Hill(from_logits=True, reduction="none")
        >>> [round(float(cell), 4) for cell in loss([[1, 0]], [[1.0, 0.0]])[0]]
        [0.1733, 0.25]
        >>> loss.to_probability([[-2.67, 0.0, 2.7]]).round(2)
        array([[0.01, 0.2 , 0.5 ]])

    Reference:
        Zhang et al., "Simple and Robust Loss Design for Multi-Label Learning with Missing
        Labels", 2021 (arXiv 2112.07368), section 4.
    """

    def __init__(
        self,
        lambda_: float = 1.5,
        margin: float = 1.0,
        gamma: float = 2.0,
        **options: Unpack[LossOptions],
    ):
        super().__init__(**options)
        self.lambda_ = check_number("lambda_", lambda_, minimum=1.5)
        self.margin = check_number("margin", margin, minimum=-1e4, maximum=1e4)
        self.gamma = check_number("gamma", gamma, minimum=0.0)

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = σ(m − z)^γ · softplus(m − z)."""
        return focal_positive(Logistic(z - self.margin), self.gamma)

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = (λ − p) · p²."""
        return hill_negative(Logistic(z), self.lambda_)

    @property
    def link(self) -> HillLink:
        """logit q of the Hill loss − log(w₊ / w₋)."""
        return HillLink(self.weight_shift(), **self._formula())

    def _formula(self) -> dict[str, float]:
        return {"lambda_": self.lambda_, "margin": self.margin, "gamma": self.gamma}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), **self._formula()}

"""Distribution-balanced loss: weights for label sets that resampling would repeat, and a
tolerance for negatives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike
from scipy.special import logit

from equipoise._errors import Undefined, check_choice, check_number
from equipoise.links import NegativeToleranceLink
from equipoise.losses import _cells
from equipoise.losses._frequencies import check_same_labels, usable_prevalence
from equipoise.losses._logistic import Logistic
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss
from equipoise.losses.focal import focal_negative, focal_positive

if TYPE_CHECKING:
    from equipoise.stats import LabelStats


def rebalancing_weights(y: Any, rarity: Any, alpha: float, beta: float, mu: float) -> Any:
    """ŵ = α + σ(β(r − μ)) with r_k = (1/n_k) / Σ_j y_j/n_j  (Wu et al. 2020, eqs. 4, 5).

    A row without labels has an infinite r, whose weight is α + 1.
    """
    repeats = ops.sum(y * rarity, axis=-1, keepdims=True)
    labelled = repeats > 0
    ratio = rarity / ops.where(labelled, repeats, 1.0)
    return alpha + ops.where(labelled, ops.sigmoid(beta * (ratio - mu)), 1.0)


@keras.saving.register_keras_serializable(package="equipoise")
class DistributionBalanced(CellwiseLoss):
    """Focal loss with a prior per label, tolerance for negatives, and weights per label set.

        cell loss = ŵ · [y · w₊ · ℓ(−u) + (1 − y) · w₋ · ℓ(λu)/λ],   u = z − κ·log(1/π − 1),
        ℓ(x) = σ(x)^γ · softplus(x),   ŵ = α + σ(β(r − μ)),   r_k = (1/n_k) / Σ_j y_j/n_j

    The weights ŵ undo what resampling the rows of a rare label does to the labels that occur
    with it. They depend on all labels of a row, so there is no exact inverse link with them.
    Without them (`rebalance=False`) this is *NTR-focal*, and with class-balanced `weights`
    *CB-NTR* (Huang 2021), and `to_probability` is exact.

    Not without the resampling it was made for, unless `rebalance=False`.

    Args:
        stats: the label counts of the training rows; or else
        prevalence: L shares of positives π, strictly between 0 and 1.
        rebalance: whether there are weights ŵ.
        alpha: α ≥ 0, the least weight.
        beta: β, the steepness of ŵ.
        mu: μ, the ratio r of middle weight; .2 for COCO, .3 for VOC.
        gamma: focusing γ ≥ 0; 0 for none.
        kappa: κ, how far the prior moves the logits.
        lambda_: λ > 0, the scale of the logits of negatives; 2 for COCO, 5 for VOC.
        kappa_over_lambda: whether κ is divided by λ, as in the authors' code but not in their
            paper.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.

    Labels of `stats` without positives, or without negatives, take π = (n + ½) / (N + 1); a row
    without labels weighs α + 1. Unknown labels are in no ratio r.

    Raises:
        InvalidInput: no prevalence, a number out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = DistributionBalanced(prevalence=[0.5, 0.1], gamma=0.0, kappa=0.0,
        ...                             from_logits=True, reduction="none")
        >>> [round(float(cell), 3) for cell in loss([[1, 0]], [[0.0, 0.0]])[0]]
        [0.762, 0.381]

    Reference:
        Wu et al., "Distribution-Balanced Loss for Multi-Label Classification in Long-Tailed
        Datasets", ECCV 2020, eqs. 4 to 9; Huang et al., "Balancing Methods for Multi-label Text
        Classification with Long-Tailed Class Distribution", EMNLP 2021.
    """

    def __init__(
        self,
        stats: LabelStats | None = None,
        *,
        prevalence: ArrayLike | None = None,
        rebalance: bool = True,
        alpha: float = 0.1,
        beta: float = 10.0,
        mu: float = 0.2,
        gamma: float = 2.0,
        kappa: float = 0.05,
        lambda_: float = 2.0,
        kappa_over_lambda: bool = False,
        **options: Unpack[LossOptions],
    ):
        shares = usable_prevalence(stats, prevalence)
        if stats is not None and options.get("label_names") is None:
            options["label_names"] = stats.label_names
        super().__init__(**options)
        check_same_labels(stats, options.get("weights"))
        check_choice("rebalance", rebalance, (True, False))
        check_choice("kappa_over_lambda", kappa_over_lambda, (True, False))
        self.prevalence, self.rebalance = shares, rebalance
        self.alpha = check_number("alpha", alpha, minimum=0.0, maximum=1e6)
        self.beta = check_number("beta", beta, minimum=-1e6, maximum=1e6)
        self.mu = check_number("mu", mu, minimum=-1e6, maximum=1e6)
        self.gamma = check_number("gamma", gamma, minimum=0.0)
        self.kappa = check_number("kappa", kappa, minimum=-1e6, maximum=1e6)
        self.lambda_ = check_number("lambda_", lambda_, minimum=0.0, open_minimum=True)
        self.kappa_over_lambda = kappa_over_lambda
        source = "stats" if prevalence is None else "prevalence"
        strength = self.kappa / self.lambda_ if kappa_over_lambda else self.kappa
        self.add_label_parameter("offset", strength * logit(shares), source)
        if rebalance:
            # The ratios r need 1/π up to a factor only; these are at most 1.
            self.add_label_parameter("rarity", shares.min() / shares, source)

    @property
    def adds_up_over_labels(self) -> bool:
        """Not with weights ŵ, which depend on all labels of a row."""
        return not self.rebalance

    @property
    def has_link(self) -> bool:
        """Not with weights ŵ either."""
        return not self.rebalance

    def cell_masses(self, y: Any, p: Mapping[str, Any]) -> tuple[Any, Any]:
        """ŵ·y·w₊ and ŵ·(1 − y)·w₋, both 0 where y is unknown."""
        positive, negative = _cells.cell_masses(y, p)
        if not self.rebalance:
            return positive, negative
        y = ops.where(y >= 0, y, 0.0)
        weight = rebalancing_weights(y, p["rarity"], self.alpha, self.beta, self.mu)
        return weight * positive, weight * negative

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = ℓ(−u)."""
        return focal_positive(Logistic(z + p["offset"]), self.gamma)

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = ℓ(λu) / λ."""
        scaled = Logistic(self.lambda_ * (z + p["offset"]))
        return focal_negative(scaled, self.gamma) / self.lambda_

    @property
    def link(self) -> NegativeToleranceLink:
        """The link of the loss without ŵ.

        Raises:
            Undefined: there are weights ŵ, or a label's weight of 0 left nothing to undo.
        """
        if self.rebalance:
            raise Undefined(
                "DistributionBalanced has no inverse link: its weights depend on all labels of "
                "a row.",
                remedy="Fit a calibration on held-out rows instead "
                "(equipoise.decision.Calibrator), or pass rebalance=False.",
            )
        return NegativeToleranceLink(
            self.weight_shift(),
            offset=self.label_parameters["offset"],
            lambda_=self.lambda_,
            gamma=self.gamma,
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        own = ("rebalance", "alpha", "beta", "mu", "gamma", "kappa", "lambda_", "kappa_over_lambda")
        return {
            **super().get_config(),
            "prevalence": np.asarray(self.prevalence).tolist(),
            **{name: getattr(self, name) for name in own},
        }

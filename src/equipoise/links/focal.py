"""Links of losses with a focal factor: focal, negative-tolerant, Hill."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np

from equipoise._errors import check_number
from equipoise.links._slopes import log_focal_slope, log_sigmoid, rising_range
from equipoise.links.link import Float, Link, PerLabel


@dataclass(frozen=True, eq=False)
class FocalLink(Link):
    """The link of focal loss, which draws probabilities towards ½.

        logit q = log ℓ′(z) − log ℓ′(−z) − shift,
        ℓ′(z) = p^γ · [p + γ(1 − p) softplus(z)],   p = σ(z)

    An α on positives and 1 − α on negatives adds log(α / (1 − α)) to the shift.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        gamma: focusing γ ≥ 0; 0 makes it the sigmoid.

    Examples:
        >>> FocalLink(gamma=2.0).to_probability([-1.7, 0.0]).round(3)
        array([0.01, 0.5 ])

    Reference:
        Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation", CVPR
        2021, theorem 11, for the two classes of one label.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("gamma", self.gamma, minimum=0.0)

    def base_log_odds(self, z: Float) -> Float:
        """log ℓ′(z) − log ℓ′(−z): the loss of a positive is that of a negative, mirrored."""
        return log_focal_slope(z, self.gamma) - log_focal_slope(-z, self.gamma)


@dataclass(frozen=True, eq=False)
class NegativeToleranceLink(Link):
    """The link of the negative-tolerant loss of distribution-balanced training.

        logit q = log ℓ′(λu) − log ℓ′(−u) − shift,   u = z + offset,   ℓ′ as in `FocalLink`

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        offset: added to the logits before the loss, one number or (L,); −κ·log(1/π − 1).
        lambda_: λ > 0, the scale of the logits of negatives.
        gamma: focusing γ ≥ 0; 0 for no focal factor.

    Examples:
        >>> NegativeToleranceLink(lambda_=5.0, gamma=0.0).to_probability([-0.98, 0.0]).round(3)
        array([0.01, 0.5 ])
    """

    offset: PerLabel = 0.0
    lambda_: float = 2.0
    gamma: float = 2.0

    per_label: ClassVar[tuple[str, ...]] = ("shift", "offset")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("lambda_", self.lambda_, minimum=0.0, open_minimum=True)
        check_number("gamma", self.gamma, minimum=0.0)

    def base_log_odds(self, z: Float) -> Float:
        """log ℓ′(λu) − log ℓ′(−u); the 1/λ of the loss and the λ of the chain rule cancel."""
        u = z + self.offset
        return log_focal_slope(self.lambda_ * u, self.gamma) - log_focal_slope(-u, self.gamma)


@dataclass(frozen=True, eq=False)
class HillLink(Link):
    """The link of the Hill loss.

        logit q = log[p²(1 − p)(2λ − 3p)] − log ℓ′(margin − z) − shift,   ℓ′ as in `FocalLink`

    With λ = 1.5 and γ < 1 it falls again for high z, and is exact only below that turn.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        lambda_: λ ≥ 1.5.
        margin: how far a positive must be above 0 to count as found.
        gamma: focusing γ ≥ 0 on positives.

    Examples:
        >>> HillLink().to_probability([-2.67, 0.0, 2.7]).round(2)
        array([0.01, 0.2 , 0.5 ])
    """

    lambda_: float = 1.5
    margin: float = 1.0
    gamma: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("lambda_", self.lambda_, minimum=1.5)
        check_number("margin", self.margin)
        check_number("gamma", self.gamma, minimum=0.0)

    def base_log_odds(self, z: Float) -> Float:
        """log ℓ₋′(z) − log(−ℓ₊′(z)), where 2λ − 3p is written (2λ − 3) + 3(1 − p)."""
        log_p, log_not_p = log_sigmoid(z), log_sigmoid(-z)
        with np.errstate(divide="ignore"):  # at λ = 1.5 nothing is left but 3(1 − p)
            falling = np.logaddexp(np.log(2 * self.lambda_ - 3), np.log(3) + log_not_p)
        positive = log_focal_slope(self.margin - z, self.gamma)
        return 2 * log_p + log_not_p + falling - positive

    @property
    def logit_range(self) -> tuple[PerLabel, PerLabel]:
        """All logits, unless the link turns."""
        return self._rising_range

    @cached_property
    def _rising_range(self) -> tuple[float, float]:
        return rising_range(self.base_log_odds)

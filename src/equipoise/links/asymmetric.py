"""The link of the asymmetric loss."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from equipoise._errors import check_choice, check_number
from equipoise.links._slopes import log_focal_slope, log_sigmoid, rising_range
from equipoise.links.link import Float, Link, PerLabel


@dataclass(frozen=True, eq=False)
class AsymmetricLink(Link):
    """The link of the asymmetric loss (ASL).

        logit q = log ℓ₋′(z) − log(−ℓ₊′(z)) − shift,   p = σ(z),   p_m = max(p − m, 0),
        ℓ₋′ = p(1 − p)·p_m^γ₋·[1/(1 − p_m) − γ₋·log(1 − p_m)/p_m],
        −ℓ₊′ = (1 − p)^γ₊·[(1 − p) + γ₊·p·softplus(−z)]

    With `detach` the two focal factors count as constants, and the terms with γ fall away.

    With a margin the loss is flat for p ≤ m (for z < −2.94 at m = .05): the link is exact from
    q = 1e-9 (without weights) upwards, and below it only keeps the order of the logits. With
    γ₊ = 0 and a margin, q near 1 cannot be told apart: see `range`.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        gamma_pos: γ₊ ≥ 0.
        gamma_neg: γ₋ ≥ 0.
        margin: m in [0, 1).
        detach: whether gradients went through the focal factors (False) or not (True).

    Examples:
        >>> AsymmetricLink().to_probability([-0.75, 0.0, 0.57]).round(2)
        array([0.01, 0.15, 0.5 ])
    """

    gamma_pos: float = 1.0
    gamma_neg: float = 4.0
    margin: float = 0.05
    detach: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("gamma_pos", self.gamma_pos, minimum=0.0)
        check_number("gamma_neg", self.gamma_neg, minimum=0.0)
        check_number("margin", self.margin, minimum=0.0, maximum=1.0, open_maximum=True)
        check_choice("detach", self.detach, (True, False))

    def base_log_odds(self, z: Float) -> Float:
        """log ℓ₋′(z) − log(−ℓ₊′(z)); −∞ for p ≤ m, which lies outside `logit_range`."""
        if self.detach:
            positive = (1 + self.gamma_pos) * log_sigmoid(-z)
        else:
            positive = log_focal_slope(-z, self.gamma_pos)
        return self._negative(z) - positive

    def _negative(self, z: Float) -> Float:
        """log ℓ₋′(z)."""
        log_p, log_not_p = log_sigmoid(z), log_sigmoid(-z)
        if self.margin == 0:
            if self.detach:
                return (1 + self.gamma_neg) * log_p
            return log_focal_slope(z, self.gamma_neg)
        # 1 − p_m is (1 − p) + m: no difference of nearly equal numbers.
        rest = np.exp(log_not_p) + self.margin
        p_m = np.maximum(np.exp(log_p) - self.margin, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = 1 / rest
            if not self.detach:
                slope = slope - self.gamma_neg * np.log1p(-p_m) / p_m
            power = self.gamma_neg * np.log(p_m) if self.gamma_neg else 0.0
            flat = p_m == 0
            return np.where(flat, -np.inf, log_p + log_not_p + power + np.log(slope))

    @property
    def logit_range(self) -> tuple[PerLabel, PerLabel]:
        """From the floor of the clipped loss to where it saturates; all logits without margin."""
        return self._rising_range

    @cached_property
    def _rising_range(self) -> tuple[float, float]:
        return rising_range(self.base_log_odds)

"""Links of cross-entropies: plain, weighted, with margins, with propensities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_number
from equipoise.links._slopes import log_sigmoid
from equipoise.links.link import Float, Link, PerLabel


@dataclass(frozen=True, eq=False)
class SigmoidLink(Link):
    """The link of binary cross-entropy, weighted or not.

        logit q = z − shift,   shift = log(w₊ / w₋)

    Logits trained as BCE(z + offset) have the shift log(w₊ / w₋) − offset.

    Not for labels trained with a weight of 0 on one side: their logits hold no probability.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.

    Examples:
        >>> link = SigmoidLink(shift=np.log([9.0, 1.0]))  # positives of label 0 weighed 9
        >>> link.to_probability([[0.0, 0.0]])
        array([[0.1, 0.5]])

    Reference:
        Dal Pozzolo et al., "Calibrating Probability with Undersampling for Unbalanced
        Classification", SSCI 2015: the case w₊ = 1, w₋ = the rate at which negatives are kept.
    """

    def base_log_odds(self, z: Float) -> Float:
        """z: σ(z) and σ(−z) are the two derivatives, and log σ(z) − log σ(−z) = z."""
        return z

    def logits(self, probability: ArrayLike) -> Float:
        """Returns logit q + shift; see `Link.logits`."""
        p = self._probabilities(probability)
        return np.log(p) - np.log1p(-p) + self.shift


@dataclass(frozen=True, eq=False)
class LDAMLink(Link):
    """The link of cross-entropy with a scale and a margin Δ per label.

        logit q = log σ(s·z) − log σ(−s·(z − Δ)) − shift

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        margin: Δ ≥ 0, one number or (L,).
        scale: s > 0.

    Examples:
        >>> LDAMLink(margin=[0.0, 0.5], scale=2.0).to_probability([[0.0, 0.25]]).round(3)
        array([[0.5, 0.5]])
    """

    margin: PerLabel = 0.0
    scale: float = 30.0

    per_label: ClassVar[tuple[str, ...]] = ("shift", "margin")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("scale", self.scale, minimum=0.0, open_minimum=True)

    def base_log_odds(self, z: Float) -> Float:
        """log σ(s·z) − log σ(−s·(z − Δ)), both derivatives being s times the sigmoid."""
        return log_sigmoid(self.scale * z) - log_sigmoid(-self.scale * (z - self.margin))


@dataclass(frozen=True, eq=False)
class PropensityLink(Link):
    """The link of the unbiased propensity loss: the probability of a label *as recorded*.

        logit q = log σ(z) − log(1/π − σ(z)) − shift,   that is q = π·σ(z) without weights

    σ(z) itself is the probability of the label being true, recorded or not. No logit stands for
    a recorded probability of π or more; the range says so. (The convex bound is a weighted
    cross-entropy, so its link is `SigmoidLink`.)

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds.
        propensity: π in (0, 1], the probability that a true label is recorded; one number or (L,).

    Examples:
        >>> PropensityLink(propensity=[0.5, 1.0]).to_probability([[0.0, 0.0]])
        array([[0.25, 0.5 ]])
    """

    propensity: PerLabel = 1.0

    per_label: ClassVar[tuple[str, ...]] = ("shift", "propensity")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not np.all((np.asarray(self.propensity) > 0) & (np.asarray(self.propensity) <= 1)):
            raise InvalidInput(
                "`propensity` must lie in (0, 1].", received=repr(np.min(self.propensity))
            )

    def base_log_odds(self, z: Float) -> Float:
        """log σ(z) − log(σ(−z)/π + (1/π − 1)·σ(z)), whose bracket is σ(−z) + (1/π − 1)."""
        missing = 1 / np.asarray(self.propensity) - 1
        with np.errstate(divide="ignore"):
            return log_sigmoid(z) - np.logaddexp(log_sigmoid(-z), np.log(missing))

    @property
    def logit_range(self) -> tuple[PerLabel, PerLabel]:
        """Up to 15, where q is within 3e-7 of π, unless π is 1."""
        high = np.where(np.asarray(self.propensity) < 1, 15.0, np.inf)
        return -np.inf, float(high) if high.ndim == 0 else high

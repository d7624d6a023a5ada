"""Links of losses over classes that exclude each other."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_number
from equipoise.links._slopes import log_focal_slope, log_sigmoid
from equipoise.links.link import Float, Link, PerLabel, as_logits


@dataclass(frozen=True, eq=False)
class SimplexLink(Link):
    """Shares of K classes that add up to 1: log q_k = log_shares(z)_k − shift_k + constant.

    The logits lie on the last axis; those of all classes decide on each probability.
    """

    @abstractmethod
    def log_shares(self, z: Float) -> Float:
        """log q_k up to a constant per row, without weights."""

    def base_log_odds(self, z: Float) -> Float:
        """log q_k − log(1 − q_k) without weights."""
        return _log_odds(self.log_shares(z))

    def log_odds(self, z: ArrayLike) -> Float:
        """Returns log q_k − log(1 − q_k) of (..., K) logits; see `Link.log_odds`."""
        logits = as_logits(z)
        self._check_labels(logits.shape, "logits")
        self._check_classes(logits.shape)
        return _log_odds(self.log_shares(logits) - self.shift)

    @property
    def range(self) -> tuple[PerLabel, PerLabel]:
        """0 and 1: every share is recovered."""
        return 0.0, 1.0

    def _check_classes(self, shape: tuple[int, ...]) -> None:
        if len(shape) == 0 or shape[-1] < 2:
            raise InvalidInput(
                "Classes that exclude each other must be at least two.",
                received=f"logits of shape {shape}",
            )

    def _shares(self, probability: ArrayLike) -> Float:
        p = self._probabilities(probability)
        self._check_classes(p.shape)
        return p / p.sum(axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False)
class SoftmaxLink(SimplexLink):
    """The link of softmax cross-entropy with a weight per class.

        q = softmax(z − shift),   shift = log w

    Logits trained as CE(z + offset) have the shift log w − offset.

    Args:
        shift: one number for all classes, or (K,) numbers.

    Examples:
        >>> SoftmaxLink(shift=np.log([3.0, 1.0])).to_probability([[0.0, 0.0]])
        array([[0.25, 0.75]])
    """

    def log_shares(self, z: Float) -> Float:
        """z itself."""
        return z

    def logits(self, probability: ArrayLike) -> Float:
        """Returns log q + shift, of mean 0; probabilities are scaled to a sum of 1."""
        return _centred(np.log(self._shares(probability)) + self.shift)


@dataclass(frozen=True, eq=False)
class CategoricalFocalLink(SimplexLink):
    """The link of focal loss over classes.

        q_k ∝ 1 / (w_k · |ℓ′(p_k)|),   ℓ(p) = −(1 − p)^γ · log p,   p = softmax(z)

    Args:
        shift: log w_k: one number for all classes, or (K,) numbers.
        gamma: focusing γ ≥ 0; 0 makes it the softmax.

    Examples:
        >>> CategoricalFocalLink(gamma=2.0).to_probability([[0.0, 0.0, 2.0]]).round(3)
        array([[0.014, 0.014, 0.973]])

    Reference:
        Charoenphakdee et al., "On Focal Loss for Class-Posterior Probability Estimation", CVPR
        2021, theorem 11.
    """

    gamma: float = 2.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("gamma", self.gamma, minimum=0.0)

    def log_shares(self, z: Float) -> Float:
        """−log |ℓ′(p_k)|, from the log-odds of p_k."""
        return self._log_shares_of(_log_odds(z))

    def _log_shares_of(self, odds: Float) -> Float:
        # In log-odds the loss is σ(−odds)^γ · softplus(−odds); dp = p(1 − p) d odds.
        return log_sigmoid(odds) + log_sigmoid(-odds) - log_focal_slope(-odds, self.gamma)

    def logits(self, probability: ArrayLike) -> Float:
        """Returns logits of mean 0 that stand for the probabilities, scaled to a sum of 1.

        Shares fix −log |ℓ′(p_k)| up to one number per row, found by halving so that Σp is 1.
        """
        wanted = np.log(self._shares(probability)) + self.shift
        largest = wanted.max(axis=-1, keepdims=True)
        low = self._log_shares_of(np.array(-690.0)) - largest  # all p near 0
        high = self._log_shares_of(np.array(690.0)) - largest  # one p near 1
        for _ in range(60):
            middle = (low + high) / 2
            too_many = np.exp(log_sigmoid(self._odds_of(wanted + middle))).sum(-1, keepdims=True)
            low = np.where(too_many > 1, low, middle)
            high = np.where(too_many > 1, middle, high)
        return _centred(log_sigmoid(self._odds_of(wanted + (low + high) / 2)))

    def _odds_of(self, log_shares: Float) -> Float:
        """The log-odds of p that have these −log |ℓ′(p)|, which rise with p."""
        low, high = np.full_like(log_shares, -700.0), np.full_like(log_shares, 700.0)
        for _ in range(60):
            middle = (low + high) / 2
            above = self._log_shares_of(middle) > log_shares
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2


def _log_odds(log_shares: Float) -> Float:
    """log q − log(1 − q) of shares given up to a factor: s_k − log Σ_{j≠k} exp s_j."""
    highest = log_shares.max(axis=-1, keepdims=True)
    terms = np.exp(log_shares - highest)
    # Of the largest share nothing is subtracted: the others are added up by themselves.
    top = np.arange(terms.shape[-1]) == terms.argmax(axis=-1)[..., None]
    others = np.where(top, -np.inf, log_shares)
    second = others.max(axis=-1, keepdims=True)
    rest_of_top = second + np.log(np.exp(others - second).sum(axis=-1, keepdims=True))
    rest = terms.sum(axis=-1, keepdims=True) - np.where(top, 0.0, terms)
    return log_shares - np.where(top, rest_of_top, highest + np.log(rest))


def _centred(z: Float) -> Float:
    return z - z.mean(axis=-1, keepdims=True)

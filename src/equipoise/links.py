"""Inverse links: the probability that a logit stands for, given the loss it was trained with.

A loss y·w₊·ℓ₊(z) + (1 − y)·w₋·ℓ₋(z) is smallest, for a cell that is positive with probability
q, where q·w₊·ℓ₊′(z) + (1 − q)·w₋·ℓ₋′(z) = 0. In log-odds that is

    logit q = log ℓ₋′(z) − log(−ℓ₊′(z)) − log(w₊ / w₋)

The first two terms belong to the loss, the last is a shift per label. A `Link` holds both, needs
no Keras, and is saved with a model so that its logits can be read as probabilities later.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from equipoise._errors import InvalidInput, did_you_mean
from equipoise._files import check_schema

_SCHEMA_VERSION = 1

__all__ = ["LINKS", "Link", "SigmoidLink"]


@dataclass(frozen=True, eq=False)
class Link(ABC):
    """The log-odds of the true probability as a function of the logit.

        logit q = base_log_odds(z) − shift

    A subclass writes `base_log_odds`, and `base_range` where its values are bounded.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds; weights w₊, w₋ make it
            log(w₊ / w₋).

    Raises:
        InvalidInput: a shift that is not finite or has more than one axis.
    """

    shift: float | NDArray[np.float64] = 0.0

    base_range: ClassVar[tuple[float, float]] = (-np.inf, np.inf)

    def __post_init__(self) -> None:
        try:
            shift = np.array(self.shift, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"`shift` must hold numbers: {error}.", received=repr(self.shift)
            ) from error
        if shift.ndim > 1 or not np.isfinite(shift).all():
            raise InvalidInput(
                "`shift` must be one finite number, or one per label.",
                received=f"shape {shift.shape}, {np.count_nonzero(~np.isfinite(shift))} not finite",
            )
        shift.flags.writeable = False
        object.__setattr__(self, "shift", float(shift) if shift.ndim == 0 else shift)

    @abstractmethod
    def base_log_odds(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """log ℓ₋′(z) − log(−ℓ₊′(z)) of the unweighted loss, finite for |z| ≤ 1e4."""

    def log_odds(self, z: ArrayLike) -> NDArray[np.float64]:
        """Returns the log-odds of the true probabilities.

        Args:
            z: (..., L) logits, as an array or a tensor of any backend.

        Raises:
            InvalidInput: NaN, or another number of labels than the shift has.
        """
        logits = _as_logits(z)
        if isinstance(self.shift, np.ndarray) and logits.shape[-1:] != self.shift.shape:
            raise InvalidInput(
                f"The link was made for {len(self.shift)} labels.",
                received=f"logits of shape {logits.shape}",
                remedy="Pass (..., L) logits, the labels on the last axis.",
            )
        return self.base_log_odds(logits) - self.shift

    def to_probability(self, z: ArrayLike) -> NDArray[np.float64]:
        """Returns the true probabilities of (..., L) logits; see `log_odds`."""
        return expit(self.log_odds(z))

    @property
    def range(self) -> tuple[float | NDArray[np.float64], float | NDArray[np.float64]]:
        """Lowest and highest true probability the link can return, each shaped like `shift`."""
        low, high = self.base_range
        return expit(low - self.shift), expit(high - self.shift)

    def to_dict(self) -> dict[str, Any]:
        """Returns the link as plain numbers and lists (see `from_dict`)."""
        payload: dict[str, Any] = {
            "kind": type(self).__name__,
            "schema_version": _SCHEMA_VERSION,
        }
        for field in fields(self):
            value = getattr(self, field.name)
            payload[field.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return payload

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` of this class, or of a subclass, returned."""
        kind = payload.get("kind")
        link_class = LINKS.get(str(kind))
        if link_class is None or not issubclass(link_class, cls):
            raise InvalidInput(
                f"This is not a saved {cls.__name__}.",
                received=f"kind={kind!r}",
                remedy=did_you_mean(kind, LINKS),
            )
        check_schema(payload, link_class.__name__, _SCHEMA_VERSION)
        known = {field.name for field in fields(link_class)}
        options = {k: v for k, v in payload.items() if k not in ("kind", "schema_version")}
        for name in options.keys() - known:
            raise InvalidInput(
                f"A saved {kind} has no field {name!r}.", remedy=did_you_mean(name, known)
            )
        return link_class(**options)


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

    def base_log_odds(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """z: σ(z) and σ(−z) are the two derivatives, and log σ(z) − log σ(−z) = z."""
        return z


LINKS: Mapping[str, type[Link]] = {link.__name__: link for link in (SigmoidLink,)}


def _as_logits(z: Any) -> NDArray[np.float64]:
    if hasattr(z, "detach"):  # Torch refuses to convert tensors with gradients or in bfloat16
        z = z.detach().cpu().double()
    try:
        logits = np.asarray(z).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Logits must be an array of numbers: {error}.", received=type(z).__name__
        ) from error
    if np.isnan(logits).any():
        raise InvalidInput(
            "Logits must not hold NaN.",
            received=f"{np.count_nonzero(np.isnan(logits))} NaN in shape {logits.shape}",
            remedy="Look for a model that diverged, or for missing values in its inputs.",
        )
    return logits

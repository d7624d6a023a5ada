"""Link: what all inverse links share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from equipoise._errors import InvalidInput, did_you_mean
from equipoise._files import check_schema

Float = NDArray[np.float64]
PerLabel = float | Float

_SCHEMA_VERSION = 1

# Infinite logits are read as this; twice or a hundred times it is still a finite number.
_FARTHEST = 1e290


@dataclass(frozen=True, eq=False)
class Link(ABC):
    """The log-odds of the true probability as a function of the logit.

        logit q = base_log_odds(z) − shift

    A subclass writes `base_log_odds`, which rises with z, and `logit_range` where it does not
    rise, or is not finite, for all z. Outside that range log-odds go on with slope 1: there they
    keep the order of the logits, but are no longer exact.

    Args:
        shift: one number for all labels, or (L,) numbers, in log-odds; weights w₊, w₋ make it
            log(w₊ / w₋).

    Raises:
        InvalidInput: a shift that is not finite or has more than one axis.
    """

    shift: PerLabel = 0.0

    per_label: ClassVar[tuple[str, ...]] = ("shift",)

    def __post_init__(self) -> None:
        for name in self.per_label:
            object.__setattr__(self, name, _per_label(name, getattr(self, name)))
        self._check_lengths()

    def _check_lengths(self) -> None:
        arrays = {name: getattr(self, name) for name in self.per_label}
        lengths = {name: len(a) for name, a in arrays.items() if isinstance(a, np.ndarray)}
        if len(set(lengths.values())) > 1:
            shown = ", ".join(f"{n} of {name}" for name, n in lengths.items())
            raise InvalidInput("A link must have one number per label.", received=shown)
        object.__setattr__(self, "_n_labels", next(iter(lengths.values()), None))

    @abstractmethod
    def base_log_odds(self, z: Float) -> Float:
        """log ℓ₋′(z) − log(−ℓ₊′(z)) of the unweighted loss, finite for |z| ≤ 1e4."""

    @property
    def logit_range(self) -> tuple[PerLabel, PerLabel]:
        """The logits between which the link is exact; scalars or (L,) numbers."""
        return -np.inf, np.inf

    def log_odds(self, z: ArrayLike) -> Float:
        """Returns the log-odds of the true probabilities.

        Args:
            z: (..., L) logits, as an array or a tensor of any backend.

        Raises:
            InvalidInput: NaN, or another number of labels than the link was made for.
        """
        logits = as_logits(z)
        self._check_labels(logits.shape, "logits")
        inside = np.clip(logits, *self.logit_range)
        return self.base_log_odds(inside) + (logits - inside) - self.shift

    def to_probability(self, z: ArrayLike) -> Float:
        """Returns the true probabilities of (..., L) logits; see `log_odds`."""
        return expit(self.log_odds(z))

    def logits(self, probability: ArrayLike) -> Float:
        """Returns the logits that stand for true probabilities: the inverse of `to_probability`.

        An output bias that starts a network at the prevalences of its labels is
        `link.logits(prevalence)`.

        Args:
            probability: (..., L) numbers strictly between 0 and 1.

        Raises:
            InvalidInput: a probability outside (0, 1), or another number of labels.
        """
        wanted = logit(self._probabilities(probability))
        low, high = np.full_like(wanted, -1.0), np.full_like(wanted, 1.0)
        while (short := self.log_odds(low) > wanted).any():
            low[short] *= 2
        while (short := self.log_odds(high) < wanted).any():
            high[short] *= 2
        for _ in range(60):  # halvings: from an interval of 2 to one of 2e-18
            middle = (low + high) / 2
            above = self.log_odds(middle) > wanted
            low, high = np.where(above, low, middle), np.where(above, middle, high)
        return (low + high) / 2

    @property
    def range(self) -> tuple[PerLabel, PerLabel]:
        """Lowest and highest true probability that the link recovers, for all labels or (L,).

        Below and above, only the order of the logits is kept.
        """
        low, high = (self._limit(end) for end in self.logit_range)
        return low, high

    def _limit(self, end: PerLabel) -> PerLabel:
        ends = np.asarray(end, dtype=np.float64)
        base = self.base_log_odds(np.clip(ends, -_FARTHEST, _FARTHEST))
        limit = expit(np.where(np.isinf(ends), ends, base) - self.shift)
        return float(limit) if np.ndim(limit) == 0 else limit

    def _check_labels(self, shape: tuple[int, ...], what: str) -> None:
        n_labels = cast("int | None", getattr(self, "_n_labels", None))
        if n_labels is not None and shape[-1:] != (n_labels,):
            raise InvalidInput(
                f"The link was made for {n_labels} labels.",
                received=f"{what} of shape {shape}",
                remedy=f"Pass (..., L) {what}, the labels on the last axis.",
            )

    def _probabilities(self, probability: ArrayLike) -> Float:
        p = np.asarray(probability, dtype=np.float64)
        self._check_labels(p.shape, "probabilities")
        outside = p[~((p > 0) & (p < 1))]
        if outside.size:
            raise InvalidInput(
                "`probability` must lie strictly between 0 and 1.",
                received=repr(float(outside[0])),
                remedy="Clip it: 0 and 1 have infinite log-odds.",
            )
        return p

    # ------------------------------------------------------------------------------- saving

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
        from equipoise.links import LINKS

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


def _per_label(name: str, values: Any) -> PerLabel:
    """Returns one finite number, or (L,) of them that cannot be changed."""
    try:
        array = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{name}` must hold numbers: {error}.", received=repr(values)
        ) from error
    if array.ndim > 1 or not np.isfinite(array).all():
        raise InvalidInput(
            f"`{name}` must be one finite number, or one per label.",
            received=f"shape {array.shape}, {np.count_nonzero(~np.isfinite(array))} not finite",
        )
    array.flags.writeable = False
    return float(array) if array.ndim == 0 else array


def as_logits(z: Any) -> Float:
    """Returns logits as a float64 array; infinite ones as numbers of 290 digits.

    Raises:
        InvalidInput: NaN, or something that holds no numbers.
    """
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
    return np.clip(logits, -_FARTHEST, _FARTHEST)

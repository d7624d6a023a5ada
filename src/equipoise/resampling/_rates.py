"""SamplingRates: how often each label's positives and negatives are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import Undefined, shown_list

Float = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SamplingRates:
    """Cells after resampling as a share of those before, for each label.

        positives_l = positive rows after / before        negatives_l likewise

    1 where there was nothing to sample. Pass it to `equipoise.decision.Correction`, which takes
    `log_odds_shift` back out of the scores. That is exact where rows were drawn by this label
    alone, and an approximation where they were drawn for the sake of others.

    Attributes:
        positives: (L,) rate of the rows that have the label.
        negatives: (L,) rate of the rows that do not.
        label_names: L names.

    Examples:
        >>> from equipoise.decision import Correction
        >>> rates = SamplingRates(np.array([3.0]), np.array([1.0]), ("rare",))
        >>> Correction(rates).transform([[0.0]])
        array([[0.25]])
    """

    positives: Float
    negatives: Float
    label_names: tuple[str, ...]

    @property
    def log_odds_shift(self) -> Float:
        """(L,) log(positives / negatives): by how much resampling moves the log-odds.

        Raises:
            Undefined: a label has lost all its positives, or all its negatives.
        """
        lost = np.flatnonzero((self.positives == 0) | (self.negatives == 0)).tolist()
        if lost:
            raise Undefined(
                "Resampling left a label without positives or without negatives, so nothing can "
                "be corrected for.",
                received="labels " + shown_list([self.label_names[i] for i in lost]),
                remedy="Remove fewer rows, or set `min_kept` of the resampler.",
            )
        return np.log(self.positives) - np.log(self.negatives)

    def followed_by(self, other: SamplingRates) -> SamplingRates:
        """Returns the rates of both, one after the other."""
        return SamplingRates(
            self.positives * other.positives, self.negatives * other.negatives, self.label_names
        )


def rates_between(
    before: tuple[NDArray[np.int64], NDArray[np.int64]],
    after: tuple[NDArray[np.int64], NDArray[np.int64]],
    label_names: tuple[str, ...],
) -> SamplingRates:
    """Returns the rates from (positives, negatives) before and after."""
    positives, negatives = (
        np.divide(new, old, out=np.where(new > 0, np.inf, 1.0), where=old > 0)
        for old, new in zip(before, after, strict=True)
    )
    # A synthetic row can hold the negative of a label that all rows had; the shift is then not
    # finite, which no model could have learned either.
    return SamplingRates(_finite(positives), _finite(negatives), label_names)


def _finite(rates: Float) -> Float:
    return np.where(np.isfinite(rates), rates, 1.0)

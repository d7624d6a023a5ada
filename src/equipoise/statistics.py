"""Statistics of paired comparisons over cross-validation folds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from equipoise._errors import InvalidInput, check_number


@dataclass(frozen=True)
class PairedDifference:
    """A mean difference over folds with its interval.

    Attributes:
        mean: mean of the differences.
        low: lower end of the interval; None where one fold, or none, leaves no spread to measure.
        high: upper end of the interval, likewise.
        p_value: two-sided, of no difference; None likewise.
        n_folds: number of differences.
        confidence: coverage of the interval.
    """

    mean: float
    low: float | None
    high: float | None
    p_value: float | None
    n_folds: int
    confidence: float

    @property
    def shown(self) -> bool:
        """Whether the interval excludes zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def paired_difference(
    differences: ArrayLike, test_over_train: float, *, confidence: float = 0.95
) -> PairedDifference:
    """Mean of paired fold differences with an interval that respects how folds overlap.

        mean ± t_{J-1} · s · sqrt(1/J + n_test/n_train)

    Folds share training rows, so their differences are not independent and the plain t interval
    is too narrow; the added n_test/n_train corrects the variance (Nadeau and Bengio, Machine
    Learning 52, 2003, section 3, eq. 9). It remains an approximation: not for deciding between
    treatments that differ by less than a few rows could turn.

    Args:
        differences: (J,) differences, one per fold (and repeat).
        test_over_train: test rows per training row in a fold: 1/(k-1) for k folds.
        confidence: coverage of the interval.

    Raises:
        InvalidInput: no difference, one that is not finite, or a ratio that is not positive.

    Examples:
        >>> d = paired_difference([0.02, 0.03, 0.01, 0.02, 0.02], test_over_train=1 / 4)
        >>> round(d.mean, 3), round(d.low, 4), round(d.high, 4)
        (0.02, 0.0068, 0.0332)
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise InvalidInput(
            "`differences` must hold at least one finite number per fold.",
            received=f"{values.tolist()}",
        )
    ratio = check_number("test_over_train", test_over_train, minimum=0.0, open_minimum=True)
    level = check_number(
        "confidence", confidence, minimum=0.0, maximum=1.0, open_minimum=True, open_maximum=True
    )
    mean, n = float(values.mean()), len(values)
    if n == 1:
        return PairedDifference(mean, None, None, None, n, level)
    error = float(values.std(ddof=1) * np.sqrt(1 / n + ratio))
    if error == 0:  # the same difference in every fold
        return PairedDifference(mean, mean, mean, 1.0 if mean == 0 else 0.0, n, level)
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    p_value = float(2 * stats.t.sf(abs(mean) / error, n - 1))
    return PairedDifference(mean, mean - half, mean + half, p_value, n, level)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Returns p-values adjusted for their number (Holm, Scand. J. Statist. 6, 1979).

    Sorted ascending, p_(i) becomes the largest of (m - j + 1) · p_(j) over j ≤ i, at most 1.

    Examples:
        >>> holm([0.01, 0.04, 0.03])
        array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():
        raise InvalidInput("`p_values` must be numbers from 0 to 1.", received=p.tolist())
    order = np.argsort(p, kind="stable")
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order])
    result = np.empty_like(p)
    result[order] = np.minimum(adjusted, 1.0)
    return result

"""Statistics of comparisons: over the folds of one data set, and over several data sets."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from equipoise._errors import InvalidInput, check_integer, check_number


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
    level = _share("confidence", confidence)
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


def rows_needed(
    difference: PairedDifference,
    n_rows: int,
    *,
    level: float = 0.05,
    power: float = 0.8,
    n_comparisons: int = 1,
) -> int | None:
    """About how many rows would show a difference of the size that was observed.

        n_rows · ((t_{1 - level/2m} + t_{power}) · error / mean)²,  t with J - 1 degrees of freedom

    The same number of folds on f times the rows has an error smaller by √f. It takes the observed
    difference for the true one and the treatments for as good on more rows: a guide to whether
    more data is worth collecting, not for planning a trial to the row.

    Args:
        difference: what was observed.
        n_rows: rows on which it was.
        level: two-sided error rate of the test.
        power: chance with which a true difference of this size is to be shown.
        n_comparisons: m, the number of treatments that are tested together (Bonferroni).

    Returns:
        A number of rows, less than `n_rows` where there were more than enough; None where one
        fold left no spread to measure, or there is no difference to be shown.

    Examples:
        >>> d = paired_difference([0.02, -0.01, 0.03, -0.02, 0.01], test_over_train=1 / 4)
        >>> rows_needed(d, 1000)
        74278
    """
    n_rows = check_integer("n_rows", n_rows, minimum=1)
    m = check_integer("n_comparisons", n_comparisons, minimum=1)
    level, power = _share("level", level), _share("power", power)
    if difference.low is None or difference.high is None or difference.mean == 0:
        return None
    freedom = difference.n_folds - 1
    reach = float(stats.t.ppf((1 + difference.confidence) / 2, freedom))
    error = (difference.high - difference.low) / 2 / reach
    wanted = float(stats.t.ppf(1 - level / (2 * m), freedom) + stats.t.ppf(power, freedom))
    rows = n_rows * (wanted * error / difference.mean) ** 2
    return None if not math.isfinite(rows) else math.ceil(rows)


@dataclass(frozen=True)
class Ranks:
    """Ranks of several treatments over several data sets.

    Attributes:
        average: (T,) average rank of each treatment; 1 is best.
        statistic: Friedman's chi-square, corrected for ties.
        p_value: of treatments that are all alike.
        critical_difference: two treatments whose average ranks differ by more are told apart
            (Nemenyi).
        n_sets: number of data sets.
        level: error rate of the test over all pairs.
    """

    average: NDArray[np.float64]
    statistic: float
    p_value: float
    critical_difference: float
    n_sets: int
    level: float


def friedman_nemenyi(
    scores: ArrayLike, *, higher_is_better: bool = True, level: float = 0.05
) -> Ranks:
    """Ranks treatments within each data set, and says which average ranks differ.

        χ² = 12 K / (T (T + 1)) · Σ_t (r̄_t - (T + 1)/2)²,  divided by 1 - Σ (g³ - g) / (K (T³ - T))
        critical difference = q · sqrt(T (T + 1) / (6 K)),  q = studentised range / √2

    with g the sizes of groups of ties. Data sets are the units: folds of one set say nothing of
    other data. Few sets tell little apart: with 9 sets and 10 treatments, ranks must differ by
    4.5. Not for two treatments on many sets, where the signed-rank test sees more.

    Args:
        scores: (K, T) one score per data set and treatment.
        higher_is_better: whether rank 1 is the highest score.
        level: error rate over all pairs.

    Raises:
        InvalidInput: fewer than two data sets or two treatments, or a score that is not finite.

    Examples:
        >>> ranks = friedman_nemenyi([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4], [0.8, 0.9, 0.1]])
        >>> ranks.average.round(2), round(ranks.critical_difference, 2)
        (array([1.33, 1.67, 3.  ]), 1.91)

    Reference: Friedman, JASA 32, 1937; Nemenyi, thesis, Princeton 1963; Demšar, JMLR 7, 2006,
    section 3.2.2.
    """
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2 or not np.isfinite(values).all():
        raise InvalidInput(
            "`scores` must hold a finite number for each of at least two data sets (rows) and two "
            "treatments (columns).",
            received=f"scores.shape={values.shape}, "
            f"{np.count_nonzero(~np.isfinite(values))} not finite",
            remedy="Leave out treatments that were not measured on every data set.",
        )
    level = _share("level", level)
    n_sets, n = values.shape
    ranks = stats.rankdata(-values if higher_is_better else values, axis=1)
    average = ranks.mean(axis=0)
    tied = sum(
        float((g**3 - g).sum())
        for g in (np.unique(row, return_counts=True)[1].astype(np.float64) for row in ranks)
    )
    share = 1 - tied / (n_sets * (n**3 - n))
    statistic = 0.0
    if share > 0:
        spread = float(((average - (n + 1) / 2) ** 2).sum())
        statistic = 12 * n_sets / (n * (n + 1)) * spread / share
    q = float(stats.studentized_range.isf(level, n, np.inf)) / math.sqrt(2)
    return Ranks(
        average,
        statistic,
        float(stats.chi2.sf(statistic, n - 1)),
        q * math.sqrt(n * (n + 1) / (6 * n_sets)),
        n_sets,
        level,
    )


def _share(argument: str, value: object) -> float:
    return check_number(
        argument, value, minimum=0.0, maximum=1.0, open_minimum=True, open_maximum=True
    )

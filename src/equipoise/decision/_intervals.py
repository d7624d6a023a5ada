"""Intervals of the metric at the chosen thresholds, corrected for the optimism of choosing.

The metric that the best cut reaches on its own sample is too good. The best cut of a resample,
judged on the sample it was drawn from, loses about as much as the best cut of the sample loses on
the population; the distribution of that loss, in units of its standard error, gives the interval
(a studentised bootstrap of the whole procedure: Davison and Hinkley, 1997, section 5.2).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from equipoise.decision._constraints import Constraints
from equipoise.decision._objective import Objective
from equipoise.decision._resampled import Counts, ResampledLabel, draw, resampled_labels
from equipoise.decision._rules import Found, OnSamples
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

# A resample of few positives may hold no error at all, and then seems to know its metric exactly.
_SMALLEST_ERROR = 0.7
_ROUNDING = 1e-9  # in standard errors: less is no difference


def intervals(
    cells: ScoredCells,
    goal: Objective,
    limits: Constraints,
    found: Found,
    confidence: float,
    n_samples: int,
    random_state: int,
) -> tuple[Float, Float]:
    """Returns (L,) metrics without optimism, and (L, 2) intervals; NaN for labels not tuned."""
    corrected = np.full(cells.n_labels, np.nan)
    ends = np.full((cells.n_labels, 2), np.nan)
    samples = draw(cells.n_rows, n_samples, random_state)
    for label in resampled_labels(cells, goal, limits):
        i = label.label
        if not np.isnan(found.values[i]):
            value = float(found.values[i])
            corrected[i], *ends[i] = _interval(label, value, found.on_samples, samples, confidence)
    if goal.cost is not None:
        return -corrected, -ends[:, ::-1]
    return corrected, ends


def _interval(
    label: ResampledLabel,
    chosen: float,
    on_samples: OnSamples | None,
    samples: NDArray[np.uint8],
    confidence: float,
) -> tuple[float, float, float]:
    """Returns the corrected estimate, and the ends of its interval."""
    if on_samples is None:
        places, inside = label.best(samples)
        outside = label.whole(label.cuts.score, places)
    else:
        thresholds = on_samples(label, samples)
        inside, outside = label.at_own(thresholds, samples), label.whole(thresholds)
    here = label.whole(np.array([chosen]))
    reached, error = label.values(here)[0], standard_error(label, here)[0]
    lost = label.values(inside) - label.values(outside)
    errors = np.maximum(standard_error(label, inside), _SMALLEST_ERROR * error)
    drawn = inside.positive[:, 0] > 0  # a sample without a positive says nothing
    tail = (1 - confidence) / 2
    if (np.abs(lost[drawn]) > _ROUNDING * error).any():
        low, high = np.quantile((lost / errors)[drawn], [tail, 1 - tail], method="weibull")
    else:  # every sample says the same, as where no positive is found: they know no better
        low, high = ndtri([tail, 1 - tail])
    ends = np.array([reached - lost[drawn].mean(), reached - error * high, reached - error * low])
    corrected, low, high = np.clip(ends, *label.goal.ends(label.label)).tolist()
    return corrected, low, high


def standard_error(label: ResampledLabel, counts: Counts) -> Float:
    """Returns the standard error of the objective of each sample, by the delta method."""
    value, n = label.goal.value(label.label), label.effective_size()
    tp, fp, positive, negative = (part[:, 0] for part in counts)
    outcomes = np.stack([tp, fp, positive - tp, negative - fp])
    total = outcomes.sum(axis=0)
    outcomes *= n / np.where(total > 0, total, 1.0)  # a sample may hold no known cell at all
    # Where a sample holds no error of a kind, the next may: half of one is assumed.
    outcomes = np.maximum(outcomes, 0.5)
    slopes = np.empty_like(outcomes)
    for i, outcome in enumerate(outcomes):
        ends = []
        for sign in (1, -1):
            moved = outcomes.copy()
            moved[i] += sign * 1e-4 * outcome
            ends.append(value(moved[0], moved[1], moved[0] + moved[2], moved[1] + moved[3]))
        slopes[i] = (ends[0] - ends[1]) / (2e-4 * outcome)
    # A function of shares only: the outcomes times their slopes add up to nothing.
    return np.sqrt((outcomes * slopes**2).sum(axis=0))

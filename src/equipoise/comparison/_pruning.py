"""Successive halving: treatments that clearly lose are trained on no more folds."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import Comparison
from equipoise.statistics import holm, paired_difference

_FIRST = 3  # two folds have intervals too wide to tell anything
_LEVEL = 0.05


def rungs(n_folds: int) -> list[range]:
    """Returns the folds between which treatments are judged: up to 3, 6, 12, … of them."""
    ends = [_FIRST]
    while ends[-1] < n_folds:
        ends.append(2 * ends[-1])
    starts = [0, *ends[:-1]]
    return [range(start, min(end, n_folds)) for start, end in zip(starts, ends, strict=True)]


def clear_losers(comparison: Comparison, metric: str, among: Iterable[str]) -> set[str]:
    """Returns the treatments of the worse half that are shown to be worse than the best.

    Halving alone would drop half of what is equally good. What is dropped here has lost by an
    interval that respects how folds overlap, adjusted for the number of treatments (Holm).
    """
    values, left = comparison.values(metric), set(among)
    ranked = [
        name
        for name in comparison.ranked(metric)
        if name in left and not np.isnan(values[name]).all()
    ]
    if len(ranked) < 2:
        return set()
    sign = 1 if METRICS[metric].higher_is_better else -1
    p_values = {}
    for name in ranked[1:]:
        gap = sign * (values[ranked[0]] - values[name])
        gap = gap[~np.isnan(gap)]
        if len(gap) < _FIRST:
            continue
        lost = paired_difference(gap, comparison.test_over_train)
        if lost.p_value is not None and lost.mean > 0:
            p_values[name] = lost.p_value
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    worse = ranked[(len(ranked) + 1) // 2 :]
    return {
        name for name in worse if adjusted.get(name, 1.0) < _LEVEL and name != comparison.baseline
    }

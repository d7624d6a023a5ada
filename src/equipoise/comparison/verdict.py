"""The verdict of a comparison in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from equipoise.comparison.metrics import METRICS
from equipoise.statistics import PairedDifference

if TYPE_CHECKING:
    from equipoise.comparison.result import Comparison

_LEVEL = 0.05
# A calibration error that grows by less is not worth a sentence.
_DISTORTED = 0.02


def verdict(comparison: Comparison) -> list[str]:
    """Returns one statement per question: decisions, thresholds, ranking, probabilities."""
    statements = [
        _question(comparison, "macro_f1_tuned"),
        _question(comparison, "macro_f1_half"),
        _threshold(comparison),
        _question(comparison, "macro_ap"),
        _probabilities(comparison),
    ]
    return [statement for statement in statements if statement]


def _question(comparison: Comparison, metric: str) -> str:
    """Which treatments differ from the baseline in one metric, adjusted for their number."""
    title = METRICS[metric].title
    title = title[0].upper() + title[1:]
    differences = comparison.differences(metric)
    if not differences:
        return ""
    adjusted = comparison.adjusted_p_values(metric)
    if not adjusted:
        return f"{title}: one fold shows no spread, so no difference can be shown; use more folds."
    shown = {n: d for n, d in differences.items() if adjusted.get(n, 1.0) < _LEVEL}
    if not shown:
        name = max(differences, key=lambda n: abs(differences[n].mean))
        several = f" among {len(differences)} treatments" if len(differences) > 1 else ""
        return (
            f"{title}: no difference shown{several}. The largest is {name}, "
            f"{_interval(differences[name])} against {comparison.baseline}."
        )
    parts = []
    for word, sign in (("better", 1), ("worse", -1)):
        names = [n for n, d in shown.items() if sign * d.mean > 0]
        names.sort(key=lambda n: -abs(shown[n].mean))
        if names:
            listed = ", ".join(f"{n} by {_interval(shown[n])}" for n in names)
            parts.append(f"{word} than {comparison.baseline}: {listed}")
    rest = len(differences) - len(shown)
    tail = f" No difference shown for the other {rest}." if rest else ""
    return f"{title}: {'; '.join(parts)}.{tail}"


def _interval(d: PairedDifference) -> str:
    return f"{d.mean:+.3f} ({d.confidence:.0%} interval {d.low:+.3f} to {d.high:+.3f})"


def _threshold(comparison: Comparison) -> str:
    """What tuning the thresholds does for the untreated model."""
    half = comparison.means("macro_f1_half")
    tuned = comparison.means("macro_f1_tuned")
    base = comparison.baseline
    best = comparison.best("macro_f1_half")
    return (
        f"Tuned thresholds bring the macro-F1 of {base} from {half[base]:.3f} to "
        f"{tuned[base]:.3f}; the best treatment at 0.5 is {best} with {half[best]:.3f}."
    )


def _probabilities(comparison: Comparison) -> str:
    """How far weights distort the probabilities, and what the correction restores."""
    raw, corrected = comparison.means("ece_raw"), comparison.means("ece")
    worst = max(comparison.treatments, key=lambda n: raw[n])
    base = comparison.baseline
    if not raw[worst] - raw[base] > _DISTORTED:
        return (
            f"Probabilities: no treatment distorts them; the largest calibration error is "
            f"{raw[worst]:.3f} ({worst})."
        )
    return (
        f"Probabilities: {worst} distorts them most, calibration error {raw[worst]:.3f} against "
        f"{raw[base]:.3f} of {base}; {_repaired(corrected[worst])}."
    )


def _repaired(error: float) -> str:
    return "no formula corrects them" if math.isnan(error) else f"corrected it is {error:.3f}"

"""The verdict of a comparison in plain words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from equipoise.comparison.metrics import METRICS
from equipoise.statistics import PairedDifference, rows_needed

if TYPE_CHECKING:
    from equipoise.comparison.result import Comparison

_LEVEL = 0.05
# A calibration error that grows by less is not worth a sentence.
_DISTORTED = 0.02
# More data than so many times what there is, nobody collects.
_HOPELESS = 100


def verdict(comparison: Comparison) -> list[str]:
    """Returns one statement per question: decisions, thresholds, ranking, probabilities."""
    statements = [
        _failed(comparison),
        _pruned(comparison),
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
        name = max(adjusted, key=lambda n: abs(differences[n].mean))
        several = f" among {len(differences)} treatments" if len(differences) > 1 else ""
        return (
            f"{title}: no difference shown{several}. The largest is {name}, "
            f"{_interval(differences[name])} against {comparison.baseline}."
            f"{_data_needed(comparison, differences[name], len(adjusted))}"
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


def _data_needed(comparison: Comparison, d: PairedDifference, n_compared: int) -> str:
    """How many rows a difference of this size would need to be shown."""
    n_rows = comparison.stats.n_rows
    rows = rows_needed(d, n_rows, level=_LEVEL, n_comparisons=n_compared)
    if rows is None:
        return ""
    if rows > _HOPELESS * n_rows:
        return f" To show one of this size would take more than {_HOPELESS} times the data."
    if rows <= n_rows:  # by luck it was not shown
        return " One of this size would be shown four times out of five on as much data again."
    return (
        f" To show one of this size four times out of five would take about {_rounded(rows)} rows "
        f"instead of {n_rows:,}."
    )


def _rounded(rows: int) -> str:
    """Two figures: the estimate has no more."""
    return f"{float(f'{rows:.2g}'):,.0f}"


def _failed(comparison: Comparison) -> str:
    """Which treatments failed, and why."""
    parts = []
    for name, reasons in comparison.failures().items():
        tried = sum(cell.treatment == name for cell in comparison.cells)
        where = "every fold" if len(reasons) == tried else f"{len(reasons)} of {tried} folds"
        parts.append(f"{name} on {where} ({next(iter(reasons.values())).removesuffix('.')})")
    return f"Failed: {'; '.join(parts)}." if parts else ""


def _pruned(comparison: Comparison) -> str:
    """Which treatments were given up."""
    parts = [f"{name} after {n} folds" for name, n in comparison.pruned().items()]
    if not parts:
        return ""
    return (
        f"Given up as clearly losing: {', '.join(parts)}; their figures are means over those folds "
        "and not comparable to the others'."
    )


def _threshold(comparison: Comparison) -> str:
    """What tuning the thresholds does for the untreated model."""
    half = comparison.means("macro_f1_half")
    tuned = comparison.means("macro_f1_tuned")
    base = comparison.baseline
    if math.isnan(half[base]):
        return f"{base} was measured on no fold, so there is nothing to compare with."
    best = comparison.best("macro_f1_half")
    return (
        f"Tuned thresholds bring the macro-F1 of {base} from {half[base]:.3f} to "
        f"{tuned[base]:.3f}; the best treatment at 0.5 is {best} with {half[best]:.3f}."
    )


def _probabilities(comparison: Comparison) -> str:
    """How far weights distort the probabilities, and what the correction restores."""
    raw, corrected = comparison.means("ece_raw"), comparison.means("ece")
    base = comparison.baseline
    measured = [n for n in comparison.treatments if not math.isnan(raw[n])]
    if math.isnan(raw[base]):
        return ""
    worst = max(measured, key=lambda n: raw[n])
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

"""What a comparison measures on the test rows of a fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import exact
from equipoise._errors import Undefined
from equipoise.targets import Targets

RELIABILITY_BINS = 15
RECALLS = np.linspace(0, 1, 21)
LABEL_METRICS = ("f1_half", "f1_tuned", "average_precision")


@dataclass(frozen=True)
class Metric:
    """A column of the comparison: its key, its title, and which direction is better."""

    name: str
    title: str
    higher_is_better: bool = True


METRICS: dict[str, Metric] = {
    m.name: m
    for m in (
        Metric("macro_f1_half", "macro-F1 at 0.5"),
        Metric("macro_f1_tuned", "macro-F1 at tuned thresholds"),
        Metric("micro_f1_half", "micro-F1 at 0.5"),
        Metric("micro_f1_tuned", "micro-F1 at tuned thresholds"),
        Metric("macro_ap", "macro average precision"),
        Metric("macro_auc", "macro ROC-AUC"),
        Metric("log_loss_raw", "log loss, raw", False),
        Metric("log_loss", "log loss, corrected", False),
        Metric("brier_raw", "Brier score, raw", False),
        Metric("brier", "Brier score, corrected", False),
        Metric("ece_raw", "calibration error, raw", False),
        Metric("ece", "calibration error, corrected", False),
    )
}


@dataclass(frozen=True)
class Measured:
    """The figures of one fold and treatment.

    Attributes:
        metrics: one number per entry of `METRICS`; NaN where undefined.
        per_label: (L,) arrays, one per entry of `LABEL_METRICS`, NaN where undefined.
        precision: (R,) macro precision at the recalls of `RECALLS`, over the judged labels.
        reliability: "raw" and "corrected", each (3, bins): cells, sum of probabilities, positives;
            zeros where there are no corrected probabilities.
    """

    metrics: dict[str, float]
    per_label: dict[str, NDArray[np.float64]]
    precision: NDArray[np.float64]
    reliability: dict[str, NDArray[np.float64]]


def measure(
    targets: Targets,
    raw: NDArray[np.float64],
    scores: NDArray[np.float64],
    decisions: NDArray[np.uint8],
    judged: NDArray[np.bool_],
    *,
    corrected: bool = True,
) -> Measured:
    """Measures predictions on test rows.

    Args:
        targets: the true labels.
        raw: (N, L) probabilities as the network gives them.
        scores: (N, L) numbers in [0, 1] to rank by.
        decisions: (N, L) 0/1 at tuned thresholds.
        judged: (L,) labels that enter macro averages, where they have a positive among these rows.
        corrected: whether the scores are corrected probabilities; if not, what is measured of
            such is NaN.
    """
    half = (raw >= 0.5).astype(np.uint8)
    present = np.asarray(targets.values.sum(axis=0)).reshape(-1) > 0
    f1 = {
        name: np.where(present, exact.f_beta(targets, d, average=None), np.nan)
        for name, d in (("half", half), ("tuned", decisions))
    }
    average_precision = exact.average_precision(targets, scores, average=None)
    auc = exact.roc_auc(targets, scores, average=None)
    metrics = {
        "macro_f1_half": _macro(f1["half"], judged),
        "macro_f1_tuned": _macro(f1["tuned"], judged),
        "micro_f1_half": _defined(exact.f_beta, targets, half, average="micro"),
        "micro_f1_tuned": _defined(exact.f_beta, targets, decisions, average="micro"),
        "macro_ap": _macro(average_precision, judged),
        "macro_auc": _macro(auc, judged),
    }
    of_probabilities = {
        "log_loss": exact.log_loss,
        "brier": exact.brier_score,
        "ece": exact.expected_calibration_error,
    }
    for name, metric in of_probabilities.items():
        metrics[f"{name}_raw"] = _defined(metric, targets, raw, average="micro")
        metrics[name] = (
            _defined(metric, targets, scores, average="micro") if corrected else float("nan")
        )
    reliability = {"raw": _reliability(targets, raw)}
    reliability["corrected"] = (
        _reliability(targets, scores) if corrected else np.zeros_like(reliability["raw"])
    )
    return Measured(
        metrics,
        {"f1_half": f1["half"], "f1_tuned": f1["tuned"], "average_precision": average_precision},
        _macro_precision(targets, scores, judged),
        reliability,
    )


def _macro_precision(
    targets: Targets, scores: NDArray[np.float64], judged: NDArray[np.bool_]
) -> NDArray[np.float64]:
    per_label = exact.precision_at_recall(targets, scores, RECALLS, average=None)
    defined = judged & ~np.isnan(per_label[:, 0])
    return per_label[defined].mean(axis=0) if defined.any() else np.full(len(RECALLS), np.nan)


def _macro(values: NDArray[np.float64], judged: NDArray[np.bool_]) -> float:
    """Mean over the judged labels that are defined in this fold."""
    defined = judged & ~np.isnan(values)
    return float(values[defined].mean()) if defined.any() else float("nan")


def _defined(metric: Any, *arguments: Any, **options: Any) -> float:
    try:
        return float(metric(*arguments, **options))
    except Undefined:  # a test part without any positive or any known cell
        return float("nan")


def _reliability(targets: Targets, p: NDArray[np.float64]) -> NDArray[np.float64]:
    known = targets.known
    y, p = targets.to_dense().values[known].astype(np.float64), p[known]
    bins = np.minimum((p * RELIABILITY_BINS).astype(np.intp), RELIABILITY_BINS - 1)
    return np.stack(
        [np.bincount(bins, weights=w, minlength=RELIABILITY_BINS) for w in (np.ones_like(p), p, y)]
    )

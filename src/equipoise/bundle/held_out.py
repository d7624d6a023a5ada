"""What the held-out rows of a training show: figures with intervals, for the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.decision import Thresholds, judge_thresholds, tune_thresholds
from equipoise.targets import Targets
from equipoise.training.fitted import FittedTreatment

_CONFIDENCE = 0.95

# Intervals need samples of all held-out cells; of very many cells fewer samples do.
_MOST_SAMPLES, _FEWEST_SAMPLES, _CELLS_OF_SAMPLES = 200, 50, 4e8


def of_held_out_rows(fitted: FittedTreatment, targets: Targets, seed: int = 0) -> dict[str, Any]:
    """Returns what the scores of the held-out rows reach, as plain numbers; None is undefined.

    Each row has been scored by networks that did not see it. F1 is corrected for the
    thresholds' having been found on the same rows, where they were.

    Args:
        fitted: what was trained; not one that was loaded, which has no held-out scores.
        targets: the labels of all rows that it was trained on.
        seed: of the samples behind the intervals.

    Raises:
        InvalidInput: labels of other rows, or none held out.
    """
    if not len(fitted.held_rows):
        raise InvalidInput(
            "There are no scores of held-out rows: a bundle does not keep them.",
            remedy="Save it without `y`.",
        )
    if targets.label_names != fitted.label_names or int(fitted.held_rows[-1]) >= targets.n_rows:
        raise InvalidInput(
            "`y` must be the labels that `fit` saw.",
            received=f"{targets.n_rows} rows, {targets.n_labels} labels",
        )
    held, scores = targets.take(fitted.held_rows), fitted.held_scores
    judged = _judged(fitted, held, seed)
    overall: dict[str, float | None] = {}
    for name, metric, given in (
        ("macro average precision", exact.average_precision, scores),
        ("macro ROC AUC", exact.roc_auc, scores),
        ("log loss", exact.log_loss, scores),
        ("expected calibration error", exact.expected_calibration_error, scores),
    ):
        probable = name in ("log loss", "expected calibration error")
        if probable and not fitted.has_probabilities:
            continue
        try:
            overall[name] = float(metric(held, given, average="micro" if probable else "macro"))
        except Undefined:
            overall[name] = None
    best = judged.corrected_values if judged.corrected_values is not None else judged.metric_values
    f1 = np.where(np.isnan(best), judged.metric_values, best)  # type: ignore[arg-type]
    overall["macro F1"] = None if np.isnan(f1).all() else float(np.nanmean(f1))
    assert judged.intervals is not None  # set by either
    rows = zip(
        fitted.label_names,
        _plain(judged.values),
        _plain(f1),
        _plain(judged.intervals[:, 0]),
        _plain(judged.intervals[:, 1]),
        strict=True,
    )
    keys = ("label", "threshold", "f1", "f1_low", "f1_high")
    return {
        "n_rows": len(fitted.held_rows),
        "confidence": _CONFIDENCE,
        "overall": overall,
        "labels": [dict(zip(keys, row, strict=True)) for row in rows],
    }


def of_data(targets: Targets, name: str, n_features: int) -> dict[str, Any]:
    """Returns what the training data was, as plain values."""
    known = targets.known.sum(axis=0)
    positives = np.asarray(targets.positives().sum(axis=0)).reshape(-1)
    return {
        "name": name,
        "n_rows": targets.n_rows,
        "n_features": n_features,
        "positives": [int(n) for n in positives],
        "unknown": [int(n) for n in targets.n_rows - known],
    }


def _judged(fitted: FittedTreatment, held: Targets, seed: int) -> Thresholds:
    n_samples = np.clip(_CELLS_OF_SAMPLES / fitted.held_scores.size, _FEWEST_SAMPLES, _MOST_SAMPLES)
    how: Any = {"confidence": _CONFIDENCE, "n_samples": int(n_samples), "random_state": seed}
    if held.task == "multiclass":  # the most probable class is the decision
        first = Thresholds(np.zeros(held.n_labels), fitted.label_names, labels_per_row=1)
        return judge_thresholds(held, fitted.held_scores, first, **how)
    rule: Any = fitted.thresholds.rule
    if rule is None:  # values of the user's own, which no row has influenced
        return judge_thresholds(held, fitted.held_scores, fitted.thresholds, **how)
    found = tune_thresholds(held, fitted.held_scores, rule=rule, **how)
    # With weights of rows the thresholds were others than these, so they are judged as they are.
    if np.array_equal(found.values, fitted.thresholds.values):
        return found
    return judge_thresholds(held, fitted.held_scores, fitted.thresholds, **how)


def _plain(numbers: NDArray[np.float64]) -> list[float | None]:
    return [None if value != value else float(value) for value in numbers]


def by_label(held_out: Mapping[str, Any] | None) -> dict[str, Mapping[str, Any]]:
    """Returns the figures of each label by its name."""
    return {} if held_out is None else {row["label"]: row for row in held_out["labels"]}

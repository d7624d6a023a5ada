"""A comparison as the plain document that the report layer renders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from equipoise.comparison.context_sections import (
    audit_sections,
    origin_sections,
    weight_sections,
)
from equipoise.comparison.metrics import METRICS, RECALLS
from equipoise.evaluation.data_sections import data_sections

if TYPE_CHECKING:
    from equipoise.comparison.result import Comparison

_FIGURE_METRICS = ("macro_f1_tuned", "macro_f1_half")


def document(comparison: Comparison, title: str) -> dict[str, Any]:
    """Returns the report document of a comparison."""
    return {
        "title": title,
        "lead": comparison.verdict(),
        "sections": [
            _leaderboard(comparison),
            *_failures(comparison),
            _differences(comparison),
            *weight_sections(comparison),
            _labels(comparison),
            _curves(comparison),
            _probabilities(comparison),
            *data_sections(comparison.stats),
            *audit_sections(comparison),
            *origin_sections(comparison),
        ],
    }


def _leaderboard(comparison: Comparison) -> dict[str, Any]:
    table = comparison.table()
    shown = [
        "macro_f1_tuned",
        "difference",
        "low",
        "high",
        "macro_f1_half",
        "micro_f1_tuned",
        "micro_f1_half",
        "macro_ap",
        "macro_auc",
        "log_loss_raw",
        "log_loss",
        "ece_raw",
        "ece",
        "folds",
        "seconds",
    ]
    titles = {
        "folds": "folds",
        "difference": f"… minus {comparison.baseline}",
        "low": "95% from",
        "high": "to",
        "seconds": "seconds a fold",
    }
    columns: list[dict[str, Any]] = [{"title": "treatment"}]
    for name in shown:
        signed = name in ("difference", "low", "high")
        title = titles[name] if name in titles else METRICS[name].title
        columns.append({"title": title, "digits": 1 if name == "seconds" else 3, "signed": signed})
    return {
        "heading": "Leaderboard",
        "paragraphs": [
            (
                f"Means over {comparison.n_folds} test folds. Macro averages are over the "
                f"{int(comparison.judged.sum())} of {len(comparison.judged)} labels with enough "
                "positives, where a test fold has any. Thresholds are tuned on rows held out of "
                "the training part; raw is what the network says, corrected is after the "
                "closed-form correction."
            ),
            *_without_correction(comparison),
        ],
        "table": {"columns": columns, "rows": table.select("treatment", *shown).rows()},
    }


def _failures(comparison: Comparison) -> list[dict[str, Any]]:
    """Every cell that failed, with its reason; nothing where there is none."""
    rows = [
        [name, fold + 1, reason]
        for name, reasons in comparison.failures().items()
        for fold, reason in reasons.items()
    ]
    if not rows:
        return []
    return [
        {
            "heading": "What failed",
            "paragraphs": [
                "Means of a treatment that failed on some folds are over the others; its "
                "differences are over the folds that both have."
            ],
            "table": {
                "columns": [{"title": "treatment"}, {"title": "fold"}, {"title": "reason"}],
                "rows": rows,
            },
        }
    ]


def uncorrected(comparison: Comparison) -> list[str]:
    """Returns the treatments whose loss no formula undoes: they have no probabilities."""
    raw, corrected = comparison.means("ece_raw"), comparison.means("ece")
    return [n for n in comparison.treatments if np.isnan(corrected[n]) and not np.isnan(raw[n])]


def _without_correction(comparison: Comparison) -> list[str]:
    names = uncorrected(comparison)
    if not names:
        return []
    return [
        f"No formula undoes the loss of {', '.join(names)}: what it gives only ranks, so there are "
        "no corrected probabilities, and thresholds are tuned on what the network says."
    ]


def _differences(comparison: Comparison) -> dict[str, Any]:
    names = [n for n in comparison.ranked() if n != comparison.baseline]
    series = []
    for metric in _FIGURE_METRICS:
        d = comparison.differences(metric)
        series.append(
            {
                "title": METRICS[metric].title,
                "values": [d[n].mean if n in d else None for n in names],
                "low": [d[n].low if n in d else None for n in names],
                "high": [d[n].high if n in d else None for n in names],
            }
        )
    section: dict[str, Any] = {"heading": f"Differences to {comparison.baseline}"}
    if not names:
        return section | {"paragraphs": ["There is no other treatment."]}
    return section | {
        "figure": {
            "kind": "intervals",
            "names": names,
            "xlabel": f"macro-F1 minus that of {comparison.baseline}",
            "series": series,
            "caption": "Mean difference over folds with 95% intervals that respect how folds "
            "overlap (Nadeau and Bengio 2003). An interval across zero shows no difference; the "
            "verdict also allows for the number of treatments (Holm).",
        }
    }


def _curves(comparison: Comparison) -> dict[str, Any]:
    names = comparison.ranked("macro_ap")
    series = [
        {"title": name, "x": RECALLS.tolist(), "y": comparison.precision_curve(name).tolist()}
        for name in names
        if not np.isnan(comparison.precision_curve(name)).any()
    ]
    return {
        "heading": "Precision against recall",
        "figure": {
            "kind": "curves",
            "series": series,
            "xlabel": "recall",
            "ylabel": "macro precision",
            "caption": "The best precision at each recall, the mean over labels and test folds.",
        },
        "paragraphs": [
            "A comparison keeps figures and not the scores of rows. For the counts at other "
            "thresholds, judge a trained model: equipoise evaluate BUNDLE DATA --report FILE."
        ],
    }


def _probabilities(comparison: Comparison) -> dict[str, Any]:
    raw = comparison.means("ece_raw")
    worst = max(comparison.treatments, key=lambda n: np.nan_to_num(raw[n], nan=-1.0))
    wanted = dict.fromkeys([(comparison.baseline, "raw"), (worst, "raw"), (worst, "corrected")])
    series = []
    for name, kind in wanted:
        if kind == "corrected" and name in uncorrected(comparison):
            continue
        cells, predicted, observed = comparison.reliability(name, kind)
        series.append(
            {
                "title": f"{name}, {kind}",
                "cells": cells.tolist(),
                "predicted": _without_nan(predicted),
                "observed": _without_nan(observed),
            }
        )
    return {
        "heading": "Can the probabilities be believed?",
        "figure": {
            "kind": "reliability",
            "series": series,
            "caption": "Calibrated probabilities lie on the dotted line. All labels pooled; larger "
            "markers stand for more cells.",
        },
    }


def _labels(comparison: Comparison) -> dict[str, Any]:
    """Per label: figures of the baseline and of the best other treatment, and what changed."""
    others = [n for n in comparison.ranked() if n != comparison.baseline]
    other = others[0] if others else comparison.baseline
    base, best = (
        comparison.label_table().filter(treatment=name).to_dicts()
        for name in (comparison.baseline, other)
    )
    differences = comparison.label_differences(other)
    gained = sum(1 for d in differences if d is not None and d.shown and d.mean > 0)
    lost = sum(1 for d in differences if d is not None and d.shown and d.mean < 0)
    columns: list[dict[str, Any]] = [
        {"title": "label"},
        {"title": "positives"},
        {"title": f"F1 at 0.5, {comparison.baseline}"},
        {"title": f"F1 at 0.5, {other}"},
        {"title": f"F1 tuned, {comparison.baseline}"},
        {"title": f"F1 tuned, {other}"},
        {"title": "difference", "signed": True},
        {"title": "95% from", "signed": True},
        {"title": "to", "signed": True},
        {"title": f"average precision, {comparison.baseline}"},
        {"title": f"average precision, {other}"},
    ]
    order = np.argsort(-comparison.stats.positives, kind="stable").tolist()
    rows: list[list[Any]] = []
    for i in order:
        d = differences[i]
        rows.append(
            [
                comparison.stats.label_names[i],
                int(comparison.stats.positives[i]),
                base[i]["f1_half"],
                best[i]["f1_half"],
                base[i]["f1_tuned"],
                best[i]["f1_tuned"],
                *([None] * 3 if d is None else [d.mean, d.low, d.high]),
                base[i]["average_precision"],
                best[i]["average_precision"],
            ]
        )
    judged = [i for i in order if differences[i] is not None]
    chance = f"{0.05 * len(judged):.0f}" if len(judged) >= 20 else "hardly any"
    summary = (
        f"With {other} at tuned thresholds, {gained} labels gain and {lost} lose against "
        f"{comparison.baseline} with an interval that excludes 0; {chance} of {len(judged)} would "
        "by chance."
    )
    return {
        "heading": "Labels: who gains, who loses",
        "paragraphs": [summary],
        "figure": {
            "kind": "changes",
            "positives": [int(comparison.stats.positives[i]) for i in judged],
            "series": {
                "title": f"F1 of {other} minus {comparison.baseline}, tuned",
                "values": [differences[i].mean for i in judged],
                "low": [differences[i].low for i in judged],
                "high": [differences[i].high for i in judged],
            },
            "caption": "One point per label, with its 95% interval over folds: rare labels left, "
            "frequent labels right.",
        },
        "table": {"columns": columns, "rows": rows},
    }


def _without_nan(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]

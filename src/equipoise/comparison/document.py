"""A comparison as the plain document that the report layer renders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from equipoise.comparison.metrics import METRICS

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
            _differences(comparison),
            _probabilities(comparison),
            _labels(comparison),
            _data(comparison),
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
        "seconds",
    ]
    titles = {
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
            )
        ],
        "table": {"columns": columns, "rows": table.select("treatment", *shown).rows()},
    }


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


def _probabilities(comparison: Comparison) -> dict[str, Any]:
    raw = comparison.means("ece_raw")
    worst = max(comparison.treatments, key=lambda n: raw[n])
    wanted = dict.fromkeys([(comparison.baseline, "raw"), (worst, "raw"), (worst, "corrected")])
    series = []
    for name, kind in wanted:
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
    best = comparison.ranked()
    best = next((n for n in best if n != comparison.baseline), comparison.baseline)
    names = list(dict.fromkeys([comparison.baseline, best]))
    per_treatment = {
        name: comparison.label_table().filter(treatment=name).to_dicts() for name in names
    }
    columns: list[dict[str, Any]] = [{"title": "label"}, {"title": "positives"}]
    for name in names:
        columns += [
            {"title": f"F1 at 0.5, {name}"},
            {"title": f"F1 tuned, {name}"},
            {"title": f"average precision, {name}"},
        ]
    rows = []
    for i in np.argsort(-comparison.stats.positives, kind="stable"):
        row: list[Any] = [comparison.stats.label_names[i], int(comparison.stats.positives[i])]
        for name in names:
            entry = per_treatment[name][i]
            row += [entry["f1_half"], entry["f1_tuned"], entry["average_precision"]]
        rows.append(row)
    return {"heading": "Labels", "table": {"columns": columns, "rows": rows}}


def _data(comparison: Comparison) -> dict[str, Any]:
    stats = comparison.stats
    facts: list[tuple[str, Any]] = [
        ("rows", stats.n_rows),
        ("labels", stats.n_labels),
        ("input attributes", stats.n_features),
        ("labels a row (cardinality)", stats.cardinality),
        ("mean imbalance ratio", stats.mean_ir),
        ("largest imbalance ratio", stats.max_ir),
        ("labels without any positive", len(stats.absent_labels)),
    ]
    if stats.labelsets is not None:
        facts += [
            ("distinct label sets", stats.n_labelsets),
            ("rows without any label", stats.labelsets.get(b"", 0)),
            ("SCUMBLE", stats.scumble),
        ]
    return {
        "heading": "Data",
        "table": {"columns": [{"title": "measure"}, {"title": "value"}], "rows": facts},
    }


def _without_nan(values: np.ndarray) -> list[float | None]:
    return [None if np.isnan(v) else float(v) for v in values]

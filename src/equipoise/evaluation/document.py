"""An evaluation as the plain document that the report layer renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from equipoise._errors import shown_list
from equipoise.evaluation.data_sections import data_sections
from equipoise.evaluation.versions import versions

if TYPE_CHECKING:
    from equipoise.evaluation.evaluate import Evaluation

TITLES = {
    "macro_ap": "macro average precision",
    "micro_ap": "micro average precision",
    "macro_auc": "macro ROC AUC",
    "micro_auc": "micro ROC AUC",
    "ranking_loss": "ranking loss (lower is better)",
    "coverage_error": "coverage error (lower is better)",
    "label_ranking_ap": "label ranking average precision",
    "precision_at_1": "precision of the highest label",
    "ndcg_at_5": "nDCG of the five highest labels",
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "samples_f1": "F1 of rows",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "macro_balanced_accuracy": "macro balanced accuracy",
    "macro_matthews": "macro Matthews correlation",
    "hamming_loss": "Hamming loss (lower is better)",
    "subset_accuracy": "rows decided right as a whole",
    "log_loss": "log loss (lower is better)",
    "brier_score": "Brier score (lower is better)",
    "ece": "calibration error (ECE, lower is better)",
    "macro_ece": "macro calibration error (lower is better)",
}
_FIGURES = {
    "bundle": (
        "Precision against recall",
        "The best precision at each recall. Thin lines, or of many the shades, are the labels.",
    ),
    "scatter": (
        "Rare and frequent labels",
        "By chance alone, average precision is the share of positives.",
    ),
    "reliability": (
        "Can the probabilities be believed?",
        "Calibrated probabilities lie on the dotted line. Bins of equal weight with 95% intervals; "
        "all labels pooled.",
    ),
}
_FEW = 50  # positives below which an interval is rough
_NAMED = 40


def document(evaluation: Evaluation, title: str) -> dict[str, Any]:
    """Returns the main figures of an evaluation as a report document."""
    sections = [_overall(evaluation), _labels(evaluation), _intervals(evaluation)]
    for figure in evaluation.figures:
        heading, caption = _FIGURES[figure["kind"]]
        sections.append({"heading": heading, "figure": {**figure, "caption": caption}})
    return {"title": title, "lead": _lead(evaluation), "sections": sections}


def full_document(evaluation: Evaluation, title: str) -> dict[str, Any]:
    """Returns the report document: the main figures, other thresholds, data, and origin."""
    main = document(evaluation, title)
    sections = [
        *main["sections"],
        *_thresholds(evaluation),
        *data_sections(evaluation.stats),
        _origin(evaluation),
    ]
    return main | {"sections": sections}


def _lead(evaluation: Evaluation) -> list[str]:
    overall, stats = evaluation.overall, evaluation.stats
    values = evaluation.thresholds.values
    at = f"{values[0]:.3g}" if (values == values[0]).all() else "the given thresholds"

    def shown(name: str) -> str:
        return "undefined" if np.isnan(overall[name]) else f"{overall[name]:.3f}"

    lines = [
        f"{stats.n_rows} rows, {stats.n_labels} labels. At {at}: macro-F1 "
        f"{shown('macro_f1')}, micro-F1 {shown('micro_f1')}. Ranking: macro average "
        f"precision {shown('macro_ap')}, macro ROC AUC {shown('macro_auc')}."
    ]
    best = evaluation.best
    if best is not None and best.overall is not None and best.corrected_values is not None:
        line = f"Other thresholds ({best.rule}) reach a macro-F1 of {best.overall:.3f} here"
        if not np.isnan(best.corrected_values).all():
            line += (
                f"; {float(np.nanmean(best.corrected_values)):.3f} without the optimism of "
                "tuning and judging on the same rows"
            )
        lines.append(line + ".")
    few = [
        name
        for name, n in zip(evaluation.thresholds.label_names, stats.positives, strict=True)
        if n < _FEW
    ]
    if few:
        lines.append(
            f"{len(few)} of {stats.n_labels} labels have fewer than {_FEW} positives here, so "
            f"what is said of them is rough: {shown_list(few, 6)}."
        )
    without = evaluation.undefined.get("macro_ap", ())
    if without:
        lines.append(
            f"{len(without)} labels have no positive here and are in no macro average: "
            f"{shown_list(without, 6)}."
        )
    if "log_loss" not in overall:
        lines.append("The scores are no probabilities, so calibration is not judged.")
    return lines


def _overall(evaluation: Evaluation) -> dict[str, Any]:
    rows = [
        (TITLES[name], None if np.isnan(value) else value)
        for name, value in evaluation.overall.items()
    ]
    return {
        "heading": "Over all labels",
        "table": {"columns": [{"title": "metric"}, {"title": "value", "digits": 4}], "rows": rows},
    }


def _labels(evaluation: Evaluation) -> dict[str, Any]:
    titles = {
        "label": "label",
        "positives": "positives",
        "threshold": "threshold",
        "f1": "F1",
        "f1_low": f"{_percent(evaluation)} from",
        "f1_high": "to",
        "precision": "precision",
        "recall": "recall",
        "average_precision": "average precision",
        "auc": "ROC AUC",
        "ece": "ECE",
        "tuned_threshold": "best threshold",
        "tuned_f1": "its F1 here",
        "tuned_f1_corrected": "… without optimism",
    }
    table = evaluation.table()
    shown = [name for name in titles if name in table.columns]
    return {
        "heading": "Label by label",
        "table": {
            "columns": [{"title": titles[name], "digits": 3} for name in shown],
            "rows": table.select(shown).rows(),
        },
    }


def _intervals(evaluation: Evaluation) -> dict[str, Any]:
    table = evaluation.table().drop_nulls(["f1_low"]).head(_NAMED)
    section: dict[str, Any] = {"heading": "F1 and how sure it is"}
    if table.is_empty():
        return section | {"paragraphs": ["No label has a positive."]}
    return section | {
        "figure": {
            "kind": "intervals",
            "names": table["label"].to_list(),
            "xlabel": "F1",
            "series": [
                {
                    "title": "at the given threshold",
                    "values": table["f1"].to_list(),
                    "low": table["f1_low"].to_list(),
                    "high": table["f1_high"].to_list(),
                }
            ],
            "caption": f"{_percent(evaluation)} intervals by resampling rows"
            + (f"; the {_NAMED} most frequent labels." if table.height == _NAMED else "."),
        }
    }


def _percent(evaluation: Evaluation) -> str:
    return f"{100 * (evaluation.thresholds.confidence or 0):g}%"


def _thresholds(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Counts at the thresholds in use, and what they would be at others."""
    labels = evaluation.cuts
    if not labels:
        return []
    lines = [
        "Each label is predicted from its threshold on. These are the counts on the rows judged "
        "here; a threshold picked by them is judged too kindly by them."
    ]
    rest = len(evaluation.thresholds.values) - len(labels)
    if rest:
        lines.append(f"The {len(labels):,} most frequent labels; {rest:,} more are left out.")
    columns = [{"title": title, "digits": digits} for title, digits in _COUNTED.items()]
    return [
        {
            "heading": "Thresholds and what they cost",
            "paragraphs": lines,
            "thresholds": {"labels": list(labels)},
            "table": {"columns": columns, "rows": [_counted(label) for label in labels]},
        }
    ]


# The columns of the counts, with their digits.
_COUNTED = {
    "label": 0,
    "threshold": 4,
    "positives found (TP)": 1,
    "false alarms (FP)": 1,
    "missed (FN)": 1,
    "left alone (TN)": 1,
    "precision": 3,
    "recall": 3,
    "F1": 3,
    "alerts in 1,000 rows": 1,
}


def _counted(label: Mapping[str, Any]) -> list[Any]:
    """Counts of a label at the threshold in use, and the shares that follow from them."""
    place = label["chosen"]
    tp, fp = label["tp"][place], label["fp"][place]
    fn, tn = label["positives"] - tp, label["negatives"] - fp
    return [
        label["name"],
        label["cuts"][place],
        *(tp, fp, fn, tn),
        _share(tp, tp + fp),
        _share(tp, tp + fn),
        _share(2 * tp, 2 * tp + fp + fn),
        _share(1000 * (tp + fp), label["positives"] + label["negatives"]),
    ]


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _origin(evaluation: Evaluation) -> dict[str, Any]:
    """What gives the same figures again."""
    given = ", ".join(f"{name}={value!r}" for name, value in evaluation.made_with.items())
    return {
        "heading": "How to get the same figures again",
        "paragraphs": ["On the same labels and scores:"],
        "code": [f"equipoise.evaluation.evaluate(y_true, y_score, {given})"],
        "table": {
            "columns": [{"title": "what"}, {"title": "version"}],
            "rows": [list(row) for row in versions().items()],
        },
    }

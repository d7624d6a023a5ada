"""The model card of a bundle: for people, in Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equipoise.bundle.held_out import by_label
from equipoise.report import to_markdown
from equipoise.training import Choice

_LABELS_SHOWN = 1000


def card(manifest: Mapping[str, Any]) -> str:
    """Returns the model card of what a bundle's manifest says."""
    return to_markdown(card_document(manifest))


def card_document(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the model card as a report document."""
    return {
        "title": _title(manifest),
        "lead": _lead(manifest),
        "sections": [
            _data(manifest),
            *_choice(manifest),
            *_held_out(manifest),
            _labels(manifest),
            _usage(manifest),
            _limits(manifest),
            _origin(manifest),
        ],
    }


def _title(manifest: Mapping[str, Any]) -> str:
    name = (manifest["data"] or {}).get("name")
    return f"Model of {name}" if name else "A multi-label model"


def _lead(manifest: Mapping[str, Any]) -> list[str]:
    n_labels, n_networks = len(manifest["label_names"]), len(manifest["members"])
    what = {
        "multilabel": f"any of {n_labels} labels of a row",
        "binary": "one of two classes a row",
        "multiclass": f"one of {n_labels} classes a row",
    }[manifest["task"]]
    treatment = manifest["treatment"]
    lead = [
        f"It predicts {what} from {len(manifest['columns']) or manifest['n_features']} columns.",
        f"{n_networks} network{'s' if n_networks > 1 else ''}, each trained without the rows that "
        "were held out to judge it; probabilities are their mean.",
        *_bins(manifest),
        f"Treatment of imbalance: {treatment['name']} (loss {treatment['loss']}, weights "
        f"{treatment['weights'] or 'none'}).",
    ]
    if any(member["link"] is None for member in manifest["members"]):
        lead.append("The scores only rank: no formula turns this loss into probabilities.")
    return lead


def _bins(manifest: Mapping[str, Any]) -> list[str]:
    bins = manifest.get("bins")  # bundles of earlier versions do not say
    if not bins:
        return []
    return [f"Numeric columns are seen by {bins} bins beside their value (`PiecewiseLinear`)."]


def _data(manifest: Mapping[str, Any]) -> dict[str, Any]:
    data = manifest["data"]
    if data is None:
        return {"heading": "Training data", "paragraphs": ["Nothing was noted about it."]}
    held = manifest["held_out"]
    lines = [f"{data['n_rows']:,} rows of {data['name'] or 'data without a name'}."]
    if held is not None:
        lines.append(f"{held['n_rows']:,} of them were held out by some network.")
    return {"heading": "Training data", "paragraphs": lines}


def _choice(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    if manifest.get("choice") is None:
        return []
    choice = Choice.from_dict(manifest["choice"])
    signed = {"signed": True}
    columns = [{"title": "treatment"}, {"title": "macro-F1"}, {"title": "difference", **signed}]
    columns += [{"title": "95% from", **signed}, {"title": "to", **signed}]
    columns += [{"title": "p (Holm)"}]
    rows = [
        [j.treatment, j.macro_f1, j.difference, j.low, j.high, j.p_value] for j in choice.judged
    ]
    failed = [f"{j.treatment} failed: {j.failure}" for j in choice.judged if j.failure is not None]
    return [
        {
            "heading": "Why this treatment",
            "paragraphs": [
                choice.reason(),
                f"Figures are over {choice.n_folds} inner folds, at thresholds from the other "
                "folds; that of a winner is a little too good.",
                *failed,
            ],
            "table": {"columns": columns, "rows": rows},
        }
    ]


def _held_out(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    held = manifest["held_out"]
    if held is None:
        return []
    return [
        {
            "heading": "What held-out rows show",
            "paragraphs": [
                "Each row is scored by networks that did not see it. F1 is at the thresholds, "
                "without the optimism of their having been found on the same rows. The networks "
                "together are usually better than each of them."
            ],
            "table": {
                "columns": [{"title": "measure"}, {"title": "value"}],
                "rows": [[name, value] for name, value in held["overall"].items()],
            },
        }
    ]


def _labels(manifest: Mapping[str, Any]) -> dict[str, Any]:
    data, judged = manifest["data"], by_label(manifest["held_out"])
    thresholds = manifest["chain"]["thresholds"]["values"]
    columns: list[dict[str, Any]] = [{"title": "label"}]
    if data is not None:
        columns.append({"title": "positives"})
    columns.append({"title": "threshold", "digits": 4})
    if judged:
        percent = f"{100 * manifest['held_out']['confidence']:.0f}%"
        columns += [{"title": "F1"}, {"title": f"{percent} from"}, {"title": "to"}]
    rows = []
    for i, name in enumerate(manifest["label_names"][:_LABELS_SHOWN]):
        row: list[Any] = [name]
        if data is not None:
            row.append(data["positives"][i])
        row.append(None if manifest["task"] == "multiclass" else thresholds[i])
        if judged:
            row += [judged[name][key] for key in ("f1", "f1_low", "f1_high")]
        rows.append(row)
    rest = len(manifest["label_names"]) - len(rows)
    section = {"heading": "Labels", "table": {"columns": columns, "rows": rows}}
    lines = ["A label is predicted where its probability reaches the threshold."]
    if manifest["task"] == "multiclass":
        lines = ["The most probable class is predicted."]
    if rest:
        lines.append(f"{rest} labels more are in bundle.json.")
    return section | {"paragraphs": lines}


def _usage(manifest: Mapping[str, Any]) -> dict[str, Any]:
    lines = ["In Python: equipoise.MultilabelClassifier.load(FOLDER).predict(X)."]
    if manifest["columns"]:
        lines.insert(0, "On a file: equipoise predict FOLDER DATA --out FILE.")
        lines.append("Columns are found by name, in any order; others are ignored.")
    if manifest["encoder"]:
        lines.append(
            "X is what the attribute encoder_ of the loaded classifier makes of a table with "
            "text and dates."
        )
    return {"heading": "How to use it", "paragraphs": lines}


def _limits(manifest: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        "Figures are about rows like those it was trained on. Where labels become more or less "
        "frequent, probabilities and thresholds no longer fit.",
        "Labels with few positives have wide intervals; below 50 positives the intervals are "
        "rough themselves.",
    ]
    if manifest["encoder"]:
        lines.append("Values of a category that did not occur in training count as none.")
    absent = manifest["chain"]["thresholds"]["absent"]
    if absent:
        lines.append(f"No positive was seen of: {', '.join(absent)}.")
    return {"heading": "Limits", "paragraphs": lines}


def _origin(manifest: Mapping[str, Any]) -> dict[str, Any]:
    rows = [["created", manifest["created"]], *map(list, manifest["versions"].items())]
    rows += [[name, str(value)] for name, value in manifest["options"].items()]
    return {
        "heading": "How it was made",
        "table": {"columns": [{"title": "what"}, {"title": "value"}], "rows": rows},
    }

"""Audits as the plain documents that the report layer renders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PICTURED = 60  # labels that a picture can name


def class_weight_document(audit: Mapping[str, Any]) -> dict[str, Any]:
    """The document of `ClassWeightAudit.to_dict()`."""
    n, losses = audit["n_rows"], audit["losses"]
    first = audit["labels"][0]["label"]
    lead = [
        f"Keras gives every row one weight, that of its first label: {audit['rows_touched']:,} of "
        f"{n:,} rows get a weight other than 1, and it multiplies their negatives too.",
        f"{audit['unlabelled_rows']:,} rows have no label and get the weight of {first!r}, "
        f"{audit['unlabelled_weight']:g}.",
        f"{audit['rows_with_unused_weights']:,} rows have several labels, of which only the first "
        "one's weight counts.",
        f"On these predictions the loss is {losses['keras']:.4g}; with the labels in reversed "
        f"order it is {losses['keras, labels reversed']:.4g}.",
    ]
    if audit["never_applied"]:
        lead.append(
            "Weights that no row with the label ever gets: " + ", ".join(audit["never_applied"])
        )
    source = "the installed Keras was asked" if audit["source"] == "keras" else "by Keras' rule"
    labels = audit["labels"]
    section: dict[str, Any] = {
        "heading": f"Effective weights ({source})",
        "table": {
            "columns": [
                {"title": "label"},
                {"title": "asked for", "digits": 2},
                {"title": "on positives", "digits": 2},
                {"title": "on negatives", "digits": 2},
                {"title": "ratio", "digits": 2},
                {"title": "rows given"},
            ],
            "rows": [
                [
                    row["label"],
                    row["asked"],
                    row["effective_positive"],
                    row["effective_negative"],
                    row["effective_ratio"],
                    row["rows_given"],
                ]
                for row in labels
            ],
        },
    }
    if len(labels) <= _PICTURED:
        section["figure"] = {
            "kind": "dots",
            "names": [row["label"] for row in labels],
            "xlabel": "weight of positives over weight of negatives",
            "series": [
                {"title": "asked for", "values": [row["asked"] for row in labels]},
                {"title": "given by Keras", "values": [row["effective_ratio"] for row in labels]},
            ],
            "caption": "How much more a positive weighs than a negative: asked for, and given.",
        }
    readings = [
        [
            "Keras' class_weight",
            "what happens now",
            losses["keras"],
            "model.fit(…, class_weight=…)",
        ],
        ["no weights", "plain training", losses["unweighted"], "model.fit(X, y)"],
        *([r["name"], r["meaning"], r["loss"], r["code"]] for r in audit["readings"]),
    ]
    meant = {
        "heading": "What may have been meant",
        "table": {
            "columns": [
                {"title": "reading"},
                {"title": "meaning"},
                {"title": "loss", "digits": 4},
                {"title": "the line that does it"},
            ],
            "rows": readings,
        },
    }
    return {"title": "What class_weight does", "lead": lead, "sections": [section, meant]}


def effect_document(effect: Mapping[str, Any]) -> dict[str, Any]:
    """The document of `Effect.to_dict()`."""
    labels = effect["labels"]
    lead = [
        f"Shares of loss and gradient are taken at {effect['taken_at']}.",
        f"The weights are worth {effect['effective_share']:.0%} of the cells (effective sample "
        "size).",
    ]
    columns = [
        {"title": "label"},
        {"title": "weight +", "digits": 2},
        {"title": "weight −", "digits": 2},
        {"title": "share of the loss", "digits": 3},
        {"title": "of it positives", "digits": 3},
        {"title": "of the gradient positives", "digits": 3},
        {"title": "0.5 stands for", "digits": 4},
        {"title": "log-odds shift", "digits": 2, "signed": True},
        {"title": "effective cells", "digits": 0},
    ]
    keys = (
        "label",
        "positive_weight",
        "negative_weight",
        "loss_share",
        "positive_share_of_loss",
        "positive_share_of_gradient",
        "threshold",
        "log_odds_shift",
        "effective_cells",
    )
    section = {
        "heading": "Label by label",
        "table": {"columns": columns, "rows": [[row[key] for key in keys] for row in labels]},
    }
    return {"title": "What the weights do", "lead": lead, "sections": [section]}

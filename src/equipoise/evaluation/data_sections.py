"""What the labels are, as sections of a report: counts, measures, pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from equipoise.stats import LabelStats

_PAIRS = 15


def data_sections(stats: LabelStats) -> list[dict[str, Any]]:
    """Returns the sections that describe labels, for `equipoise.report`."""
    return [_data(stats), _pairs(stats)]


def _data(stats: LabelStats) -> dict[str, Any]:
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
    order = np.argsort(-stats.positives, kind="stable").tolist()
    return {
        "heading": "Data",
        "figure": {
            "kind": "frequencies",
            "names": [stats.label_names[i] for i in order],
            "positives": [int(stats.positives[i]) for i in order],
            "caption": f"Positives of each label among {stats.n_rows:,} rows (logarithmic).",
        },
        "table": {"columns": [{"title": "measure"}, {"title": "value"}], "rows": facts},
    }


def _pairs(stats: LabelStats) -> dict[str, Any]:
    """The labels that occur together most."""
    section: dict[str, Any] = {"heading": "Labels that occur together"}
    if stats.labelsets is None:
        return section | {"paragraphs": ["Only counts are known, not which labels met."]}
    together = sparse.coo_array(sparse.triu(stats.cooccurrence(), k=1))
    order = np.argsort(-together.data, kind="stable")[:_PAIRS]
    rows = []
    for n, i, j in zip(*(a[order] for a in (together.data, *together.coords)), strict=True):
        expected = stats.positives[i] * stats.positives[j] / max(stats.n_rows, 1)
        either = stats.positives[i] + stats.positives[j] - n
        rows.append([stats.label_names[i], stats.label_names[j], int(n), n / expected, n / either])
    if not rows:
        return section | {"paragraphs": ["No row has two labels."]}
    columns = [
        {"title": "label"},
        {"title": "and label"},
        {"title": "rows with both"},
        {"title": "times what chance gives", "digits": 2},
        {"title": "share of rows with either"},
    ]
    return section | {"table": {"columns": columns, "rows": rows}}

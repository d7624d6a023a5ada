"""Rendering of a report document as one HTML page that needs nothing from outside.

Everything is said without the script. It only makes tables sort and filter, and thresholds move;
the policy in the page lets this one script run, by its hash, and nothing else.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from itertools import count
from typing import Any

from equipoise._errors import require
from equipoise.report.render import format_cell, groups_of

_PURPOSE = "Writing a report"
_LONG = 25  # rows from which a table has a filter

# What the thresholds show, in this order; the names are those of the script.
_FIELDS = (
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1", "F1"),
    ("alerts", "alerts in 1,000 rows"),
    ("tp", "positives found (TP)"),
    ("fn", "positives missed (FN)"),
    ("fp", "false alarms (FP)"),
    ("tn", "negatives left alone (TN)"),
)


def to_html(document: Mapping[str, Any]) -> str:
    """Returns the document as one HTML page without any outside resource."""
    jinja2 = require("jinja2", extra="report", purpose=_PURPOSE)
    require("matplotlib", extra="report", purpose=_PURPOSE)
    markup = jinja2.utils.markupsafe.Markup
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.globals["embedded"] = lambda data: markup(embedded(data))
    script = _file("page.js")
    return environment.from_string(_file("page.html")).render(
        title=document["title"],
        lead=document["lead"],
        parts=_parts(document, markup),
        fields=_FIELDS,
        style=markup(_file("page.css")),
        script=markup(script),
        script_hash=script_hash(script),
    )


def script_hash(script: str) -> str:
    """Returns what a Content-Security-Policy calls a script: sha256-…, of its very bytes."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def embedded(data: Any) -> str:
    """Returns data as JSON that can stand inside a <script> element, whatever names it holds."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))  # ASCII: no U+2028 either
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _file(name: str) -> str:
    return (resources.files("equipoise.report") / name).read_text(encoding="utf-8")


def _parts(document: Mapping[str, Any], markup: Any) -> list[dict[str, Any]]:
    """The sections as the template shows them, by group."""
    numbers = count(1)
    return [
        {
            "group": group,
            "id": f"part-{i + 1}",
            "sections": [_section(s, f"section-{next(numbers)}", markup) for s in sections],
        }
        for i, (group, sections) in enumerate(groups_of(document))
    ]


def _section(section: Mapping[str, Any], name: str, markup: Any) -> dict[str, Any]:
    from equipoise.report.figures import draw

    figure, table = section.get("figure"), section.get("table")
    return {
        "id": name,
        "heading": section["heading"],
        "paragraphs": section.get("paragraphs", []),
        "code": section.get("code", []),
        "figure": figure and {"svg": markup(draw(figure)), "caption": figure["caption"]},
        "table": table and _table(table, markup),
        "thresholds": section.get("thresholds"),
    }


def _table(table: Mapping[str, Any], markup: Any) -> dict[str, Any]:
    columns, rows = table["columns"], table["rows"]
    is_text = [any(isinstance(row[i], (str, bool)) for row in rows) for i in range(len(columns))]
    return {
        "long": len(rows) >= _LONG,
        "columns": [
            {
                "title": column["title"],
                "text": text,
                "mark": markup(' class="text" dir="auto"') if text else "",
            }
            for column, text in zip(columns, is_text, strict=True)
        ],
        "rows": [[format_cell(v, c) for v, c in zip(row, columns, strict=True)] for row in rows],
    }

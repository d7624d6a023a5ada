"""Rendering of report documents as HTML and Markdown."""

import html
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from equipoise._errors import InvalidFile, require
from equipoise._files import check_writable, write_atomically, write_json

_PURPOSE = "Writing a report"


def to_html(document: Mapping[str, Any]) -> str:
    """Returns the document as one HTML page without any outside resource."""
    jinja2 = require("jinja2", extra="report", purpose=_PURPOSE)
    require("matplotlib", extra="report", purpose=_PURPOSE)
    from equipoise.report.figures import draw

    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["cell"] = format_cell
    environment.globals["draw"] = lambda figure: jinja2.utils.markupsafe.Markup(draw(figure))
    template = (resources.files("equipoise.report") / "page.html").read_text(encoding="utf-8")
    return environment.from_string(template).render(document=document)


def to_markdown(document: Mapping[str, Any]) -> str:
    """Returns the document as Markdown, without its figures."""
    lines = [f"# {_escaped(document['title'])}", ""]
    lines += [f"- {_escaped(sentence)}" for sentence in document["lead"]]
    for section in document["sections"]:
        lines += ["", f"## {_escaped(section['heading'])}", ""]
        for paragraph in section.get("paragraphs", []):
            lines += [_escaped(paragraph), ""]
        if "table" in section:
            lines += _markdown_table(section["table"])
    return "\n".join(lines).rstrip() + "\n"


def write_report(path: str | os.PathLike[str], document: Mapping[str, Any]) -> Path:
    """Writes the document as its suffix says: .html, .md or .json (the document itself).

    Raises:
        InvalidFile: another suffix, or a file that cannot be written.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".json":
        return write_json(path, document)
    if suffix in (".md", ".markdown"):
        return write_atomically(path, to_markdown(document))
    if suffix in (".html", ".htm"):
        return write_atomically(path, to_html(document))
    raise InvalidFile(
        f"A report cannot be written to {str(path)!r}.",
        received=f"suffix {suffix!r}",
        remedy="Use .html, .md or .json.",
    )


def check_report(path: str | os.PathLike[str]) -> None:
    """Raises InvalidFile unless a report can be written there, before the work it is to show."""
    if Path(path).suffix.lower() not in (".json", ".md", ".markdown", ".html", ".htm"):
        raise InvalidFile(
            f"A report cannot be written to {str(path)!r}.",
            received=f"suffix {Path(path).suffix!r}",
            remedy="Use .html, .md or .json.",
        )
    check_writable(path)


def to_fragment(document: Mapping[str, Any]) -> str:
    """Returns the document as a piece of HTML for a notebook, without its figures.

    Needs no optional package.
    """
    parts = [f"<p>{html.escape(sentence)}</p>" for sentence in document["lead"]]
    for section in document["sections"]:
        parts.append(f"<h4>{html.escape(section['heading'])}</h4>")
        parts += [f"<p>{html.escape(p)}</p>" for p in section.get("paragraphs", [])]
        if "table" in section:
            columns = section["table"]["columns"]
            head = "".join(f"<th>{html.escape(c['title'])}</th>" for c in columns)
            rows = [
                "".join(
                    f"<td>{html.escape(format_cell(v, c))}</td>"
                    for v, c in zip(row, columns, strict=True)
                )
                for row in section["table"]["rows"]
            ]
            body = "".join(f"<tr>{row}</tr>" for row in rows)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")
    return "\n".join(parts)


def to_text(document: Mapping[str, Any]) -> str:
    """Returns the document as plain text with aligned tables."""
    lines = [document["title"], "=" * len(document["title"]), ""]
    lines += [f"- {sentence}" for sentence in document["lead"]]
    for section in document["sections"]:
        lines += ["", section["heading"], "-" * len(section["heading"])]
        lines += section.get("paragraphs", [])
        if "table" in section:
            lines += _aligned(section["table"])
    return "\n".join(lines)


def _aligned(table: Mapping[str, Any]) -> list[str]:
    columns = table["columns"]
    rows = [[column["title"] for column in columns]]
    rows += [[format_cell(v, c) for v, c in zip(r, columns, strict=True)] for r in table["rows"]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(columns))]
    numeric = [
        any(isinstance(r[i], (int, float)) for r in table["rows"]) for i in range(len(widths))
    ]
    return [
        "  ".join(
            cell.rjust(w) if n else cell.ljust(w)
            for cell, w, n in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in rows
    ]


def format_cell(value: Any, column: Mapping[str, Any]) -> str:
    """Returns a table cell as text: numbers with the digits of their column, None as a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        sign = "+" if column.get("signed") else ""
        return f"{value:{sign}.{column.get('digits', 3)}f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _markdown_table(table: Mapping[str, Any]) -> list[str]:
    columns = table["columns"]
    numeric = [
        any(isinstance(row[i], (int, float)) for row in table["rows"]) for i in range(len(columns))
    ]
    lines = [
        "| " + " | ".join(_escaped(column["title"]) for column in columns) + " |",
        "|" + "|".join("---:" if n else "---" for n in numeric) + "|",
    ]
    for row in table["rows"]:
        cells = [format_cell(v, c) for v, c in zip(row, columns, strict=True)]
        lines.append("| " + " | ".join(_escaped(cell) for cell in cells) + " |")
    return lines


def _escaped(text: str) -> str:
    """Keeps names from being read as Markdown or HTML."""
    for character in "\\`*_|<>[]":
        text = text.replace(character, "\\" + character)
    return " ".join(text.split())

"""Rendering of report documents as Markdown, as text, and as a piece of HTML for notebooks."""

import html
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any


def groups_of(document: Mapping[str, Any]) -> Iterable[tuple[str | None, list[Mapping[str, Any]]]]:
    """Yields neighbouring sections of the same "group" (or of none) together."""
    for group, sections in groupby(document["sections"], key=lambda section: section.get("group")):
        yield group, list(sections)


def heading_of(section: Mapping[str, Any]) -> str:
    """Returns the heading of a section, after that of its group."""
    group = section.get("group")
    return section["heading"] if group is None else f"{group}: {section['heading']}"


def to_markdown(document: Mapping[str, Any]) -> str:
    """Returns the document as Markdown, without its figures."""
    lines = [f"# {_escaped(document['title'])}", ""]
    lines += [f"- {_escaped(sentence)}" for sentence in document["lead"]]
    for group, sections in groups_of(document):
        if group is not None:
            lines += ["", f"## {_escaped(group)}"]
        level = "##" if group is None else "###"
        for section in sections:
            lines += ["", f"{level} {_escaped(section['heading'])}", ""]
            for paragraph in section.get("paragraphs", []):
                lines += [_escaped(paragraph), ""]
            for line in section.get("code", []):
                lines += [f"    {' '.join(line.split())}", ""]  # indented: nothing in it is read
            if "table" in section:
                lines += _markdown_table(section["table"])
    return "\n".join(lines).rstrip() + "\n"


def to_fragment(document: Mapping[str, Any]) -> str:
    """Returns the document as a piece of HTML for a notebook, without its figures.

    Needs no optional package.
    """
    parts = [f"<p>{html.escape(sentence)}</p>" for sentence in document["lead"]]
    for section in document["sections"]:
        parts.append(f"<h4>{html.escape(heading_of(section))}</h4>")
        parts += [f"<p>{html.escape(p)}</p>" for p in section.get("paragraphs", [])]
        parts += [f"<pre>{html.escape(line)}</pre>" for line in section.get("code", [])]
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
        heading = heading_of(section)
        lines += ["", heading, "-" * len(heading)]
        lines += [*section.get("paragraphs", []), *section.get("code", [])]
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

"""Whether a dictionary from outside is a report document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from equipoise._errors import InvalidInput, did_you_mean

_SECTION = ("group", "heading", "paragraphs", "code", "figure", "table", "thresholds")
_LABEL = ("cuts", "tp", "fp")


def check_document(document: Mapping[str, Any]) -> None:
    """Raises InvalidInput unless this can be rendered; says which part cannot."""
    _check("title", isinstance(document.get("title"), str), "text", document.get("title"))
    _check_texts("lead", document.get("lead"))
    sections = document.get("sections")
    _check("sections", isinstance(sections, list), "a list", sections)
    for i, section in enumerate(sections or []):
        where = f"sections[{i}]"
        _check(where, isinstance(section, Mapping), "a mapping", section)
        for key in section:
            if key not in _SECTION:
                raise InvalidInput(
                    f"Unknown key `{where}.{key}`.", remedy=did_you_mean(str(key), _SECTION)
                )
        heading = section.get("heading")
        _check(f"{where}.heading", isinstance(heading, str), "text", heading)
        group = section.get("group")
        _check(f"{where}.group", group is None or isinstance(group, str), "text", group)
        for key in ("paragraphs", "code"):
            _check_texts(f"{where}.{key}", section.get(key, []))
        if "table" in section:
            _check_table(f"{where}.table", section["table"])
        if "thresholds" in section:
            _check_thresholds(f"{where}.thresholds", section["thresholds"])
        if "figure" in section:
            _check_figure(f"{where}.figure", section["figure"])
    _check_values(document)


def _check_values(document: Mapping[str, Any]) -> None:
    """Strict JSON has no NaN, and half a surrogate pair is no text that a file could hold."""
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except ValueError as error:
        raise InvalidInput(
            "A report can only hold finite numbers and whole characters.",
            received=str(error),
            remedy="Write null for what is undefined.",
        ) from error


def _check_texts(where: str, texts: Any) -> None:
    fine = isinstance(texts, list) and all(isinstance(text, str) for text in texts)
    _check(where, fine, "a list of texts", texts)


def _check_table(where: str, table: Any) -> None:
    _check(where, isinstance(table, Mapping), "a mapping", table)
    columns, rows = table.get("columns"), table.get("rows")
    fine = isinstance(columns, list) and all(
        isinstance(c, Mapping)
        and isinstance(c.get("title"), str)
        and type(c.get("digits", 0)) is int
        and 0 <= c.get("digits", 0) <= 17
        for c in columns
    )
    _check(f"{where}.columns", fine, 'a list of {"title", "digits"?, "signed"?}', columns)
    assert isinstance(columns, list)
    fine = isinstance(rows, list) and all(
        isinstance(row, (list, tuple))
        and len(row) == len(columns)
        and all(value is None or isinstance(value, (str, int, float)) for value in row)
        for row in rows
    )
    _check(f"{where}.rows", fine, f"a list of {len(columns)} texts or numbers each", rows)


def _check_thresholds(where: str, thresholds: Any) -> None:
    labels = thresholds.get("labels") if isinstance(thresholds, Mapping) else None
    _check(f"{where}.labels", isinstance(labels, list) and len(labels) > 0, "a list", labels)
    for i, label in enumerate(labels or []):
        place = f"{where}.labels[{i}]"
        _check(place, isinstance(label, Mapping), "a mapping", label)
        _check(f"{place}.name", isinstance(label.get("name"), str), "text", label.get("name"))
        for key in _LABEL:
            numbers = label.get(key)
            fine = isinstance(numbers, list) and all(_is_number(n) for n in numbers)
            _check(f"{place}.{key}", fine, "a list of numbers", numbers)
        for key in ("positives", "negatives"):
            _check(f"{place}.{key}", _is_number(label.get(key)), "a number", label.get(key))
        n, chosen = len(label["cuts"]), label.get("chosen")
        same = all(len(label[key]) == n for key in _LABEL)
        _check(place, same, "cuts, tp and fp of the same length", label["name"])
        fine = type(chosen) is int and 0 <= chosen < n
        _check(f"{place}.chosen", fine, "the index of a cut", chosen)


def _check_figure(where: str, figure: Any) -> None:
    """Draws it: what a figure needs is best known by the function that draws it."""
    from equipoise.report.figures import draw

    fine = isinstance(figure, Mapping) and isinstance(figure.get("caption"), str)
    _check(where, fine and "kind" in figure, "a mapping with kind and caption", figure)
    try:
        draw(figure)
    except InvalidInput:
        raise
    except Exception as error:  # whatever matplotlib makes of such data
        raise InvalidInput(
            f"`{where}` cannot be drawn.", received=f"{type(error).__name__}: {error}"
        ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check(where: str, fine: bool, wanted: str, received: Any) -> None:
    if not fine:
        raise InvalidInput(f"`{where}` must be {wanted}.", received=repr(received)[:200])

"""Why liac-arff could not read a row: looked up once, after it failed."""

from __future__ import annotations

import re

from equipoise._errors import InvalidInput, shown_list
from equipoise.readers._arff_header import Attribute, Header, unquoted
from equipoise.readers._places import fault, shown_value

_VALUE = re.compile(r"""\s*('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^,]*)\s*(?:,|$)""")
_CUT_OFF = "The file may be cut off: compare its size with the original's."


def explain_bad_row(
    header: Header, is_sparse: bool, line: int, text: str, error: Exception
) -> InvalidInput:
    """Returns the error that names what is wrong with a row, as far as it can be told.

    Args:
        header: what the file declares.
        is_sparse: whether its first row is sparse.
        line: the line of the row.
        text: the row.
        error: what came up when it was read.
    """
    if text.startswith("{") != is_sparse:
        kinds = ("a dense row", "sparse") if is_sparse else ("a sparse row", "dense")
        found = None, f"{kinds[0]} among {kinds[1]} ones.", shown_value(text)
    else:
        found = _sparse_row(header, text) if is_sparse else _dense_row(header, text)
    if found is None:
        found = None, f"the row cannot be read ({_first_line(error)}).", shown_value(text)
    column, problem, received = found
    return fault(
        header.path,
        problem,
        line=line,
        column=column,
        received=received,
        remedy=_CUT_OFF
        if "cut off" in problem
        else "Correct the row; write ? for a missing value, and quote values with spaces.",
    )


_Found = tuple[str | None, str, str | None]


def _dense_row(header: Header, text: str) -> _Found | None:
    values = _split(text)
    n = len(header.attributes)
    if len(values) != n:
        values_found = "1 value" if len(values) == 1 else f"{len(values)} values"
        return None, f"the row has {values_found} for {n} attributes.", shown_value(text)
    for attribute, value in zip(header.attributes, values, strict=True):
        found = _wrong_value(attribute, value)
        if found:
            return found
    return None


def _sparse_row(header: Header, text: str) -> _Found | None:
    if not text.endswith("}"):
        return None, "the row is cut off: { is not closed.", shown_value(text)
    seen: set[int] = set()
    inner = text[1:-1].strip()
    for pair in _split(inner) if inner else []:
        index, _, value = pair.strip().partition(" ")
        if not index.isdecimal() or len(index) > 9 or not value.strip():
            return None, "a sparse row holds pairs of index and value.", shown_value(pair)
        column = int(index)
        if column >= len(header.attributes):
            n = len(header.attributes)
            problem = f"there is no attribute {column}: there are {n}, counted from 0."
            return None, problem, shown_value(pair)
        if column in seen:
            return header.attributes[column].name, "the attribute occurs twice.", shown_value(pair)
        seen.add(column)
        found = _wrong_value(header.attributes[column], value.strip())
        if found:
            return found
    return None


def _split(text: str) -> list[str]:
    values: list[str] = []
    start = 0
    while start <= len(text):
        match = _VALUE.match(text, start)
        if match is None:  # a quote that is not closed, or text after a quoted value
            values.append(text[start:])
            break
        values.append(match[1].strip())
        start = match.end()
        if not match[0].endswith(","):
            break
    return values


def _wrong_value(attribute: Attribute, value: str) -> _Found | None:
    if value in ("?", ""):
        return None
    plain = unquoted(value)
    if attribute.kind == "nominal" and plain not in attribute.values:
        received = f"{shown_value(plain)}, declared {{{shown_list(attribute.values)}}}"
        return attribute.name, "the value is not one of those declared.", received
    if attribute.kind == "numeric":
        try:
            float(plain)
        except ValueError:
            return attribute.name, "the value is not a number.", shown_value(plain)
    return None


def _first_line(error: Exception) -> str:
    first = (str(error).splitlines() or [type(error).__name__])[0]
    return re.sub(r",? (at|in) line -?\d+", "", first)[:200].rstrip(".")

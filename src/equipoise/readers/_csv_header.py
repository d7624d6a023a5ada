"""What a CSV file looks like before its rows are read: separator, names, where the rows begin."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path

from equipoise.readers._bytes import open_bytes
from equipoise.readers._numbers import WORDS
from equipoise.readers._paths import format_suffix
from equipoise.readers._places import fault, shown_value
from equipoise.readers._records import Layout, is_blank, records
from equipoise.readers._request import Request

_MOST_COLUMNS = 1 << 20  # polars needs minutes and gigabytes for more
_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}


def read_layout(path: Path, request: Request) -> Layout:
    """Reads the names of the columns, and where the rows begin."""
    separator = request.separator or _SEPARATORS[format_suffix(path)]
    lines = _first_records(path, request.quoting)
    if not lines:
        raise fault(path, "holds empty lines only.", remedy="Check how the file was made.")
    line, record = lines[0]
    cells = _cells(path, line, record, separator, request.quoting)
    if len(cells) == 1:
        _refuse_single_column(path, line, cells[0], separator)
    if request.header:
        names = _checked_names(path, line, cells)
        if len(lines) < 2:
            raise fault(
                path,
                "holds a header line and no row.",
                received=shown_value(separator.join(cells)),
                remedy="If the first line is a row, pass header=False.",
            )
        line, _ = lines[1]
    else:
        names = tuple(f"column_{i + 1}" for i in range(len(cells)))
    return Layout(path, separator, request.quoting, names, line - 1)


def check_first_line(
    layout: Layout, features: Collection[str], labels: Collection[str], header: bool
) -> None:
    """Raises InvalidFile for a feature without a name, and for names where a row should be.

    Args:
        layout: the file.
        features: the names of the columns that are features; numbers, unless there are none.
        labels: those of 0/1 labels.
        header: whether the first line should name the columns.
    """
    line, record = _first_records(layout.path, layout.quoting)[0]
    cells = _cells(layout.path, line, record, layout.separator, layout.quoting)
    named = dict(zip(layout.names, cells, strict=True))
    if not header:
        numbers = [named[name] for name in (*features, *labels)]
        if numbers and not any(_is_number(cell) or cell.lower() in WORDS for cell in numbers):
            raise fault(
                layout.path,
                "there are names where numbers should be.",
                line=line,
                received=shown_value(", ".join(cells)),
                remedy="If the line names the columns, pass header=True; if they hold text, pass "
                "mixed=True, or leave them out with `ignore`.",
            )
        return
    for i, name in enumerate(layout.names):
        if name in features and not named[name]:
            raise fault(
                layout.path,
                f"column {i + 1} has no name; it may be an index of the rows.",
                line=line,
                remedy=f"Leave it out with ignore=[{name!r}], or give it a name.",
            )


def _first_records(path: Path, quoting: bool) -> list[tuple[int, bytes]]:
    """The first two records that are not blank lines."""
    with open_bytes(path) as file:
        found = (item for item in records(path, file, quoting) if not is_blank(item[1]))
        return list(islice(found, 2))


def _cells(path: Path, line: int, record: bytes, separator: str, quoting: bool) -> list[str]:
    try:
        text = record.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise fault(
            path, "the text is not UTF-8.", line=line, remedy="Save the file as UTF-8."
        ) from None
    if "\r" in text and '"' not in text:
        raise fault(
            path,
            "lines end with a carriage return only, as on old Macintoshes.",
            line=line,
            remedy="Save the file with line ends \\n or \\r\\n.",
        )
    if text.count(separator) >= _MOST_COLUMNS:
        raise fault(
            path,
            f"the line has more than {_MOST_COLUMNS:,} columns.",
            line=line,
            received=shown_value(text),
            remedy="Check `separator`; write that many features as libsvm or NPZ.",
        )
    if not quoting:
        return [cell.strip() for cell in text.split(separator)]
    try:
        cells = next(csv.reader(text.splitlines(keepends=True), delimiter=separator))
    except csv.Error as error:
        raise fault(path, f"cannot be split into cells ({error}).", line=line) from error
    return [cell.strip() for cell in cells]


def _refuse_single_column(path: Path, line: int, text: str, separator: str) -> None:
    other = max((s for s in ",;\t|" if s != separator), key=text.count)
    raise fault(
        path,
        f"there is only one column when lines are split at {separator!r}.",
        line=line,
        received=shown_value(text),
        remedy=f"Pass separator={other!r}."
        if other in text
        else "Pass `separator`, the character between the cells.",
    )


def _checked_names(path: Path, line: int, cells: Sequence[str]) -> tuple[str, ...]:
    if all(_is_number(cell) for cell in cells) and not all(cell.isdigit() for cell in cells):
        raise fault(
            path,
            "the first line holds numbers, not names of columns.",
            line=line,
            received=shown_value(", ".join(cells)),
            remedy="Pass header=False.",
        )
    names = [cell or f"column_{i + 1}" for i, cell in enumerate(cells)]
    first: dict[str, int] = {}
    for i, name in enumerate(names):
        if first.setdefault(name, i) != i:
            raise fault(
                path,
                f"columns {first[name] + 1} and {i + 1} have the same name.",
                line=line,
                column=name,
                remedy="Give every column a name of its own"
                + (", or pass header=False." if _is_number(name) else "."),
            )
    return tuple(names)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None

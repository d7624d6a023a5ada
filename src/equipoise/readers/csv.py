"""CSV and TSV files, read by polars block by block, straight into 32-bit numbers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from equipoise.readers._frames import WORDS, to_dataset
from equipoise.readers._labels import Columns, Request, choose_columns
from equipoise.readers._records import (
    Block,
    Layout,
    blank_lines,
    blocks,
    explain_failure,
    is_blank,
    line_of,
    records,
)
from equipoise.readers._text import check_is_text, fault, shown_value
from equipoise.readers.dataset import Dataset, name_of

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".tab": "\t", ".txt": "\t"}
_SAMPLE = 1000  # rows that tell which columns are numbers

Types = dict[str, type[pl.DataType]]


def read(paths: Sequence[Path], request: Request) -> Dataset:
    """Reads tables with the same columns, one below the other (see `equipoise.readers.read`)."""
    layouts = [_layout(path, request) for path in paths]
    for layout in layouts[1:]:
        _check_same_columns(layouts[0], layout)
    columns = choose_columns(paths[0], layouts[0].names, request)
    _check_first_line(layouts[0], columns, request.header)
    counts: list[int] = []

    def frames() -> Iterator[pl.DataFrame]:
        for layout in layouts:
            counts.append(0)
            for frame in _frames_of(layout, columns):
                counts[-1] += frame.height
                yield frame

    def locate(row: int) -> tuple[Path, int]:
        for layout, count in zip(layouts, counts, strict=False):
            if row < count:
                return layout.path, line_of(layout, row)
            row -= count
        raise IndexError(row)

    return to_dataset(frames(), layouts[0].names, columns, request, locate, name_of(paths))


# ---------------------------------------------------------------------------------- header


def _layout(path: Path, request: Request) -> Layout:
    """Reads the names of the columns, and where the rows begin."""
    separator = request.separator or _SEPARATORS[path.suffix.lower()]
    with path.open("rb") as file:
        check_is_text(path, file.read(1 << 16))
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


def _first_records(path: Path, quoting: bool) -> list[tuple[int, bytes]]:
    """The first two records that are not blank lines."""
    with path.open("rb") as file:
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


def _check_first_line(layout: Layout, columns: Columns, header: bool) -> None:
    """Raises InvalidFile for a feature without a name, and for names where a row should be."""
    line, record = _first_records(layout.path, layout.quoting)[0]
    cells = _cells(layout.path, line, record, layout.separator, layout.quoting)
    numbers = (*columns.features, *columns.labels)
    if not header:
        if all(not _is_number(cells[i]) and cells[i].lower() not in WORDS for i in numbers):
            raise fault(
                layout.path,
                "there are names where numbers should be.",
                line=line,
                received=shown_value(", ".join(cells)),
                remedy="If the line names the columns, pass header=True.",
            )
        return
    for column in columns.features:
        if not cells[column]:
            name = layout.names[column]
            raise fault(
                layout.path,
                f"column {column + 1} has no name; it may be an index of the rows.",
                line=line,
                remedy=f"Leave it out with ignore=[{name!r}], or give it a name.",
            )


def _check_same_columns(first: Layout, other: Layout) -> None:
    for i, (a, b) in enumerate(zip(first.names, other.names, strict=False)):
        if a != b:
            raise fault(
                other.path,
                f"column {i + 1} is {b!r}, in {str(first.path)!r} it is {a!r}.",
                remedy="Give both files the same columns, or read them one by one.",
            )
    if first.n_columns != other.n_columns:
        raise fault(
            other.path,
            f"has {other.n_columns} columns, {str(first.path)!r} has {first.n_columns}.",
            remedy="Give both files the same columns, or read them one by one.",
        )


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) is not None


# ------------------------------------------------------------------------------------ rows


def _frames_of(layout: Layout, columns: Columns) -> Iterator[pl.DataFrame]:
    """The rows of a file: numbers where the first rows have numbers, else text.

    A block in which a column stops being numbers is read as text, which is slower and shows what
    is wrong where.
    """
    text: Types = dict.fromkeys(layout.names, pl.String)
    types: Types | None = None
    for block in blocks(layout):
        if types is None:
            types = _types(layout, columns, _parse_or_explain(block, text, _SAMPLE))
        try:
            frame = _parse(block, types)
        except pl.exceptions.PolarsError:
            frame = _parse_or_explain(block, text)
        yield _without_blank_lines(block, frame)


def _types(layout: Layout, columns: Columns, sample: pl.DataFrame) -> Types:
    types: Types = dict.fromkeys(layout.names, pl.String)
    for i in columns.features:
        types[layout.names[i]] = _type_of(sample[layout.names[i]], pl.Float32)
    for i in columns.labels:
        types[layout.names[i]] = _type_of(sample[layout.names[i]], pl.Int8, pl.Float32)
    return types


def _type_of(sample: pl.Series, *numeric: type[pl.DataType]) -> type[pl.DataType]:
    """The first type that holds every value of the sample, else text."""
    for kind in numeric:
        if sample.cast(kind, strict=False).null_count() == sample.null_count():
            return kind
    return pl.String


def _parse(block: Block, types: Types, n_rows: int | None = None) -> pl.DataFrame:
    # All columns are read: polars counts the cells of a row only up to the last one it needs.
    return pl.read_csv(
        block.data,
        has_header=False,
        schema=types,
        separator=block.layout.separator,
        quote_char='"' if block.layout.quoting else None,
        n_rows=n_rows,
    )


def _parse_or_explain(block: Block, types: Types, n_rows: int | None = None) -> pl.DataFrame:
    try:
        return _parse(block, types, n_rows)
    except pl.exceptions.PolarsError as error:
        raise explain_failure(block, error) from error


def _without_blank_lines(block: Block, frame: pl.DataFrame) -> pl.DataFrame:
    # A short row or a blank line leaves the last cell empty, so only then they are looked for.
    if frame[block.layout.names[-1]].null_count() == 0:
        return frame
    blank = blank_lines(block, frame.height)
    if not blank:
        return frame
    kept = pl.Series([True]).new_from_index(0, frame.height).scatter(blank, False)
    return frame.filter(kept)

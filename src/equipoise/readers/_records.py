"""The records of a table as bytes: whole blocks for polars, and what is wrong with a record.

polars fills short rows and counts blank lines as rows without saying so, and names no line in its
errors; a pass over the records does, where the result or an error calls for it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np

from equipoise._errors import InvalidInput
from equipoise.readers._bytes import open_bytes
from equipoise.readers._places import fault, shown_value

_BLOCK = 1 << 24  # bytes that polars parses at a time: enough for all cores, and few pages
_SCANNED = 1 << 16  # bytes looked at together, so that masks stay in the cache
_QUOTED = re.compile(rb'"[^"]*"')  # "a""b" is two of them, side by side


@dataclass(frozen=True)
class Layout:
    """How a table is written.

    Attributes:
        path: the file.
        separator: the character between cells.
        quoting: whether cells may be in double quotes.
        names: the names of the columns.
        skipped: the lines before the first row.
    """

    path: Path
    separator: str
    quoting: bool
    names: tuple[str, ...]
    skipped: int

    @property
    def n_columns(self) -> int:
        """The number of columns."""
        return len(self.names)

    def n_cells(self, record: bytes) -> int:
        """The number of cells of a record."""
        if self.quoting and b'"' in record:
            record = _QUOTED.sub(b"", record)
        return record.count(self.separator.encode()) + 1


@dataclass(frozen=True)
class Block:
    """Whole records of a file, one after the other.

    Attributes:
        layout: how the file is written.
        data: their bytes.
        start: the position of the first one in the file.
    """

    layout: Layout
    data: bytes
    start: int

    @property
    def line(self) -> int:
        """The line that the block begins at (counted when an error calls for it)."""
        line, left = 1, self.start
        with open_bytes(self.layout.path) as file:
            while left:
                chunk = file.read(min(left, _BLOCK))
                line, left = line + chunk.count(b"\n"), left - len(chunk)
        return line

    def records(self) -> Iterator[tuple[int, bytes]]:
        """The first line number and the bytes of every record."""
        lines = io.BytesIO(self.data)
        return records(self.layout.path, lines, self.layout.quoting, self.line)


def blocks(layout: Layout, size: int = _BLOCK) -> Iterator[Block]:
    """Cuts the rows of a file into blocks of about `size` bytes, never inside a record."""
    with open_bytes(layout.path) as file:
        start = sum(len(file.readline()) for _ in range(layout.skipped))
        while data := _whole_lines(file, start, size):
            if layout.quoting and b'"' in data and data.count(b'"') % 2:
                data += b"".join(_rest_of_cell(file))
            skipped = _length_of_blank_lines(data)
            if skipped < len(data):
                # polars takes the number of columns from the first line, so none may be blank.
                yield Block(layout, data[skipped:], start + skipped)
            start += len(data)


def _whole_lines(file: BinaryIO, start: int, size: int) -> bytes:
    """About `size` bytes from `start` on, where the file stands, up to the end of a line."""
    if not file.seekable():
        return b"".join([file.read(size), file.readline()])
    # The end is looked for first: fresh memory for a second copy costs as much as the reading.
    file.seek(start + size)
    file.readline()
    end = file.tell()
    file.seek(start)
    return file.read(end - start)


def _length_of_blank_lines(data: bytes) -> int:
    """The bytes of the blank lines that the data begin with."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        if not is_blank(data[start:end]):
            break
        start = end
    return start


def _rest_of_cell(file: BinaryIO) -> Iterator[bytes]:
    """The lines up to the one in which an open quote is closed."""
    for line in file:
        yield line
        if line.count(b'"') % 2:
            return


def records(
    path: Path, lines: Iterable[bytes], quoting: bool, first: int = 1
) -> Iterator[tuple[int, bytes]]:
    """The first line number and the bytes of every record; a quoted cell may hold line ends."""
    parts: list[bytes] = []
    start = first
    for number, line in enumerate(lines, start=first):
        odd = quoting and b'"' in line and line.count(b'"') % 2 == 1
        if not parts and not odd:
            yield number, line
            continue
        if not parts:
            start = number
        parts.append(line)
        if odd and len(parts) > 1:
            yield start, b"".join(parts)
            parts = []
    if parts:
        raise fault(
            path,
            "a quote is opened and never closed.",
            line=start,
            received=shown_value(parts[0].decode("utf-8", "replace").rstrip()),
            remedy="Double the quotes inside quoted cells, or pass quoting=False if quotes are "
            "ordinary characters in this file.",
        )


def is_blank(record: bytes) -> bool:
    """Whether a record is an empty line."""
    return not record.strip(b" \r\n")


def blank_lines(block: Block, n_rows: int) -> list[int]:
    """Returns the positions of blank lines among the rows that polars read from a block.

    Raises:
        InvalidFile: a record with too few or too many cells.
    """
    layout = block.layout
    if _count_separators(block) == n_rows * (layout.n_columns - 1):
        return []  # polars refuses rows with too many cells, so no row has too few
    blank: list[int] = []
    n_records = 0
    for line, record in block.records():
        if layout.n_cells(record) != layout.n_columns:
            if not is_blank(record):
                raise _ragged(layout, line, record)
            blank.append(n_records)
        n_records += 1
    if n_records != n_rows:
        raise fault(
            layout.path,
            f"has {n_records} records from this line on, but polars reads {n_rows} rows.",
            line=block.line,
            remedy="Look for stray quotes; pass quoting=False if they are ordinary characters.",
        )
    return blank


def _count_separators(block: Block) -> int:
    """The number of separators outside quotes."""
    separator = ord(block.layout.separator)
    has_quotes = block.layout.quoting and b'"' in block.data
    data = np.frombuffer(block.data, dtype=np.uint8)
    n, inside = 0, np.False_
    for start in range(0, len(data), _SCANNED):
        part = data[start : start + _SCANNED]
        found = part == separator
        if has_quotes:
            quoted = np.logical_xor.accumulate(part == ord('"')) ^ inside
            found &= ~quoted
            inside = quoted[-1]
        n += int(np.count_nonzero(found))
    return n


def explain_failure(block: Block, error: Exception) -> InvalidInput:
    """Returns the error that says why polars refused a block, or raises a more precise one."""
    layout = block.layout
    for line, record in block.records():
        _check_utf8(layout.path, line, record)
        if layout.quoting and b'"' in record:
            _check_quotes(layout, line, record)
        if layout.n_cells(record) != layout.n_columns and not is_blank(record):
            raise _ragged(layout, line, record)
    message = (str(error).splitlines() or [""])[0]
    return fault(layout.path, f"cannot be read as a table ({message}).", line=block.line)


def line_of(layout: Layout, row: int) -> int:
    """Returns the line of a row, counted from 0, blank lines left out."""
    with open_bytes(layout.path) as file:
        rows = islice(file, layout.skipped, None)
        found = (
            line
            for line, record in records(layout.path, rows, layout.quoting, layout.skipped + 1)
            if not is_blank(record)
        )
        return next(islice(found, row, None))


def _ragged(layout: Layout, line: int, record: bytes) -> InvalidInput:
    n = layout.n_cells(record)
    return fault(
        layout.path,
        f"the row has {n} cell{'s' if n > 1 else ''}, the others have {layout.n_columns}.",
        line=line,
        received=shown_value(record.decode("utf-8", "replace").strip("\r\n")),
        remedy=f"Correct the line; quote cells that hold {layout.separator!r}."
        if n > layout.n_columns
        else "Correct the line; the file may be cut off.",
    )


def _check_utf8(path: Path, line: int, record: bytes) -> None:
    try:
        record.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fault(
            path,
            "the text is not UTF-8.",
            line=line + record.count(b"\n", 0, error.start),
            received=shown_value(record.decode("latin-1").strip("\r\n")),
            remedy="Save the file as UTF-8.",
        ) from None


def _check_quotes(layout: Layout, line: int, record: bytes) -> None:
    separator = re.escape(layout.separator.encode())
    cell = rb'(^|%b)"(?:[^"]|"")*"(?=%b|\s*$)' % (separator, separator)
    if b'"' in re.sub(cell, rb"\1", record):
        raise fault(
            layout.path,
            "a quote stands inside a cell that is not quoted.",
            line=line,
            received=shown_value(record.decode("utf-8", "replace").strip("\r\n")),
            remedy="Quote the whole cell and double the quotes in it, or pass quoting=False if "
            "quotes are ordinary characters in this file.",
        )

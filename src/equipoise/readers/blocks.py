"""Rows of a table of any size, some at a time: for files that do not fit into memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import arrow, csv, parquet
from equipoise.readers._ahead import ahead
from equipoise.readers._columnar import Table, told_by
from equipoise.readers._csv_header import check_first_line, read_layout
from equipoise.readers._matrix_rows import SUFFIXES as MATRIX_SUFFIXES
from equipoise.readers._matrix_rows import MatrixFile, open_matrix
from equipoise.readers._paths import checked_paths, format_suffix
from equipoise.readers._places import Locate, Place, fault, located
from equipoise.readers._records import Layout, line_of
from equipoise.readers._request import Request

__all__ = ["SUFFIXES", "MatrixFile", "TableFile", "open_rows", "open_table"]

_TEXT = (".csv", ".tsv", ".tab", ".txt")
_TYPED = {".parquet": parquet, ".pq": parquet, ".arrow": arrow, ".feather": arrow, ".ipc": arrow}
SUFFIXES = (*_TEXT, *_TYPED)

_CELLS = 1 << 21  # that are handed out at a time
_CELLS_OF_SLICE = 1 << 23  # of a Parquet file that are read at a time
_FEWEST_ROWS, _MOST_ROWS = 256, 1 << 16


@dataclass(frozen=True)
class TableFile:
    """A table in a file, whose rows are read some at a time.

    Build it with `open_table`.

    Attributes:
        path: the file.
        names: the names of its columns.
    """

    path: Path
    names: tuple[str, ...]
    _table: Table | Layout
    _header: bool = True

    def blocks(
        self, names: Sequence[str], numbers: Sequence[str]
    ) -> Iterator[tuple[pl.DataFrame, Locate]]:
        """Yields some rows of these columns, and where a row of them came from.

        Of a text file, columns that are not numbers, or hold another cell in some block, are
        text there. A compressed file is unpacked as it is read. Arrow files are read as a whole.

        Args:
            names: the columns that are wanted.
            numbers: those of them that should be numbers.

        Raises:
            InvalidFile: a file that is damaged or no table, with the line where it can.
        """
        if isinstance(self._table, Table):
            yield from _typed_blocks(self._table, names)
        else:
            yield from _text_blocks(self._table, names, numbers, self._header)


def open_table(
    path: str | os.PathLike[str],
    *,
    separator: str | None = None,
    header: bool = True,
    quoting: bool = True,
) -> TableFile:
    """Opens a table: CSV and its like, compressed or not, Parquet or Arrow.

    Args:
        path: the file.
        separator: one character between the cells of text, where the suffix does not tell.
        header: whether the first line of text names the columns.
        quoting: whether cells of text may be in double quotes.

    Raises:
        InvalidFile: not there, empty, or of another format.

    Examples:
        >>> import pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "films.csv"
        >>> _ = path.write_text("length,title\\n95,Alien\\n120,Up\\n")
        >>> table = open_table(path)
        >>> [block.rows() for block, _ in table.blocks(["title", "length"], ["length"])]
        [[('Alien', 95.0), ('Up', 120.0)]]
    """
    found = checked_paths(path, SUFFIXES)[0]
    suffix = format_suffix(found)
    if suffix in _TYPED:
        if found.suffix.lower() not in _TYPED:
            raise InvalidFile(
                f"{str(found)!r}: {suffix} files are not read compressed.",
                remedy="Decompress the file first; the format compresses what is in it.",
            )
        table: Table = _TYPED[suffix]._table(found)
        if _TYPED[suffix] is parquet:
            table = replace(table, parts=_slices_of(found))
        return TableFile(found, tuple(table.schema), table)
    if suffix not in _TEXT:
        raise InvalidFile(
            f"{str(found)!r} is no table.",
            received=f"suffix {suffix!r}",
            remedy=f"Rows are read some at a time from {', '.join(SUFFIXES)}.",
        )
    request = Request.checked(separator=separator, header=header, quoting=quoting)
    layout = read_layout(found, request)
    return TableFile(found, layout.names, layout, header)


def open_rows(
    path: str | os.PathLike[str],
    *,
    nominal: Mapping[str, Sequence[str]] | None = None,
    separator: str | None = None,
    header: bool = True,
    quoting: bool = True,
) -> TableFile | MatrixFile:
    """Opens a table, or the features of an ARFF, libsvm or NPZ file.

    Tables, ARFF and libsvm are read some rows at a time, NPZ as a whole.

    Args:
        path: the file.
        nominal: the values that nominal attributes of ARFF had in training, in their order.
        separator: as in `open_table`; so are `header` and `quoting`.
        header: see there.
        quoting: see there.

    Raises:
        InvalidFile: not there, empty, or of another format.
        InvalidInput: options of text tables for another format.
    """
    found = checked_paths(path, (*SUFFIXES, *MATRIX_SUFFIXES))[0]
    suffix = format_suffix(found)
    if suffix not in MATRIX_SUFFIXES:
        return open_table(found, separator=separator, header=header, quoting=quoting)
    given = {"separator": separator is not None, "header": not header, "quoting": not quoting}
    if any(given.values()):
        raise InvalidInput(
            f"`{next(name for name in given if given[name])}` does not apply to {suffix} files.",
            received=repr(str(found)),
            remedy="Leave it out; this format says so itself.",
        )
    if suffix == ".npz" and found.suffix.lower() != suffix:
        raise InvalidFile(
            f"{str(found)!r}: {suffix} files are not read compressed.",
            remedy="Decompress the file first; the format compresses what is in it.",
        )
    return open_matrix(found, nominal)


def _slices_of(path: Path) -> Callable[[Sequence[str], int], Iterator[pl.DataFrame]]:
    """Returns what reads a Parquet file slice by slice.

    polars reads far ahead of who takes its batches, up to the whole file; of a slice it reads the
    row groups that it touches and no others.
    """

    def parts(names: Sequence[str], _: int) -> Iterator[pl.DataFrame]:
        with told_by(path, "Parquet"):
            scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
            n_rows = int(scan.select(pl.len()).collect().item())
        at_once = max(_FEWEST_ROWS, _CELLS_OF_SLICE // max(1, len(names)))
        for start in range(0, n_rows, at_once):
            with told_by(path, "Parquet"):
                frame = scan.slice(start, at_once).select(names).collect()
            yield frame

    return parts


def _typed_blocks(table: Table, names: Sequence[str]) -> Iterator[tuple[pl.DataFrame, Locate]]:
    at_once = min(_MOST_ROWS, max(_FEWEST_ROWS, _CELLS // max(1, len(names))))
    first = 0
    for part in table.parts(names, at_once):
        # A batch may be as large as polars likes.
        for frame in part.iter_slices(at_once):
            start = first
            yield frame, lambda row, start=start: Place(table.origin, row=start + row)
            first += frame.height
    if first == 0:
        raise fault(table.origin, "holds no row.", remedy="Check how it was made.")


def _text_blocks(
    layout: Layout, names: Sequence[str], numbers: Sequence[str], header: bool
) -> Iterator[tuple[pl.DataFrame, Locate]]:
    check_first_line(layout, frozenset(numbers), frozenset(), header)
    sample = csv._sample(layout)
    types = csv._types(sample, frozenset(numbers), frozenset())
    counts: list[int] = []
    locate = located(counts, lambda _, row: Place(layout.path, line=line_of(layout, row)))
    first = 0
    for frame in ahead(csv._frames([layout], [types], counts, ())):
        start = first
        yield frame.select(names), lambda row, start=start: locate(start + row)
        first += frame.height

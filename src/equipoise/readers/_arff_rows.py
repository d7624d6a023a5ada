"""The rows of ARFF files as one matrix of numbers.

liac-arff reads the rows one by one, and each goes into flat arrays, so no row stays behind as
Python objects.
"""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import arff as liac
import numpy as np
from scipy import sparse

from equipoise.readers._arff_faults import explain_bad_row
from equipoise.readers._arff_header import Attribute, Header, read_header
from equipoise.readers._bytes import encoding_of, open_text
from equipoise.readers._checks import Matrix
from equipoise.readers._labels import Columns
from equipoise.readers._places import fault

_NAN = float("nan")


@dataclass(frozen=True)
class Source:
    """One file: its header, its encoding, and whether its rows are sparse."""

    header: Header
    encoding: str
    is_sparse: bool

    @classmethod
    def open(cls, path: Path) -> Source:
        """Reads the header and looks at the first row."""
        encoding = encoding_of(path)
        with open_text(path, encoding) as file:
            header = read_header(path, iter(file))
            first = next(_data_lines(file, header), None)
        if first is None:
            raise fault(
                path,
                "has no row after @data.",
                line=header.data_line,
                remedy="The file may be cut off: compare its size with the original's.",
            )
        return cls(header, encoding, first[1].startswith("{"))

    def rows(self) -> Iterator[tuple[int, str]]:
        """The line number and text of every row."""
        with open_text(self.header.path, self.encoding) as file:
            yield from _data_lines(islice(file, self.header.data_line, None), self.header)


def _data_lines(lines: Iterator[str], header: Header) -> Iterator[tuple[int, str]]:
    """The line number and text of each row, from the line after @data on."""
    for number, line in enumerate(lines, start=header.data_line + 1):
        text = line.strip()
        if text and not text.startswith("%"):
            yield number, text


@dataclass(frozen=True)
class Rows:
    """The rows of one or several files.

    Attributes:
        table: (N, all attributes) float32, dense or CSR. A missing value is NaN; a nominal value
            is its position among the values declared, {0, 1} the number itself. Attributes that
            are neither features nor labels are 0.
        groups: the values of the column of groups, as liac-arff gives them.
        counts: the number of rows of each file.
    """

    table: Matrix
    groups: list[Any]
    counts: list[int]


def read_rows(sources: Sequence[Source], columns: Columns) -> Rows:
    """Reads the rows of files that have the same attributes.

    Raises:
        InvalidFile: a row that does not fit the attributes, with its line.
    """
    rows = _Dense(sources, columns) if not sources[0].is_sparse else _Sparse(sources, columns)
    kind = liac.LOD_GEN if sources[0].is_sparse else liac.DENSE_GEN
    try:
        decoded: Any = liac.load(rows.lines(), encode_nominal=True, return_type=kind)["data"]
        for row in decoded:
            rows.add(row)
    except (liac.ArffException, csv.Error, ValueError, TypeError, OverflowError) as error:
        raise explain_bad_row(
            rows.source.header, rows.source.is_sparse, rows.line, rows.text, error
        ) from error
    return Rows(rows.table(), rows.groups, rows.counts)


@dataclass
class _Reading:
    """Where the reading is, and what it read."""

    sources: Sequence[Source]
    columns: Columns
    groups: list[Any] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    line: int = 0
    text: str = ""
    values: array[float] = field(default_factory=lambda: array("f"))

    def __post_init__(self) -> None:
        self.source = self.sources[0]
        self.attributes = self.source.header.attributes
        used = {*self.columns.features, *self.columns.labels}
        self.unused = [i for i in range(len(self.attributes)) if i not in used]

    def lines(self) -> Iterator[str]:
        """A plain header for liac-arff, and then the rows of all files."""
        yield "@relation rows"
        unused = frozenset(self.unused)
        for i, attribute in enumerate(self.attributes):
            yield f"@attribute a{i} {_type_for_liac(attribute, is_used=i not in unused)}"
        yield "@data"
        for source in self.sources:
            self.source = source
            self.counts.append(0)
            for line, text in source.rows():
                self.line, self.text = line, text
                self.counts[-1] += 1
                yield text


class _Dense(_Reading):
    def add(self, row: list[Any]) -> None:
        if self.text.startswith("{"):
            raise ValueError("a sparse row among dense rows")
        if self.columns.groups is not None:
            self.groups.append(row[self.columns.groups])
        for column in self.unused:
            row[column] = 0.0
        try:
            self.values.extend(row)
        except TypeError:  # a missing value; what came before it is already there
            del self.values[len(self.values) - len(self.values) % len(row) :]
            self.values.extend(_NAN if value is None else value for value in row)

    def table(self) -> Matrix:
        return np.frombuffer(self.values, dtype=np.float32).reshape(-1, len(self.attributes))


class _Sparse(_Reading):
    def __post_init__(self) -> None:
        super().__post_init__()
        self.indices, self.ends = array("i"), array("i", [0])
        groups = self.columns.groups
        is_text = groups is not None and self.attributes[groups].kind not in ("numeric", "nominal")
        self.absent_group = "" if is_text else 0

    def add(self, row: dict[int, Any]) -> None:
        text = self.text
        if len(row) != text.count(",") + bool(row) and "'" not in text and '"' not in text:
            raise ValueError("an index occurs twice, or a comma is too many")
        if self.columns.groups is not None:
            self.groups.append(row.get(self.columns.groups, self.absent_group))
        for column in self.unused:
            row.pop(column, None)
        try:
            self.values.extend(row.values())
        except TypeError:  # a missing value, whose index liac-arff does not check
            if max(row) >= len(self.attributes):
                raise ValueError("an index beyond the attributes") from None
            del self.values[len(self.indices) :]
            self.values.extend(_NAN if value is None else value for value in row.values())
        self.indices.extend(row)
        self.ends.append(len(self.indices))

    def table(self) -> Matrix:
        values = np.frombuffer(self.values, dtype=np.float32)
        indices = np.frombuffer(self.indices, dtype=np.int32)
        ends = np.frombuffer(self.ends, dtype=np.int32)
        shape = (len(ends) - 1, len(self.attributes))
        matrix = sparse.csr_array((values, indices, ends), shape=shape)
        matrix.sort_indices()
        return matrix


def _type_for_liac(attribute: Attribute, is_used: bool) -> str:
    """The type under which liac-arff turns the values into numbers fastest."""
    if attribute.kind == "numeric" or (is_used and attribute.values == ("0", "1")):
        return "numeric"  # whether {0, 1} holds is checked afterwards, all at once
    if attribute.kind != "nominal":
        return "string"
    return "{" + ",".join(_quoted(value) for value in attribute.values) + "}"


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

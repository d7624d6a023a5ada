"""Tables whose columns have types (Parquet, Arrow, frames in memory) → Dataset."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from equipoise.readers._frames import to_dataset
from equipoise.readers._labels import Columns
from equipoise.readers._numbers import TEXT
from equipoise.readers._places import Origin, Place, fault, located, shown_origin
from equipoise.readers._request import Request
from equipoise.readers._shared_columns import shared_columns
from equipoise.readers.dataset import Dataset

_CELLS = 1 << 22  # that are read at a time: 32 MiB of 64-bit numbers
_FEWEST_ROWS = 256

Schema = Mapping[str, pl.DataType]


@dataclass(frozen=True)
class Table:
    """A table to be read.

    Attributes:
        origin: the file or frame.
        n_rows: how many rows it has, 0 if only the file says so.
        schema: the types of its columns by name.
        parts: of some columns, the rows in frames of about so many rows.
    """

    origin: Origin
    n_rows: int
    schema: Schema
    parts: Callable[[Sequence[str], int], Iterator[pl.DataFrame]]


def dataset_of(tables: Sequence[Table], request: Request, name: str) -> tuple[Dataset, list[int]]:
    """Returns the data set in tables, one below the other, and the number of rows of each."""
    names, columns = shared_columns([(t.origin, list(t.schema)) for t in tables], request)
    wanted = [names[i] for i in _used(columns)]
    _check_alike(tables, wanted)
    at_once = max(_FEWEST_ROWS, _CELLS // len(wanted))
    n_expected = sum(table.n_rows for table in tables)
    counts: list[int] = []

    def frames() -> Iterator[pl.DataFrame]:
        for table in tables:
            counts.append(0)
            for frame in table.parts(wanted, at_once):
                counts[-1] += frame.height
                if frame.height:
                    yield frame
            if counts[-1] == 0:
                raise fault(table.origin, "holds no row.", remedy="Check how it was made.")

    locate = located(counts, lambda i, row: Place(tables[i].origin, row=row))
    dataset = to_dataset(frames(), names, columns, request, locate, name, n_expected=n_expected)
    return dataset, counts


@contextmanager
def told_by(path: Path, kind: str) -> Generator[None, None, None]:
    """Raises InvalidFile for what polars raises when a file is damaged; it may also panic."""
    try:
        yield
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        message = (str(error).splitlines() or [""])[0]
        raise fault(
            path,
            f"cannot be read as {kind} ({message[:200]}).",
            remedy="The file may be cut off or damaged: compare its size with the original's.",
        ) from error


def _used(columns: Columns) -> list[int]:
    others = [i for i in (columns.label_sets, columns.groups) if i is not None]
    return [*columns.features, *columns.labels, *others]


def _check_alike(tables: Sequence[Table], names: Sequence[str]) -> None:
    """Raises InvalidInput if a column is numbers in one table and something else in another."""
    first = tables[0]
    for table in tables[1:]:
        for name in names:
            a, b = first.schema[name], table.schema[name]
            if _kind(a) != _kind(b) and pl.Null not in (a, b):
                raise fault(
                    table.origin,
                    f"the column is of type {b}, in {shown_origin(first.origin)} of type {a}.",
                    column=name,
                    remedy="Give the column the same type in both.",
                )


def _kind(dtype: pl.DataType) -> str:
    if dtype.is_numeric() or dtype == pl.Boolean:
        return "numbers"
    if isinstance(dtype, TEXT):
        return "text"
    if isinstance(dtype, pl.Datetime):
        return f"times in the zone {dtype.time_zone}"
    return "lists" if dtype.is_nested() else str(dtype)

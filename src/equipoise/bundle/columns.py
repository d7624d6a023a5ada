"""The columns that a model was trained on, and the same columns of any other table."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from equipoise._errors import InvalidInput, check_choice, shown_list
from equipoise.readers._checks import infinite_value
from equipoise.readers._numbers import is_number, is_text, parsed, without_missing_words
from equipoise.readers._places import Locate, Origin, fault, shown_value

_KINDS = ("number", "text", "date", "datetime")
_SHOWN = 5


@dataclass(frozen=True)
class Column:
    """A column of the table that a model was trained on.

    Attributes:
        name: its name.
        kind: "number", "text", "date" or "datetime".
        time_unit: "ms", "us" or "ns" of a "datetime".
        time_zone: its time zone, or None.
    """

    name: str
    kind: str = "number"
    time_unit: str | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, _KINDS)

    @property
    def dtype(self) -> pl.DataType:
        """The type that polars has for it."""
        if self.kind == "datetime":
            unit: Any = self.time_unit or "us"
            return pl.Datetime(unit, self.time_zone)
        kinds = {"number": pl.Float32(), "text": pl.String(), "date": pl.Date()}
        return kinds[self.kind]

    def to_dict(self) -> dict[str, Any]:
        """Returns the column as plain values (`Column(**values)` restores it)."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def columns_of(names: Sequence[str], x: Any) -> tuple[Column, ...]:
    """Returns the columns of features, as `equipoise.readers.read` gives them."""
    if not isinstance(x, pl.DataFrame):
        return tuple(Column(name) for name in names)
    return tuple(_column(name, dtype) for name, dtype in x.schema.items())


def _column(name: str, dtype: pl.DataType) -> Column:
    if isinstance(dtype, pl.Datetime):
        return Column(name, "datetime", dtype.time_unit, dtype.time_zone)
    if dtype == pl.Date:
        return Column(name, "date")
    return Column(name, "text" if dtype == pl.String else "number")


def check_there(origin: Origin, columns: Sequence[Column], there: Sequence[str]) -> None:
    """Raises InvalidFile for columns that are not there, and says what is called alike.

    Args:
        origin: what is read, for the error.
        columns: the columns of the training rows.
        there: the names of the columns of this table.
    """
    names = set(there)
    missing = [column.name for column in columns if column.name not in names]
    if not missing:
        return
    spare = [name for name in there if name not in {column.name for column in columns}]
    hints = [hint for name in missing[:_SHOWN] if (hint := _alike(name, spare))]
    one = len(missing) == 1
    what = f"column {missing[0]!r}" if one else f"{len(missing)} columns"
    raise fault(
        origin,
        f"there is no {what}, which the model was trained on."
        if one
        else f"{what} are not there, which the model was trained on: "
        f"{shown_list(missing, _SHOWN)}.",
        received=f"columns {shown_list(list(there))}",
        remedy=" ".join(hints)
        + (" Rename the columns alike" if hints else "Add the columns")
        + "; cells may be empty where a value is not known.",
    )


def _alike(name: str, spare: Sequence[str]) -> str:
    plain = {other.strip().casefold(): other for other in spare}
    close = difflib.get_close_matches(name.strip().casefold(), plain, n=1)
    return f"{plain[close[0]]!r} may be {name!r}." if close else ""


def extra_columns(columns: Sequence[Column], there: Sequence[str]) -> list[str]:
    """Returns the names of columns that the model knows nothing of."""
    known = {column.name for column in columns}
    return [name for name in there if name not in known]


def converted(frame: pl.DataFrame, columns: Sequence[Column], locate: Locate) -> pl.DataFrame:
    """Returns the columns in their order and of their types; null where a value is missing.

    Args:
        frame: some rows of a table that has the columns.
        columns: what the model was trained on.
        locate: where a row of `frame` came from.

    Raises:
        InvalidInput: a cell that is not what its column holds in the training rows.
    """
    return pl.DataFrame([_CONVERT[c.kind](frame[c.name], c, locate) for c in columns])


def _numbers(series: pl.Series, column: Column, locate: Locate) -> pl.Series:
    if is_text(series):
        numbers, wrong = parsed(series)
        if len(wrong):
            row = int(wrong[0])
            raise _other(locate, row, column, "numbers", series)
    elif is_number(series):
        numbers = series.cast(pl.Float32)
    else:
        raise _other_type(locate, column, "numbers", series)
    infinite = numbers.is_infinite().fill_null(False).arg_true()
    if len(infinite):
        raise infinite_value(locate(int(infinite[0])), column.name)
    return numbers.fill_nan(None)


def _text(series: pl.Series, column: Column, locate: Locate) -> pl.Series:
    if is_text(series):
        return without_missing_words(series)
    if series.dtype == pl.Null:
        return series.cast(pl.String)
    # 7 may have been written 7, 7.0 or 007: which of them the model knows, nobody can tell.
    raise _other_type(locate, column, "text", series)


def _times(series: pl.Series, column: Column, locate: Locate) -> pl.Series:
    dtype = column.dtype
    if series.dtype == dtype or series.dtype == pl.Null:
        return series.cast(dtype)
    if is_text(series):
        text = without_missing_words(series).str.strip_chars()
        times = _parsed_times(text, column)
        wrong = (times.is_null() & text.is_not_null()).arg_true()
        if len(wrong):
            raise _other(locate, int(wrong[0]), column, "dates (1999-12-31)", series)
        return times
    if isinstance(series.dtype, pl.Datetime) and isinstance(dtype, pl.Datetime):
        if (series.dtype.time_zone is None) == (dtype.time_zone is None):
            zoned = (
                series if dtype.time_zone is None else series.dt.convert_time_zone(dtype.time_zone)
            )
            return zoned.cast(dtype)
    elif series.dtype == pl.Date and isinstance(dtype, pl.Datetime) and dtype.time_zone is None:
        return series.cast(dtype)
    raise _other_type(locate, column, f"the type {dtype}", series)


def _parsed_times(text: pl.Series, column: Column) -> pl.Series:
    if column.kind == "date":
        return text.str.to_date("%Y-%m-%d", strict=False)
    unit: Any = column.time_unit or "us"
    plain = text.str.replace("T", " ", literal=True)
    zoned = column.time_zone is not None
    found: pl.Series | None = None
    for form in ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d"):
        if zoned:
            form += "%#z"
        times = plain.str.to_datetime(form, time_unit=unit, strict=False)
        if zoned:
            times = times.dt.convert_time_zone(str(column.time_zone))
        found = times if found is None else found.zip_with(found.is_not_null(), times)
    assert found is not None
    return found


_CONVERT: Mapping[str, Callable[[pl.Series, Column, Locate], pl.Series]] = {
    "number": _numbers,
    "text": _text,
    "date": _times,
    "datetime": _times,
}


def _other(
    locate: Locate, row: int, column: Column, expected: str, series: pl.Series
) -> InvalidInput:
    return fault(
        locate(row),
        f"the column holds {expected} in the training rows, and here something else.",
        column=column.name,
        received=shown_value(str(series[row])),
        remedy="Correct the cell, or leave it empty if the value is not known.",
    )


def _other_type(locate: Locate, column: Column, expected: str, series: pl.Series) -> InvalidInput:
    return fault(
        locate(0).origin,
        f"the column holds {expected} in the training rows.",
        column=column.name,
        received=f"a column of type {series.dtype}",
        remedy="Write the column as it was written for training.",
    )

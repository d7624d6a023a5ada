"""Data frames in memory → polars; pandas column by column, so that it needs no pyarrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import polars as pl

from equipoise._errors import InvalidInput, check_names
from equipoise.readers._columnar import Table, dataset_of
from equipoise.readers._places import fault
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset

_ORIGIN = "The data frame"


def take(frame: Any, request: Request, name: str) -> Dataset:
    """Takes features and labels out of a frame (see `equipoise.readers.from_frame`)."""
    columns = _columns(frame)

    def parts(names: Sequence[str], n_rows: int) -> Iterator[pl.DataFrame]:
        chosen = [columns[name] for name in names]
        for column in chosen:
            if isinstance(column, InvalidInput):
                raise column
        return pl.DataFrame(chosen).iter_slices(n_rows)

    schema = {
        name: column.dtype if isinstance(column, pl.Series) else pl.Object()
        for name, column in columns.items()
    }
    n_rows = max((len(c) for c in columns.values() if isinstance(c, pl.Series)), default=0)
    return dataset_of([Table(_ORIGIN, n_rows, schema, parts)], request, name)[0]


def _columns(frame: Any) -> dict[str, pl.Series | InvalidInput]:
    """The columns of a frame; of one that cannot be read, which may not be used, the error.

    Raises:
        InvalidInput: not a data frame, or two columns of the same name.
    """
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return dict(zip(frame.columns, frame, strict=True))
    try:
        other = nw.from_native(frame)
        if isinstance(other, nw.LazyFrame):
            other = other.collect()
        is_pandas = other.implementation.is_pandas_like()
    except TypeError:
        is_pandas, other = False, None
    except ValueError as error:  # pandas allows two columns of the same name
        raise _same_names(error) from None
    if is_pandas and other is not None:
        names = check_names("the columns of frame", other.columns)
        columns = zip(names, other.iter_columns(), strict=True)
        return {name: _series_or_fault(column, name) for name, column in columns}
    native = frame if other is None else other.to_native()
    if not hasattr(native, "__arrow_c_stream__"):
        raise InvalidInput(
            "`frame` must be a data frame: pandas, polars, pyarrow or another Arrow table.",
            received=type(frame).__name__,
            remedy="For a file use read; labels in an array are read by as_targets.",
        )
    try:
        table = pl.DataFrame(native)
    except pl.exceptions.DuplicateError as error:
        raise _same_names(error) from None
    return dict(zip(table.columns, table, strict=True))


def _same_names(error: Exception) -> InvalidInput:
    problem = f"two columns have the same name ({' '.join(str(error).split())})."
    return fault(_ORIGIN, problem, remedy="Give every column a name of its own.")


def _series_or_fault(column: nw.Series[Any], name: str) -> pl.Series | InvalidInput:
    try:
        return _series(column, name)
    except InvalidInput as error:
        return error


def _series(column: nw.Series[Any], name: str) -> pl.Series:
    """One column of pandas; what is missing is null."""
    dtype = column.dtype
    if isinstance(dtype, nw.Datetime) and dtype.time_zone is not None:
        plain = column.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return _series(plain, name).dt.replace_time_zone("UTC")
    if dtype.is_float() or dtype.is_temporal() or column.null_count() == 0:
        values = column.to_numpy()
        if values.dtype.kind == "M":
            values = values.astype("datetime64[us]")
        if values.dtype.kind in "iufbmM":
            return pl.Series(name, np.ascontiguousarray(values))
    return _from_objects([_known(value) for value in column.to_list()], name)


def _known(value: Any) -> Any:
    """The value, None if it stands for a missing one."""
    missing = value is None or type(value).__name__ in ("NAType", "NaTType") or value != value
    return None if isinstance(missing, bool) and missing else value


def _from_objects(values: list[Any], name: str) -> pl.Series:
    """A column of Python objects of one kind."""
    present = [value for value in values if value is not None]
    if not present:
        return pl.Series(name, values, dtype=pl.Null)
    if _all(present, (bool, np.bool_)):
        return pl.Series(name, values, dtype=pl.Boolean)
    if _all(present, str):
        return pl.Series(name, values, dtype=pl.String)
    if _all(present, (int, np.integer)) and max(map(abs, present)) < 1 << 63:
        return pl.Series(name, values, dtype=pl.Int64)
    if _all(present, (int, float, np.integer, np.floating)):
        numbers = [None if value is None else float(value) for value in values]
        return pl.Series(name, numbers, dtype=pl.Float64)
    if _all(present, dt.datetime):
        return pl.Series(name, values, dtype=pl.Datetime)
    if _all(present, dt.date):
        return pl.Series(name, values, dtype=pl.Date)
    if _all(present, (list, tuple, set, frozenset, np.ndarray)):
        return pl.Series(name, [_labels(value) for value in values], dtype=pl.List(pl.String))
    kinds = sorted({type(value).__name__ for value in present})
    raise fault(
        _ORIGIN,
        "the column holds values of different kinds, or of a kind that is not read.",
        column=name,
        received=", ".join(kinds),
        remedy="Turn them all into numbers, text or dates.",
    )


def _all(values: list[Any], kinds: type | tuple[type, ...]) -> bool:
    return all(isinstance(value, kinds) for value in values)


def _labels(value: Any) -> list[str | None] | None:
    """A list of labels as text; the order of a set does not matter."""
    if value is None:
        return None
    return [None if _known(label) is None else str(label) for label in value]

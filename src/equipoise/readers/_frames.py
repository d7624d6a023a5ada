"""A data frame of numbers, words and label sets → Dataset; for every format that is a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.readers._cells import label_cells, targets_of_cells
from equipoise.readers._checks import check_finite, label_targets
from equipoise.readers._labels import Columns, renamed_labels
from equipoise.readers._matrices import Stack
from equipoise.readers._mixed import check_mixed, mixed_part
from equipoise.readers._numbers import as_numbers
from equipoise.readers._places import Locate, fault
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset


def to_dataset(
    frames: Iterable[pl.DataFrame],
    names: Sequence[str],
    columns: Columns,
    request: Request,
    locate: Locate,
    name: str,
    numbers: frozenset[str] = frozenset(),
    n_expected: int = 0,
) -> Dataset:
    """Returns the data set in frames, one below the other, whose columns are numbers or text.

    Args:
        frames: parts of the table, of some rows each; one is held at a time.
        names: the names of the columns.
        columns: what each column is for.
        request: what the caller asked for.
        locate: where a row came from, for errors; asked about rows already in `frames`.
        name: the name of the data set.
        numbers: in a mixed table, the text columns that are numbers.
        n_expected: about how many rows there are, 0 if that is not known.

    Raises:
        NotNumbers: a column in `numbers` holds other text.
    """
    feature_names = tuple(names[i] for i in columns.features)
    label_columns = [names[i] for i in columns.labels]
    tables: list[pl.DataFrame] = []
    features, labels = Stack(n_expected), Stack(n_expected)
    label_sets: list[pl.Series] = []
    groups: list[pl.Series] = []
    n = 0
    for frame in frames:
        place = _shifted(locate, n)
        if request.mixed:
            tables.append(mixed_part(frame, feature_names, numbers, place))
        else:
            part = _matrix(frame, feature_names, place)
            check_finite(part, feature_names, place)
            features.add(part)
        if label_columns:
            labels.add(_matrix(frame, label_columns, place, is_label=True))
        if columns.label_sets is not None:
            cells = frame[names[columns.label_sets]]
            label_sets.append(label_cells(cells, request, place))
        if columns.groups is not None:
            groups.append(_group_cells(frame[names[columns.groups]], place))
        n += frame.height
        del frame  # before the next one is read
    x = _stacked_tables(tables, locate) if request.mixed else features.matrix()
    if columns.label_sets is None:
        label_names = renamed_labels(locate(0).origin, label_columns, request.label_names)
        targets = label_targets(labels.matrix(), label_columns, label_names, locate)
    else:
        targets = targets_of_cells(pl.concat(label_sets), request, locate)
    return Dataset(
        x,
        targets,
        feature_names,
        len(feature_names),
        _groups(pl.concat(groups)) if groups else None,
        name,
    )


def _stacked_tables(parts: list[pl.DataFrame], locate: Locate) -> pl.DataFrame:
    table = pl.concat(parts, how="vertical_relaxed", rechunk=True)
    table = table.with_columns(pl.col(pl.Null).cast(pl.Float32))
    check_mixed(table, locate)
    return table


def _shifted(locate: Locate, first: int) -> Locate:
    return lambda row: locate(first + row)


def _matrix(
    frame: pl.DataFrame, names: Sequence[str], locate: Locate, is_label: bool = False
) -> NDArray[Any]:
    """The columns as one array; whole numbers only if nothing is missing."""
    part = pl.DataFrame([as_numbers(frame[name], locate, is_label) for name in names])
    if not is_label or any(series.null_count() for series in part):
        part = part.cast(
            {name: pl.Float32 for name, kind in part.schema.items() if kind == pl.Int8}
        )
    return part.to_numpy(order="c")


def _group_cells(series: pl.Series, locate: Locate) -> pl.Series:
    """The groups of some rows, as text."""
    if series.dtype.is_float():
        series = series.fill_nan(None)
        if ((series == series.round()) & (series.abs() < 1 << 53)).all():
            series = series.cast(pl.Int64)
    if series.dtype.is_nested() or isinstance(series.dtype, (pl.Binary, pl.Object)):
        raise fault(
            locate(0).origin,
            "groups must be names or numbers.",
            column=series.name,
            received=f"a column of type {series.dtype}",
        )
    text = series.cast(pl.String).str.strip_chars()
    empty = (text.is_null() | (text == "")).arg_true()
    if len(empty):
        raise fault(
            locate(int(empty[0])),
            "a row without a group.",
            column=series.name,
            remedy="Give every row a group; rows of their own may have numbers of their own.",
        )
    return text


def _groups(text: pl.Series) -> NDArray[Any]:
    """Groups as whole numbers if all are, else as text."""
    numbers = text.cast(pl.Int64, strict=False)
    # "007" and "7" stay two groups.
    if numbers.null_count() == 0 and (numbers.cast(pl.String) == text).all():
        return numbers.to_numpy().copy()
    return np.array(text.to_list())

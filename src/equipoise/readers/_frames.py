"""A data frame of numbers, words and label sets → Dataset; for every format that is a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.readers._cells import targets_of_cells
from equipoise.readers._checks import check_finite, label_targets, not_a_label
from equipoise.readers._labels import Columns, Request, renamed_labels
from equipoise.readers._text import Locate, fault, shown_value
from equipoise.readers.dataset import Dataset

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
WORDS = frozenset({*_MISSING, "true", "false"})  # text, in lower case, that stands for a number


def to_dataset(
    frames: Iterable[pl.DataFrame],
    names: Sequence[str],
    columns: Columns,
    request: Request,
    locate: Locate,
    name: str,
) -> Dataset:
    """Returns the data set in frames, one below the other, whose columns are numbers or text.

    Args:
        frames: parts of the table, of some rows each; one is held at a time.
        names: the names of the columns.
        columns: what each column is for.
        request: what the caller asked for.
        locate: where in a file a row is, for errors; asked about rows already in `frames`.
        name: the name of the data set.
    """
    feature_names = tuple(names[i] for i in columns.features)
    label_columns = [names[i] for i in columns.labels]
    features: list[NDArray[Any]] = []
    labels: list[NDArray[Any]] = []
    label_cells: list[pl.Series] = []
    group_cells: list[pl.Series] = []
    n = 0
    for frame in frames:
        place = _shifted(locate, n)
        features.append(_matrix(frame, feature_names, place))
        check_finite(features[-1], feature_names, place)
        if label_columns:
            labels.append(_matrix(frame, label_columns, place, is_label=True))
        if columns.label_sets is not None:
            label_cells.append(frame[names[columns.label_sets]])
        if columns.groups is not None:
            group_cells.append(frame[names[columns.groups]])
        n += frame.height
    x = _stacked(features)
    if columns.label_sets is None:
        label_names = renamed_labels(locate(0)[0], label_columns, request.label_names)
        targets = label_targets(_stacked(labels), label_columns, label_names, locate)
    else:
        targets = targets_of_cells(pl.concat(label_cells), request, locate)
    groups = _groups(pl.concat(group_cells), locate) if group_cells else None
    return Dataset(x, targets, feature_names, len(feature_names), groups, name)


def _stacked(parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Returns the parts below each other; lets go of each one as soon as it is copied."""
    if len(parts) == 1:
        return parts[0]
    n_rows = sum(len(part) for part in parts)
    dtype = np.result_type(*{part.dtype for part in parts})
    stacked = np.empty((n_rows, parts[0].shape[1]), dtype=dtype)
    parts.reverse()
    start = 0
    while parts:
        part = parts.pop()
        stacked[start : start + len(part)] = part
        start += len(part)
    return stacked


def _shifted(locate: Locate, first: int) -> Locate:
    return lambda row: locate(first + row)


# --------------------------------------------------------------------------------- numbers


def _matrix(
    frame: pl.DataFrame, names: Sequence[str], locate: Locate, is_label: bool = False
) -> NDArray[Any]:
    """The columns as one array; whole numbers only if nothing is missing."""
    part = frame.select(
        _numbers(frame[name], locate, is_label) if frame[name].dtype == pl.String else pl.col(name)
        for name in names
    )
    if any(series.null_count() for series in part) or not is_label:
        part = part.cast(pl.Float32)
    return part.to_numpy(order="c")


def _numbers(series: pl.Series, locate: Locate, is_label: bool) -> pl.Series:
    """Text as numbers: true and false are 1 and 0, missing words are null."""
    text = pl.col(series.name).str.strip_chars()
    word = text.str.to_lowercase()
    table = series.to_frame().select(
        pl.when(word.is_in(_MISSING))
        .then(None)
        .when(word == "true")
        .then(pl.lit("1"))
        .when(word == "false")
        .then(pl.lit("0"))
        .otherwise(text)
        .alias("text")
    )
    numbers = table["text"].cast(pl.Float32, strict=False)
    wrong = (numbers.is_null() & table["text"].is_not_null()).arg_true()
    if len(wrong) == 0:
        return numbers.alias(series.name)
    row = int(wrong[0])
    path, line = locate(row)
    value = shown_value(table["text"][row])
    if is_label:
        raise not_a_label(path, line, series.name, value)
    raise fault(
        path,
        "a feature must be a number.",
        line=line,
        column=series.name,
        received=value,
        remedy=_remedy(table["text"][row], series.name),
    )


def _remedy(value: str, name: str) -> str:
    if re.fullmatch(r"[+-]?[\d.]*,\d+", value):
        return "Write decimal points instead of decimal commas."
    return f"Leave the column out with ignore=[{name!r}], or encode it as numbers first."


def _groups(series: pl.Series, locate: Locate) -> NDArray[Any]:
    """Groups as whole numbers if all are, else as text."""
    text = series.cast(pl.String).str.strip_chars()
    empty = (text.is_null() | (text == "")).arg_true()
    if len(empty):
        path, line = locate(int(empty[0]))
        raise fault(
            path,
            "a row without a group.",
            line=line,
            column=series.name,
            remedy="Give every row a group; rows of their own may have numbers of their own.",
        )
    numbers = text.cast(pl.Int64, strict=False)
    # "007" and "7" stay two groups.
    if numbers.null_count() == 0 and (numbers.cast(pl.String) == text).all():
        return numbers.to_numpy().copy()
    return np.array(text.to_list())

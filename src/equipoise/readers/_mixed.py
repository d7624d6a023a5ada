"""Feature columns of mixed tables: numbers as numbers, text and dates as they are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import polars as pl

from equipoise._errors import EquipoiseWarning
from equipoise.readers._checks import infinite_value
from equipoise.readers._numbers import (
    NotNumbers,
    is_number,
    is_text,
    parsed,
    without_missing_words,
)
from equipoise.readers._places import Locate, fault, shown_origin, shown_value

_KEPT = (pl.Date, pl.Datetime)
_MOSTLY = 0.9  # of the cells are numbers: then the others look like mistakes


def mixed_part(
    frame: pl.DataFrame, names: Sequence[str], numbers: frozenset[str], locate: Locate
) -> pl.DataFrame:
    """Returns the feature columns: Float32, text or dates; null where a value is missing.

    Args:
        frame: some rows of the table.
        names: the feature columns.
        numbers: those whose text is numbers.
        locate: where a row of `frame` came from.

    Raises:
        NotNumbers: a column in `numbers` holds text.
        InvalidInput: an infinite number, or a type that is no feature.
    """
    return pl.DataFrame([_column(frame[name], name in numbers, locate) for name in names])


def check_mixed(x: pl.DataFrame, locate: Locate) -> None:
    """Warns of text columns that are numbers but for a few cells."""
    for series in x:
        if series.dtype != pl.String or series.null_count() == len(series):
            continue
        wrong = parsed(series)[1]
        known = len(series) - series.null_count()
        if 0 < len(wrong) <= (1 - _MOSTLY) * known:
            row = int(wrong[0])
            place = locate(row)
            at = f", line {place.line}" if place.line is not None else f", row {place.row}"
            warnings.warn(
                f"{shown_origin(place.origin)}{at}, column {series.name!r}: the column is read "
                f"as text, because {len(wrong)} of its {known} cells are no numbers, such as "
                f"{shown_value(series[row])}. If they are mistakes, correct them or leave them "
                "empty.",
                EquipoiseWarning,
                stacklevel=2,
            )


def _column(series: pl.Series, are_numbers: bool, locate: Locate) -> pl.Series:
    if is_text(series):
        if not are_numbers:
            return without_missing_words(series)
        numbers, wrong = parsed(series)
        if len(wrong):
            row = int(wrong[0])
            raise NotNumbers(series.name, locate(row), series.cast(pl.String)[row])
    elif series.dtype == pl.Null:
        return series
    elif is_number(series):
        numbers = series.cast(pl.Float32)
    elif isinstance(series.dtype, _KEPT):
        return series
    else:
        raise fault(
            locate(0).origin,
            "a feature must be a number, text, a category or a date.",
            column=series.name,
            received=f"a column of type {series.dtype}",
            remedy=f"Leave the column out with ignore=[{series.name!r}].",
        )
    infinite = numbers.is_infinite().fill_null(False).arg_true()
    if len(infinite):
        raise infinite_value(locate(int(infinite[0])), series.name)
    return numbers.fill_nan(None)

"""Columns of a table as numbers: truths are 1 and 0, words such as NA are missing."""

from __future__ import annotations

import re

import polars as pl

from equipoise.readers._checks import not_a_label
from equipoise.readers._places import Locate, Place, fault, shown_value

_MISSING = ("", "na", "n/a", "nan", "null", "none", "?")
_WORDS: dict[str, float | None] = {"true": 1.0, "false": 0.0, **dict.fromkeys(_MISSING)}
WORDS = frozenset(_WORDS)  # text, in lower case, that stands for a number or for none

TEXT = (pl.String, pl.Categorical, pl.Enum)


class NotNumbers(Exception):
    """Says that a column of a mixed table, taken for numbers, holds text, and where."""

    def __init__(self, column: str, place: Place, text: str) -> None:
        super().__init__(column)
        self.column = column
        self.place = place
        self.text = text


def is_text(series: pl.Series) -> bool:
    """Whether a column holds text or categories."""
    return isinstance(series.dtype, TEXT)


def is_number(series: pl.Series) -> bool:
    """Whether a column holds numbers or truths, or nothing at all."""
    return series.dtype.is_numeric() or isinstance(series.dtype, (pl.Boolean, pl.Null))


def without_missing_words(series: pl.Series) -> pl.Series:
    """Returns text with null for NA, ?, an empty cell and the like."""
    word = pl.col(series.name).str.strip_chars().str.to_lowercase()
    text = series.cast(pl.String).to_frame()
    return text.select(pl.when(~word.is_in(_MISSING)).then(pl.col(series.name))).to_series()


def parsed(series: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Returns text as 32-bit numbers, and which rows hold text that stands for none."""
    text = series.cast(pl.String)
    numbers = text.cast(pl.Float32, strict=False)
    failed = (numbers.is_null() & text.is_not_null()).arg_true()
    if len(failed) == 0:
        return numbers, failed
    # Words are few or all of a column; only they are looked at one by one, each of them once.
    words = text.gather(failed).str.strip_chars()
    lower = words.str.to_lowercase()
    values = lower.cast(pl.Float32, strict=False)  # numbers that stand between blanks
    truths = lower.replace_strict(_WORDS, default=None, return_dtype=pl.Float32)
    wrong = failed.filter(values.is_null() & ~lower.is_in(list(WORDS)))
    return numbers.scatter(failed, pl.select(pl.coalesce(values, truths)).to_series()), wrong


def as_numbers(series: pl.Series, locate: Locate, is_label: bool = False) -> pl.Series:
    """Returns a column as Float32, or Int8 where it holds truths or small numbers.

    Raises:
        InvalidInput: a cell that is no number, with its place; a column that cannot hold any.
    """
    if is_number(series):
        return _narrowed(series)
    if not is_text(series):
        raise _refused_type(series, locate, is_label)
    numbers, wrong = parsed(series)
    if len(wrong) == 0:
        return numbers
    row = int(wrong[0])
    value = series.cast(pl.String).str.strip_chars()[row]
    if is_label:
        raise not_a_label(locate(row), series.name, shown_value(value))
    raise fault(
        locate(row),
        "a feature must be a number.",
        column=series.name,
        received=shown_value(value),
        remedy=_remedy(value, series.name),
    )


def _narrowed(series: pl.Series) -> pl.Series:
    if series.dtype == pl.Boolean:
        return series.cast(pl.Int8)
    return series if isinstance(series.dtype, (pl.Int8, pl.Float32)) else series.cast(pl.Float32)


def _refused_type(series: pl.Series, locate: Locate, is_label: bool) -> Exception:
    shown = f"a column of type {series.dtype}"
    if is_label:
        return not_a_label(Place(locate(0).origin), series.name, shown)
    return fault(
        locate(0).origin,
        "a feature must be a number.",
        column=series.name,
        received=shown,
        remedy=_remedy("", series.name),
    )


def _remedy(value: str, name: str) -> str:
    if re.fullmatch(r"[+-]?[\d.]*,\d+", value):
        return "Write decimal points instead of decimal commas."
    return (
        f"Leave the column out with ignore=[{name!r}], or pass mixed=True to keep text, "
        "categories and dates as they are."
    )

"""One column that holds the labels of each row, or its class → Targets."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import did_you_mean, shown_list
from equipoise.readers._places import Locate, Origin, fault, shown_value
from equipoise.readers._request import Request
from equipoise.targets import Targets, as_targets

_DELIMITERS = ",;|"
_MOST_FLOAT = 1 << 53  # from here on floats leave out whole numbers


def label_cells(cells: pl.Series, request: Request, locate: Locate) -> pl.Series:
    """Returns a column of labels as text, or as lists of text if it holds lists.

    Raises:
        InvalidInput: a column, or a cell, that holds no labels.
    """
    if isinstance(cells.dtype, (pl.List, pl.Array)):
        return _lists(cells, request, locate)
    if isinstance(cells.dtype, (pl.Struct, pl.Binary, pl.Object)):
        raise fault(
            locate(0).origin,
            "a column of labels must hold text, numbers, or lists of them.",
            column=cells.name,
            received=f"a column of type {cells.dtype}",
        )
    return _text(cells, locate).str.strip_chars()


def targets_of_cells(cells: pl.Series, request: Request, locate: Locate) -> Targets:
    """Returns label sets, or one class a row, as targets.

    Args:
        cells: what `label_cells` returns.
        request: what the caller asked for.
        locate: where a row came from, for errors.
    """
    lists = cells
    if cells.dtype == pl.String:
        _check_delimiter(cells, request.delimiter, locate)
        if request.delimiter is None:
            return _classes(cells.replace("", None), request, locate)
        lists = cells.fill_null("").str.split(request.delimiter)
    lengths = lists.list.len()
    rows = np.repeat(np.arange(len(lists)), lengths.to_numpy())
    flat = lists.filter(lengths > 0).explode().str.strip_chars()
    kept = (flat != "").to_numpy()
    flat, rows = flat.filter(kept), rows[kept]
    found = sorted_ids(flat.unique().to_list())
    if not found and request.label_names is None:
        raise fault(
            locate(0).origin,
            "no row has a label.",
            column=cells.name,
            remedy="Check `labels_column`, or pass all labels as `label_names`.",
        )
    positions, names = vocabulary(locate(0).origin, cells.name, found, request.label_names)
    codes = positions[flat.cast(pl.Enum(found)).to_physical().to_numpy()] if found else rows
    return targets_of_sets(rows, codes, len(lists), names)


def targets_of_sets(
    rows: NDArray[Any], codes: NDArray[Any], n_rows: int, names: Sequence[str]
) -> Targets:
    """Returns label sets as targets: row `rows[i]` has label `codes[i]`; twice is once."""
    shape = (n_rows, len(names))
    matrix = sparse.csr_array((np.ones(len(codes), dtype=np.float32), (rows, codes)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1
    return as_targets(matrix, label_names=names)


def _lists(cells: pl.Series, request: Request, locate: Locate) -> pl.Series:
    """Lists of labels as lists of text; no list is an empty one."""
    inner = cells.dtype.inner  # type: ignore[attr-defined]
    text = inner in (pl.String, pl.Categorical, pl.Enum)
    if not (text or inner.is_integer() or inner == pl.Null):
        raise fault(
            locate(0).origin,
            "a list of labels must hold names or whole numbers.",
            column=cells.name,
            received=f"a column of type {cells.dtype}",
        )
    if request.delimiter is not None:
        raise fault(
            locate(0).origin,
            "the cells are lists of labels, which no `delimiter` separates.",
            column=cells.name,
            remedy="Leave `delimiter` out.",
        )
    lists = cells.cast(pl.List(pl.String)).fill_null([])
    holes = lists.list.eval(pl.element().is_null().any()).list.first().fill_null(False).arg_true()
    if len(holes):
        raise fault(
            locate(int(holes[0])),
            "a list of labels holds a missing value.",
            column=cells.name,
            remedy="Leave the label out of the list.",
        )
    return lists


def _text(cells: pl.Series, locate: Locate) -> pl.Series:
    """Classes or label sets as text: whole numbers without a fraction, truths as 1 and 0."""
    if cells.dtype == pl.Boolean:
        return cells.cast(pl.Int8).cast(pl.String)
    if not cells.dtype.is_float():
        return cells.cast(pl.String)
    known = cells.fill_nan(None)
    whole = (known == known.round()) & (known.abs() < _MOST_FLOAT)
    others = (~whole).fill_null(False).arg_true()
    if len(others):
        row = int(others[0])
        raise fault(
            locate(row),
            "a class must be a name or a whole number.",
            column=cells.name,
            received=f"{cells[row]:g}",
            remedy="Name the column of labels; continuous values are not classes.",
        )
    return known.cast(pl.Int64).cast(pl.String)


def _classes(text: pl.Series, request: Request, locate: Locate) -> Targets:
    """One class a row; an empty cell is a class that is not known."""
    found = sorted_ids(text.drop_nulls().unique().to_list())
    if not found:
        raise fault(
            locate(0).origin,
            "no row has a class.",
            column=text.name,
            remedy="Check `labels_column`.",
        )
    positions, names = vocabulary(locate(0).origin, text.name, found, request.label_names)
    named = [names[position] for position in positions]
    classes = text.replace_strict(found, named, default=None, return_dtype=pl.String)
    if set(found) <= {"0", "1"} and request.label_names is None:
        numbers = classes.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return as_targets(numbers, label_names=[text.name], task="binary")
    values = np.array(classes.to_list(), dtype=object)
    if request.label_names is None and len(names) == 2:
        return as_targets(values)
    return as_targets(values, label_names=names, task="multiclass")


def _check_delimiter(text: pl.Series, delimiter: str | None, locate: Locate) -> None:
    """Raises InvalidFile if the cells look as if other delimiters than this one were in them."""
    if delimiter is not None and text.str.contains(delimiter, literal=True).any():
        return
    for other in _DELIMITERS:
        holds = text.str.contains(other, literal=True).fill_null(False).arg_true()
        if other != delimiter and len(holds):
            row = int(holds[0])
            raise fault(
                locate(row),
                f"the cell holds {other!r}"
                + (
                    ", but no `delimiter` was given."
                    if delimiter is None
                    else f", and no cell holds the delimiter {delimiter!r}."
                ),
                column=text.name,
                received=shown_value(text[row]),
                remedy=f"Pass delimiter={other!r}; for labels with such a character in their "
                "name pass a delimiter that occurs.",
            )


def sorted_ids(found: list[str]) -> list[str]:
    """Returns the labels sorted, as numbers if all are whole numbers."""
    if all(re.fullmatch(r"-?\d{1,18}", name) for name in found):
        return sorted(found, key=lambda name: (int(name), name))
    return sorted(found)


def vocabulary(
    origin: Origin,
    column: str | None,
    found: list[str],
    given: tuple[str, ...] | dict[str, str] | None,
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Returns where each label found is among all labels, and the names of these.

    Args:
        origin: what was read, for errors.
        column: the column of the labels, for errors.
        found: the labels in the cells, sorted.
        given: all labels, or new names of them, as `label_names` of a request.
    """
    if given is None:
        return np.arange(len(found)), tuple(found)
    names = tuple(given.values()) if isinstance(given, dict) else given
    keys = tuple(given) if isinstance(given, dict) else given
    position = {key: i for i, key in enumerate(keys)}
    absent = [name for name in found if name not in position]
    if len(absent) == len(found) and isinstance(given, tuple) and all(map(str.isdecimal, found)):
        ids = [int(name) for name in found]  # sorted
        if len(set(ids)) == len(ids) and max(ids, default=0) < len(names):
            return np.array(ids, dtype=np.intp), names
        raise fault(
            origin,
            f"`label_names` has {len(names)} names, which count from 0, but the labels are "
            f"numbers up to {ids[-1]}.",
            column=column,
            received=shown_list(found),
            remedy="Give a name for every number, or a mapping {number: name}.",
        )
    if absent:
        raise fault(
            origin,
            f"{len(absent)} labels are not in `label_names`.",
            column=column,
            received=shown_list(absent),
            remedy=did_you_mean(absent[0], keys),
        )
    return np.array([position[name] for name in found], dtype=np.intp), names

"""One column that holds the labels of each row, or its class → Targets."""

from __future__ import annotations

import re

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidFile, did_you_mean, shown_list
from equipoise.readers._labels import Request
from equipoise.readers._text import Locate, fault, shown_value
from equipoise.targets import Targets, as_targets

_DELIMITERS = ",;|"


def targets_of_cells(cells: pl.Series, request: Request, locate: Locate) -> Targets:
    """Cells that hold the labels of a row, or one class."""
    text = cells.cast(pl.String).str.strip_chars()
    _check_delimiter(text, request.delimiter, locate)
    if request.delimiter is None:
        return _classes(text.replace("", None), request, locate)
    lists = text.fill_null("").str.split(request.delimiter)
    rows = np.repeat(np.arange(len(lists)), lists.list.len().to_numpy())
    flat = lists.explode().str.strip_chars()
    kept = (flat != "").to_numpy()
    flat, rows = flat.filter(kept), rows[kept]
    found = _sorted_ids(flat.unique().to_list())
    if not found and request.label_names is None:
        raise fault(
            locate(0)[0],
            "no row has a label.",
            column=cells.name,
            remedy="Check `labels_column`, or pass all labels as `label_names`.",
        )
    positions, names = _vocabulary(cells.name, found, request, locate)
    codes = positions[flat.cast(pl.Enum(found)).to_physical().to_numpy()] if found else rows
    shape = (len(lists), len(names))
    matrix = sparse.csr_array((np.ones(len(codes), dtype=np.float32), (rows, codes)), shape=shape)
    matrix.sum_duplicates()
    matrix.data[:] = 1  # a label named twice in a cell is one label
    return as_targets(matrix, label_names=names)


def _classes(text: pl.Series, request: Request, locate: Locate) -> Targets:
    """One class a row; an empty cell is a class that is not known."""
    found = _sorted_ids(text.drop_nulls().unique().to_list())
    if not found:
        raise fault(
            locate(0)[0],
            "no row has a class.",
            column=text.name,
            remedy="Check `labels_column`.",
        )
    positions, names = _vocabulary(text.name, found, request, locate)
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
            path, line = locate(row)
            raise fault(
                path,
                f"the cell holds {other!r}"
                + (
                    ", but no `delimiter` was given."
                    if delimiter is None
                    else f", and no cell holds the delimiter {delimiter!r}."
                ),
                line=line,
                column=text.name,
                received=shown_value(text[row]),
                remedy=f"Pass delimiter={other!r}; for labels with such a character in their "
                "name pass a delimiter that occurs.",
            )


def _sorted_ids(found: list[str]) -> list[str]:
    """Sorted as numbers if all are whole numbers."""
    if all(re.fullmatch(r"-?\d{1,18}", name) for name in found):
        return sorted(found, key=lambda name: (int(name), name))
    return sorted(found)


def _vocabulary(
    column: str, found: list[str], request: Request, locate: Locate
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Returns where each label found is among all labels, and the names of these."""
    given = request.label_names
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
        raise InvalidFile(
            f"{str(locate(0)[0])!r}, column {column!r}: `label_names` has {len(names)} names, "
            f"which count from 0, but the cells hold numbers up to {ids[-1]}.",
            received=shown_list(found),
            remedy="Give a name for every number, or a mapping {number: name}.",
        )
    if absent:
        raise InvalidFile(
            f"{str(locate(0)[0])!r}, column {column!r}: {len(absent)} labels are not in "
            "`label_names`.",
            received=shown_list(absent),
            remedy=did_you_mean(absent[0], keys),
        )
    return np.array([position[name] for name in found], dtype=np.intp), names

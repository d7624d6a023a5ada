"""NPZ archives of features and labels, as `numpy.savez` writes them; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_names, did_you_mean, shown_list
from equipoise.readers._checks import MOST_COLUMNS, Matrix, check_finite
from equipoise.readers._labels import renamed_labels
from equipoise.readers._matrices import stacked, without_ignored
from equipoise.readers._npz_arrays import names_in, read_arrays
from equipoise.readers._places import Place, fault, located
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset, name_of
from equipoise.targets import Targets, as_targets

_PARTS = ("data", "indices", "indptr", "shape")
_MATRICES = ("x", "X", "y")
_HOW = "Write it with numpy.savez(path, x=features, y=labels)."


@dataclass(frozen=True)
class _Content:
    """What one archive holds; names are None where it holds none."""

    path: Path
    x: Matrix
    y: Any
    feature_names: tuple[str, ...] | None
    label_names: tuple[str, ...] | None
    groups: NDArray[Any] | None


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads archives of one set, one below the other (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    contents = [_content(path, request) for path in paths]
    contents = [_in_order_of(contents[0], content, request.by_name) for content in contents]
    counts = [content.x.shape[0] for content in contents]
    x: Any = stacked([content.x for content in contents])
    names = contents[0].feature_names or tuple(f"feature_{i}" for i in range(x.shape[1]))
    x, names = without_ignored(paths[0], x, names, request.ignore)
    check_finite(x, names, located(counts, lambda i, row: Place(paths[i], row=row)))
    groups = [content.groups for content in contents if content.groups is not None]
    dataset = Dataset(
        x,
        _targets(contents, request),
        names,
        len(names),
        np.concatenate(groups) if groups else None,
        name_of(paths),
    )
    return dataset, counts


# ------------------------------------------------------------------------------ one archive


def _content(path: Path, request: Request) -> _Content:
    groups_name = request.groups or "groups"
    parts = {f"{name}_{part}" for name in _MATRICES for part in (*_PARTS, "format")}
    wanted = {*_MATRICES, *parts, "feature_names", "label_names"}
    if groups_name in wanted:
        raise fault(
            path,
            f"the array {groups_name!r}, given as `groups`, is not one of groups.",
            remedy="Name an array that holds the group of every row.",
        )
    arrays = read_arrays(path, frozenset(wanted | {groups_name}))
    x = _features(path, _matrix(path, arrays, "X" if _holds(arrays, "X") else "x"))
    if _holds(arrays, "x") and _holds(arrays, "X"):
        raise fault(path, "holds both 'x' and 'X'.", remedy="Keep one of them.")
    n_rows, n_columns = x.shape
    y = _matrix(path, arrays, "y")
    if y.ndim not in (1, 2) or y.shape[0] != n_rows:
        raise fault(
            path,
            "`y` must be a matrix of labels or a list of classes, with a row for every row of x.",
            received=f"x of shape {x.shape}, y of shape {y.shape}",
        )
    groups = _list(path, arrays, groups_name, n_rows)
    if request.groups is not None and groups is None:
        raise fault(
            path,
            f"there is no array {request.groups!r}, given as `groups`.",
            remedy=did_you_mean(request.groups, names_in(path)),
        )
    return _Content(
        path,
        x,
        y,
        _names(path, arrays, "feature_names", n_columns),
        _names(path, arrays, "label_names", None),
        groups,
    )


def _holds(arrays: Mapping[str, Any], name: str) -> bool:
    return name in arrays or f"{name}_data" in arrays


def _matrix(path: Path, arrays: Mapping[str, NDArray[Any]], name: str) -> Any:
    """An array, or a sparse one from its parts."""
    if name in arrays:
        return _text(path, name, arrays[name])
    if f"{name}_data" not in arrays:
        raise fault(
            path,
            f"holds no array {name!r}.",
            received=f"arrays {shown_list(names_in(path))}",
            remedy=_HOW,
        )
    for part in _PARTS:
        if f"{name}_{part}" not in arrays:
            raise fault(path, f"the sparse matrix {name!r} has no '{name}_{part}'.", remedy=_HOW)
    data, indices, indptr, shape = (arrays[f"{name}_{part}"] for part in _PARTS)
    form = _text(path, f"{name}_format", arrays.get(f"{name}_format", np.array("csr"))).tolist()
    if form != "csr":
        raise fault(
            path,
            f"'{name}_format' must be 'csr'.",
            received=repr(form),
            remedy=f"Write the parts of {name}.tocsr().",
        )
    whole = all(part.dtype.kind in "iu" for part in (indices, indptr, shape))
    try:
        if not whole or shape.shape != (2,) or data.dtype.kind not in "biuf":
            raise ValueError("the parts are not of a matrix of numbers")
        if int(shape[1]) > MOST_COLUMNS:
            raise ValueError(f"it has more than {MOST_COLUMNS:,} columns")
        matrix = sparse.csr_array((data, indices, indptr), shape=tuple(shape.tolist()))
        matrix.check_format(full_check=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise fault(
            path, f"the parts of the sparse matrix {name!r} do not fit: {error}."
        ) from error
    matrix.sum_duplicates()
    return matrix


def _features(path: Path, x: Any) -> Matrix:
    """The features as 32-bit numbers."""
    if x.ndim != 2 or x.dtype.kind not in "biuf":
        raise fault(
            path,
            "`x` must be a matrix of numbers, rows by features.",
            received=f"an array of shape {x.shape} of {x.dtype}",
        )
    if x.shape[0] == 0:
        raise fault(path, "holds no row.", remedy="Check how the file was made.")
    with np.errstate(over="ignore"):  # infinity is refused afterwards, with its place
        if isinstance(x, np.ndarray):
            return np.ascontiguousarray(x, dtype=np.float32)
        x = x.astype(np.float32)
    x.eliminate_zeros()
    return x


def _text(path: Path, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The array, text of bytes as text of characters."""
    try:
        if array.dtype.kind == "S":
            return np.char.decode(array, "utf-8")
        if array.dtype.kind == "U":
            array.tolist()  # refuses what is no character
    except ValueError as error:
        raise fault(path, f"the text in {name!r} cannot be read: {error}.") from error
    return array


def _list(
    path: Path, arrays: Mapping[str, NDArray[Any]], name: str, n: int | None
) -> NDArray[Any] | None:
    if name not in arrays:
        return None
    array = _text(path, name, arrays[name])
    if array.ndim != 1 or (n is not None and len(array) != n):
        raise fault(
            path,
            f"{name!r} must be a list" + (f" of {n}." if n is not None else "."),
            received=f"an array of shape {array.shape}",
        )
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise fault(
            Place(path, row=int(np.flatnonzero(np.isnan(array))[0])),
            f"{name!r} holds a missing value.",
        )
    return array


def _names(
    path: Path, arrays: Mapping[str, NDArray[Any]], name: str, n: int | None
) -> tuple[str, ...] | None:
    names = _list(path, arrays, name, n)
    if names is None:
        return None
    try:
        return check_names(name, names.tolist())
    except InvalidInput as error:
        raise fault(
            path,
            error.problem,
            received=error.received,
            remedy="Write one name for every column of the matrix.",
        ) from None


# -------------------------------------------------------------------------- several archives


def _in_order_of(first: _Content, other: _Content, by_name: bool) -> _Content:
    """An archive with its columns in the order of another one.

    Raises:
        InvalidFile: the columns are others, or, unless they are matched by name, in other order.
    """
    if other is first:
        return other
    for what in ("x", "y"):
        a, b = getattr(first, what), getattr(other, what)
        if a.ndim != b.ndim or a.shape[1:] != b.shape[1:]:
            raise _unlike(first, other, f"{what!r} is of shape {b.shape}", f"of {a.shape}")
        if isinstance(a, np.ndarray) != isinstance(b, np.ndarray):
            kinds = ("sparse", "dense") if isinstance(a, np.ndarray) else ("dense", "sparse")
            raise _unlike(first, other, f"{what!r} is {kinds[0]}", kinds[1])
    if (first.groups is None) != (other.groups is None):
        raise _unlike(first, other, "only one of the two has groups", "or has none")
    if other.groups is not None and first.groups is not None:
        texts = [groups.dtype.kind == "U" for groups in (first.groups, other.groups)]
        if texts[0] != texts[1]:
            raise _unlike(first, other, "only one of the two has groups of text", "or of numbers")
    features = _order(first, other, "feature_names", by_name)
    labels = _order(first, other, "label_names", by_name and other.y.ndim == 2)
    x = other.x if features is None else other.x[:, features]
    y = other.y if labels is None else other.y[:, labels]
    return replace(
        other, x=x, y=y, feature_names=first.feature_names, label_names=first.label_names
    )


def _order(first: _Content, other: _Content, what: str, by_name: bool) -> list[int] | None:
    """Where the names of `first` are in `other`; None if they are in the same order."""
    a, b = getattr(first, what), getattr(other, what)
    if a == b:
        return None
    if not by_name or a is None or b is None or set(a) != set(b):
        raise _unlike(first, other, f"its `{what}` are not the same", "where they are others")
    position = {name: i for i, name in enumerate(b)}
    return [position[name] for name in a]


def _unlike(first: _Content, other: _Content, problem: str, in_first: str) -> InvalidInput:
    return fault(
        other.path,
        f"{problem}, unlike in {str(first.path)!r} ({in_first}).",
        remedy="Give both files the same arrays.",
    )


def _targets(contents: Sequence[_Content], request: Request) -> Targets:
    first = contents[0]
    given = request.label_names
    names = given if isinstance(given, tuple) else first.label_names
    try:
        targets = as_targets(stacked([content.y for content in contents]), label_names=names)
    except InvalidInput as error:
        problem = f"in the labels, {error.problem}"
        raise fault(first.path, problem, received=error.received, remedy=error.remedy) from error
    if not isinstance(given, dict):
        return targets
    return as_targets(targets, label_names=renamed_labels(first.path, targets.label_names, given))

"""Features of ARFF, libsvm and NPZ files without their labels, some rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from equipoise._errors import InvalidInput, shown_list
from equipoise.readers import arff, npz
from equipoise.readers._arff_encoding import _names as encoded_names
from equipoise.readers._arff_encoding import encode_features
from equipoise.readers._arff_header import Attribute
from equipoise.readers._arff_rows import Source, read_rows
from equipoise.readers._checks import Matrix, check_finite
from equipoise.readers._labels import Columns
from equipoise.readers._libsvm_rows import _Lines, explain_bad_row
from equipoise.readers._npz_arrays import names_in, read_arrays
from equipoise.readers._paths import format_suffix
from equipoise.readers._places import Locate, Place, fault

SUFFIXES = (".arff", ".svm", ".libsvm", ".npz")

_CELLS = 1 << 21  # that are handed out at a time
_FEWEST_ROWS, _MOST_ROWS = 256, 1 << 14
_MOST_NAMED = 1000  # columns that are told to be ignored
_QUERY = "qid"
_FEATURE = "feature_"

Block = tuple[Matrix, "pl.Series | None", Locate]


@dataclass(frozen=True)
class MatrixFile:
    """Rows of numbers in a file, which are read some at a time.

    Build it with `open_matrix`.

    Attributes:
        path: the file.
        names: the names of its columns; None for libsvm, where every index has a column.
        copied: what can be copied from its rows beside the features, such as an id.
        ignored: columns that were met while reading, and are not wanted.
    """

    path: Path
    names: tuple[str, ...] | None
    copied: tuple[str, ...]
    _read: Callable[[Sequence[str], str | None, dict[str, None]], Iterator[Block]]
    ignored: dict[str, None] = field(default_factory=dict[str, None])

    def blocks(self, names: Sequence[str], keep: str | None = None) -> Iterator[Block]:
        """Yields some rows of these columns, what is copied of them, and where they came from.

        Args:
            names: the columns that are wanted, in their order.
            keep: what is copied, one of `copied`.

        Raises:
            InvalidFile: a file that is damaged, with the line where it can.
        """
        yield from self._read(names, keep, self.ignored)


def open_matrix(path: Path, nominal: Mapping[str, Sequence[str]] | None = None) -> MatrixFile:
    """Opens an ARFF, libsvm or NPZ file for its features; an NPZ file is read as a whole.

    Args:
        path: the file.
        nominal: the values that nominal attributes of ARFF had in training, in their order.

    Raises:
        InvalidFile: not such a file.
    """
    suffix = format_suffix(path)
    if suffix == ".npz":
        return _open_npz(path)
    if suffix == ".arff":
        return _open_arff(path, nominal or {})
    return MatrixFile(
        path, None, (_QUERY,), lambda names, keep, ignored: _libsvm(path, names, keep, ignored)
    )


def _at_once(n_columns: int) -> int:
    return min(_MOST_ROWS, max(_FEWEST_ROWS, _CELLS // max(1, n_columns)))


# ------------------------------------------------------------------------------------ ARFF


@dataclass(frozen=True)
class _SomeRows(Source):
    """Some rows of a file, as if they were all of it."""

    some: Sequence[tuple[int, str]] = ()

    def rows(self) -> Iterator[tuple[int, str]]:
        return iter(self.some)


def _open_arff(path: Path, nominal: Mapping[str, Sequence[str]]) -> MatrixFile:
    source = Source.open(path)
    meant = [_meant(attribute, nominal) for attribute in source.header.attributes]
    for attribute in source.header.attributes:
        if attribute.name in nominal:
            _check_meant(path, attribute, nominal)

    def read(names: Sequence[str], keep: str | None, _: dict[str, None]) -> Iterator[Block]:
        wanted = frozenset(names)
        chosen = [i for i, a in enumerate(meant) if wanted.intersection(encoded_names([a]))]
        for i in chosen:
            _check_meant(path, source.header.attributes[i], nominal)
        copied = None if keep is None else source.header.names.index(keep)
        columns = Columns((), None, tuple(chosen), copied)
        arff._check_types(source.header, columns)
        yield from _arff(source, columns, [meant[i] for i in chosen], names)

    return MatrixFile(path, encoded_names(meant), source.header.names, read)


def _arff(
    source: Source, columns: Columns, meant: Sequence[Attribute], names: Sequence[str]
) -> Iterator[Block]:
    attributes, path = source.header.attributes, source.header.path
    lines = source.rows()
    while some := list(islice(lines, _at_once(len(attributes)))):
        part = _SomeRows(source.header, source.encoding, source.is_sparse, some)

        def locate(row: int, some: Sequence[tuple[int, str]] = some) -> Place:
            return Place(path, line=some[row][0])

        rows = read_rows([part], columns)
        arff._check_declared(attributes, rows.table, locate)
        x, there = encode_features(attributes, columns.features, rows.table, meant)
        check_finite(x, there, locate)
        position = {name: i for i, name in enumerate(there)}
        kept = None
        if columns.groups is not None:
            kept = _kept(attributes[columns.groups], rows.groups)
        yield x[:, [position[name] for name in names]], kept, locate


def _meant(own: Attribute, nominal: Mapping[str, Sequence[str]]) -> Attribute:
    """The attribute with the values that it had in training first."""
    if own.kind != "nominal" or own.name not in nominal:
        return own
    return replace(own, values=tuple(dict.fromkeys([*nominal[own.name], *own.values])))


def check_same_order(path: Path, nominal: Mapping[str, Sequence[str]]) -> None:
    """Raises InvalidFile if a two-valued attribute of ARFF has its values in another order.

    The second value stands for 1 where words such as no and yes do not say it.
    """
    for own in Source.open(path).header.attributes:
        before = tuple(nominal.get(own.name, ()))
        if len(before) == 2 and own.numbers is None and own.values != before:
            raise fault(
                path,
                f"the attribute had the values {shown_list(before)} in training, in this order.",
                line=own.line,
                column=own.name,
                received=own.type_text,
                remedy="Declare it as in the training file.",
            )


def _check_meant(path: Path, own: Attribute, nominal: Mapping[str, Sequence[str]]) -> None:
    """Raises InvalidFile for values that stand for other numbers than in training."""
    before = nominal.get(own.name)
    problem = ""
    if before is None:
        if own.kind == "nominal" and own.numbers is None:
            problem = "which value stands for which number in the model is not known."
    elif own.kind != "nominal":
        problem = f"the attribute had the values {shown_list(before)} in training."
    elif own.kind == "nominal" and len(before) == 2 and not set(own.values) <= set(before):
        problem = f"the attribute had no other values than {shown_list(before)} in training."
    if problem:
        raise fault(
            path,
            problem,
            line=own.line,
            column=own.name,
            received=own.type_text,
            remedy="Declare it as in the training file."
            if before is not None
            else "Train anew on the ARFF file: the bundle then keeps the values.",
        )


def _kept(attribute: Attribute, values: list[Any]) -> pl.Series:
    if attribute.kind == "nominal":
        of_text = [None if value is None else attribute.values[int(value)] for value in values]
        return pl.Series(attribute.name, of_text, dtype=pl.String)
    if attribute.kind == "numeric":
        numbers = np.array([np.nan if value is None else value for value in values], dtype=float)
        whole = np.isfinite(numbers).all() and np.array_equal(numbers, np.rint(numbers))
        series = pl.Series(attribute.name, numbers).fill_nan(None)
        return series.cast(pl.Int64) if whole and np.abs(numbers).max() < 2**53 else series
    return pl.Series(attribute.name, values, dtype=pl.String)


# ---------------------------------------------------------------------------------- libsvm


def _libsvm(
    path: Path, names: Sequence[str], keep: str | None, ignored: dict[str, None]
) -> Iterator[Block]:
    from sklearn import datasets  # starts slowly

    indices = _indices(path, names)
    first = int(indices[0])
    in_a_row = np.array_equal(indices, np.arange(first, first + len(indices)))
    lines = _Lines(path)
    rows = iter(lines)
    n_before, load = 0, datasets.load_svmlight_file
    while True:
        places: list[int] = []
        some = _Some(rows, lines, places)
        try:
            x, _ = load(some, dtype=np.float32, zero_based=True)  # type: ignore[arg-type]
        except InvalidInput:
            raise
        except (ValueError, OverflowError) as error:
            raise explain_bad_row(path, lines.line, lines.text) from error
        if not places:
            break

        def locate(row: int, places: Sequence[int] = places) -> Place:
            return Place(path, line=places[row])

        n_before += len(places)
        for index in np.setdiff1d(x.indices, indices)[: _MOST_NAMED - len(ignored)].tolist():
            ignored[f"{_FEATURE}{index}"] = None
        width = max(x.shape[1], int(indices.max()) + 1)
        wide: Any = sparse.csr_array((x.data, x.indices, x.indptr), shape=(len(places), width))
        own = wide[:, first : first + len(indices)] if in_a_row else wide[:, indices]
        check_finite(own, tuple(names), locate)
        kept = None
        if keep is not None:
            if len(lines.queries) != n_before:
                raise fault(path, f"a row has no query id, {_QUERY}:<number>, to keep.")
            kept = pl.Series(_QUERY, np.array(lines.queries[-len(places) :], dtype=np.int64))
        yield own, kept, locate
    _check_complete(path, lines, n_before)


def _check_complete(path: Path, lines: _Lines, n_rows: int) -> None:
    if n_rows == 0:
        raise fault(path, "holds no row.", remedy="Check how the file was made.")
    if lines.counts is not None and lines.counts.n_rows != n_rows:
        raise fault(
            path,
            f"the first line says {lines.counts.n_rows} rows, but there are {n_rows}.",
            remedy="The file may be cut off: compare its size with the original's.",
        )


class _Some:
    """Some lines, as a file that scikit-learn reads line by line: it asks for `read`, but calls
    nothing other than the iteration."""

    def __init__(
        self, rows: Iterator[bytes], lines: _Lines, places: list[int], n: int = _MOST_ROWS
    ) -> None:
        self._rows, self._lines, self._places, self._n = rows, lines, places, n

    def read(self) -> bytes:
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        for text in islice(self._rows, self._n):
            self._places.append(self._lines.line)
            yield text


def _indices(path: Path, names: Sequence[str]) -> Any:
    numbers = [name.removeprefix(_FEATURE) for name in names]
    wrong = [
        name
        for name, number in zip(names, numbers, strict=True)
        if not (name.startswith(_FEATURE) and number.isdecimal() and number.isascii())
    ]
    if wrong:
        raise fault(
            path,
            "a libsvm file has features with numbers, and the model was trained on columns "
            "with names.",
            received=f"columns {shown_list(wrong)} of the model",
            remedy="Write the rows as a table with these columns.",
        )
    return np.array([int(number) for number in numbers], dtype=np.int64)


# ------------------------------------------------------------------------------------- NPZ


def _open_npz(path: Path) -> MatrixFile:
    parts = {f"{name}_{part}" for name in "xX" for part in (*npz._PARTS, "format")}
    arrays = read_arrays(path, frozenset({"x", "X", "feature_names"} | parts))
    there = names_in(path)
    upper = npz._holds(arrays, "X")
    if upper and npz._holds(arrays, "x"):
        raise fault(path, "holds both 'x' and 'X'.", remedy="Keep one of them.")
    x: Any = npz._features(path, npz._matrix(path, arrays, "X" if upper else "x"))
    found = npz._names(path, arrays, "feature_names", x.shape[1])
    names = found or tuple(f"{_FEATURE}{i}" for i in range(x.shape[1]))

    def read(wanted: Sequence[str], keep: str | None, _: dict[str, None]) -> Iterator[Block]:
        position = {name: i for i, name in enumerate(names)}
        order = [position[name] for name in wanted]
        kept = None if keep is None else _copied(path, keep, x.shape[0])
        at_once = _at_once(len(order))
        for start in range(0, x.shape[0], at_once):

            def locate(row: int, start: int = start) -> Place:
                return Place(path, row=start + row)

            part = x[start : start + at_once][:, order]
            check_finite(part, tuple(wanted), locate)
            yield part, None if kept is None else kept.slice(start, at_once), locate

    return MatrixFile(path, names, tuple(there), read)


def _copied(path: Path, name: str, n_rows: int) -> pl.Series:
    arrays = read_arrays(path, frozenset({name}))
    values = npz._list(path, arrays, name, n_rows)
    if values is None:
        raise fault(path, f"there is no array {name!r} to keep.")
    return pl.Series(name, values.tolist())

"""Features: numbers and nominal values of X, read from any kind and written back as that kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, did_you_mean
from equipoise.model_selection.holdout import _take as take_rows
from equipoise.resampling._distance import ValueDifference
from equipoise.resampling._neighbours import Points
from equipoise.resampling._sparse import like, stacked
from equipoise.targets import Targets

Indices = NDArray[np.int64]
Float = NDArray[np.float64]

_CELLS = 1 << 20

# Makes the numbers of new rows [start, stop), and their nominal values.
Maker = Callable[[int, int], tuple[Any, Any]]


class Features:
    """The columns of X, numbers beside nominal values.

    Attributes:
        numeric: (N, p) array (NaN is missing) or CSR array.
        nominal: (N, q) int32 codes (−1 is missing), or a CSR array of values; None if q is 0.
    """

    numeric: Any
    nominal: Any

    def __init__(self, X: Any, nominal_features: Any = None):
        self._native: Any = X
        self._frame: nw.DataFrame[Any] | None = None
        frame = nw.from_native(X, pass_through=True)
        if isinstance(frame, nw.DataFrame):
            self._frame = frame
            names = list(frame.columns)
            auto = [i for i, n in enumerate(names) if not _is_number(frame[n].dtype)]
            self._places = _positions(nominal_features, len(names), names)
            self._places = np.union1d(self._places, np.array(auto, dtype=np.int64))
            self.numeric, self.nominal = self._of_frame(frame)
        else:
            self._read_matrix(X, nominal_features)
        self._check()

    # ------------------------------------------------------------------------------ reading

    def _read_matrix(self, given: Any, nominal_features: Any) -> None:
        is_sparse = sparse.issparse(given)
        self._native = given if is_sparse else np.asarray(given)
        X: Any = self._native
        if len(X.shape) != 2 or X.shape[1] == 0:
            raise InvalidInput(
                "`X` must have rows and columns: distances between rows are needed.",
                received=f"X.shape={X.shape}",
                remedy="Flatten each row, or use LPROS, LPRUS, MLROS or MLRUS, which take rows "
                "of any shape.",
            )
        self._places = _positions(nominal_features, X.shape[1], None)
        numbers = self._numeric_places(X.shape[1])
        if is_sparse:
            _check_numbers("X", X.dtype)
            rows = _canonical(X)
            if rows.dtype.kind == "f" and np.isnan(rows.data).any():
                raise InvalidInput(
                    "A sparse `X` must not hold NaN.",
                    remedy="Pass X.toarray(), in which NaN is missing.",
                )
            every = not len(self._places)
            self.numeric = sparse.csr_array(rows if every else rows[:, numbers])
            self.nominal = None if every else sparse.csr_array(rows[:, self._places])
            return
        self.nominal = _codes([X[:, c] for c in self._places]) if len(self._places) else None
        plain = X.dtype.kind != "O" and not len(self._places)
        columns = X if plain else self._floats(X[:, numbers])
        _check_numbers("X", columns.dtype)
        self.numeric = columns

    def _floats(self, columns: NDArray[Any]) -> NDArray[Any]:
        if columns.dtype.kind in "fiub":
            return columns
        try:
            return np.array([[np.nan if c is None else c for c in row] for row in columns], float)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"`X` holds something that is no number: {error}.",
                received=f"X.dtype={columns.dtype}",
                remedy="Name such columns in `nominal_features`.",
            ) from error

    def _of_frame(self, frame: nw.DataFrame[Any]) -> tuple[Float, NDArray[np.int32] | None]:
        names = list(frame.columns)
        numbers = self._numeric_places(len(names))
        columns = [_number_column(frame[names[i]]) for i in numbers]
        numeric = np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))
        nominal = [_nominal_column(frame[names[i]], names[i]) for i in self._places]
        return numeric, _codes(nominal) if nominal else None

    def _numeric_places(self, n_columns: int) -> Indices:
        return np.setdiff1d(np.arange(n_columns), self._places)

    def _check(self) -> None:
        values = self.numeric if isinstance(self.numeric, np.ndarray) else self.numeric.data
        n_infinite = 0
        for start in range(0, len(values), 1 << 14):
            block = values[start : start + (1 << 14)]
            n_infinite += int(np.count_nonzero(np.isinf(block))) if block.dtype.kind == "f" else 0
        if n_infinite:
            raise InvalidInput(
                "`X` holds infinite numbers.",
                received=f"{n_infinite} of them",
                remedy="Replace them; NaN is missing.",
            )

    # ------------------------------------------------------------------------------ distances

    def points(self, targets: Targets) -> Points:
        """Returns the rows as points: Euclidean, or with nominal values heterogeneous.

        With nominal values a number counts as a share of four standard deviations, and a nominal
        value by the value difference metric (Wilson and Martinez, JAIR 6, 1997, eq. 15).
        """
        if self.nominal is None:
            return Points(self.numeric)
        metric = ValueDifference(targets)
        if isinstance(self.nominal, np.ndarray):
            scaled: Any = self.numeric / self.spread()
            return Points(np.hstack([scaled, metric.dense(self.nominal)]))
        spread = sparse.diags_array(1 / self.spread())
        numbers: Any = self.numeric @ spread
        both = sparse.hstack([numbers, metric.sparse(self.nominal)], format="csr")
        return Points(sparse.csr_array(both))

    def spread(self) -> Float:
        """Four standard deviations of each numeric column; 1 for a constant, or without nominal."""
        if self.nominal is None:
            return np.ones(self.numeric.shape[1])
        if isinstance(self.numeric, np.ndarray):
            numbers = self.numeric.astype(np.float64)
            known = np.maximum((~np.isnan(numbers)).sum(axis=0), 1)
            mean = np.nansum(numbers, axis=0) / known
            variance = np.nansum((numbers - mean) ** 2, axis=0) / known
        else:
            numbers = self.numeric.astype(np.float64)
            mean = np.asarray(numbers.mean(axis=0)).reshape(-1)
            square = np.asarray(numbers.multiply(numbers).mean(axis=0)).reshape(-1)
            variance = np.maximum(square - mean**2, 0)
        return np.where(variance > 0, 4 * np.sqrt(variance), 1.0)

    # ------------------------------------------------------------------------------ new rows

    def grown(self, seeds: Indices, make: Maker) -> Any:
        """Returns X with a new row for each seed, in X's own kind.

        `make(start, stop)` returns the numbers of these new rows, and for the nominal columns the
        (rows, q) numbers of the rows to take the values from; of a sparse X the values.
        Whole numbers become float64, for what lies between two of them.
        """
        width = self.numeric.shape[1] + len(self._places)
        step = max(1, _CELLS // max(width, 1))
        pieces = [(i, min(i + step, len(seeds))) for i in range(0, len(seeds), step)]
        if self._frame is not None:
            return self._grown_frame(self._frame, seeds, [make(*piece) for piece in pieces])
        if sparse.issparse(self._native):
            return self._grown_sparse([make(*piece) for piece in pieces])
        n_rows, n_columns = self._native.shape
        places = self._numeric_places(n_columns)
        whole = self._native.dtype.kind in "iub" and len(places)
        dtype = np.float64 if whole else self._native.dtype
        result = np.empty((n_rows + len(seeds), n_columns), dtype)
        result[:n_rows] = self._native
        for start, stop in pieces:
            numbers, sources = make(start, stop)
            rows = slice(n_rows + start, n_rows + stop)
            if len(places) == n_columns:
                result[rows] = numbers
                continue
            result[rows, places] = numbers
            for position, column in enumerate(self._places):
                result[rows, column] = self._native[sources[:, position], column]
        return result

    def _grown_sparse(self, made: list[tuple[Any, Any]]) -> Any:
        X: Any = self._native
        whole = X.dtype.kind in "iub" and self.numeric.shape[1]
        dtype = np.float64 if whole else X.dtype
        parts = [X.tocsr().astype(dtype)]
        order = np.argsort(np.concatenate([self._numeric_places(X.shape[1]), self._places]))
        for numbers, values in made:
            block = numbers if values is None else sparse.hstack([numbers, values], format="csr")
            parts.append(sparse.csr_array(block)[:, order].astype(dtype))
        return like(X, stacked(parts))

    def _grown_frame(
        self, frame: nw.DataFrame[Any], seeds: Indices, made: list[tuple[Any, Any]]
    ) -> Any:
        names = list(frame.columns)
        numeric, new = self._numeric_places(len(names)), frame[seeds]
        old_columns: list[Any] = []
        new_columns: list[Any] = []
        for position, place in enumerate(numeric):
            name, dtype = names[place], frame[names[place]].dtype
            target = nw.Float64() if dtype.is_integer() or not dtype.is_float() else dtype
            cells = np.concatenate([block[:, position] for block, _ in made] or [np.empty(0)])
            made_column = nw.new_series(name, cells, nw.Float64, backend=frame.implementation)
            if frame[name].null_count():
                made_column = made_column.fill_nan(None)
            new_columns.append(made_column.cast(target))
            if target != dtype:
                old_columns.append(frame[name].cast(target))
        for position, place in enumerate(self._places):
            name = names[place]
            rows = np.concatenate([s[:, position] for _, s in made] or [np.empty(0, np.int64)])
            column = nw.from_native(take_rows(frame[name].to_native(), rows), series_only=True)
            new_columns.append(column)
        if len(seeds) == 0:
            return frame.with_columns(*old_columns).to_native()
        new = new.with_columns(*new_columns)
        grown = frame.with_columns(*old_columns) if old_columns else frame
        return nw.concat([grown, new], how="vertical").to_native()


# -------------------------------------------------------------------------------------- columns


def _canonical(X: Any) -> sparse.csr_array:
    """X as CSR without stored zeros or repeated entries; X itself stays as it is."""
    rows = sparse.csr_array(X)
    if rows.has_canonical_format and np.all(rows.data != 0):
        return rows
    rows = rows.copy()
    rows.sum_duplicates()
    rows.eliminate_zeros()
    return rows


def _positions(nominal_features: Any, n_columns: int, names: list[str] | None) -> Indices:
    """The nominal columns that were named: None, "all", indices, names, or a mask."""
    if nominal_features is None:
        return np.empty(0, np.int64)
    if isinstance(nominal_features, str):
        if nominal_features == "all":
            return np.arange(n_columns)
        nominal_features = [nominal_features]
    given = list(nominal_features)
    if given and all(isinstance(g, (bool, np.bool_)) for g in given):
        if len(given) != n_columns:
            raise InvalidInput(
                "A mask of `nominal_features` must have one entry per column.",
                received=f"{len(given)} entries for {n_columns} columns",
            )
        return np.flatnonzero(np.array(given))
    found: list[int] = []
    for entry in given:
        if names is not None and entry in names:
            found.append(names.index(entry))
        elif isinstance(entry, (int, np.integer)) and 0 <= entry < n_columns:
            found.append(int(entry))
        else:
            raise InvalidInput(
                "`nominal_features` names a column that `X` does not have.",
                received=repr(entry),
                remedy=f"Pass indices from 0 to {n_columns - 1}, or a mask."
                if names is None
                else did_you_mean(entry, names),
            )
    return np.unique(np.array(found, dtype=np.int64))


def _is_number(dtype: Any) -> bool:
    return bool(dtype.is_numeric()) and not dtype.is_decimal()


def _check_numbers(argument: str, dtype: np.dtype[Any]) -> None:
    if dtype.kind not in "fiub":
        raise InvalidInput(
            f"`{argument}` must hold numbers.",
            received=f"{argument}.dtype={dtype}",
            remedy="Name text columns in `nominal_features`.",
        )


def _number_column(column: nw.Series[Any]) -> Float:
    return column.cast(nw.Float64).to_numpy().astype(np.float64)


def _nominal_column(column: nw.Series[Any], name: str) -> NDArray[Any]:
    if column.dtype.is_temporal() or column.dtype.is_nested():
        raise InvalidInput(
            f"Column {name!r} of `X` is neither a number nor nominal.",
            received=f"a column of type {column.dtype}",
            remedy="Turn it into numbers, or leave it out.",
        )
    return np.array(column.to_list(), dtype=object)


def _codes(columns: list[NDArray[Any]]) -> NDArray[np.int32]:
    """Codes of the values in order of their first row; −1 where missing."""
    result = np.empty((len(columns[0]), len(columns)), np.int32)
    for position, column in enumerate(columns):
        if column.dtype.kind in "iubf":
            result[:, position] = np.unique(column, return_inverse=True)[1]
            result[np.isnan(column), position] = -1
            continue
        known: dict[Any, int] = {}
        for row, value in enumerate(column.tolist()):
            missing = value is None or type(value).__name__ in ("NAType", "NaTType")
            if missing or value != value:
                result[row, position] = -1
            else:
                result[row, position] = known.setdefault(value, len(known))
    return result

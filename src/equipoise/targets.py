"""Targets: one form for every kind of y that users have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._errors import (
    InvalidInput,
    check_choice,
    check_names,
    did_you_mean,
    shown_list,
)
from equipoise._kernels.ones import positions_of_ones_numpy

Task = Literal["binary", "multiclass", "multilabel"]

_BLOCK = 1 << 16  # cells inspected at a time: a block and its masks stay in the L2 cache


@dataclass(frozen=True, eq=False)
class Targets:
    """Labels of N rows and L labels as 0/1 values, with the cells that are not known.

    Build it with `as_targets`. Leading axes of y are flattened into rows; `shape` remembers them.

    Attributes:
        values: (N, L) uint8 array, or a CSR array of stored ones; 0 where unknown.
        unknown: None where every cell is known, else a bool array or CSR array like `values`.
        label_names: L distinct names.
        task: "binary" (L is 1), "multiclass" (exactly one label a row) or "multilabel".
        shape: the shape of y as it was given, the last axis being the labels.
    """

    values: NDArray[np.uint8] | sparse.csr_array
    unknown: NDArray[np.bool_] | sparse.csr_array | None
    label_names: tuple[str, ...]
    task: Task
    shape: tuple[int, ...]

    @property
    def n_rows(self) -> int:
        """Number of rows N (the product of all leading axes)."""
        return int(self.values.shape[0])

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return int(self.values.shape[1])

    @property
    def is_sparse(self) -> bool:
        """Whether `values` is a sparse array."""
        return not isinstance(self.values, np.ndarray)

    @property
    def known(self) -> NDArray[np.bool_]:
        """(N, L) dense bool array: True where the label is known (a read-only view if all are)."""
        if self.unknown is None:
            return np.broadcast_to(np.True_, (self.n_rows, self.n_labels))
        return ~_dense(self.unknown)

    def to_sparse(self) -> Targets:
        """Returns the same targets with `values` as a CSR array."""
        if self.is_sparse:
            return self
        unknown = None if self.unknown is None else sparse.csr_array(self.unknown)
        return self._with(self.positives(), unknown)

    def positives(self) -> sparse.csr_array:
        """Returns the (N, L) positives as a CSR array of stored ones, each row's in order."""
        values = self.values
        if isinstance(values, np.ndarray):
            indptr, columns = positions_of_ones_numpy(values)  # numba takes longer to load
            ones = np.ones(len(columns), dtype=np.uint8)
            return sparse.csr_array((ones, columns, indptr), shape=values.shape)
        return values if values.has_sorted_indices else values.sorted_indices()

    def to_dense(self) -> Targets:
        """Returns the same targets with `values` as a dense array."""
        if not self.is_sparse:
            return self
        unknown = None if self.unknown is None else _dense(self.unknown)
        return self._with(_dense(self.values), unknown)

    def to_array(self, unknown: float = np.nan) -> NDArray[np.float32]:
        """Returns a float32 array in the shape of y, with `unknown` where a label is not known."""
        array = _dense(self.values).astype(np.float32)
        if self.unknown is not None:
            array[_dense(self.unknown)] = unknown
        return array.reshape(self.shape)

    def take(self, rows: ArrayLike) -> Targets:
        """Returns the targets of the given rows (indices or a boolean mask)."""
        rows = np.asarray(rows)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        values = self.values[rows]
        unknown = None if self.unknown is None else self.unknown[rows]
        return self._with(values, unknown)

    def _with(self, values: Any, unknown: Any) -> Targets:
        shape = self.shape if values.shape[0] == self.n_rows else tuple(values.shape)
        return Targets(values, unknown, self.label_names, self.task, shape)

    def __repr__(self) -> str:
        kind = "sparse" if self.is_sparse else "dense"
        return (
            f"Targets({self.n_rows} rows, {self.n_labels} labels, {self.task}, {kind}, "
            f"labels {shown_list(self.label_names, 4)})"
        )


def as_targets(
    y: Any,
    label_names: Iterable[object] | None = None,
    task: Literal["auto", "binary", "multiclass", "multilabel"] = "auto",
) -> Targets:
    """Reads any common form of labels as `Targets`.

    | y | reading |
    |---|---|
    | (..., L) array or tensor of 0/1 | label matrix; leading axes are rows; (N, 1) is binary |
    | SciPy sparse matrix | label matrix whose stored ones are positives |
    | list of label sets (`[{"cat"}, {"cat", "dog"}, set()]`) | sparse label matrix |
    | data frame (pandas, polars, …) | label matrix named by its columns; null is unknown |
    | 1-D array, list or series | one class a row; {0, 1}, bools or two classes are binary |

    NaN (and None) is unknown. −1 is unknown in a label matrix that also holds 0; in a 1-D y it is
    a class. A list of lists is a matrix if all rows are equally long and hold only 0, 1, −1 and
    NaN, else a list of label sets; rows that are `set`s are always label sets.

    Not for soft targets: probabilities as labels are for the losses only.

    Args:
        y: the labels.
        label_names: L names; by default those of the data frame, the labels in the sets, the
            classes, or "label_0", "label_1", ….
        task: what y is; "auto" reads it off y as in the table.

    Raises:
        InvalidInput: a value that is not 0/1, a −1/+1 matrix without 0, names that do not fit.

    Examples:
        >>> as_targets([[1, 0], [0, 0], [1, 1]]).values.sum(axis=0)
        array([2, 1], dtype=uint64)
        >>> as_targets([{"drama"}, {"action", "drama"}, set()])
        Targets(3 rows, 2 labels, multilabel, sparse, labels 'action', 'drama')
        >>> as_targets(["a", "c", "b", "a"]).task
        'multiclass'
    """
    check_choice("task", task, ("auto", "binary", "multiclass", "multilabel"))
    if isinstance(y, Targets):
        names = (
            y.label_names
            if label_names is None
            else check_names("label_names", label_names, y.n_labels)
        )
        targets = Targets(y.values, y.unknown, names, y.task, y.shape)
        return targets if task in ("auto", y.task) else _checked_task(targets, task)
    if sparse.issparse(y):
        return _checked_task(_from_sparse(y, label_names), task)
    frame = nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.DataFrame):
        return _checked_task(_from_frame(frame, label_names), task)
    if isinstance(frame, nw.Series):
        if label_names is None and frame.name and task != "multiclass":
            return _from_series(frame, task)
        y = frame.to_list()
    if _is_label_sets(y):
        return _checked_task(_from_label_sets(y, label_names), task)
    array = _as_array(y)
    if array.ndim == 1:
        return _from_classes(array, label_names, task)
    return _checked_task(_from_matrix(array, label_names), task)


def default_names(n_labels: int) -> tuple[str, ...]:
    """Names of labels that have none: label_0, label_1, …."""
    return tuple(f"label_{i}" for i in range(n_labels))


def _dense(values: Any) -> Any:
    return values if isinstance(values, np.ndarray) else values.toarray()


def _as_array(y: Any) -> NDArray[Any]:
    """Returns y as an array; tensors of all backends convert through the array protocol."""
    try:
        array = np.asarray(y)
    except (ValueError, TypeError, RuntimeError) as error:
        raise InvalidInput(
            f"`y` cannot be read as an array: {error}",
            received=f"{type(y).__name__}",
            remedy="Pass a (rows, labels) array of 0/1, a list of label sets, or a 1-D list of "
            "classes.",
        ) from error
    if array.ndim == 0:
        raise InvalidInput(
            "`y` must hold one entry per row.", received=f"a single {type(y).__name__}"
        )
    return array


# ---------------------------------------------------------------------------- label matrices


def _from_matrix(array: NDArray[Any], label_names: Iterable[object] | None) -> Targets:
    n_labels = array.shape[-1]
    if n_labels == 0:
        raise InvalidInput("`y` has no labels.", received=f"y.shape={array.shape}")
    names = _names_or_default(label_names, n_labels)
    flat = array.reshape(-1, n_labels)
    values, unknown = _read_cells(flat, names)
    task: Task = "binary" if n_labels == 1 else "multilabel"
    return Targets(values, unknown, names, task, array.shape)


def _read_cells(
    flat: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_] | None]:
    """Returns 0/1 values and the mask of unknown cells (None if there is none)."""
    if flat.dtype == np.bool_:
        return flat.view(np.uint8), None
    if flat.dtype.kind == "O":
        flat = _numbers_from_objects(flat, names)
    if flat.dtype.kind not in "iuf":
        raise InvalidInput(
            "`y` must hold 0 and 1.",
            received=f"y.dtype={flat.dtype}",
            remedy="Pass a list of label sets for labels by name, or a 1-D y for classes.",
        )
    zeros, ones, minus_ones, missing = _count_values(flat)
    if zeros + ones == flat.size:
        return flat.astype(np.uint8), None
    if zeros + ones + minus_ones + missing < flat.size:
        _refuse_other_values(flat, names)
    if minus_ones and not zeros:
        raise InvalidInput(
            "`y` holds -1 but no 0, so -1 may mean negative or unknown.",
            received=f"{minus_ones} cells of -1 and {ones} of 1",
            remedy="If -1 means negative pass (y > 0); if it means unknown pass "
            "np.where(y == -1, np.nan, y).",
        )
    return (flat == 1).astype(np.uint8), ~((flat == 0) | (flat == 1))


def _count_values(flat: NDArray[Any]) -> tuple[int, int, int, int]:
    """Returns how many cells are 0, 1, −1 and NaN, reading the array once."""
    zeros = ones = minus_ones = missing = 0
    rows = max(1, _BLOCK // flat.shape[1])
    for start in range(0, flat.shape[0], rows):
        block = flat[start : start + rows]
        zero, one = int(np.count_nonzero(block == 0)), int(np.count_nonzero(block == 1))
        if zero + one < block.size:
            minus_ones += int(np.count_nonzero(block == -1))
            missing += int(np.count_nonzero(block != block))
        zeros += zero
        ones += one
    return zeros, ones, minus_ones, missing


def _refuse_other_values(flat: NDArray[Any], names: Sequence[str]) -> None:
    allowed = (flat == 0) | (flat == 1) | (flat == -1) | (flat != flat)
    row, column = np.argwhere(~allowed)[0]
    value = flat[row, column]
    soft = 0 < value < 1
    raise InvalidInput(
        "`y` must hold 0 and 1 (NaN, or -1 beside 0, for unknown).",
        received=f"{value!r} in row {row}, label {names[column]!r}",
        remedy="Soft targets are for losses only: pass (y >= 0.5)."
        if soft
        else "Pass a 1-D y for classes, or a list of label sets for label ids.",
    )


def _numbers_from_objects(flat: NDArray[Any], names: Sequence[str]) -> NDArray[np.float64]:
    numbers = np.empty(flat.shape, dtype=np.float64)
    for (row, column), value in np.ndenumerate(flat):
        if value is None or type(value).__name__ in ("NAType", "NaTType"):
            numbers[row, column] = np.nan
        elif isinstance(value, (bool, int, float, np.number, np.bool_)):
            numbers[row, column] = value
        else:
            raise InvalidInput(
                "`y` must hold 0 and 1.",
                received=f"{value!r} in row {row}, label {names[column]!r}",
                remedy="Pass a list of label sets for labels by name, or a 1-D y for classes.",
            )
    return numbers


def _from_sparse(y: Any, label_names: Iterable[object] | None) -> Targets:
    if len(y.shape) != 2:
        raise InvalidInput("A sparse `y` must have two axes.", received=f"y.shape={y.shape}")
    matrix = sparse.csr_array(y, copy=True)
    matrix.sum_duplicates()
    n_rows, n_labels = matrix.shape
    if n_labels == 0:
        raise InvalidInput("`y` has no labels.", received=f"y.shape={y.shape}")
    names = _names_or_default(label_names, n_labels)
    stored = matrix.data
    other = ~((stored == 0) | (stored == 1) | (stored == -1) | (stored != stored))
    if other.any():
        position = int(np.flatnonzero(other)[0])
        row = int(np.searchsorted(matrix.indptr, position, side="right")) - 1
        raise InvalidInput(
            "`y` must hold 0 and 1 (NaN, or -1 beside 0, for unknown).",
            received=f"{stored[position]!r} in row {row}, label "
            f"{names[matrix.indices[position]]!r} (entries stored twice are added up)",
        )
    marked = (stored == -1) | (stored != stored)
    unknown = None
    if marked.any():
        if np.count_nonzero((stored == 1) | marked) == n_rows * n_labels and (stored == -1).any():
            raise InvalidInput(
                "`y` holds -1 but no 0, so -1 may mean negative or unknown.",
                remedy="If -1 means negative pass (y > 0); if it means unknown store NaN there.",
            )
        unknown = sparse.csr_array(
            (marked, matrix.indices.copy(), matrix.indptr.copy()), shape=matrix.shape
        )
        unknown.eliminate_zeros()
    values = sparse.csr_array(
        ((stored == 1).astype(np.uint8), matrix.indices, matrix.indptr), shape=matrix.shape
    )
    values.eliminate_zeros()
    task: Task = "binary" if n_labels == 1 else "multilabel"
    return Targets(values, unknown, names, task, (n_rows, n_labels))


def _from_frame(frame: nw.DataFrame[Any], label_names: Iterable[object] | None) -> Targets:
    names = check_names("the columns of y", frame.columns)
    columns: list[NDArray[Any]] = []
    for name, series in zip(frame.columns, frame.iter_columns(), strict=True):
        dtype = series.dtype
        if not (dtype.is_numeric() or dtype == nw.Boolean or dtype == nw.Object):
            raise InvalidInput(
                f"Column {name!r} of `y` must hold 0 and 1.",
                received=f"a column of type {dtype}",
                remedy=f"Pass y[{name!r}] alone if it holds classes; leave feature columns out.",
            )
        if dtype != nw.Object and series.null_count() > 0:
            series = series.cast(nw.Float64).fill_null(float("nan"))
        columns.append(series.to_numpy())
    if not columns:
        raise InvalidInput("`y` has no labels.", received="a data frame without columns")
    matrix = np.stack(columns, axis=1)
    return _from_matrix(matrix, names if label_names is None else label_names)


# ------------------------------------------------------------------------------- label sets


def _is_label_sets(y: Any) -> bool:
    if isinstance(y, np.ndarray):
        if y.dtype != object or y.ndim != 1:
            return False
    elif not isinstance(y, (list, tuple)):
        return False
    rows = [r for r in y if isinstance(r, Sized) and not isinstance(r, (str, bytes))]
    if not rows:
        return False
    if any(isinstance(r, (set, frozenset)) for r in rows):
        return True
    return not _is_rectangle(y)


def _is_rectangle(rows: Any) -> bool:
    """Whether nested lists form a matrix of 0, 1, −1 and NaN rather than label sets."""
    try:
        array = np.asarray(rows)
    except ValueError:  # ragged
        return False
    if array.ndim < 2:
        return False
    if array.ndim > 2 or array.dtype == bool:
        return True
    if array.dtype == object:
        cells = [c for c in array.flat if c is not None]
        return all(isinstance(c, (int, float, np.number)) for c in cells)
    if array.dtype.kind not in "iuf" or array.size == 0:
        return False
    # Fractions stay a matrix, so that soft targets are refused as what they are.
    known = array[array == array]
    return bool(((known >= -1) & (known <= 1)).all())


def _from_label_sets(y: Sequence[Iterable[Any]], label_names: Iterable[object] | None) -> Targets:
    sets: list[set[str]] = []
    seen: dict[str, Any] = {}
    for row, labels in enumerate(y):
        if isinstance(labels, (str, bytes)) or not isinstance(labels, Iterable):
            raise InvalidInput(
                "Every row of label sets must be a collection of labels.",
                received=f"{labels!r} in row {row}",
                remedy="Write [] for a row without labels and ['a'] for a row with one.",
            )
        row_labels: set[str] = set()
        for label in labels:
            if label is None or label != label:
                raise InvalidInput(
                    "A label set cannot hold None or NaN.",
                    received=f"{label!r} in row {row}",
                    remedy="Use a label matrix with NaN for labels that are not known.",
                )
            name = str(label)
            if type(seen.setdefault(name, label)) is not type(label):
                raise InvalidInput(
                    "Two labels of different type have the same name.",
                    received=f"{seen[name]!r} and {label!r}",
                    remedy="Write all labels as strings or all as numbers.",
                )
            row_labels.add(name)
        sets.append(row_labels)
    if label_names is None:
        try:
            names = tuple(str(label) for label in sorted(seen.values()))
        except TypeError:  # strings and numbers side by side
            names = tuple(sorted(seen))
    else:
        names = check_names("label_names", label_names)
        absent = [name for name in seen if name not in set(names)]
        if absent:
            raise InvalidInput(
                f"{len(absent)} labels of `y` are not in `label_names`.",
                received=shown_list(absent),
                remedy=did_you_mean(absent[0], names),
            )
    if not names:
        raise InvalidInput(
            "`y` has no labels: every row is empty.", remedy="Pass `label_names` as well."
        )
    position = {name: i for i, name in enumerate(names)}
    indices = [sorted(position[name] for name in labels) for labels in sets]
    indptr = np.concatenate([[0], np.cumsum([len(i) for i in indices], dtype=np.int64)])
    flat = np.fromiter((i for row in indices for i in row), dtype=np.int32, count=int(indptr[-1]))
    values = sparse.csr_array(
        (np.ones(len(flat), dtype=np.uint8), flat, indptr), shape=(len(sets), len(names))
    )
    task: Task = "binary" if len(names) == 1 else "multilabel"
    return Targets(values, None, names, task, values.shape)


# ------------------------------------------------------------------------------ 1-D classes


def _from_series(series: nw.Series[Any], task: str) -> Targets:
    """A named series: its name is the label's name if it is binary."""
    values = series.to_list()
    if _is_label_sets(values):
        return _checked_task(_from_label_sets(values, None), task)
    array = _as_array(values)
    targets = _from_classes(array, None, task)
    if targets.task == "binary" and targets.label_names == ("1",):
        return _from_classes(array, [series.name], task)
    return targets


def _from_classes(array: NDArray[Any], label_names: Iterable[object] | None, task: str) -> Targets:
    if task == "multilabel":
        raise InvalidInput(
            "A multi-label `y` must have two axes, or be a list of label sets.",
            received=f"y.shape={array.shape}",
        )
    known = _known_classes(array)
    present = array[known]
    if present.dtype.kind == "f" and not np.array_equal(present, np.rint(present)):
        raise InvalidInput(
            "A 1-D `y` must hold classes.",
            received=f"the fraction {present[present != np.rint(present)][0]!r}",
            remedy="Continuous values are not classes; pass (y >= 0.5) for soft binary labels.",
        )
    if present.dtype.kind == "f":
        present = present.astype(np.int64)
    classes, codes = _classes_and_codes(present)
    zero_one = all(type(c) is not str and c in (0, 1) for c in classes)
    if task == "binary" or (task == "auto" and (zero_one or len(classes) == 2)):
        if not zero_one and len(classes) != 2:
            raise InvalidInput("A binary `y` must hold two classes.", received=shown_list(classes))
        positive = (present == 1) if zero_one else codes == 1
        names = (
            ("1" if zero_one else str(classes[1]),)
            if label_names is None
            else check_names("label_names", label_names, 1)
        )
        values = np.zeros((len(array), 1), dtype=np.uint8)
        values[known, 0] = positive
        unknown = None if known.all() else ~known[:, None]
        return Targets(values, unknown, names, "binary", values.shape)
    names, codes = _named_classes(classes, codes, label_names)
    rows = np.flatnonzero(known)
    shape = (len(array), len(names))
    values = sparse.csr_array((np.ones(len(rows), dtype=np.uint8), (rows, codes)), shape=shape)
    unknown = None
    if len(rows) < len(array):
        missing = np.zeros(shape, dtype=bool)
        missing[~known] = True
        unknown = sparse.csr_array(missing)
    return Targets(values, unknown, names, "multiclass", shape)


def _known_classes(array: NDArray[Any]) -> NDArray[np.bool_]:
    if array.dtype.kind == "f":
        return ~np.isnan(array)
    if array.dtype.kind == "O":
        return np.array(
            [not (c is None or type(c).__name__ == "NAType" or c != c) for c in array], dtype=bool
        )
    return np.ones(len(array), dtype=bool)


def _classes_and_codes(present: NDArray[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    try:
        classes, codes = np.unique(present, return_inverse=True)
    except TypeError as error:
        raise InvalidInput(
            "The classes of a 1-D `y` cannot be sorted.",
            received="values of different types",
            remedy="Write all classes as strings or all as numbers.",
        ) from error
    if len(classes) == 0:
        raise InvalidInput(
            "`y` holds no class.", remedy="Pass at least one row whose class is known."
        )
    return classes.tolist(), codes.reshape(-1)


def _named_classes(
    classes: list[Any], codes: NDArray[np.intp], label_names: Iterable[object] | None
) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Returns the label names and each known row's position among them."""
    if label_names is None:
        return check_names("the classes of y", classes), codes
    names = check_names("label_names", label_names)
    position = {name: i for i, name in enumerate(names)}
    if all(str(c) in position for c in classes):
        order = np.array([position[str(c)] for c in classes])
    elif all(isinstance(c, int) and 0 <= c < len(names) for c in classes):
        order = np.array(classes)  # class ids count into the names
    else:
        absent = [c for c in classes if str(c) not in position]
        raise InvalidInput(
            "Classes of `y` are not in `label_names`.",
            received=shown_list(absent),
            remedy=did_you_mean(absent[0], names),
        )
    return names, order[codes]


def _names_or_default(label_names: Iterable[object] | None, n_labels: int) -> tuple[str, ...]:
    if label_names is None:
        return default_names(n_labels)
    return check_names("label_names", label_names, n_labels)


def _checked_task(targets: Targets, task: str) -> Targets:
    """Returns the targets read as `task`, or says why y is not that."""
    if task in ("auto", targets.task):
        return targets
    if task == "multilabel":  # one label is a small multi-label problem
        return Targets(
            targets.values, targets.unknown, targets.label_names, "multilabel", targets.shape
        )
    if task == "binary":
        raise InvalidInput(
            "A binary `y` must have one label.", received=f"{targets.n_labels} labels"
        )
    per_row = np.asarray(targets.values.sum(axis=1)).reshape(-1)
    if targets.unknown is not None:
        per_row = np.where(np.asarray(targets.unknown.sum(axis=1)).reshape(-1) > 0, 1, per_row)
    if not np.all(per_row == 1):
        row = int(np.flatnonzero(per_row != 1)[0])
        raise InvalidInput(
            "A multi-class `y` must have exactly one label in every row.",
            received=f"{int(per_row[row])} labels in row {row}",
            remedy='Pass task="multilabel".',
        )
    return Targets(
        targets.values, targets.unknown, targets.label_names, "multiclass", targets.shape
    )

"""Labels that a resampler changed, written back in the kind of the y that was given."""

from __future__ import annotations

from typing import Any

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.model_selection.holdout import _take as take_rows
from equipoise.resampling._sparse import like
from equipoise.targets import Targets, is_label_sets

Indices = NDArray[np.int64]


def check_rewritable(y: Any, targets: Targets, name: str) -> None:
    """Raises InvalidInput for a y of classes, whose rows cannot have another set of labels."""
    if isinstance(y, Targets):
        single = targets.task == "multiclass"
    else:
        frame = nw.from_native(y, pass_through=True, allow_series=True)
        shape = getattr(y, "shape", None)
        single = isinstance(frame, nw.Series) or (shape is not None and len(shape) == 1)
        if isinstance(y, (list, tuple)):
            single = not any(isinstance(row, (list, tuple, set, frozenset)) for row in y)
            single = single and not any(np.ndim(row) for row in y)
    if single:
        raise InvalidInput(
            f"{name} gives rows other sets of labels, which a 1-D `y` of classes cannot hold.",
            received=repr(targets),
            remedy="Pass a label matrix: as_targets(y).to_dense().values.",
        )


def rewrite(y: Any, rows: Indices, changed: Indices, labels: Targets) -> Any:
    """Returns `rows` of y with the labels of the rows at `changed` replaced, in y's own kind."""
    if isinstance(y, Targets):
        return _rewritten_targets(y, rows, changed, labels)
    if sparse.issparse(y):
        return _rewritten_sparse(y, rows, changed, labels)
    frame = nw.from_native(y, pass_through=True)
    if isinstance(frame, nw.DataFrame):
        return _rewritten_frame(frame, rows, changed, labels)
    if isinstance(y, (list, tuple)) or (_is_object_array(y)):
        return _rewritten_lists(y, rows, changed, labels)
    array = np.asarray(y)
    return _written(array[rows], changed, labels, np.any(array == -1))


def _written(array: NDArray[Any], changed: Indices, labels: Targets, minus: Any) -> NDArray[Any]:
    """The array with the rows at `changed` overwritten; unknown is marked as y marks it."""
    mark = -1 if array.dtype.kind in "iu" or minus else np.nan
    step = max(1, (1 << 20) // labels.n_labels)
    for start in range(0, len(changed), step):
        part = labels.take(np.arange(start, min(start + step, len(changed)))).to_dense()
        block = np.asarray(part.values).astype(array.dtype)
        if part.unknown is not None:
            block[np.asarray(part.unknown)] = mark
        array[changed[start : start + step]] = block
    return array


def _rewritten_targets(y: Targets, rows: Indices, changed: Indices, labels: Targets) -> Targets:
    taken = y.take(rows)
    values = _replaced(taken.values, changed, labels.values)
    unknown = None
    if taken.unknown is not None or labels.unknown is not None:
        shape = taken.values.shape
        old = sparse.csr_array(shape, dtype=bool) if taken.unknown is None else taken.unknown
        new = labels.unknown
        if new is None:
            new = sparse.csr_array((len(changed), shape[1]), dtype=bool)
        unknown = _replaced(old, changed, new)
    dense = not y.is_sparse
    return Targets(_as(values, dense), _as(unknown, dense), y.label_names, y.task, values.shape)


def _as(cells: Any, dense: bool) -> Any:
    if cells is None:
        return None
    if dense:
        return cells if isinstance(cells, np.ndarray) else cells.toarray()
    return sparse.csr_array(cells)


def _replaced(old: Any, changed: Indices, new: Any) -> sparse.csr_array:
    """Rows of `old`, those at `changed` taken from `new`."""
    kept = np.ones(old.shape[0], bool)
    kept[changed] = False
    places = np.flatnonzero(kept)
    stacked = sparse.vstack(
        [sparse.csr_array(old)[places], sparse.csr_array(new).astype(old.dtype)], format="csr"
    )
    order = np.empty(old.shape[0], np.int64)
    order[np.concatenate([places, changed])] = np.arange(old.shape[0])
    return sparse.csr_array(stacked[order])


def _rewritten_sparse(y: Any, rows: Indices, changed: Indices, labels: Targets) -> Any:
    new: Any = sparse.csr_array(labels.values).astype(y.dtype)
    if labels.unknown is not None:
        mark = np.nan if y.dtype.kind == "f" and not np.any(y.data == -1) else -1
        new = new + sparse.csr_array(labels.unknown).astype(y.dtype) * y.dtype.type(mark)
    result: Any = _replaced(y.tocsr()[rows], changed, new)
    return like(y, result)


def _rewritten_frame(
    frame: nw.DataFrame[Any], rows: Indices, changed: Indices, labels: Targets
) -> Any:
    taken = frame[rows]
    dense = labels.to_dense()
    columns: list[Any] = []
    for position, name in enumerate(taken.columns):
        column = taken[name]
        value = np.asarray(dense.values)[:, position].astype(np.float64)
        cells = column.cast(nw.Float64).to_numpy().astype(np.float64)
        if dense.unknown is not None:
            value[np.asarray(dense.unknown)[:, position]] = np.nan
        cells[changed] = value
        made = nw.new_series(name, cells, nw.Float64, backend=frame.implementation)
        columns.append(
            made.fill_nan(None).cast(column.dtype) if column.dtype != nw.Object else made
        )
    return taken.with_columns(*columns).to_native()


def _rewritten_lists(y: Any, rows: Indices, changed: Indices, labels: Targets) -> Any:
    """Lists of label sets, or a list of 0/1 rows."""
    taken: list[Any] = list(take_rows(y, rows))
    first = next(row for row in y if not np.isscalar(row))
    sets = not _is_matrix(y)
    kind: Any = type(first) if isinstance(first, (set, frozenset, list, tuple)) else list
    originals = {str(label): label for row in y for label in row} if sets else {}
    array = None if sets else labels.to_array()
    positives = labels.positives()
    for place, row in enumerate(changed.tolist()):
        if array is None:
            own = positives.indices[positives.indptr[place] : positives.indptr[place + 1]]
            taken[row] = kind(originals[labels.label_names[j]] for j in own.tolist())
        else:
            cells = array[place].tolist()
            taken[row] = kind(int(c) if c == c else float("nan") for c in cells)
    if isinstance(y, np.ndarray):
        result = np.empty(len(taken), object)
        result[:] = taken
        return result
    return taken


def _is_object_array(y: Any) -> bool:
    return isinstance(y, np.ndarray) and y.dtype.kind == "O" and y.ndim == 1


def _is_matrix(y: Any) -> bool:
    return not is_label_sets(y)

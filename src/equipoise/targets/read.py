"""as_targets: what kind of y it is, and the reader that knows that kind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_choice, check_names
from equipoise.targets.classes import from_classes
from equipoise.targets.label_sets import from_label_sets, is_label_sets
from equipoise.targets.matrices import from_frame, from_matrix, from_sparse
from equipoise.targets.targets import Targets


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
        return _checked_task(from_sparse(y, label_names), task)
    # An array is no frame, which narwhals takes longer to find out than some metrics take.
    is_array = isinstance(y, np.ndarray)
    frame = None if is_array else nw.from_native(y, pass_through=True, allow_series=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, nw.DataFrame):
        return _checked_task(from_frame(frame, label_names), task)
    if isinstance(frame, nw.Series):
        if label_names is None and frame.name and task != "multiclass":
            return _from_series(frame, task)
        y = frame.to_list()
    if is_label_sets(y):
        return _checked_task(from_label_sets(y, label_names), task)
    array = as_label_array(y)
    if array.ndim == 1:
        return from_classes(array, label_names, task)
    return _checked_task(from_matrix(array, label_names), task)


def as_label_array(y: Any) -> NDArray[Any]:
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


def _from_series(series: nw.Series[Any], task: str) -> Targets:
    """A named series: its name is the label's name if it is binary."""
    values = series.to_list()
    if is_label_sets(values):
        return _checked_task(from_label_sets(values, None), task)
    array = as_label_array(values)
    targets = from_classes(array, None, task)
    if targets.task == "binary" and targets.label_names == ("1",):
        return from_classes(array, [series.name], task)
    return targets


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

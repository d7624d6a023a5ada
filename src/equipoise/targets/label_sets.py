"""Lists of label sets, one for each row, as `Targets`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from typing import Any

import numpy as np
from scipy import sparse

from equipoise._errors import InvalidInput, check_names, did_you_mean, shown_list
from equipoise.targets.targets import Targets, Task


def is_label_sets(y: Any) -> bool:
    """Whether y is a list of label sets rather than a matrix or a list of classes."""
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


def from_label_sets(y: Sequence[Iterable[Any]], label_names: Iterable[object] | None) -> Targets:
    """Reads one collection of labels for each row."""
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

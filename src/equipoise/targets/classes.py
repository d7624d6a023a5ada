"""One class for each row, a 1-D y, as `Targets`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, check_names, did_you_mean, shown_list
from equipoise.targets.targets import Targets


def from_classes(array: NDArray[Any], label_names: Iterable[object] | None, task: str) -> Targets:
    """Reads one class for each row; two classes are binary unless `task` says otherwise."""
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

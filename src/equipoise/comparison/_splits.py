"""The folds of a comparison, drawn or given, and checked before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_integer
from equipoise.model_selection import MultilabelStratifiedKFold
from equipoise.targets import Targets

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def checked_splits(
    targets: Targets, cv: Any, n_repeats: int, groups: ArrayLike | None, random_state: int
) -> list[Split]:
    """Returns the (train, test) rows of every fold of every repeat."""
    n_repeats = check_integer("n_repeats", n_repeats, minimum=1)
    rows = np.zeros((targets.n_rows, 1))
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        drawn = [
            split
            for repeat in range(n_repeats)
            for split in MultilabelStratifiedKFold(
                int(cv), random_state=seed_of(random_state, repeat)
            ).split(rows, targets, groups)
        ]
    elif n_repeats > 1:
        raise InvalidInput(
            "`n_repeats` needs a number of folds as `cv`.",
            received=repr(cv),
            remedy="Pass cv=5, or a splitter that repeats by itself.",
        )
    elif isinstance(cv, Iterable) and not isinstance(cv, str):
        drawn = list(cv)
    elif hasattr(cv, "split") and not isinstance(cv, str):
        drawn = list(cv.split(rows, _plain(targets), groups))
    else:
        raise InvalidInput(
            "`cv` must be a number of folds, a splitter or (train, test) pairs.", received=repr(cv)
        )
    if not drawn:
        raise InvalidInput("`cv` made no split.")
    splits = [(np.asarray(train), np.asarray(test)) for train, test in drawn]
    for train, test in splits:
        _check_split(train, test, groups)
    return splits


def _plain(targets: Targets) -> NDArray[Any]:
    """y as scikit-learn's own splitters take it."""
    values = targets.to_dense().values
    return values.argmax(axis=1) if targets.task == "multiclass" else np.squeeze(values)


def _check_split(train: NDArray[Any], test: NDArray[Any], groups: ArrayLike | None) -> None:
    if len(train) == 0 or len(test) == 0:
        raise InvalidInput("`cv` made a fold without training or without test rows.")
    if len(np.intersect1d(train, test)):
        raise InvalidInput(
            "`cv` made a fold whose training and test rows overlap.",
            received=f"{len(np.intersect1d(train, test))} rows in both",
            remedy="Rows that were trained on cannot judge.",
        )
    if groups is not None:
        groups = np.asarray(groups)
        both = np.intersect1d(groups[train], groups[test])
        if len(both):
            raise InvalidInput(
                "`cv` split a group between training and test rows.",
                received=f"group {both[0]!r}",
                remedy="Use a number of folds, or a splitter that respects groups (GroupKFold).",
            )


def seed_of(random_state: int, number: int) -> int:
    """A seed of its own for each fold, and for each repeat."""
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0])

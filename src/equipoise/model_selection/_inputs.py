"""What the splitters and the hold-out functions read alike: rows, labels, groups, seeds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer
from equipoise.targets import Targets, as_targets


def read_problem(X: Any, y: Any, groups: Any) -> tuple[Targets, NDArray[np.int64] | None]:
    """Returns the labels and the group codes of the rows of X (which may be None)."""
    if y is None:
        raise InvalidInput(
            "Stratified splits need the labels.", received="y=None", remedy="Pass split(X, y)."
        )
    targets = as_targets(y)
    if X is not None:
        check_same_rows("X", n_rows_of("X", X), targets.n_rows)
    if groups is None:
        return targets, None
    return targets, group_codes(groups, targets.n_rows)


def check_same_rows(argument: str, n_rows: int, n_labelled: int) -> None:
    """Raises InvalidInput unless the argument has as many rows as y."""
    if n_rows != n_labelled:
        raise InvalidInput(
            f"`{argument}` and `y` have different numbers of rows.",
            received=f"{n_rows} rows in `{argument}` and {n_labelled} in `y`",
            remedy="Pass the same rows in the same order.",
        )


def n_rows_of(argument: str, array: Any) -> int:
    """Returns the number of rows of anything that has rows."""
    if isinstance(array, Targets):
        return array.n_rows
    shape = getattr(array, "shape", None)
    if shape is not None and len(shape) > 0:
        return int(shape[0])
    if shape is None and not isinstance(array, (str, bytes, Mapping, set, frozenset)):
        try:
            return len(array)
        except TypeError:
            pass
    raise InvalidInput(
        f"`{argument}` must have rows: an array, a sparse matrix, a data frame or a list.",
        received=f"{type(array).__name__}",
        remedy="Pass several inputs as several arrays."
        if isinstance(array, Mapping)
        else "Convert it with numpy.asarray first.",
    )


def group_codes(groups: Any, n_rows: int) -> NDArray[np.int64]:
    """Returns the groups (any hashable names) as codes 0 … G−1 in order of their first row."""
    check_same_rows("groups", n_rows_of("groups", groups), n_rows)
    names = groups.tolist() if hasattr(groups, "tolist") else list(groups)
    codes: dict[Any, int] = {}
    found = np.empty(n_rows, np.int64)
    for row, name in enumerate(names):
        missing = name is None or type(name).__name__ in ("NAType", "NaTType")
        if missing or (isinstance(name, float) and np.isnan(name)):
            raise InvalidInput(
                "`groups` must name the group of every row.",
                received=f"{name!r} in row {row}",
                remedy="Give rows that belong to no group a name of their own each.",
            )
        try:
            found[row] = codes.setdefault(name, len(codes))
        except TypeError as error:
            raise InvalidInput(
                "`groups` must hold one number or name a row.",
                received=f"{name!r} in row {row}",
                remedy="Pass a 1-D list or array.",
            ) from error
    return found


def check_enough(n_parts: int, targets: Targets, groups: NDArray[np.int64] | None) -> None:
    """Raises InvalidInput unless every part can have a row, and a group."""
    if targets.n_rows < n_parts:
        raise InvalidInput(
            f"{n_parts} parts need at least {n_parts} rows.",
            received=f"{targets.n_rows} rows",
            remedy="Ask for fewer parts, or pass more rows.",
        )
    if groups is not None and groups.max() + 1 < n_parts:
        raise InvalidInput(
            f"{n_parts} parts need at least {n_parts} groups, for no group is divided.",
            received=f"{groups.max() + 1} groups",
            remedy="Ask for fewer parts, or group the rows more finely.",
        )


def check_seed(random_state: Any) -> None:
    """Raises InvalidInput unless `generator` can use `random_state`."""
    if random_state is None or isinstance(
        random_state, (np.random.Generator, np.random.RandomState)
    ):
        return
    check_integer("random_state", random_state, minimum=0)


def generator(random_state: Any) -> np.random.Generator:
    """Returns a generator: a new one for a seed, fresh entropy for None, a Generator itself."""
    check_seed(random_state)
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(int(random_state.randint(2**31 - 1)))
    return np.random.default_rng(random_state)

"""The exceptions of equipoise, and the checks that raise them.

    EquipoiseError
    ├── InvalidInput (ValueError)          an argument that cannot be what was meant
    │   └── InvalidFile                    a file that cannot be read as asked
    ├── Undefined (ValueError)             a quantity that does not exist for this data
    └── MissingDependency (ImportError)    an optional package that is not installed

    EquipoiseWarning (UserWarning)         the work went on, but you should know

Every error says what is wrong, what was received, and what to do about it.
"""

import difflib
import importlib
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray


class EquipoiseError(Exception):
    """Base of all errors raised by equipoise.

    Args:
        problem: what is wrong, one sentence.
        received: what was received, shown after "Received:".
        remedy: what to do about it, one sentence.
    """

    def __init__(self, problem: str, *, received: object = None, remedy: str | None = None):
        self.problem = problem
        self.received = received
        self.remedy = remedy
        parts = [problem]
        if received is not None:
            parts.append(f"Received: {received}.")
        if remedy is not None:
            parts.append(remedy)
        super().__init__(" ".join(parts))


class InvalidInput(EquipoiseError, ValueError):
    """An argument that cannot be what was meant."""


class InvalidFile(InvalidInput):
    """A file that cannot be read as asked; the message names the file and the place in it."""


class Undefined(EquipoiseError, ValueError):
    """A quantity that does not exist for this data."""


class MissingDependency(EquipoiseError, ImportError):
    """An optional package that is not installed."""


class EquipoiseWarning(UserWarning):
    """The work went on, but you should know."""


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Returns "Did you mean ...? " with the closest known name, or the known names."""
    names = [str(k) for k in known]
    close = difflib.get_close_matches(str(name), names, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {shown_list(names)}."


def shown_list(names: Sequence[object], limit: int = 8) -> str:
    """Returns the names joined by commas, cut after `limit` of them."""
    shown = ", ".join(repr(n) if isinstance(n, str) else str(n) for n in names[:limit])
    rest = len(names) - limit
    return f"{shown} and {rest} more" if rest > 0 else shown


def check_choice(argument: str, value: object, choices: Sequence[object]) -> None:
    """Raises InvalidInput unless `value` is one of `choices`."""
    if not any(type(value) is type(c) and value == c for c in choices):
        raise InvalidInput(
            f"`{argument}` must be one of {shown_list(choices, 20)}.",
            received=repr(value),
            remedy=did_you_mean(value, choices) if isinstance(value, str) else None,
        )


def check_number(
    argument: str,
    value: object,
    *,
    minimum: float = -np.inf,
    maximum: float = np.inf,
    open_minimum: bool = False,
    open_maximum: bool = False,
) -> float:
    """Returns `value` as a float, or raises InvalidInput unless it is a number in the range."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, (bool, np.bool_)
    )
    inside = (
        number
        and (minimum < value if open_minimum else minimum <= value)  # type: ignore[operator]
        and (value < maximum if open_maximum else value <= maximum)  # type: ignore[operator]
    )
    if not inside:
        left = "(" if open_minimum or minimum == -np.inf else "["
        right = ")" if open_maximum or maximum == np.inf else "]"
        raise InvalidInput(
            f"`{argument}` must be a number in {left}{minimum:g}, {maximum:g}{right}.",
            received=repr(value),
        )
    return float(value)  # type: ignore[arg-type]


def check_integer(argument: str, value: object, *, minimum: int | None = None) -> int:
    """Returns `value` as an int, or raises InvalidInput unless it is a whole number ≥ minimum."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_))
    if not whole or (minimum is not None and value < minimum):  # type: ignore[operator]
        wanted = "a whole number" if minimum is None else f"a whole number of at least {minimum}"
        raise InvalidInput(f"`{argument}` must be {wanted}.", received=repr(value))
    return int(value)  # type: ignore[call-overload]


def check_numbers(argument: str, values: Any) -> NDArray[np.float64]:
    """Returns `values` as an array of numbers, or raises InvalidInput where they are none."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{argument}` must hold numbers.", received=type(values).__name__
        ) from error


def check_names(
    argument: str, names: Iterable[object], n_labels: int | None = None
) -> tuple[str, ...]:
    """Returns the names as a tuple of strings; refuses duplicates, a wrong number, and no text."""
    if isinstance(names, (str, bytes)):
        raise InvalidInput(
            f"`{argument}` must be a list of names, one per label.",
            received=repr(names),
            remedy=f"Pass [{names!r}] for a single label.",
        )
    checked = tuple(str(n) for n in names)
    broken = [n for n in checked if not _is_text(n)]
    if broken:
        raise InvalidInput(
            f"`{argument}` holds halves of characters, which no file can hold.",
            received=ascii(broken[:3]),
            remedy="Decode the names by the encoding that they were written in.",
        )
    if len(set(checked)) != len(checked):
        twice = sorted({n for n in checked if checked.count(n) > 1})
        raise InvalidInput(
            f"`{argument}` holds the same name more than once.",
            received=shown_list(twice),
            remedy="Give every label a name of its own.",
        )
    if n_labels is not None and len(checked) != n_labels:
        raise InvalidInput(
            f"`{argument}` has {len(checked)} names but there are {n_labels} labels.",
            received=shown_list(checked),
            remedy="Give exactly one name per label, in the order of the columns.",
        )
    return checked


def _is_text(name: str) -> bool:
    """Whether a name is without surrogates, as undecodable bytes become."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def require(module: str, *, extra: str, purpose: str) -> ModuleType:
    """Imports and returns an optional module, or raises MissingDependency with the remedy."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingDependency(
            f"{purpose} needs the package {module.split('.')[0]!r}, which is not installed.",
            remedy=f"Install it with: pip install 'equipoise[{extra}]'.",
        ) from error

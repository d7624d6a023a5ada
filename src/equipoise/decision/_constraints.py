"""Constraints on decisions: at least so precise, at most so many alerts, so many labels a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer, did_you_mean

Float = NDArray[np.float64]

LIMITS = {
    "precision": (0.0, 1.0),  # at least
    "recall": (0.0, 1.0),  # at least
    "alerts_per_thousand": (0.0, 1000.0),  # at most, of a label's known cells
}
ROW_LIMIT = "labels_per_row"  # at most, those with the highest scores

_SLACK = 1e-12
_ROWS = 4096  # ranked at a time


@dataclass(frozen=True)
class Constraints:
    """What decisions must keep to.

    Attributes:
        limits: (L,) of each of LIMITS that is given; NaN where a label has none.
        labels_per_row: at most so many labels a row, or None.
    """

    limits: Mapping[str, Float] = field(default_factory=dict)
    labels_per_row: int | None = None

    def allowed(
        self, tp: Any, fp: Any, positive: Any, negative: Any, label: int, *, recall: bool = True
    ) -> NDArray[np.bool_]:
        """Returns which decisions on a label meet every limit; `recall=False` leaves that out."""
        said = tp + fp
        allowed = np.ones(said.shape, dtype=np.bool_)
        for name, limit in self.limits.items():
            bound = float(limit[label])
            if np.isnan(bound) or (name == "recall" and not recall):
                continue
            if name == "precision":
                allowed &= tp >= (bound - _SLACK) * said
            elif name == "recall":
                allowed &= tp >= (bound - _SLACK) * positive
            else:
                allowed &= said * 1000 <= (bound + _SLACK) * (positive + negative)
        return allowed

    def demands_recall(self, label: int) -> bool:
        """Whether predicting nothing breaks the constraints of this label."""
        return "recall" in self.limits and bool(self.limits["recall"][label] > 0)


def constraints(given: Mapping[str, Any] | None, names: tuple[str, ...]) -> Constraints:
    """Reads what the user gave: numbers, one per label, or by label name."""
    if given is None:
        return Constraints()
    known = [*LIMITS, ROW_LIMIT]
    if not isinstance(given, Mapping) or not given:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(
            "`constraint` must name what to keep to.",
            received=repr(given),
            remedy=f"For instance {{'precision': 0.9}}; there are {', '.join(known)}.",
        )
    for name in given:
        if name not in known:
            raise InvalidInput(
                f"`constraint` names {name!r}, which does not exist.",
                remedy=did_you_mean(name, known),
            )
    row_limit = given.get(ROW_LIMIT)
    if row_limit is not None:
        row_limit = check_integer(f"constraint[{ROW_LIMIT!r}]", row_limit, minimum=1)
    limits = {name: _per_label(name, given[name], names) for name in LIMITS if name in given}
    return Constraints(limits, row_limit)


def _per_label(name: str, limit: Any, names: tuple[str, ...]) -> Float:
    argument = f"constraint[{name!r}]"
    if isinstance(limit, Mapping):
        known = set(names)
        for label in limit:  # pyright: ignore[reportUnknownVariableType]
            if label not in known:
                raise InvalidInput(
                    f"`{argument}` names the label {label!r}, which does not exist.",
                    remedy=did_you_mean(label, names),  # pyright: ignore
                )
        _numbers(argument, list(limit.values()))  # pyright: ignore
        given = np.array([limit.get(label, np.nan) for label in names])  # pyright: ignore
        given = given.astype(np.float64)
    else:
        given = _numbers(argument, limit)
        if given.shape not in ((), (len(names),)):
            raise InvalidInput(
                f"`{argument}` must be a number, one per label, or numbers by label name.",
                received=f"shape {given.shape} for {len(names)} labels",
            )
    low, high = LIMITS[name]
    if (given < low).any() or (given > high).any():
        raise InvalidInput(
            f"`{argument}` must lie between {low:g} and {high:g}.", received=f"{limit!r}"
        )
    return np.array(np.broadcast_to(given, (len(names),)))


def _numbers(argument: str, limit: Any) -> Float:
    try:
        numbers = np.array(limit, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"`{argument}` must hold numbers.", received=repr(limit)) from error
    if np.isnan(numbers).any():
        raise InvalidInput(
            f"`{argument}` holds NaN.",
            remedy="Name the labels that have a limit: {'label': limit}; the others have none.",
        )
    return numbers


def highest_of_rows(scores: NDArray[Any], most: int) -> NDArray[np.bool_]:
    """Returns which cells are among the `most` highest of their row; of equal ones the first."""
    chosen = np.zeros(scores.shape, dtype=np.bool_)
    if most >= scores.shape[-1]:
        chosen[:] = True
        return chosen
    flat, out = scores.reshape(-1, scores.shape[-1]), chosen.reshape(-1, scores.shape[-1])
    for start in range(0, len(flat), _ROWS):
        rows = flat[start : start + _ROWS]
        order = np.argsort(-rows, axis=1, kind="stable")[:, :most]
        np.put_along_axis(out[start : start + _ROWS], order, True, axis=1)
    return chosen

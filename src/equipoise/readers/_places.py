"""Places in files and frames, and one form for errors about them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from equipoise._errors import InvalidFile, InvalidInput

# What is read: a file, or in words what a caller holds in memory.
Origin = Path | str


@dataclass(frozen=True)
class Place:
    """Where a row of the data set came from.

    Attributes:
        origin: the file or frame.
        line: its line in a text file, from 1.
        row: its row in any other file or in a frame, from 0.
    """

    origin: Origin
    line: int | None = None
    row: int | None = None


# Row of the data set, from 0 → where it came from.
Locate = Callable[[int], Place]


def located(counts: Sequence[int], place: Callable[[int, int], Place]) -> Locate:
    """Returns where the rows of several files are that stand one below the other.

    Args:
        counts: how many rows each file has; may grow while they are read.
        place: number of a file, and a row of it from 0 → where that is.
    """

    def locate(row: int) -> Place:
        for i, count in enumerate(counts):
            if row < count:
                return place(i, row)
            row -= count
        raise IndexError(row)

    return locate


def fault(
    at: Origin | Place,
    problem: str,
    *,
    line: int | None = None,
    column: str | None = None,
    received: object = None,
    remedy: str | None = None,
) -> InvalidInput:
    """Returns the error that something is wrong at a place: InvalidFile if it is in a file."""
    place = at if isinstance(at, Place) else Place(at, line)
    text = shown_origin(place.origin)
    if place.line is not None:
        text += f", line {place.line}"
    if place.row is not None:
        text += f", row {place.row} (from 0)"
    if column is not None:
        text += f", column {column!r}"
    kind = InvalidFile if isinstance(place.origin, Path) else InvalidInput
    return kind(f"{text}: {problem}", received=received, remedy=remedy)


def shown_origin(origin: Origin) -> str:
    """Returns a file's path in quotes, or the words for what is in memory as they are."""
    return repr(str(origin)) if isinstance(origin, Path) else origin


def shown_value(value: str, limit: int = 60) -> str:
    """Returns the value in quotes, cut if it is long."""
    return repr(value if len(value) <= limit else value[:limit] + "…")

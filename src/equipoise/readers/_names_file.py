"""Text files that name labels: one name a line, or an id and its name."""

from __future__ import annotations

import re
from pathlib import Path

from equipoise._errors import InvalidFile
from equipoise.readers._bytes import encoding_of, open_bytes
from equipoise.readers._places import fault, shown_value

_ID_AND_NAME = re.compile(r"\s*(-?\d+)\s*,(.*)$")


def read_names(path: Path) -> tuple[str, ...] | dict[str, str]:
    """Returns the names in a file, or {id: name}.

    Every line holds a name; or every line holds an id, a tab, and a name; or a number, a comma,
    and a name. Without ids the names count from 0.

    Raises:
        InvalidFile: no such file, a line without a name, a name or an id twice.
    """
    lines = _lines(path)
    pairs = _pairs(path, lines)
    names = lines if pairs is None else [name for _, name in pairs]
    for number, name in enumerate(names, start=1):
        if not name:
            raise fault(
                path,
                "the line holds no name.",
                line=number,
                remedy="Write one name in every line, without empty lines between them.",
            )
    _check_distinct(path, "name", names)
    if pairs is None:
        return tuple(names)
    ids = [label for label, _ in pairs]
    _check_distinct(path, "id", ids)
    return dict(pairs)


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise InvalidFile(
            f"Cannot read the file of `label_names` {str(path)!r}: "
            f"{getattr(error, 'strerror', None) or error}.",
            remedy="Check the path; or pass the names themselves as a list, or {id: name}.",
        ) from error
    encoding = encoding_of(path)
    with open_bytes(path) as file:
        text = file.read().decode(encoding)
    # Not splitlines(), which also cuts at characters that a name may hold.
    lines = [line.strip(" ") for line in re.split(r"\r\n|\n|\r", text.rstrip("\r\n "))]
    if lines == [""]:
        raise fault(path, "names no label.", remedy="Write one name in every line.")
    return lines


def _pairs(path: Path, lines: list[str]) -> list[tuple[str, str]] | None:
    """Ids and names if the lines hold both, else None."""
    # No name holds a tab; some names begin with a number and a comma.
    for split, most_names in ((_split_at_tab, 1.0), (_split_at_comma, 0.5)):
        pairs = [split(line) for line in lines]
        other = [i for i, pair in enumerate(pairs) if pair is None]
        if len(other) == 0:
            return [pair for pair in pairs if pair is not None]
        if len(other) < most_names * len(lines):
            raise fault(
                path,
                "the line does not hold an id and a name, as others do.",
                line=other[0] + 1,
                received=shown_value(lines[other[0]]),
                remedy="Write an id, a tab and a name in every line, or only names.",
            )
    return None


def _split_at_tab(line: str) -> tuple[str, str] | None:
    label, tab, name = line.partition("\t")
    return (label.strip(), name.strip()) if tab else None


def _split_at_comma(line: str) -> tuple[str, str] | None:
    match = _ID_AND_NAME.match(line)
    return (match[1], match[2].strip()) if match else None


def _check_distinct(path: Path, what: str, values: list[str]) -> None:
    first: dict[str, int] = {}
    for number, value in enumerate(values, start=1):
        earlier = first.setdefault(value, number)
        if earlier != number:
            raise fault(
                path,
                f"the {what} {value!r} is already that of line {earlier}.",
                line=number,
                remedy=f"Give every label {'a name' if what == 'name' else 'an id'} of its own.",
            )

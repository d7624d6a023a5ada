"""Text files: one form for errors about a place in a file, and the encoding of a file."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from equipoise._errors import InvalidFile

# Row of the data set, from 0 → the file it is in, and its line there (from 1).
Locate = Callable[[int], tuple[Path, int]]

_CHUNK = 1 << 20
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def fault(
    path: Path,
    problem: str,
    *,
    line: int | None = None,
    column: str | None = None,
    received: object = None,
    remedy: str | None = None,
) -> InvalidFile:
    """Returns the error that something is wrong at a place in a file."""
    place = repr(str(path))
    if line is not None:
        place += f", line {line}"
    if column is not None:
        place += f", column {column!r}"
    return InvalidFile(f"{place}: {problem}", received=received, remedy=remedy)


def shown_value(value: str, limit: int = 60) -> str:
    """Returns the value in quotes, cut if it is long."""
    return repr(value if len(value) <= limit else value[:limit] + "…")


def encoding_of(path: Path) -> Literal["utf-8-sig", "latin-1"]:
    """Returns UTF-8 if the whole file is, else Latin-1; refuses binary files."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = True
    with path.open("rb") as file:
        first = True
        while chunk := file.read(_CHUNK):
            check_is_text(path, chunk, first)
            first = False
            if utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    return "utf-8-sig" if utf8 else "latin-1"


def check_is_text(path: Path, chunk: bytes, first: bool = True) -> None:
    """Raises InvalidFile if part of a file cannot be of a text in UTF-8 or Latin-1."""
    if first and chunk.startswith(_UTF16):
        raise fault(path, "is UTF-16 text.", remedy="Save the file as UTF-8.")
    if b"\0" in chunk:
        raise fault(
            path,
            "holds null bytes, so it is not a text file.",
            remedy="Check the file's format; if it is UTF-16 text, save it as UTF-8.",
        )

"""Paths of data files: their format by suffix, and files that cannot be read at all."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from equipoise._errors import InvalidFile, InvalidInput, did_you_mean, shown_list
from equipoise.readers._bytes import COMPRESSED

StrPath = str | os.PathLike[str]


def format_suffix(path: Path) -> str:
    """Returns the suffix that tells the format, in lower case.

    Examples:
        >>> format_suffix(Path("scene.CSV.gz"))
        '.csv'
    """
    return Path(_without_compression(path)).suffix.lower()


def is_compressed(path: Path) -> bool:
    """Whether the last suffix says that the file is compressed."""
    return path.suffix.lower() in COMPRESSED


def stem_of(path: Path) -> str:
    """Returns the name of a file without the suffixes that tell its format.

    Examples:
        >>> stem_of(Path("data/scene.csv.gz"))
        'scene'
    """
    stem = Path(_without_compression(path)).stem
    # A name in another encoding is no text; a report, or a bundle, could not be written with it.
    return os.fsencode(stem).decode("utf-8", "replace")


def checked_paths(path_or_paths: StrPath | Sequence[StrPath], known: Collection[str]) -> list[Path]:
    """Returns the paths of readable files.

    Args:
        path_or_paths: one path or several.
        known: the suffixes of the formats, to name other files in errors.

    Raises:
        InvalidFile: a file that is not there, empty, or a folder.
        InvalidInput: no path at all, or one twice.
    """
    if isinstance(path_or_paths, (str, os.PathLike)):
        path_or_paths = [path_or_paths]
    elif hasattr(path_or_paths, "columns"):  # iterating over a frame gives names
        raise InvalidInput(
            "`path_or_paths` must be a path or a list of paths.",
            received=type(path_or_paths).__name__,
            remedy="For a data frame in memory use from_frame.",
        )
    try:
        paths = [Path(path) for path in path_or_paths]
    except TypeError as error:
        raise InvalidInput(
            "`path_or_paths` must be a path or a list of paths.", received=repr(path_or_paths)
        ) from error
    if not paths:
        raise InvalidInput("`path_or_paths` names no file.", received=repr(path_or_paths))
    if len(set(paths)) < len(paths):
        raise InvalidInput(
            "`path_or_paths` names a file twice.", received=shown_list([str(p) for p in paths])
        )
    for path in paths:
        _check_file(path, known)
    return paths


def _without_compression(path: Path) -> str:
    return path.stem if is_compressed(path) else path.name


def _check_file(path: Path, known: Collection[str]) -> None:
    if path.is_dir():
        inside = _data_files(path, known)
        raise InvalidFile(
            f"{str(path)!r} is a folder.",
            remedy=f"Name files in it, such as {shown_list(inside, 3)}."
            if inside
            else "Name a file.",
        )
    try:
        with path.open("rb") as file:
            first = file.read(1)
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise InvalidFile(
            f"Cannot read {str(path)!r}: {getattr(error, 'strerror', None) or error}.",
            remedy=_neighbours(path, known),
        ) from error
    if not first:
        raise InvalidFile(f"{str(path)!r} is empty.", remedy="Check how the file was made.")


def _neighbours(path: Path, known: Collection[str]) -> str:
    """A remedy for a file that is not there: the file of a similar name beside it."""
    try:
        names = _data_files(path.parent, known)
    except (OSError, ValueError):
        return "Check the folder's name."
    return did_you_mean(path.name, names) if names else "Check the path."


def _data_files(folder: Path, known: Collection[str]) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if format_suffix(path) in known)

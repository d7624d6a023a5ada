"""Readers: a file of rows and labels → one `Dataset`. One module per format, chosen by suffix."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from equipoise._errors import InvalidFile, InvalidInput, did_you_mean, shown_list
from equipoise.readers._labels import Request
from equipoise.readers.dataset import Dataset

__all__ = ["Dataset", "read"]

StrPath = str | os.PathLike[str]

# Suffix → module of this package that reads it: `read(paths, request) -> Dataset`.
_READERS = {
    ".arff": "arff",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
}

# What each module understands beside `labels`, `label_names`, `ignore` and `groups`.
_OPTIONS = {
    "arff": frozenset[str](),
    "csv": frozenset({"labels_column", "delimiter", "separator", "header", "quoting"}),
}


def read(
    path_or_paths: StrPath | Sequence[StrPath],
    labels: StrPath | Iterable[str] | None = None,
    *,
    labels_column: str | int | None = None,
    delimiter: str | None = None,
    separator: str | None = None,
    label_names: Iterable[object] | Mapping[object, object] | None = None,
    header: bool = True,
    quoting: bool = True,
    ignore: str | Iterable[str] = (),
    groups: str | None = None,
) -> Dataset:
    """Reads one file, or several files of the same set one below the other.

    | suffix | format |
    |---|---|
    | .arff | ARFF of Mulan, MEKA and Weka, dense or sparse |
    | .csv; .tsv, .tab, .txt | table with "," or tab between the cells, UTF-8 |

    Every column that is neither a label, nor `groups`, nor in `ignore`, is a feature, and must be
    numeric or true/false. An empty cell, NaN, NA, N/A, null, None and ? are missing: NaN in a
    feature, unknown in a 0/1 label column. Infinite features are refused.

    ARFF: nominal attributes {0, 1} are numbers; other two-valued ones become 0/1, where 1 is yes
    or true if the values say so (in either order), else the second value; more values become
    columns "attribute=value". `x` is sparse where the rows are, and where such columns are many.
    Without `labels`, the Mulan XML of the same name beside the file is used, else MEKA's "-C" in
    the relation name.

    Not for free text, dates or categories in CSV: encode them first.

    Args:
        path_or_paths: one path, or several paths of files with the same columns.
        labels: the 0/1 label columns: a Mulan XML file, a list of names, or names and globs
            separated by commas ("lab_*", "a,b,c"). A list gives the order of the labels, an XML
            file or a glob keeps that of the columns.
        labels_column: instead of `labels`, the one column that holds the labels of the row; a
            number counts columns from 0.
        delimiter: what separates the labels in a cell of `labels_column`; an empty cell has
            none. Without it every cell is one class, and an empty cell an unknown one.
        separator: one character between cells, where the suffix does not tell.
        label_names: new names of the 0/1 label columns, in their order; or all labels that
            `labels_column` may hold, or, if its cells hold numbers, the names these count from 0.
            A mapping renames, {name in the file: new name}.
        header: whether the first line names the columns; else they are column_1, column_2, ….
        quoting: whether cells may be in double quotes; False reads quotes as any character.
        ignore: columns to leave out, named as in `labels`.
        groups: a column that says which rows belong together; kept as `.groups`, not a feature.

    Raises:
        InvalidFile: the file cannot be read as asked; says the line and column where it can.
        InvalidInput: arguments that contradict each other.

    Examples:
        >>> import tempfile, pathlib
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "films.csv"
        >>> rows = ["length,year,tags", "95,1999,action|drama", "120,2004,", "88,,drama"]
        >>> _ = path.write_text("\\n".join(rows))
        >>> films = read(path, labels_column="tags", delimiter="|")
        >>> films
        Dataset('films': 3 rows, 2 features (dense), 2 labels 'action', 'drama')
        >>> films.x
        array([[  95., 1999.],
               [ 120., 2004.],
               [  88.,   nan]], dtype=float32)
        >>> films.targets.to_array()
        array([[1., 1.],
               [0., 0.],
               [0., 1.]], dtype=float32)
    """
    paths = _checked_paths(path_or_paths)
    reader = _reader_of(paths)
    request = Request.checked(
        labels=labels,
        labels_column=labels_column,
        delimiter=delimiter,
        separator=separator,
        label_names=label_names,
        header=header,
        quoting=quoting,
        ignore=ignore,
        groups=groups,
    )
    refused = sorted(request.given() - _OPTIONS[reader])
    if refused:
        raise InvalidInput(
            f"`{refused[0]}` does not apply to {paths[0].suffix.lower()} files.",
            received=repr(str(paths[0])),
            remedy=f"Leave `{refused[0]}` out; this format says so itself.",
        )
    module = importlib.import_module(f"equipoise.readers.{reader}")
    dataset: Dataset = module.read(paths, request)
    return dataset


def _checked_paths(path_or_paths: StrPath | Sequence[StrPath]) -> list[Path]:
    """Returns the paths of readable files."""
    if isinstance(path_or_paths, (str, os.PathLike)):
        path_or_paths = [path_or_paths]
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
        _check_file(path)
    return paths


def _check_file(path: Path) -> None:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix.lower() in _READERS)
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
            remedy=_neighbours(path),
        ) from error
    if not first:
        raise InvalidFile(f"{str(path)!r} is empty.", remedy="Check how the file was made.")


def _neighbours(path: Path) -> str:
    """A remedy for a file that is not there: the file of a similar name beside it."""
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in _READERS)
    except (OSError, ValueError):
        return "Check the folder's name."
    return did_you_mean(path.name, names) if names else "Check the path."


def _reader_of(paths: Sequence[Path]) -> str:
    known = ", ".join(_READERS)
    for path in paths:
        if path.suffix.lower() not in _READERS:
            compressed = path.suffix.lower() in (".gz", ".bz2", ".zst", ".xz", ".zip")
            raise InvalidFile(
                f"{str(path)!r} has no suffix of a known format.",
                received=repr(path.suffix),
                remedy="Decompress the file first."
                if compressed
                else f"Rename the file to its format: {known}.",
            )
    readers = {_READERS[path.suffix.lower()] for path in paths}
    if len(readers) > 1:
        raise InvalidInput(
            "The files are of different formats.",
            received=shown_list([path.name for path in paths]),
            remedy="Read them one by one.",
        )
    return readers.pop()

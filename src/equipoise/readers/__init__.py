"""Readers: a file of rows and labels → one `Dataset`. One module per format, chosen by suffix."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from equipoise._errors import InvalidFile, InvalidInput, shown_list
from equipoise.readers._paths import StrPath, checked_paths, format_suffix, is_compressed
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset, name_of

__all__ = ["Dataset", "from_frame", "read", "read_train_test"]

# Suffix → module of this package that reads it: `read(paths, request) -> Dataset, rows per file`.
_READERS = {
    ".arff": "arff",
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".ipc": "arrow",
    ".svm": "libsvm",
    ".libsvm": "libsvm",
    ".npz": "npz",
}

# Those whose files may also be compressed, with .gz, .bz2, .xz or .zst after their own suffix.
_TEXT = frozenset({"arff", "csv", "libsvm"})

# What each module understands beside `label_names`, `ignore` and `groups`.
_COLUMNS = frozenset({"labels", "labels_column", "delimiter", "mixed"})
_OPTIONS = {
    "arff": frozenset({"labels"}),
    "csv": _COLUMNS | {"separator", "header", "quoting"},
    "parquet": _COLUMNS,
    "arrow": _COLUMNS,
    "libsvm": frozenset[str](),
    "npz": frozenset[str](),
}


def read(
    path_or_paths: StrPath | Sequence[StrPath],
    labels: StrPath | Iterable[str] | None = None,
    *,
    labels_column: str | int | None = None,
    delimiter: str | None = None,
    separator: str | None = None,
    label_names: Iterable[object] | Mapping[object, object] | StrPath | None = None,
    header: bool = True,
    quoting: bool = True,
    ignore: str | Iterable[str] = (),
    groups: str | None = None,
    mixed: bool = False,
) -> Dataset:
    """Reads one file, or several files of the same set one below the other.

    | suffix | format |
    |---|---|
    | .arff | ARFF of Mulan, MEKA and Weka, dense or sparse |
    | .csv; .tsv, .tab, .txt | table with "," or tab between the cells, UTF-8 |
    | .parquet, .pq | Parquet table |
    | .arrow, .feather, .ipc | Arrow table: Feather 2, an IPC file or an IPC stream |
    | .svm, .libsvm | "label,label index:value …" in every row, sparse |
    | .npz | arrays `x` (or `X`), `y`, and optional names and groups; no pickles |

    Text (ARFF, CSV and the like, libsvm) may also be compressed: table.csv.gz, .bz2, .xz or .zst.

    *Tables* (CSV, Parquet, Arrow): every column that is neither a label, nor `groups`, nor in
    `ignore`, is a feature, and must be numeric or true/false, unless the table is `mixed`. An
    empty cell, NaN, NA, N/A, null, None and ? are missing: NaN in a feature, unknown in a 0/1
    label column. Infinite features are refused.

    *ARFF*: nominal attributes {0, 1} are numbers; other two-valued ones become 0/1, where 1 is
    yes or true if the values say so (in either order), else the second value; more values become
    columns "attribute=value". `x` is sparse where the rows are, and where such columns are many.
    Without `labels`, the Mulan XML of the same name beside the file is used, else MEKA's "-C" in
    the relation name.

    *libsvm*: a first line "rows features labels" (of the extreme classification repository) is
    understood: indices and labels then count from 0, and labels without a row exist as well.
    Without it the labels are those that occur, and the features begin at index 0 if that occurs,
    else at 1. Where no row has a comma between labels, or none at all, every row has one class.
    Features are named "feature_<index>", labels by their ids; `groups="qid"` keeps query ids.

    *NPZ*: `y` is an (N, L) matrix of 0/1 or (N,) classes. A sparse matrix is stored as its parts
    x_data, x_indices, x_indptr and x_shape (as those of a CSR array are called), `y` likewise.
    Optional arrays are `feature_names`, `label_names` and `groups`.

    Args:
        path_or_paths: one path, or several paths of files with the same columns.
        labels: the 0/1 label columns: a Mulan XML file, a list of names, or names and globs
            separated by commas ("lab_*", "a,b,c"). A list gives the order of the labels, an XML
            file or a glob keeps that of the columns.
        labels_column: instead of `labels`, the one column that holds the labels of the row, as
            text or as a list; a number counts columns from 0.
        delimiter: what separates the labels in a cell of `labels_column`; an empty cell has
            none. Without it every cell is one class, and an empty cell an unknown one.
        separator: one character between cells, where the suffix does not tell.
        label_names: new names of the 0/1 label columns, in their order; or all labels that
            `labels_column` may hold, or, if its cells hold numbers, the names these count from 0.
            A mapping renames, {name in the file: new name}. Or the path of a text file with one
            name a line, or with an id, a tab (or after a number a comma) and its name a line.
        header: whether the first line names the columns; else they are column_1, column_2, ….
        quoting: whether cells may be in double quotes; False reads quotes as any character.
        ignore: columns to leave out, named as in `labels`.
        groups: a column that says which rows belong together; kept as `.groups`, not a feature.
            Of an NPZ file, the array that holds them if it is not `groups`.
        mixed: whether columns of text, categories and dates are features too. Then `x` is a
            data frame, which `equipoise.readers.tables.table_encoder` turns into numbers, fitted
            on the training part only.

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
        mixed=mixed,
    )
    dataset, _ = _read(checked_paths(path_or_paths, _READERS), request)
    return dataset


def read_train_test(
    train: StrPath | Sequence[StrPath],
    test: StrPath | Sequence[StrPath],
    labels: StrPath | Iterable[str] | None = None,
    **options: Any,
) -> tuple[Dataset, Dataset]:
    """Reads training and test rows from files of their own, with the same features and labels.

    Columns of the test files are matched with those of the training files by name, in any order.
    Both data sets have the labels, and the values of nominal attributes, of either. Columns that
    `ignore` names need not be in both.

    Not for a test file without its labels: read the training file alone.

    Args:
        train: one path, or several paths, of the training rows.
        test: likewise of the test rows, in the same format.
        labels: the 0/1 label columns, as in `read`.
        **options: the other arguments of `read`.

    Raises:
        InvalidFile: a column that only one of the files has, or what `read` raises.
        InvalidInput: arguments that contradict each other.

    Examples:
        >>> import tempfile, pathlib
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "train.csv").write_text("a,b,tag\\n1,2,x\\n3,4,y\\n5,6,x\\n")
        >>> _ = (folder / "test.csv").write_text("tag,b,a\\nz,20,10\\n")
        >>> train, test = read_train_test(
        ...     folder / "train.csv", folder / "test.csv", labels_column="tag"
        ... )
        >>> test
        Dataset('test': 1 rows, 2 features (dense), 3 labels 'x', 'y', 'z')
        >>> test.x
        array([[10., 20.]], dtype=float32)
    """
    train_paths = checked_paths(train, _READERS)
    test_paths = checked_paths(test, _READERS)
    both = {path.resolve() for path in train_paths} & {path.resolve() for path in test_paths}
    if both:
        raise InvalidInput(
            "A file is both in `train` and in `test`.",
            received=shown_list(sorted(map(str, both))),
            remedy="Test rows must not be training rows; split one file with train_test_split.",
        )
    request = Request.checked(labels, **_known_options(options))
    request = replace(request, n_train=len(train_paths))
    dataset, counts = _read([*train_paths, *test_paths], request)
    n_train = sum(counts[: len(train_paths)])
    return (
        replace(dataset.between(0, n_train), name=name_of(train_paths)),
        replace(dataset.between(n_train, dataset.n_rows), name=name_of(test_paths)),
    )


def from_frame(
    frame: Any,
    labels: StrPath | Iterable[str] | None = None,
    *,
    labels_column: str | int | None = None,
    delimiter: str | None = None,
    label_names: Iterable[object] | Mapping[object, object] | StrPath | None = None,
    ignore: str | Iterable[str] = (),
    groups: str | None = None,
    mixed: bool = False,
    name: str = "",
) -> Dataset:
    """Takes features and labels out of a data frame: pandas, polars, pyarrow or any Arrow table.

    Columns are read as those of a Parquet file are (see `read`). Columns of pandas whose names
    are no text go by `str(name)`; its index is no column.

    Not for a frame of features only: pass that to the classifier as it is.

    Args:
        frame: the table.
        labels: the 0/1 label columns, as in `read`.
        labels_column: instead of `labels`, the one column that holds the labels of the row.
        delimiter: what separates the labels in a cell of `labels_column`.
        label_names: names of the labels, as in `read`.
        ignore: columns to leave out, named as in `labels`.
        groups: a column that says which rows belong together.
        mixed: whether columns of text, categories and dates are features too, as in `read`.
        name: a short name of the data set.

    Raises:
        InvalidInput: no data frame, or one that cannot be read as asked.

    Examples:
        >>> import pandas as pd
        >>> films = pd.DataFrame({"length": [95, 120], "tags": [["action", "drama"], []]})
        >>> from_frame(films, labels_column="tags")
        Dataset('': 2 rows, 1 features (dense), 2 labels 'action', 'drama')
    """
    request = Request.checked(
        labels=labels,
        labels_column=labels_column,
        delimiter=delimiter,
        label_names=label_names,
        ignore=ignore,
        groups=groups,
        mixed=mixed,
    )
    from equipoise.readers.frame import take  # polars, which starts slowly

    return take(frame, request, name)


def _read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    reader = _reader_of(paths)
    refused = sorted(request.given() - _OPTIONS[reader])
    if refused:
        raise InvalidInput(
            f"`{refused[0]}` does not apply to {format_suffix(paths[0])} files.",
            received=repr(str(paths[0])),
            remedy=f"Leave `{refused[0]}` out; this format says so itself.",
        )
    module = importlib.import_module(f"equipoise.readers.{reader}")
    dataset, counts = module.read(paths, request)
    return dataset, counts


def _known_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of `read`; others are refused as Python would."""
    known = set(read.__kwdefaults__ or ())
    for option in options:
        if option not in known:
            raise TypeError(f"read_train_test() got an unexpected keyword argument {option!r}")
    return dict(options)


def _reader_of(paths: Sequence[Path]) -> str:
    for path in paths:
        suffix = format_suffix(path)
        if suffix not in _READERS:
            raise InvalidFile(
                f"{str(path)!r} has no suffix of a known format.",
                received=repr(path.suffix),
                remedy=_remedy(path),
            )
        if is_compressed(path) and _READERS[suffix] not in _TEXT:
            raise InvalidFile(
                f"{str(path)!r}: {suffix} files are not read compressed.",
                remedy="Decompress the file first; the format compresses what is in it.",
            )
    readers = {_READERS[format_suffix(path)] for path in paths}
    if len(readers) > 1:
        raise InvalidInput(
            "The files are of different formats.",
            received=shown_list([path.name for path in paths]),
            remedy="Read them one by one.",
        )
    return readers.pop()


def _remedy(path: Path) -> str:
    if path.suffix.lower() in (".zip", ".7z", ".rar", ".tar", ".tgz") or path.stem.endswith(".tar"):
        return "Unpack the archive first."
    if is_compressed(path):
        return f"Name the file by its format and compression, such as {path.stem}.csv{path.suffix}."
    return f"Rename the file to its format: {', '.join(_READERS)}."

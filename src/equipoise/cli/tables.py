"""Data sets written to files that the readers read back: CSV, Parquet and ARFF, whole or absent."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from scipy import sparse

from equipoise._errors import InvalidInput, check_names
from equipoise._files import check_writable, replaced_atomically, write_atomically
from equipoise.readers import Dataset

SUFFIXES = (".csv", ".parquet", ".arff")


def check_table(path: Path) -> None:
    """Raises unless `write_table` can write to this path.

    Raises:
        InvalidInput: a suffix that is none of the three.
        InvalidFile: a folder that does not exist or cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(
            "The suffix of a file says how it is written.",
            received=repr(path.name),
            remedy=f"End it in {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}.",
        )
    check_writable(path)


def write_table(path: Path, dataset: Dataset, groups_name: str | None = None) -> None:
    """Writes features, groups and labels, the labels last, by the suffix of the path.

    A label that is not known is an empty cell (null, `?`), and so is a missing feature.
    """
    if path.suffix.lower() == ".arff":
        write_atomically(path, arff_text(dataset))
        return
    frame = table_of(dataset, groups_name)
    if path.suffix.lower() == ".csv":
        write_atomically(path, frame.write_csv())
    else:
        with replaced_atomically(path) as temporary:
            frame.write_parquet(temporary)


def table_of(dataset: Dataset, groups_name: str | None = None) -> pl.DataFrame:
    """Returns the data set as one table."""
    groups = [groups_name] if groups_name is not None and dataset.groups is not None else []
    names = check_names(
        "the columns of the file",
        [*dataset.feature_names, *groups, *dataset.targets.label_names],
    )
    columns: dict[str, Any] = {}
    x: Any = dataset.x
    if sparse.issparse(x):
        x = x.tocsc()
    for place, name in enumerate(dataset.feature_names):
        if isinstance(x, pl.DataFrame):
            columns[name] = x[name]
            continue
        cells = x[:, place] if isinstance(x, np.ndarray) else x[:, [place]].toarray().ravel()
        columns[name] = pl.Series(name, cells).fill_nan(None)
    for name in groups:
        columns[name] = pl.Series(name, np.asarray(dataset.groups).tolist())
    labels = dataset.targets.to_array()
    for place, name in enumerate(dataset.targets.label_names):
        columns[name] = pl.Series(name, labels[:, place]).fill_nan(None).cast(pl.UInt8)
    return pl.DataFrame(columns).select(names)


def arff_text(dataset: Dataset) -> str:
    """Returns the data set in ARFF, sparse rows where its features are sparse."""
    x: Any = dataset.x
    if isinstance(x, pl.DataFrame):
        raise InvalidInput(
            "A table with text or dates cannot be written as ARFF.",
            received=f"columns of types {sorted({str(t) for t in x.dtypes})}",
            remedy="End the file name in .csv or .parquet.",
        )
    names = check_names(
        "the attributes of the file", [*dataset.feature_names, *dataset.targets.label_names]
    )
    n_features = len(dataset.feature_names)
    kinds = ["numeric"] * n_features + ["{0,1}"] * dataset.targets.n_labels
    header = [f"@relation {_quoted(dataset.name or 'data')}", ""]
    header += [f"@attribute {_quoted(n)} {kind}" for n, kind in zip(names, kinds, strict=True)]
    rows = _sparse_rows(dataset) if sparse.issparse(x) else _dense_rows(dataset)
    return "\n".join([*header, "", "@data", *rows, ""])


def _dense_rows(dataset: Dataset) -> list[str]:
    x: Any = dataset.x
    labels = dataset.targets.to_array()
    rows: list[str] = []
    for features, own in zip(x, labels, strict=True):
        cells = [_number(v) for v in features.tolist()]
        rows.append(",".join([*cells, *(_number(v) for v in own.tolist())]))
    return rows


def _sparse_rows(dataset: Dataset) -> list[str]:
    labels: Any = dataset.targets.to_sparse()
    cells = sparse.csr_array(labels.values, dtype=np.float32)
    if labels.unknown is not None:
        cells = cells + sparse.csr_array(labels.unknown, dtype=np.float32) * np.float32(np.nan)
    both: Any = sparse.hstack([dataset.x, cells], format="csr")
    both.sort_indices()
    indptr, indices, data = both.indptr.tolist(), both.indices.tolist(), both.data.tolist()
    return [
        "{" + ",".join(f"{indices[i]} {_number(data[i])}" for i in range(start, stop)) + "}"
        for start, stop in itertools.pairwise(indptr)
    ]


def _number(value: float) -> str:
    if value != value:
        return "?"
    short = np.float32(value)
    if value == int(value) and abs(value) < 1 << 24:
        return str(int(value))
    return str(short) if float(short) == value else repr(value)


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("'", "\\'")
    for character, code in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"), ("%", "\\%")):
        escaped = escaped.replace(character, code)
    return f"'{escaped}'"

"""Predicting rows of tables with a bundle: matched by name, some at a time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput, did_you_mean, shown_list
from equipoise.bundle import output
from equipoise.bundle.bundle import Bundle
from equipoise.bundle.columns import check_there, converted, extra_columns
from equipoise.readers import Dataset
from equipoise.readers._places import Locate, Place, fault, shown_value
from equipoise.readers.blocks import MatrixFile, TableFile, open_rows
from equipoise.training.features import as_features
from equipoise.training.fitted import PREDICTION_ROWS

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Written:
    """What `predict_files` wrote.

    Attributes:
        path: the file.
        n_rows: rows predicted.
        positives: how many rows have each label, by name.
        ignored: columns that the model knows nothing of.
    """

    path: Path
    n_rows: int
    positives: dict[str, int]
    ignored: tuple[str, ...]


def predict_files(
    bundle: Bundle,
    paths: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    keep: str | None = None,
    separator: str | None = None,
    header: bool = True,
    quoting: bool = True,
    on_rows: Callable[[int], None] | None = None,
) -> Written:
    """Predicts the rows of files, one below the other, and writes them to a CSV or Parquet file.

    Some rows are in memory at a time, whatever the size of the files; Arrow and NPZ files are
    read as a whole. Labels need not be in the files. Columns are found by name,
    in any order; those that the model does not know are ignored. For each row there are the names
    of its labels (`labels`, with | between them), `probability_<label>` (`score_<label>` where the
    loss has no probabilities) and `decision_<label>` (0 or 1). In a CSV file, text that a
    spreadsheet would compute has a ' before it.

    Args:
        bundle: made from a table (`equipoise train`).
        paths: CSV and its like, Parquet, Arrow, ARFF, libsvm (whose columns are feature_<index>)
            or NPZ.
        out: the file to write, .csv or .parquet, whole or not at all.
        keep: a column that is copied, such as an id; of libsvm "qid", of NPZ an array.
        separator: as in `readers.read`; so are `header` and `quoting`.
        header: see there.
        quoting: see there.
        on_rows: called with the number of rows after each block.

    Raises:
        InvalidFile: a file that cannot be read, a column that is not there, or a cell that is not
            what the training rows held; nothing is written then.
        InvalidInput: a bundle that knows no columns, a `keep` that would be there twice.
    """
    target = Path(out)
    output.check_output(target)
    if not bundle.columns:
        raise InvalidInput(
            "This bundle was made from a matrix and knows no names of columns.",
            remedy="Load it with MultilabelClassifier.load, and pass matrices of the same columns.",
        )
    if target.exists() and any(Path(p).exists() and target.samefile(p) for p in paths):
        raise InvalidInput(
            "Predictions would replace the rows they are made from.",
            received=repr(str(target)),
            remedy="Name another file to write.",
        )
    nominal = bundle.reading.get("nominal")
    text = {"separator": separator, "header": header, "quoting": quoting}
    files = [open_rows(path, nominal=nominal, **text) for path in paths]
    ignored = _check_files(bundle, files, keep)
    names = bundle.label_names
    of_scores = "probability" if bundle.fitted.has_probabilities else "score"
    n_rows, positives = 0, np.zeros(len(names), dtype=np.int64)
    kept_type: pl.DataType | None = None
    with output.written(target) as writer:
        for file in files:
            for scores, decisions, kept, locate in _scored(bundle, file, keep):
                if kept is not None:
                    kept_type = kept_type or kept.dtypes[0]
                    kept = _alike(kept, kept_type, locate)
                writer.write(
                    output.predictions(names, scores, decisions, of_scores=of_scores, kept=kept)
                )
                n_rows += len(scores)
                positives += decisions.sum(axis=0, dtype=np.int64)
                if on_rows is not None:
                    on_rows(len(scores))
    for file in files:
        if isinstance(file, MatrixFile):
            ignored |= file.ignored
    return Written(
        target, n_rows, dict(zip(names, positives.tolist(), strict=True)), tuple(ignored)
    )


def _scored(
    bundle: Bundle, file: TableFile | MatrixFile, keep: str | None
) -> Iterator[tuple[Float, NDArray[np.uint8], pl.DataFrame | None, Locate]]:
    """Yields the scores and decisions of some rows, what is copied, and where they came from."""
    wanted = [column.name for column in bundle.columns]
    if isinstance(file, MatrixFile):
        for x, copied, locate in file.blocks(wanted, keep):
            scores, decisions = score_matrix(bundle, x)
            yield scores, decisions, None if copied is None else copied.to_frame(keep), locate
        return
    names = wanted if keep is None or keep in wanted else [*wanted, keep]
    # What is copied stays as it stands.
    numbers = [c.name for c in bundle.columns if c.kind == "number" and c.name != keep]
    for frame, locate in file.blocks(names, numbers):
        scores, decisions = score_table(bundle, frame, locate)
        yield scores, decisions, None if keep is None else frame.select(keep), locate


def score_table(
    bundle: Bundle, frame: pl.DataFrame, locate: Locate
) -> tuple[Float, NDArray[np.uint8]]:
    """Returns (N, L) scores and decisions of rows of a table that has the columns.

    Raises:
        InvalidInput: a cell that is not what its column holds in the training rows.
    """
    table = converted(frame, bundle.columns, locate)
    if bundle.encoder is None:
        return score_matrix(bundle, table.to_numpy(order="c"))
    encoded = bundle.encoder.transform(table)
    _check_encoded(bundle.encoder, table, encoded, locate)
    return score_matrix(bundle, encoded.to_numpy())


def score_matrix(bundle: Bundle, X: Any) -> tuple[Float, NDArray[np.uint8]]:
    """Returns (N, L) scores and decisions of rows of features; L of the labels or classes."""
    X = as_features(X)
    scores = bundle.fitted.scores(_in_few_sizes(X))[: X.shape[0]]
    if bundle.task == "multiclass":
        total = np.maximum(scores.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        decisions = np.zeros(scores.shape, dtype=np.uint8)
        decisions[np.arange(len(scores)), scores.argmax(axis=1)] = 1
        return scores / total, decisions
    decisions = bundle.fitted.thresholds.predict(scores)
    if bundle.task == "binary":
        return np.hstack([1 - scores, scores]), np.hstack([1 - decisions, decisions])
    return scores, decisions


def _in_few_sizes(X: Any) -> Any:
    """Returns the rows, and rows of zeros after them.

    Networks are compiled anew for every number of rows in a batch, and each program stays in
    memory; blocks of a file have other numbers of rows each. So the last batch gets a power of two.
    """
    rest = X.shape[0] % PREDICTION_ROWS
    more = (1 << (rest - 1).bit_length()) - rest if rest else 0
    if not more:
        return X
    if sparse.issparse(X):
        ends = np.concatenate([X.indptr, np.full(more, X.indptr[-1], dtype=X.indptr.dtype)])
        shape = (X.shape[0] + more, X.shape[1])
        return sparse.csr_array((X.data, X.indices, ends), shape=shape)
    return np.concatenate([X, np.zeros((more, X.shape[1]), dtype=X.dtype)])


def score_dataset(bundle: Bundle, dataset: Dataset) -> Float:
    """Returns (N, L) scores of a data set whose features have the names of the columns.

    Raises:
        InvalidInput: a column that is not there, or one that holds something else.
    """
    columns = bundle.columns
    check_there(dataset.name or "The data", columns, dataset.feature_names)
    if isinstance(dataset.x, pl.DataFrame):
        place = dataset.name or "The data"
        return score_table(bundle, dataset.x, lambda row: Place(place, row=row))[0]
    position = {name: i for i, name in enumerate(dataset.feature_names)}
    order = [position[column.name] for column in columns]
    x: Any = dataset.x[:, order]
    if bundle.encoder is None:
        return score_matrix(bundle, sparse.csr_array(x) if sparse.issparse(x) else x)[0]
    raise InvalidInput(
        "This bundle was made from a table with text or dates.",
        received=f"{dataset.name}: numbers only",
    )


def _check_files(
    bundle: Bundle, files: Sequence[TableFile | MatrixFile], keep: str | None
) -> dict[str, None]:
    """Returns the columns that are ignored."""
    ignored: dict[str, None] = {}
    for file in files:
        there = file.names
        if isinstance(file, MatrixFile) and any(c.kind != "number" for c in bundle.columns):
            raise fault(
                file.path,
                "the model was trained on a table with text or dates, and here are numbers only.",
                remedy="Write the rows as a table.",
            )
        if there is not None:
            check_there(file.path, bundle.columns, there)
        known = file.copied if isinstance(file, MatrixFile) else file.names
        if keep is not None and keep not in known:
            raise fault(
                file.path,
                f"there is no column {keep!r} to keep.",
                remedy=did_you_mean(keep, known),
            )
        extra = extra_columns(bundle.columns, there or ())
        ignored |= dict.fromkeys(name for name in extra if name != keep)
    written = {output.LABELS}
    for name in bundle.label_names:
        written |= {f"probability_{name}", f"score_{name}", f"decision_{name}"}
    if keep in written:
        raise InvalidInput(
            "The column to keep has the name of a column of predictions.",
            received=repr(keep),
            remedy="Rename it in the data.",
        )
    return ignored


def _alike(kept: pl.DataFrame, kind: pl.DataType, locate: Locate) -> pl.DataFrame:
    """The copied column in the type that it has in the first file."""
    if kept.dtypes[0] == kind:
        return kept
    try:
        return kept.cast(kind)
    except pl.exceptions.PolarsError as error:
        raise fault(
            locate(0).origin,
            f"the column is of type {kept.dtypes[0]}, in the first file of type {kind}.",
            column=kept.columns[0],
            remedy="Give the column the same type in all files.",
        ) from error


def _check_encoded(
    encoder: Any, table: pl.DataFrame, encoded: pl.DataFrame, locate: Locate
) -> None:
    """Raises for text that was dates in the training rows and cannot be read as such here."""
    for name in encoder.kind_to_columns_.get("datetime", ()):
        if table.schema.get(name) != pl.String:
            continue
        made = encoded.select(encoder.input_to_outputs_[name])
        lost = made.select(pl.all_horizontal(pl.all().is_null())).to_series()
        wrong = (lost & table[name].is_not_null()).arg_true()
        if len(wrong):
            row = int(wrong[0])
            raise fault(
                locate(row),
                "the column holds dates in the training rows, and here something else.",
                column=name,
                received=shown_value(str(table[name][row])),
                remedy="Write dates as they were written for training, or leave the cell empty.",
            )


def note_of_ignored(ignored: Sequence[str]) -> str:
    """One sentence about columns that were ignored; empty if there are none."""
    if not ignored:
        return ""
    return f"Ignored, because the model does not know them: {shown_list(list(ignored), 5)}."

"""Predictions as tables, written block by block to a file that is whole or absent."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise._errors import InvalidInput
from equipoise._files import check_writable, replaced_atomically

SUFFIXES = (".csv", ".parquet")
LABELS = "labels"

_BETWEEN = "|"
_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_CELLS = 1 << 22  # of a row group


class Writer(Protocol):
    """Takes tables of the same columns, one after the other."""

    def write(self, frame: pl.DataFrame) -> None: ...


def check_output(path: Path) -> None:
    """Raises unless predictions can be written to this path, before any is made.

    Raises:
        InvalidInput: a suffix that is none of the two.
        InvalidFile: a folder that does not exist or cannot be written to.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidInput(
            "The suffix of a file says how it is written.",
            received=repr(path.name),
            remedy=f"End it in {' or '.join(SUFFIXES)}.",
        )
    check_writable(path)


def predictions(
    names: Sequence[str],
    scores: NDArray[np.float64],
    decisions: NDArray[np.uint8],
    *,
    of_scores: str = "probability",
    kept: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Returns one row of predictions for each row.

    Args:
        names: L names of labels.
        scores: (N, L) probabilities.
        decisions: (N, L) of 0 and 1.
        of_scores: what the scores are called.
        kept: columns of the rows that are copied.
    """
    columns = [] if kept is None else kept.get_columns()
    columns = [*columns, label_cells(names, decisions)]
    columns += [pl.Series(f"{of_scores}_{n}", scores[:, i]) for i, n in enumerate(names)]
    columns += [pl.Series(f"decision_{n}", decisions[:, i]) for i, n in enumerate(names)]
    return pl.DataFrame(columns)


def label_cells(names: Sequence[str], decisions: NDArray[np.uint8]) -> pl.Series:
    """Returns the names of the labels that each row has, with | between them.

    A | or backslash inside a name has a backslash before it.
    """
    escaped = np.array([n.replace("\\", "\\\\").replace(_BETWEEN, "\\" + _BETWEEN) for n in names])
    rows, labels = np.nonzero(decisions)
    found = (
        pl.DataFrame({"row": rows, LABELS: escaped[labels]})
        .group_by("row", maintain_order=True)
        .agg(pl.col(LABELS).str.join(_BETWEEN))
    )
    cells = np.full(len(decisions), "", dtype=object)
    cells[found["row"].to_numpy()] = found[LABELS].to_list()
    return pl.Series(LABELS, cells, dtype=pl.String)


def without_formulas(frame: pl.DataFrame) -> pl.DataFrame:
    """Returns the table with ' before text, and names of columns, that a spreadsheet would
    compute; numbers stay as they are."""
    text = pl.col(pl.String)
    risky = text.str.contains(_FORMULA) & ~text.str.contains(_NUMBER)
    safe = frame.with_columns(pl.when(risky).then("'" + text).otherwise(text).name.keep())
    return safe.rename({n: f"'{n}" for n in frame.columns if n.startswith(("=", "+", "-", "@"))})


@contextmanager
def written(path: Path) -> Iterator[Writer]:
    """Yields what takes tables for a file; it appears when the scope ends without an error.

    Raises:
        InvalidFile: the file cannot be written; one that was there is left as it was.
    """
    with replaced_atomically(path) as temporary:
        kind = _Csv if path.suffix.lower() == ".csv" else _Parquet
        writer = kind(temporary)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.stop()
            raise


class _Csv:
    def __init__(self, path: Path):
        self._file = path.open("wb")
        self._begun = False

    def write(self, frame: pl.DataFrame) -> None:
        without_formulas(frame).write_csv(self._file, include_header=not self._begun)
        self._begun = True

    def finish(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()

    def stop(self) -> None:
        self._file.close()


class _Parquet:
    """Hands tables to polars, which writes them from a thread of its own.

    polars writes a Parquet file from a source that it asks for tables; here they come from a
    caller that makes them, so a queue of one stands between.
    """

    def __init__(self, path: Path):
        self._path = path
        self._tables: queue.Queue[pl.DataFrame | None] = queue.Queue(1)
        self._thread: threading.Thread | None = None
        self._problem: BaseException | None = None
        self._stopped = False

    def write(self, frame: pl.DataFrame) -> None:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, args=(frame.schema,), name="writes Parquet", daemon=True
            )
            self._thread.start()
        self._put(frame)

    def finish(self) -> None:
        self._put(None)
        if self._thread is not None:
            self._thread.join()
        self._raise()

    def stop(self) -> None:
        self._stopped = True
        while self._thread is not None and self._thread.is_alive():
            try:
                self._tables.put(None, timeout=0.05)
            except queue.Full:
                continue
            self._thread.join(timeout=0.05)

    def _put(self, table: pl.DataFrame | None) -> None:
        while True:
            self._raise()
            try:
                self._tables.put(table, timeout=0.2)
                return
            except queue.Full:
                continue

    def _raise(self) -> None:
        if isinstance(self._problem, OSError):
            raise self._problem
        if self._problem is not None:
            raise OSError(str(self._problem).splitlines()[0]) from self._problem

    def _run(self, schema: Any) -> None:
        from polars.io.plugins import register_io_source

        def source(
            with_columns: list[str] | None,
            predicate: Any,
            n_rows: int | None,
            batch_size: int | None,
        ) -> Iterator[pl.DataFrame]:
            while not self._stopped and (table := self._tables.get()) is not None:
                yield table if with_columns is None else table.select(with_columns)

        try:
            rows = max(1024, _CELLS // len(schema))
            register_io_source(source, schema=schema).sink_parquet(
                self._path, row_group_size=rows, engine="streaming"
            )
        except BaseException as problem:
            self._problem = problem

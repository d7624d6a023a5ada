"""Parquet files, read by polars some rows at a time, without the columns that are not asked for.

What is damaged is told as `InvalidFile`, with one exception: bytes changed inside a page may make
polars ask for more memory than there is, which ends the process; only its own decoder could tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from equipoise.readers._columnar import Table, dataset_of, told_by
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset, name_of


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads Parquet files with the same columns (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    return dataset_of([_table(path) for path in paths], request, name_of(paths))


def _table(path: Path) -> Table:
    with told_by(path, "Parquet"):
        # Neither a pattern of many files, nor columns that the names of folders tell.
        scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        schema = scan.collect_schema()

    def parts(columns: Sequence[str], n_rows: int) -> Iterator[pl.DataFrame]:
        with told_by(path, "Parquet"):
            batches = scan.select(columns).collect_batches(chunk_size=n_rows, lazy=True)
        while True:
            with told_by(path, "Parquet"):
                frame = next(batches, None)
            if frame is None:
                return
            yield frame

    return Table(path, 0, dict(schema), parts)

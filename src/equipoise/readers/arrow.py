"""Arrow tables in files: Feather 2, which is the IPC file format, and IPC streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from equipoise.readers._arrow_messages import MAGIC, check_messages
from equipoise.readers._columnar import Table, dataset_of, told_by
from equipoise.readers._places import fault
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset, name_of


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads Arrow files with the same columns (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    return dataset_of([_table(path) for path in paths], request, name_of(paths))


def _table(path: Path) -> Table:
    with path.open("rb") as file:
        first = file.read(len(MAGIC))
        if first.startswith(b"FEA1"):
            raise fault(
                path, "is Feather of version 1.", remedy="Write it anew as Feather 2 (Arrow IPC)."
            )
        check_messages(path, file)
        file.seek(0)
        with told_by(path, "Arrow"):
            frame = pl.read_ipc(file) if first == MAGIC else pl.read_ipc_stream(file)

    def parts(columns: Sequence[str], n_rows: int) -> Iterator[pl.DataFrame]:
        return frame.select(columns).iter_slices(n_rows)

    return Table(path, frame.height, dict(frame.schema), parts)

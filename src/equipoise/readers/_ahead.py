"""Working ahead: the next part of a file is read while the caller is busy with this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yields the items; a thread makes the next one meanwhile.

    Of use where making one and using one leave Python to itself, as polars, NumPy and files do.
    """
    with ThreadPoolExecutor(1) as worker:
        made = worker.submit(next, items, None)
        while (item := made.result()) is not None:
            made = worker.submit(next, items, None)
            yield item

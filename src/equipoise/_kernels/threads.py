"""Work shared out to threads, with a result that does not depend on how many there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
W = TypeVar("W")

_MOST = 8


def thread_count(n_tasks: int) -> int:
    """Returns how many threads to use for so many tasks.

    OMP_NUM_THREADS bounds it: joblib sets that in its workers, so that each takes its own share.
    """
    if hasattr(os, "sched_getaffinity"):
        available = len(os.sched_getaffinity(0))
    else:  # not on every system
        available = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdecimal() and int(asked) > 0:
        available = min(available, int(asked))
    return max(1, min(available, _MOST, n_tasks))


def map_in_threads(
    function: Callable[[int, W], T],
    n_tasks: int,
    *,
    new_workspace: Callable[[], W],
    n_threads: int | None = None,
) -> list[T]:
    """Returns [function(0, workspace), function(1, workspace), …]; each thread has one workspace.

    Threads help only where `function` works outside Python's lock (NumPy, compiled loops).
    """
    n_threads = thread_count(n_tasks) if n_threads is None else n_threads
    results: list[Any] = [None] * n_tasks

    def share(first: int) -> None:
        workspace = new_workspace()
        for task in range(first, n_tasks, n_threads):
            results[task] = function(task, workspace)

    if n_threads == 1:
        share(0)
        return results
    with ThreadPoolExecutor(n_threads) as pool:
        for future in [pool.submit(share, first) for first in range(n_threads)]:
            future.result()
    return results

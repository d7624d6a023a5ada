"""Work shared out to threads, with a result that does not depend on how many there are."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

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


def map_in_threads(function: Callable[[int], T], n_tasks: int, *, n_threads: int) -> list[T]:
    """Returns [function(0), function(1), …].

    Threads help only where `function` works outside Python's lock (NumPy, compiled loops).
    """
    if n_threads == 1:
        return [function(task) for task in range(n_tasks)]
    with ThreadPoolExecutor(n_threads) as pool:
        return list(pool.map(function, range(n_tasks)))

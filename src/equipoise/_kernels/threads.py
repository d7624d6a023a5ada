"""Work shared out to threads, with a result that does not depend on how many there are.

Threads take turns at Python's lock, and each turn costs more than a small array operation, so a
task should be a few long calls. Fresh memory is slow to come by, and slower for several threads
at once, so each thread keeps its buffers from task to task.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")
W = TypeVar("W")

_MOST = 8
_this_thread = threading.local()


@cache
def _pool() -> ThreadPoolExecutor:
    """The threads, kept from call to call: starting one takes as long as sorting 10,000 scores."""

    def begin() -> None:
        _this_thread.is_ours = True  # it must not wait for its own kind

    return ThreadPoolExecutor(_MOST - 1, thread_name_prefix="equipoise", initializer=begin)


if hasattr(os, "register_at_fork"):  # threads do not outlive a fork
    os.register_at_fork(after_in_child=_pool.cache_clear)


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


def in_threads(function: Callable[[int], T], n_tasks: int, n_threads: int) -> list[T]:
    """Returns [function(0), function(1), …]."""
    return map_in_threads(
        lambda i, _: function(i), n_tasks, new_workspace=lambda: None, n_threads=n_threads
    )


def map_in_threads(
    function: Callable[[int, W], T],
    n_tasks: int,
    *,
    new_workspace: Callable[[], W],
    n_threads: int,
) -> list[T]:
    """Returns [function(0, workspace), …]; each thread has a workspace of its own."""
    results: list[Any] = [None] * n_tasks
    over = threading.Event()

    def share(first: int) -> None:
        workspace = new_workspace()
        for task in range(first, n_tasks, n_threads):
            if over.is_set():  # by Ctrl-C: the caller must not wait for all that is left
                return
            results[task] = function(task, workspace)

    if n_threads == 1 or getattr(_this_thread, "is_ours", False):
        for first in range(n_threads):
            share(first)
        return results
    futures = [_submitted(share, first) for first in range(1, n_threads)]
    failed: list[Exception] = []
    try:
        # The caller does not only wait: it takes back what no thread has begun. Waiting for that
        # could be without end, where a thread that waits for this call should have begun it.
        for first in range(n_threads):
            future = futures[first - 1] if first else None
            if future is None or future.cancel():
                try:
                    share(first)
                except Exception as error:
                    failed.append(error)
    except BaseException:
        over.set()
        raise
    finally:
        running = [future for future in futures if future is not None and not future.cancel()]
        wait(running)
        over.set()
    if failed:
        raise failed[0]
    for future in running:
        future.result()
    return results


def _submitted(share: Callable[[int], None], first: int) -> Future[None] | None:
    """Hands a share to the threads; None where there are none to be had, as when Python ends."""
    try:
        return _pool().submit(share, first)
    except RuntimeError:
        return None


def label_blocks(n_rows: int, n_labels: int) -> tuple[list[tuple[int, int]], int]:
    """Returns blocks (first, last + 1) of labels to work on together, and the number of threads.

    A block is as wide as a cache line of float32, if it is not too long, and all threads get
    about as many labels.
    """
    n_threads = thread_count(n_labels)
    if n_rows > 1 << 17:  # a thread takes the memory of several labels
        n_threads = min(n_threads, max(1, n_labels // 8))
    width = max(1, min(16, (1 << 21) // max(n_rows, 1)))
    rounds = -(-n_labels // (width * n_threads))
    n_blocks = min(rounds * n_threads, n_labels)
    edges = [n_labels * i // n_blocks for i in range(n_blocks + 1)]
    return list(itertools.pairwise(edges)), n_threads

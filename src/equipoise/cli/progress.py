"""Bars on standard error for work whose steps are all alike."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@contextmanager
def bar_of(description: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Shows a bar with the time left; yields what to call after each step, or several steps.

    An interrupt ends the work, whatever library it meets.

    Args:
        description: what the steps are.
        total: how many there are, or None if that is not known.
    """
    with (
        _interrupts_kept(),
        Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("•"),
            TimeElapsedColumn(),
            TextColumn("elapsed,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=Console(stderr=True),
            transient=True,
        ) as bar,
    ):
        task = bar.add_task(description, total=total)

        def advance(steps: int = 1) -> None:
            bar.update(task, advance=steps)

        yield advance


@contextmanager
def _interrupts_kept() -> Iterator[None]:
    """Delivers an interrupt again that meets code which may not raise, such as JAX's at every
    collection of garbage: Python would print it and go on."""
    before = sys.unraisablehook

    def told(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        # A moment later, because here it would be lost as well.
        again = threading.Timer(0.01, _interrupt)
        again.daemon = True
        again.start()

    sys.unraisablehook = told
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    if hasattr(signal, "pthread_kill"):  # wakes the main thread where it waits, too
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()

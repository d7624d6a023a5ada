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
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

# What raises an interrupt that got lost, while a scope of `interrupts_kept` is open.
_kept: list[Callable[[], None]] = []


@contextmanager
def bar_of(description: str, total: int | None) -> Iterator[Callable[..., None]]:
    """Shows a bar with the time left; yields what to call after each step, or several steps.

    An interrupt ends the work, whatever library it meets.

    Args:
        description: what the steps are.
        total: how many there are, or None if that is not known.
    """
    with (
        interrupts_kept() as go_on,
        bar_with(TimeRemainingColumn(), TextColumn("left")) as bar,
    ):
        task = bar.add_task(description, total=total)

        def advance(steps: int = 1) -> None:
            go_on()
            bar.update(task, advance=steps)

        yield advance


def bar_with(*time_left: ProgressColumn) -> Progress:
    """Returns a bar on standard error that ends in these columns."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("•"),
        TimeElapsedColumn(),
        TextColumn("elapsed,"),
        *time_left,
        console=console,
        transient=True,
        disable=not console.is_terminal,  # it would leave an empty line in a log
    )


@contextmanager
def interrupts_kept(*, at_end: bool = True) -> Iterator[Callable[[], None]]:
    """Lets no interrupt get lost; yields what raises one that was, to be called between steps.

    One may meet code that must not raise, such as JAX's at every collection of garbage: Python
    prints it and goes on. It is delivered again a moment later. Whatever else swallows it, the
    end of the step does not, and an error that something made of it is not taken for one.

    Args:
        at_end: whether one that was swallowed by the last step is raised as well.
    """
    if _kept:
        yield _kept[-1]
        if at_end:
            _kept[-1]()
        return
    met, over = threading.Event(), threading.Event()
    redelivered: list[threading.Timer] = []
    before = sys.unraisablehook
    handled = signal.getsignal(signal.SIGINT)
    ours = handled is signal.default_int_handler and (
        threading.current_thread() is threading.main_thread()
    )

    def interrupted(number: int, frame: Any) -> None:
        met.set()
        if not over.is_set():
            raise KeyboardInterrupt

    def told(unraisable: Any) -> None:
        if not issubclass(unraisable.exc_type, KeyboardInterrupt):
            before(unraisable)
            return
        # A moment later, because here it would be lost as well.
        again = threading.Timer(0.01, _interrupt)
        again.daemon = True
        redelivered.append(again)
        again.start()

    def go_on() -> None:
        if met.is_set():
            raise KeyboardInterrupt

    sys.unraisablehook = told
    if ours:
        signal.signal(signal.SIGINT, interrupted)
    _kept.append(go_on)
    try:
        yield go_on
        if at_end:
            go_on()
    except Exception as error:
        if met.is_set():  # a library has made an error of its own of it, as some do when imported
            raise KeyboardInterrupt from error
        raise
    finally:
        _kept.clear()
        # The end of a step may have raised it first: then a second one, on its way, must not
        # meet the end of the program.
        over.set()
        for again in redelivered:
            again.cancel()
            again.join()
        sys.unraisablehook = before
        if ours:
            signal.signal(signal.SIGINT, handled)


def _interrupt() -> None:
    if hasattr(signal, "pthread_kill"):  # wakes the main thread where it waits, too
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
    else:
        _thread.interrupt_main()

"""Interrupts get through to the work, whatever swallows them at first."""

import contextlib
import signal
import sys
import time

import pytest

from equipoise.cli.progress import bar_of, interrupts_kept


def test_a_swallowed_interrupt_ends_the_next_step():
    def work():
        with bar_of("work", 3) as advance:
            advance()
            with contextlib.suppress(KeyboardInterrupt):  # as a library might
                signal.raise_signal(signal.SIGINT)
            advance()

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_in_code_that_may_not_raise_is_delivered_again():
    class Collected:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        with interrupts_kept():
            Collected()
            time.sleep(5)

    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt):
        work()
    assert sys.unraisablehook is before


def test_work_without_interrupts_goes_on():
    with interrupts_kept() as go_on:
        go_on()

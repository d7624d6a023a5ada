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


def test_an_interrupt_on_its_way_does_not_follow_one_that_was_raised():
    class Collected:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        with interrupts_kept() as go_on:
            Collected()
            go_on()

    with pytest.raises(KeyboardInterrupt):
        work()
    time.sleep(0.1)  # an interrupt here would end the tests


def test_an_interrupt_swallowed_by_the_last_step_is_raised_at_its_end():
    def work():
        with interrupts_kept(), contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        work()


def test_work_without_interrupts_goes_on():
    with interrupts_kept() as go_on:
        go_on()


def test_an_inner_scope_knows_what_the_outer_one_met():
    before = signal.getsignal(signal.SIGINT)
    reached = []
    with contextlib.suppress(KeyboardInterrupt), interrupts_kept(at_end=False):
        with contextlib.suppress(KeyboardInterrupt):  # as a library might, while it is imported
            signal.raise_signal(signal.SIGINT)
        reached.append("work")
        with bar_of("work", 2) as advance:
            advance()
            reached.append("more work")
    assert reached == ["work"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupt_after_the_work_does_not_undo_it():
    with interrupts_kept(at_end=False), contextlib.suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)

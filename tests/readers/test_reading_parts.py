"""The parts that readers are made of: stacking rows, working ahead, counting cells."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from equipoise.readers._ahead import ahead
from equipoise.readers._matrices import Stack
from equipoise.readers._records import Block, Layout, _count_separators

parts = st.lists(
    hnp.arrays(
        st.sampled_from([np.int8, np.float32]),
        st.tuples(st.integers(0, 7), st.just(3)),
        elements=st.integers(0, 9),
    ),
    min_size=1,
    max_size=6,
)


@given(parts, st.integers(0, 30))
def test_a_stack_holds_what_was_added(parts, expected):
    stack = Stack(expected)
    for part in parts:
        stack.add(part)
    whole = np.concatenate(parts)
    matrix = stack.matrix()
    np.testing.assert_array_equal(matrix, whole)
    assert matrix.dtype == whole.dtype
    assert matrix.flags.c_contiguous
    assert matrix.flags.owndata


def test_items_are_made_ahead_in_their_order():
    started = threading.Event()

    def items():
        yield 0
        started.set()
        yield 1
        yield 2

    found = ahead(items())
    assert next(found) == 0
    assert started.wait(10)  # the second one is being made before anybody asks for it
    assert list(found) == [1, 2]


def test_an_error_ahead_reaches_the_caller_where_it_belongs():
    def items():
        yield 0
        raise KeyError("later")

    found = ahead(items())
    assert next(found) == 0
    with pytest.raises(KeyError, match="later"):
        next(found)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    found = ahead(iter(range(1000)))
    next(found)
    found.close()
    end = time.monotonic() + 10
    while threading.active_count() > before and time.monotonic() < end:
        time.sleep(0.01)
    assert threading.active_count() == before


@given(
    st.lists(st.lists(st.text('ab,;"\n', max_size=4), min_size=2, max_size=4), min_size=1),
    st.integers(0, 3),
)
def test_separators_are_counted_outside_quotes(tmp_path_factory, rows, padding):
    import csv
    import io

    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    data = ('"' + "," * 40_000 * padding + '"\n' + buffer.getvalue()).encode()
    layout = Layout(tmp_path_factory.getbasetemp() / "none.csv", ",", True, ("a", "b"), 0)
    block = Block(layout, data, 0)
    assert _count_separators(block) == sum(len(row) - 1 for row in rows)

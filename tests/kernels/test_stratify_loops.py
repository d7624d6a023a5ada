"""The compiled loops of stratified splitting against the plain functions, number for number."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from equipoise._kernels.stratify import (
    compiled,
    deal,
    exchange,
    loop_for,
)


class Case:
    """Items with positives of labels, as the loops take them, and empty hands to fill."""

    def __init__(self, seed, n_items=60, n_labels=7, n_parts=3, grouped=False):
        random = np.random.default_rng(seed)
        largest = 4 if grouped else 1
        table = random.integers(0, largest + 1, (n_items, n_labels))
        table *= random.random(table.shape) < 0.4
        present = table > 0
        self.n_items, self.n_parts, self.table = n_items, n_parts, table
        self.indptr = np.concatenate([[0], present.sum(axis=1).cumsum()]).astype(np.uint64)
        self.labels = np.nonzero(present)[1].astype(np.uint32)
        self.counts = table[present].astype(np.int32)
        self.sizes = np.maximum(table.max(axis=1), 1).astype(np.int64)
        self.order = random.permutation(n_items).astype(np.uint64)
        self.first_part = random.integers(n_parts, size=n_items)
        self.want = np.tile(table.sum(axis=0)[:, None] / n_parts, n_parts)
        self.want_rows = np.full(n_parts, self.sizes.sum() / n_parts)
        self.low = np.full(n_parts, 1 if grouped else n_items // n_parts)
        self.high = np.full(n_parts, n_items if grouped else -(-n_items // n_parts))
        self.one = random.integers(n_items, size=2_000).astype(np.uint64)
        self.two = random.integers(n_items + n_parts, size=2_000).astype(np.uint64)
        self.patience = random.standard_exponential(2_000) * 0.5
        self.part = np.empty(n_items, np.int64)
        self.held = np.zeros((n_labels, n_parts), np.int64)
        self.rows = np.zeros(n_parts, np.int64)

    def deal(self, loop):
        loop(
            *(self.indptr, self.labels, self.counts, self.sizes, self.order, self.first_part),
            *(self.want, self.want_rows, self.low, self.high, self.part, self.held, self.rows),
        )
        return self

    def exchange(self, loop):
        loop(
            *(self.indptr, self.labels, self.counts, self.sizes, self.one, self.two),
            *(self.patience, self.want, self.want_rows, np.ones(len(self.held))),
            *(np.ones(self.n_parts), 0.7, np.full(self.n_parts, 1e9), self.low, self.high),
            *(self.part, self.held, self.rows),
        )
        return self

    def recounted(self):
        held = [self.table[self.part == f].sum(axis=0) for f in range(self.n_parts)]
        rows = [self.sizes[self.part == f].sum() for f in range(self.n_parts)]
        return np.transpose(held), np.array(rows)

    def cost(self):
        empty = (self.held == 0) & (self.table.sum(axis=0)[:, None] > 0)
        return (
            ((self.held - self.want) ** 2).sum()
            + 0.7 * ((self.rows - self.want_rows) ** 2).sum()
            + 1e9 * empty.sum()
        )


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_compiled_loops_do_what_the_plain_ones_do(seed, grouped):
    plain, fast = Case(seed, grouped=grouped), Case(seed, grouped=grouped)
    plain.deal(deal)
    fast.deal(compiled(deal))
    assert_array_equal(plain.part, fast.part)
    plain.exchange(exchange)
    fast.exchange(compiled(exchange))
    assert_array_equal(plain.part, fast.part)
    assert_array_equal(plain.held, fast.held)
    assert_array_equal(plain.rows, fast.rows)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_what_the_parts_hold_is_counted_right(seed, grouped):
    case = Case(seed, grouped=grouped)
    for step in (lambda: case.deal(deal), lambda: case.exchange(exchange)):
        step()
        held, rows = case.recounted()
        assert_array_equal(case.held, held)
        assert_array_equal(case.rows, rows)
        items = np.bincount(case.part, minlength=case.n_parts)
        assert np.all((items >= case.low) & (items <= case.high))


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_labels_that_no_item_has_change_nothing(seed, grouped):
    """Among many labels the next one is found by minima that are kept, among few anew."""
    few = Case(seed, grouped=grouped).deal(deal)
    many = Case(seed, grouped=grouped)
    assert few.want.shape[0] ** 2 < len(few.labels) < 100**2
    many.want = np.vstack([many.want, np.zeros((93, many.n_parts))])
    many.held = np.zeros((100, many.n_parts), np.int64)
    many.deal(compiled(deal))
    assert_array_equal(many.part, few.part)
    assert_array_equal(many.held[:7], few.held)
    assert not many.held[7:].any()


@pytest.mark.parametrize("grouped", [False, True])
def test_without_patience_every_exchange_lowers_the_cost_or_keeps_it(grouped):
    case = Case(3, grouped=grouped).deal(deal)
    ones, twos = case.one, case.two
    case.patience = np.zeros(1)
    before = case.cost()
    for t in range(400):
        case.one, case.two = ones[t : t + 1], twos[t : t + 1]
        case.exchange(exchange)
        assert case.cost() <= before + 1e-6  # 1e9 for an empty cell leaves 1e-7 of precision
        before = case.cost()


def test_unbounded_patience_accepts_every_proposal_that_keeps_the_sizes():
    case = Case(1).deal(deal)
    here = case.part.copy()
    i = int(np.flatnonzero(here == 0)[0])
    j = int(np.flatnonzero(here == 1)[0])
    case.one, case.two = np.array([i], np.uint64), np.array([j], np.uint64)
    case.patience = np.full(1, np.inf)
    case.exchange(exchange)
    assert (case.part[i], case.part[j]) == (1, 0)
    case.two = np.array([case.n_items + 2], np.uint64)  # 60 items in 3 parts: none may grow
    case.exchange(exchange)
    assert case.part[i] == 1


def test_few_steps_stay_plain():
    assert loop_for(deal, 10) is deal
    assert loop_for(deal, 1_000_000) is compiled(deal)

"""Stratified parts: every part gets its share of every label, and of the rows.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, ECML PKDD 2011, algorithm 1) deals the
rows; three things are added to it. The sizes of the parts are kept, always. Ties go to the part
that also lacks the row's other labels. Afterwards rows change places between parts while that
brings counts closer to what they should be, or gives a part a label that it lacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from equipoise._kernels.ones import positions_of_ones
from equipoise._kernels.stratify import deal, exchange, loop_for
from equipoise.targets import Targets

# A part without a label costs more than any distance from the wanted counts.
_EMPTY = 1e9
_ROUNDS = 8
_ANNEALINGS = 6


@dataclass(frozen=True)
class _Items:
    """What is dealt: rows, or groups of rows, as CSR arrays of positives per label."""

    indptr: NDArray[np.uint64]
    labels: NDArray[np.uint32]
    counts: NDArray[np.int32]
    sizes: NDArray[np.int64]  # rows of each item
    positives: NDArray[np.int64]  # (L,) rows that have the label
    carriers: NDArray[np.int64]  # (L,) items that have it

    def __len__(self) -> int:
        return len(self.sizes)


@dataclass(frozen=True)
class _Plan:
    """What the parts should hold: F parts, L labels."""

    want: NDArray[np.float64]  # (L, F) positives
    rows: NDArray[np.float64]  # (F,) rows
    low: NDArray[np.int64]  # (F,) fewest items
    high: NDArray[np.int64]  # (F,) most items
    needs: NDArray[np.bool_]  # (F,) whether the part should hold every label
    row_weight: float  # cost of a row too many beside that of a positive too many


@dataclass(frozen=True)
class _Hand:
    """An assignment, and what the parts hold by it; the loops change it in place."""

    part: NDArray[np.int64]  # (N,) part of each item
    held: NDArray[np.int64]  # (L, F) positives
    rows: NDArray[np.int64]  # (F,) rows

    def copy(self) -> _Hand:
        return replace(self, part=self.part.copy(), held=self.held.copy(), rows=self.rows.copy())


def assign_parts(
    targets: Targets,
    shares: ArrayLike,
    *,
    groups: NDArray[np.int64] | None = None,
    needs: Sequence[bool] | None = None,
    random: np.random.Generator | None = None,
) -> NDArray[np.int64]:
    """Returns the part of every row, (N,) in 0 … F−1.

    Without groups part f gets its share of the N rows, rounded down or up. With groups every part
    gets at least one group, and sizes are as close to the shares as the groups allow.

    Args:
        targets: N rows, L labels; unknown cells count as not positive.
        shares: (F,) relative sizes of the parts; whole numbers that sum to N are met exactly.
        groups: (N,) codes 0 … G−1, each used; rows with the same code stay together.
        needs: (F,) whether a part should hold every label where possible; all by default.
        random: source of the order of rows and of ties; None deals the rows as they come.
    """
    items = _items(targets, groups)
    share = np.asarray(shares, dtype=np.float64)
    need = np.ones(len(share), bool) if needs is None else np.asarray(needs, dtype=bool)
    rows = targets.n_rows * share / share.sum()
    if groups is None:
        low, high = np.floor(rows).astype(np.int64), np.ceil(rows).astype(np.int64)
    else:
        low, high = np.ones(len(share), np.int64), np.full(len(share), len(items), np.int64)
    plan = _Plan(
        _wanted(items.positives, share, need),
        rows,
        low,
        high,
        need,
        row_weight=0.0 if groups is None else 1.0,
    )
    hand = _dealt(items, plan, random)
    hand = _improved(items, plan, hand, np.random.default_rng(0) if random is None else random)
    return hand.part if groups is None else hand.part[groups]


# ---------------------------------------------------------------------------------- the plan


def _items(targets: Targets, groups: NDArray[np.int64] | None) -> _Items:
    indptr, labels = _positives(targets.values)
    counts = np.ones(len(labels), np.int32)
    sizes = np.ones(targets.n_rows, np.int64)
    positives = carriers = np.bincount(labels, minlength=targets.n_labels)
    if groups is not None:
        rows = sparse.csr_array((counts, labels, indptr), shape=targets.values.shape)
        sizes = np.bincount(groups)
        member = sparse.csr_array(
            (np.ones(len(groups), np.int32), (groups, np.arange(len(groups))))
        )
        total = sparse.csr_array(member @ rows)
        total.sort_indices()
        indptr, labels, counts = total.indptr, total.indices, total.data
        carriers = np.bincount(labels, minlength=targets.n_labels)
    return _Items(
        _unsigned(indptr, np.uint64),
        _unsigned(labels, np.uint32),
        counts.astype(np.int32, copy=False),
        sizes.astype(np.int64, copy=False),
        positives.astype(np.int64, copy=False),
        carriers.astype(np.int64, copy=False),
    )


def _unsigned(indices: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Returns indices, none of them negative, as unsigned numbers: a view where that will do."""
    if indices.dtype.itemsize == np.dtype(dtype).itemsize:
        return indices.view(dtype)
    return indices.astype(dtype)


def _positives(values: Any) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns row pointers and sorted columns of the ones, dense or CSR."""
    if isinstance(values, np.ndarray):
        return positions_of_ones(values)
    if not values.has_sorted_indices:  # the order of a row's labels may not matter
        values = values.sorted_indices()
    return values.indptr, values.indices


def _wanted(
    positives: NDArray[np.int64], share: NDArray[np.float64], need: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """(L, F) positives that each part should hold: its share, but one for each part if possible.

    A label with at least as many positives as parts in need gives every such part at least one;
    with fewer it gives none more than one. The others take the rest by their shares.
    """
    total = positives[:, None]
    enough = total >= np.count_nonzero(need)
    want = total * share / share.sum()
    fixed = ~need & (total <= np.count_nonzero(need))
    value = np.zeros(want.shape)
    while True:
        beyond = need & ~fixed & np.where(enough, want < 1, want > 1)
        value[beyond] = 1.0
        fixed |= beyond
        if not fixed.any():
            return want
        free = np.where(fixed, 0.0, share)
        rest = total - value.sum(axis=1, keepdims=True)
        weight = free.sum(axis=1, keepdims=True)
        want = np.divide(rest * free, weight, out=np.zeros_like(want), where=weight > 0)
        want[fixed] = value[fixed]
        if not beyond.any():
            return want


# ------------------------------------------------------------------------------ the two steps


def _dealt(items: _Items, plan: _Plan, random: np.random.Generator | None) -> _Hand:
    n_labels, n_parts = plan.want.shape
    if random is None:
        order, first_part = np.arange(len(items)), np.zeros(len(items), np.int64)
    else:
        order, first_part = (
            random.permutation(len(items)),
            random.integers(n_parts, size=len(items)),
        )
    if len(items) < items.sizes.sum():  # small groups last: they even out what large ones leave
        order = order[np.argsort(-items.sizes[order], kind="stable")]
    hand = _Hand(
        np.empty(len(items), np.int64),
        np.zeros((n_labels, n_parts), np.int64),
        np.zeros(n_parts, np.int64),
    )
    loop_for(deal, len(items.labels))(
        items.indptr,
        items.labels,
        items.counts,
        items.sizes,
        order.astype(np.uint64),
        first_part,
        plan.want,
        plan.rows,
        plan.low,
        plan.high,
        hand.part,
        hand.held,
        hand.rows,
    )
    return hand


def _improved(items: _Items, plan: _Plan, hand: _Hand, random: np.random.Generator) -> _Hand:
    """Exchanges items until counts are even, or the rounds are used up."""
    for _ in range(_ROUNDS):
        uneven = _uneven(plan, hand)
        if not uneven.any() and plan.row_weight == 0:
            break
        _exchange(items, plan, hand, random, uneven)
    for _ in range(_ANNEALINGS):
        avoidable = _avoidable(items, plan, hand)
        if not avoidable.any():
            break
        other = hand.copy()
        _exchange(items, plan, other, random, avoidable, heat=_EMPTY)
        _exchange(items, plan, other, random, _uneven(plan, other))
        if _n_empty(plan, other).sum() < _n_empty(plan, hand).sum():
            hand = other
    return hand


def _uneven(plan: _Plan, hand: _Hand) -> NDArray[np.bool_]:
    """(L,) labels of which a part holds neither the wanted number rounded down nor up."""
    outside = (hand.held < np.floor(plan.want)) | (hand.held > np.ceil(plan.want))
    return np.any(outside, axis=1)


def _n_empty(plan: _Plan, hand: _Hand) -> NDArray[np.int64]:
    """(L,) parts in need that hold no positive of the label."""
    return np.count_nonzero(hand.held[:, plan.needs] == 0, axis=1)


def _avoidable(items: _Items, plan: _Plan, hand: _Hand) -> NDArray[np.bool_]:
    """(L,) labels missing from more parts than their number of items explains."""
    unavoidable = np.maximum(np.count_nonzero(plan.needs) - items.carriers, 0)
    return _n_empty(plan, hand) > unavoidable


def _exchange(
    items: _Items,
    plan: _Plan,
    hand: _Hand,
    random: np.random.Generator,
    labels: NDArray[np.bool_],
    heat: float = 0.0,
) -> None:
    """Exchanges items in place, mostly such as carry one of the labels where it is too frequent.

    Without heat only what lowers the cost (or keeps it) is done; with heat also what raises it,
    less and less (simulated annealing), to leave an arrangement that no single exchange improves.
    """
    n_items, n_parts = len(items), len(plan.rows)
    n_proposals = min(max(4 * n_items, min(64 * n_items, 4096)), 20_000) * (2 if heat else 1)
    one = random.integers(n_items, size=n_proposals)
    item_of = np.repeat(np.arange(n_items), np.diff(items.indptr).astype(np.int64))
    surplus = labels[:, None] & (hand.held > plan.want)
    givers = np.unique(item_of[surplus[items.labels, hand.part[item_of]]])
    if len(givers):
        from_givers = random.random(n_proposals) < (0.5 if heat else 0.9)
        one[from_givers] = random.choice(givers, size=np.count_nonzero(from_givers))
    two = random.integers(n_items, size=n_proposals)
    if np.any(plan.low < plan.high):
        moves = random.random(n_proposals) < (0.5 if plan.row_weight else 0.125)
        two[moves] = n_items + random.integers(n_parts, size=np.count_nonzero(moves))
    # Cooled down to nothing before the last quarter.
    temperature = heat * np.maximum(np.linspace(1, -1 / 3, n_proposals), 0)
    n_rows = items.sizes.sum()
    # The odds p/(1 − p), of which parts should have the same, change by 1/(1 − p)² with p.
    label_weight = 1 / np.maximum(1 - items.positives / n_rows, 0.1) ** 2
    loop_for(exchange, n_proposals)(
        items.indptr,
        items.labels,
        items.counts,
        items.sizes,
        one.astype(np.uint64),
        two.astype(np.uint64),
        temperature * random.standard_exponential(n_proposals),
        plan.want,
        plan.rows,
        label_weight,
        n_rows / (n_parts * plan.rows),
        plan.row_weight,
        np.where(plan.needs, _EMPTY, 0.0),
        plan.low,
        plan.high,
        hand.part,
        hand.held,
        hand.rows,
    )

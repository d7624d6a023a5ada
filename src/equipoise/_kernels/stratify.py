"""The loops of stratified splitting: dealing items to parts, and exchanging them.

An item is a row, or a group of rows that must stay together. Both loops are plain Python that numba
compiles as it stands; few items are dealt by the plain functions before numba would have loaded.

Names and shapes: N items, L labels, F parts; item i holds `counts[e]` positives of label
`labels[e]` for e in `indptr[i]:indptr[i + 1]`, and `sizes[i]` rows. `held` (L, F) counts the
positives of each label in each part, `want` (L, F) is how many there should be; `rows` and
`want_rows` (F,) are the same for rows. A part takes at least `low` and at most `high` items (F,).

Indices into long arrays are unsigned: numba checks every signed index for being negative, which
costs a third of the time here.
"""

import functools
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# Plain Python takes about as long over so many steps as numba takes to load.
_FEW_STEPS = 2_000


def loop_for(loop: Callable[..., None], n_steps: int) -> Callable[..., None]:
    """Returns `deal` or `exchange` itself for few steps, else compiled by numba."""
    return loop if n_steps < _FEW_STEPS else compiled(loop)


@functools.cache
def compiled(loop: Callable[..., None]) -> Callable[..., None]:
    """Returns the loop compiled by numba (kept on disk between runs)."""
    from numba import njit

    return njit(cache=True)(loop)


def deal(
    indptr: NDArray[np.uint64],
    labels: NDArray[np.uint32],
    counts: NDArray[np.int32],
    sizes: NDArray[np.int64],
    order: NDArray[np.uint64],
    first_part: NDArray[np.int64],
    want: NDArray[np.float64],
    want_rows: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    part: NDArray[np.int64],
    held: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Deals every item to a part: iterative stratification with sizes that are kept.

    The label with the fewest items left is next; each of its items goes to the part that lacks
    most of that label, then (ties) most of the item's other labels as shares of what exists, then
    most rows. Last ties fall to the first such part counted from `first_part[i]`. Items are taken
    in `order`; those without any label come last. Fills `part`, `held` and `rows`.
    """
    n_labels, n_parts = want.shape
    n_items = len(order)

    # The items of each label, in `order`: a counting sort by label.
    left = np.zeros(n_labels, np.int64)
    for e in range(len(labels)):
        left[labels[e]] += 1
    start = np.zeros(n_labels + 1, np.int64)
    for label in range(n_labels):
        start[label + 1] = start[label] + left[label]
    end = start[:-1].copy()
    items = np.empty(len(labels), np.uint32)
    for k in range(n_items):
        i = order[k]
        for e in range(indptr[i], indptr[i + 1]):
            items[end[labels[e]]] = i
            end[labels[e]] += 1

    share = np.zeros(n_labels)
    for label in range(n_labels):
        total = 0.0
        for f in range(n_parts):
            total += want[label, f]
        share[label] = 1.0 / max(total, 1.0)

    # The label with fewest items left is found by blocks of about sqrt(L) labels. Where labels are
    # few beside their items, the minima of the blocks are looked up anew for each label; else they
    # are kept: counts only fall, so a comparison will do until one of a block's labels is used up.
    few = n_labels * n_labels < len(labels)
    shift = 0
    while 4**shift < n_labels:
        shift += 1
    fewest = np.full((n_labels >> shift) + 1, n_items + 1, np.int64)
    for label in range(n_labels):
        if 0 < left[label] < fewest[label >> shift]:
            fewest[label >> shift] = left[label]

    # Rows by themselves hold one positive of a label each, which saves reading how many.
    single = n_items == sizes.sum() and len(counts) == counts.sum()
    done = np.zeros(n_items, np.bool_)  # a byte an item: it is looked up once for each positive
    lack = want.copy()  # want − held
    lack_rows = want_rows.copy()
    dealt = np.zeros(n_parts, np.int64)  # items in each part
    spare = n_items  # items that may still go beyond the parts' lowest sizes
    for f in range(n_parts):
        spare -= low[f]
    score = np.empty(n_parts)
    while True:
        if few:
            fewest[:] = n_items + 1
            for m in range(n_labels):
                if 0 < left[m] < fewest[m >> shift]:
                    fewest[m >> shift] = left[m]
        block = np.argmin(fewest)
        label = block << shift
        # Once no labelled item is left, the last round deals the items without any label.
        last = fewest[block] > n_items
        if last:
            label, begin, stop = 0, 0, n_items
        else:
            while left[label] != fewest[block]:
                label += 1
            begin, stop = start[label], start[label + 1]
        for k in range(begin, stop):
            i = order[k] if last else np.uint64(items[k])
            if done[i]:
                continue
            # No branch on what parts lack: the processor would guess wrong every other time.
            most = -np.inf
            for f in range(n_parts):
                free = (dealt[f] < low[f]) | ((spare > 0) & (dealt[f] < high[f]))
                score[f] = (0.0 if last else lack[label, f]) if free else -np.inf
                most = max(most, score[f])
            best = -1
            tied = 0
            for f in range(n_parts):
                tied += score[f] == most
                best = f if score[f] == most else best
            if tied > 1:
                best = -1
                highest = -np.inf
                f = first_part[i]
                for _ in range(n_parts):
                    if score[f] == most:
                        others = 0.0
                        for e in range(indptr[i], indptr[i + 1]):
                            others += lack[labels[e], f] * share[labels[e]]
                        if (
                            best < 0
                            or others > highest
                            or (others == highest and lack_rows[f] > lack_rows[best])
                        ):
                            best = f
                            highest = others
                    f = f + 1 if f + 1 < n_parts else 0
            part[i] = best
            done[i] = True
            rows[best] += sizes[i]
            lack_rows[best] -= sizes[i]
            if dealt[best] >= low[best]:
                spare -= 1
            dealt[best] += 1
            for e in range(indptr[i], indptr[i + 1]):
                other = labels[e]
                lack[other, best] -= 1.0 if single else counts[e]
                left[other] -= 1
                if few:
                    continue
                if left[other] == 0:
                    block = other >> shift
                    fewest[block] = n_items + 1
                    for m in range(block << shift, min((block + 1) << shift, n_labels)):
                        if 0 < left[m] < fewest[block]:
                            fewest[block] = left[m]
                elif left[other] < fewest[other >> shift]:
                    fewest[other >> shift] = left[other]
        if last:
            break
    for label in range(n_labels):
        for f in range(n_parts):
            held[label, f] = round(want[label, f] - lack[label, f])


def exchange(
    indptr: NDArray[np.uint64],
    labels: NDArray[np.uint32],
    counts: NDArray[np.int32],
    sizes: NDArray[np.int64],
    one: NDArray[np.uint64],
    two: NDArray[np.uint64],
    patience: NDArray[np.float64],
    want: NDArray[np.float64],
    want_rows: NDArray[np.float64],
    label_weight: NDArray[np.float64],
    part_weight: NDArray[np.float64],
    row_weight: float,
    empty: NDArray[np.float64],
    low: NDArray[np.int64],
    high: NDArray[np.int64],
    part: NDArray[np.int64],
    held: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> None:
    """Tries proposals to swap two items between their parts, or to move one, in place.

    Proposal t swaps items `one[t]` and `two[t]`; `two[t]` of N or more moves `one[t]` to part
    `two[t] - N`, if both parts keep to their sizes. It is done if the cost rises by at most
    `patience[t]` (0 for pure descent). The cost of cell (l, f) is `label_weight[l]` ·
    `part_weight[f]` · (held − want)², plus `empty[f]` where nothing is held of a label that
    exists; of a part, `row_weight` · `part_weight[f]` · (rows − want_rows)².
    """
    n_items = len(part)
    n_labels, n_parts = want.shape
    filled = np.zeros(n_parts, np.int64)
    for i in range(n_items):
        filled[part[i]] += 1
    net = np.zeros(n_labels, np.int64)  # positives that leave `here`, all 0 between proposals
    for t in range(len(one)):
        i, j = one[t], two[t]
        here = part[i]
        swap = j < n_items
        if swap:
            there = part[j]
            if here == there:
                continue
        else:
            there = np.int64(j) - n_items
            if here == there or filled[here] <= low[here] or filled[there] >= high[there]:
                continue
        moved = sizes[i]
        for e in range(indptr[i], indptr[i + 1]):
            net[labels[e]] += counts[e]
        if swap:
            moved -= sizes[j]
            for e in range(indptr[j], indptr[j + 1]):
                net[labels[e]] -= counts[e]

        # (x − n)² − x² = n(n − 2x), and likewise for the part that gains.
        cost = (
            row_weight
            * moved
            * (
                part_weight[here] * (moved - 2.0 * (rows[here] - want_rows[here]))
                + part_weight[there] * (moved + 2.0 * (rows[there] - want_rows[there]))
            )
        )
        for side in range(2):
            k = i if side == 0 else j
            if k >= n_items:
                break
            for e in range(indptr[k], indptr[k + 1]):
                label = labels[e]
                n = net[label]
                if n == 0:
                    continue
                net[label] = 0  # so that a label of both items counts once
                a, b = held[label, here], held[label, there]
                cost += (
                    label_weight[label]
                    * n
                    * (
                        part_weight[here] * (n - 2.0 * (a - want[label, here]))
                        + part_weight[there] * (n + 2.0 * (b - want[label, there]))
                    )
                )
                if a == n:
                    cost += empty[here]
                elif a == 0:
                    cost -= empty[here]
                if b == -n:
                    cost += empty[there]
                elif b == 0:
                    cost -= empty[there]
        if cost > patience[t]:
            continue

        part[i] = there
        rows[here] -= moved
        rows[there] += moved
        for e in range(indptr[i], indptr[i + 1]):
            held[labels[e], here] -= counts[e]
            held[labels[e], there] += counts[e]
        if swap:
            part[j] = here
            for e in range(indptr[j], indptr[j + 1]):
                held[labels[e], there] -= counts[e]
                held[labels[e], here] += counts[e]
        else:
            filled[here] -= 1
            filled[there] += 1

"""The micro objective: F of all cells together, with a threshold for each label.

F = (1 + β²) TP / (β² P + S) with S cells said yes is a ratio of sums over labels. Such a ratio
is largest where sum (1 + β²) TP − F·(β² P + S) is, and that sum is largest where each label's
part is. So F is guessed, each label takes its best cut for that guess, and the F reached is the
next guess: it rises until it no longer does, and is then the best there is (Dinkelbach, 1967).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from equipoise.decision._objective import Objective
from equipoise.decision._tuned import Cut, above_all, between, label_cuts
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]


def best_together(cells: ScoredCells, goal: Objective) -> tuple[list[Cut], float]:
    """Returns the cut of each label, and the F of all labels together that they reach."""
    assert goal.beta is not None
    parts = label_cuts(cells)
    recall = goal.beta**2
    sizes = [len(part.tp) + 1 for part in parts]  # the first of each: nothing is positive
    starts = np.cumsum([0, *sizes])[:-1]
    tp = np.concatenate([np.append(0.0, part.tp) for part in parts])
    said = np.concatenate([np.append(0.0, part.tp + part.fp) for part in parts])
    positive = float(sum(part.positive[0] for part in parts))
    best, chosen = 0.0, starts
    while positive > 0:
        gain = (1 + recall) * tp - best * said
        chosen = _first_largest(gain, starts, sizes)
        reached = (1 + recall) * tp[chosen].sum() / (recall * positive + said[chosen].sum())
        if reached <= best:
            break
        best = float(reached)
    cuts = []
    for label, at in enumerate((chosen - starts).tolist()):
        part, value = parts[label], goal.value(label)
        if at == 0:
            cut = Cut(above_all(cells, label), 0.0 if part.positive[0] else np.nan)
        else:
            place = float(part.below[at - 1]), float(part.score[at - 1])
            totals = part.positive[0], part.negative[0]
            reached = float(value(part.tp[at - 1], part.fp[at - 1], *totals))
            cut = Cut(between(*place, cells.scores.dtype), reached)
        cuts.append(cut)
    return cuts, best if positive else np.nan


def _first_largest(values: Float, starts: NDArray[np.int64], sizes: list[int]) -> NDArray[np.int64]:
    """Returns the place of the first of the largest values of each part."""
    largest = np.repeat(np.maximum.reduceat(values, starts), sizes)
    places = np.flatnonzero(values >= largest)
    return places[np.searchsorted(places, starts)]

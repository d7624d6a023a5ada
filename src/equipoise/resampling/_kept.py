"""What a deletion must leave: so many positives, and so many negatives, of each label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import check_integer
from equipoise.targets import Targets

Indices = NDArray[np.int64]


def rows_left(targets: Targets, deleted: Indices, min_kept: int) -> Indices:
    """Returns the rows that stay, rising, after as few deletions are taken back as are needed.

    A label that had fewer than `min_kept` positives (or negatives) keeps all of them. The rows
    deleted last come back first; labels with the fewest positives choose first.

    Args:
        targets: labels of the rows before.
        deleted: rows to delete, in order.
        min_kept: positives, and negatives, that each label keeps.
    """
    least = check_integer("min_kept", min_kept, minimum=0)
    gone = np.zeros(targets.n_rows, np.bool_)
    gone[deleted] = True
    if least and len(deleted):
        latest = deleted[::-1]
        positive = targets.positives()
        _give_back(positive, gone, latest, least)
        unknown = None if targets.unknown is None else sparse.csr_array(targets.unknown)
        _give_back_negatives(positive, unknown, gone, latest, least)
    return np.flatnonzero(~gone)


def _give_back(
    cells: sparse.csr_array, gone: NDArray[np.bool_], latest: Indices, least: int
) -> None:
    """Takes deletions back, in place, until each column of cells has enough rows that stay."""
    needed, left = _needed_and_left(cells, gone, least)
    columns = cells.tocsc()
    rank = np.full(cells.shape[0], len(latest))
    rank[latest] = np.arange(len(latest))
    for label in np.argsort(needed, kind="stable").tolist():
        short = int(needed[label] - left[label])
        if short <= 0:
            continue
        rows = columns.indices[columns.indptr[label] : columns.indptr[label + 1]]
        rows = rows[gone[rows]]
        back = rows[np.argsort(rank[rows])][:short]
        gone[back] = False
        left += np.bincount(cells[back].indices, minlength=len(left))


def _needed_and_left(
    cells: sparse.csr_array, gone: NDArray[np.bool_], least: int
) -> tuple[Indices, Indices]:
    n_labels = cells.shape[1]
    before = np.bincount(cells.indices, minlength=n_labels)
    left = np.bincount(cells[np.flatnonzero(~gone)].indices, minlength=n_labels)
    return np.minimum(before, least), left


def _give_back_negatives(
    positive: sparse.csr_array, unknown: Any, gone: NDArray[np.bool_], latest: Indices, least: int
) -> None:
    """The same for negatives, which only a label that nearly every row has can run short of."""
    n_rows, n_labels = positive.shape
    occupied = positive if unknown is None else sparse.csr_array(positive + unknown)
    counts = np.bincount(occupied.indices, minlength=n_labels)
    _, left = _needed_and_left(occupied, gone, least)
    negatives_left = int(np.count_nonzero(~gone)) - left
    short = np.flatnonzero(negatives_left < np.minimum(n_rows - counts, least))
    if not len(short):
        return
    negative = sparse.csr_array(1 - (occupied[:, short].toarray() != 0).astype(np.int8))
    _give_back(negative, gone, latest, least)

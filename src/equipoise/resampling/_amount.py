"""How many rows a resampler adds or removes, and how far it goes towards a target."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import EquipoiseWarning, InvalidInput, check_integer, check_number

_CELLS = 1 << 20


@dataclass(frozen=True)
class Amount:
    """What was asked for.

    Attributes:
        count: number of rows, or None for as many as there are to add or remove.
        mean_ir: stop at this mean imbalance ratio, or None.
        exact: whether the user named the count, so that falling short is worth a warning.
    """

    count: int | None
    mean_ir: float | None
    exact: bool = False

    def bounded(self, most: int) -> int:
        """Returns the count, or `most` where there is none."""
        return most if self.count is None else min(self.count, most)


def read_amount(
    n_rows: int,
    *,
    percentage: float | None,
    count: int | None,
    count_name: str,
    mean_ir: float | None,
    default: float | None,
    removes: bool = False,
) -> Amount:
    """Checks the three ways to say how much; `default` is the percentage if none is used.

    Raises:
        InvalidInput: two ways at once, a share where a percentage is meant, more rows removed
            than there are, a ratio below 1.
    """
    if percentage is not None and count is not None:
        raise InvalidInput(
            f"`percentage` and `{count_name}` both say how many rows.",
            received=f"percentage={percentage!r}, {count_name}={count!r}",
            remedy="Pass one of them.",
        )
    if mean_ir is not None:
        mean_ir = check_number("mean_ir", mean_ir, minimum=1)
    exact = count is not None
    if count is not None:
        count = check_integer(count_name, count, minimum=0)
    elif percentage is not None or (mean_ir is None and default is not None):
        count = _of_percentage(n_rows, default if percentage is None else percentage, count_name)
    if removes and count is not None and count >= n_rows:
        raise InvalidInput(
            "At least one row must stay.",
            received=f"{count} rows to remove of {n_rows}",
            remedy=f"Lower `{count_name}` or `percentage`.",
        )
    return Amount(count, mean_ir, exact)


def _of_percentage(n_rows: int, percentage: Any, count_name: str) -> int:
    number = check_number("percentage", percentage, minimum=0)
    if 0 < number < 1:
        raise InvalidInput(
            "`percentage` is in percent, and below 1 it looks like a share.",
            received=f"percentage={percentage!r}",
            remedy=f"Pass percentage={100 * number:g} for that share of the rows, or the number of "
            f"rows as `{count_name}`.",
        )
    return int(np.floor(np.round(n_rows * number / 100, 9)))


def warn_short(amount: Amount, n_rows: int, verb: str, reason: str) -> None:
    """Warns if fewer rows came of it than the user named."""
    if amount.exact and amount.count is not None and n_rows < amount.count:
        warnings.warn(
            f"Only {n_rows} of {amount.count} rows could be {verb}: {reason}.",
            EquipoiseWarning,
            stacklevel=5,
        )


def mean_ratio(counts: NDArray[Any], present: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Returns the mean imbalance ratio of each row of counts, (m, L), over the labels present.

    A label that has lost its last positive counts as infinitely rare: leaving it out would call
    its loss an improvement.
    """
    counts = counts[:, present].astype(np.float64)
    if not counts.shape[1]:
        return np.zeros(len(counts))
    lost = (counts == 0).any(axis=1)
    inverse = (1 / np.where(lost[:, None], 1, counts)).mean(axis=1)
    return np.where(lost, np.inf, counts.max(axis=1) * inverse)


def shortest_prefix(
    counts: NDArray[np.int64], labels: sparse.csr_array, target: float | None, *, sign: int = 1
) -> int:
    """Returns after how many rows, added or removed in this order, MeanIR ≤ target first holds.

    If it never does, where the ratio is lowest, with a warning.
    """
    n_rows, n_labels = labels.shape
    if target is None:
        return n_rows
    present = counts > 0
    running = counts.astype(np.int64)
    best, lowest = 0, float(mean_ratio(running[None], present)[0])
    if lowest <= target:
        return 0
    step = max(1, _CELLS // n_labels)
    for start in range(0, n_rows, step):
        block = labels[start : start + step].toarray().astype(np.int64)
        path = running + sign * np.cumsum(block, axis=0)
        ratio = mean_ratio(path, present)
        reached = np.flatnonzero(ratio <= target)
        if len(reached):
            return start + int(reached[0]) + 1
        if ratio.min() < lowest:
            best, lowest = start + int(ratio.argmin()) + 1, float(ratio.min())
        running = path[-1]
    warn_unreached(target, lowest)
    return best


def warn_unreached(target: float, reached: float) -> None:
    """Warns that the target was not reached."""
    warnings.warn(
        f"The mean imbalance ratio {target:g} was not reached: it comes down to {reached:.4g}.",
        EquipoiseWarning,
        stacklevel=6,
    )

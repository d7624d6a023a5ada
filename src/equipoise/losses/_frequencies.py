"""Label frequencies as arguments of losses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, shown_list
from equipoise.losses._arguments import label_vector

if TYPE_CHECKING:
    from equipoise.stats import LabelStats
    from equipoise.weights import LabelWeights


def usable_prevalence(
    stats: LabelStats | None, prevalence: ArrayLike | None
) -> NDArray[np.float64]:
    """Returns (L,) shares of positives strictly between 0 and 1.

    Raises:
        InvalidInput: neither or both were given, or a share that is not inside (0, 1).
    """
    if (stats is None) == (prevalence is None):
        raise InvalidInput(
            "This loss needs the label frequencies once.",
            received="neither" if stats is None else "both `stats` and `prevalence`",
            remedy="Pass stats=LabelStats.from_targets(y_train), or prevalence=[...].",
        )
    if prevalence is not None:
        shares = label_vector("prevalence", prevalence)
        outside = np.flatnonzero((shares <= 0) | (shares >= 1))
        if len(outside):
            raise InvalidInput(
                "`prevalence` must lie strictly between 0 and 1: a prior of 0 or 1 has infinite "
                "log-odds.",
                received=f"{shares[outside[0]]} for label {outside[0]}",
                remedy="Pass stats=LabelStats.from_targets(y_train), which smooths such counts, "
                "or leave the label out.",
            )
        return shares
    if not all(hasattr(stats, name) for name in ("prevalence", "positives", "n_known")):
        raise InvalidInput(
            "`stats` must be a LabelStats.",
            received=type(stats).__name__,
            remedy="Pass LabelStats.from_targets(y_train), or a list as prevalence.",
        )
    assert stats is not None
    smoothed = (stats.positives + 0.5) / (stats.n_known + 1.0)
    certain = (stats.positives == 0) | (stats.positives == stats.n_known)
    return np.where(certain, smoothed, stats.prevalence)


def check_same_labels(stats: LabelStats | None, weights: LabelWeights | None) -> None:
    """Raises InvalidInput if statistics and weights name different labels."""
    if stats is None or weights is None or stats.label_names == weights.label_names:
        return
    raise InvalidInput(
        "`stats` and `weights` are of different labels.",
        received=f"{shown_list(stats.label_names)} beside {shown_list(weights.label_names)}",
        remedy="Make both from the same columns: LabelWeights.from_stats(stats).",
    )

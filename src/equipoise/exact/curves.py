"""Curves read off at fixed places, so that labels and folds can be averaged."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_choice
from equipoise._kernels.ranking import Cells, curve
from equipoise.exact.cells import read_scored

_RECALLS = np.linspace(0, 1, 21)


def precision_at_recall(
    y_true: Any,
    y_score: Any,
    recalls: ArrayLike = _RECALLS,
    *,
    average: Literal["macro", "micro"] | None = "macro",
    sample_weight: Any = None,
) -> NDArray[np.float64]:
    """The best precision among all thresholds that reach a recall.

        P(r) = max over thresholds with recall ≥ r of precision

    Read as a curve it flatters a little, as every maximum does: take average precision to compare
    models, and this to see where they differ.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        recalls: (R,) recalls in [0, 1].
        average: "macro" (labels without positives left out), "micro" (all cells as one label) or
            None for one row per label.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells.

    Returns:
        (R,) precisions, or (L, R) with average=None; NaN where there is no positive.

    Raises:
        InvalidInput: recalls outside [0, 1], or what the other metrics refuse.

    Examples:
        >>> precision_at_recall([1, 0, 1], [0.9, 0.5, 0.4], recalls=[0.5, 1.0])
        array([1.        , 0.66666667])
    """
    check_choice("average", average, (None, "macro", "micro"))
    wanted = np.asarray(recalls, dtype=np.float64)
    if wanted.ndim != 1 or not ((wanted >= 0) & (wanted <= 1)).all():
        raise InvalidInput(
            "`recalls` must be numbers from 0 to 1.", received=np.array2string(wanted, threshold=6)
        )
    cells = read_scored(y_true, y_score, sample_weight)

    def of(pool: Cells) -> NDArray[np.float64]:
        c = curve(pool, compiled=cells.large)
        if c.positive == 0:
            return np.full(len(wanted), np.nan)
        best = np.maximum.accumulate((c.tp / (c.tp + c.fp))[::-1])[::-1]
        # A recall that rounding has moved by 1e-12 is still reached.
        reached = np.searchsorted(c.tp, wanted * c.positive * (1 - 1e-12))
        return best[np.minimum(reached, len(best) - 1)]

    if average == "micro":
        return of(cells.pool())
    per_label = np.array(cells.map_labels(of))
    if average is None:
        return per_label
    defined = ~np.isnan(per_label[:, 0]) if len(wanted) else np.zeros(len(per_label), bool)
    if not defined.any():
        return np.full(len(wanted), np.nan)
    return per_label[defined].mean(axis=0)

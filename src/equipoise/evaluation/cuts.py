"""What each label's decisions would be at other thresholds: exact counts at a few dozen cuts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise._kernels.ranking import Cells
from equipoise.decision import Thresholds
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

_DIGITS = 4  # significant digits of a cut: as many as anybody would type
_MOST, _FEWEST, _CUTS = 60, 12, 48_000  # cuts of a label, and of all labels together
_LABELS = 2_000


def threshold_cuts(cells: ScoredCells, thresholds: Thresholds) -> list[dict[str, Any]]:
    """Returns for each label its cuts, and the positives and negatives that reach them.

        tp[i] = Σ w · [y = 1, score ≥ cuts[i]],   fp[i] = Σ w · [y = 0, score ≥ cuts[i]]

    Cuts are spread over the scores of the positives and, closer and closer to the top, over all
    scores, and rounded; the counts are those of the rounded cut. The threshold in use is among
    them as it is. Unknown cells count for nothing.

    Args:
        cells: labels and scores.
        thresholds: those in use, one for each label.

    Returns:
        Of each label "name", "positives", "negatives", "cuts" (ascending), "tp", "fp" and
        "chosen", the index of the threshold in use; the most frequent labels only, where there
        are very many. Nothing where a bound on the labels of a row decides as well: there a count
        would need all labels together.
    """
    if thresholds.labels_per_row is not None:
        return []
    n_cuts = int(np.clip(_CUTS / cells.n_labels, _FEWEST, _MOST))
    each = zip(cells.names, thresholds.values.tolist(), strict=True)

    def of_label(label: Cells) -> dict[str, Any]:
        name, chosen = next(each)
        return {"name": name, **_of_label(label, chosen, n_cuts)}

    found = cells.map_labels(of_label)
    found.sort(key=lambda label: -label["positives"])
    return found[:_LABELS]


def _of_label(label: Cells, chosen: float, n_cuts: int) -> dict[str, Any]:
    scores, positive, weights = label.present()
    sides = [
        _Side(scores[rows], None if weights is None else weights[rows])
        for rows in (positive != 0, positive == 0)
    ]
    cuts = _cuts([side.scores for side in sides], chosen, n_cuts)
    tp, fp = (side.reaching(cuts) for side in sides)
    total_positive, total_negative = (side.reaching(np.array([-np.inf]))[0] for side in sides)
    return {
        "positives": total_positive,
        "negatives": total_negative,
        "cuts": cuts.tolist(),
        "tp": tp,
        "fp": fp,
        "chosen": int(np.searchsorted(cuts, chosen)),
    }


class _Side:
    """The positives, or the negatives, of one label in the order of their scores."""

    def __init__(self, scores: NDArray[Any], weights: Float | None):
        self._upwards = None
        if weights is None:
            self.scores = np.sort(scores).astype(np.float64)
            return
        order = np.argsort(scores)
        self.scores = scores[order].astype(np.float64)
        # From each row to the highest one; 0 beyond.
        self._upwards = np.append(np.cumsum(weights[order][::-1])[::-1], 0.0)

    def reaching(self, cuts: Float) -> list[Any]:
        """Returns how many, or what weight, have a score of at least each cut."""
        first = np.searchsorted(self.scores, cuts, side="left")
        if self._upwards is None:
            return (len(self.scores) - first).tolist()
        return [float(f"{weight:.6g}") for weight in self._upwards[first].tolist()]


def _cuts(sides: list[Float], chosen: float, n_cuts: int) -> Float:
    """Ascending cuts; the lowest lets every row through and the highest none but the top."""
    merged = np.sort(np.concatenate(sides))
    merged = merged[np.isfinite(merged)]
    places = [np.array([chosen])]
    if len(merged):
        half = max(n_cuts // 2 - 1, 1)
        from_top = np.geomspace(1, len(merged), half).astype(np.intp)
        places.append(_rounded(merged[len(merged) - from_top]))
        places.append(_rounded(merged[:1], down=True))
    positives = sides[0][np.isfinite(sides[0])]
    if len(positives):
        at = np.linspace(0, len(positives) - 1, min(n_cuts // 2, len(positives)))
        places.append(_rounded(positives[at.astype(np.intp)]))
    return np.unique(np.concatenate(places))


def _rounded(values: Float, down: bool = False) -> Float:
    with np.errstate(divide="ignore"):
        exponent = np.floor(np.log10(np.abs(values)))
    step = 10.0 ** (np.where(np.isfinite(exponent), exponent, 0.0) - (_DIGITS - 1))
    rounded = np.floor(values / step) * step if down else np.round(values / step) * step
    # What is left of the products (0.30000000000000004) goes by way of text.
    return np.array([float(f"{value:.{_DIGITS}g}") for value in rounded])

"""Metrics of probabilities: log loss, Brier score and expected calibration error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from equipoise._errors import InvalidInput, check_choice, check_integer, check_number
from equipoise._kernels.ranking import Cells
from equipoise.exact import averaging
from equipoise.exact._row_ranks import row_weights
from equipoise.exact.averaging import Average, Result, ratio
from equipoise.exact.cells import ScoredCells, read_scored

Float = NDArray[np.float64]

_BLOCK = 1 << 18  # cells worked on at a time


def log_loss(
    y_true: Any, y_prob: Any, *, average: Average = "macro", sample_weight: Any = None
) -> Result:
    """Log loss: the mean surprise, in nats, of each label's outcome.

        −log p where the label is there, −log(1 − p) where it is not

    p and 1 − p are clipped to [ε, 1 − ε], with ε that of the dtype (1.2e-7 for float32, 2.2e-16
    for float64), as in scikit-learn; a sure mistake costs 15.9 or 36.0. Not to be compared
    between dtypes where such mistakes occur. scikit-learn adds up float32 losses in float32;
    here all sums are float64.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_prob: (N, L) probabilities of the labels.
        average: "macro", None for one value per label, "micro" (all cells alike), "weighted" (by
            positives) or "samples". A label of which nothing is known is left out (None: NaN).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, values outside [0, 1], weights below 0.
        Undefined: no cell is known.

    Examples:
        >>> log_loss([1, 0], [.5, .5])
        0.6931471805599453
    """
    return _mean_of_cells(_log_losses, "log_loss", y_true, y_prob, average, sample_weight)


def brier_score(
    y_true: Any, y_prob: Any, *, average: Average = "macro", sample_weight: Any = None
) -> Result:
    """Brier score: the mean squared difference of probability and outcome.

        (p − y)²

    Not for comparing labels of different prevalence: always saying the prevalence π scores
    π(1 − π), which is small for a rare label.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_prob: (N, L) probabilities of the labels.
        average: "macro", None for one value per label, "micro" (all cells alike), "weighted" (by
            positives) or "samples". A label of which nothing is known is left out (None: NaN).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, values outside [0, 1], weights below 0.
        Undefined: no cell is known.

    Examples:
        >>> brier_score([1, 0], [.5, 0.])
        0.125

    Reference: Brier, Monthly Weather Review 78(1), 1950.
    """
    return _mean_of_cells(_squared_errors, "brier_score", y_true, y_prob, average, sample_weight)


def expected_calibration_error(
    y_true: Any,
    y_prob: Any,
    *,
    n_bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
    average: Literal["macro", "micro", "weighted"] | None = "macro",
    sample_weight: Any = None,
) -> Result:
    """Expected calibration error: how far mean probability and frequency are apart, bin by bin.

        Σ_b (n_b / n) |mean of y in b − mean of p in b|

    A bin holds (left edge, right edge]; equal probabilities are always in one bin. Not for few
    rows: with n rows of a perfect model it is about √(bins / n) above 0, and equal-width bins
    hide errors where probabilities crowd (rare labels: near 0); "mass" shows them.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_prob: (N, L) probabilities of the labels.
        n_bins: number of bins.
        strategy: "width" for bins of equal width over [0, 1], "mass" for bins of equal weight.
        average: "macro", None for one value per label, "micro" (all cells as one label) or
            "weighted" (by positives). A label of which nothing is known is left out (None: NaN).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, values outside [0, 1], weights below 0.
        Undefined: no cell is known.

    Examples:
        >>> expected_calibration_error([1, 0, 1, 1], [.9, .1, .9, .5], n_bins=2)
        0.15

    Reference: Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, eq. 3.
    """
    check_choice("average", average, averaging.OVER_LABELS)
    check_choice("strategy", strategy, ("width", "mass"))
    n_bins = check_integer("n_bins", n_bins, minimum=1)
    cells = _read(y_true, y_prob, sample_weight)
    if average == "micro":
        value, _, _ = _calibration_error(cells.pool(), n_bins, strategy)
        return averaging.of_pool(value, undefined="skip", metric="expected_calibration_error")
    found = np.array(cells.map_labels(lambda c: _calibration_error(c, n_bins, strategy)))
    return averaging.over_labels(
        found[:, 0],
        average=average,
        support=found[:, 1],
        total=found[:, 2],
        names=cells.names,
        undefined="skip",
        metric="expected_calibration_error",
    )


class ReliabilityCurve(NamedTuple):
    """Bins of equal probabilities, from low to high; empty ones are left out.

    Attributes:
        predicted: (bins,) mean probability.
        observed: (bins,) share of positives.
        low: (bins,) lower end of the interval of the true share.
        high: (bins,) upper end.
        weight: (bins,) weight of the cells (their number, without weights).
    """

    predicted: Float
    observed: Float
    low: Float
    high: Float
    weight: Float


def reliability_curve(
    y_true: Any,
    y_prob: Any,
    *,
    n_bins: int = 10,
    strategy: Literal["width", "mass"] = "mass",
    confidence: float = 0.95,
    sample_weight: Any = None,
) -> ReliabilityCurve:
    """Share of positives against mean probability, bin by bin, with intervals (Wilson).

    All labels are pooled; pass one column for one label. Not for a verdict on few rows: with
    n_bins intervals at 95%, one in twenty misses the diagonal by chance.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_prob: (N, L) probabilities of the labels.
        n_bins: number of bins.
        strategy: "mass" for bins of equal weight, "width" for bins of equal width over [0, 1].
        confidence: of the intervals.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out. The intervals take
            the effective number of cells of a bin, (Σw)² / Σw².

    Raises:
        InvalidInput: shapes that do not fit, values outside [0, 1], weights below 0.

    Examples:
        >>> curve = reliability_curve([0, 1, 1, 1], [.1, .2, .8, .9], n_bins=2)
        >>> curve.predicted, curve.observed
        (array([0.15, 0.85]), array([0.5, 1. ]))

    Reference: Wilson, JASA 22, 1927.
    """
    check_choice("strategy", strategy, ("width", "mass"))
    n_bins = check_integer("n_bins", n_bins, minimum=1)
    check_number(
        "confidence", confidence, minimum=0, maximum=1, open_minimum=True, open_maximum=True
    )
    p, y, w = _read(y_true, y_prob, sample_weight).pool().present()
    bins = np.searchsorted(_edges(p, w, n_bins, strategy), p)
    weights = np.ones(len(p)) if w is None else w
    mass, predicted, observed, squares = (
        np.bincount(bins, weights=part, minlength=n_bins).astype(np.float64)
        for part in (weights, weights * p, weights * y, weights**2)
    )
    filled = mass > 0
    mass, squares = mass[filled], squares[filled]
    predicted, observed = predicted[filled] / mass, observed[filled] / mass
    n, z = mass**2 / squares, float(ndtri((1 + confidence) / 2))
    middle = (observed + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(observed * (1 - observed) / n + z**2 / (4 * n**2))
    low, high = np.maximum(middle - half, 0.0), np.minimum(middle + half, 1.0)
    return ReliabilityCurve(predicted, observed, low, high, mass)


def _edges(p: NDArray[Any], w: Float | None, n_bins: int, strategy: str) -> NDArray[Any]:
    """Returns the inner edges of the bins."""
    if strategy == "width":
        return np.linspace(0, 1, n_bins + 1)[1:-1]
    return _equal_mass_edges(p, w, n_bins)


def _read(y_true: Any, y_prob: Any, sample_weight: Any) -> ScoredCells:
    cells = read_scored(y_true, y_prob, sample_weight, argument="y_prob")
    low, high = cells.limits
    if low < 0 or high > 1:
        raise InvalidInput(
            "`y_prob` must hold probabilities in [0, 1].",
            received=f"values from {low:g} to {high:g}",
            remedy="Turn logits into probabilities first: scipy.special.expit(logits).",
        )
    return cells


def _log_losses(y: NDArray[np.uint8], p: NDArray[Any]) -> Float:
    chance = np.where(y == 1, p, 1 - p)  # of what happened, in the dtype of p
    epsilon = np.finfo(p.dtype).eps
    return -np.log(np.clip(chance, epsilon, 1 - epsilon).astype(np.float64))


def _squared_errors(y: NDArray[np.uint8], p: NDArray[Any]) -> Float:
    return (p.astype(np.float64) - y) ** 2


def _mean_of_cells(
    loss: Callable[[NDArray[np.uint8], NDArray[Any]], Float],
    metric: str,
    y_true: Any,
    y_prob: Any,
    average: Average,
    sample_weight: Any,
) -> Result:
    check_choice("average", average, averaging.OVER_ALL)
    cells = _read(y_true, y_prob, sample_weight)
    by_row = average == "samples"
    sums: list[list[Float]] = []
    for rows in _row_blocks(cells):
        y, weights = cells.positive[rows], _cell_weights(cells, rows, by_row)
        parts = (weights * loss(y, cells.scores[rows]), weights * y, weights)
        sums.append([part.sum(axis=1 if by_row else 0) for part in parts])
    if by_row:
        total, _, mass = (np.concatenate(part) for part in zip(*sums, strict=True))
        return averaging.over_rows(
            ratio(total, mass), weights=row_weights(cells), undefined="skip", metric=metric
        )
    total, support, mass = (np.sum(part, axis=0) for part in zip(*sums, strict=True))
    if average == "micro":
        value = float(ratio(total.sum(), mass.sum()))
        return averaging.of_pool(value, undefined="skip", metric=metric)
    return averaging.over_labels(
        ratio(total, mass),
        average=average,
        support=support,
        total=mass,
        names=cells.names,
        undefined="skip",
        metric=metric,
    )


def _row_blocks(cells: ScoredCells) -> list[slice]:
    rows = max(1, _BLOCK // cells.n_labels)
    return [slice(start, start + rows) for start in range(0, cells.n_rows, rows)]


def _cell_weights(cells: ScoredCells, rows: slice, by_row: bool) -> Float:
    """Returns (rows, L) weights, 0 where unknown; by row, weights of whole rows are left out."""
    shape = cells.scores[rows].shape
    if cells.weights is None or (by_row and cells.weights.shape[1] == 1):
        weights = np.ones(shape)
    else:
        weights = np.broadcast_to(cells.weights[rows], shape)
    return weights if cells.known is None else np.where(cells.known[rows], weights, 0.0)


def _calibration_error(cells: Cells, n_bins: int, strategy: str) -> tuple[float, float, float]:
    """Returns the error of one pool, the weight of its positives and of all its cells."""
    p, y, w = cells.present()
    edges = _edges(p, w, n_bins, strategy)
    mass, surplus, positive = np.zeros(n_bins), np.zeros(n_bins), 0.0
    for start in range(0, len(p), _BLOCK):
        part = slice(start, start + _BLOCK)
        bins = np.searchsorted(edges, p[part])  # left: a value on an edge is in the lower bin
        weight = np.ones(len(bins)) if w is None else w[part]
        mass += np.bincount(bins, weights=weight, minlength=n_bins)
        surplus += np.bincount(
            bins, weights=weight * (y[part] - p[part].astype(np.float64)), minlength=n_bins
        )
        positive += float(np.sum(weight * y[part]))
    total = float(mass.sum())
    return (float(np.abs(surplus).sum()) / total if total else np.nan), positive, total


def _equal_mass_edges(p: NDArray[Any], w: Float | None, n_bins: int) -> NDArray[Any]:
    """Returns the smallest probabilities at which 1/B, 2/B, … of the weight is reached."""
    if len(p) == 0:
        return p
    shares = np.arange(1, n_bins)
    if w is None:  # share·n/B rounded up, in whole numbers
        return np.sort(p)[-(-shares * len(p) // n_bins) - 1]
    order = np.argsort(p, kind="stable")
    reached = np.cumsum(w[order])
    return p[order][np.searchsorted(reached, shares * reached[-1] / n_bins)]

"""Metrics of ranked scores: over the rows of each label, and over the labels of each row.

Formulas are functions of a `Curve` (one label, or one pool) and of `RowRanks` (rows); what users
call reads the input, applies one of them and averages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import check_choice
from equipoise._kernels.label_sums import (
    label_sums,
    label_sums_numpy,
    pairs_in_order,
    precision_gained,
)
from equipoise._kernels.ranking import Cells, Curve, curve, sum_over_curve
from equipoise.exact import averaging
from equipoise.exact._row_ranks import RowRanks, per_row, row_weights
from equipoise.exact.averaging import Average, Result, Score, WhenUndefined, ratio
from equipoise.exact.cells import ScoredCells, read_scored

Float = NDArray[np.float64]


# ---------------------------------------------------------------------------- over rows, by label


def roc_auc(
    y_true: Any,
    y_score: Any,
    *,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Area under the ROC curve: how often a positive outscores a negative; ties count one half.

        P(s₊ > s₋) + ½ P(s₊ = s₋)

    Not for a rare label whose few positives matter at the top only: a good value can go with a
    poor precision there; look at `average_precision` as well. Undefined without positives or
    without negatives (scikit-learn then warns and returns NaN).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely; infinities count by rank.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> roc_auc([[1, 0], [0, 0], [1, 0]], [[.9, .2], [.4, .6], [.4, .1]])
        0.75 (undefined for 'label_1')
    """
    averaging.check_averaging(average, undefined, averaging.OVER_ALL)
    cells = read_scored(y_true, y_score, sample_weight)
    if average == "samples":
        values = per_row(cells, _row_roc_auc)
        return averaging.over_rows(
            values, weights=row_weights(cells), undefined=undefined, metric="roc_auc"
        )
    return _averaged_sum(cells, pairs_in_order, _divided_by_pairs, average, undefined, "roc_auc")


def average_precision(
    y_true: Any,
    y_score: Any,
    *,
    average: Average = "macro",
    interpolated: bool = False,
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Average precision: precision averaged over the recall gained at each distinct score.

        AP = Σ_k (R_k − R_{k−1}) P_k          interpolated: max_{j≥k} P_j in place of P_k

    Not comparable between labels of different prevalence: a random ranking reaches the
    prevalence. Undefined without positives (scikit-learn: 0).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely; infinities count by rank.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        interpolated: let no precision be lower than a later one, as in the PASCAL VOC
            challenge; it flatters, so report which one you used.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> average_precision([1, 0, 1], [.9, .5, .4])
        0.8333333333333333
        >>> average_precision([0, 1, 1], [.9, .5, .4], interpolated=True)
        0.6666666666666666
    """
    averaging.check_averaging(average, undefined, averaging.OVER_ALL)
    check_choice("interpolated", interpolated, (False, True))
    cells = read_scored(y_true, y_score, sample_weight)
    if average == "samples":
        values = per_row(cells, _row_interpolated_ap if interpolated else _row_ap)
        return averaging.over_rows(
            values, weights=row_weights(cells), undefined=undefined, metric="average_precision"
        )
    term = _interpolated_precision_gained if interpolated else precision_gained
    return _averaged_sum(
        cells, term, _divided_by_positives, average, undefined, "average_precision"
    )


def _averaged_sum(
    cells: ScoredCells,
    term: Callable[[Curve], float],
    share: Callable[[Any, Any, Any], Any],
    average: Average,
    undefined: str,
    metric: str,
) -> Result:
    """Averages share(sum of `term` over the curve, positives, negatives)."""

    def total(pool: Cells) -> tuple[float, float, float]:
        if term is not _interpolated_precision_gained:
            return sum_over_curve(pool, term, compiled=cells.large)
        full = curve(pool, compiled=cells.large)  # no sum over the entries of a curve
        return term(full), full.positive, full.negative

    if average == "micro":
        value = float(share(*total(cells.pool())))
        return averaging.of_pool(value, undefined=undefined, metric=metric)
    at_once: dict[Any, int] = {pairs_in_order: 0, precision_gained: 1}
    if cells.weights is None and term in at_once:
        sums_of_labels = label_sums if cells.large else label_sums_numpy
        sums = sums_of_labels(cells.scores, cells.positive, cells.known)
        totals, positives, negatives = sums[:, [at_once[term], 2, 3]].T
    else:
        totals, positives, negatives = np.array(cells.map_labels(total), dtype=np.float64).T
    return averaging.over_labels(
        share(totals, positives, negatives),
        average=average,
        support=positives,
        total=positives + negatives,
        names=cells.names,
        undefined=undefined,
        metric=metric,
    )


def _interpolated_precision_gained(c: Curve) -> float:
    precision = np.maximum.accumulate((c.tp / (c.tp + c.fp))[::-1])[::-1]
    return float(np.sum(c.gained * precision))


def _divided_by_pairs(total: Any, positives: Any, negatives: Any) -> Any:
    return np.minimum(ratio(total, positives * negatives), 1.0)  # rounding reaches 1 + 2e-16


def _divided_by_positives(total: Any, positives: Any, negatives: Any) -> Any:
    return np.minimum(ratio(total, positives), 1.0)


# ---------------------------------------------------------------------------- over labels, by row


def label_ranking_average_precision(
    y_true: Any, y_score: Any, *, sample_weight: Any = None, undefined: str = "skip"
) -> Score:
    """Label-ranking average precision: the mean precision at each label that a row has.

        mean over rows of 1/|Y_i| Σ_{l∈Y_i} |{k∈Y_i: s_k ≥ s_l}| / |{k: s_k ≥ s_l}|

    Not for data with many unlabelled rows read with undefined="one": they score 1 whatever the
    model says (that is scikit-learn's convention). Left out by default.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells of a row; 0 leaves out.
        undefined: "skip" leaves rows without labels out and counts them in
            `Score.n_undefined`; "one" counts them as 1.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0.
        Undefined: no row has a label.

    Examples:
        >>> label_ranking_average_precision([[1, 0, 0], [0, 0, 1]], [[.75, .5, 1], [1, .2, .1]])
        0.41666666666666663

    Reference: Tsoumakas, Katakis and Vlahavas, Mining multi-label data, 2010.
    """
    check_choice("undefined", undefined, ("skip", "one"))
    cells = read_scored(y_true, y_score, sample_weight)
    return averaging.over_rows(
        per_row(cells, _row_ap),
        weights=row_weights(cells),
        undefined=undefined,
        metric="label_ranking_average_precision",
        filling=1.0,
    )


def ranking_loss(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Score:
    """Ranking loss: the share of a row's (label it has, label it lacks) pairs in wrong order.

        mean over rows of |{(l, k): y_l = 1, y_k = 0, s_k ≥ s_l}| / (|Y_i| · |not Y_i|)

    A tie counts as wrong. 0 is best. Not for rows without any label, or with all of them: there
    is no pair to order; scikit-learn counts such rows as 0, which flatters.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells of a row; 0 leaves out.
        undefined: "skip" leaves rows without a pair out and counts them in
            `Score.n_undefined`; "zero" counts them as 0.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0.
        Undefined: no row has a pair.

    Examples:
        >>> ranking_loss([[1, 0, 0], [0, 0, 1]], [[.75, .5, 1], [1, .2, .1]])
        0.75

    Reference: Tsoumakas, Katakis and Vlahavas, Mining multi-label data, 2010.
    """
    check_choice("undefined", undefined, ("skip", "zero"))
    cells = read_scored(y_true, y_score, sample_weight)
    return averaging.over_rows(
        per_row(cells, _row_ranking_loss),
        weights=row_weights(cells),
        undefined=undefined,
        metric="ranking_loss",
    )


def coverage_error(
    y_true: Any,
    y_score: Any,
    *,
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Score:
    """Coverage error: how far down a row's ranking one must go to meet all of its labels.

        mean over rows of max_{l∈Y_i} |{k: s_k ≥ s_l}|

    Best is the mean number of labels per row that has any. Not comparable between data with
    different numbers of labels. scikit-learn counts rows without labels as 0.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells of a row; 0 leaves out.
        undefined: "skip" leaves rows without labels out and counts them in
            `Score.n_undefined`; "zero" counts them as 0.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0.
        Undefined: no row has a label.

    Examples:
        >>> coverage_error([[1, 0, 0], [0, 0, 1]], [[.75, .5, 1], [1, .2, .1]])
        2.5

    Reference: Tsoumakas, Katakis and Vlahavas, Mining multi-label data, 2010.
    """
    check_choice("undefined", undefined, ("skip", "zero"))
    cells = read_scored(y_true, y_score, sample_weight)
    return averaging.over_rows(
        per_row(cells, _row_coverage),
        weights=row_weights(cells),
        undefined=undefined,
        metric="coverage_error",
    )


def _row_roc_auc(r: RowRanks) -> Float:
    right = r.negative[:, None] - (r.fp_before + r.fp) / 2
    return np.minimum(ratio(_row_dot(r.gained, right), r.positive * r.negative), 1.0)


def _row_ap(r: RowRanks) -> Float:
    return np.minimum(ratio(_row_dot(r.gained, _row_precision(r)), r.positive), 1.0)


def _row_interpolated_ap(r: RowRanks) -> Float:
    precision = np.maximum.accumulate(_row_precision(r)[:, ::-1], axis=1)[:, ::-1]
    return np.minimum(ratio(_row_dot(r.gained, precision), r.positive), 1.0)


def _row_precision(r: RowRanks) -> Float:
    return r.tp / np.where(r.tp > 0, r.tp + r.fp, 1.0)


def _row_ranking_loss(r: RowRanks) -> Float:
    return np.minimum(ratio(_row_dot(r.gained, r.fp), r.positive * r.negative), 1.0)


def _row_coverage(r: RowRanks) -> Float:
    depth = np.where(r.gained > 0, r.tp + r.fp, 0.0).max(axis=1)
    return np.where(r.positive > 0, depth, np.nan)


def _row_dot(a: Float, b: Float) -> Float:
    return np.einsum("ij,ij->i", a, b)

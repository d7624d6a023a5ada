"""Metrics of decisions: precision, recall, F-beta and their kin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from equipoise._errors import InvalidInput, check_number
from equipoise.exact import averaging
from equipoise.exact._confusion import (
    Confusion,
    Decisions,
    balanced_accuracy_of,
    error_of,
    f_beta_of,
    matthews_of,
    precision_of,
    read_decisions,
    recall_of,
)
from equipoise.exact.averaging import Average, Result, Score, WhenUndefined


def precision(
    y_true: Any,
    y_pred: Any,
    *,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Precision: how much of what was predicted is right.

        tp / (tp + fp)

    Undefined where nothing is predicted (scikit-learn: 0 with a warning). A mean that skips such
    labels flatters a model that never predicts its rare labels: read `Score.undefined` with it,
    or use `f_beta`.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> precision([[1, 0], [1, 1], [0, 0]], [[1, 0], [0, 1], [1, 0]], average=None)
        array([0.5, 1. ])
    """
    return _averaged(precision_of, "precision", y_true, y_pred, average, sample_weight, undefined)


def recall(
    y_true: Any,
    y_pred: Any,
    *,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Recall: how much of what is positive was predicted.

        tp / (tp + fn)

    Not to be read alone: predicting everything reaches 1. Undefined without positives
    (scikit-learn: 0 with a warning).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> recall([[1, 0], [1, 1], [0, 0]], [[1, 0], [0, 1], [1, 0]], average="micro")
        0.6666666666666666
    """
    return _averaged(recall_of, "recall", y_true, y_pred, average, sample_weight, undefined)


def f_beta(
    y_true: Any,
    y_pred: Any,
    *,
    beta: float = 1.0,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """F-beta: the harmonic mean of precision and recall, recall weighing β² times as much.

        (1 + β²) tp / ((1 + β²) tp + β² fn + fp)

    Macro is the mean of the labels' F, not the F of mean precision and recall. Not comparable
    between labels of different prevalence. Undefined where nothing is positive and nothing
    predicted (scikit-learn: 0 with a warning); with positives and no prediction it is 0.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        beta: weight of recall; above 0.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> f_beta([[1, 0], [1, 0], [0, 0]], [[1, 0], [0, 0], [1, 0]])
        0.5 (undefined for 'label_1')

    Reference: van Rijsbergen, Information Retrieval, 1979, chapter 7.
    """
    beta = check_number("beta", beta, minimum=0, open_minimum=True, maximum=1e6)
    formula = partial(f_beta_of, beta=beta)
    return _averaged(formula, "f_beta", y_true, y_pred, average, sample_weight, undefined)


def balanced_accuracy(
    y_true: Any,
    y_pred: Any,
    *,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Balanced accuracy: the mean of the recall of positives and the recall of negatives.

        (tp / (tp + fn) + tn / (tn + fp)) / 2

    Not for a rare label where precision matters: a thousand false alarms in a million negatives
    hardly show. Undefined without positives or without negatives (scikit-learn then returns the
    recall of the class that is there).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> balanced_accuracy([1, 1, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1])
        0.625
    """
    return _averaged(
        balanced_accuracy_of,
        "balanced_accuracy",
        y_true,
        y_pred,
        average,
        sample_weight,
        undefined,
    )


def matthews_correlation(
    y_true: Any,
    y_pred: Any,
    *,
    average: Average = "macro",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Matthews correlation: the correlation of labels and decisions.

        (tp·tn − fp·fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn))

    Not comparable between labels of different prevalence. Undefined where labels or decisions
    are all alike (scikit-learn: 0).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        average: None for one value per label (NaN where undefined), "macro", "micro" (all cells
            as one label), "weighted" (by positives) or "samples" (over each row's labels).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        undefined: "skip" leaves undefined labels out and names them in `Score.undefined`; "zero"
            counts them as 0.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: nothing is left to average.

    Examples:
        >>> matthews_correlation([1, 1, 0, 0], [1, 0, 0, 0])
        0.5773502691896258

    Reference: Matthews, Biochimica et Biophysica Acta 405, 1975.
    """
    return _averaged(
        matthews_of, "matthews_correlation", y_true, y_pred, average, sample_weight, undefined
    )


def hamming_loss(
    y_true: Any, y_pred: Any, *, average: Average = "micro", sample_weight: Any = None
) -> Result:
    """Hamming loss: the share of wrong cells.

        (fp + fn) / known cells

    Not for rare labels: predicting nothing at all gives the label density, which looks small.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        average: "micro" (all cells alike), None for one value per label, "macro", "weighted" or
            "samples". They differ only where cells are unknown or weighted.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A `Score`, or an (L,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, decisions other than 0 and 1, weights below 0.
        Undefined: no cell is known.

    Examples:
        >>> hamming_loss([[1, 0], [1, 1]], [[1, 1], [1, 1]])
        0.25
    """
    return _averaged(error_of, "hamming_loss", y_true, y_pred, average, sample_weight, "skip")


def subset_accuracy(y_true: Any, y_pred: Any, *, sample_weight: Any = None) -> Score:
    """Subset accuracy: the share of rows whose known labels are all predicted right.

    Not for many labels: one wrong cell in a hundred makes a row as wrong as a hundred do. A row
    of which nothing is known is left out.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_pred: (N, L) decisions, 0/1 or bool, dense or sparse.
        sample_weight: (N,) or (N, 1) for rows.

    Raises:
        InvalidInput: shapes that do not fit, weights of cells, decisions other than 0 and 1.
        Undefined: no row is known.

    Examples:
        >>> subset_accuracy([[1, 0], [1, 1], [0, 0]], [[1, 1], [1, 1], [0, 0]])
        0.6666666666666666
    """
    decisions = read_decisions(y_true, y_pred, sample_weight)
    if decisions.weights is not None and decisions.weights.shape[1] > 1:
        raise InvalidInput(
            "`subset_accuracy` weighs rows, not cells.",
            received=f"sample_weight.shape={decisions.weights.shape}",
            remedy="Pass (N,) weights; write NaN into y_true for cells that must not count.",
        )
    rows = decisions.by_row()
    right = np.where(rows.total > 0, rows.fp + rows.fn == 0, np.nan)
    return averaging.over_rows(
        right,
        weights=_present_rows(decisions, rows),
        undefined="skip",
        metric="subset_accuracy",
    )


def _averaged(
    formula: Callable[[Confusion], Any],
    metric: str,
    y_true: Any,
    y_pred: Any,
    average: Average,
    sample_weight: Any,
    undefined: str,
) -> Result:
    averaging.check_averaging(average, undefined, averaging.OVER_ALL)
    decisions = read_decisions(y_true, y_pred, sample_weight)
    if average == "samples":
        rows = decisions.by_row()
        return averaging.over_rows(
            formula(rows),
            weights=_present_rows(decisions, rows),
            undefined=undefined,
            metric=metric,
        )
    labels = decisions.by_label()
    if average == "micro":
        return averaging.of_pool(formula(labels.summed()), undefined=undefined, metric=metric)
    return averaging.over_labels(
        formula(labels),
        average=average,
        support=labels.positive,
        total=labels.total,
        names=decisions.targets.label_names,
        undefined=undefined,
        metric=metric,
    )


def _present_rows(decisions: Decisions, rows: Confusion) -> Any:
    return np.where(rows.total > 0, decisions.row_weights(), 0.0)

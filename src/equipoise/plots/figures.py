"""The plots: data from `plots.data`, drawn by the report's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from equipoise._errors import require
from equipoise.decision import Thresholds
from equipoise.plots import data

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def precision_recall(
    y_true: Any, y_score: Any, labels: int | Sequence[str] = 6, *, sample_weight: Any = None
) -> Figure:
    """Best precision at each recall: a line per label, a few in colour, and their mean.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        labels: names of those in colour, or how many, spread over the frequencies.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A matplotlib figure; `figure.savefig(path)` writes it.

    Raises:
        InvalidInput: no label has a positive; a name that does not exist.

    Examples:
        >>> figure = precision_recall([[1, 0], [0, 1], [1, 1]], [[.9, .2], [.4, .6], [.6, .1]])
        >>> len(figure.axes[0].lines)
        3
    """
    return _drawn(data.precision_recall(y_true, y_score, labels, sample_weight=sample_weight))


def roc(
    y_true: Any, y_score: Any, labels: int | Sequence[str] = 6, *, sample_weight: Any = None
) -> Figure:
    """True against false positive rate: a line per label, a few in colour, and their mean.

    Not for rare labels alone: with a thousand negatives for each positive, a false positive rate
    of .01 is ten false alarms for a hit; see `precision_recall`.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        labels: names of those in colour, or how many, spread over the frequencies.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A matplotlib figure.

    Raises:
        InvalidInput: no label has a positive and a negative; a name that does not exist.

    Examples:
        >>> roc([1, 0, 1], [.9, .8, .3]).axes[0].get_ylabel()
        'true positive rate'
    """
    return _drawn(data.roc(y_true, y_score, labels, sample_weight=sample_weight))


def reliability(
    y_true: Any,
    y_prob: Any,
    labels: Sequence[str] = (),
    *,
    n_bins: int = 10,
    sample_weight: Any = None,
) -> Figure:
    """Share of positives against mean probability, in bins of equal weight, with 95% intervals.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_prob: (N, L) probabilities.
        labels: names of labels to show beside all cells together.
        n_bins: number of bins.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A matplotlib figure.

    Raises:
        InvalidInput: values outside [0, 1]; a name that does not exist.

    Examples:
        >>> reliability([0, 1, 1, 1], [.1, .2, .8, .9], n_bins=2).axes[0].get_xlabel()
        'predicted probability'
    """
    figure = data.reliability(y_true, y_prob, labels, n_bins=n_bins, sample_weight=sample_weight)
    return _drawn(figure)


def threshold_curve(
    y_true: Any,
    y_score: Any,
    label: str | int = 0,
    metric: str = "f1",
    *,
    beta: float | None = None,
    threshold: float | None = None,
) -> Figure:
    """A metric of one label at every threshold, with its 95% interval, and the chosen one.

    The interval is that of a threshold fixed beforehand. The best one here was not: see
    `tune_thresholds(..., confidence=0.95)`.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores.
        label: its name or position.
        metric: see `tune_thresholds`.
        beta: see there.
        threshold: what to mark; the best one here if None.

    Returns:
        A matplotlib figure.

    Raises:
        InvalidInput: a label that is always or never there, or does not exist.

    Examples:
        >>> threshold_curve([1, 0, 1, 0], [.9, .6, .4, .1]).axes[0].get_ylabel()
        'f1'
    """
    figure = data.threshold_curve(y_true, y_score, label, metric, beta=beta, threshold=threshold)
    return _drawn(figure)


def score_histograms(
    y_true: Any,
    y_score: Any,
    labels: int | Sequence[str] = 9,
    thresholds: Thresholds | None = None,
) -> Figure:
    """Scores of positives and of negatives, a panel per label.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) finite scores.
        labels: names, or how many, spread over the frequencies.
        thresholds: marked in each panel.

    Returns:
        A matplotlib figure.

    Raises:
        InvalidInput: infinite scores; a name that does not exist.

    Examples:
        >>> len(score_histograms([[1, 0], [0, 1]], [[.9, .2], [.4, .6]]).axes)
        2
    """
    return _drawn(data.score_histograms(y_true, y_score, labels, thresholds))


def label_scores(
    y_true: Any, y_score: Any, metric: str = "average_precision", *, sample_weight: Any = None
) -> Figure:
    """A metric of every label against how frequent the label is.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores.
        metric: "average_precision" (chance is the label's frequency) or "roc_auc" (chance is .5).
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

    Returns:
        A matplotlib figure.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores.

    Examples:
        >>> label_scores([[1, 0], [0, 1]], [[.9, .2], [.4, .6]]).axes[0].get_ylabel()
        'average precision'
    """
    return _drawn(data.label_scores(y_true, y_score, metric, sample_weight=sample_weight))


def _drawn(figure: Mapping[str, Any]) -> Figure:
    require("matplotlib", extra="report", purpose="Plotting")
    from equipoise.report.figures import figure_of

    return figure_of(figure)

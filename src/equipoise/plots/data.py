"""What the plots show, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import exact
from equipoise._errors import InvalidInput, check_choice, check_integer, did_you_mean
from equipoise._kernels.ranking import Cells, curve
from equipoise.decision import Thresholds, tune_thresholds
from equipoise.decision._constraints import constraints
from equipoise.decision._intervals import standard_error
from equipoise.decision._objective import objective
from equipoise.decision._resampled import ResampledLabel
from equipoise.decision._tuned import label_cuts
from equipoise.exact.cells import ScoredCells, read_scored

Float = NDArray[np.float64]
Figure = dict[str, Any]

_PLACES = np.linspace(0, 1, 101)
_BINS = 25
_CUTS = 200
_LOWEST = {"matthews_correlation": -1.0, "youden": -1.0}  # 0 for the other metrics


def precision_recall(
    y_true: Any, y_score: Any, labels: int | Sequence[str] = 6, *, sample_weight: Any = None
) -> Figure:
    """Data of `plots.precision_recall`."""
    cells = read_scored(y_true, y_score, sample_weight)

    def line(c: Cells) -> Float | None:
        found = curve(c, compiled=cells.large)
        if found.positive == 0:
            return None
        best = np.maximum.accumulate((found.tp / (found.tp + found.fp))[::-1])[::-1]
        reached = np.searchsorted(found.tp, _PLACES * found.positive * (1 - 1e-12))
        return best[np.minimum(reached, len(best) - 1)]

    axes = {"xlabel": "recall", "ylabel": "precision", "diagonal": False}
    return _bundle(cells, cells.map_labels(line), labels) | axes


def roc(
    y_true: Any, y_score: Any, labels: int | Sequence[str] = 6, *, sample_weight: Any = None
) -> Figure:
    """Data of `plots.roc`."""
    cells = read_scored(y_true, y_score, sample_weight)

    def line(c: Cells) -> Float | None:
        found = curve(c, compiled=cells.large)
        if found.positive == 0 or found.negative == 0:
            return None
        # A curve has a corner before and after each group of equal scores.
        fp = np.concatenate([[0.0], np.stack([found.fp_before, found.fp], axis=1).reshape(-1)])
        before = found.tp - found.gained
        tp = np.concatenate([[0.0], np.stack([before, found.tp], axis=1).reshape(-1)])
        fp, tp = np.append(fp, found.negative), np.append(tp, found.positive)
        return np.interp(_PLACES, fp / found.negative, tp / found.positive)

    axes = {"xlabel": "false positive rate", "ylabel": "true positive rate", "diagonal": True}
    return _bundle(cells, cells.map_labels(line), labels) | axes


def reliability(
    y_true: Any,
    y_prob: Any,
    labels: Sequence[str] = (),
    *,
    n_bins: int = 10,
    pooled: bool = True,
    sample_weight: Any = None,
) -> Figure:
    """Data of `plots.reliability`."""
    cells = read_scored(y_true, y_prob, sample_weight)
    parts = [("all labels", slice(None))] if pooled else []
    parts += [(cells.names[i], slice(i, i + 1)) for i in _named(cells, _listed(labels))]
    series = []
    for title, columns in parts:
        weights = cells.weights
        if weights is not None and weights.shape[1] > 1:
            weights = weights[:, columns]
        found = exact.reliability_curve(
            _labels(cells)[:, columns],
            cells.scores[:, columns],
            n_bins=n_bins,
            sample_weight=weights,
        )
        series.append(_reliability(title, found))
    return {"kind": "reliability", "series": series}


def threshold_curve(
    y_true: Any,
    y_score: Any,
    label: str | int = 0,
    metric: str = "f1",
    *,
    beta: float | None = None,
    threshold: float | None = None,
) -> Figure:
    """Data of `plots.threshold_curve`."""
    cells = read_scored(y_true, y_score)
    (place,) = _named(cells, [label])
    if metric == "cost":
        raise InvalidInput('There is no curve of metric="cost".', remedy="Take another metric.")
    goal = objective(metric, beta, None, cells.n_labels)
    cuts = label_cuts(cells)[place]
    if cuts.positive[0] == 0 or (goal.needs_negatives and cuts.negative[0] == 0):
        raise InvalidInput(
            "The label has no curve: it is always there, or never.", received=cells.names[place]
        )
    one = ResampledLabel(cells, place, cuts, goal, constraints(None, cells.names))
    low, high = float(one.scores.min()), float(one.scores.max())
    if not np.isfinite([low, high]).all():
        raise InvalidInput("`y_score` holds infinity, which has no place.", remedy="Clip it.")
    at = np.unique(
        np.concatenate(
            [
                np.linspace(low, high, _CUTS),
                one.scores[:: max(1, len(one.scores) // _CUTS)].astype(np.float64),
            ]
        )
    )
    counts = one.whole(at)
    values, errors = one.values(counts), standard_error(one, counts)
    if threshold is None:
        threshold = float(
            tune_thresholds(
                _labels(cells)[:, [place]], cells.scores[:, [place]], metric, beta=beta
            ).values[0]
        )
        title = f"best here: {threshold:.3g}"
    else:
        title = f"threshold {threshold:.3g}"
    return {
        "kind": "band",
        "x": at.tolist(),
        "y": values.tolist(),
        "low": np.maximum(values - 1.96 * errors, _LOWEST.get(metric, 0.0)).tolist(),
        "high": np.minimum(values + 1.96 * errors, 1.0).tolist(),
        "chosen": {"x": threshold, "y": one.reached(threshold), "title": title},
        "xlabel": f"threshold of {cells.names[place]}",
        "ylabel": metric,
    }


def score_histograms(
    y_true: Any,
    y_score: Any,
    labels: int | Sequence[str] = 9,
    thresholds: Thresholds | None = None,
) -> Figure:
    """Data of `plots.score_histograms`."""
    cells = read_scored(y_true, y_score)
    chosen = _chosen(cells, labels)
    if thresholds is not None and len(thresholds.values) != cells.n_labels:
        raise InvalidInput(
            "`thresholds` must be for the labels of `y_true`.",
            received=f"{len(thresholds.values)} thresholds for {cells.n_labels} labels",
        )
    low, high = cells.limits
    if not np.isfinite([low, high]).all():
        raise InvalidInput("`y_score` holds infinity, which has no bin.", remedy="Clip it.")
    edges = np.linspace(low, high if high > low else low + 1, _BINS + 1)
    sides: dict[str, list[list[float]]] = {"positive": [], "negative": []}
    for label in chosen:
        scores, y, _ = cells.labels(label, label + 1)[0].present()
        for side, is_there in (("positive", 1), ("negative", 0)):
            counts, _ = np.histogram(scores[y == is_there], bins=edges)
            sides[side].append((counts / max(counts.sum(), 1)).tolist())
    return {
        "kind": "histograms",
        "names": [cells.names[label] for label in chosen],
        "edges": edges.tolist(),
        **sides,
        "marks": None if thresholds is None else thresholds.values[chosen].tolist(),
        "xlabel": "score (shares of the positives and of the negatives; dashed: threshold)"
        if thresholds is not None
        else "score (shares of the positives and of the negatives)",
    }


def label_scores(
    y_true: Any, y_score: Any, metric: str = "average_precision", *, sample_weight: Any = None
) -> Figure:
    """Data of `plots.label_scores`."""
    check_choice("metric", metric, ("average_precision", "roc_auc"))
    cells = read_scored(y_true, y_score, sample_weight)
    of_labels = getattr(exact, metric)
    values = np.asarray(
        of_labels(_labels(cells), cells.scores, average=None, sample_weight=cells.weights)
    )
    return {
        "kind": "scatter",
        "names": list(cells.names),
        "positives": cells.positive.sum(axis=0, dtype=np.int64).tolist(),
        "values": [None if v != v else v for v in values.tolist()],
        "low": None,
        "high": None,
        "ylabel": {"average_precision": "average precision", "roc_auc": "ROC AUC"}[metric],
    }


def _bundle(cells: ScoredCells, lines: list[Float | None], labels: int | Sequence[str]) -> Figure:
    there = {i: line for i, line in enumerate(lines) if line is not None}
    if not there:
        raise InvalidInput(
            "No label has a curve: each is always there, or never.",
            received=f"{cells.n_labels} labels",
        )
    named = [cells.names[i] for i in _chosen(cells, labels)]
    series = [
        {"title": cells.names[i], "x": _PLACES.tolist(), "y": line.tolist()}
        for i, line in there.items()
    ]
    mean = np.mean(list(there.values()), axis=0)
    return {
        "kind": "bundle",
        "series": series,
        "named": named,
        "mean": {"x": _PLACES.tolist(), "y": mean.tolist()} if len(there) > 1 else None,
    }


def _reliability(title: str, found: exact.ReliabilityCurve) -> dict[str, Any]:
    return {
        "title": title,
        "cells": found.weight.tolist(),
        "predicted": found.predicted.tolist(),
        "observed": found.observed.tolist(),
        "low": found.low.tolist(),
        "high": found.high.tolist(),
    }


def _labels(cells: ScoredCells) -> NDArray[Any]:
    """Returns (N, L) labels, NaN where unknown."""
    if cells.known is None:
        return cells.positive
    return np.where(cells.known, cells.positive, np.nan)


def _listed(labels: Sequence[str]) -> list[Any]:
    return [labels] if isinstance(labels, str) else list(labels)


def _chosen(cells: ScoredCells, labels: int | Sequence[str]) -> list[int]:
    """Returns labels by name; or so many, spread from the most to the least frequent."""
    if not isinstance(labels, (int, np.integer)):
        return _named(cells, _listed(labels))
    n = check_integer("labels", labels, minimum=0)
    positives = cells.positive.sum(axis=0, dtype=np.int64)
    order = [i for i in np.argsort(-positives, kind="stable").tolist() if positives[i] > 0]
    if n >= len(order):
        return order
    places = np.unique(np.linspace(0, len(order) - 1, n).round().astype(int)) if n else []
    return [order[place] for place in places]


def _named(cells: ScoredCells, labels: list[Any]) -> list[int]:
    places = []
    for label in labels:
        if label in cells.names:
            places.append(cells.names.index(label))
        elif isinstance(label, (int, np.integer)) and 0 <= label < cells.n_labels:
            places.append(int(label))
        else:
            raise InvalidInput(
                f"There is no label {label!r}.", remedy=did_you_mean(label, cells.names)
            )
    return places

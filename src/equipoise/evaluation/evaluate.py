"""evaluate: from labels and scores to every metric that judges them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined, check_number
from equipoise._files import write_json
from equipoise.decision import ThresholdRule, Thresholds, judge_thresholds, tune_thresholds
from equipoise.evaluation.cuts import threshold_cuts
from equipoise.exact.cells import ScoredCells, read_scored
from equipoise.plots import data as plots
from equipoise.report import to_fragment, to_text, write_report
from equipoise.stats import LabelStats
from equipoise.targets import Targets, as_targets

Float = NDArray[np.float64]

# (N, L) what is ranked, the decisions, and the probabilities or None.
Judged = tuple[NDArray[Any], NDArray[Any], NDArray[Any] | None]

_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        stats: the labels.
        thresholds: what decisions were made at, with F1 and its interval for each label.
        best: what thresholds tuned on these very rows would be, with their F1, the same without
            the optimism of tuning, and its interval; None if not asked for.
        overall: each metric over all labels, NaN where it is undefined.
        undefined: for each metric, the names of the labels that have none.
        by_label: (L,) arrays of the metrics of each label, NaN where undefined.
        figures: what the report draws, as plain data.
        cuts: what decisions would be at other thresholds, see `cuts.threshold_cuts`.
        made_with: the arguments, as plain values.
    """

    stats: LabelStats
    thresholds: Thresholds
    best: Thresholds | None
    overall: Mapping[str, float]
    undefined: Mapping[str, tuple[str, ...]]
    by_label: Mapping[str, Float]
    figures: tuple[dict[str, Any], ...]
    cuts: tuple[dict[str, Any], ...] = ()
    made_with: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def table(self) -> pl.DataFrame:
        """Returns one row per label, the most frequent first."""
        intervals = self.thresholds.intervals
        assert intervals is not None  # given by judge_thresholds
        columns: dict[str, Any] = {
            "label": list(self.thresholds.label_names),
            "positives": self.stats.positives,
            "threshold": self.thresholds.values,
            **self.by_label,
            "f1_low": intervals[:, 0],
            "f1_high": intervals[:, 1],
        }
        if self.best is not None:
            columns |= {
                "tuned_threshold": self.best.values,
                "tuned_f1": self.best.metric_values,
                "tuned_f1_corrected": self.best.corrected_values,
            }
        frame = pl.DataFrame(columns).with_columns(pl.selectors.float().fill_nan(None))
        return frame.sort("positives", descending=True, maintain_order=True)

    def document(self, title: str = "How good the scores are") -> dict[str, Any]:
        """Returns the main figures, for a screen or a notebook, as a plain dict."""
        from equipoise.evaluation.document import document

        return document(self, title)

    def report(self, path: str | os.PathLike[str], title: str = "How good the scores are") -> Path:
        """Writes the report: .html, .md or .json.

        Beside what `document` says: counts at other thresholds (on the page a slider for each
        label), the data, and how to get the same figures again.
        """
        from equipoise.evaluation.document import full_document

        return write_report(path, full_document(self, title))

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain numbers, lists and strings; None is undefined."""
        return {
            "kind": "Evaluation",
            "schema_version": _SCHEMA_VERSION,
            "n_rows": self.stats.n_rows,
            "overall": {k: None if v != v else v for k, v in self.overall.items()},
            "undefined": {k: list(v) for k, v in self.undefined.items()},
            "labels": self.table().to_dicts(),
            "thresholds": self.thresholds.to_dict(),
            "best": None if self.best is None else self.best.to_dict(),
        }

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes `to_dict` to a JSON file, whole or not at all."""
        return write_json(path, self.to_dict())

    def __str__(self) -> str:
        return to_text(self.document())

    def _repr_html_(self) -> str:
        return to_fragment(self.document())


def evaluate(
    y_true: Any,
    y_score: Any,
    thresholds: Thresholds | float | None = None,
    *,
    from_logits: bool = False,
    sample_weight: Any = None,
    tune: ThresholdRule | None = "tuned",
    confidence: float = 0.95,
    random_state: int = 0,
) -> Evaluation:
    """Judges scores: ranking, decisions at thresholds, probabilities; by label and over all.

    Not on rows that a model was trained on, or thresholds were tuned on: both flatter.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) probabilities, log-odds, or any scores: what lies outside [0, 1] is
            ranked and decided, but not judged as probabilities.
        thresholds: what decisions are made at: `Thresholds`, or one number for all labels; by
            default the probability 0.5, that is 0 for scores outside [0, 1].
        from_logits: True if the scores are log-odds; they are turned into probabilities.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out. With weights of
            cells the metrics that judge a row as a whole are left out.
        tune: rule of the thresholds that would have been best on these rows; None leaves them
            out. They are judged with an interval that allows for their being tuned here.
        confidence: of the intervals.
        random_state: seed of the samples behind them.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, thresholds for other labels.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> y = rng.random((300, 2)) < [.1, .4]
        >>> judged = evaluate(y, np.clip(.3 * y + .5 * rng.random(y.shape), 0, 1))
        >>> round(judged.overall["macro_auc"], 2)
        0.94
    """
    targets = as_targets(y_true)
    cells = read_scored(targets, y_score, sample_weight)
    ranked = cells.scores  # of log-odds beyond 37 the probabilities are all 1, but not the ranks
    if from_logits:
        y_score = expit(ranked.astype(np.float64))
        if isinstance(thresholds, (int, float, np.number)):
            thresholds = float(expit(check_number("thresholds", thresholds)))
        elif thresholds is not None:
            raise InvalidInput(
                "`thresholds` with from_logits=True must be a number.",
                received=type(thresholds).__name__,
                remedy="Judge the scores as they are (from_logits=False).",
            )
        cells = read_scored(targets, y_score, sample_weight)
    low, high = cells.limits
    are_probabilities = low >= 0 and high <= 1
    thresholds = _as_thresholds(thresholds, cells, are_probabilities)
    scores = cells.scores
    judged = judge_thresholds(
        targets,
        scores,
        thresholds,
        sample_weight=sample_weight,
        confidence=confidence,
        random_state=random_state,
    )
    best = None
    if tune is not None:
        best = tune_thresholds(
            targets,
            scores,
            rule=tune,
            from_logits=not are_probabilities,
            sample_weight=sample_weight,
            confidence=confidence,
            random_state=random_state,
        )
    decided = thresholds.predict(scores.reshape(targets.shape))
    given = targets, (ranked, decided, scores if are_probabilities else None), cells.weights
    overall, undefined = _overall(*given)
    by_label = _by_label(*given)
    ranked_somewhere = not np.isnan(by_label["average_precision"]).all()
    return Evaluation(
        LabelStats.from_targets(targets),
        judged,
        best,
        overall,
        undefined,
        by_label,
        tuple(_figures(*given)) if ranked_somewhere else (),
        tuple(threshold_cuts(cells, thresholds)),
        {
            "thresholds": _as_given(thresholds),
            "from_logits": from_logits,
            "sample_weight": sample_weight is not None,
            "tune": tune,
            "confidence": confidence,
            "random_state": random_state,
        },
    )


def _as_thresholds(
    thresholds: Thresholds | float | None, cells: ScoredCells, are_probabilities: bool
) -> Thresholds:
    if isinstance(thresholds, Thresholds):
        return thresholds
    if thresholds is None:
        level = 0.5 if are_probabilities else 0.0
    else:
        level = check_number("thresholds", thresholds, minimum=-np.inf)
    return Thresholds(np.full(cells.n_labels, level), cells.names)


def _as_given(thresholds: Thresholds) -> float | str:
    """One number, or that there are several."""
    values = thresholds.values
    return "each label its own" if (values != values[0]).any() else float(values[0])


_RANKED: dict[str, Callable[..., Any]] = {
    "macro_ap": partial(exact.average_precision, average="macro"),
    "micro_ap": partial(exact.average_precision, average="micro"),
    "macro_auc": partial(exact.roc_auc, average="macro"),
    "micro_auc": partial(exact.roc_auc, average="micro"),
    "ranking_loss": exact.ranking_loss,
    "coverage_error": exact.coverage_error,
    "label_ranking_ap": exact.label_ranking_average_precision,
    "precision_at_1": partial(exact.precision_at_k, k=1),
    "ndcg_at_5": partial(exact.ndcg_at_k, k=5),
}
_DECIDED: dict[str, Callable[..., Any]] = {
    "macro_f1": partial(exact.f_beta, average="macro"),
    "micro_f1": partial(exact.f_beta, average="micro"),
    "samples_f1": partial(exact.f_beta, average="samples"),
    "macro_precision": partial(exact.precision, average="macro"),
    "macro_recall": partial(exact.recall, average="macro"),
    "macro_balanced_accuracy": partial(exact.balanced_accuracy, average="macro"),
    "macro_matthews": partial(exact.matthews_correlation, average="macro"),
    "hamming_loss": exact.hamming_loss,
    "subset_accuracy": exact.subset_accuracy,
}
_PROBABLE: dict[str, Callable[..., Any]] = {
    "log_loss": partial(exact.log_loss, average="micro"),
    "brier_score": partial(exact.brier_score, average="micro"),
    "ece": partial(exact.expected_calibration_error, average="micro"),
    "macro_ece": partial(exact.expected_calibration_error, average="macro"),
}


# Metrics that weigh rows, not cells, and how many labels they need.
_OF_ROWS = {"precision_at_1": 2, "ndcg_at_5": 5, "subset_accuracy": 1}


def _overall(
    targets: Targets, judged: Judged, weights: Float | None
) -> tuple[dict[str, float], dict[str, tuple[str, ...]]]:
    of_cells = weights is not None and weights.shape[1] > 1
    overall: dict[str, float] = {}
    undefined: dict[str, tuple[str, ...]] = {}
    for metrics, given in zip((_RANKED, _DECIDED, _PROBABLE), judged, strict=True):
        if given is None:
            continue
        for name, metric in metrics.items():
            if targets.n_labels < _OF_ROWS.get(name, 1) or (of_cells and name in _OF_ROWS):
                continue
            try:
                score = metric(targets, given, sample_weight=weights)
            except Undefined:
                overall[name] = float("nan")
                undefined[name] = targets.label_names
                continue
            overall[name] = float(score)
            left_out = tuple(str(label) for label in getattr(score, "undefined", ()))
            if left_out and not name.startswith("samples"):
                undefined[name] = left_out
    return overall, undefined


def _by_label(targets: Targets, judged: Judged, weights: Float | None) -> dict[str, Float]:
    ranked, decided, probable = judged
    options: Any = {"average": None, "sample_weight": weights}
    found = {
        "f1": exact.f_beta(targets, decided, **options),
        "precision": exact.precision(targets, decided, **options),
        "recall": exact.recall(targets, decided, **options),
        "average_precision": exact.average_precision(targets, ranked, **options),
        "auc": exact.roc_auc(targets, ranked, **options),
    }
    if probable is not None:
        found["ece"] = exact.expected_calibration_error(targets, probable, **options)
    return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}


def _figures(targets: Targets, judged: Judged, weights: Float | None) -> Iterator[dict[str, Any]]:
    """Yields the figures that these labels and scores allow."""
    ranked, _, probable = judged
    yield plots.precision_recall(targets, ranked, sample_weight=weights)
    if targets.n_labels > 1:
        yield plots.label_scores(targets, ranked, sample_weight=weights)
    if probable is not None:
        yield plots.reliability(targets, probable, sample_weight=weights)

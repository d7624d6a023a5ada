"""The rules by which thresholds are found. Each is one function here and one name in RULES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from equipoise.decision._analytic import expected_cuts
from equipoise.decision._constraints import Constraints
from equipoise.decision._log_odds import bounded
from equipoise.decision._micro import best_together
from equipoise.decision._objective import Objective
from equipoise.decision._pooled import Pooled, label_totals, pooled_rule, shares
from equipoise.decision._proportional import proportional_rule
from equipoise.decision._resampled import ResampledLabel, draw, resampled_labels
from equipoise.decision._tuned import Cut, best_cuts
from equipoise.exact.cells import ScoredCells

Float = NDArray[np.float64]

# (label, samples) -> (B,) the threshold that the rule would have chosen on each sample
OnSamples = Callable[[ResampledLabel, NDArray[np.uint8]], Float]

_MEDIAN_OF = 30  # samples


@dataclass(frozen=True)
class Options:
    """What the rules need beside cells and objective.

    Attributes:
        limits: what tuned decisions must keep to.
        from_logits: whether the scores are log-odds.
        prior_positives: positives at which the shrunk rule goes half way.
        random_state: seed of its samples.
    """

    limits: Constraints
    from_logits: bool
    prior_positives: float
    random_state: int

    def probabilities(self, scores: NDArray[np.generic]) -> Float:
        """Returns the scores as probabilities."""
        values = scores.astype(np.float64)
        return expit(values) if self.from_logits else values

    def log_odds(self, thresholds: Float) -> Float:
        """Returns thresholds on scores as finite log-odds."""
        z = thresholds if self.from_logits else logit(np.clip(thresholds, 0.0, 1.0))
        return bounded(z)

    def thresholds(self, log_odds: Float) -> Float:
        """Returns log-odds as thresholds on the scores."""
        return log_odds if self.from_logits else expit(log_odds)


@dataclass(frozen=True)
class Found:
    """What a rule found.

    Attributes:
        values: (L,) thresholds; NaN where there is none.
        reached: (L,) the metric on the cells at hand; NaN where a label cannot be tuned.
        missing: (L,) labels that cannot be tuned.
        feasible: (L,) labels whose constraint some decision meets.
        overall: the metric of all labels together, where that was tuned.
        pooled: (a, c) of the pooled rule.
        on_samples: what the rule would have chosen on other samples; None if the best cut.
    """

    values: Float
    reached: Float
    missing: NDArray[np.bool_]
    feasible: NDArray[np.bool_]
    overall: float | None = None
    pooled: tuple[float, float] | None = None
    on_samples: OnSamples | None = None


def best_of_all_labels(cells: ScoredCells, goal: Objective) -> Found:
    """The thresholds whose decisions together have the best F."""
    cuts, overall = best_together(cells, goal)
    found = _found(cells, goal, cuts)
    return Found(found.values, found.reached, np.isnan(found.reached), found.feasible, overall)


def _tuned(cells: ScoredCells, goal: Objective, options: Options) -> Found:
    return _found(cells, goal, best_cuts(cells, goal, options.limits))


def _found(cells: ScoredCells, goal: Objective, cuts: list[Cut]) -> Found:
    values = np.array([cut.value for cut in cuts])
    reached = goal.reported(np.array([cut.reached for cut in cuts]))
    return Found(values, reached, np.isnan(values), np.array([cut.feasible for cut in cuts]))


def _analytic(cells: ScoredCells, goal: Objective, options: Options) -> Found:
    cuts = expected_cuts(options.probabilities(cells.scores), cells.weights, goal)
    values = np.array([0.5 if np.isnan(cut.value) else cut.value for cut in cuts])
    if options.from_logits:
        values = bounded(logit(values))
    return judged(cells, goal, values)


def _pooled(cells: ScoredCells, goal: Objective, options: Options) -> Found:
    line = pooled_rule(cells, goal, from_logits=options.from_logits)
    return judged(cells, goal, options.thresholds(line.log_odds), (line.intercept, line.slope))


def _proportional(cells: ScoredCells, goal: Objective, options: Options) -> Found:
    return judged(cells, goal, options.thresholds(_in_proportion(cells, goal, options)))


def _in_proportion(cells: ScoredCells, goal: Objective, options: Options) -> Float:
    """Returns (L,) log-odds of the proportional rule; NaN for labels without positives."""
    found = proportional_rule(cells, goal)
    if np.isnan(found.macro).any():
        return np.full(cells.n_labels, np.nan)
    return shares(found.macro) @ options.log_odds(found.thresholds)


def _of_all_labels(cells: ScoredCells, goal: Objective, options: Options, line: Pooled) -> Float:
    """Returns (L,) log-odds midway between both rules that labels share; else those of the line."""
    proportional = _in_proportion(cells, goal, options)
    return np.where(np.isnan(proportional), line.log_odds, (line.log_odds + proportional) / 2)


def _shrunk(cells: ScoredCells, goal: Objective, options: Options) -> Found:
    line = pooled_rule(cells, goal, from_logits=options.from_logits)
    shared = _of_all_labels(cells, goal, options, line)
    positive, _ = label_totals(cells)
    share = positive / np.maximum(positive + options.prior_positives, 1e-300)

    def best(label: ResampledLabel, samples: NDArray[np.uint8]) -> Float:
        places, _ = label.best(samples)
        return options.log_odds(label.thresholds(places))

    def between(label: int, own: Float) -> Float:
        return options.thresholds(share[label] * own + (1 - share[label]) * shared[label])

    def on_samples(label: ResampledLabel, samples: NDArray[np.uint8]) -> Float:
        return between(label.label, best(label, samples))

    samples = draw(cells.n_rows, _MEDIAN_OF, options.random_state)
    values = options.thresholds(shared)
    for label in resampled_labels(cells, goal):
        values[label.label] = between(label.label, np.median(best(label, samples), keepdims=True))[
            0
        ]
    return judged(cells, goal, values, (line.intercept, line.slope), on_samples)


def judged(
    cells: ScoredCells,
    goal: Objective,
    values: Float,
    pooled: tuple[float, float] | None = None,
    on_samples: OnSamples | None = None,
) -> Found:
    """Returns thresholds with what they reach on the cells at hand."""
    reached = np.full(cells.n_labels, np.nan)
    for label in resampled_labels(cells, goal):
        if not np.isnan(values[label.label]):
            reached[label.label] = label.reached(values[label.label])

    def as_chosen(label: ResampledLabel, samples: NDArray[np.uint8]) -> Float:
        return np.full(len(samples), values[label.label])

    return Found(
        values,
        goal.reported(reached),
        np.isnan(reached),
        np.ones(cells.n_labels, dtype=np.bool_),
        pooled=pooled,
        on_samples=on_samples or as_chosen,
    )


ThresholdRule = Literal["tuned", "analytic", "pooled", "proportional", "shrunk"]

RULES: dict[ThresholdRule, Callable[[ScoredCells, Objective, Options], Found]] = {
    "tuned": _tuned,
    "analytic": _analytic,
    "pooled": _pooled,
    "proportional": _proportional,
    "shrunk": _shrunk,
}

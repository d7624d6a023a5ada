"""From labels and scores to one threshold per label, by one of five rules; and their judgement."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import (
    EquipoiseWarning,
    InvalidInput,
    check_choice,
    check_integer,
    check_number,
    shown_list,
)
from equipoise.decision._constraints import ROW_LIMIT, constraints, highest_of_rows
from equipoise.decision._intervals import intervals
from equipoise.decision._objective import objective
from equipoise.decision._rules import RULES, Options, ThresholdRule, best_of_all_labels, judged
from equipoise.decision.thresholds import Thresholds
from equipoise.exact.cells import ScoredCells, read_scored
from equipoise.targets import default_names

Float = NDArray[np.float64]


def tune_thresholds(
    y_true: Any,
    y_score: Any,
    metric: str = "f1",
    *,
    beta: float | None = None,
    cost: ArrayLike | None = None,
    rule: ThresholdRule = "tuned",
    average: Literal["macro", "micro"] = "macro",
    constraint: Mapping[str, Any] | None = None,
    from_logits: bool = False,
    sample_weight: Any = None,
    absent: float | Literal["default"] = "default",
    confidence: float | None = None,
    n_samples: int = 200,
    prior_positives: float = 100.0,
    random_state: int = 0,
) -> Thresholds:
    """Finds a threshold for every label; by default the best of all its distinct scores, exactly.

        value_l = argmax_t  metric(y_l, s_l >= t)

    A tuned value lies midway between the two neighbouring scores that it separates, rounded to
    the dtype of the scores without reaching the lower one: `predict` on the same scores makes
    exactly the best decision. Of equally good cuts the one with the fewest predicted positives
    is taken. Where it is best to predict nothing, the value is the next number above the scores.

    Not on the rows that the model was trained on: tune on held-out (cross-fitted) scores. And
    the best cut of a handful of positives is chance: rule="shrunk" is made for those.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores: probabilities or logits, as they will be at prediction.
        metric: "f1", "f_beta" (with `beta`), "balanced_accuracy", "matthews_correlation" (0 for
            decisions that are all alike), "youden", or "cost" (with `cost`; its values are mean
            costs of a cell, and the lowest is best).
        beta: weight of recall in "f_beta"; above 0.
        cost: (2, 2) for all labels or (L, 2, 2): cost[truth, decision], that is
            [[right no, false yes], [missed yes, right yes]].
        rule: how a threshold is found.

            * "tuned": the best cut of the label, exactly.
            * "analytic": the best cut if the probabilities are true; labels are not looked at.
              For F1 it is half of the best expected F1.
            * "pooled": logit t = a + c·log((n₊ + 1)/(n₋ + 1)), one line for all labels.
            * "proportional": r·n₊ of the rows at hand are predicted, one r for all labels.
            * "shrunk": in log-odds, w·(median of the best cuts of 30 resamples) + (1 − w)·(mean
              of pooled and proportional), with w = n₊/(n₊ + `prior_positives`).
        average: "macro" is the best for each label by itself; "micro" (F1 and F-beta) finds the
            thresholds, still one for each label, whose decisions together are best.
        constraint: what tuned decisions must keep to; one or more of {"precision": at least,
            "recall": at least, "alerts_per_thousand": at most so many yes in a thousand cells of
            a label, "labels_per_row": at most}. Each but the last is a number, one per label, or
            numbers by label name. Where they exclude each other, recall gives way. Labels for
            which no cut meets them are in `infeasible`, and a warning says so.
        from_logits: True if the scores are log-odds; it matters to the rules other than "tuned".
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        absent: the value of labels that cannot be tuned: those without positives, and for
            balanced accuracy, Matthews and Youden those without negatives. "default" is that
            of the rule where it needs no positive of the label (all but "tuned" and
            "proportional"); with
            average="micro" the next number above the scores, which says no to all; else 0.5 if
            all scores lie in [0, 1] (probabilities), or 0.0 (the logit of one half). They are
            named in `Thresholds.absent`.
        confidence: such as 0.95 for an interval of the metric of each label in the population,
            corrected for the optimism of tuning (`corrected_values`, `intervals`): a studentised
            bootstrap of the rows that repeats the tuning. Below 50 positives it is rough.
        n_samples: samples of that bootstrap.
        prior_positives: positives at which the shrunk rule goes half way.
        random_state: seed of the samples; for "shrunk" and `confidence`.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, weights below 0, an unknown metric, a
            combination of options that does not exist.

    Examples:
        >>> t = tune_thresholds([[1, 0], [0, 0], [1, 0]], [[.9, .2], [.4, .6], [.6, .1]])
        >>> t.values, t.metric_values, t.absent
        (array([0.5, 0.5]), array([ 1., nan]), ('label_1',))
        >>> y, p = [1, 0, 1, 1, 0], [.9, .8, .7, .6, .1]
        >>> tune_thresholds(y, p, constraint={"recall": 1.0}).values
        array([0.35])
        >>> tune_thresholds(y, p, "cost", cost=[[0, 5], [1, 0]]).values  # a false yes costs 5
        array([0.85])

    Reference: for F, Lipton, Elkan and Naryanaswamy, ECML PKDD 2014; micro, Dinkelbach,
    Management Science 1967; "proportional" after PCut of Yang, SIGIR 2001.
    """
    check_choice("rule", rule, tuple(RULES))
    check_choice("average", average, ("macro", "micro"))
    _check_combination(rule, average, metric, constraint, confidence)
    objective(metric, beta, cost, None)  # wrong options before long work
    cells = read_scored(y_true, y_score, sample_weight)
    goal = objective(metric, beta, cost, cells.n_labels)
    limits = constraints(constraint, cells.names)
    options = Options(
        limits,
        from_logits,
        check_number("prior_positives", prior_positives, minimum=0),
        check_integer("random_state", random_state, minimum=0),
    )
    policy = _absent_value(cells, absent, rule, average)
    if rule != "tuned":
        _check_log_odds(cells, from_logits)
    if limits.labels_per_row is not None:
        cells = _within_rows(cells, limits.labels_per_row)
    found = (
        best_of_all_labels(cells, goal) if average == "micro" else RULES[rule](cells, goal, options)
    )
    values = found.values if policy is None else np.where(found.missing, policy, found.values)
    corrected = ends = None
    if confidence is not None:
        n_samples = check_integer("n_samples", n_samples, minimum=20)
        corrected, ends = intervals(
            cells, goal, limits, found, confidence, n_samples, options.random_state
        )
    infeasible = _named(cells, ~found.feasible)
    if infeasible:
        warnings.warn(
            f"No decision that says yes meets the constraint for {shown_list(infeasible)}.",
            EquipoiseWarning,
            stacklevel=2,
        )
    return Thresholds(
        values=values,
        label_names=cells.names,
        metric=metric,
        beta=beta,
        metric_values=found.reached,
        absent=_named(cells, found.missing),
        rule=rule,
        average=average,
        overall=_mean(found.reached) if found.overall is None else found.overall,
        infeasible=infeasible,
        labels_per_row=limits.labels_per_row,
        pooled=found.pooled,
        corrected_values=corrected,
        intervals=ends,
        confidence=confidence,
    )


def judge_thresholds(
    y_true: Any,
    y_score: Any,
    thresholds: Thresholds,
    metric: str = "f1",
    *,
    beta: float | None = None,
    cost: ArrayLike | None = None,
    sample_weight: Any = None,
    confidence: float = 0.95,
    n_samples: int = 200,
    random_state: int = 0,
) -> Thresholds:
    """Judges thresholds on rows that they were not tuned on.

    Returns the same thresholds with `metric_values` and `intervals` (a studentised bootstrap of
    the rows) of these rows; labels without positives have none.

    Not for the rows of the tuning: there the metric is too good (see `tune_thresholds` with
    `confidence`).

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores of the kind that the thresholds are for.
        thresholds: what to judge.
        metric: as in `tune_thresholds`; so are `beta` and `cost`.
        beta: see there.
        cost: see there.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        confidence: of the intervals.
        n_samples: samples of the bootstrap.
        random_state: its seed.

    Raises:
        InvalidInput: another number of labels, or other names.

    Examples:
        >>> judged = judge_thresholds([1, 0, 1, 0], [.9, .6, .4, .1], Thresholds([.5]))
        >>> judged.metric_values
        array([0.5])
    """
    _check_confidence(confidence)
    if not isinstance(thresholds, Thresholds):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(
            "`thresholds` must be Thresholds.",
            received=type(thresholds).__name__,
            remedy="Pass Thresholds(values, label_names) for values of your own.",
        )
    check_integer("random_state", random_state, minimum=0)
    cells = read_scored(y_true, y_score, sample_weight)
    _check_same_labels(cells, thresholds)
    goal = objective(metric, beta, cost, cells.n_labels)
    if thresholds.labels_per_row is not None:
        cells = _within_rows(cells, thresholds.labels_per_row)
    found = judged(cells, goal, thresholds.values)
    n_samples = check_integer("n_samples", n_samples, minimum=20)
    _, ends = intervals(
        cells, goal, constraints(None, cells.names), found, confidence, n_samples, random_state
    )
    return replace(
        thresholds,
        metric=metric,
        beta=beta,
        metric_values=found.reached,
        average="macro",
        overall=_mean(found.reached),
        corrected_values=None,
        intervals=ends,
        confidence=confidence,
    )


def _check_same_labels(cells: ScoredCells, thresholds: Thresholds) -> None:
    n_labels, names = len(thresholds.values), thresholds.label_names
    numbered = default_names(n_labels)
    if n_labels != cells.n_labels or (
        names != cells.names and numbered not in (names, cells.names)
    ):
        raise InvalidInput(
            "`thresholds` must be for the labels of `y_true`, in the same order.",
            received=f"{shown_list(names)} beside {shown_list(cells.names)}",
        )


def _check_combination(
    rule: str, average: str, metric: str, constraint: Mapping[str, Any] | None, confidence: Any
) -> None:
    """Refuses what does not exist, rather than doing something near it."""
    if average == "micro":
        if metric not in ("f1", "f_beta"):
            raise InvalidInput(
                f"There is no micro average to tune for metric={metric!r}.",
                remedy='Pass metric="f1" or "f_beta"; for a cost both averages are the same.',
            )
        if rule != "tuned" or set(constraint or ()) - {ROW_LIMIT}:
            raise InvalidInput(
                'average="micro" is for rule="tuned" without constraints on labels.',
                received=f"rule={rule!r}, constraint={constraint!r}",
            )
        if confidence is not None:
            raise InvalidInput(
                'There are no intervals per label with average="micro".',
                remedy="Judge the thresholds on other rows.",
            )
    if rule != "tuned" and constraint is not None:
        raise InvalidInput(
            "`constraint` is for tuned thresholds.",
            received=f"rule={rule!r}",
            remedy='Pass rule="tuned", or leave out the constraint.',
        )
    if confidence is not None:
        _check_confidence(confidence)


def _check_confidence(confidence: object) -> None:
    check_number(
        "confidence", confidence, minimum=0, maximum=1, open_minimum=True, open_maximum=True
    )


def _check_log_odds(cells: ScoredCells, from_logits: bool) -> None:
    low, high = cells.limits
    if from_logits:
        if not np.isfinite([low, high]).all():
            raise InvalidInput(
                "`y_score` holds infinite log-odds.", remedy="Clip them, or pass probabilities."
            )
    elif low < 0 or high > 1:
        raise InvalidInput(
            "`y_score` must hold probabilities in [0, 1] for this rule.",
            received=f"values from {low:g} to {high:g}",
            remedy="Pass from_logits=True if they are log-odds.",
        )


def _within_rows(cells: ScoredCells, most: int) -> ScoredCells:
    """Returns cells in which none but the highest of each row can be predicted."""
    scores = np.where(highest_of_rows(cells.scores, most), cells.scores, -np.inf)
    return ScoredCells(
        cells.positive,
        scores.astype(cells.scores.dtype, copy=False),
        cells.known,
        cells.weights,
        cells.names,
        float(scores.min()),
    )


def _absent_value(cells: ScoredCells, absent: object, rule: str, average: str) -> float | None:
    """Returns the value of labels that cannot be tuned; None if the rule has one."""
    if absent != "default":
        return check_number("absent", absent, minimum=-np.inf, open_minimum=True, open_maximum=True)
    if rule not in ("tuned", "proportional") or average == "micro":
        return None
    low, high = cells.limits
    return 0.5 if low >= 0 and high <= 1 else 0.0


def _named(cells: ScoredCells, chosen: NDArray[np.bool_]) -> tuple[str, ...]:
    return tuple(cells.names[i] for i in np.flatnonzero(chosen).tolist())


def _mean(values: Float) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmean(values))

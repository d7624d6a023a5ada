"""Rules about resampled rows: where they leak, what they do to probabilities, what they cannot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.case import Case, is_weight
from equipoise.audit.findings import Outcome, Rule, counted, rule
from equipoise.audit.same_rows import same_rows
from equipoise.weights import LabelWeights

_SHOWN = 8
_LEAST_SHIFT = 0.01  # of log-odds: nobody sees a hundredth
_FEW_ROWS = 10  # below, one positive is no sign of a rare label

Part = tuple[str, NDArray[np.int64], NDArray[np.int64]]


# ------------------------------------------------------------------------------------ leaks


@rule("EQP030", "rows that are both trained on and tested on", "warning")
def rows_in_both_parts(case: Case, this: Rule) -> Outcome:
    """Who resamples before splitting tests a network on copies of what it has learnt."""
    sources = None if case.sampling is None else case.sampling.sources
    if sources is None and case.features is None:
        return this.not_applicable("neither X nor a resampler was given")
    parts = _parts_of_rows(case, sources)
    if not parts:
        return this.not_applicable("nothing was said about the rows that are tested on")
    worst = max(parts, key=lambda part: _share_seen(part[1], part[2]))
    where, train, test = worst
    seen = np.isin(test, train)
    if not seen.any():
        return this.passed(f"no row of {where} is the same as one that is trained on")
    n_seen = int(seen.sum())
    if sources is not None and where != _VALIDATION:
        return this.found(
            f"Rows were resampled before they were split: {counted(n_seen, 'row')} of {where} "
            "came from a row that is trained on as well, so its score is too good.",
            "Split first, and resample the training rows only: "
            "X_train, y_train = sampler.fit_resample(X[train], y[train]); eq.compare and "
            "eq.MultilabelClassifier do so.",
            severity="error",
            rows_seen_in_training=n_seen,
            share_of_them=n_seen / len(test),
            rows_tested_on=len(test),
        )
    return this.found(
        f"{counted(n_seen, 'row')} of {where} held the same values in X as a row that is trained "
        "on, so the score is too good.",
        "If rows were resampled, split first. If they repeat by nature, keep them together: "
        "MultilabelStratifiedKFold(5).split(X, y, groups).",
        rows_seen_in_training=n_seen,
        share_of_them=n_seen / len(test),
        rows_tested_on=len(test),
    )


_VALIDATION = "validation_data"


def _parts_of_rows(case: Case, sources: NDArray[np.int64] | None) -> list[Part]:
    """(name, trained on, tested on) for each split, rows numbered so that the same are equal."""
    rows, held_rows = sources, None
    if case.features is not None:
        held = () if case.validation_features is None else (case.validation_features,)
        ours, *theirs = same_rows("X", case.features, *held)
        rows = ours if rows is None else rows
        held_rows = (ours, theirs[0]) if theirs else None
    assert rows is not None  # one of the two was given
    parts: list[Part] = []
    if case.splits is not None:
        parts += [
            (f"fold {number}", rows[train], rows[test])
            for number, (train, test) in enumerate(case.splits)
        ]
    elif case.n_folds is not None:
        parts.append(_folds_of_any_kind(rows))
    if case.validation_split:
        start = math.floor(len(rows) * (1 - case.validation_split))  # as Keras: the last rows
        parts.append(("validation_split", rows[:start], rows[start:]))
    if held_rows is not None:
        parts.append((_VALIDATION, *held_rows))
    return parts


def _folds_of_any_kind(rows: NDArray[np.int64]) -> Part:
    """However rows are dealt, those that are the same end up in different folds in the end."""
    first = np.unique(rows, return_index=True)[1]
    others = np.ones(len(rows), np.bool_)
    others[first] = False
    return "the folds", rows[others], rows[first]


def _share_seen(train: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    return float(np.isin(test, train).mean()) if len(test) else 0.0


# --------------------------------------------------------------------------- probabilities


@rule("EQP031", "sampling that moves probabilities, and nothing that moves them back", "warning")
def uncorrected_sampling(case: Case, this: Rule) -> Outcome:
    """A label that is drawn twice as often looks twice as likely."""
    if case.sampling is None:
        return this.not_applicable("no sampling was given")
    shift = case.sampling.shift(case.labels)
    lost = np.isnan(shift)
    moved = np.abs(np.where(lost, 0, shift)) > _LEAST_SHIFT
    if not (moved | lost).any():
        return this.passed("positives and negatives are sampled alike")
    left = shift
    if case.correction is not None:
        if case.class_weight is not None or getattr(case.correction, "link", None) is not None:
            return this.not_applicable("the correction undoes more than the sampling")
        taken = -np.asarray(case.correction.log_odds(np.zeros((1, len(shift))))).reshape(-1)
        left = shift - taken
        moved = np.abs(np.where(lost, 0, left)) > _LEAST_SHIFT
    if not (moved | lost).any():
        return this.passed("the correction takes out what the sampling put in")
    names = case.labels.names
    order = np.flatnonzero(moved)
    order = order[np.argsort(-np.abs(left[order]), kind="stable")][:_SHOWN]
    return this.found(
        f"The odds of {counted(int((moved | lost).sum()), 'label')} of {len(names)} come out "
        + (
            "other than they are in the data, correction included."
            if case.correction
            else "other than they are in the data, and no correction was given."
        ),
        "p = eq.decision.Correction(sampler.sampling_rates_).transform(logits), or "
        "Correction(batches.sampling_rates()); thresholds that are tuned need none.",
        n_labels_moved=int(moved.sum()),
        odds_times={names[i]: float(np.exp(left[i])) for i in order} or None,
        labels_that_lost_all_positives_or_negatives=case.labels.named(lost)[:_SHOWN] or None,
    )


# ---------------------------------------------------------------------------- one positive


@rule("EQP032", "labels with one positive, which neither weights nor copies improve", "warning")
def single_positives(case: Case, this: Rule) -> Outcome:
    """One row says what one row has; a weight makes it louder, a copy repeats it."""
    sides = _weighted_labels(case)
    if sides is None:
        return this.not_applicable("nothing weighs labels or resamples rows")
    if case.labels.shape[0] < _FEW_ROWS:
        return this.not_applicable(f"fewer than {_FEW_ROWS} rows")
    single = (_distinct_positives(case) == 1) & sides
    if not single.any():
        return this.passed("every label that is weighted or resampled has two positives or more")
    return this.found(
        f"{counted(int(single.sum()), 'label')} of {case.labels.n_labels} have one positive row: "
        "raising it teaches a network that row by heart, and no held-out row can tell.",
        "Collect more positives, put such labels together, or leave them out: "
        "y = y[:, eq.LabelStats.from_targets(y).positives > 1].",
        labels=case.labels.named(single)[:_SHOWN],
        n_labels=int(single.sum()),
        rows_of_y=case.labels.shape[0],
    )


def _distinct_positives(case: Case) -> NDArray[np.int64]:
    """Rows that each label has, copies of a row counted once."""
    targets, stats = case.labels.targets, case.labels.stats
    if case.sampling is None or case.sampling.sources is None or len(targets.shape) > 2:
        return stats.positives
    cells: Any = targets.positives().tocoo()
    pairs = np.stack([case.sampling.sources[cells.coords[0]], cells.coords[1]])
    return np.bincount(np.unique(pairs, axis=1)[1], minlength=stats.n_labels)


def _weighted_labels(case: Case) -> NDArray[np.bool_] | None:
    """Which labels are raised by weights or sampling; None if there is nothing of the kind."""
    n_labels = case.labels.n_labels
    if case.sampling is not None:
        return np.ones(n_labels, np.bool_)
    weights = case.class_weight
    if isinstance(weights, LabelWeights):
        fits = weights.n_labels == n_labels
        return weights.positive > weights.negative if fits else None
    if weights:
        if n_labels == 1:
            return np.array([_of(weights, 1) > _of(weights, 0)])
        return np.array([_of(weights, label) > 1 for label in range(n_labels)])
    loss = None if case.model is None else case.model.loss
    if loss is None or not loss.ours:
        return None
    sides = getattr(loss.loss, "label_parameters", {})
    positive = np.asarray(sides.get("positive", ()), dtype=np.float64)
    negative = np.asarray(sides.get("negative", np.ones_like(positive)), dtype=np.float64)
    fits = len(positive) == n_labels == len(negative)
    return positive > negative if fits else None


def _of(weights: Any, label: int) -> float:
    value = weights.get(label, 1.0)
    return float(value) if is_weight(value) else 1.0


RULES = (rows_in_both_parts, uncorrected_sampling, single_positives)

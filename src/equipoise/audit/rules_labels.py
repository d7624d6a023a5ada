"""Rules about the labels themselves: their form, how many there are, how they depend."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import gammaln

from equipoise._kernels.counts import label_counts
from equipoise.audit.case import Case
from equipoise.audit.findings import Outcome, Rule, counted, rule
from equipoise.weights import LabelWeights

_SHOWN = 10  # labels, or pairs of them, that are shown
_BY_CHANCE = 0.01  # expected number of equally dependent pairs of independent labels

# Metrics of Keras that read any target above 0 as a positive.
READ_AS_TRUE_OR_FALSE = (
    "AUC",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "PrecisionAtRecall",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
)


# ----------------------------------------------------------------------------------- their form


@rule("EQP009", "a label matrix of −1 and +1")
def minus_one_for_negatives(case: Case, this: Rule) -> Outcome:
    """Cross-entropy with y = −1 has no lower bound, and elsewhere −1 means unknown."""
    labels = case.labels
    n = labels.minus_ones_as_negatives
    if not n:
        return this.passed("y is not made of −1 and +1")
    return this.found(
        "y holds −1 where 0 is meant: cross-entropy with y = −1 falls without end as the model "
        "gets surer of itself, and equipoise reads −1 beside 0 as unknown.",
        "Pass (y > 0).astype('float32') if −1 means negative, np.where(y == -1, np.nan, y) if it "
        "means unknown.",
        cells_of_minus_1=n,
        cells_of_1=int(labels.stats.positives.sum()),
    )


@rule("EQP010", "label names that occur more than once")
def repeated_names(case: Case, this: Rule) -> Outcome:
    """Weights, thresholds and tables by name would reach one label or the other."""
    repeated = case.labels.repeated_names
    if not repeated:
        return this.passed(f"{counted(case.labels.n_labels, 'label')} with as many names")
    return this.found(
        "Labels share a name, so whatever goes by name reaches one of them, by chance.",
        "Give every label a name of its own: y.columns = [...] or label_names=[...].",
        names=list(repeated[:_SHOWN]),
        n_names=len(repeated),
    )


@rule("EQP014", "targets with more than two axes")
def more_than_two_axes(case: Case, this: Rule) -> Outcome:
    """Keras' class_weight and several of its metrics know (rows, labels) only."""
    shape = case.labels.shape
    if len(shape) < 3:
        return this.passed(f"y has the shape {shape}")
    reasons: list[str] = []
    if case.class_weight is not None and not isinstance(case.class_weight, LabelWeights):
        reasons.append("class_weight (a TypeError from arrays, wrong in silence from tf.data)")
    if case.model is not None:
        flat_only = case.model.keras_metrics("F1Score", "FBetaScore")
        flat_only += [m for m in case.model.keras_metrics("AUC") if m.config.get("multi_label")]
        reasons += [f"{m.name} (a ValueError)" for m in flat_only]
    if not reasons:
        return this.passed(f"y has the shape {shape}, and nothing that needs two axes meets it")
    return this.found(
        f"y has {len(shape)} axes, which Keras does not handle in {', '.join(reasons)}.",
        "eq.fit(model, X, y, class_weight=class_weight) weighs targets of any number of axes; "
        "eq.metrics.exact.f_beta(y, y_score) and its kin measure them.",
        y_shape=shape,
    )


@rule("EQP015", "soft targets where 0 and 1 are expected", "warning")
def soft_targets(case: Case, this: Rule) -> Outcome:
    """Keras' metrics count every target above 0 as positive; class_weight takes the largest."""
    labels = case.labels
    if not labels.soft_cells:
        return this.passed("no target lies between 0 and 1")
    metrics = [] if case.model is None else case.model.keras_metrics(*READ_AS_TRUE_OR_FALSE)
    reasons = [f"{m.name} counts every target above 0 as a positive" for m in metrics]
    if case.class_weight is not None and not isinstance(case.class_weight, LabelWeights):
        reasons.append("class_weight takes the label of the largest target")
    if not reasons:
        return this.passed("targets between 0 and 1 meet only losses, which may take them")
    return this.found(
        f"y holds targets between 0 and 1: {'; '.join(reasons)}.",
        "Train on soft targets, and measure on hard ones: pass (y >= 0.5) to metrics and as "
        "validation targets.",
        soft_cells=labels.soft_cells,
        counted_as_positive_though_below_half=labels.soft_negatives,
        positive_from_half_up=int(labels.stats.positives.sum()),
    )


# ------------------------------------------------------------------------------- how many


@rule("EQP011", "labels without positives or without negatives", "warning")
def one_sided_labels(case: Case, this: Rule) -> Outcome:
    """There is nothing to learn, and no measure of it."""
    stats = case.labels.stats
    no_positive, no_negative = stats.positives == 0, stats.negatives == 0
    if case.labels.targets.task == "multiclass":
        no_negative[:] = False
    if not (no_positive | no_negative).any():
        fewest = int(stats.positives.min())
        return this.passed(f"every label has both; the fewest positives are {fewest}")
    return this.found(
        f"{counted(int((no_positive | no_negative).sum()), 'label')} of {stats.n_labels} can be "
        "neither learnt nor measured from these rows.",
        "Leave them out: y = y[:, keep]; or give them no weight: "
        'LabelWeights.from_targets(y, absent="zero").',
        labels_without_positives=case.labels.named(no_positive)[:_SHOWN] or None,
        n_without_positives=int(no_positive.sum()),
        labels_without_negatives=case.labels.named(no_negative)[:_SHOWN] or None,
        n_without_negatives=int(no_negative.sum()),
        rows=stats.n_rows,
    )


@rule("EQP012", "labels with too few positives for the folds", "warning")
def too_few_for_the_folds(case: Case, this: Rule) -> Outcome:
    """A fold without a positive cannot score the label; training without one cannot learn it."""
    if case.n_folds is None and case.splits is None:
        return this.not_applicable("no cv was given")
    rows = _positives_by_row(case)
    positives = label_counts(rows)
    if case.splits is None:
        assert case.n_folds is not None
        n_folds = case.n_folds
        empty_tests = np.maximum(n_folds - positives, 0)  # however the rows are dealt
        empty_trainings = np.where(positives == 0, n_folds, (positives == 1).astype(int))
    else:
        n_folds = len(case.splits)
        tests = np.stack([label_counts(rows[test]) for _, test in case.splits])
        trainings = np.stack([label_counts(rows[train]) for train, _ in case.splits])
        empty_tests, empty_trainings = (tests == 0).sum(axis=0), (trainings == 0).sum(axis=0)
    short = (empty_tests > 0) | (empty_trainings > 0)
    if not short.any():
        return this.passed(f"every label has positives in both parts of all {n_folds} folds")
    order = np.flatnonzero(short)
    order = order[np.argsort(positives[order], kind="stable")][:_SHOWN]
    names = case.labels.names
    return this.found(
        f"{counted(int(short.sum()), 'label')} of {len(names)} lack positives in some fold: there "
        "they cannot be scored, or not be learnt.",
        "Use fewer folds, equipoise.model_selection.MultilabelStratifiedKFold, or leave labels "
        f"with fewer than {n_folds} positives out of the comparison.",
        folds=n_folds,
        n_labels_short=int(short.sum()),
        positives={names[i]: int(positives[i]) for i in order},
        folds_that_cannot_score_it={names[i]: int(empty_tests[i]) for i in order},
        folds_that_cannot_learn_it={names[i]: int(empty_trainings[i]) for i in order},
    )


def _positives_by_row(case: Case) -> Any:
    """(N, L) positives of the rows of y; the axes between are put together."""
    targets = case.labels.targets
    if len(targets.shape) < 3:
        return targets.values
    dense: Any = targets.to_dense().values
    return dense.reshape(targets.shape[0], -1, targets.n_labels).max(axis=1)


# ------------------------------------------------------------------------------ how they depend


@rule("EQP013", "labels that repeat, imply or negate each other", "warning")
def dependent_labels(case: Case, this: Rule) -> Outcome:
    """Two columns that say the same count twice in every mean, and leak if one is a feature."""
    labels = case.labels
    if labels.n_labels < 2 or labels.targets.task == "multiclass":
        return this.not_applicable("there are no several labels that could depend")
    same, implied = _same_and_implied(case)
    negated = _negated(case)
    if not (len(same) or len(implied) or len(negated)):
        return this.passed("no label follows from another one")
    names = labels.names

    def shown(pairs: NDArray[np.int64], word: str) -> list[str] | None:
        return [f"{names[i]} {word} {names[j]}" for i, j in pairs[:_SHOWN]] or None

    parts = [
        f"{counted(len(pairs), 'pair')} of labels {what}"
        for pairs, what in (
            (same, "on the same rows"),
            (negated, "that negate each other"),
            (implied, "of which one implies the other"),
        )
        if len(pairs)
    ]
    twice = len(same) or len(negated)
    return this.found(
        f"{', '.join(parts)}: "
        + ("such labels count twice in every mean, and " if twice else "such labels ")
        + "give each other away where one is a feature.",
        "Keep one of each pair that is the same or negated; predict implied labels from those "
        "they imply, or leave them.",
        severity="warning" if twice else "note",
        same=shown(same, "="),
        negated=shown(negated, "= not"),
        implied=shown(implied, "→"),
        n_same=len(same),
        n_negated=len(negated),
        n_implied=len(implied),
    )


def _same_and_implied(case: Case) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pairs (i, j) with the same positives, and pairs where every row with i has j.

    Counted over the rows where both are known; what independent labels of the same frequencies
    would often show is left out.
    """
    matrix = _counts(case.labels.targets.to_sparse().values)
    both = sparse.coo_array(sparse.csr_array(matrix.T @ matrix))
    i, j = both.coords
    together = both.data
    off = i != j
    i, j, together = i[off].astype(np.int64), j[off].astype(np.int64), together[off]
    n_i = _known_where(case, matrix, i, j)
    follows = together == n_i  # no row has i and lacks j
    i, j, together = i[follows], j[follows], together[follows]
    backwards = _known_where(case, matrix, j, i) == together
    same = backwards & (i < j)
    implied = ~backwards
    stats, n_labels = case.labels.stats, case.labels.n_labels
    with np.errstate(divide="ignore"):
        log_chance = together * np.log(stats.prevalence[j])
    log_same = -_log_choose(stats.n_known[j], together)
    log_limit = np.log(_BY_CHANCE) - 2 * np.log(n_labels)
    same &= log_same < log_limit
    implied &= log_chance < log_limit
    pairs = np.stack([i, j], axis=1)
    return pairs[same], pairs[implied]


def _known_where(
    case: Case, matrix: Any, i: NDArray[np.int64], j: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Positives of each label i in the rows where label j is known."""
    positives = case.labels.stats.positives[i]
    unknown = case.labels.targets.unknown
    if unknown is None:
        return positives
    hidden: Any = sparse.csr_array(matrix.T @ _counts(unknown))
    return positives - np.asarray(hidden[i, j]).reshape(-1)


def _counts(matrix: Any) -> Any:
    """A CSR array that can be multiplied without overflow."""
    return sparse.csr_array(matrix).astype(np.int64)


def _negated(case: Case) -> NDArray[np.int64]:
    """Pairs (i, j) of which every row, where both are known, has exactly one."""
    labels, stats = case.labels, case.labels.stats
    targets = labels.targets.to_sparse()
    matrix = _counts(targets.values)
    constant = (stats.positives == 0) | (stats.negatives == 0)
    # One of the two has at least half of the rows: usually few labels do.
    common = np.flatnonzero((2 * stats.positives >= stats.n_known) & ~constant)
    if not len(common):
        return np.empty((0, 2), dtype=np.int64)
    left = matrix[:, common]
    overlap = (left.T @ matrix).toarray()
    known = np.full(overlap.shape, stats.n_rows)
    n_i = np.broadcast_to(stats.positives[common][:, None], overlap.shape)
    n_j = np.broadcast_to(stats.positives, overlap.shape)
    if targets.unknown is not None:
        hidden = _counts(targets.unknown)
        u_i, u_j = stats.unknown[common][:, None], stats.unknown
        known = known - u_i - u_j + (hidden[:, common].T @ hidden).toarray()
        n_i = n_i - (left.T @ hidden).toarray()
        n_j = n_j - (hidden[:, common].T @ matrix).toarray()
    negated = (overlap == 0) & (n_i + n_j == known) & (n_i > 0) & (n_j > 0)
    log_limit = np.log(_BY_CHANCE) - 2 * np.log(labels.n_labels)
    negated &= -_log_choose(known, n_i) < log_limit
    rows, columns = np.nonzero(negated)
    pairs = np.sort(np.stack([common[rows], columns], axis=1), axis=1)
    return np.unique(pairs, axis=0)


def _log_choose(n: Any, k: Any) -> NDArray[np.float64]:
    return gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)


RULES = (
    minus_one_for_negatives,
    repeated_names,
    one_sided_labels,
    too_few_for_the_folds,
    dependent_labels,
    more_than_two_axes,
    soft_targets,
)

"""Rules about what follows from weights: losses to compare, and steps that float16 skips."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.case import Case, is_weight
from equipoise.audit.findings import Outcome, Rule, rule
from equipoise.weights import LabelWeights


@rule("EQP007", "training and validation losses that cannot be compared", "warning")
def losses_that_cannot_be_compared(case: Case, this: Rule) -> Outcome:
    """Validation data never get class weights, and sample weights only if they bring their own."""
    if case.class_weight is None and case.sample_weight is None:
        return this.not_applicable("neither class_weight nor sample_weight was given")
    if case.validation is None:
        return this.not_applicable("no validation data were given")
    if case.class_weight is None:
        if case.validation == "unknown":
            return this.not_applicable("whether the validation data hold weights is not known")
        if case.validation in ("weighted", "split"):
            return this.passed("the validation data have sample weights of their own")
    plain, weighted = _losses_at_prior(case)
    which = "class_weight" if case.class_weight is not None else "sample_weight"
    return this.found(
        f"The training loss is weighted by {which}, the validation loss is not: their difference "
        "says nothing about overfitting.",
        "eq.fit(model, X, y, class_weight=class_weight, validation_data=..., "
        "weight_validation=True)"
        if which == "class_weight"
        else "model.fit(X, y, sample_weight=w, validation_data=(x_val, y_val, w_val))",
        training_loss_at_prior=weighted,
        validation_loss_at_prior=plain,
        ratio=weighted / plain if weighted is not None and plain else None,
    )


def _losses_at_prior(case: Case) -> tuple[float | None, float | None]:
    """Mean binary cross-entropy of the prior on y: without weights, and as training weighs it."""
    labels = case.labels
    if case.keras_weights is not None:
        return case.keras_weights.unweighted_loss, case.keras_weights.keras_loss
    if len(labels.shape) > 2 or labels.stats.n_known.sum() == 0:
        return None, None
    p = case.labels.prior
    positive, negative = -np.log(p), -np.log1p(-p)
    n_positive, n_negative = labels.stats.positives, labels.stats.negatives
    total = labels.targets.n_rows * labels.n_labels
    plain = float(n_positive @ positive + n_negative @ negative) / total
    pair = _pair_of_sides(case)
    if pair is not None:
        weighted = n_positive @ (pair[0] * positive) + n_negative @ (pair[1] * negative)
        return plain, float(weighted) / total
    w = case.sample_weight
    # With unknown cells, a row's loss depends on which of them are known.
    if w is None or labels.unknown_markers or w.size != labels.targets.n_rows:
        return plain, None
    per_row = labels.targets.values @ (positive - negative) + negative.sum()
    return plain, float(w.reshape(-1) @ per_row) / total


def _pair_of_sides(case: Case) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """The weights of positives and negatives per label, where class_weight says them."""
    weights, n_labels = case.class_weight, case.labels.n_labels
    if isinstance(weights, LabelWeights):
        return (weights.positive, weights.negative) if weights.n_labels == n_labels else None
    if weights is None or n_labels > 1:
        return None
    values = [weights.get(side, 1.0) for side in (0, 1)]  # one column: its two classes
    if not all(map(is_weight, values)):
        return None
    return np.array(values[1:], dtype=np.float64), np.array(values[:1], dtype=np.float64)


@rule("EQP008", "weights so large that float16 skips training steps", "warning")
def weights_beyond_float16(case: Case, this: Rule) -> Outcome:
    """Loss scaling starts at 2^15 and halves, skipping a step, until the gradients fit."""
    if case.model is None:
        return this.not_applicable("no model was given")
    if case.model.half_precision != "float16":
        return this.not_applicable("no layer computes in float16")
    sizes = _sizes_of_weights(case)
    if not sizes:
        return this.not_applicable("there are no weights")
    total = float(np.prod(list(sizes.values())))
    if total < 32:
        return this.passed(f"a batch weighs up to {total:.3g} times as much as without weights")
    return this.found(
        "float16 overflows at 65,504: with weights of this size the loss scale has to be halved, "
        "and a step skipped, again and again before the first step counts.",
        'Scale the weights to mean 1: LabelWeights.from_targets(y, scheme, normalize="cells"), or '
        "sample_weight / sample_weight.mean().",
        times_an_unweighted_batch=total,
        steps_skipped_at_most_about=int(np.log2(total)),
        by_source=sizes,
    )


def _sizes_of_weights(case: Case) -> dict[str, float]:
    """How many times as much as without it a batch can weigh, for each source of weights.

    That is the mean weight, or the share that one row of the largest weight adds to a batch.
    """
    batch = min(case.batch_size, case.labels.shape[0])
    sizes: dict[str, float] = {}
    pair = _pair_of_sides(case)
    if pair is not None:
        sizes["class_weight"] = _size_of_pair(case, *pair, batch)
    elif case.keras_weights is not None:
        given = case.keras_weights.rows_given
        mean = float(given @ case.keras_weights.asked) / given.sum()
        sizes["class_weight"] = max(mean, float(case.keras_weights.asked[given > 0].max()) / batch)
    if case.sample_weight is not None and np.isfinite(case.sample_weight).all():
        w = np.abs(case.sample_weight)
        sizes["sample_weight"] = max(float(w.mean()), float(w.max()) / batch)
    loss = case.model.loss if case.model is not None else None
    sides = getattr(loss.loss, "label_parameters", {}) if loss is not None and loss.ours else {}
    ones = np.ones(case.labels.n_labels)
    positive, negative = sides.get("positive", ones), sides.get("negative", ones)
    if ("positive" in sides or "negative" in sides) and len(positive) == len(negative) == len(ones):
        sizes["loss"] = _size_of_pair(case, positive, negative, batch)
    return sizes


def _size_of_pair(case: Case, positive: Any, negative: Any, batch: int) -> float:
    stats = case.labels.stats
    share = stats.prevalence
    mean = share * positive + (1 - share) * negative
    largest = np.where(stats.positives > 0, positive, 0.0)
    return float(max(mean.max(), largest.max() / batch))


RULES = (losses_that_cannot_be_compared, weights_beyond_float16)

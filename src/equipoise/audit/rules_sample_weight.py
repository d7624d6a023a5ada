"""Rules about sample_weight: whether it fits the values that the loss has."""

from __future__ import annotations

from typing import Literal

import numpy as np

from equipoise.audit.case import Case
from equipoise.audit.findings import Outcome, Rule, rule

_NO_SAMPLE_WEIGHT = "no sample_weight was given"

Fit = Literal["fits", "raises", "wrong axis"]


@rule("EQP004", "sample_weight that the loss cannot take")
def weights_that_raise(case: Case, this: Rule) -> Outcome:
    """Losses that average over labels have one value a row, which (N, L) weights do not fit."""
    found = _shapes_of_first_batch(case)
    if isinstance(found, str):
        return this.not_applicable(found)
    values, weights = found
    if _fit(values, weights) != "raises":
        return this.passed(f"weights {weights} multiply loss values {values} without an error")
    loss = _loss_name(case)
    return this.found(
        f"{loss} has values of shape {values} a batch, with which weights of shape {weights} "
        "cannot be multiplied: training stops with an error about shapes.",
        _cell_weights_remedy(case),
        sample_weight_shape=_sample_shape(case),
        y_shape=case.labels.shape,
        loss_values_of_a_batch=values,
        weights_of_a_batch=weights,
    )


@rule("EQP005", "sample_weight multiplied along the wrong axis")
def weights_on_the_wrong_axis(case: Case, this: Rule) -> Outcome:
    """Where a batch has as many rows as labels, (N, L) weights broadcast in silence."""
    found = _shapes_of_first_batch(case)
    if isinstance(found, str):
        return this.not_applicable(found)
    values, weights = found
    if _fit(values, weights) != "wrong axis":
        return this.passed(f"weights {weights} are not broadcast over loss values {values}")
    got, meant = _weighted_losses(case, values, weights)
    return this.found(
        f"{_loss_name(case)} has values of shape {values} a batch; weights of shape {weights} "
        "broadcast against them in silence, along another axis than theirs.",
        _cell_weights_remedy(case),
        sample_weight_shape=_sample_shape(case),
        y_shape=case.labels.shape,
        loss_values_of_a_batch=values,
        weights_of_a_batch=weights,
        crossentropy_at_prior_as_keras_weighs_it=got,
        crossentropy_at_prior_as_meant=meant,
    )


def _sample_shape(case: Case) -> tuple[int, ...]:
    assert case.sample_weight is not None
    return case.sample_weight.shape


def _loss_name(case: Case) -> str:
    assert case.model is not None
    assert case.model.loss is not None
    return case.model.loss.name


def _cell_weights_remedy(case: Case) -> str:
    if case.labels.targets.task == "multiclass":
        return "Pass one weight per row, (N,): sample_weight=class_weights[y]."
    logits = "from_logits=True" if case.model and case.model.output_kind == "scores" else ""
    return (
        f"Compile with loss=eq.losses.WeightedBinaryCrossentropy({logits}): it takes weights per "
        "row, (N,), and per cell, in the shape of y."
    )


def _shapes_of_first_batch(case: Case) -> tuple[tuple[int, ...], tuple[int, ...]] | str:
    """Shapes of the loss values and of the weights, or why they are not known."""
    if case.sample_weight is None:
        return _NO_SAMPLE_WEIGHT
    if case.model is None:
        return "no model was given"
    loss = case.model.loss
    if loss is None:
        return case.model.why_no_loss
    rows = min(case.batch_size, case.labels.shape[0])
    if loss.ours:
        return "losses of equipoise check the shape of weights themselves"
    if case.labels.targets.task == "multiclass":
        return (rows,), (rows, *case.sample_weight.shape[1:])  # class numbers: one value a row
    shape = (rows, *(case.labels.shape[1:] or (1,)))
    try:
        values = loss.values(np.zeros(shape), np.full(shape, 0.5)).shape
    except Exception as error:
        # A loss that fails on these shapes says nothing about weights.
        return f"the loss cannot be asked: {type(error).__name__}"
    return values, (rows, *case.sample_weight.shape[1:])


def _fit(values: tuple[int, ...], weights: tuple[int, ...]) -> Fit:
    """What Keras does with weights: a last axis of 1 comes or goes, the rest is broadcasting."""
    if len(weights) == len(values) + 1 and weights[-1] == 1:
        weights = weights[:-1]
    elif len(values) == len(weights) + 1 and values[-1] == 1:
        weights = (*weights, 1)
    try:
        together = np.broadcast_shapes(values, weights)
    except ValueError:
        return "raises"
    return "fits" if together == values and len(values) == len(weights) else "wrong axis"


def _weighted_losses(
    case: Case, values: tuple[int, ...], weights: tuple[int, ...]
) -> tuple[float | None, float | None]:
    """Mean binary cross-entropy at the prior over the first batch: as Keras weighs it, as meant."""
    assert case.sample_weight is not None
    if len(case.labels.shape) != 2 or len(values) != 1 or case.labels.unknown_markers:
        return None, None
    y = case.labels.targets.take(np.arange(values[0])).to_array()
    p = case.labels.prior
    cells = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    w = case.sample_weight[: values[0]].reshape(weights)
    return float((cells.mean(axis=1) * w).mean()), float((cells * w).mean())


@rule("EQP006", "sample_weight holds values that are no weights")
def values_that_are_no_weights(case: Case, this: Rule) -> Outcome:
    """A negative weight rewards mistakes; NaN and infinity spoil the sum."""
    if case.sample_weight is None:
        return this.not_applicable(_NO_SAMPLE_WEIGHT)
    weights = case.sample_weight
    infinite, negative = ~np.isfinite(weights), weights < 0
    if not infinite.any() and not negative.any():
        return this.passed(f"weights from {weights.min():.4g} to {weights.max():.4g}")
    first = tuple(int(i) for i in np.argwhere(infinite | negative)[0])
    return this.found(
        "Keras multiplies by whatever it is given: a negative weight rewards mistakes, a NaN "
        "makes the loss NaN.",
        "Give 0 to what shall not count: np.where(np.isfinite(w) & (w >= 0), w, 0).",
        negative=int(np.count_nonzero(negative)),
        nan_or_infinite=int(np.count_nonzero(infinite)),
        first_at=first,
    )


RULES = (weights_that_raise, weights_on_the_wrong_axis, values_that_are_no_weights)

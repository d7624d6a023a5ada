"""Treatment: a plain description of what is done about imbalance."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from equipoise import losses
from equipoise._errors import InvalidInput, did_you_mean
from equipoise.stats import LabelStats
from equipoise.weights import LabelWeights


@dataclass(frozen=True)
class Treatment:
    """What is done about imbalance in one training: weights and loss, as names and options.

    It holds no data, so one treatment serves every fold: weights and prevalences are computed from
    the training part of the fold it is applied to.

    Args:
        name: what tables call it.
        loss: name of a class of `equipoise.losses`.
        loss_options: its options.
        weights: scheme of `LabelWeights.from_stats`, or None for no weights.
        weight_options: its options.
        keras_class_weight: scheme of the weights handed to Keras' own `class_weight` instead,
            which applies the argmax of each row. It is here to be compared with, not for use.

    Examples:
        >>> Treatment("mild", weights="balanced", weight_options={"power": 0.5}).loss
        'WeightedBinaryCrossentropy'
    """

    name: str
    loss: str = "WeightedBinaryCrossentropy"
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None
    weight_options: Mapping[str, Any] = field(default_factory=dict)
    keras_class_weight: str | None = None

    def build_loss(self, stats: LabelStats) -> losses.CellwiseLoss:
        """Returns the Keras loss of this treatment, on logits, for data with these statistics."""
        if self.loss not in losses.__all__:
            raise InvalidInput(
                f"Treatment {self.name!r} names the loss {self.loss!r}, which does not exist.",
                remedy=did_you_mean(self.loss, losses.__all__),
            )
        loss_class = getattr(losses, self.loss)
        options: dict[str, Any] = dict(self.loss_options)
        if "stats" in inspect.signature(loss_class).parameters:
            options.setdefault("stats", stats)
        if self.weights is not None:
            options["weights"] = LabelWeights.from_stats(stats, self.weights, **self.weight_options)
        return loss_class(from_logits=True, **options)

    def build_class_weight(self, stats: LabelStats) -> dict[int, float] | None:
        """Returns the `class_weight` handed to Keras, or None."""
        if self.keras_class_weight is None:
            return None
        weights = LabelWeights.from_stats(stats, self.keras_class_weight)
        return dict(enumerate(weights.positive.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Returns the treatment as plain values (`Treatment(**values)` restores it)."""
        return asdict(self)


_SCALED = {"normalize": "cells"}  # mean weight 1: the loss keeps the scale of plain training

TREATMENTS: dict[str, Treatment] = {
    treatment.name: treatment
    for treatment in (
        Treatment("none"),
        Treatment("balanced", weights="balanced", weight_options=_SCALED),
        Treatment("inverse_sqrt", weights="inverse_sqrt", weight_options=_SCALED),
        Treatment(
            "negative_positive_ratio", weights="negative_positive_ratio", weight_options=_SCALED
        ),
        Treatment("logit_adjusted", loss="LogitAdjustedBinaryCrossentropy"),
        Treatment("keras_class_weight", keras_class_weight="inverse_frequency"),
    )
}


def as_treatment(treatment: str | Treatment) -> Treatment:
    """Returns a treatment as it is, or the one of `TREATMENTS` with this name."""
    if isinstance(treatment, Treatment):
        return treatment
    if treatment not in TREATMENTS:
        raise InvalidInput(
            f"Unknown treatment {treatment!r}.", remedy=did_you_mean(treatment, TREATMENTS)
        )
    return TREATMENTS[treatment]

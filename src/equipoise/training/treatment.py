"""Treatment: a plain description of what is done about imbalance."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from equipoise import losses, resampling
from equipoise._errors import InvalidInput, did_you_mean
from equipoise.batching._draws import POWERS
from equipoise.links import Link
from equipoise.losses.base import LabelLoss
from equipoise.resampling import SamplingRates
from equipoise.stats import LabelStats
from equipoise.targets import Targets
from equipoise.weights import LabelWeights
from equipoise.weights.schemes import SCHEMES

# What can be trained on a matrix of labels by itself: neither a base class nor a wrapper.
_LOSSES = sorted(set(losses.__all__) - {"CellwiseLoss", "FromIndices"})
_BATCHES = tuple(name for name, power in POWERS.items() if power is not None)
_RESAMPLERS = sorted(set(resampling.__all__) - {"SamplingRates"})


@dataclass(frozen=True)
class Treatment:
    """What is done about imbalance in one training: weights, loss and rows, as names and options.

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
        resampler: name of a class of `equipoise.resampling`, applied to the rows that a network
            is trained on and to no others; None leaves them as they are. Weights and prevalences
            are then those of the resampled rows, and its sampling rates are taken back out of the
            scores: exactly where rows are drawn by one label alone, else as an approximation.
        resampler_options: its options; a `then` may be a name.
        batches: strategy of `equipoise.batching.LabelBalancedBatches`, whose rates are taken back
            out in the same way; None shows every row once an epoch. "progressive" is not among
            them: no one rate undoes rates that move.

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
    resampler: str | None = None
    resampler_options: Mapping[str, Any] = field(default_factory=dict)
    batches: str | None = None

    def resampled(
        self, X: Any, targets: Targets, sample_weight: Any, random_state: int
    ) -> tuple[Any, Targets, Any, SamplingRates | None]:
        """Returns the rows to train on, and the rates at which their cells were sampled.

        Args:
            X: (N, d) features of the training rows.
            targets: their labels.
            sample_weight: weights of rows or cells, or None.
            random_state: seed of the resampler.
        """
        if self.resampler is None:
            return X, targets, sample_weight, None
        sampler = _sampler(self.resampler, self.resampler_options, random_state)
        X, targets, *weight = sampler.fit_resample(X, targets, sample_weight)
        rates: SamplingRates = sampler.sampling_rates_
        return X, targets, weight[0] if weight else None, rates

    def build_loss(self, stats: LabelStats) -> LabelLoss:
        """Returns the Keras loss of this treatment, on logits, for data with these statistics."""
        if self.loss not in _LOSSES:
            raise InvalidInput(
                f"Treatment {self.name!r} names the loss {self.loss!r}, which does not exist.",
                remedy=did_you_mean(self.loss, _LOSSES),
            )
        loss_class = getattr(losses, self.loss)
        options: dict[str, Any] = dict(self.loss_options)
        if "stats" in inspect.signature(loss_class).parameters and not (
            options.keys() & {"prevalence", "propensity"}
        ):
            options["stats"] = stats
        if self.weights is not None:
            options["weights"] = LabelWeights.from_stats(stats, self.weights, **self.weight_options)
        return loss_class(from_logits=True, **options)

    def split(self, stats: LabelStats) -> tuple[Treatment, LabelWeights | None]:
        """Returns a treatment without weights, and the weights that give the same if they travel
        with the cells; this very treatment, and None, if there are none that can.

        All weights of a plain loss then share one compiled program.
        """
        if self.weights is None or self.loss != "WeightedBinaryCrossentropy":
            return self, None
        weights = LabelWeights.from_stats(stats, self.weights, **self.weight_options)
        return replace(self, weights=None, weight_options={}), weights

    def build_class_weight(self, stats: LabelStats) -> dict[int, float] | None:
        """Returns the `class_weight` handed to Keras, or None."""
        if self.keras_class_weight is None:
            return None
        weights = LabelWeights.from_stats(stats, self.keras_class_weight)
        return dict(enumerate(weights.positive.tolist()))

    def to_dict(self) -> dict[str, Any]:
        """Returns the treatment as plain values (`Treatment(**values)` restores it)."""
        return asdict(self)


def check_treatment(treatment: Treatment) -> None:
    """Raises InvalidInput for a name that does not exist, before anything is trained."""
    for what, name, known in (
        ("loss", treatment.loss, _LOSSES),
        ("weights", treatment.weights, SCHEMES),
        ("keras_class_weight", treatment.keras_class_weight, SCHEMES),
        ("resampler", treatment.resampler, _RESAMPLERS),
        ("batches", treatment.batches, _BATCHES),
    ):
        if name is not None and not callable(name) and name not in known:
            raise InvalidInput(
                f"Treatment {treatment.name!r} has an unknown `{what}`.",
                received=repr(name),
                remedy=did_you_mean(name, known),
            )


def without_sampling(link: Link, rates: SamplingRates | None, targets: Targets) -> Link:
    """Returns the link of a loss with what resampling added to the logits taken out as well.

        shift + log(positive rate / negative rate);  for classes shift + log(positive rate)

    Args:
        link: the inverse link of the loss.
        rates: what `Treatment.resampled` returned; None changes nothing.
        targets: any rows, for their task.
    """
    if rates is None:
        return link
    moved = rates.log_odds_shift  # refuses a label that lost all its positives
    if targets.task == "multiclass":  # the softmax compares classes with each other
        moved = np.log(rates.positives)
    return replace(link, shift=link.shift + moved)


def _sampler(name: str, options: Mapping[str, Any], random_state: int) -> Any:
    if name not in _RESAMPLERS:
        raise InvalidInput(f"Unknown resampler {name!r}.", remedy=did_you_mean(name, _RESAMPLERS))
    sampler_class = getattr(resampling, name)
    known = inspect.signature(sampler_class).parameters
    given = dict(options)
    for option in given:
        if option not in known:
            raise InvalidInput(
                f"{name} has no option {option!r}.", remedy=did_you_mean(option, known)
            )
    if isinstance(given.get("then"), str):
        given["then"] = _sampler(given["then"], {}, random_state)
    if "random_state" in known:
        given.setdefault("random_state", random_state)
    return sampler_class(**given)


_SCALED = {"normalize": "cells"}  # mean weight 1: the loss keeps the scale of plain training
# A label that a deletion robs of its last positive could be neither learned nor corrected.
_LEARNABLE = {"min_kept": 1}

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
        Treatment("focal", loss="Focal"),
        Treatment("asymmetric", loss="Asymmetric"),
        Treatment("distribution_balanced", loss="DistributionBalanced"),
        # The published scale of 30 is for cosines; the logits of a plain layer reach further.
        Treatment("ldam", loss="LDAM", loss_options={"scale": 4.0}),
        Treatment("hill", loss="Hill"),
        Treatment("propensity", loss="PropensityBinaryCrossentropy"),
        Treatment("zlpr", loss="ZLPR"),
        Treatment("two_way", loss="TwoWay"),
        Treatment("soft_f_beta", loss="SoftFBeta"),
        Treatment("ml_ros", resampler="MLROS", resampler_options={"percentage": 25}),
        Treatment("mlsmote", resampler="MLSMOTE"),
        Treatment("label_balanced", batches="label"),
        Treatment("square_root_balanced", batches="square_root"),
        Treatment("lp_ros", resampler="LPROS", resampler_options={"percentage": 25}),
        Treatment("lp_rus", resampler="LPRUS", resampler_options={"percentage": 25}),
        Treatment("ml_rus", resampler="MLRUS", resampler_options={"percentage": 25, **_LEARNABLE}),
        Treatment("remedial", resampler="REMEDIAL"),
        Treatment("remedial_mlsmote", resampler="REMEDIAL", resampler_options={"then": "MLSMOTE"}),
        Treatment("mlenn", resampler="MLeNN", resampler_options=_LEARNABLE),
        Treatment("mltl", resampler="MLTL", resampler_options=_LEARNABLE),
        Treatment("mlsol", resampler="MLSOL"),
        Treatment("mlul", resampler="MLUL", resampler_options=_LEARNABLE),
        # For one class a row (a 1-D y):
        Treatment(
            "weighted_categorical",
            loss="WeightedCategoricalCrossentropy",
            weights="balanced",
            weight_options={"applies_to": "label", **_SCALED},
        ),
        Treatment("logit_adjusted_categorical", loss="LogitAdjustedCategoricalCrossentropy"),
        Treatment("categorical_focal", loss="CategoricalFocal"),
    )
}

# What is compared unless something is asked for: weights, and what stands in for them.
DEFAULT_TREATMENTS = tuple(TREATMENTS)[:6]


def as_treatment(treatment: str | Treatment) -> Treatment:
    """Returns a treatment as it is, or the one of `TREATMENTS` with this name."""
    if isinstance(treatment, Treatment):
        return treatment
    if not isinstance(treatment, str) or treatment not in TREATMENTS:
        raise InvalidInput(
            f"Unknown treatment {treatment!r}.", remedy=did_you_mean(str(treatment), TREATMENTS)
        )
    return TREATMENTS[treatment]

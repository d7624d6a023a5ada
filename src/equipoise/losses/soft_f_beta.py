"""Soft F-measure: F with probabilities in the place of decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Unpack

import keras
from keras import ops

from equipoise._errors import check_choice, check_number
from equipoise.losses._logistic import Logistic
from equipoise.losses.base import LabelLoss, LossOptions


def soft_f_beta(positive: Any, negative: Any, s: Any, beta: float, axis: Any) -> Any:
    """F_β = (1 + β²)·tp / (tp + fp + β²·(tp + fn)) of soft decisions; 0 without any mass.

    tp = Σ m₊·s,  fp = Σ m₋·s,  fn = Σ m₊·(1 − s)
    """
    weight = beta * beta
    hits = ops.sum(positive * s, axis=axis)
    called = hits + ops.sum(negative * s, axis=axis)
    total = called + weight * ops.sum(positive, axis=axis)
    return (1.0 + weight) * hits / ops.where(total > 0, total, 1.0)


@keras.saving.register_keras_serializable(package="equipoise")
class SoftFBeta(LabelLoss):
    """One minus the F-measure of the batch, with probabilities in the place of decisions.

        loss = 1 − (1 + β²)·tp / ((1 + β²)·tp + β²·fn + fp),   s = σ(slope · (z + offset)),
        tp = Σ w₊·y·s,  fp = Σ w₋·(1 − y)·s,  fn = Σ w₊·y·(1 − s)

    sigmoidF1 is this with its slope and offset, applied to logits once (a sigmoid of a sigmoid
    keeps all decisions in [.5, .73]). The sums run over the batch, so batches should be large: a
    label without positives in a batch costs nothing there and has no gradient.

    Not for probabilities: no formula undoes the loss (`link` says what to fit instead). Not from
    scratch with rare labels, where most batches teach nothing about them.

    Args:
        beta: β > 0; above 1 recall counts more than precision.
        average: "macro" averages over labels, "micro" pools all cells.
        slope: steepness of the decisions, > 0.
        offset: added to the logits.
        **options: weights, from_logits and the like; see `LabelLoss`. Sample weights, of rows or
            of cells, multiply the terms of all sums.
        reduction: for "macro", "sum_over_batch_size" (or "mean") divides by the number of labels,
            "mean_with_sample_weight" by that of labels with a positive in the batch; "sum" adds.

    Raises:
        InvalidInput: a number out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = SoftFBeta(from_logits=True)
        >>> round(float(loss([[1], [0]], [[0.0], [0.0]])), 4)  # tp = fp = fn = .5
        0.5

    Reference:
        Bénédict et al., "sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
        Classification", TMLR 2022, eqs. 9 to 11.
    """

    reductions = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")

    def __init__(
        self,
        beta: float = 1.0,
        average: Literal["macro", "micro"] = "macro",
        slope: float = 1.0,
        offset: float = 0.0,
        **options: Unpack[LossOptions],
    ):
        super().__init__(**options)
        check_choice("average", average, ("macro", "micro"))
        self.average = average
        self.beta = check_number("beta", beta, minimum=0.0, maximum=1e6, open_minimum=True)
        self.slope = check_number("slope", slope, minimum=0.0, maximum=1e6, open_minimum=True)
        self.offset = check_number("offset", offset, minimum=-1e6, maximum=1e6)

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """1 − F of the batch."""
        positive, negative = self.cell_masses(y, p)
        if sample_weight is not None:
            positive, negative = positive * sample_weight, negative * sample_weight
        decisions = Logistic(self.slope * (z + self.offset)).p
        axes = tuple(range(len(z.shape) - (self.average == "macro")))
        present = ops.sum(positive, axis=axes) > 0
        f_beta = soft_f_beta(positive, negative, decisions, self.beta, axes)
        losses = ops.where(present, 1.0 - f_beta, 0.0)
        if self.average == "micro":
            return losses
        if self.reduction != "mean_with_sample_weight":
            return self.reduced_terms(losses)
        return self.reduced_terms(losses, ops.cast(present, self.dtype))

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss: it has no parts that add up over rows."""
        return self(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        own = ("beta", "average", "slope", "offset")
        return {**super().get_config(), **{name: getattr(self, name) for name in own}}

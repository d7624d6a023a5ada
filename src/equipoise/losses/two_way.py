"""Two-way loss: positives above negatives, in every row and in every label of the batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
from keras import ops

from equipoise._errors import InvalidInput, check_number
from equipoise.losses import _cells
from equipoise.losses._log_sums import log_sum
from equipoise.losses.base import LabelLoss, LossOptions


def two_way(positive: Any, negative: Any, z: Any, t_pos: float, t_neg: float, axis: int) -> Any:
    """softplus(T₋·log Σ m₋·e^(z/T₋) + T₊·log Σ m₊·e^(−z/T₊)) over one axis.

    0 where either side is empty: nothing is to be ranked there.
    """
    worst_negative = t_neg * log_sum(negative, z / t_neg, axis)
    worst_positive = t_pos * log_sum(positive, -z / t_pos, axis)
    return ops.softplus(worst_negative + worst_positive)


@keras.saving.register_keras_serializable(package="equipoise")
class TwoWay(LabelLoss):
    """Ranks positives above negatives twice: among the labels of a row, among the rows of a label.

        loss = mean over rows of ℓ(the row's labels) + mean over labels of ℓ(the label's rows),
        ℓ = softplus(T₋ · log Σ_{negatives} w₋ · e^(z/T₋) + T₊ · log Σ_{positives} w₊ · e^(−z/T₊))

    The second part sees as many rows as the batch has, so batches should be large. A row or a
    label of the batch without positives, or without negatives, costs nothing. Sample weights
    count rows, or single cells, that many times.

    Not for probabilities, nor for a threshold known beforehand: only order is learned, so fit
    a calibration and tune thresholds. Not for soft targets, which are on neither side.

    Args:
        t_pos: T₊ > 0, temperature of positives.
        t_neg: T₋ > 0, temperature of negatives.
        **options: weights, from_logits and the like; see `LabelLoss`.
        reduction: "sum_over_batch_size" (or "mean") divides by the number of rows, and of
            labels, so that devices add up. "mean_with_sample_weight" divides by those that have
            a positive, as the authors do. "sum" adds.

    Raises:
        InvalidInput: a number out of range, soft targets (where their values can be seen), or
            what `LabelLoss` refuses.

    Examples:
        >>> loss = TwoWay(t_pos=1.0, t_neg=1.0, from_logits=True)
        >>> round(float(loss([[1, 0]], [[0.0, 0.0]])), 4)  # log 2 for the row, 0 for the labels
        0.6931

    Reference:
        Kobayashi, "Two-Way Multi-Label Loss", CVPR 2023, eqs. 9 to 11.
    """

    reductions = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum")

    def __init__(self, t_pos: float = 4.0, t_neg: float = 1.0, **options: Unpack[LossOptions]):
        super().__init__(**options)
        self.t_pos = check_number("t_pos", t_pos, minimum=1e-3, maximum=1e6)
        self.t_neg = check_number("t_neg", t_neg, minimum=1e-3, maximum=1e6)

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """The part over rows plus the part over labels."""
        _refuse_soft(y)
        row_weight, cell_weight = _cells.split_weights(sample_weight)
        positive, negative = self.cell_masses(y, p)
        if cell_weight is not None:
            positive, negative = positive * cell_weight, negative * cell_weight
        rows = two_way(positive, negative, z, self.t_pos, self.t_neg, -1)
        labelled_rows = ops.any(positive > 0, axis=-1)
        if row_weight is not None:
            row_weight = row_weight * ops.ones_like(rows)
            weights = ops.expand_dims(row_weight, -1)
            positive, negative = positive * weights, negative * weights
        n_labels = ops.shape(z)[-1]
        flat = [ops.reshape(x, (-1, n_labels)) for x in (positive, negative, z)]
        labels = two_way(*flat, self.t_pos, self.t_neg, 0)
        label_weight = None
        if self.reduction == "mean_with_sample_weight":
            labelled = ops.cast(labelled_rows, self.dtype)
            row_weight = labelled if row_weight is None else labelled * row_weight
            label_weight = ops.cast(ops.any(flat[0] > 0, axis=0), self.dtype)
        return self.reduced_terms(rows, row_weight) + self.reduced_terms(labels, label_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss: it has no parts that add up."""
        return self(y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "t_pos": self.t_pos, "t_neg": self.t_neg}


def _refuse_soft(y: Any) -> None:
    values = _cells.visible_values(y)
    if values is None:
        return
    soft = values[(values > 0) & (values != 1)]
    if soft.size:
        raise InvalidInput(
            "TwoWay ranks positives above negatives, and a soft target is neither.",
            received=repr(float(soft[0])),
            remedy="Round the targets, or use a loss that adds up over labels.",
        )

"""RowwiseLoss: losses that look at all labels of a row at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from keras import ops

from equipoise.losses import _cells
from equipoise.losses.base import LabelLoss


class RowwiseLoss(LabelLoss):
    """Base of the losses that have one value per row, not one per cell.

    A subclass writes `row_losses`, a function of the logits and of the *masses* of the cells: how
    often each counts as a positive, y·w₊, and as a negative, (1 − y)·w₋.

    A sample weight (N,), (N, 1) or with further leading axes multiplies the row's loss, as if the
    row were there that many times. A weight per cell, (N, L), multiplies the masses of the cell,
    as if its label were there that many times.

    The rest, unknown labels, shapes and precision, is described at `LabelLoss`.

    Args:
        reduction: "sum_over_batch_size" (or "mean") divides by the number of rows, known or not,
            so that batches and devices add up. "mean_with_sample_weight" divides by the sum of
            the sample weights of rows of which something is known. "sum" adds, "none" (or None)
            returns the (...,) losses of the rows.

    The other arguments are those of `LabelLoss`.
    """

    def row_losses(self, positive: Any, negative: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The (...,) losses of all rows; 0 where all masses are 0.

        Args:
            positive: (..., L) masses of the positives.
            negative: (..., L) masses of the negatives.
            z: (..., L) logits.
            p: the label parameters as tensors that broadcast against z.
        """
        raise NotImplementedError

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """The sum, or the mean, of the weighted rows, or those (...,) rows."""
        row_weight, cell_weight = _cells.split_weights(sample_weight)
        positive, negative = self.cell_masses(y, p)
        if cell_weight is not None:
            positive, negative = positive * cell_weight, negative * cell_weight
        losses = self.row_losses(positive, negative, z, p)
        if self.reduction == "mean_with_sample_weight":
            known = ops.cast(ops.any(y >= 0, axis=-1), self.dtype)
            row_weight = known if row_weight is None else known * row_weight
        return self.reduced_terms(losses, row_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the (...,) losses of the rows, before sample weights and reduction."""
        y, z = self._inputs(y_true, y_pred)
        p = self._parameters(z)
        return self.row_losses(*self.cell_masses(y, p), z, p)

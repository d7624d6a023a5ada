"""CellwiseLoss: everything a loss that adds up over cells needs but its two formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from equipoise.losses.base import LabelLoss


class CellwiseLoss(LabelLoss):
    """Base of the losses that are a sum over cells, a cell being one label of one row.

        cell loss = w · [y · w₊ · ℓ₊(z) + (1 − y) · w₋ · ℓ₋(z)]

    A subclass writes `positive_losses` (ℓ₊) and `negative_losses` (ℓ₋); where both share work it
    may write `cell_losses` as well. It hands its own numbers per label to
    `add_label_parameter` and finds them, beside the weights "positive" and "negative", in the
    mapping `p`. Both formulas must work cell by cell for any z and p of fitting shapes.

    Sample weights multiply cells. The rest, unknown labels, shapes and precision, is described
    at `LabelLoss`.

    Not for losses that look at all labels of a row, or at all rows of a batch, at once.

    Args:
        reduction: "sum_over_batch_size" (or "mean") divides by all cells of the batch, known or
            not, masked or not, so that batches and devices add up. "mean_with_sample_weight"
            divides by the sum of the sample weights of the known cells, hence is the mean over
            known cells; it costs that additivity: where unknown cells are uneven, batches with
            few known cells count as much as full ones. "sum" adds, "none" (or None) returns cells.

    The other arguments are those of `LabelLoss`.
    """

    # Whether eager Torch needs only a pass or two over memory for all cells: not for most.
    fused_on_torch = False

    @property
    def adds_up_over_labels(self) -> bool:
        """Whether a cell's loss depends on its own label and logit alone (see `FromIndices`)."""
        return True

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊: the unweighted loss of logits z where y = 1."""
        raise NotImplementedError

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋: the unweighted loss of logits z where y = 0."""
        raise NotImplementedError

    def negative_sums(self, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ_l ℓ₋(z_l), the (...,) unweighted losses of rows without any label (`FromIndices`).

        A subclass may write it where a sum costs less than its terms.
        """
        return ops.sum(self.negative_losses(z, p), axis=-1)

    def cell_losses(self, y: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The weighted losses of all cells, 0 where y is unknown (NaN or negative).

        Args:
            y: (..., L) labels.
            z: (..., L) logits.
            p: the label parameters as tensors that broadcast against z.
        """
        positive, negative = self.cell_masses(y, p)
        return positive * self.positive_losses(z, p) + negative * self.negative_losses(z, p)

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """The sum, or the mean, of the weighted cells, or those (..., L) cells."""
        if self._in_blocks(y, z, sample_weight):
            return self._reduced_in_blocks(y, z, p, sample_weight)
        cells = self.cell_losses(y, z, p)
        if self.reduction == "mean_with_sample_weight":
            known = ops.cast(y >= 0, self.dtype)
            sample_weight = known if sample_weight is None else known * sample_weight
        return self._reduce(cells, cells, sample_weight)

    def _in_blocks(self, y: Any, z: Any, sample_weight: Any) -> bool:
        if keras.backend.backend() != "torch" or self.fused_on_torch:
            return False
        from equipoise.losses import _torch

        adds_up = self.reduction in ("sum", "sum_over_batch_size", "mean")
        return adds_up and _torch.pays_in_blocks(y, z, sample_weight)

    def _reduced_in_blocks(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        from equipoise.losses import _torch

        def cells(y: Any, z: Any, weight: Any) -> Any:
            losses = self.cell_losses(y, z, p)
            return losses if weight is None else losses * weight

        rows = _torch.row_sums_in_blocks(cells, y, z, sample_weight)
        return self.reduced_terms(rows if self.reduction == "sum" else rows / z.shape[-1])

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the (..., L) cells, 0 where unknown, before sample weights and reduction."""
        y, z = self._inputs(y_true, y_pred)
        return self.cell_losses(y, z, self._parameters(z))

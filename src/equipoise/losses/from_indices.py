"""FromIndices: a loss from the indices of each row's labels, without a dense matrix of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import keras
from keras import ops
from numpy.typing import NDArray

from equipoise._errors import InvalidInput
from equipoise.links import Link
from equipoise.losses import _cells
from equipoise.losses._indexed import indexed_row_sums
from equipoise.losses.cellwise import CellwiseLoss

if TYPE_CHECKING:
    from equipoise.weights import LabelWeights


@keras.saving.register_keras_serializable(package="equipoise")
class FromIndices(keras.losses.Loss):
    """The same loss from padded label indices: for very many labels, few of them in each row.

        row loss = Σ_l w₋ · ℓ₋(z_l) + Σ_{l ∈ Y} [w₊ · ℓ₊(z_l) − w₋ · ℓ₋(z_l)]

    y_true is (..., K) whole numbers: the positions of the labels a row has, in any order, padded
    with −1. A label named twice counts once. A position of L or more, or below −1, is an error
    where values can be seen, and is left out in compiled code (`fit` on JAX and TensorFlow), which
    cannot raise errors: check such data before.

    Values and gradients are those of the dense form, at three fifths of its memory traffic; the
    value is a difference, so it is rounded at the size of the sum over all labels.

    Not for unknown labels or weights per cell, for which there is no place; nor for losses that do
    not add up over labels.

    Args:
        loss: a loss of this package that adds up over labels, with a reduction other than "none".
        name: name of the loss; by default that of `loss`.

    Raises:
        InvalidInput: another loss.

    Examples:
        >>> from equipoise.losses import WeightedBinaryCrossentropy
        >>> dense = WeightedBinaryCrossentropy(positive_weight=[5.0] * 4, from_logits=True)
        >>> z = [[0.0, 1.0, -1.0, 2.0], [0.5, 0.0, 0.0, -2.0]]
        >>> round(float(FromIndices(dense)([[3, 0], [1, -1]], z)), 4)
        1.3733
        >>> round(float(dense([[1, 0, 0, 1], [0, 1, 0, 0]], z)), 4)
        1.3733
    """

    def __init__(self, loss: CellwiseLoss, *, name: str | None = None):
        if isinstance(loss, Mapping):
            loss = keras.losses.deserialize(dict(loss))
        if not isinstance(loss, CellwiseLoss) or not loss.adds_up_over_labels:
            raise InvalidInput(
                "FromIndices needs a loss that adds up over labels.",
                received=repr(loss) if isinstance(loss, str) else type(loss).__name__,
                remedy="Pass DistributionBalanced with rebalance=False."
                if isinstance(loss, CellwiseLoss)
                else "Pass a loss of equipoise.losses such as WeightedBinaryCrossentropy(...).",
            )
        if loss.reduction in ("none", None):
            raise InvalidInput(
                "FromIndices has no cells to return.",
                received=f"a loss with reduction={loss.reduction!r}",
                remedy='Use the reduction "sum_over_batch_size", "mean_with_sample_weight" or '
                '"sum".',
            )
        super().__init__(name=name or loss.name, reduction=loss.reduction, dtype=loss.dtype)
        self.loss = loss

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss.

        Args:
            y_true: (..., K) label positions, padded with −1.
            y_pred: (..., L) logits, or probabilities as the loss says.
            sample_weight: weights of rows: (N,), (N, 1), or with further leading axes.
        """
        loss = self.loss
        with keras.name_scope(self.name):
            mask = loss._mask(0.0, y_pred)
            z = loss._logits(y_pred)
            z = _cells.align_parameters(z, loss.n_labels, loss._sized_by)
            indices = _label_indices(y_true, z)
            row_weight = _row_weight(sample_weight, z, loss.dtype, "sample_weight")
            if _cells.static_shape(mask) != () or z.shape[0] == 1:
                kept = _row_weight(ops.cast(mask > 0, loss.dtype), z, loss.dtype, "mask")
                row_weight = kept if row_weight is None else kept * row_weight
            rows = indexed_row_sums(loss, indices, z, loss._parameters(z))
            if self.reduction != "sum":
                rows = rows / ops.cast(ops.shape(z)[-1], loss.dtype)
            return loss.reduced_terms(rows, row_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the (...,) sums over the labels of each row, before weights and reduction."""
        z = self.loss._logits(y_pred)
        z = _cells.align_parameters(z, self.loss.n_labels, self.loss._sized_by)
        indices = _label_indices(y_true, z)
        return indexed_row_sums(self.loss, indices, z, self.loss._parameters(z))

    # --------------------------------------------------- what belongs to the loss it was made of

    @property
    def link(self) -> Link:
        """The inverse link of the loss."""
        return self.loss.link

    def to_probability(self, logits: Any) -> NDArray[Any]:
        """Returns the true probabilities of (..., L) logits trained with this loss."""
        return self.loss.to_probability(logits)

    def reweigh(self, weights: LabelWeights | None = None, **sides: Any) -> None:
        """Puts other weights in the place of those of the loss; see `LabelLoss.reweigh`."""
        self.loss.reweigh(weights, **sides)

    def get_config(self) -> dict[str, Any]:
        """Returns the loss as a plain dictionary."""
        return {"loss": keras.losses.serialize(self.loss), "name": self.name}


def _label_indices(y_true: Any, z: Any) -> Any:
    y = ops.convert_to_tensor(y_true)
    shape, wanted = _cells.static_shape(y), _cells.static_shape(z)
    leading = None if shape is None else shape[:-1]
    if (
        wanted is None
        or len(wanted) < 2
        or leading is None
        or len(leading) != len(wanted) - 1
        or any(None not in (n, m) and n != m for n, m in zip(leading, wanted, strict=False))
    ):
        raise InvalidInput(
            "`y` must hold one row of label positions for each row of `y_pred`.",
            received=f"y.shape={shape}, y_pred.shape={wanted}",
            remedy="Pad the positions of each row's labels with -1 to a (rows, K) array.",
        )
    values = _cells.visible_values(y)
    if values is not None and wanted[-1] is not None and values.size:
        outside = values[~((values >= -1) & (values < wanted[-1]) & (values == values // 1))]
        if outside.size:
            raise InvalidInput(
                f"`y` must hold label positions from 0 to {wanted[-1] - 1}, or -1 for padding.",
                received=repr(outside[0].item()),
                remedy="Pass positions, not a 0/1 matrix; drop labels the model does not have.",
            )
    return ops.cast(y, "int32")


def _row_weight(weight: Any, z: Any, dtype: str, argument: str) -> Any:
    if weight is None:
        return None
    weight = _cells.align_weights(ops.convert_to_tensor(weight, dtype=dtype), z, argument)
    of_rows, of_cells = _cells.split_weights(weight)
    if of_rows is None:
        raise InvalidInput(
            f"FromIndices has no place for a `{argument}` per cell.",
            received=f"{argument}.shape={_cells.static_shape(of_cells)}",
            remedy="Pass one weight per row, or use the dense loss.",
        )
    return of_rows

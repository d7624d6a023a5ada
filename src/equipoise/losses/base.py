"""CellwiseLoss: everything a loss over labels needs but its two formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import (
    InvalidInput,
    Undefined,
    check_choice,
    check_names,
    shown_list,
)
from equipoise.links import Link
from equipoise.losses import _cells
from equipoise.losses._arguments import sides_of, weight_vector, working_dtype

if TYPE_CHECKING:
    from equipoise.weights import LabelWeights

Reduction = Literal["sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None]

_REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)
_WEIGHTS = ("positive_weight", "negative_weight", "label_weight")


class CellwiseLoss(keras.losses.Loss):
    """Base of the losses that are a sum over cells, a cell being one label of one row.

        cell loss = w · [y · w₊ · ℓ₊(z) + (1 − y) · w₋ · ℓ₋(z)]

    A subclass writes `positive_losses` (ℓ₊) and `negative_losses` (ℓ₋); where both share work it
    may write `cell_losses` as well. It hands its own numbers per label to
    `add_label_parameter` and finds them, beside the weights "positive" and "negative", in the
    mapping `p`. Both formulas must work cell by cell for any z and p of fitting shapes.

    The base sees to the rest:

    - **Unknown labels**, NaN or negative, cost nothing and have no gradient; likewise cells that
      a Keras mask on y_pred, (N,), (N, T) or in the shape of y, leaves out.
    - **Shapes**: y and y_pred are (..., L), labels last; y (N,) goes with y_pred (N, 1).
      Sample weights multiply cells: (N,), (N, 1), (N, L), and with further leading axes (N, T),
      (N, T, 1), (N, 1, 1), (N, T, L). (N,) always means rows, (L,) is an error.
    - **Soft targets** in [0, 1] are valid. That no target is above 1 is not checked: compiled
      code cannot look at values.
    - **Precision**: cells are float32 whatever the policy, or float64 on demand.

    Not for losses that look at all labels of a row, or at all rows of a batch, at once.

    Args:
        weights: a `LabelWeights`, or else any of the three lists that follow.
        positive_weight: L weights w₊ ≥ 0 on cells with y = 1.
        negative_weight: L weights w₋ ≥ 0 on cells with y = 0.
        label_weight: L weights w ≥ 0 on both.
        label_names: L names for messages; by default those of `weights`.
        from_logits: whether y_pred holds logits. If not, probabilities are turned back into
            logits: exactly where Keras still has the logits of a sigmoid (TensorFlow, Torch),
            else up to |z| of about 16.6 at p near 1 in float32 (7.6 in float16, 5.5 in bfloat16)
            beyond which the gradient is 0. Logits are the better choice.
        reduction: "sum_over_batch_size" (or "mean") divides by all cells of the batch, known or
            not, masked or not, so that batches and devices add up. "mean_with_sample_weight"
            divides by the sum of the sample weights of the known cells, hence is the mean over
            known cells; it costs that additivity: where unknown cells are uneven, batches with
            few known cells count as much as full ones. "sum" adds, "none" (or None) returns cells.
        name: name of the loss.
        dtype: "float64" to compute in double precision; float32 otherwise.

    Raises:
        InvalidInput: weights that are not L finite numbers ≥ 0, or both kinds of weights.
    """

    positive_weight: NDArray[np.float64] | None
    negative_weight: NDArray[np.float64] | None
    label_weight: NDArray[np.float64] | None

    def __init__(
        self,
        weights: LabelWeights | None = None,
        *,
        positive_weight: ArrayLike | None = None,
        negative_weight: ArrayLike | None = None,
        label_weight: ArrayLike | None = None,
        label_names: Iterable[object] | None = None,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ):
        check_choice("reduction", reduction, _REDUCTIONS)
        check_choice("from_logits", from_logits, (True, False))
        super().__init__(name=name, reduction=reduction, dtype=working_dtype(dtype))
        self.from_logits = from_logits
        self.label_parameters: dict[str, NDArray[np.float64]] = {}
        self.n_labels: int | None = None
        self._sized_by = ""
        given = {
            "positive_weight": positive_weight,
            "negative_weight": negative_weight,
            "label_weight": label_weight,
        }
        if weights is not None:
            given.update(sides_of(weights, given))
            label_names = weights.label_names if label_names is None else label_names
        for argument, values in given.items():
            source = argument if weights is None else "weights"
            setattr(self, argument, self._weight(source, values))
        self._add_side("positive", self.positive_weight)
        self._add_side("negative", self.negative_weight)
        self.label_names: tuple[str, ...] | None = None
        if label_names is not None:
            self.label_names = check_names("label_names", label_names, self.n_labels)
            self._check_length("label_names", len(self.label_names))
        self._reduce = _Reduction(reduction=reduction, dtype=self.dtype, name="reduction")
        self._mask = _Mask(reduction="none", name="mask")

    # ---------------------------------------------------------------- what a subclass writes

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊: the unweighted loss of logits z where y = 1."""
        raise NotImplementedError

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋: the unweighted loss of logits z where y = 0."""
        raise NotImplementedError

    def cell_masses(self, y: Any, p: Mapping[str, Any]) -> tuple[Any, Any]:
        """What ℓ₊ and ℓ₋ of every cell are multiplied by, 0 where y is unknown."""
        return _cells.cell_masses(y, p)

    def cell_losses(self, y: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The weighted losses of all cells, 0 where y is unknown (NaN or negative).

        Args:
            y: (..., L) labels.
            z: (..., L) logits.
            p: the label parameters as tensors that broadcast against z.
        """
        positive, negative = self.cell_masses(y, p)
        return positive * self.positive_losses(z, p) + negative * self.negative_losses(z, p)

    @property
    def link(self) -> Link:
        """The inverse link that undoes loss and weights (`equipoise.links`).

        Raises:
            Undefined: the loss has none, or a label's weight of 0 left nothing to undo.
        """
        raise Undefined(
            f"{type(self).__name__} has no inverse link.",
            remedy="Fit a calibration on held-out rows instead: equipoise.decision.Calibrator.",
        )

    def to_probability(self, logits: Any) -> NDArray[np.float64]:
        """Returns the true probabilities of logits trained with this loss.

        Args:
            logits: (..., L) logits, whatever `from_logits` is; an array or a tensor.

        Raises:
            Undefined: see `link`.
        """
        return self.link.to_probability(logits)

    # --------------------------------------------------------------------- label parameters

    def add_label_parameter(self, name: str, values: NDArray[np.float64], argument: str) -> None:
        """Keeps (L,) numbers, for the formulas to find as p[name].

        All numbers per label live in `label_parameters`, so that the loss can also be evaluated
        at some labels only, by picking their entries.

        Args:
            name: key in p.
            values: (L,) numbers.
            argument: the argument they came from, for messages.
        """
        self._check_length(argument, len(values))
        self.label_parameters[name] = values

    def _check_length(self, argument: str, length: int) -> None:
        if self.n_labels not in (None, length):
            raise InvalidInput(
                f"`{argument}` has {length} entries but `{self._sized_by}` has {self.n_labels}.",
                remedy="Give one entry per label, in the order of the columns of y.",
            )
        if self.n_labels is None:
            self.n_labels, self._sized_by = length, argument

    def _weight(self, argument: str, values: ArrayLike | None) -> NDArray[np.float64] | None:
        if values is None:
            return None
        weights = weight_vector(argument, values)
        self._check_length(argument, len(weights))
        return weights

    def _add_side(self, side: str, weights: NDArray[np.float64] | None) -> None:
        if self.label_weight is not None:
            weights = self.label_weight * (1.0 if weights is None else weights)
        if weights is not None:
            self.label_parameters[side] = weights

    def weight_shift(self) -> float | NDArray[np.float64]:
        """log(w₊ / w₋): how far the weights move the log-odds of each label.

        Raises:
            Undefined: a label has a weight of 0, on one side or on both.
        """
        if not self.label_parameters.keys() & {"positive", "negative"}:
            return 0.0
        assert self.n_labels is not None
        ones = np.ones(self.n_labels)
        positive = self.label_parameters.get("positive", ones)
        negative = self.label_parameters.get("negative", ones)
        untrained = np.flatnonzero((positive == 0) | (negative == 0))
        if len(untrained):
            names = self.label_names or tuple(f"label_{i}" for i in range(self.n_labels))
            raise Undefined(
                "Labels with a weight of 0 have no probability to correct.",
                received=shown_list([names[i] for i in untrained]),
                remedy='Weigh them above 0 (absent="max"), or leave them out of the model.',
            )
        return np.log(positive) - np.log(negative)

    # ------------------------------------------------------------------------- Keras' calls

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss, or the (..., L) weighted cells if there is no reduction."""
        with keras.name_scope(self.name):
            y, z = self._inputs(y_true, y_pred)
            cells = self.cell_losses(y, z, self._parameters())
            if sample_weight is not None:
                sample_weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
                sample_weight = _cells.align_weights(sample_weight, cells, "sample_weight")
            if self.reduction == "mean_with_sample_weight":
                known = ops.cast(y >= 0, self.dtype)
                sample_weight = known if sample_weight is None else known * sample_weight
            return self._reduce(cells, cells, sample_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the (..., L) cells, 0 where unknown, before sample weights and reduction."""
        return self.cell_losses(*self._inputs(y_true, y_pred), self._parameters())

    def _inputs(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Returns labels and logits as tensors of one shape; masked cells are made unknown."""
        mask = self._mask(0.0, y_pred)
        if self.from_logits:
            z = ops.convert_to_tensor(y_pred, dtype=self.dtype)
        else:
            z = _cells.logits_of(y_pred, self.dtype, self._largest_weight())
        # Sparse label batches, which Keras makes of SciPy matrices, become dense here.
        y = ops.convert_to_tensor(y_true, dtype=self.dtype, sparse=False)
        y = _cells.align_labels(y, z)
        z = _cells.align_parameters(z, self.n_labels, self._sized_by)
        if _cells.static_shape(mask) != () or z.shape[0] == 1:
            y = ops.where(_cells.align_weights(mask, z, "mask") > 0, y, -1.0)
        return y, z

    def _parameters(self) -> dict[str, Any]:
        return {
            name: ops.convert_to_tensor(values, dtype=self.dtype)
            for name, values in self.label_parameters.items()
        }

    def _largest_weight(self) -> float:
        sides = (self.label_parameters.get(side) for side in ("positive", "negative"))
        return max((float(weights.max()) for weights in sides if weights is not None), default=1.0)

    # ------------------------------------------------------------------------------- saving

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        config = super().get_config()
        for argument in _WEIGHTS:
            values = getattr(self, argument)
            config[argument] = None if values is None else values.tolist()
        config["label_names"] = None if self.label_names is None else list(self.label_names)
        config["from_logits"] = self.from_logits
        config["dtype"] = self.dtype
        return config


class _Reduction(keras.losses.Loss):
    """Keras' own reduction (and its share per replica) of cells that are already there."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred


class _Mask(keras.losses.Loss):
    """The Keras mask of y_pred, as numbers, or a single 1 if there is none.

    Keras has no public function for the mask, which on JAX is not kept on the tensor; but it
    multiplies the mask into any loss, here 1. The mask of a single row may lose its axis.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.ones(())

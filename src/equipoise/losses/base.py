"""LabelLoss: what every loss over labels needs but its formula."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypedDict

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

_SIDES = ("positive_weight", "negative_weight")
_WEIGHTS = (*_SIDES, "label_weight")


class LossOptions(TypedDict, total=False):
    """The keyword arguments that all losses share; see `LabelLoss`."""

    weights: LabelWeights | None
    positive_weight: ArrayLike | None
    negative_weight: ArrayLike | None
    label_weight: ArrayLike | None
    label_names: Iterable[object] | None
    from_logits: bool
    reduction: Reduction
    name: str | None
    dtype: Any


class LabelLoss(keras.losses.Loss):
    """Base of all losses over labels; of use through its subclasses.

    - **Unknown labels**, NaN or negative, cost nothing and have no gradient of their own;
      likewise cells that a Keras mask on y_pred, (N,), (N, T) or in the shape of y, leaves out.
    - **Shapes**: y and y_pred are (..., L), labels last; y (N,) goes with y_pred (N, 1).
      Sample weights are (N,), (N, 1), (N, L), and with further leading axes (N, T), (N, T, 1),
      (N, 1, 1), (N, T, L). (N,) always means rows, (L,) is an error.
    - **Soft targets** in [0, 1] are valid unless a loss says otherwise. That no target is above
      1 is not checked: compiled code cannot look at values.
    - **Precision**: losses are float32 whatever the policy, or float64 on demand.

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
        reduction: how cells, or rows, become one number; see the subclass.
        name: name of the loss; by default that of its class, in snake case.
        dtype: "float64" to compute in double precision; float32 otherwise.

    Raises:
        InvalidInput: weights that are not L finite numbers ≥ 0, or both kinds of weights.
    """

    reductions: ClassVar[Sequence[Reduction]] = (
        "sum_over_batch_size",
        "mean",
        "mean_with_sample_weight",
        "sum",
        "none",
        None,
    )

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
        check_choice("reduction", reduction, self.reductions)
        check_choice("from_logits", from_logits, (True, False))
        name = name or _snake_case(type(self).__name__)
        super().__init__(name=name, reduction=reduction, dtype=working_dtype(dtype))
        self.from_logits = from_logits
        self.label_parameters: dict[str, NDArray[np.float64]] = {}
        self._uploaded: dict[str, Any] = {}
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
        self.check_sides(self.positive_weight, self.negative_weight)
        self._set_sides()
        self.label_names: tuple[str, ...] | None = None
        if label_names is not None:
            self.label_names = check_names("label_names", label_names, self.n_labels)
            self._check_length("label_names", len(self.label_names))
        self._reduce = _Reduction(reduction=reduction, dtype=self.dtype, name="reduction")
        self._mask = _Mask(reduction="none", name="mask")

    # ---------------------------------------------------------------- what a subclass writes

    def reduced(self, y: Any, z: Any, p: Mapping[str, Any], sample_weight: Any) -> Any:
        """The value of the loss.

        Args:
            y: (..., L) labels, NaN or negative where unknown.
            z: (..., L) logits.
            p: the label parameters as (L,) tensors.
            sample_weight: None, or weights with as many axes as z that broadcast against it.
        """
        raise NotImplementedError

    def cell_masses(self, y: Any, p: Mapping[str, Any]) -> tuple[Any, Any]:
        """y·w₊ and (1 − y)·w₋, both 0 where y is unknown."""
        return _cells.cell_masses(y, p)

    def logits_of(self, y_pred: Any) -> Any:
        """The logits of predicted probabilities."""
        return _cells.logits_of(y_pred, self.dtype, self._largest_weight())

    @property
    def has_link(self) -> bool:
        """Whether a formula undoes this loss (see `link`); if not, its logits only rank."""
        return type(self).link is not LabelLoss.link

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

    def reduced_terms(self, terms: Any, weight: Any = None) -> Any:
        """Terms (one per row, or per label) times their weights, as the reduction says."""
        if self.reduction in ("none", None):
            return terms if weight is None else terms * weight
        # A column, for Keras leaves vectors of length 0 as they are.
        column = ops.expand_dims(terms, -1)
        return self._reduce(column, column, None if weight is None else ops.expand_dims(weight, -1))

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

    def reweigh(
        self,
        weights: LabelWeights | None = None,
        *,
        positive_weight: ArrayLike | None = None,
        negative_weight: ArrayLike | None = None,
    ) -> None:
        """Puts other weights in the place of w₊ and w₋; `label_weight` stays as it is.

        A model that was compiled with this loss has to be told, for its training step may hold
        the former weights: `model.make_train_function(force=True)`. The callbacks of
        `equipoise.callbacks` do so.

        Args:
            weights: a `LabelWeights` of the same labels; or else
            positive_weight: L weights w₊ ≥ 0, or None for 1.
            negative_weight: L weights w₋ ≥ 0, or None for 1.

        Raises:
            InvalidInput: weights of other labels, or what the loss would not have taken when it
                was made; the loss is then as it was.
        """
        sides = {"positive_weight": positive_weight, "negative_weight": negative_weight}
        if weights is not None:
            sides = sides_of(weights, sides)
            if self.label_names not in (None, weights.label_names):
                raise InvalidInput(
                    "`weights` are of other labels than the loss.",
                    received=f"weights of {shown_list(weights.label_names)}",
                    remedy="Make both from the same columns, with the same label_names.",
                )
        checked = {side: self._weight("weights", values) for side, values in sides.items()}
        self.check_sides(*checked.values())
        for side, values in checked.items():
            setattr(self, side, values)
        self._set_sides()

    def check_sides(
        self, positive: NDArray[np.float64] | None, negative: NDArray[np.float64] | None
    ) -> None:
        """Raises InvalidInput for weights that the formula has no place for."""

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

    def _set_sides(self) -> None:
        for argument in _SIDES:
            weights = getattr(self, argument)
            if self.label_weight is not None:
                weights = self.label_weight * (1.0 if weights is None else weights)
            side = argument.removesuffix("_weight")
            self.label_parameters.pop(side, None)
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
        self._check_trained((positive > 0) & (negative > 0))
        return np.log(positive) - np.log(negative)

    def _check_trained(self, trained: NDArray[np.bool_]) -> None:
        if trained.all():
            return
        names = self.label_names or tuple(f"label_{i}" for i in range(len(trained)))
        raise Undefined(
            "Labels with a weight of 0 have no probability to correct.",
            received=shown_list([names[i] for i in np.flatnonzero(~trained)]),
            remedy='Weigh them above 0 (absent="max"), or leave them out of the model.',
        )

    # ------------------------------------------------------------------------- Keras' calls

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Returns the reduced loss, or all of its terms if there is no reduction."""
        with keras.name_scope(self.name):
            y, z = self._inputs(y_true, y_pred)
            if sample_weight is not None:
                sample_weight = ops.convert_to_tensor(sample_weight, dtype=self.dtype)
                sample_weight = _cells.align_weights(sample_weight, z, "sample_weight")
            return self.reduced(y, z, self._parameters(z), sample_weight)

    def _inputs(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """Returns labels and logits as tensors of one shape; masked cells are made unknown."""
        mask = self._mask(0.0, y_pred)
        z = self._logits(y_pred)
        # Sparse label batches, which Keras makes of SciPy matrices, become dense here.
        y = ops.convert_to_tensor(y_true, dtype=self.dtype, sparse=False)
        y = _cells.align_labels(y, z)
        z = _cells.align_parameters(z, self.n_labels, self._sized_by)
        if _cells.static_shape(mask) != () or z.shape[0] == 1:
            y = ops.where(_cells.align_weights(mask, z, "mask") > 0, y, -1.0)
        return y, z

    def _logits(self, y_pred: Any) -> Any:
        if self.from_logits:
            return ops.convert_to_tensor(y_pred, dtype=self.dtype)
        return self.logits_of(y_pred)

    def _parameters(self, z: Any) -> dict[str, Any]:
        """The label parameters as tensors, where z is."""
        if keras.backend.backend() == "torch":  # not compiled: a step would upload them anew
            from equipoise.losses import _torch

            return _torch.uploaded(self.label_parameters, self._uploaded, z.device, self.dtype)
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


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


class _Reduction(keras.losses.Loss):
    """Keras' own reduction (and its share per replica) of terms that are already there."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return y_pred


class _Mask(keras.losses.Loss):
    """The Keras mask of y_pred, as numbers, or a single 1 if there is none.

    Keras has no public function for the mask, which on JAX is not kept on the tensor; but it
    multiplies the mask into any loss, here 1. The mask of a single row may lose its axis.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return ops.ones(())

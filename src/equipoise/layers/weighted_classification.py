"""An endpoint that turns logits into class probabilities and adds its own weighted loss."""

from __future__ import annotations

from typing import Any, Literal

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_choice, check_integer

_DIVISORS = ("rows", "weights", "labels")


@keras.saving.register_keras_serializable(package="equipoise")
class WeightedClassification(keras.layers.Layer):
    """Softmax of the logits; called with targets as well, it adds their weighted cross-entropy.

        loss = −(1/D) Σ_n Σ_k w_k · T_nk · log p_nk,   p = softmax(z)

    D is the number of rows N ("rows"), the weight Σ_n Σ_k w_k · T_nk of the batch ("weights"), or
    each class's own number of rows before the classes are averaged ("labels"):
    (1/K) Σ_k w_k · (Σ_n T_nk · (−log p_nk)) / Σ_n T_nk. Only with "rows" do batches add up.

    The weights are part of the layer: they are saved with the model, and `set_class_weight`
    changes them during training on every backend. They move the probabilities that the model
    learns; divide p by w and renormalise to move them back.

    Not for labels that can occur together: use `losses.WeightedBinaryCrossentropy`.

    Args:
        n_classes: number of classes K.
        class_weight: K weights ≥ 0; all 1 by default.
        divide_by: "rows", "weights" or "labels".
        mean_one: whether the weights are first divided by their mean.
        **layer_options: name and the like, as in `keras.layers.Layer`.

    Raises:
        InvalidInput: weights that are not K finite numbers ≥ 0, not all of them 0.

    Examples:
        >>> layer = WeightedClassification(2, class_weight=[3.0, 1.0])
        >>> p = layer(np.zeros((2, 2)), targets=np.array([[1.0, 0.0], [0.0, 1.0]]))
        >>> round(float(layer.losses[0]), 4)  # (3 + 1)/2 · log 2
        1.3863
    """

    def __init__(
        self,
        n_classes: int,
        class_weight: ArrayLike | None = None,
        *,
        divide_by: Literal["rows", "weights", "labels"] = "rows",
        mean_one: bool = False,
        **layer_options: Any,
    ):
        super().__init__(**layer_options)
        check_choice("divide_by", divide_by, _DIVISORS)
        check_choice("mean_one", mean_one, (False, True))
        self.n_classes = check_integer("n_classes", n_classes, minimum=2)
        self.divide_by, self.mean_one = divide_by, mean_one
        self._initial = self._checked(np.ones(n_classes) if class_weight is None else class_weight)
        self.class_weight = self.add_weight(
            shape=(n_classes,),
            initializer=keras.initializers.Constant(self._initial.tolist()),
            trainable=False,
            dtype="float32",
            name="class_weight",
        )

    def set_class_weight(self, class_weight: ArrayLike) -> None:
        """Replaces the weights, during training too."""
        self.class_weight.assign(self._checked(class_weight))

    def _checked(self, class_weight: ArrayLike) -> np.ndarray:
        weights = np.array(class_weight, dtype=np.float64)
        wrong = weights.shape != (self.n_classes,)
        if wrong or not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
            raise InvalidInput(
                f"`class_weight` must hold {self.n_classes} finite weights ≥ 0, not all of them 0.",
                received=np.array2string(weights, threshold=8),
                remedy="Compute them with LabelWeights.from_targets(y).positive.",
            )
        return weights / weights.mean() if self.mean_one else weights

    def call(self, logits: Any, targets: Any = None, sample_weight: Any = None) -> Any:
        """Returns the probabilities; with targets the loss is added to the model.

        Args:
            logits: (..., K).
            targets: (..., K) one-hot or soft targets; NaN or negative is unknown and costs nothing.
            sample_weight: (...,) weights of the rows.
        """
        if targets is not None:
            self.add_loss(self._loss(logits, targets, sample_weight))
        return ops.softmax(logits)

    def _loss(self, logits: Any, targets: Any, sample_weight: Any) -> Any:
        minus_log_p = -ops.log_softmax(ops.cast(logits, "float32"))
        targets = ops.cast(targets, "float32")
        targets = ops.where(targets >= 0, targets, 0.0)  # False for NaN too
        if sample_weight is not None:
            targets = targets * ops.expand_dims(ops.cast(sample_weight, "float32"), -1)
        weighted = targets * self.class_weight
        cells = ops.reshape(weighted * minus_log_p, (-1, self.n_classes))
        if self.divide_by == "labels":
            per_class = ops.sum(ops.reshape(targets, (-1, self.n_classes)), axis=0)
            return ops.mean(ops.divide_no_nan(ops.sum(cells, axis=0), per_class))
        if self.divide_by == "weights":
            return ops.divide_no_nan(ops.sum(cells), ops.sum(weighted))
        return ops.sum(cells) / ops.cast(ops.shape(cells)[0], "float32")

    def compute_output_shape(self, logits_shape: Any, *_: Any) -> Any:
        """The shape of the logits."""
        return logits_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers and strings."""
        return {
            **super().get_config(),
            "n_classes": self.n_classes,
            "class_weight": self._initial.tolist(),
            "divide_by": self.divide_by,
            "mean_one": False,  # the weights above are divided already
        }

"""What users bring to a training: a function that builds their model, and weights; checked."""

from __future__ import annotations

from typing import Any, Protocol
from weakref import WeakValueDictionary

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_numbers, shown_list
from equipoise.targets import Targets

# What is trained of the models that users brought, while those live: from fit to fit, for the folds
# of a comparison are fits of their own.
_TRAINED: WeakValueDictionary[int, Any] = WeakValueDictionary()


class BuildModel(Protocol):
    """A function that builds an uncompiled Keras model returning one logit per label."""

    def __call__(self, n_features: int, n_labels: int) -> keras.Model: ...


def new_each_time(build_model: BuildModel) -> BuildModel:
    """Returns `build_model`, refusing a model that shares with one that it returned before what
    is trained: the networks would have seen the rows that they hold out."""

    def build(n_features: int, n_labels: int) -> keras.Model:
        model = build_model(n_features, n_labels)
        if isinstance(model, keras.Model):
            own = {id(variable): variable for variable in model.trainable_variables}
            shared = [variable.path for key, variable in own.items() if key in _TRAINED]
            if shared:
                raise InvalidInput(
                    "`build_model` must return a new model at each call: what one network learns "
                    "from rows that another one holds out would flatter the other.",
                    received=f"trainable weights of an earlier model: {shown_list(shared)}",
                    remedy="Make all its layers inside the function (keras.models.clone_model "
                    "copies those you have), or freeze shared ones: layer.trainable = False.",
                )
            _TRAINED.update(own)
        return model

    return build


def check_logits(model: Any, n_labels: int) -> None:
    """Raises InvalidInput unless `model` is a Keras model that returns a logit for each label."""
    if not isinstance(model, keras.Model):
        raise InvalidInput(
            "`build_model` must return a Keras model.", received=type(model).__name__
        )
    if model.output_shape[-1] != n_labels:
        raise InvalidInput(
            "`build_model` must return a model with one output per label.",
            received=f"output shape {model.output_shape} for {n_labels} labels",
        )
    activation = getattr(model.layers[-1], "activation", None)
    if activation in (keras.activations.sigmoid, keras.activations.softmax):
        raise InvalidInput(
            "`build_model` must return a model that ends in logits.",
            received=f"a last layer with activation {activation.__name__!r}",
            remedy="Leave out the last activation; probabilities are computed from the logits.",
        )


def checked_weight(sample_weight: ArrayLike, targets: Targets) -> NDArray[np.float32]:
    """Returns weights of rows or cells as an array, refusing those that cannot be learned with."""
    weight = check_numbers("sample_weight", sample_weight).astype(np.float32)
    n, n_labels = targets.n_rows, targets.n_labels
    if weight.shape not in ((n,), (n, 1), (n, n_labels)):
        raise InvalidInput(
            "`sample_weight` must have one weight per row or per cell.",
            received=f"sample_weight.shape={weight.shape} for {n} rows and {n_labels} labels",
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise InvalidInput("`sample_weight` must hold finite weights ≥ 0.", received=repr(weight))
    if not weight.any():
        raise InvalidInput("`sample_weight` is zero everywhere, so there is nothing to learn.")
    return weight

"""What an audit needs to know of a Keras model, read off it without training it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, did_you_mean

# Metric functions of Keras that have a class of the same meaning.
_METRIC_CLASSES = {
    "binary_accuracy": "BinaryAccuracy",
    "categorical_accuracy": "CategoricalAccuracy",
    "top_k_categorical_accuracy": "TopKCategoricalAccuracy",
    "binary_crossentropy": "BinaryCrossentropy",
}
# Activations whose values are no probabilities.
_SCORES = (
    *("linear", "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "swish"),
    *("mish", "tanh", "hard_tanh", "softsign", "softplus", "exponential"),
    *("log_softmax", "log_sigmoid"),
)
_PASS_ON = ("Identity", "Dropout", "Reshape", "Flatten", "Permute", "GaussianNoise")


@dataclass(frozen=True, eq=False)
class LossFacts:
    """A loss that a model is compiled with.

    Attributes:
        loss: the Keras loss, or the function.
        name: name of its class or function.
        names: that, and the names of the classes it inherits from.
        config: its arguments, as far as they are known.
        ours: whether it is a loss of equipoise, which puts each weight on its own cell.
    """

    loss: Any
    name: str
    names: frozenset[str]
    config: Mapping[str, Any]
    ours: bool

    @property
    def from_logits(self) -> bool | None:
        """Whether it reads the output as logits; None if it does not say."""
        value = self.config.get("from_logits")
        return value if isinstance(value, bool) else None

    def is_one_of(self, *names: str) -> bool:
        """Whether it is, or inherits from, a loss of one of these names."""
        return bool(self.names & set(names))

    def values(self, y: NDArray[Any], y_pred: NDArray[Any]) -> NDArray[np.float64]:
        """Asks the loss itself: its values before weights and reduction."""
        import keras

        call = getattr(self.loss, "call", self.loss)
        y_tensor = keras.ops.convert_to_tensor(y, dtype="float32")
        values = call(y_tensor, keras.ops.convert_to_tensor(y_pred, dtype="float32"))
        return np.asarray(keras.ops.convert_to_numpy(values), dtype=np.float64)


@dataclass(frozen=True)
class MetricFacts:
    """A metric that a model is compiled with: class name, arguments, whether it is Keras' own."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)
    from_keras: bool = True


@dataclass(frozen=True, eq=False)
class ModelFacts:
    """What rules look at.

    Attributes:
        loss: the loss of the output, or None where there is none to be read.
        why_no_loss: why there is none.
        activation: name of the activation that the output comes from, or None if not known.
        output_dtype: the type in which that activation is computed, or None.
        n_outputs: length of the output's last axis, or None.
        metrics: the metrics of the output, or None where they cannot be read.
        several_outputs: whether the model has more than one.
        half_precision: "float16" or "bfloat16" if some layer computes in it, else None.
    """

    loss: LossFacts | None
    why_no_loss: str
    activation: str | None
    output_dtype: str | None
    n_outputs: int | None
    metrics: tuple[MetricFacts, ...] | None
    several_outputs: bool
    half_precision: str | None

    @property
    def output_kind(self) -> Literal["probabilities", "softmax", "scores"] | None:
        """What the output is, by its activation; None if that is not known."""
        if self.activation in ("sigmoid", "hard_sigmoid", "sparse_sigmoid"):
            return "probabilities"
        if self.activation in ("softmax", "sparsemax"):
            return "softmax"
        return "scores" if self.activation in _SCORES else None

    def keras_metrics(self, *names: str) -> list[MetricFacts]:
        """The metrics of Keras' own that have one of these names."""
        return [m for m in self.metrics or () if m.from_keras and m.name in names]


def read_model(model: Any, output: str | None = None) -> ModelFacts:
    """Reads a Keras model.

    Args:
        model: a Keras model, compiled or not.
        output: the output that y belongs to, where there are several.

    Raises:
        InvalidInput: not a Keras model, or an output that it does not have.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise InvalidInput(
            "`model` must be a Keras model.",
            received=type(model).__name__,
            remedy="Leave it out to check labels and weights alone.",
        )
    names = _output_names(model)
    if output is not None and output not in names:
        raise InvalidInput(
            f"`model` has no output {output!r}.", remedy=did_you_mean(output, names or ["(one)"])
        )
    if len(names) > 1 and output is None:
        raise InvalidInput(
            "`model` has several outputs, and `y` belongs to one of them.",
            received=f"outputs {names}",
            remedy=f"Check them one by one: check(y, model, output={names[0]!r}).",
        )
    index = names.index(output) if output is not None else 0
    tensors = _outputs(model)
    tensor = tensors[index] if tensors else None
    activation, dtype = (None, None) if tensor is None else _activation_of(tensor)
    loss, why = _read_loss(model, names, index)
    return ModelFacts(
        loss=loss,
        why_no_loss=why,
        activation=activation,
        output_dtype=dtype,
        n_outputs=None if tensor is None else tensor.shape[-1],
        metrics=_read_metrics(model, names, index),
        several_outputs=len(names) > 1,
        half_precision=_half_precision(model),
    )


def _output_names(model: Any) -> list[str]:
    return [str(name) for name in getattr(model, "output_names", None) or []]


def _outputs(model: Any) -> list[Any]:
    """The symbolic outputs; a subclassed or an unbuilt model has none."""
    try:
        return list(model.outputs or [])
    except (AttributeError, ValueError):
        return []


# ---------------------------------------------------------------------------------- activation


def _activation_of(tensor: Any) -> tuple[str | None, str | None]:
    """Returns the activation that a symbolic tensor comes from, and its dtype."""
    history = getattr(tensor, "_keras_history", None)  # Keras has no public name for it
    return (None, None) if history is None else _activation_of_operation(history.operation)


def _activation_of_operation(operation: Any) -> tuple[str | None, str | None]:
    import keras

    if isinstance(operation, keras.Model):
        outputs = _outputs(operation)
        return _activation_of(outputs[0]) if len(outputs) == 1 else (None, None)
    if isinstance(operation, keras.layers.Wrapper):
        return _activation_of_operation(operation.layer)
    kind = type(operation).__name__
    dtype = getattr(operation, "compute_dtype", None)
    if isinstance(operation, keras.layers.Softmax):
        return "softmax", dtype
    if isinstance(operation, keras.layers.Layer):
        activation = getattr(operation, "activation", None)
        name = "linear" if activation is None else getattr(activation, "__name__", kind)
        passes_on = kind in (*_PASS_ON, "Concatenate")
        if passes_on or (kind == "Activation" and name == "linear"):
            return _activation_of_inputs(operation)
        has_activation = hasattr(operation, "activation")
        return (name if has_activation else None), dtype
    return (kind.lower() if kind in ("Sigmoid", "Softmax") else None), dtype


def _activation_of_inputs(operation: Any) -> tuple[str | None, str | None]:
    """The activation of the inputs, if they all have the same."""
    try:
        inputs = operation.input
    except (AttributeError, ValueError):  # a layer that is used more than once
        return None, None
    tensors = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
    found = {_activation_of(tensor) for tensor in tensors}
    return found.pop() if len(found) == 1 else (None, None)


def _half_precision(model: Any) -> str | None:
    found = _compute_dtypes(model)
    return next((dtype for dtype in ("float16", "bfloat16") if dtype in found), None)


def _compute_dtypes(layer: Any) -> set[str]:
    inner = [*getattr(layer, "layers", []), *filter(None, [getattr(layer, "layer", None)])]
    if inner:
        return set().union(*map(_compute_dtypes, inner))
    return {getattr(layer, "compute_dtype", "float32")}


# ---------------------------------------------------------------------------------------- loss


def _read_loss(model: Any, names: list[str], index: int) -> tuple[LossFacts | None, str]:
    import keras

    if not model.compiled:
        return None, "the model is not compiled"
    if type(model).compute_loss is not keras.Model.compute_loss:
        return None, f"{type(model).__name__} computes its loss by itself"
    loss = _of_output(model.loss, names, index)
    while isinstance(loss, (list, tuple)) and len(loss) == 1:
        loss = loss[0]
    if loss is None or isinstance(loss, (list, tuple, Mapping)):
        return None, "the output has no loss of its own"
    if isinstance(loss, str):
        loss = _loss_by_name(loss)
    return loss_facts(loss), ""


def _loss_by_name(name: str) -> Any:
    import keras

    # For several outputs Keras reads these two as the loss of one-hot targets.
    known = {"crossentropy": "categorical_crossentropy", "ce": "categorical_crossentropy"}
    return keras.losses.get(known.get(name.lower(), name))


def loss_facts(loss: Any) -> LossFacts:
    """Reads a Keras loss or a loss function."""
    import keras

    if isinstance(loss, keras.losses.Loss):
        classes = [c for c in type(loss).__mro__ if issubclass(c, keras.losses.Loss)]
        names = {c.__name__ for c in classes} - {"Loss", "LossFunctionWrapper"}
        function = getattr(loss, "fn", None)
        if not names and function is not None:
            names = {getattr(function, "__name__", "Loss")}
        name = type(loss).__name__ if type(loss).__name__ in names else min(names, default="Loss")
        ours = any(c.__module__.startswith("equipoise.losses") for c in classes)
        return LossFacts(loss, name, frozenset(names), _config_of(loss), ours)
    name = getattr(loss, "__name__", type(loss).__name__)
    function = getattr(keras.losses, name, None)
    config = {"from_logits": False} if function is loss and "crossentropy" in name else {}
    if function is loss and name == "binary_focal_crossentropy":
        config |= {"apply_class_balancing": False, "alpha": 0.25}
    return LossFacts(loss, name, frozenset({name}), config, False)


def _config_of(item: Any) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the serialisation that nobody asked for
            return dict(item.get_config())
    except Exception:
        # Any error of somebody's get_config only means that the arguments are not known.
        return {}


def _of_output(structure: Any, names: list[str], index: int) -> Any:
    """Returns what a dictionary or list per output holds for one output."""
    if isinstance(structure, Mapping):
        if not names and len(structure) == 1:
            return next(iter(structure.values()))
        return structure.get(names[index]) if names else None
    if isinstance(structure, (list, tuple)) and len(names) > 1 and len(structure) == len(names):
        return structure[index]
    return structure


# ------------------------------------------------------------------------------------- metrics


def _read_metrics(model: Any, names: list[str], index: int) -> tuple[MetricFacts, ...] | None:
    if not model.compiled:
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            config = model.get_compile_config()
    except Exception:
        # Somebody's metric that cannot be serialised hides the others.
        return None
    found: list[MetricFacts] = []
    for key in ("metrics", "weighted_metrics"):
        found += _flat_metrics(_of_output(config.get(key), names, index))
    return tuple(found)


def _flat_metrics(item: Any) -> list[MetricFacts]:
    """The metrics in nested lists of names and serialised metrics."""
    if item is None:
        return []
    if isinstance(item, (list, tuple)):
        return [metric for entry in item for metric in _flat_metrics(entry)]
    if isinstance(item, str):
        return [_metric_by_name(item)]
    if "class_name" not in item:
        return [metric for entry in item.values() for metric in _flat_metrics(entry)]
    if item["class_name"] == "function":
        return [_metric_by_name(str(item["config"]))]
    from_keras = str(item.get("module")).split(".")[0] == "keras"
    config = item.get("config")
    config = config if isinstance(config, Mapping) else {}
    return [MetricFacts(str(item["class_name"]), config, from_keras)]


def _metric_by_name(name: str) -> MetricFacts:
    import keras

    if name.lower() in ("accuracy", "acc"):
        return MetricFacts("accuracy")
    try:
        metric = keras.metrics.get(name)
    except ValueError:  # somebody's own function
        return MetricFacts(name, {}, from_keras=False)
    if isinstance(metric, keras.metrics.Metric):
        return MetricFacts(type(metric).__name__, _config_of(metric))
    function = getattr(metric, "__name__", name)
    return MetricFacts(_METRIC_CLASSES.get(function, function))

"""eq.fit: Keras' own `fit`, with a class_weight that means what it says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Literal

import keras

from equipoise._errors import InvalidInput, check_choice, did_you_mean
from equipoise.callbacks import WeightSchedule
from equipoise.losses import CellwiseLoss, Focal, WeightedBinaryCrossentropy
from equipoise.weights import LabelWeights

_BCE_NAMES = ("binary_crossentropy", "bce", "BCE", "BinaryCrossentropy")
_FOCAL_NAMES = ("binary_focal_crossentropy", "BinaryFocalCrossentropy")


def fit(
    model: keras.Model,
    x: Any = None,
    y: Any = None,
    *,
    class_weight: LabelWeights | Mapping[Any, Any],
    applies_to: Literal["positives", "label"] = "positives",
    default: float | None = None,
    weight_validation: bool = False,
    **keras_fit_arguments: Any,
) -> keras.callbacks.History:
    """Calls `model.fit` with the weight of each label on its own cells.

        cell loss = y · w₊ · loss₊ + (1 - y) · w₋ · loss₋

    Keras' own `class_weight` gives a multi-label row the weight of its first label, and a row
    without labels that of label 0 (see `equipoise.audit.class_weight`). Here data, sample weights
    and callbacks go to `model.fit` as they are, whatever their kind; for the time of the training
    the model's binary cross-entropy, or binary focal cross-entropy, is replaced by its weighted
    form. Afterwards the model is compiled as it was.

    A model trained so gives distorted probabilities: read them through
    `equipoise.decision.Correction(weights)`; after focal cross-entropy through the link of
    `equipoise.losses.Focal(gamma, alpha, weights=weights)`.

    Args:
        model: a compiled Keras model with sigmoid outputs or logits.
        x: as in `model.fit`: arrays, a PyDataset, a tf.data.Dataset, a DataLoader, a generator, ….
        y: as in `model.fit`; NaN or negative labels are unknown and cost nothing.
        class_weight: a `LabelWeights`, or weights by label position or name as
            `LabelWeights.from_class_weight` reads them. With several outputs, a dictionary from
            output names to either; outputs that it does not name are trained as they were.
        applies_to: what a single weight multiplies; see `LabelWeights.from_class_weight`.
        default: weight of labels that are not named; by default a missing label is an error.
        weight_validation: whether the validation loss is weighted like the training loss; if not,
            the two cannot be compared.
        **keras_fit_arguments: everything else that `model.fit` takes.

    Returns:
        Keras' History.

    Raises:
        InvalidInput: a model that is not compiled, a loss without a weighted form, weights that
            do not fit the outputs, or a `WeightSchedule`, which has weights of its own.

    Examples:
        >>> import numpy as np
        >>> model = keras.Sequential([keras.layers.Dense(2, activation="sigmoid")])
        >>> model.compile(optimizer="adam", loss="binary_crossentropy")
        >>> x, y = np.ones((4, 3)), np.array([[1, 0], [0, 0], [0, 1], [0, 0]])
        >>> history = fit(model, x, y, class_weight={0: 2.0, 1: 4.0}, verbose=0)
        >>> model.loss
        'binary_crossentropy'
    """
    check_choice("applies_to", applies_to, ("positives", "label"))
    if not model.compiled:
        raise InvalidInput(
            "`model` is not compiled.", remedy="Call model.compile(loss=..., optimizer=...) first."
        )
    if type(model).compute_loss is not keras.Model.compute_loss:
        raise InvalidInput(
            "`model` computes its loss by itself, so there is none to weigh.",
            received=f"{type(model).__name__}.compute_loss",
            remedy="Use LabelWeights.for_cells, or a loss of equipoise.losses, in there.",
        )
    _refuse_schedules(keras_fit_arguments.get("callbacks"))
    options = {"applies_to": applies_to, "default": default}
    losses, switches = _weighted_losses(model, class_weight, options)
    with _replaced(model, losses, switches, weight_validation):
        return model.fit(x, y, **keras_fit_arguments)


def _refuse_schedules(callbacks: Any) -> None:
    if isinstance(callbacks, keras.callbacks.CallbackList):
        callbacks = callbacks.callbacks
    if any(isinstance(c, WeightSchedule) for c in keras.tree.flatten(callbacks)):
        raise InvalidInput(
            "`class_weight` and a WeightSchedule are two sources of weights.",
            remedy="Compile with WeightedBinaryCrossentropy and call model.fit with the schedule.",
        )


@contextmanager
def _replaced(
    model: Any, losses: Any, switches: list[_Switch], weight_validation: bool
) -> Iterator[None]:
    """Trains `model` with other losses for the time of the scope."""
    carrier = keras.Model()  # compiles the losses as Keras does, with the model's output names
    if hasattr(model, "output_names"):
        carrier.output_names = model.output_names
    carrier.compile(loss=losses, loss_weights=model.get_compile_config().get("loss_weights"))
    # Keras has no public way to change the loss and keep optimizer state and metrics.
    original = model._compile_loss
    compute_loss = model.compute_loss

    def switched(
        x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, training=True
    ) -> Any:
        # Read while the training step or the validation step is traced: each keeps its own.
        for switch in switches:
            switch.weighted = training or weight_validation
        return compute_loss(x, y, y_pred, sample_weight, training=training)

    model._compile_loss = carrier._compile_loss
    model.compute_loss = switched
    model.train_function = model.test_function = None  # traced with the former loss
    try:
        yield
    finally:
        del model.compute_loss
        model._compile_loss = original
        model.train_function = model.test_function = None


class _Switch(keras.losses.Loss):
    """A loss with label weights in training, and without in validation."""

    def __init__(
        self, plain: CellwiseLoss, with_weights: CellwiseLoss, *, smoothing: float, of_keras: bool
    ):
        super().__init__(name=plain.name, reduction=plain.reduction)
        self.plain, self.with_weights, self.smoothing = plain, with_weights, smoothing
        # Keras' "sum" adds up rows, each the mean of its labels; ours adds up cells.
        self.mean_of_labels = of_keras and plain.reduction == "sum"
        self.weighted = True

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        if self.smoothing:
            y_true = keras.ops.cast(y_true, self.plain.dtype)
            y_true = y_true * (1 - self.smoothing) + self.smoothing / 2
        loss = self.with_weights if self.weighted else self.plain
        value = loss(y_true, y_pred, sample_weight)
        return value / keras.ops.shape(y_pred)[-1] if self.mean_of_labels else value


def _weighted_losses(
    model: Any, class_weight: Any, options: dict[str, Any]
) -> tuple[Any, list[_Switch]]:
    """Returns the model's losses with those of the weighted outputs replaced, and these."""
    names = list(getattr(model, "output_names", None) or [])
    if len(names) < 2 and not isinstance(model.loss, (Mapping, list, tuple)):
        switch = _switch(model.loss, class_weight, _n_outputs(model, None), options)
        return switch, [switch]
    if isinstance(class_weight, LabelWeights) or not isinstance(class_weight, Mapping):
        raise InvalidInput(
            "A model with several outputs needs class weights by output.",
            received=type(class_weight).__name__,
            remedy=f"Pass class_weight={{output name: weights}}; outputs: {names}.",
        )
    by_name = _losses_by_name(model, names)
    for name in class_weight:
        if name not in by_name:
            raise InvalidInput(
                f"`class_weight` names the output {name!r}, which has no loss.",
                remedy=did_you_mean(name, by_name),
            )
    switches = {
        name: _switch(by_name[name], weights, _n_outputs(model, name), options)
        for name, weights in class_weight.items()
    }
    replaced = {name: switches.get(name, loss) for name, loss in by_name.items()}
    if isinstance(model.loss, (list, tuple)):
        return list(replaced.values()), list(switches.values())
    return replaced, list(switches.values())


def _losses_by_name(model: Any, names: list[str]) -> dict[str, Any]:
    if isinstance(model.loss, Mapping):
        return dict(model.loss)
    if isinstance(model.loss, (list, tuple)):
        return dict(zip(names or map(str, range(len(model.loss))), model.loss, strict=True))
    return dict.fromkeys(names, model.loss)


def _n_outputs(model: Any, name: str | None) -> int | None:
    """Number of labels of an output, where the model knows it before it sees data."""
    try:
        shapes = model.output_shape
    except (AttributeError, ValueError):
        return None
    if name is not None:
        outputs = dict(zip(model.output_names, model.outputs, strict=True))
        return outputs[name].shape[-1]
    return shapes[-1] if isinstance(shapes, tuple) and isinstance(shapes[-1], int) else None


def _switch(loss: Any, class_weight: Any, n_labels: int | None, options: dict[str, Any]) -> _Switch:
    if isinstance(class_weight, LabelWeights):
        weights = class_weight
    else:
        if n_labels is None and isinstance(class_weight, Mapping):
            n_labels = len(class_weight)
        weights = LabelWeights.from_class_weight(class_weight, n_labels, **options)
    if n_labels is not None and weights.n_labels != n_labels:
        raise InvalidInput(
            f"There are {weights.n_labels} label weights but the output has {n_labels} labels.",
            remedy="Compute the weights from the columns of this output's y.",
        )
    plain, smoothing = _cellwise(loss)
    config = plain.get_config() | {
        "positive_weight": weights.positive.tolist(),
        "negative_weight": weights.negative.tolist(),
        "label_names": list(weights.label_names),
    }
    return _Switch(
        plain,
        type(plain).from_config(config),
        smoothing=smoothing,
        of_keras=not isinstance(loss, CellwiseLoss),
    )


def _cellwise(loss: Any) -> tuple[CellwiseLoss, float]:
    """Returns the loss in a form that can take label weights, and its label smoothing."""
    if loss in _BCE_NAMES or loss is keras.losses.binary_crossentropy:
        loss = keras.losses.BinaryCrossentropy()
    if isinstance(loss, keras.losses.BinaryCrossentropy):
        config = loss.get_config()
        plain = WeightedBinaryCrossentropy(
            from_logits=config["from_logits"], reduction=loss.reduction, name=loss.name
        )
        return plain, config["label_smoothing"]
    if loss in _FOCAL_NAMES or loss is keras.losses.binary_focal_crossentropy:
        loss = keras.losses.BinaryFocalCrossentropy()
    if isinstance(loss, keras.losses.BinaryFocalCrossentropy):
        config = loss.get_config()
        if config["label_smoothing"]:
            # Keras takes the focal factor of a soft target from a mixed probability.
            raise InvalidInput(
                "Keras' focal loss of smoothed labels is no sum of a positive and a negative part, "
                "so weights have no place in it.",
                received=f"label_smoothing={config['label_smoothing']}",
                remedy="Compile with equipoise.losses.Focal and smooth the labels beforehand.",
            )
        focal = Focal(
            config["gamma"],
            # Without the switch Keras does not use its alpha.
            config["alpha"] if config["apply_class_balancing"] else None,
            from_logits=config["from_logits"],
            reduction=loss.reduction,
            name=loss.name,
        )
        return focal, 0.0
    if isinstance(loss, CellwiseLoss):
        config = loss.get_config()
        given = [k for k in ("positive_weight", "negative_weight", "label_weight") if config[k]]
        if given:
            raise InvalidInput(
                "The model's loss has label weights already.",
                received=f"{type(loss).__name__}({given[0]}=...)",
                remedy="Pass the weights in one place: to the loss, or to fit.",
            )
        return loss, 0.0
    raise InvalidInput(
        "The model's loss has no form with label weights.",
        received=repr(getattr(loss, "name", loss)),
        remedy="Compile the model with loss='binary_crossentropy', 'binary_focal_crossentropy' or "
        "a loss of equipoise.losses.",
    )

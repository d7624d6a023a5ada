"""Label weights that change while a model trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise.losses.base import LabelLoss
from equipoise.losses.from_indices import FromIndices
from equipoise.weights import LabelWeights


class WeightSchedule(keras.callbacks.Callback):
    """Gives the loss of a compiled model other label weights, epoch by epoch.

    Whenever they change, the training step is built anew (on JAX and TensorFlow it is compiled
    anew, which takes the time of a first step); the optimizer goes on as it was. After training
    the loss keeps the last weights, so that `evaluate`, `save` and `loss.to_probability` agree
    with what the model was last trained on. A further `fit` starts from the first weights again.

    Args:
        weights_at: epoch, from 0 -> the weights of that epoch, or None for those that the loss
            had before.
        loss: the loss to change, where the model was compiled with several.

    Raises:
        InvalidInput: when training begins: the model has no such loss, or more than one.
    """

    def __init__(self, weights_at: Callable[[int], LabelWeights | None], *, loss: Any = None):
        super().__init__()
        self._weights_at = weights_at
        self._named, self._loss = loss, loss
        self._before: dict[str, Any] = {}
        self._current: LabelWeights | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        loss = _loss_of(self.model, self._named)
        if loss is not self._loss or not self._before:
            own = loss.loss if isinstance(loss, FromIndices) else loss
            self._loss, self._current = loss, None
            self._before = {
                "positive_weight": own.positive_weight,
                "negative_weight": own.negative_weight,
            }

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        weights = self._weights_at(epoch)
        if weights is self._current:
            return
        if weights is None:
            self._loss.reweigh(**self._before)
        else:
            self._loss.reweigh(weights)
        self._current = weights
        # Compiled steps hold the weights that the loss had when they were built.
        self.model.make_train_function(force=True)
        if self.model.test_function is not None:
            self.model.make_test_function(force=True)


class DeferredReweighting(WeightSchedule):
    """Trains without these weights first, then with them: representation before balance (DRW).

    Made for LDAM; it serves any loss of this package.

    Args:
        weights: the weights of the later epochs.
        start_epoch: number of epochs before them, under the weights the loss had before.
        loss: the loss to change, where the model was compiled with several.

    Raises:
        InvalidInput: weights that are no `LabelWeights`, or a negative number of epochs.

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
        NeurIPS 2019, algorithm 1.
    """

    def __init__(self, weights: LabelWeights, start_epoch: int, *, loss: Any = None):
        _check_weights(weights)
        start_epoch = check_integer("start_epoch", start_epoch, minimum=0)
        super().__init__(lambda epoch: weights if epoch >= start_epoch else None, loss=loss)


class AnnealedWeights(WeightSchedule):
    """Moves weights from one strength to another, in steps: w^s with s from `start` to `stop`.

        s = start + (stop − start) · min(epoch / n_epochs, 1)

    At strength 0 all weights are 1, at 1 they are those given; weights of 0 stay 0.

    Args:
        weights: the weights w.
        n_epochs: epochs from the first strength to the last.
        start: first strength ≥ 0.
        stop: last strength ≥ 0.
        steps: how many times they change at most; each change builds the training step anew.
        loss: the loss to change, where the model was compiled with several.

    Raises:
        InvalidInput: weights that are no `LabelWeights`, or a number out of range.
    """

    def __init__(
        self,
        weights: LabelWeights,
        n_epochs: int,
        *,
        start: float = 0.0,
        stop: float = 1.0,
        steps: int = 10,
        loss: Any = None,
    ):
        _check_weights(weights)
        n_epochs = check_integer("n_epochs", n_epochs, minimum=1)
        start = check_number("start", start, minimum=0.0)
        stop = check_number("stop", stop, minimum=0.0)
        steps = check_integer("steps", steps, minimum=1)
        made: dict[int, LabelWeights] = {}

        def weights_at(epoch: int) -> LabelWeights:
            step = min(epoch * steps // n_epochs, steps)
            if step not in made:
                made[step] = _to_power(weights, start + (stop - start) * step / steps)
            return made[step]

        super().__init__(weights_at, loss=loss)


def _to_power(weights: LabelWeights, strength: float) -> LabelWeights:
    def side(w: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(w > 0, w**strength, 0.0)

    return LabelWeights(side(weights.positive), side(weights.negative), weights.label_names)


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, LabelWeights):
        raise InvalidInput(
            "`weights` must be a LabelWeights.",
            received=type(weights).__name__,
            remedy="Pass LabelWeights.from_targets(y_train).",
        )


def _loss_of(model: Any, named: Any) -> Any:
    compiled = keras.tree.flatten(getattr(model, "loss", None))
    losses = [x for x in compiled if isinstance(x, (LabelLoss, FromIndices))]
    if named is not None:
        if not any(x is named for x in losses):
            raise InvalidInput(
                "`loss` is not among the losses that the model was compiled with.",
                received=type(named).__name__,
            )
        return named
    distinct = {id(x): x for x in losses}
    if len(distinct) != 1:
        raise InvalidInput(
            "The model must have been compiled with one loss of equipoise.losses.",
            received=f"{len(distinct)} of them",
            remedy="Pass the one to change as `loss`."
            if losses
            else "Compile with WeightedBinaryCrossentropy(from_logits=...), for example.",
        )
    return losses[0]

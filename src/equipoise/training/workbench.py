"""Workbench: one compiled network that trains many, so that programs are compiled once.

Compiling the training step takes longer than training a small network. Networks of the same
shape and loss differ only in their numbers, so they take turns on one compiled network: their
variables are put in, trained, and taken out again.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import Any

import keras

_KEPT = 4
_STEPS = 8  # after which Keras looks up from training
_of_thread = threading.local()  # two threads must not train on one bench


class Workbench:
    """A compiled network on which others of its shape are trained.

    Args:
        network: an uncompiled network of the shape; it is the workbench's from now on.
        loss: the loss, which is part of the compiled programs.
        learning_rate: step size of Adam.
    """

    def __init__(self, network: keras.Model, loss: keras.losses.Loss, learning_rate: float):
        self.model = network
        self.model.compile(
            optimizer=keras.optimizers.Adam(learning_rate),
            loss=loss,
            # On JAX the work between two steps is a good part of a small network's training. The
            # other backends would build a program of all these steps.
            steps_per_execution=_STEPS if keras.backend.backend() == "jax" else 1,
        )
        optimizer: Any = self.model.optimizer
        optimizer.build(self.model.trainable_variables)
        self._fresh = [variable.numpy() for variable in optimizer.variables]

    def put_in(self, network: keras.Model) -> None:
        """Takes over the weights and random states of a network, with an optimizer that is new."""
        for mine, other in zip(self.model.variables, network.variables, strict=True):
            mine.assign(other.value)
        optimizer: Any = self.model.optimizer
        for variable, fresh in zip(optimizer.variables, self._fresh, strict=True):
            variable.assign(fresh)

    def take_out(self, network: keras.Model) -> None:
        """Gives the weights and random states to a network."""
        for mine, other in zip(self.model.variables, network.variables, strict=True):
            other.assign(mine.value)


def workbench(network: keras.Model, loss: keras.losses.Loss, learning_rate: float) -> Workbench:
    """Returns the workbench for networks like this one, trained with this loss.

    Args:
        network: a network of the default kind; not touched.
        loss: its loss.
        learning_rate: step size of Adam.
    """
    layers = network.get_config()["layers"]
    for layer in layers:
        for one_of_its_own in ("name", "bias_initializer"):
            layer["config"].pop(one_of_its_own, None)
    key = json.dumps(
        [
            layers,
            keras.saving.serialize_keras_object(loss),
            learning_rate,
            keras.config.dtype_policy().name,
        ],
        sort_keys=True,
    )
    benches = kept()
    if key not in benches:
        benches[key] = Workbench(keras.models.clone_model(network), loss, learning_rate)
        while len(benches) > _KEPT:
            benches.popitem(last=False)
    benches.move_to_end(key)
    return benches[key]


def kept() -> OrderedDict[str, Workbench]:
    """The workbenches of this thread, the one used last at the end."""
    if not hasattr(_of_thread, "benches"):
        _of_thread.benches = OrderedDict()
    return _of_thread.benches

"""The networks of a bundle: one Keras file each, loaded without running code of the file's own."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from equipoise._errors import EquipoiseError, InvalidFile, InvalidInput
from equipoise.training import network as _  # noqa: F401 registers what the default networks hold

_HOW_TO_REGISTER = (
    "Decorate your own layers with @keras.saving.register_keras_serializable(), give them "
    "`get_config`, and import the module that defines them before loading."
)


def network_file(position: int) -> str:
    """The name of the file of a network."""
    return f"model_{position}.keras"


def save_networks(folder: Path, networks: Sequence[keras.Model]) -> None:
    """Writes a file for each network, and loads it again to see that it can be.

    One file each, and not one model with an output for each: names of layers need not differ, a
    model that is no graph of layers can be kept, and each file is a Keras model that others read.

    Raises:
        InvalidInput: a network that could not be loaded as it is, such as one with a layer of
            your own that is not registered.
    """
    for position, network in enumerate(networks):
        path = folder / network_file(position)
        try:
            network.save(path)
            again = _load(path)
        except OSError:
            raise
        except Exception as error:  # anything at all: it is somebody's model
            raise InvalidInput(
                "The model cannot be saved so that it loads again: " + _first_line(error),
                remedy=_HOW_TO_REGISTER + " Lambda layers cannot be saved safely.",
            ) from error
        _check_same(network, again)


def load_networks(folder: Path, n_networks: int) -> list[keras.Model]:
    """Loads the networks in Keras' safe mode, not compiled.

    Raises:
        InvalidFile: a file that is no Keras model, or holds a layer that is not registered.
    """
    found = []
    for position in range(n_networks):
        path = folder / network_file(position)
        try:
            found.append(_load(path))
        except EquipoiseError:
            raise
        except Exception as error:  # Keras raises whatever its parts raise
            raise InvalidFile(
                f"{str(path)!r} cannot be loaded as a Keras model: {_first_line(error)}",
                remedy=f"If the model has layers of your own: {_HOW_TO_REGISTER}",
            ) from error
    return found


@dataclass(frozen=True)
class Architecture:
    """Builds fresh networks like a saved one of the user's, to fit a loaded classifier again.

    Args:
        text: the network as `Model.to_json` writes it; empty if it has no such form.
        n_features: what it takes.
        n_labels: what it gives.
    """

    text: str
    n_features: int
    n_labels: int

    def __call__(self, n_features: int, n_labels: int) -> keras.Model:
        if (n_features, n_labels) != (self.n_features, self.n_labels):
            raise InvalidInput(
                f"The saved model is for {self.n_features} features and {self.n_labels} labels.",
                received=f"{n_features} features and {n_labels} labels",
                remedy="Pass the function that builds the model: set_params(model=...).",
            )
        if not self.text:
            raise InvalidInput(
                "The saved model cannot be built anew, only used.",
                remedy="Pass the function that builds the model: set_params(model=...).",
            )
        return keras.models.model_from_json(self.text)


def _load(path: Path) -> keras.Model:
    if not zipfile.is_zipfile(path):
        raise InvalidFile(f"{str(path)!r} is no Keras file.")
    model: Any = keras.saving.load_model(path, compile=False, safe_mode=True)
    if not isinstance(model, keras.Model):
        raise InvalidFile(f"{str(path)!r} holds no Keras model.")
    return model


def _check_same(network: keras.Model, again: keras.Model) -> None:
    mine, other = network.get_weights(), again.get_weights()
    if len(mine) != len(other) or not all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(mine, other, strict=True)
    ):
        raise InvalidInput(
            "The model would lose weights by being saved.",
            received=f"{len(other)} of {len(mine)} arrays, or other values",
            remedy="Give your own layers all their weights in `build` or `__init__`.",
        )


def _first_line(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}."

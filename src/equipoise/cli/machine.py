"""Options that say what the networks run on, shared by every command that has some."""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

from cyclopts import Parameter

from equipoise._errors import (
    EquipoiseError,
    InvalidInput,
    MissingDependency,
    did_you_mean,
    shown_list,
)
from equipoise.cli.libraries import load, load_for_training

Backend = Literal["jax", "tensorflow", "torch"]

_BACKENDS: tuple[str, ...] = get_args(Backend)
_DEVICE = re.compile(r"(?P<kind>cpu|gpu|cuda)(:(?P<number>\d{1,3}))?")
_ON_CPU = {"JAX_PLATFORMS": "cpu", "KERAS_TORCH_DEVICE": "cpu", "CUDA_VISIBLE_DEVICES": "-1"}


@Parameter(name="*", group="Machine")
@dataclass
class MachineOptions:
    """What Keras runs on. All of it must be said before Keras is imported."""

    backend: Backend | None = None
    "What Keras runs on; by default $KERAS_BACKEND, or the first that is installed."

    device: str | None = None
    "cpu, gpu, or gpu:1 (cuda:1) for one of several; by default a GPU, if there is one."

    def choose(self) -> None:
        """Sets the environment that Keras and its backend read when they are imported.

        Raises:
            InvalidInput: a backend or a device that cannot be meant.
            MissingDependency: a backend that is not installed.
        """
        kind, number = _parsed(self.device)
        if "keras" in sys.modules:  # by a program that calls the command line
            _check_running(self.backend, number)
            return
        backend = self.backend or os.environ.get("KERAS_BACKEND") or _first_installed()
        _check_backend(backend, self.backend is not None)
        os.environ["KERAS_BACKEND"] = backend
        if kind == "cpu":
            os.environ.update(_ON_CPU)
        elif kind is not None:
            for name in ("JAX_PLATFORMS", "KERAS_TORCH_DEVICE"):
                os.environ.pop(name, None)
            if number is not None:
                os.environ["CUDA_VISIBLE_DEVICES"] = _visible(number)

    def start(self, *, training: bool = False) -> None:
        """Imports Keras, and checks that its tensors are made where they should be.

        Args:
            training: whether networks will be trained and saved.

        Raises:
            InvalidInput: a device that is not there.
            EquipoiseError: a backend that does not start.
        """
        backend = os.environ.get("KERAS_BACKEND", "")
        try:
            backend = load("keras").backend.backend()
            found = _place_of_tensors()
            if training:
                load_for_training()
        except Exception as error:  # of whatever type the backend likes
            raise EquipoiseError(
                f"Keras does not start on the backend {backend!r}.",
                received=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}",
                remedy="Check how it is installed, or choose another one with --backend; "
                "--device cpu goes without a GPU.",
            ) from error
        kind, _ = _parsed(self.device)
        if kind is not None and (kind == "cpu") != (found == "cpu"):
            raise InvalidInput(
                f"There is no device {self.device!r} for the backend {backend!r}.",
                received=f"Keras makes its tensors on {found!r}",
                remedy="Leave --device out, or install the backend for this kind of device.",
            )


@contextmanager
def workers() -> Iterator[None]:
    """Worker processes that joblib starts inside load their libraries as this one does."""
    import joblib

    with joblib.parallel_config("loky", initializer=load_for_training):
        yield


def _parsed(device: str | None) -> tuple[str | None, int | None]:
    """Returns the kind of a device and its number, as far as they are said."""
    if device is None:
        return None, None
    match = _DEVICE.fullmatch(device.strip().lower())
    if match is None or (match["kind"] == "cpu" and match["number"] is not None):
        raise InvalidInput(
            "`--device` must be cpu, gpu, or gpu with a number such as gpu:1.",
            received=repr(device),
        )
    return match["kind"], None if match["number"] is None else int(match["number"])


def _first_installed() -> str:
    for backend in _BACKENDS:
        if importlib.util.find_spec(backend) is not None:
            return backend
    raise MissingDependency(
        "Keras needs JAX, TensorFlow or Torch, and none of them is installed.",
        remedy="Install one with: pip install 'equipoise[jax]' (or tensorflow, or torch).",
    )


def _check_backend(backend: str, asked: bool) -> None:
    if backend not in _BACKENDS:
        raise InvalidInput(
            f"$KERAS_BACKEND must be one of {shown_list(_BACKENDS)}.",
            received=repr(backend),
            remedy=did_you_mean(backend, _BACKENDS),
        )
    if importlib.util.find_spec(backend) is None:
        there = [name for name in _BACKENDS if importlib.util.find_spec(name) is not None]
        raise MissingDependency(
            f"The backend {backend!r} is not installed"
            + ("." if asked else ", which $KERAS_BACKEND names."),
            received=f"installed: {shown_list(there) or 'none'}",
            remedy=f"Install it with: pip install 'equipoise[{backend}]'.",
        )


def _check_running(backend: str | None, number: int | None) -> None:
    """Raises where this process would have to be another one."""
    import keras

    running = keras.backend.backend()
    if backend not in (None, running):
        raise InvalidInput(
            f"Keras runs on {running!r} in this process already.",
            received=f"--backend {backend}",
            remedy="Call the command line in a process of its own.",
        )
    if number is not None and os.environ.get("CUDA_VISIBLE_DEVICES") != str(number):
        raise InvalidInput(
            "Which GPU is used cannot change once Keras is imported.",
            received=f"--device gpu:{number}",
            remedy="Call the command line in a process of its own.",
        )


def _visible(number: int) -> str:
    """Returns one GPU of those that this process may see."""
    there = os.environ.get("CUDA_VISIBLE_DEVICES")
    if there is None:
        return str(number)
    ids = [part.strip() for part in there.split(",") if part.strip()]
    if number >= len(ids):
        raise InvalidInput(
            f"There is no GPU number {number}.",
            received=f"CUDA_VISIBLE_DEVICES={there}",
            remedy="GPUs count from 0 among those that are visible.",
        )
    return ids[number]


def _place_of_tensors() -> str:
    """Returns the kind of device on which Keras makes a tensor: "cpu", "gpu", "cuda", …."""
    import keras

    tensor = keras.ops.zeros((1,))
    backend = keras.backend.backend()
    if backend == "jax":
        return next(iter(tensor.devices())).platform
    if backend == "torch":
        return tensor.device.type
    return tensor.device.rpartition("device:")[2].split(":")[0].lower()

"""A seed as a scope: everything random inside it repeats, everything outside is undisturbed."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import keras
import numpy as np

# Keras can set its global seed but neither read nor restore it through its public names.
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR
from keras.src.utils.rng_utils import GLOBAL_RANDOM_SEED

_KERAS_STATE = (GLOBAL_RANDOM_SEED, GLOBAL_SEED_GENERATOR)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds Python, NumPy, Keras and Torch (where it is the backend) until the scope ends.

    `keras.utils.set_random_seed` would do so for good, and would import TensorFlow if it is
    installed, whatever the backend. Random ops of TensorFlow itself, outside Keras, are not seeded.

    Examples:
        >>> def draw():
        ...     return float(keras.random.uniform((), dtype="float32"))
        >>> with seeded(1):
        ...     first = draw()
        >>> with seeded(1):
        ...     second = draw()
        >>> first == second
        True
    """
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 the state of others
    saved = {key: global_state.get_global_attribute(key) for key in _KERAS_STATE}
    torch = _torch()
    torch_state = None if torch is None else torch.get_rng_state()
    try:
        reseed(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for key, value in saved.items():
            global_state.set_global_attribute(key, value)
        if torch is not None:
            torch.set_rng_state(torch_state)


def reseed(seed: int) -> None:
    """Begins the scope of `seeded` anew; to be called inside one, which restores the states."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 Keras draws from the global generator
    global_state.set_global_attribute(GLOBAL_RANDOM_SEED, seed)
    global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, None)
    torch = _torch()
    if torch is not None:
        torch.manual_seed(seed)


def _torch():  # type: ignore[no-untyped-def]
    if keras.backend.backend() != "torch":
        return None
    import torch

    return torch

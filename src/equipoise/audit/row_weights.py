"""The row weights that Keras makes of `class_weight`: by its rule, and by asking it."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def by_rule(y: NDArray[Any], class_weight: Mapping[int, float]) -> NDArray[np.float64]:
    """Returns the weights by the rule of Keras 3: `class_weight[argmax(row)]`, or 1.

    Args:
        y: (N, L) labels; where L is 1, the rounded value is the class.
        class_weight: weight by class.
    """
    classes = np.rint(y[:, 0]).astype(np.int64) if y.shape[-1] == 1 else np.argmax(y, axis=-1)
    found, position = np.unique(classes, return_inverse=True)
    return np.array([class_weight.get(int(c), 1.0) for c in found], dtype=np.float64)[position]


def keras_can_be_asked() -> bool:
    """Whether the backend that Keras would load is installed."""
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    return importlib.util.find_spec(backend) is not None


def by_keras(y: NDArray[Any], class_weight: Mapping[int, float]) -> NDArray[np.float64]:
    """Returns the weights that the installed Keras hands to the loss in `model.fit`."""
    import keras

    heard: list[NDArray[np.float64]] = []

    class Listener(keras.Sequential):
        """Writes down the sample weights that its loss is given."""

        def compute_loss(
            self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None
        ) -> Any:
            heard.append(np.array(keras.ops.convert_to_numpy(sample_weight), np.float64))
            return keras.ops.mean(y_pred)

    model = Listener([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), run_eagerly=True)
    model.fit(
        np.zeros((len(y), 1), np.float32),
        y,
        class_weight=dict(class_weight),
        batch_size=len(y),
        shuffle=False,
        verbose=0,  # pyright: ignore[reportArgumentType] declared as str, documented as 0 too
    )
    return heard[-1].reshape(-1)

"""Cell losses and their derivatives, by the automatic differentiation of each backend."""

from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def values_and_slopes(loss: Any, y: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Returns the losses of the cells and their derivatives with respect to their logits.

    Every cell depends on its own logit only, so the gradient of the sum holds each derivative.
    """
    y32, z32 = y.astype(np.float32), z.astype(np.float32)
    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        values = loss.call(y32, z32)
        slopes = jax.grad(lambda x: loss.call(y32, x).sum())(jax.numpy.asarray(z32))
    elif backend == "torch":
        import torch

        logits = torch.tensor(z32, requires_grad=True)
        with torch.enable_grad():
            values = loss.call(y32, logits)
            (slopes,) = torch.autograd.grad(values.sum(), logits)
    else:
        import tensorflow as tf

        logits = tf.constant(z32)
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = loss.call(y32, logits)
        slopes = tape.gradient(values, logits)
    to_numpy = keras.ops.convert_to_numpy
    return to_numpy(values).astype(np.float64), to_numpy(slopes).astype(np.float64)

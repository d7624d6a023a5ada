"""Labels, logits, weights and masks, each lined up with the cells of a batch.

Cells have the shape (..., L) of the logits: any leading axes, then the labels. Nothing here
guesses a broadcast. Under TensorFlow an axis, or even the rank, may be unknown while a graph is
built; then a reshape to the wanted shape stands in for the check, and fails when the graph runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from equipoise._errors import InvalidInput

# Smallest p, and smallest 1 − p, that a probability of each type is read with. The gradient 1 / p
# must not overflow: 2e-36 leaves room for sample weights of some hundreds.
_SMALLEST = {
    "float16": (6.2e-5, 2.0**-11),
    "bfloat16": (2e-36, 2.0**-8),
    "float32": (2e-36, 2.0**-24),
    "float64": (1e-290, 2.0**-53),
}


def static_shape(x: Any) -> tuple[int | None, ...] | None:
    """Returns the shape as far as it is known: None for an axis, or for all of it, if not."""
    try:
        return tuple(x.shape)
    except ValueError:  # a TensorFlow shape of unknown rank
        return None


def align_labels(y: Any, z: Any) -> Any:
    """Returns y in the shape of the logits z; (...,) labels of (..., 1) logits gain the axis.

    Raises:
        InvalidInput: any other difference of shapes.
    """
    shape, wanted = static_shape(y), static_shape(z)
    if wanted is None or len(wanted) < 2:
        raise InvalidInput(
            "`y_pred` must have a row axis and, last, a label axis.",
            received=f"y_pred.shape={wanted}",
            remedy="End the model with Dense(n_labels); for one label that is (rows, 1).",
        )
    if shape is not None and len(shape) == len(wanted) - 1 and wanted[-1] == 1:
        y, shape = ops.expand_dims(y, -1), (*shape, 1)
    if shape is None:
        return ops.reshape(y, ops.shape(z))
    if len(shape) != len(wanted) or not all(map(_may_equal, shape, wanted)):
        raise InvalidInput(
            "`y` and `y_pred` must have the same shape, the labels on the last axis.",
            received=f"y.shape={shape}, y_pred.shape={wanted}",
            remedy="Give the model one output per column of y, and turn class numbers into "
            "columns with keras.utils.to_categorical.",
        )
    if None in shape or None in wanted:
        return ops.reshape(y, ops.shape(z))
    return y


def align_weights(values: Any, cells: Any, argument: str) -> Any:
    """Returns sample weights or a mask with as many axes as the cells, ready to multiply them.

    The axes of `values` are the leading axes of the cells; an axis after the first may be 1.
    (N,) is one value per row, even where N equals L.

    Raises:
        InvalidInput: axes that are not those of the cells.
    """
    shape, wanted = static_shape(values), static_shape(cells)
    assert wanted is not None
    if shape is None:
        return _align_unknown_rank(values, cells)
    if len(shape) == 0:
        return ops.reshape(values, (1,) * len(wanted))
    fits = (
        len(shape) <= len(wanted)
        and _may_equal(shape[0], wanted[0])
        and all(n == 1 or _may_equal(n, m) for n, m in zip(shape[1:], wanted[1:], strict=False))
    )
    if not fits:
        raise InvalidInput(
            f"`{argument}` does not fit the cells of the batch.",
            received=f"{argument}.shape={shape}, y.shape={wanted}",
            remedy="Pass one weight per label as label_weight of the loss."
            if shape == wanted[-1:]
            else "Pass one value per row, or one per cell in the shape of y.",
        )
    if shape[0] is None or wanted[0] is None:
        values = ops.reshape(values, (ops.shape(cells)[0], *ops.shape(values)[1:]))
    for _ in range(len(wanted) - len(shape)):
        values = ops.expand_dims(values, -1)
    return values


def _align_unknown_rank(values: Any, cells: Any) -> Any:
    """Lines up values whose number per row tells their axes, only under TensorFlow.

    Fitting one model with weights (N,) and then (N, 1) leaves TensorFlow without even the rank.
    """
    rows, *others = (ops.shape(cells)[axis] for axis in range(len(cells.shape)))
    values = ops.reshape(values, (rows, -1))
    if len(others) == 1:
        return values
    left = ops.shape(values)[1]
    axes = []
    for size in others:  # leading axes are filled first, the rest have one entry
        axes.append(ops.where(left > 1, size, 1))
        left = left // axes[-1]
    return ops.reshape(values, (rows, *axes))


def split_weights(weights: Any) -> tuple[Any, Any]:
    """Returns weights of rows (...,) and weights of cells (..., L); None for what is not there.

    Args:
        weights: None, or sample weights as `align_weights` returns them. A last axis of 1 makes
            them weights of rows.
    """
    if weights is None:
        return None, None
    n_labels = weights.shape[-1]
    if n_labels == 1:
        return weights[..., 0], None
    if n_labels is not None:
        return None, weights
    of_rows = ops.shape(weights)[-1] == 1
    return ops.where(of_rows, weights[..., 0], 1.0), ops.where(of_rows, 1.0, weights)


def visible_values(x: Any) -> NDArray[Any] | None:
    """Returns the values of a tensor where they can be had at once, else None.

    Code that is compiled has none yet, and a device would have to be waited for.
    """
    if isinstance(x, np.ndarray):
        return x
    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        if torch.compiler.is_compiling() or x.device.type != "cpu":
            return None
        x = x.detach()
        return (x.float() if x.dtype == torch.bfloat16 else x).numpy()  # NumPy has no bfloat16
    if backend == "jax":
        import jax

        return None if isinstance(x, jax.core.Tracer) else np.asarray(x)
    return x.numpy() if hasattr(x, "numpy") else None


def _may_equal(n: int | None, m: int | None) -> bool:
    return n is None or m is None or n == m


def align_parameters(z: Any, n_labels: int | None, argument: str) -> Any:
    """Returns the logits, once it is sure that their last axis has `n_labels` labels.

    Raises:
        InvalidInput: it has another number; even a single parameter is not spread over labels.
    """
    shape = static_shape(z)
    if n_labels is None or shape is None:
        return z
    if shape[-1] is None:
        return ops.reshape(z, (*ops.shape(z)[:-1], n_labels))
    if shape[-1] != n_labels:
        raise InvalidInput(
            f"`{argument}` has {n_labels} entries but `y` has {shape[-1]} labels.",
            received=f"{argument}.shape={(n_labels,)}, y.shape={shape}",
            remedy="Compute it from the same columns: LabelWeights.from_targets(y_train).",
        )
    return z


def cell_masses(y: Any, p: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns y·w₊ and (1 − y)·w₋, both 0 in unknown cells.

    y is replaced before the loss sees it: 0 · NaN is NaN, in values and in gradients.
    """
    known = y >= 0  # False for NaN too
    positive = ops.where(known, y, 0.0)
    negative = ops.where(known, 1.0 - y, 0.0)
    if "positive" in p:
        positive = positive * p["positive"]
    if "negative" in p:
        negative = negative * p["negative"]
    return positive, negative


def logits_of(y_pred: Any, dtype: str, largest_weight: float) -> Any:
    """Returns the logits of sigmoid probabilities, exact where Keras still knows them.

    Otherwise logit(p) = log p − log(1 − p), which keeps the precision of tiny p and loses that of
    p near 1: float32 cannot tell σ(17.4) from 1, and what it cannot tell has no gradient.
    """
    logits = _activation_input(y_pred, "Sigmoid")
    if logits is not None:
        return ops.cast(logits, dtype)
    p = _clipped(y_pred, dtype, largest_weight)
    return ops.log(p) - ops.log1p(-p)


def log_probabilities(y_pred: Any, dtype: str, largest_weight: float) -> Any:
    """Returns the logits of softmax probabilities, exact where Keras still knows them.

    Otherwise log p, of which softmax makes p again.
    """
    logits = _activation_input(y_pred, "Softmax")
    if logits is not None:
        return ops.cast(logits, dtype)
    return ops.log(_clipped(y_pred, dtype, largest_weight))


def _clipped(y_pred: Any, dtype: str, largest_weight: float) -> Any:
    p = ops.convert_to_tensor(y_pred)
    low, gap = _SMALLEST[dtype]
    low = low * max(1.0, largest_weight)
    coarse_low, coarse_gap = _SMALLEST.get(keras.utils.standardize_dtype(p.dtype), (low, gap))
    return ops.clip(ops.cast(p, dtype), max(low, coarse_low), 1.0 - max(gap, coarse_gap))


def _activation_input(y_pred: Any, activation: str) -> Any:
    """Returns the logits that Keras left on the output of an activation, or None.

    It leaves them on the outputs of sigmoid and of softmax, which are not the same logits.
    """
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None or tuple(logits.shape) != tuple(y_pred.shape):
        return None
    if keras.backend.backend() == "torch":
        import torch

        if torch.compiler.is_compiling() or y_pred.is_meta:
            return None
        made_by = getattr(y_pred.grad_fn, "name", lambda: None)()
    else:
        # Eager tensors of TensorFlow raise AttributeError here: they have no graph.
        made_by = getattr(getattr(y_pred, "op", None), "type", None)
    if made_by is None:  # eager, without a record of operations: the values can be looked at
        function = ops.sigmoid if activation == "Sigmoid" else ops.softmax
        same = ops.all(ops.abs(function(logits) - y_pred) < 0.02)
        return logits if bool(same) else None
    return logits if made_by.startswith(activation) else None

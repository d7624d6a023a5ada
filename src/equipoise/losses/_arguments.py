"""Arguments of the losses, checked when a loss is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput


def label_vector(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    """Returns one finite number per label as a float64 array.

    Raises:
        InvalidInput: anything else.
    """
    try:
        vector = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"`{argument}` must hold one number per label: {error}.", received=repr(values)
        ) from error
    if vector.ndim != 1 or len(vector) == 0:
        raise InvalidInput(
            f"`{argument}` must be a list of numbers, one per label.",
            received=f"{argument}.shape={vector.shape}",
            remedy="Write [2.5] for a single label, [2.5] * n_labels for all alike.",
        )
    if not np.isfinite(vector).all():
        raise InvalidInput(
            f"`{argument}` must hold finite numbers.",
            received=repr(vector[~np.isfinite(vector)][0]),
            remedy="Labels without positives need a policy: LabelWeights.from_targets(y, "
            'absent="max").',
        )
    return vector


def weight_vector(argument: str, values: ArrayLike) -> NDArray[np.float64]:
    """Returns one finite weight of at least 0 per label as a float64 array.

    Raises:
        InvalidInput: anything else.
    """
    weights = label_vector(argument, values)
    if (weights < 0).any():
        raise InvalidInput(
            f"`{argument}` must not hold negative weights.", received=repr(float(weights.min()))
        )
    return weights


def sides_of(weights: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the positive and negative weights of a LabelWeights by the names of the arguments.

    Raises:
        InvalidInput: something else, or one of the `given` lists beside it.
    """
    for argument, values in given.items():
        if values is not None:
            raise InvalidInput(
                f"`weights` and `{argument}` are two ways to give the same weights.",
                remedy="Pass one of them.",
            )
    if not (hasattr(weights, "positive") and hasattr(weights, "negative")):
        is_mapping = isinstance(weights, Mapping)
        raise InvalidInput(
            "`weights` must be a LabelWeights.",
            received="a dictionary" if is_mapping else type(weights).__name__,
            remedy="Pass LabelWeights.from_class_weight(class_weight, n_labels=...)."
            if is_mapping
            else "Pass LabelWeights.from_targets(y_train), or a list as positive_weight.",
        )
    return {"positive_weight": weights.positive, "negative_weight": weights.negative}


def working_dtype(dtype: Any) -> str:
    """float64 if it is asked for; float32 otherwise, for half precision would overflow."""
    if dtype is None:
        return "float32"
    policy = dtype if isinstance(dtype, keras.DTypePolicy) else keras.DTypePolicy(str(dtype))
    return "float64" if policy.compute_dtype == "float64" else "float32"

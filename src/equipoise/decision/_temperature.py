"""One temperature for all labels: how far the log-odds of a model are too sure of themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

Float = NDArray[np.float64]

_LARGEST = 50.0  # no model is so sure, or so unsure, by mistake


def fit_temperature(z: Float, y: Float, weights: Float | None = None) -> float:
    """Returns the T in [1/50, 50] with the least log loss of σ(z / T).

    The loss is convex in 1/T, so there is one such T; 1 if no cell has a weight.

    Args:
        z: log-odds of the known cells, any shape.
        y: 0 and 1, or anything between, alike in shape.
        weights: not below 0, alike in shape; all 1 by default.
    """
    w = np.ones_like(z) if weights is None else weights
    total = float(w.sum())
    if total == 0:
        return 1.0

    def loss(inverse: float) -> float:
        scaled = inverse * z
        # log(1 + exp(s)) − y·s, without overflow
        return float((w * (np.logaddexp(0.0, scaled) - y * scaled)).sum()) / total

    ends = np.array([1 / _LARGEST, _LARGEST])
    slopes = [float((w * (expit(end * z) - y) * z).sum()) for end in ends]
    if slopes[0] >= 0:  # the less sure the better
        return _LARGEST
    if slopes[1] <= 0:
        return 1 / _LARGEST
    found = minimize_scalar(loss, bounds=tuple(ends.tolist()), options={"xatol": 1e-6})
    return 1 / float(found.x)

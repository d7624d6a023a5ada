"""Log-odds that stay finite: as far as float64 can tell a probability from 0 and 1."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from equipoise._errors import InvalidInput

Float = NDArray[np.float64]

_LARGEST = 36.0  # beyond it a probability is 1


def bounded(log_odds: Float) -> Float:
    """Returns log-odds no larger than float64 probabilities can stand for."""
    return np.clip(log_odds, -_LARGEST, _LARGEST)


def finite_log_odds(scores: NDArray[Any], from_logits: bool) -> Float:
    """Returns log-odds within the range of float64 probabilities, from either kind of score."""
    if scores.dtype.kind not in "fiub" and scores.dtype.name != "bfloat16":
        raise InvalidInput("`y_score` must hold numbers.", received=f"dtype {scores.dtype}")
    values = scores.astype(np.float64)
    if values.size and np.isnan(values.min()):
        raise InvalidInput("`y_score` holds NaN.", remedy="Find out why the model returns NaN.")
    if not from_logits:
        if values.size and (values.min() < 0 or values.max() > 1):
            raise InvalidInput(
                "`y_score` must hold probabilities in [0, 1] with from_logits=False.",
                received=f"values from {values.min():g} to {values.max():g}",
                remedy="Pass from_logits=True for log-odds.",
            )
        with np.errstate(divide="ignore"):
            values = logit(values)
    return bounded(values)

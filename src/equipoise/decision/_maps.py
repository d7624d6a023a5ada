"""Maps from log-odds to calibrated log-odds, each fitted to the cells of one label or of several.

temperature  z / T
logistic     a·z + b                               (Platt, 1999)
beta         a·log p − b·log(1 − p) + c, a, b ≥ 0  (Kull et al., AISTATS 2017, eq. 4)
isotonic     a rising step function of p           (Zadrozny and Elkan, KDD 2002)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from equipoise.decision._log_odds import bounded
from equipoise.decision._temperature import fit_temperature

Float = NDArray[np.float64]
Parameters = dict[str, Any]

# A penalty on the slope so small that it matters only where the label is perfectly separated.
_PENALTY = 1e4


def fit_map(method: str, z: Float, y: Float, weights: Float | None) -> Parameters:
    """Returns the parameters of a map; y holds both 0 and 1."""
    return _FITS[method](z, y, weights)


def apply_map(parameters: Parameters, z: Float) -> Float:
    """Returns calibrated log-odds."""
    kind = parameters["kind"]
    if kind == "temperature":
        return z / parameters["temperature"]
    if kind == "linear":
        total = np.full(z.shape, parameters["intercept"])
        for slope, feature in zip(parameters["slopes"], _features(parameters, z), strict=True):
            total += slope * feature
        return total
    steps = np.interp(z, parameters["z"], parameters["p"])
    with np.errstate(divide="ignore"):
        return bounded(logit(steps))


def _temperature(z: Float, y: Float, weights: Float | None) -> Parameters:
    # Where every score is right, nothing bounds how sure a label may be; half a mistake at either
    # end does.
    w = np.append(np.ones(len(z)) if weights is None else weights, [0.5, 0.5])
    z, y = np.append(z, [z.max(), z.min()]), np.append(y, [0.0, 1.0])
    return {"kind": "temperature", "temperature": fit_temperature(z, y, w)}


def _logistic(z: Float, y: Float, weights: Float | None) -> Parameters:
    return _linear("logit", [z], y, weights)


def _beta(z: Float, y: Float, weights: Float | None) -> Parameters:
    log_p, minus_log_rest = -np.logaddexp(0, -z), np.logaddexp(0, z)
    both = _linear("both", [log_p, minus_log_rest], y, weights)
    if min(both["slopes"]) >= 0:
        return both
    # A falling part would turn the order of the scores round: the other part is taken alone.
    if both["slopes"][0] < 0:
        return _linear("minus_log_rest", [minus_log_rest], y, weights)
    return _linear("log_p", [log_p], y, weights)


def _linear(name: str, features: list[Float], y: Float, weights: Float | None) -> Parameters:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=_PENALTY, max_iter=1000)
    model.fit(np.column_stack(features), y, sample_weight=weights)
    slopes: Any = model.coef_
    return {
        "kind": "linear",
        "features": name,
        "slopes": slopes[0].tolist(),
        "intercept": float(np.asarray(model.intercept_)[0]),
    }


def _features(parameters: Parameters, z: Float) -> list[Float]:
    features: dict[str, Callable[[], list[Float]]] = {
        "logit": lambda: [z],
        "log_p": lambda: [-np.logaddexp(0, -z)],
        "minus_log_rest": lambda: [np.logaddexp(0, z)],
        "both": lambda: [-np.logaddexp(0, -z), np.logaddexp(0, z)],
    }
    return features[parameters["features"]]()


def _isotonic(z: Float, y: Float, weights: Float | None) -> Parameters:
    from sklearn.isotonic import IsotonicRegression

    w = np.ones(len(y)) if weights is None else weights
    n_positive, total = float((w * y).sum()), float(w.sum())
    model = IsotonicRegression(out_of_bounds="clip")
    model.fit(z, y, sample_weight=weights)
    # The lowest step may hold no positive and say 0, the highest 1; one mistake would then cost
    # infinitely much. Half a cell beyond what was seen is as far as they go.
    low, high = 0.5 / (total - n_positive + 1), 1 - 0.5 / (n_positive + 1)
    values = np.asarray(model.y_thresholds_, dtype=np.float64)  # rising
    return {
        "kind": "isotonic",
        "z": np.asarray(model.X_thresholds_, dtype=np.float64).tolist(),
        "p": np.clip(values, min(low, 0.5), max(high, 0.5)).tolist(),
    }


_FITS: dict[str, Callable[[Float, Float, Float | None], Parameters]] = {
    "temperature": _temperature,
    "logistic": _logistic,
    "beta": _beta,
    "isotonic": _isotonic,
}
METHODS = tuple(_FITS)

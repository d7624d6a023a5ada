"""Copies of a classifier, whatever it is: fitted, and asked for log-odds."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logit
from sklearn.base import clone
from sklearn.multiclass import OneVsRestClassifier
from sklearn.utils import get_tags

from equipoise._errors import InvalidInput
from equipoise.decision._log_odds import bounded

Float = NDArray[np.float64]


def is_keras(estimator: Any) -> bool:
    """Whether this is a Keras model; Keras is not imported to find out."""
    keras = sys.modules.get("keras")
    return keras is not None and isinstance(estimator, keras.Model)


def n_rows(X: Any) -> int:
    """Returns the number of rows."""
    return X.shape[0] if hasattr(X, "shape") else len(X)


def rows(X: Any, chosen: NDArray[np.intp]) -> Any:
    """Returns some rows of an array, a sparse matrix, a data frame or a list."""
    if hasattr(X, "iloc"):
        return X.iloc[chosen]
    if sparse.issparse(X):
        return X.tocsr()[chosen]  # pyright: ignore
    if isinstance(X, (list, tuple)):
        return [X[i] for i in chosen.tolist()]
    return X[chosen]


def fitted(
    estimator: Any, X: Any, y: NDArray[np.uint8], weights: Float | None, arguments: dict[str, Any]
) -> Any:
    """Returns a fitted copy.

    Args:
        estimator: scikit-learn classifier or compiled Keras model.
        X: (N, d) features.
        y: (N, L) labels.
        weights: (N,) weights of rows, or None.
        arguments: handed to `fit`.
    """
    arguments = dict(arguments)
    if weights is not None:
        arguments["sample_weight"] = weights
    if is_keras(estimator):
        return _fitted_keras(estimator, X, y, arguments)
    copy: Any = clone(estimator)
    if y.shape[1] == 1 and y.min() != y.max():
        return copy.fit(X, y[:, 0], **arguments)
    tags: Any = get_tags(copy)
    if tags.classifier_tags is None or not tags.classifier_tags.multi_label:
        copy = OneVsRestClassifier(copy)
    with warnings.catch_warnings():
        # A label that a fold has no positive of is told by its threshold, not once per fold.
        warnings.filterwarnings("ignore", "Label .* is present in all training examples")
        return copy.fit(X, y.astype(np.int64), **arguments)


def _fitted_keras(model: Any, X: Any, y: NDArray[np.uint8], arguments: dict[str, Any]) -> Any:
    """Returns a freshly initialised copy, compiled alike and trained."""
    keras = sys.modules["keras"]
    config = model.get_compile_config()
    if config is None:
        raise InvalidInput("The Keras model is not compiled.", remedy="Call model.compile first.")
    copy = keras.models.clone_model(model)
    copy.compile_from_config(config)
    copy.fit(_dense(X), y.astype(np.float32), **{"verbose": 0, **arguments})
    return copy


def log_odds(member: Any, X: Any, n_labels: int, *, from_logits: bool) -> Float:
    """Returns (N, L) finite log-odds of a fitted copy."""
    if is_keras(member):
        scores, logits = np.asarray(member.predict(_dense(X), verbose=0)), from_logits
    elif hasattr(member, "predict_proba"):
        scores, logits = _probabilities(member.predict_proba(X), n_labels), False
    elif hasattr(member, "decision_function"):
        scores, logits = np.asarray(member.decision_function(X)), True
    else:
        raise InvalidInput(
            "The estimator has neither `predict_proba` nor `decision_function`.",
            received=type(member).__name__,
            remedy="Thresholds need scores: take an estimator that gives some.",
        )
    scores = scores.reshape(len(scores), -1).astype(np.float64)
    if scores.shape[1] != n_labels:
        raise InvalidInput(
            f"The estimator must give {n_labels} scores a row, one per label.",
            received=f"shape {scores.shape} from {type(member).__name__}",
        )
    if np.isnan(scores).any() or (not logits and ((scores < 0) | (scores > 1)).any()):
        raise InvalidInput(
            "The estimator's scores must be " + ("numbers." if logits else "in [0, 1]."),
            received=f"values from {scores.min():g} to {scores.max():g}",
            remedy="Pass from_logits=True for a Keras model that returns logits.",
        )
    with np.errstate(divide="ignore"):
        z = scores if logits else logit(scores)
    return bounded(z)


def _dense(X: Any) -> NDArray[Any]:
    return X.toarray() if sparse.issparse(X) else np.asarray(X)  # pyright: ignore


def _probabilities(p: Any, n_labels: int) -> NDArray[Any]:
    """Returns (N, L) probabilities from any of the forms that scikit-learn gives."""
    if isinstance(p, list):  # one (N, 2) array per label, (N, 1) where all rows were alike
        columns = [
            part[:, 1] if part.shape[1] == 2 else np.zeros(len(part)) for part in map(np.asarray, p)
        ]
        return np.column_stack(columns)
    p = np.asarray(p)
    return p[:, 1:] if n_labels == 1 and p.ndim == 2 and p.shape[1] == 2 else p

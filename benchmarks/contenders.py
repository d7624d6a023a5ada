"""What a user would pick instead: the classifiers that benchmarks/outcome.py compares.

Each takes training rows and test rows, and returns probabilities of the test rows, and decisions
at 0.5 and at thresholds tuned as its users would: on a fifth of the training rows that the model
was not fitted to.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import expit

from equipoise.decision import tune_thresholds
from equipoise.model_selection import MultilabelStratifiedShuffleSplit
from equipoise.targets import Targets


@dataclass(frozen=True)
class Predicted:
    """What a contender says of the test rows.

    Attributes:
        probabilities: (N, L).
        at_half: (N, L) decisions at 0.5.
        tuned: (N, L) decisions at its tuned thresholds.
        seconds: training, with everything that belongs to it.
    """

    probabilities: NDArray[np.float64]
    at_half: NDArray[np.uint8]
    tuned: NDArray[np.uint8]
    seconds: float


@dataclass(frozen=True)
class Rows:
    """The rows of one fold, with the groups that no split may divide."""

    X: Any
    targets: Targets
    groups: NDArray[Any] | None

    @property
    def y(self) -> NDArray[np.uint8]:
        """Returns (N, L) labels."""
        return np.asarray(self.targets.to_dense().values)

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Returns some of the rows."""
        groups = None if self.groups is None else self.groups[rows]
        return Rows(self.X[rows], self.targets.take(rows), groups)

    def parted(self, seed: int) -> tuple[Rows, Rows]:
        """Returns four fifths and one fifth, stratified."""
        splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=seed)
        fit, held = next(iter(splitter.split(self.X, self.targets, self.groups)))
        return self.take(fit), self.take(held)


def _scaled(rows: Rows, *others: Any, clip: float = np.inf) -> list[Any]:
    """Standardises columns unless they are 0/1, as a careful user would."""
    X = rows.X
    if sparse.issparse(X) or bool(((X == 0) | (X == 1)).all()):
        return [X, *others]
    mean, deviation = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    deviation[deviation == 0] = 1
    binary = ((X == 0) | (X == 1)).all(axis=0)
    mean[binary], deviation[binary] = 0, 1
    return [np.nan_to_num(np.clip((Z - mean) / deviation, -clip, clip)) for Z in (X, *others)]


# ------------------------------------------------------------------------------------ scikit-learn


def _by_scikit_learn(estimator: Callable[[int, int], Any], clip: float) -> Contender:
    def contender(train: Rows, X: Any, seed: int) -> Predicted:
        started = time.perf_counter()
        fit, held = train.parted(seed)
        everything = _fitted(estimator, train, clip, X)
        part = _fitted(estimator, fit, clip, held.X, X)
        thresholds = tune_thresholds(held.y, part[0])
        seconds = time.perf_counter() - started
        p = everything[0]
        return Predicted(p, (p >= 0.5).view(np.uint8), thresholds.predict(part[1]), seconds)

    return contender


def _fitted(
    estimator: Callable[[int, int], Any], train: Rows, clip: float, *others: Any
) -> list[NDArray[np.float64]]:
    """Fits one classifier per label; returns probabilities of the others' rows."""
    X, *others = _scaled(train, *others, clip=clip)
    y, found = train.y, [np.zeros((Z.shape[0], train.y.shape[1])) for Z in others]
    for label in range(y.shape[1]):
        if y[:, label].min() == y[:, label].max():
            for p in found:
                p[:, label] = y[0, label]
            continue
        model = estimator(*X.shape)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged: as its users would leave it
            model.fit(X, y[:, label])
        for p, Z in zip(found, others, strict=True):
            p[:, label] = model.predict_proba(Z)[:, 1]
    return found


def _logistic(class_weight: str | None) -> Callable[[int, int], Any]:
    def build(n_rows: int, n_features: int) -> Any:
        from sklearn.linear_model import LogisticRegression

        C = 0.1 if n_features > 200 else 1.0
        return LogisticRegression(C=C, class_weight=class_weight, max_iter=200)

    return build


def _boosted(n_rows: int, n_features: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=60, early_stopping=False, random_state=0)


# ------------------------------------------------------------------------------------------- Keras


def _plain_keras(*, class_weight: bool) -> Contender:
    """A network as in every tutorial: sigmoid, binary cross-entropy, early stopping."""

    def contender(train: Rows, X: Any, seed: int) -> Predicted:
        import keras

        started = time.perf_counter()
        fit, held = train.parted(seed)
        X_fit, X_held, X_test = (_dense(Z) for Z in _scaled(fit, held.X, X))
        keras.utils.set_random_seed(seed % 2**31)
        model = keras.Sequential(
            [
                keras.layers.Input((X_fit.shape[1],)),
                keras.layers.Dense(256, activation="relu"),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(train.y.shape[1]),
            ]
        )
        model.compile(
            keras.optimizers.Adam(1e-3), keras.losses.BinaryCrossentropy(from_logits=True)
        )
        weights = None
        if class_weight:
            n = np.maximum(fit.y.sum(axis=0), 1)
            weights = dict(enumerate((len(fit.y) / n).tolist()))
        model.fit(
            X_fit,
            fit.y.astype(np.float32),
            batch_size=64,
            epochs=60,
            class_weight=weights,
            validation_data=(X_held, held.y.astype(np.float32)),
            callbacks=[keras.callbacks.EarlyStopping(patience=5, restore_best_weights=True)],
            verbose=0,
        )
        p_held, p = (
            expit(np.asarray(model.predict(Z, verbose=0, batch_size=4096), dtype=np.float64))
            for Z in (X_held, X_test)
        )
        thresholds = tune_thresholds(held.y, p_held)
        seconds = time.perf_counter() - started
        return Predicted(p, (p >= 0.5).view(np.uint8), thresholds.predict(p), seconds)

    return contender


def _ours(**options: Any) -> Contender:
    def contender(train: Rows, X: Any, seed: int) -> Predicted:
        from equipoise import MultilabelClassifier

        started = time.perf_counter()
        model = MultilabelClassifier(random_state=seed, **options)
        model.fit(train.X, train.targets, groups=train.groups)
        seconds = time.perf_counter() - started
        p = model.predict_proba(X)
        decided = model.predict(X).astype(np.uint8)
        return Predicted(p, (p >= 0.5).view(np.uint8), decided, seconds)

    return contender


def _dense(X: Any) -> NDArray[np.float32]:
    return (X.toarray() if sparse.issparse(X) else X).astype(np.float32)


Contender = Callable[[Rows, Any, int], Predicted]

CONTENDERS: dict[str, Contender] = {
    "plain Keras": _plain_keras(class_weight=False),
    "Keras class_weight": _plain_keras(class_weight=True),
    "logistic regression": _by_scikit_learn(_logistic(None), np.inf),
    "logistic regression, balanced": _by_scikit_learn(_logistic("balanced"), np.inf),
    "logistic regression, clipped": _by_scikit_learn(_logistic(None), 3.0),
    "logistic regression, balanced, clipped": _by_scikit_learn(_logistic("balanced"), 3.0),
    "gradient boosting": _by_scikit_learn(_boosted, np.inf),
    "equipoise": _ours(),
}
BASELINES = tuple(name for name in CONTENDERS if name != "equipoise")
LARGEST_BOOSTED = 20_000  # labels × features

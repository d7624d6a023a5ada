"""MultilabelClassifier: a treatment, cross-fitted, as a scikit-learn classifier."""

from __future__ import annotations

import copy
import os
from collections.abc import Sized
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from equipoise._errors import InvalidInput, check_number
from equipoise.decision import ThresholdRule, Thresholds
from equipoise.targets import Targets, as_targets, default_names
from equipoise.training import TrainingOptions, Treatment, choose_treatment, fit_treatment
from equipoise.training.brought import BuildModel
from equipoise.training.fitted import FittedTreatment

_DEFAULT = "none"


class MultilabelClassifier(ClassifierMixin, BaseEstimator):
    """A small network per inner fold, with corrected probabilities and tuned thresholds.

    Multi-label, multi-class and binary y alike. Each inner fold trains one network and holds rows
    out for early stopping (on macro average precision and a little of the log loss), and for
    temperature and thresholds (see `DecisionChain`); probabilities are the mean over the
    networks, decisions are made at the thresholds. With several classes, the decision is the
    most probable one.

    Not for images, sequences or text as such: pass `model`, or features made from them.

    Args:
        model: (n_features, n_labels) -> uncompiled Keras model that returns logits; by default a
            multi-layer perceptron.
        treatment: what is done about imbalance: "default", a name of `training.TREATMENTS`, a
            `Treatment`; or "auto": what the inner folds show to be better than the default, which
            is kept where nothing is shown. That takes five times as long or more, and judges at
            tuned thresholds even where `thresholds` is a number.
        n_folds: inner folds, of which each trains a network; 1 holds out a single part.
        n_repeats: how often the rows are dealt into such folds, each time for as many networks;
            "auto" is 2 where the default network sees columns as they are and there are several
            folds, else 1.
        held_share: share of rows held out where `n_folds` is 1.
        hidden_units: width of the default network; "auto" is 512, or 256 where it sees bins.
        dropout: dropout of the default network.
        learning_rate: first step size of Adam; halved after 3 epochs without a better score.
        batch_size: rows a batch.
        max_epochs: bound on the epochs of each network.
        patience: epochs without improvement before training stops.
        clip: bound on standardised features.
        bins: bins by which the default network sees numeric columns as well as by their value
            (`layers.PiecewiseLinear`), 0 for none; "auto" trains the first two folds both
            ways, and goes on as their held-out rows say. With bins the first layer grows, and takes
            longer.
        mixup: α of `batching.MixupBatches`, 0 for none; "auto" is 0.2 where the default network
            sees columns as they are and the loss is a sum over cells, else 0.
        thresholds: rule by which they are found on held-out rows, for the best F1 ("shrunk",
            "tuned", "pooled", "proportional" or "analytic", see `tune_thresholds`); or one
            probability from which on every label is predicted.
        random_state: seed, generator or None; global random states are left as they were.

    Attributes:
        classes_: the classes of a 1-D y, or the L label names.
        fitted_: the `FittedTreatment`: networks, correction, thresholds; with treatment="auto"
            its `choice` says what was chosen, and why.
        bundle_: the `Bundle`, where the classifier was loaded from one.
        n_features_in_: number of features seen in `fit`.
        feature_names_in_: their names, where X had some.

    Examples:
        >>> from equipoise.datasets import digits_scenes
        >>> scenes = digits_scenes(400, random_state=0)
        >>> classifier = MultilabelClassifier(n_folds=2, max_epochs=2, random_state=0)
        >>> classifier.fit(scenes.x, scenes.targets, groups=scenes.groups).predict(scenes.x).shape
        (400, 10)
        >>> classifier.classes_[:3]
        array(['digit_0', 'digit_1', 'digit_2'], dtype=object)
    """

    def __init__(
        self,
        model: BuildModel | None = None,
        treatment: str | Treatment = "default",
        *,
        n_folds: int = 5,
        n_repeats: int | Literal["auto"] = "auto",
        held_share: float = 0.2,
        hidden_units: int | Literal["auto"] = "auto",
        dropout: float = 0.5,
        learning_rate: float = 3e-3,
        batch_size: int = 64,
        max_epochs: int = 60,
        patience: int = 6,
        clip: float = 3.0,
        bins: int | Literal["auto"] = "auto",
        mixup: float | Literal["auto"] = "auto",
        thresholds: ThresholdRule | float = "shrunk",
        random_state: Any = None,
    ):
        self.model = model
        self.treatment = treatment
        self.n_folds = n_folds
        self.n_repeats = n_repeats
        self.held_share = held_share
        self.hidden_units = hidden_units
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.clip = clip
        self.bins = bins
        self.mixup = mixup
        self.thresholds = thresholds
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Trains the networks and tunes the thresholds.

        Args:
            X: (N, d) features: array, sparse matrix or data frame of numbers; NaN is missing.
            y: labels, anything `as_targets` reads; unknown cells are learned from nowhere.
            sample_weight: (N,), (N, 1) or (N, L) weights of rows or cells.
            groups: (N,) group of each row; a group never crosses an inner fold.

        Raises:
            InvalidInput: X and y do not fit together, or y holds a single class.
        """
        if y is None:
            raise InvalidInput(
                "This MultilabelClassifier estimator requires y to be passed, but the target y is "
                "None."
            )
        X = validate_data(self, X, ensure_min_samples=2, **_FEATURES)
        targets = self._read_targets(y)
        if X.shape[0] != targets.n_rows:
            raise InvalidInput(
                "`X` and `y` must have the same number of rows.",
                received=f"{X.shape[0]} and {targets.n_rows}",
            )
        rule: Any = self.thresholds if isinstance(self.thresholds, str) else "shrunk"
        how: dict[str, Any] = {
            "groups": groups,
            "sample_weight": sample_weight,
            "build_model": self.model,
            "options": TrainingOptions(
                n_folds=self.n_folds,
                n_repeats=self.n_repeats,
                held_share=self.held_share,
                hidden_units=self.hidden_units,
                dropout=self.dropout,
                learning_rate=self.learning_rate,
                batch_size=self.batch_size,
                max_epochs=self.max_epochs,
                patience=self.patience,
                clip=self.clip,
                bins=self.bins,
                mixup=self.mixup,
                thresholds=rule,
            ),
            "random_state": int(check_random_state(self.random_state).randint(2**31 - 1)),
        }
        if self.treatment == "auto":
            fitted = choose_treatment(X, targets, **how)
        else:
            treatment = _DEFAULT if self.treatment == "default" else self.treatment
            fitted = fit_treatment(treatment, X, targets, **how)
        if not isinstance(self.thresholds, str):
            level = check_number("thresholds", self.thresholds, minimum=0.0, maximum=1.0)
            fixed = Thresholds(np.full(targets.n_labels, level), targets.label_names)
            fitted = replace(fitted, chain=replace(fitted.chain, thresholds=fixed))
        self.fitted_: FittedTreatment = fitted
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Returns probabilities: (N, L) of the labels, or (N, K) of the classes of a 1-D y.

        Raises:
            Undefined: the treatment's loss has no inverse link.
        """
        X = self._check_features(X)
        p = self.fitted_.predict_proba(X)
        if self.task_ == "binary":
            return np.column_stack([1 - p, p])
        if self.task_ == "multiclass":
            return _shares(p)
        return p

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Returns log-odds minus those of the threshold: 0 and above means yes.

        (N, L) for labels, (N,) for two classes; for more classes (N, K) log probabilities, the
        largest of which decides.
        """
        check_is_fitted(self, "fitted_")
        if self.task_ == "multiclass":
            shares = _shares(self.fitted_.scores(self._check_features(X)))
            return np.log(np.maximum(shares, np.finfo(np.float64).tiny))
        decision = self.fitted_.decision_function(self._check_features(X))
        return decision.reshape(-1) if self.task_ == "binary" else decision

    def predict(self, X: Any) -> NDArray[Any]:
        """Returns (N, L) decisions of 0 and 1, or (N,) classes where y was 1-D."""
        check_is_fitted(self, "fitted_")
        if self.task_ == "multiclass":
            return self.classes_[self.decision_function(X).argmax(axis=1)]
        decisions = self.fitted_.predict(self._check_features(X)).astype(np.intp)
        if self.task_ == "binary":
            return self.classes_[decisions.reshape(-1)]
        return decisions

    def save(self, folder: str | os.PathLike[str], y: Any = None) -> Path:
        """Writes the fitted classifier to a folder, whole or not at all; see `Bundle`.

        A bundle of that name is replaced. Rows of the training data are not kept.

        Args:
            folder: one that does not exist yet, or a bundle.
            y: the labels that `fit` saw. The model card in the folder then says how many
                positives there were, and what held-out rows show, with intervals.

        Raises:
            InvalidFile: a place that cannot be written to, or a folder that holds other files.
            InvalidInput: a model of your own that could not be loaded again, or another `y`.
        """
        from equipoise.bundle import Bundle, of_data, of_held_out_rows

        check_is_fitted(self, "fitted_")
        loaded = getattr(self, "bundle_", None)
        if loaded is not None and loaded.fitted is self.fitted_ and y is None:
            return loaded.save(folder)
        names = getattr(self, "feature_names_in_", None)
        data = held_out = None
        if y is not None:
            reader = copy.copy(self)  # reading y would note its classes
            targets = reader._read_targets(y)
            held_out = of_held_out_rows(self.fitted_, targets)
            data = of_data(targets, "", self.n_features_in_)
        options = self.get_params(deep=False)
        model = options.pop("model")
        return Bundle(
            self.fitted_,
            self.task_,
            self.classes_,
            options | {"treatment": self.fitted_.treatment.name, "random_state": self._seed()},
            feature_names=None if names is None else tuple(names.tolist()),
            data=data,
            held_out=held_out,
            architecture=None if model is None else _architecture(self.fitted_),
        ).save(folder)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Loads what `save`, or `equipoise train`, wrote, on whatever Keras backend runs.

        Layers of your own must be registered with Keras before. Of a bundle made from a table
        with text or dates, X is what `bundle_.encoder.transform` makes of such a table.

        Raises:
            InvalidFile: no bundle; one that is damaged, incomplete, or written by a newer
                equipoise; a custom layer that is not registered.

        Examples:
            >>> import tempfile
            >>> import numpy as np
            >>> X = np.random.default_rng(0).normal(size=(60, 3))
            >>> options = {"n_folds": 1, "hidden_units": 4, "max_epochs": 1, "random_state": 0}
            >>> fitted = MultilabelClassifier(**options).fit(X, (X > [0, 0.5, 1]).astype(int))
            >>> folder = fitted.save(tempfile.mkdtemp() + "/bundle")
            >>> bool((MultilabelClassifier.load(folder).predict(X) == fitted.predict(X)).all())
            True
        """
        from equipoise.bundle import Bundle
        from equipoise.bundle._networks import Architecture

        bundle = Bundle.load(folder)
        known = set(cls().get_params(deep=False)) - {"model", "treatment"}
        loaded = cls(
            model=None
            if bundle.architecture is None
            else Architecture(bundle.architecture, bundle.n_features, len(bundle.label_names)),
            treatment=bundle.fitted.treatment,
            **{name: value for name, value in bundle.options.items() if name in known},
        )
        loaded.bundle_ = bundle
        loaded.fitted_, loaded.task_ = bundle.fitted, bundle.task
        loaded.classes_, loaded.n_features_in_ = bundle.classes, bundle.n_features
        if bundle.feature_names is not None:
            loaded.feature_names_in_ = np.array(bundle.feature_names, dtype=object)
        return loaded

    def _seed(self) -> int | None:
        whole = isinstance(self.random_state, (int, np.integer))
        return int(self.random_state) if whole else None

    def _check_features(self, X: Any) -> Any:
        check_is_fitted(self, "fitted_")
        return validate_data(self, X, reset=False, **_FEATURES)

    def _read_targets(self, y: Any) -> Targets:
        """Reads y, and keeps what predictions are to look like."""
        classes = _as_classes(y)
        if classes is not None:
            known = np.array([_is_known(value) for value in classes.tolist()], dtype=bool)
            check_classification_targets(classes[known])
            self.classes_ = np.unique(classes[known])
            if len(self.classes_) < 2:
                raise InvalidInput(
                    "`y` holds one class only, so there is nothing to tell apart.",
                    received=repr(self.classes_.tolist()),
                )
            self.task_ = "binary" if len(self.classes_) == 2 else "multiclass"
            codes = np.full(len(classes), np.nan)
            codes[known] = np.searchsorted(self.classes_, classes[known])
            names = None if self.task_ == "binary" else self.classes_.tolist()
            return as_targets(codes, label_names=names, task=self.task_)
        targets = as_targets(y)
        if len(targets.shape) != 2:
            raise InvalidInput(
                "`y` must have two axes, rows and labels.", received=f"y.shape={targets.shape}"
            )
        self.task_ = "multilabel"
        named = targets.label_names != default_names(targets.n_labels)
        # Without names of their own labels are numbered, as scikit-learn does.
        self.classes_ = (
            np.array(targets.label_names, object) if named else np.arange(targets.n_labels)
        )
        return targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        return tags


def _architecture(fitted: FittedTreatment) -> str:
    """Returns the user's network as JSON; nothing for a model that has no such form."""
    try:
        return fitted.members[0].model.to_json()
    except (NotImplementedError, TypeError, ValueError):
        return ""


_FEATURES: dict[str, Any] = {
    "accept_sparse": "csr",
    "dtype": np.float32,
    "ensure_all_finite": "allow-nan",
}


def _as_classes(y: Any) -> NDArray[Any] | None:
    """Returns y as a 1-D array if it holds one class a row, None if it holds labels or label sets.

    A column that holds more than 0 and 1 is classes too.
    """
    if isinstance(y, Targets) or sparse.issparse(y):
        return None
    if not hasattr(y, "shape"):  # lists, and what only converts to an array
        if isinstance(y, (list, tuple)) and any(
            isinstance(row, Sized) and not isinstance(row, (str, bytes)) for row in y
        ):
            return None
        y = np.asarray(y)
    if len(y.shape) == 2 and y.shape[1] == 1:
        column = np.asarray(y).reshape(-1)
        zero_one = (
            column.dtype.kind in "biuf" and np.isin(column[column == column], [-1, 0, 1]).all()
        )
        return None if zero_one else column
    if len(y.shape) != 1:
        return None
    flat = np.asarray(y)
    sets = flat.dtype == object and any(
        isinstance(row, (set, frozenset, list, tuple)) for row in flat
    )
    return None if sets else flat


def _shares(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return scores / np.maximum(scores.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)


def _is_known(value: Any) -> bool:
    return not (value is None or value != value)

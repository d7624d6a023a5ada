"""CrossFitted: honest probabilities and thresholds around any classifier."""

from __future__ import annotations

from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from equipoise._errors import InvalidInput, check_integer, check_numbers
from equipoise.decision import _members
from equipoise.decision._rules import ThresholdRule
from equipoise.decision.chain import DecisionChain
from equipoise.model_selection import RepeatedMultilabelStratifiedKFold
from equipoise.targets import Targets, as_targets, default_names

Float = NDArray[np.float64]

_SETS = (set, frozenset, list, tuple)


class CrossFitted(ClassifierMixin, BaseEstimator):
    """Trains a copy of a classifier on each fold, and decides by what the held-out rows say.

    Every row of the training data is held out once, so temperature and thresholds are learned
    from all rows without any of them having been seen. Probabilities are the mean over the
    copies.

        p = mean over copies of σ(z / √T),   yes where p >= threshold

    Not for data with fewer than two positives of the labels that matter: no fold can hold one
    out and train on another.

    Args:
        estimator: a scikit-learn classifier with `predict_proba` or `decision_function` (one that
            takes a single column is fitted once per label), or a compiled Keras model with one
            sigmoid or logit output per label.
        cv: number of stratified folds, from 2; each trains a copy.
        n_repeats: how often the rows are dealt into folds anew, with as many copies more. What
            several copies say of a held-out row is averaged before thresholds are sought.
        metric: what thresholds are tuned for; see `tune_thresholds`.
        rule: how thresholds are found; see `tune_thresholds`.
        temperature: False leaves the probabilities as they are.
        fit_arguments: handed to the `fit` of each copy (epochs and the like).
        from_logits: for a Keras model whose last layer returns logits.
        random_state: seed of folds and resamples.
        n_jobs: processes that fit copies; for scikit-learn estimators.

    Attributes:
        estimators_: the fitted copies.
        chain_: the `DecisionChain`.
        held_scores_: (N, L) probabilities of the training rows, from the copies that had not
            seen the row.
        classes_: label names, or 0, 1, … where y has none.

    Examples:
        >>> from sklearn.linear_model import LogisticRegression
        >>> from equipoise.datasets import digits_scenes
        >>> d = digits_scenes(300, random_state=0)
        >>> model = CrossFitted(LogisticRegression(C=.01), cv=3, random_state=0)
        >>> model.fit(d.x, d.targets, groups=d.groups).predict(d.x).shape
        (300, 10)
        >>> model.predict_proba(d.x).max() <= 1
        np.True_
    """

    def __init__(
        self,
        estimator: Any,
        *,
        cv: int = 5,
        n_repeats: int = 1,
        metric: str = "f1",
        rule: ThresholdRule = "shrunk",
        temperature: bool = True,
        fit_arguments: dict[str, Any] | None = None,
        from_logits: bool = False,
        random_state: Any = None,
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.cv = cv
        self.n_repeats = n_repeats
        self.metric = metric
        self.rule: ThresholdRule = rule
        self.temperature = temperature
        self.fit_arguments = fit_arguments
        self.from_logits = from_logits
        self.random_state = random_state
        self.n_jobs = n_jobs

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Trains the copies, and learns temperature and thresholds from the held-out rows.

        Args:
            X: (N, d) features in any form that the estimator takes and rows can be taken from.
            y: (N, L) labels without unknown cells, or two classes.
            sample_weight: (N,) weights of rows.
            groups: (N,) group of each row; a group is never split.

        Raises:
            InvalidInput: X and y do not fit, y has several classes or unknown cells, an estimator
                without scores.
        """
        targets = self._read(y)
        if (n := _members.n_rows(X)) != targets.n_rows:
            raise InvalidInput(
                "`X` and `y` must have the same number of rows.",
                received=f"{n} and {targets.n_rows}",
            )
        weights = _row_weights(sample_weight, targets.n_rows)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        n_folds = check_integer("cv", self.cv, minimum=2)
        n_repeats = check_integer("n_repeats", self.n_repeats, minimum=1)
        splitter = RepeatedMultilabelStratifiedKFold(n_folds, n_repeats, random_state=seed)
        splits = list(splitter.split(np.zeros((targets.n_rows, 1)), targets, groups))
        labels = targets.to_dense().values

        # Keras models do not cross process borders.
        n_jobs = None if _members.is_keras(self.estimator) else self.n_jobs
        work = (
            joblib.delayed(_members.fitted)(
                self.estimator,
                _members.rows(X, train),
                labels[train],
                None if weights is None else weights[train],
                self.fit_arguments or {},
            )
            for train, _ in splits
        )
        self.estimators_ = list(joblib.Parallel(n_jobs=n_jobs)(work))
        held = np.zeros(labels.shape)
        for member, (_, rows) in zip(self.estimators_, splits, strict=True):
            held[rows] += self._log_odds(member, _members.rows(X, rows)) / n_repeats
        self.chain_ = DecisionChain.fitted(
            targets,
            held,
            self.metric,
            n_models=len(splits),
            rule=self.rule,
            temperature=self.temperature,
            sample_weight=weights,
            random_state=seed,
        )
        self.held_scores_ = self.chain_.held_out(held)
        return self

    def predict_proba(self, X: Any) -> Float:
        """Returns (N, L) probabilities; (N, 2) where y held two classes."""
        check_is_fitted(self, "chain_")
        p = self.chain_.probabilities(self._log_odds(m, X) for m in self.estimators_)
        return np.column_stack([1 - p, p]) if self.task_ == "binary" else p

    def decision_function(self, X: Any) -> Float:
        """Returns log-odds minus those of the threshold: from 0 on it is yes."""
        p = self.predict_proba(X)
        if self.task_ == "binary":
            return self.chain_.margins(p[:, 1:])[:, 0]
        return self.chain_.margins(p)

    def predict(self, X: Any) -> NDArray[Any]:
        """Returns (N, L) decisions of 0 and 1, or (N,) classes."""
        p = self.predict_proba(X)
        if self.task_ == "binary":
            return self.classes_[self.chain_.thresholds.predict(p[:, 1:])[:, 0]]
        return self.chain_.thresholds.predict(p).astype(np.intp)

    def _log_odds(self, member: Any, X: Any) -> Float:
        n_labels = 1 if self.task_ == "binary" else len(self.classes_)
        return _members.log_odds(member, X, n_labels, from_logits=self.from_logits)

    def _read(self, y: Any) -> Targets:
        """Reads y, and keeps what predictions are to look like."""
        targets = as_targets(y)
        if targets.task == "multiclass" or len(targets.shape) != 2:
            raise InvalidInput(
                "`y` must hold labels of which a row can have several, or two classes.",
                received=repr(targets),
                remedy="For several classes see MultilabelClassifier.",
            )
        if targets.unknown is not None:
            raise InvalidInput(
                "`y` has unknown cells, which a classifier of another library cannot leave out.",
                remedy="Use MultilabelClassifier, or fill them.",
            )
        one_column = not isinstance(y, Targets) and _is_column(y)
        self.task_ = "binary" if one_column and targets.task == "binary" else "multilabel"
        if self.task_ == "binary":
            self.classes_ = np.unique(np.asarray(y))
        else:
            named = targets.label_names != default_names(targets.n_labels)
            names = np.array(targets.label_names, dtype=object)
            self.classes_ = names if named else np.arange(targets.n_labels)
        return targets

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.classifier_tags.multi_label = True
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = True
        return tags


def _is_column(y: Any) -> bool:
    """Whether y holds one class a row, rather than a row or a set of labels."""
    if hasattr(y, "ndim") or hasattr(y, "shape"):
        return len(y.shape) == 1 and not (len(y) and isinstance(np.asarray(y)[0], _SETS))
    return not any(isinstance(row, _SETS) or np.ndim(row) for row in y)


def _row_weights(sample_weight: ArrayLike | None, n_rows: int) -> Float | None:
    if sample_weight is None:
        return None
    weights = check_numbers("sample_weight", sample_weight)
    if weights.shape != (n_rows,):
        raise InvalidInput(
            f"`sample_weight` must have shape ({n_rows},), one weight per row.",
            received=f"sample_weight.shape={weights.shape}",
        )
    if not (weights.min() >= 0 and weights.max() < np.inf and weights.max() > 0):
        raise InvalidInput(
            "`sample_weight` must hold finite numbers that are not negative, and not 0 everywhere.",
            received=f"values from {weights.min():g} to {weights.max():g}",
        )
    return weights

"""FittedTreatment: the networks of one treatment, with what turns their logits into decisions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from equipoise._errors import Undefined
from equipoise.decision import DecisionChain, Thresholds
from equipoise.links import Link
from equipoise.training.choice import Choice
from equipoise.training.features import FeatureScaler, as_features
from equipoise.training.network import bins_of
from equipoise.training.treatment import Treatment

PREDICTION_ROWS = 4096  # rows predicted at a time: bounds the memory of dense batches


@dataclass(frozen=True)
class Member:
    """One trained network with what belongs to it.

    Attributes:
        model: the network, which returns logits.
        scaler: what its features go through first.
        output: sigmoid or softmax: the logits read as they are.
        link: the inverse link of the loss, or None where it has none.
        best_epoch: position of the epoch whose weights it has.
        n_epochs: epochs that were trained.
    """

    model: keras.Model
    scaler: FeatureScaler
    output: Link
    link: Link | None
    best_epoch: int
    n_epochs: int

    def logits(self, X: Any) -> NDArray[np.float32]:
        """Returns the (N, L) logits of (N, d) features as they come."""
        blocks = (X[i : i + PREDICTION_ROWS] for i in range(0, max(X.shape[0], 1), PREDICTION_ROWS))
        return np.concatenate([logits_of(self.model, self.scaler(rows)) for rows in blocks])

    def log_odds(self, X: Any) -> NDArray[np.float64]:
        """Returns (N, L) log-odds, corrected where the loss has a link."""
        return (self.link or self.output).log_odds(self.logits(X))

    def raw(self, X: Any) -> NDArray[np.float64]:
        """Returns (N, L) what the network says, weights included."""
        return self.output.to_probability(self.logits(X))


@dataclass(frozen=True)
class FittedTreatment:
    """Networks, correction and thresholds of one treatment; made by `fit_treatment`.

    Attributes:
        treatment: what was done.
        label_names: L names.
        members: the networks, one per inner fold and repeat.
        chain: temperature and thresholds, from held-out rows only.
        held_rows: rows of the training set that some network held out, sorted.
        held_scores: (rows, L) scores of those rows, from the networks that did not see the row.
        choice: why this treatment, where `choose_treatment` chose it.
    """

    treatment: Treatment
    label_names: tuple[str, ...]
    members: tuple[Member, ...]
    chain: DecisionChain
    held_rows: NDArray[np.intp]
    held_scores: NDArray[np.float64] = field(repr=False)
    choice: Choice | None = None

    @property
    def thresholds(self) -> Thresholds:
        """One threshold per label, on the scores."""
        return self.chain.thresholds

    @property
    def bins(self) -> int:
        """Bins by which the networks see numeric columns, 0 for none."""
        return bins_of(self.members[0].model)

    @property
    def has_probabilities(self) -> bool:
        """Whether the scores are corrected probabilities; where the loss has no inverse link,
        they are what the networks say, at the chain's temperature, and only rank."""
        return all(member.link is not None for member in self.members)

    def scores(self, X: Any, *, corrected: bool = True) -> NDArray[np.float64]:
        """Returns (N, L) numbers in [0, 1], the mean over the networks; see `has_probabilities`.

        `corrected=False` gives what the networks say, weights included; it is for comparison.
        """
        X = as_features(X)
        if corrected:
            return self.chain.probabilities(member.log_odds(X) for member in self.members)
        return np.asarray(sum(member.raw(X) for member in self.members)) / len(self.members)

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Returns (N, L) corrected probabilities: the mean over the networks.

        Raises:
            Undefined: the loss has no inverse link.
        """
        if not self.has_probabilities:
            raise Undefined(
                f"The treatment {self.treatment.name!r} gives no probabilities: no formula undoes "
                "its loss.",
                remedy="Use predict, or scores, which rank; or fit a calibration to held_scores.",
            )
        return self.scores(X)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Returns (N, L) log-odds of the score minus those of the threshold."""
        return self.chain.margins(self.scores(X))

    def predict(self, X: Any) -> NDArray[np.uint8]:
        """Returns (N, L) 0/1 decisions at the thresholds."""
        return self.thresholds.predict(self.scores(X))


def logits_of(model: keras.Model, X: Any) -> NDArray[np.float32]:
    """Returns the (N, L) logits of scaled features, dense or sparse."""
    parts = []
    for start in range(0, X.shape[0], PREDICTION_ROWS):
        rows = X[start : start + PREDICTION_ROWS]
        parts.append(
            model.predict_on_batch(rows if isinstance(rows, np.ndarray) else rows.toarray())
        )
    return np.concatenate(parts).astype(np.float32, copy=False)

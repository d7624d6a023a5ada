"""TrainingOptions: how the networks of a treatment are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from equipoise._errors import InvalidInput, check_choice, check_integer, check_number


@dataclass(frozen=True)
class TrainingOptions:
    """How the networks of a treatment are trained.

    Args:
        n_folds: inner folds. Each trains one network and holds one part out for early stopping
            and thresholds; predictions are the mean of the networks. 1 holds out a single part.
        held_share: share of rows held out where `n_folds` is 1.
        hidden_units: width of the default network.
        dropout: dropout of the default network.
        learning_rate: step size of Adam.
        batch_size: rows a batch.
        max_epochs: bound on the epochs.
        patience: epochs without a better held-out score before training stops: macro average
            precision minus a tenth of the log loss, as a share of that of always saying the
            prevalence.
        clip: bound on standardised features.
        bins: bins by which the default network sees numeric columns (`layers.PiecewiseLinear`),
            0 for none. "auto" trains the first fold both ways and goes on as scores better.
        thresholds: rule by which they are found, see `tune_thresholds`.
    """

    n_folds: int = 1
    held_share: float = 0.2
    hidden_units: int = 512
    dropout: float = 0.5
    learning_rate: float = 1e-3
    batch_size: int = 64
    max_epochs: int = 60
    patience: int = 8
    clip: float = 3.0
    bins: int | Literal["auto"] = 0
    thresholds: Literal["tuned", "analytic", "pooled", "shrunk"] = "shrunk"

    def __post_init__(self) -> None:
        for name, minimum in [
            ("n_folds", 1),
            ("hidden_units", 0),
            ("batch_size", 1),
            ("max_epochs", 1),
            ("patience", 1),
        ]:
            check_integer(name, getattr(self, name), minimum=minimum)
        unit = {"minimum": 0.0, "maximum": 1.0, "open_maximum": True}
        check_number("held_share", self.held_share, open_minimum=True, **unit)
        check_number("dropout", self.dropout, **unit)
        positive = {"minimum": 0.0, "open_minimum": True, "open_maximum": True}
        check_number("learning_rate", self.learning_rate, **positive)
        check_number("clip", self.clip, **positive)
        if not isinstance(self.bins, str):
            check_integer("bins", self.bins, minimum=0)
        elif self.bins != "auto":
            raise InvalidInput(
                '`bins` must be "auto" or a number of bins.', received=repr(self.bins)
            )
        check_choice("thresholds", self.thresholds, ("tuned", "analytic", "pooled", "shrunk"))

    @property
    def most_epochs(self) -> int:
        """Bound on the epochs of all networks together."""
        return (self.n_folds + (self.bins == "auto")) * self.max_epochs

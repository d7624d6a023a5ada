"""TrainingOptions: how the networks of a treatment are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from equipoise._errors import InvalidInput, check_choice, check_integer, check_number
from equipoise.decision import ThresholdRule

_REPEATS = 2  # of "auto"
TRIED_ON = 2  # inner folds on which `bins="auto"` tries: one alone holds out few rows


@dataclass(frozen=True)
class TrainingOptions:
    """How the networks of a treatment are trained.

    Args:
        n_folds: inner folds. Each trains one network and holds one part out for early stopping
            and thresholds; predictions are the mean of the networks. 1 holds out a single part.
        n_repeats: how often the rows are dealt into such folds, or parts, each time for as many
            networks. "auto" is 2 where the default network sees columns as they are and there are
            several folds, else 1.
        held_share: share of rows held out where `n_folds` is 1.
        hidden_units: width of the default network; "auto" is 512, or 256 where it sees bins.
        dropout: dropout of the default network.
        learning_rate: first step size of Adam; halved after 3 epochs without a better score.
        batch_size: rows a batch.
        max_epochs: bound on the epochs.
        patience: epochs without a better held-out score before training stops: macro average
            precision minus a tenth of the log loss, as a share of that of always saying the
            prevalence.
        clip: bound on standardised features.
        bins: bins by which the default network sees numeric columns (`layers.PiecewiseLinear`),
            0 for none. "auto" trains the first two folds both ways and goes on as scores better.
        mixup: α of `batching.MixupBatches`, 0 for none. "auto" is 0.2 where the default network
            sees columns as they are and the loss is a sum over cells, else 0.
        thresholds: rule by which they are found, see `tune_thresholds`.
    """

    n_folds: int = 1
    n_repeats: int | Literal["auto"] = 1
    held_share: float = 0.2
    hidden_units: int | Literal["auto"] = "auto"
    dropout: float = 0.5
    learning_rate: float = 3e-3
    batch_size: int = 64
    max_epochs: int = 60
    patience: int = 6
    clip: float = 3.0
    bins: int | Literal["auto"] = 0
    mixup: float | Literal["auto"] = 0
    thresholds: ThresholdRule = "shrunk"

    def __post_init__(self) -> None:
        for name, minimum in [
            ("n_folds", 1),
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
        for name, minimum in [("hidden_units", 0), ("bins", 0), ("n_repeats", 1)]:
            value = getattr(self, name)
            if not isinstance(value, str):
                check_integer(name, value, minimum=minimum)
            elif value != "auto":
                raise InvalidInput(
                    f'`{name}` must be "auto" or a whole number.', received=repr(value)
                )
        if isinstance(self.mixup, str) and self.mixup != "auto":
            raise InvalidInput('`mixup` must be "auto" or a number.', received=repr(self.mixup))
        if not isinstance(self.mixup, str):
            check_number("mixup", self.mixup, minimum=0.0, open_maximum=True)
        check_choice("thresholds", self.thresholds, get_args(ThresholdRule))

    @property
    def most_epochs(self) -> int:
        """Bound on the epochs of all networks together."""
        tried_on = min(TRIED_ON, self.n_folds) if self.bins == "auto" else 0
        return (self.n_folds * self.repeats(as_they_are=True) + tried_on) * self.max_epochs

    def repeats(self, *, as_they_are: bool) -> int:
        """Returns how often the rows are dealt into folds.

        Args:
            as_they_are: whether the default network sees the columns as they are.
        """
        if self.n_repeats == "auto":
            return _REPEATS if as_they_are and self.n_folds > 1 else 1
        return self.n_repeats

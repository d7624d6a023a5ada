"""The course of a training: found by the scores of held-out rows, or taken again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras

from equipoise.callbacks import BestEpoch
from equipoise.training.options import TrainingOptions
from equipoise.training.seeds import reseed
from equipoise.training.workbench import Workbench

_HALVE_AFTER = 3  # epochs without a better score: the step size is halved


class Course(NamedTuple):
    """How a training went.

    Attributes:
        step_sizes: of each epoch.
        best_epoch: position of the epoch whose weights were kept.
    """

    step_sizes: tuple[float, ...]
    best_epoch: int

    def to_the_best(self) -> Course:
        """Returns the same without the epochs that came to nothing."""
        return self._replace(step_sizes=self.step_sizes[: self.best_epoch + 1])


class Run(NamedTuple):
    """What is trained on what."""

    bench: Workbench
    batches: keras.utils.PyDataset
    class_weight: dict[int, float] | None
    seed: int
    on_epoch: Callable[[], None] | None

    def fit(self, epochs: int, *callbacks: keras.callbacks.Callback) -> dict[str, list[float]]:
        """Trains, and returns what Keras logged of each epoch."""
        # The first training on a bench makes more random draws than later ones: begin anew.
        begin = keras.callbacks.LambdaCallback(on_train_begin=lambda *_: reseed(self.seed))
        own: list[keras.callbacks.Callback] = [*callbacks, begin]
        if (on_epoch := self.on_epoch) is not None:
            own.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: on_epoch()))
        logged: Any = self.bench.model.fit(
            self.batches,
            epochs=epochs,
            class_weight=self.class_weight,
            callbacks=own,
            shuffle=False,  # the batches shuffle themselves, from their own seed
            verbose=0,
        )
        return logged.history


def train_until_best(run: Run, score: Callable[[], float], options: TrainingOptions) -> Course:
    """Leaves the weights of the best epoch on the bench, and returns the way there."""
    best = BestEpoch(score, patience=options.patience)
    halving = keras.callbacks.ReduceLROnPlateau(
        BestEpoch.SCORE, mode="max", factor=0.5, patience=_HALVE_AFTER, min_delta=0.0
    )
    logged = run.fit(options.max_epochs, best, halving)
    return Course(tuple(map(float, logged["learning_rate"])), best.best_epoch)


def train_along(run: Run, course: Course) -> None:
    """Trains with the step sizes of a course, to its end."""
    scheduled = keras.callbacks.LearningRateScheduler(lambda epoch, _: course.step_sizes[epoch])
    run.fit(len(course.step_sizes), scheduled)

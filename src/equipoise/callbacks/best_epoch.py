"""Early stopping on a score of held-out rows."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np


class BestEpoch(keras.callbacks.Callback):
    """Keeps the weights of the epoch that scores best on held-out rows; stops when it stays away.

    Unlike `EarlyStopping` on a validation loss, it judges by what is wanted in the end, computed
    exactly on all held-out rows (macro average precision, say), and weights do not distort it.

    Other callbacks find the score of an epoch in its logs, under `BestEpoch.SCORE`.

    Args:
        score: () -> number, higher is better; called at the end of every epoch with the weights
            of that epoch in the model.
        patience: epochs without improvement after which training stops.

    Attributes:
        scores: the score of each epoch.
        best_epoch: position of the epoch whose weights are kept.
    """

    SCORE = "held_out_score"

    def __init__(self, score: Callable[[], float], *, patience: int):
        super().__init__()
        self._score, self._patience = score, patience
        self.scores: list[float] = []
        self.best_epoch = -1
        self._weights: Any = None

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        score = float(self._score())
        self.scores.append(score)
        if logs is not None:
            logs[self.SCORE] = score
        # A score of NaN never beats a number, and is beaten by any.
        if self.best_epoch < 0 or score > np.nan_to_num(self.scores[self.best_epoch], nan=-np.inf):
            self.best_epoch = epoch
            self._weights = self.model.get_weights()
        elif epoch - self.best_epoch >= self._patience:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._weights is not None:
            self.model.set_weights(self._weights)

import keras
import numpy as np
import pytest

from equipoise.callbacks import BestEpoch

pytestmark = pytest.mark.keras


def trained(scores, patience):
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mse")
    kernels, remaining = [], iter(scores)

    def score():
        kernels.append(model.get_weights()[0].item())
        return next(remaining)

    best = BestEpoch(score, patience=patience)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 1)).astype(np.float32)
    history = model.fit(x, 3 * x, epochs=len(scores), verbose=0, callbacks=[best])
    return best, kernels, model.get_weights()[0].item(), history


def test_the_weights_of_the_best_epoch_are_kept():
    best, kernels, kept, history = trained([0.1, 0.5, 0.3, 0.4], patience=5)
    assert best.best_epoch == 1
    assert kept == kernels[1] != kernels[-1]
    assert history.history["held_out_score"] == [0.1, 0.5, 0.3, 0.4]


def test_training_stops_when_patience_is_over():
    best, kernels, kept, _ = trained([0.1, 0.5, 0.3, 0.4, 0.9], patience=2)
    assert len(best.scores) == 4
    assert kept == kernels[1]


def test_the_first_of_equal_epochs_is_kept_and_nan_never_wins():
    best, kernels, kept, _ = trained([float("nan"), 0.2, 0.2, float("nan")], patience=9)
    assert best.best_epoch == 1
    assert kept == kernels[1]

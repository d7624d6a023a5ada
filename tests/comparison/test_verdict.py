"""The verdict on made-up cells, where what is true is known."""

import numpy as np
import pytest

from equipoise.comparison.metrics import METRICS, Measured
from equipoise.comparison.result import Cell, Comparison
from equipoise.stats import LabelStats

pytestmark = pytest.mark.keras  # the comparison layer loads Keras


def comparison(**shifts):
    """Five folds; each treatment adds its shift to every metric, with the noise it is given."""
    rng = np.random.default_rng(0)
    cells = []
    for fold in range(5):
        base = 0.4 + rng.normal(0, 0.02)
        for name, (shift, noise) in {"none": (0.0, 0.0), **shifts}.items():
            value = base + shift + rng.normal(0, noise)
            metrics = dict.fromkeys(METRICS, value) | {"ece_raw": 0.02 + max(shift, 0), "ece": 0.02}
            empty = np.full(1, np.nan)
            measured = Measured(
                metrics,
                dict.fromkeys(("f1_half", "f1_tuned", "average_precision"), empty),
                np.full(21, np.nan),
                dict.fromkeys(("raw", "corrected"), np.zeros((3, 15))),
            )
            cells.append(Cell(name, fold, 400, 100, 1.0, (3,), measured))
    stats = LabelStats.from_targets([[1], [0]])
    return Comparison(tuple(cells), stats, np.array([True]), "none", 0)


def test_a_clear_gain_is_named_with_its_interval():
    first = comparison(better=(0.1, 0.005), same=(0.0, 0.01)).verdict()[0]
    assert first.startswith("Macro-F1 at tuned thresholds: better than none: better by +0.1")
    assert "95% interval" in first
    assert "No difference shown for the other 1" in first


def test_a_clear_loss_is_named():
    assert "worse than none: worse by -0.1" in comparison(worse=(-0.1, 0.005)).verdict()[0]


def test_noise_shows_no_difference():
    first = comparison(noisy=(0.0, 0.05)).verdict()[0]
    assert "no difference shown" in first
    assert "noisy" in first


def test_probabilities():
    distorted = comparison(heavy=(0.3, 0.01)).verdict()[-1]
    assert "heavy distorts them most, calibration error 0.320 against 0.020" in distorted
    assert "corrected it is 0.020" in distorted
    assert "no treatment distorts" in comparison(mild=(0.0, 0.01)).verdict()[-1]


def test_only_the_baseline():
    assert len(comparison().verdict()) == 2

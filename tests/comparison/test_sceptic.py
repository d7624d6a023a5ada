"""What a sceptic asks: how often is a difference claimed that is none, and a real one missed?"""

import numpy as np
import pytest
from made_up import comparison_of

from equipoise import exact
from equipoise.comparison._pruning import clear_losers, rungs
from equipoise.statistics import holm, paired_difference

pytestmark = pytest.mark.keras  # the comparison layer loads Keras

COMPARISONS, FOLDS, LEVEL = 200, 5, 0.05


def claims(p_values):
    return (holm(p_values) < LEVEL).any()


def fold_figures(rng, n_treatments):
    """Figures of treatments that are equally good: folds share what they were trained on, so
    differences of two folds correlate by n_test / (n_test + n_train) = 1/5."""
    shared = rng.normal(0, np.sqrt(1 / FOLDS), (n_treatments, 1))
    own = rng.normal(0, np.sqrt(1 - 1 / FOLDS), (n_treatments, FOLDS))
    return 0.5 + 0.02 * (shared + own)


def test_equal_treatments_are_claimed_to_differ_at_most_18_times_in_200():
    rng = np.random.default_rng(0)
    claimed = 0
    for _ in range(COMPARISONS):
        figures = dict(zip(["none", "a", "b", "c", "d"], fold_figures(rng, 5), strict=True))
        adjusted = comparison_of(figures).adjusted_p_values("macro_f1_tuned")
        claimed += min(adjusted.values()) < LEVEL
    assert claimed <= 18


def score_matrices(rng, n_rows):
    """True labels, and scores of two models that are equally good and err independently."""
    strength = rng.normal(size=(n_rows, 3))
    y = strength + rng.normal(size=(n_rows, 3)) > np.array([0.0, 1.0, 1.5])
    return y.astype(int), [strength + rng.normal(size=(n_rows, 3)) for _ in range(2)]


def test_resampled_score_matrices_of_equally_good_models():
    """Rows are drawn from 4,000 on which both models are equally good on average."""
    rng = np.random.default_rng(0)
    y, scores = score_matrices(rng, 4000)
    claimed = 0
    for _ in range(COMPARISONS):
        rows = rng.choice(4000, 500, replace=False)
        swap = rng.random((500, 1)) < 0.5  # so neither is better, not even on these 4,000
        one = np.where(swap, scores[0][rows], scores[1][rows])
        other = np.where(swap, scores[1][rows], scores[0][rows])
        differences = [
            exact.average_precision(y[rows[part]], one[part], average="macro")
            - exact.average_precision(y[rows[part]], other[part], average="macro")
            for part in np.array_split(np.arange(500), FOLDS)
        ]
        claimed += claims([paired_difference(differences, 1 / (FOLDS - 1)).p_value])
    assert claimed <= 18


@pytest.mark.parametrize("n_folds", [5, 10])
def test_a_planted_gain_of_two_and_a_half_fold_deviations_is_found(n_folds):
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(COMPARISONS):
        shared = rng.normal(0, np.sqrt(1 / n_folds))
        own = rng.normal(0, np.sqrt(1 - 1 / n_folds), n_folds)
        found += claims([paired_difference(2.5 + shared + own, 1 / (n_folds - 1)).p_value])
    assert found >= 0.75 * COMPARISONS


def test_the_verdict_says_how_much_data_a_difference_would_need():
    rng = np.random.default_rng(1)
    base = rng.normal(0.5, 0.02, 5)
    small_gain = comparison_of({"none": base, "mild": base + rng.normal(0.004, 0.01, 5)})
    first = small_gain.verdict()[0]
    assert "no difference shown" in first
    assert "four times out of five would take about" in first
    assert "instead of 500" in first
    hopeless = comparison_of(
        {"none": base, "mild": base + np.array([0.01, -0.0101, 0.01, -0.0098, 0])}
    )
    assert "more than 100 times the data" in hopeless.verdict()[0]


def test_rungs_cover_every_fold_once():
    for n_folds in range(1, 30):
        covered = [fold for rung in rungs(n_folds) for fold in rung]
        assert covered == list(range(n_folds))
        assert all(len(rung) for rung in rungs(n_folds))
    assert rungs(10) == [range(3), range(3, 6), range(6, 10)]


def test_only_clear_losers_of_the_worse_half_are_pruned():
    base = np.array([0.50, 0.51, 0.49])
    figures = {
        "none": base,
        "good": base + 0.10,
        "alike": base + np.array([0.09, 0.11, 0.10]),
        "worse": base - np.array([0.100, 0.101, 0.102]),
        "noisy": base + np.array([0.2, -0.5, 0.1]),
    }
    made = comparison_of(figures)
    assert clear_losers(made, "macro_f1_tuned", made.treatments) == {"worse"}
    assert clear_losers(made, "macro_f1_tuned", ["none", "good", "alike"]) == set()
    # Where lower is better, the losers are others.
    assert clear_losers(made, "log_loss", ["none", "worse", "good", "alike"]) == {"good", "alike"}
    # The baseline is never given up.
    assert clear_losers(made, "macro_f1_tuned", ["none", "good"]) == set()

"""Resampling within a training: the training rows only, and probabilities that hold."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from equipoise import as_targets, exact, resampling
from equipoise._errors import InvalidInput
from equipoise.training import TREATMENTS, TrainingOptions, Treatment, fit_treatment
from equipoise.training.treatment import check_treatment

pytestmark = pytest.mark.keras


def rare(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2)).astype(np.float32)
    return X, (X[:, :1] + rng.normal(size=(n, 1)) > 2.2).astype(int)


def test_probabilities_hold_after_resampling_by_one_label():
    """Sampled by the only label there is, the correction is exact but for what was learned."""
    X, y = rare(2000, 0)
    X_test, y_test = rare(4000, 1)
    options = TrainingOptions(max_epochs=15, hidden_units=8, learning_rate=0.01)
    treatment = Treatment(
        "more of the rare", resampler="LPROS", resampler_options={"percentage": 80}
    )
    fitted = fit_treatment(treatment, X, y, options=options)
    raw = fitted.scores(X_test, corrected=False)
    p = expit(fitted.members[0].log_odds(X_test))  # before the temperature, which is learned
    assert raw.mean() > 2 * y_test.mean()
    assert p.mean() == pytest.approx(y_test.mean(), rel=0.2)
    off = exact.expected_calibration_error(y_test, p, average="micro")
    assert off < exact.expected_calibration_error(y_test, raw, average="micro") / 2
    assert len(fitted.held_rows) == 400  # rows held out are those of the data, each once


def test_every_resampler_trains():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3)).astype(np.float32)
    y = (X + rng.normal(size=(120, 3)) > [0.0, 0.8, 1.2]).astype(int)
    options = TrainingOptions(max_epochs=1, hidden_units=4)
    for name in ("MLROS", "MLRUS", "LPRUS", "MLSMOTE", "MLSOL", "MLUL", "MLeNN", "MLTL"):
        fitted = fit_treatment(Treatment(name, resampler=name), X, y, options=options)
        assert np.isfinite(fitted.predict_proba(X)).all(), name


@pytest.mark.parametrize("strategy", ["label", "square_root", "instance"])
def test_label_balanced_batches_train_and_are_undone(strategy):
    X, y = rare(1500, 0)
    y = np.column_stack([y, X[:, 1] > 0]).astype(int)
    options = TrainingOptions(max_epochs=12, hidden_units=8, learning_rate=0.01)
    fitted = fit_treatment(Treatment(strategy, batches=strategy), X, y, options=options)
    raw = fitted.scores(X, corrected=False)[:, 0].mean()
    p = expit(fitted.members[0].log_odds(X))[:, 0].mean()
    assert p == pytest.approx(y[:, 0].mean(), rel=0.35)
    if strategy == "label":
        assert raw > 3 * y[:, 0].mean()
    if strategy == "instance":
        assert raw == pytest.approx(p, rel=0.1)
    with pytest.raises(InvalidInput, match="unknown `batches`"):
        check_treatment(Treatment("p", batches="progressive"))


def test_each_resampler_and_batch_strategy_has_a_treatment_by_name():
    assert {t.resampler for t in TREATMENTS.values()} - {None} == set(resampling.__all__) - {
        "SamplingRates"
    }
    thens = {t.resampler_options.get("then") for t in TREATMENTS.values()} - {None}
    assert thens == {"MLSMOTE"}
    # "instance" is no treatment, and "progressive" has no rate that undoes it.
    assert {t.batches for t in TREATMENTS.values()} - {None} == {"label", "square_root"}
    for treatment in TREATMENTS.values():
        check_treatment(treatment)


@pytest.mark.parametrize("name", ["mlenn", "mlul"])
@pytest.mark.filterwarnings("ignore:Resampling removed every positive")
def test_a_label_that_a_deletion_would_lose_is_kept_and_corrected(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 3)).astype(np.float32)
    y = np.zeros((150, 6), int)
    y[:60, 0], y[60:64, 1] = 1, 1  # label 1 is common beside those of one row, and scattered
    y[np.arange(70, 74), np.arange(2, 6)] = 1
    targets = as_targets(y)
    treatment = TREATMENTS[name]
    published = replace(treatment, resampler_options={})
    lost = 0
    for seed in range(3):
        after = published.resampled(X, targets, None, seed)[1]
        lost += int((after.positives().sum(axis=0) == 0).sum())
        _, after, _, rates = treatment.resampled(X, targets, None, seed)
        assert after.n_rows < 150
        assert (after.positives().sum(axis=0) > 0).all()
        assert np.isfinite(rates.log_odds_shift).all()
    assert lost > 0

"""The course of a training, and the networks that take it again."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from equipoise.batching import ArrayBatches
from equipoise.datasets import digits_scenes
from equipoise.losses import WeightedBinaryCrossentropy
from equipoise.targets import as_targets
from equipoise.training import TrainingOptions, fit_treatment
from equipoise.training.course import Course, Run, train_along, train_until_best
from equipoise.training.fitting import inner_splits
from equipoise.training.network import build_network
from equipoise.training.workbench import Workbench

pytestmark = pytest.mark.keras

QUICK = TrainingOptions(n_folds=2, max_epochs=4, hidden_units=8, batch_size=32, learning_rate=0.02)


def problem(n=200):
    rng = np.random.default_rng(0)
    X = (rng.random((n, 12)) < 0.3).astype(np.float32)
    return X, (X[:, :3] * (rng.random((n, 3)) < 0.8)).astype(int)


def run(X, y, epochs_seen):
    network = build_network(X.shape[1], y.shape[1], hidden_units=16, seed=3)
    bench = Workbench(network, WeightedBinaryCrossentropy(from_logits=True), 0.05)
    batches = ArrayBatches(X, y.astype(np.float32), batch_size=32, random_state=5)
    return Run(bench, batches, None, 7, lambda: epochs_seen.append(1))


def test_the_same_course_ends_at_the_same_weights():
    X, y = problem()
    scores = iter([0.1, 0.5, 0.4, 0.4, 0.4, 0.6, 0.3, 0.3, 0.3, 0.2, 0.2, 0.2])
    seen, again = [], []
    first = run(X, y, seen)
    options = replace(QUICK, max_epochs=60, patience=5)
    course = train_until_best(first, lambda: next(scores), options)
    assert course.best_epoch == 5
    # Halved after three epochs without a better score.
    np.testing.assert_allclose(course.step_sizes, [0.05] * 5 + [0.025] * 4 + [0.0125] * 2)
    short = course.to_the_best()
    assert short == Course(course.step_sizes[:6], 5)
    second = run(X, y, again)
    train_along(second, short)
    assert (len(seen), len(again)) == (11, 6)
    pairs = zip(first.bench.model.get_weights(), second.bench.model.get_weights(), strict=True)
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_later_deals_take_the_course_of_the_first_and_hold_out_other_rows():
    X, y = problem()
    fitted = fit_treatment("none", X, y, options=replace(QUICK, n_repeats=2), random_state=4)
    once = fit_treatment("none", X, y, options=QUICK, random_state=4)
    assert (len(fitted.members), fitted.chain.n_models) == (4, 4)
    for first, later, alone in zip(
        fitted.members[:2], fitted.members[2:], once.members, strict=True
    ):
        assert later.n_epochs == later.best_epoch + 1 == first.best_epoch + 1
        np.testing.assert_array_equal(first.logits(X), alone.logits(X))
        assert (later.logits(X) != first.logits(X)).any()
    # A row is judged by the mean of what the networks say that have not seen it.
    said = np.zeros(y.shape)
    deals = [inner_splits(X, as_targets(y), None, QUICK, 4 + deal) for deal in range(2)]
    assert set(deals[0][0][1]) != set(deals[1][0][1])
    for member, (_, held) in zip(fitted.members, deals[0] + deals[1], strict=True):
        said[held] += member.log_odds(X[held]) / 2
    np.testing.assert_allclose(fitted.chain.held_out(said), fitted.held_scores, rtol=1e-6)


def test_a_single_part_can_be_held_out_several_times():
    X, y = problem()
    options = replace(QUICK, n_folds=1, n_repeats=3, max_epochs=1)
    fitted = fit_treatment("none", X, y, options=options)
    assert len(fitted.members) == 3
    assert 40 < len(fitted.held_rows) <= 120
    assert fitted.held_scores.shape == (len(fitted.held_rows), 3)


def test_auto_deals_twice_where_the_default_network_sees_columns_as_they_are():
    X, y = problem()
    options = replace(QUICK, n_repeats="auto", max_epochs=1, bins=2)
    assert len(fit_treatment("none", X, y, options=options).members) == 4
    scenes = digits_scenes(120, random_state=0)
    assert len(fit_treatment("none", scenes.x, scenes.targets, options=options).members) == 2
    as_they_are = replace(options, bins=0)
    assert len(fit_treatment("none", scenes.x, scenes.targets, options=as_they_are).members) == 4

    single = replace(options, n_folds=1)
    assert len(fit_treatment("none", X, y, options=single).members) == 1

    def own(n_features, n_labels):
        return keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(n_labels)])

    assert len(fit_treatment("none", X, y, options=options, build_model=own).members) == 2


@pytest.mark.parametrize("n_repeats", [0, 1.5, "twice", None])
def test_wrong_repeats_are_refused(n_repeats):
    with pytest.raises(ValueError, match="`n_repeats`"):
        TrainingOptions(n_repeats=n_repeats)


@pytest.mark.parametrize(
    ("n_folds", "bins", "most"), [(5, 0, 40), (5, "auto", 48), (1, 0, 4), (1, "auto", 8)]
)
def test_the_bound_on_epochs_knows_all_networks(n_folds, bins, most):
    options = TrainingOptions(n_folds=n_folds, n_repeats="auto", max_epochs=4, bins=bins)
    assert options.most_epochs == most

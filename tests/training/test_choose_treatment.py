"""treatment="auto": what the inner folds show, and the default where they show nothing."""

import json
from dataclasses import replace

import numpy as np
import pytest

from equipoise import MultilabelClassifier, exact
from equipoise._errors import InvalidInput
from equipoise.datasets import digits_scenes
from equipoise.decision import Thresholds, tune_thresholds
from equipoise.model_selection import MultilabelStratifiedKFold
from equipoise.training import (
    Choice,
    TrainingOptions,
    Treatment,
    choose,
    choose_treatment,
    fit_treatment,
)
from equipoise.training.choose import CANDIDATES, _chosen

pytestmark = pytest.mark.keras

OPTIONS = TrainingOptions(n_folds=3, max_epochs=2, hidden_units=8)


@pytest.fixture(scope="module")
def scenes():
    return digits_scenes(300, random_state=0)


@pytest.fixture(scope="module")
def fitted(scenes):
    return choose_treatment(scenes.x, scenes.targets, ["balanced"], options=OPTIONS)


def test_the_fit_is_that_of_the_chosen_treatment(scenes, fitted):
    alone = fit_treatment(fitted.choice.chosen, scenes.x, scenes.targets, options=OPTIONS)
    np.testing.assert_array_equal(fitted.scores(scenes.x), alone.scores(scenes.x))
    assert fitted.treatment.name == fitted.choice.chosen


def test_folds_are_judged_at_thresholds_of_the_other_folds(scenes, fitted):
    alone = fit_treatment("none", scenes.x, scenes.targets, options=OPTIONS)
    y, scores = scenes.targets.to_array(), alone.held_scores
    judged = y.sum(axis=0) >= 5
    f1 = []
    folds = MultilabelStratifiedKFold(3, random_state=0).split(scenes.x, scenes.targets)
    for train, held in folds:
        thresholds = tune_thresholds(
            scenes.targets.take(train), scores[train], rule=OPTIONS.thresholds
        )
        each = exact.f_beta(y[held], thresholds.predict(scores[held]), average=None)
        f1.append(each[judged & (y[held].sum(axis=0) > 0)].mean())
    assert fitted.choice.judged[0].macro_f1 == pytest.approx(np.mean(f1), abs=1e-12)


def test_a_clear_gain_is_chosen_and_the_largest_one():
    base = np.array([0.40, 0.42, 0.41, 0.43, 0.40])
    gain = np.array([0.1, 0.1, 0.11, 0.1, 0.1])
    choice = _chosen({"none": base, "good": base + gain, "a little": base + 0.2 * gain}, {})
    assert choice.chosen == "good"
    assert choice.judged[1].low > 0
    assert "good was chosen" in choice.reason()
    assert "+0.102" in choice.reason()


@pytest.mark.parametrize(
    "difference",
    [
        [0.0, 0.0, 0.0, 0.0, 0.0],
        [0.3, -0.1, 0.2, -0.05, 0.1],  # chance
        [-0.1, -0.1, -0.11, -0.1, -0.1],  # clearly worse
    ],
)
def test_without_a_gain_that_shows_the_default_is_kept(difference):
    base = np.full(5, 0.4)
    choice = _chosen({"none": base, "other": base + difference}, {})
    assert choice.chosen == "none"
    assert "none was kept" in choice.reason()


def test_a_gain_must_show_beside_all_that_was_tried():
    base = np.full(5, 0.4)
    gain = np.array([0.03, 0.01, 0.025, 0.015, 0.02])
    alone = _chosen({"none": base, "other": base + gain}, {})
    assert alone.chosen == "other"
    p = alone.judged[1].p_value
    noise = np.array([0.1, -0.1, 0.1, -0.1, 0.0])
    n_others = int(np.ceil(0.05 / p))
    among = {f"noise {i}": base + noise for i in range(n_others)}
    assert _chosen({"none": base, "other": base + gain, **among}, {}).chosen == "none"


def test_a_fold_without_positives_counts_for_no_treatment():
    base = np.array([0.4, 0.4, np.nan, 0.4])
    gain = np.array([0.1, 0.11, 0.1, 0.1])
    choice = _chosen({"none": base, "other": base + gain}, {})
    assert (choice.chosen, choice.n_folds) == ("other", 3)


def test_a_candidate_that_cannot_be_trained_is_out_with_its_reason(scenes):
    wrong = Treatment("wrong", loss="Focal", loss_options={"gamma": -1.0})
    fitted = choose_treatment(scenes.x, scenes.targets, [wrong], options=OPTIONS)
    assert fitted.choice.chosen == "none"
    assert "gamma" in fitted.choice.judged[1].failure
    assert "no other treatment could be judged" in fitted.choice.reason()


def test_classes_have_candidates_of_their_own(scenes):
    y = scenes.targets.to_array().argmax(axis=1)
    classifier = MultilabelClassifier(
        treatment="auto", n_folds=2, max_epochs=1, hidden_units=4, random_state=0
    ).fit(scenes.x, y)
    names = [judged.treatment for judged in classifier.fitted_.choice.judged]
    assert names == ["none", "weighted_categorical", "logit_adjusted_categorical"]
    assert set(classifier.predict(scenes.x)) <= set(y)


def test_weights_of_rows_count(scenes):
    weight = np.ones(scenes.targets.n_rows)
    weight[:150] = 0.0
    options = {"options": OPTIONS, "sample_weight": weight}
    fitted = choose_treatment(scenes.x, scenes.targets, ["balanced"], **options)
    other = choose_treatment(scenes.x, scenes.targets, ["balanced"], options=OPTIONS)
    assert fitted.choice.judged[0].macro_f1 != other.choice.judged[0].macro_f1


def test_labels_whose_positives_weigh_nothing_count_for_no_treatment(scenes, monkeypatch):
    """Else a treatment without false alarms of such a label is judged on other labels."""
    weight = np.ones(scenes.targets.shape)
    weight[scenes.targets.to_array()[:, 0] > 0, 0] = 0.0
    fitted = fit_treatment("none", scenes.x, scenes.targets, options=OPTIONS)
    folds = [
        held
        for _, held in MultilabelStratifiedKFold(3, random_state=0).split(scenes.x, scenes.targets)
    ]
    high, low = np.full_like(fitted.held_scores, 0.5), np.full_like(fitted.held_scores, 0.5)
    high[:, 0] = 1.0
    low[:, 0] = 0.0
    fixed = Thresholds(np.full(scenes.targets.n_labels, 0.4))
    monkeypatch.setattr(choose, "tune_thresholds", lambda *_, **__: fixed)
    with_alarms, without = (
        choose._macro_f1(replace(fitted, held_scores=s), scenes.targets, folds, OPTIONS, weight)
        for s in (high, low)
    )
    np.testing.assert_array_equal(with_alarms, without)


def test_labels_without_any_positive_leave_nothing_to_judge(scenes):
    y = np.zeros((60, 2))
    fitted = choose_treatment(scenes.x[:60], y, ["balanced"], options=OPTIONS)
    assert (fitted.choice.chosen, fitted.choice.n_folds) == ("none", 0)
    assert "No label has a positive" in fitted.choice.judged[1].failure
    assert "no other treatment could be judged" in fitted.choice.reason()


def test_without_candidates_the_default_is_kept(scenes):
    for candidates in ([], ["none"]):
        fitted = choose_treatment(scenes.x, scenes.targets, candidates, options=OPTIONS)
        assert fitted.choice.reason() == "none: no other treatment was a candidate."


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ("balanced", "must be a list of treatments"),
        (["balanced", "balanced"], "the same name more than once.*'balanced', 'balanced'"),
        ([Treatment("mine", loss="Focal"), Treatment("mine")], "the same name more than once"),
        ([Treatment("none", weights="balanced")], "the same name more than once"),
        ([["balanced"]], "Unknown treatment"),
    ],
)
def test_candidates_have_names_of_their_own(scenes, candidates, message):
    with pytest.raises(InvalidInput, match=message):
        choose_treatment(scenes.x, scenes.targets, candidates, options=OPTIONS)


def test_one_fold_cannot_choose(scenes):
    with pytest.raises(InvalidInput, match="at least 2 inner folds"):
        choose_treatment(scenes.x, scenes.targets, options=TrainingOptions(n_folds=1))


def test_the_classifier_chooses_saves_and_tells_why(scenes, tmp_path):
    classifier = MultilabelClassifier(
        treatment="auto", n_folds=2, max_epochs=1, hidden_units=4, random_state=0
    ).fit(scenes.x, scenes.targets)
    choice = classifier.fitted_.choice
    assert [j.treatment for j in choice.judged] == ["none", *CANDIDATES]
    folder = classifier.save(tmp_path / "bundle", scenes.targets)
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "Why this treatment" in card
    assert choice.chosen in card
    loaded = MultilabelClassifier.load(folder)
    assert loaded.fitted_.choice == choice
    np.testing.assert_allclose(loaded.predict_proba(scenes.x), classifier.predict_proba(scenes.x))


def test_a_choice_survives_saving():
    choice = _chosen({"none": np.full(3, 0.4), "other": np.array([0.5, 0.41, 0.3])}, {"bad": "no"})
    assert Choice.from_dict(json.loads(json.dumps(choice.to_dict()))) == choice
    with pytest.raises(InvalidInput, match="not complete"):
        Choice.from_dict({"kind": "Choice", "schema_version": 1, "chosen": "none"})
    with pytest.raises(InvalidInput):
        Choice.from_dict({**choice.to_dict(), "schema_version": 99})

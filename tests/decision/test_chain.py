"""Temperature, the chain of decisions, and CrossFitted around other libraries' classifiers."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from equipoise import exact
from equipoise._errors import InvalidInput
from equipoise.datasets import digits_scenes
from equipoise.decision import CrossFitted, DecisionChain, Thresholds, tune_thresholds
from equipoise.decision._temperature import fit_temperature


@pytest.fixture(scope="module")
def scenes():
    return digits_scenes(500, random_state=1)


@pytest.fixture(scope="module")
def log_odds():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(3000, 6)) + np.linspace(-4, 0, 6)
    return (rng.random(z.shape) < expit(z)).astype(np.uint8), z


# --------------------------------------------------------------------------------- temperature


@pytest.mark.parametrize("degrees", [0.3, 1.0, 4.0])
def test_the_temperature_is_recovered_and_no_other_is_better(log_odds, degrees):
    y, z = log_odds
    found = fit_temperature(z.ravel() * degrees, y.ravel().astype(float))
    assert found == pytest.approx(degrees, rel=0.05)

    def loss(t):
        return log_loss(y.ravel(), expit(z.ravel() * degrees / t))

    assert loss(found) <= min(loss(found * factor) for factor in (0.97, 1.03)) + 1e-12


def test_temperatures_at_the_end_of_the_range():
    z, y = np.array([5.0, -5.0, 3.0, -3.0]), np.array([1.0, 0.0, 1.0, 0.0])
    assert fit_temperature(z, y) == 1 / 50  # always right: as sure as may be
    assert fit_temperature(z, 1 - y) == 50  # always wrong: as unsure as may be
    assert fit_temperature(z, y, np.zeros(4)) == 1
    assert fit_temperature(np.zeros(4), y) == 50  # nothing is said: nothing changes


def test_weights_of_the_temperature_are_repetitions(log_odds):
    y, z = log_odds[0][:200, 0].astype(float), log_odds[1][:200, 0] * 3
    w = np.random.default_rng(1).integers(0, 3, size=200)
    repeated = fit_temperature(np.repeat(z, w), np.repeat(y, w))
    assert fit_temperature(z, y, w.astype(float)) == pytest.approx(repeated, rel=1e-4)


# --------------------------------------------------------------------------------------- chain


def test_the_chain_is_temperature_and_thresholds(log_odds):
    y, z = log_odds
    chain = DecisionChain.fitted(y, 2 * z, n_models=2, random_state=3)
    assert chain.temperature == pytest.approx(2, rel=0.1)
    p = expit(2 * z / np.sqrt(chain.temperature))
    np.testing.assert_allclose(chain.held_out(2 * z), p)
    by_hand = tune_thresholds(y, p, rule="shrunk", random_state=3)
    np.testing.assert_array_equal(chain.thresholds.values, by_hand.values)
    mean = (chain.held_out(z) + chain.held_out(-z)) / 2
    np.testing.assert_allclose(chain.probabilities([z, -z]), mean)
    np.testing.assert_array_equal(chain.predict([z, -z]), mean >= chain.thresholds.values)
    margins = chain.margins(mean)
    np.testing.assert_array_equal(margins >= 0, mean >= chain.thresholds.values)


def test_a_single_model_is_divided_by_the_whole_temperature(log_odds):
    y, z = log_odds
    chain = DecisionChain.fitted(y, 3 * z, n_models=1)
    np.testing.assert_allclose(chain.probabilities([3 * z]), expit(3 * z / chain.temperature))
    with pytest.raises(InvalidInput, match="2 models for a chain of 1"):
        chain.probabilities([z, z])


def test_unknown_cells_and_weights_reach_the_chain(log_odds):
    y, z = log_odds[0][:300].astype(float), log_odds[1][:300] * 2
    unknown = y.copy()
    unknown[100:, 2] = np.nan
    w = np.ones(y.shape)
    w[100:, 2] = 0
    a = DecisionChain.fitted(unknown, z, n_models=3)
    b = DecisionChain.fitted(y, z, n_models=3, sample_weight=w)
    assert a.temperature == pytest.approx(b.temperature)
    np.testing.assert_allclose(a.thresholds.values, b.thresholds.values)


def test_the_chain_survives_saving(tmp_path, log_odds):
    y, z = log_odds
    chain = DecisionChain.fitted(y[:200], z[:200], n_models=1)
    for same in (
        DecisionChain.from_dict(json.loads(json.dumps(chain.to_dict(), allow_nan=False))),
        DecisionChain.from_json(chain.to_json(tmp_path / "chain.json")),
    ):
        np.testing.assert_array_equal(same.predict([z]), chain.predict([z]))
    with pytest.raises(InvalidInput, match="not complete"):
        DecisionChain.from_dict({"kind": "DecisionChain", "schema_version": 1})
    with pytest.raises(InvalidInput, match="newer equipoise"):
        DecisionChain.from_dict({**chain.to_dict(), "schema_version": 9})


def test_what_is_no_chain_is_refused(log_odds):
    y, z = log_odds
    with pytest.raises(InvalidInput, match="`temperature` must be a number"):
        DecisionChain(Thresholds([0.5]), 0.0)
    with pytest.raises(InvalidInput, match="`log_odds` must be finite"):
        DecisionChain.fitted(y, np.where(z > 3, np.inf, z), n_models=2)
    with pytest.raises(InvalidInput, match="each model"):
        DecisionChain(Thresholds([0.5])).probabilities([])


# --------------------------------------------------------------------------------- CrossFitted


def test_no_row_judges_a_model_that_has_seen_it(scenes):
    """A model that learns its rows by heart is no better than chance on held-out noise."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 3)), (rng.random((200, 2)) < 0.5).astype(int)
    by_heart = CrossFitted(KNeighborsClassifier(1), cv=4, random_state=0).fit(X, y)
    seen = exact.roc_auc(y, by_heart.predict_proba(X))
    held = exact.roc_auc(y, by_heart.held_scores_)
    assert seen > 0.9
    assert abs(held - 0.5) < 0.12


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        RandomForestClassifier(10, random_state=0),
        KNeighborsClassifier(5),
        RidgeClassifier(),
        HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
    ids=lambda e: type(e).__name__,
)
def test_any_classifier(scenes, estimator):
    model = CrossFitted(estimator, cv=2, random_state=0)
    model.fit(scenes.x, scenes.targets, groups=scenes.groups)
    p = model.predict_proba(scenes.x[:50])
    assert p.shape == (50, 10)
    assert ((p >= 0) & (p <= 1)).all()
    decided = model.predict(scenes.x[:50])
    np.testing.assert_array_equal(decided, p >= model.chain_.thresholds.values)
    np.testing.assert_array_equal(model.decision_function(scenes.x[:50]) >= 0, decided)
    assert model.classes_[0] == "digit_0"
    assert exact.f_beta(scenes.targets.take(np.arange(50)), decided, average="micro") > 0.3


def test_probabilities_are_the_mean_over_copies(scenes):
    model = CrossFitted(LogisticRegression(), cv=3, random_state=0).fit(scenes.x, scenes.targets)
    scale = np.sqrt(model.chain_.temperature)
    each = [expit(logit(m.predict_proba(scenes.x)) / scale) for m in model.estimators_]
    np.testing.assert_allclose(model.predict_proba(scenes.x), np.mean(each, axis=0), atol=1e-7)
    # logistic regression without a penalty to speak of is too sure on held-out rows
    assert model.chain_.temperature > 1


def test_folds_dealt_again_give_more_copies_and_steadier_held_out_scores(scenes):
    once = CrossFitted(LogisticRegression(), cv=3, random_state=0).fit(scenes.x, scenes.targets)
    twice = CrossFitted(LogisticRegression(), cv=3, n_repeats=2, random_state=0)
    twice.fit(scenes.x, scenes.targets)
    assert (len(twice.estimators_), twice.chain_.n_models) == (6, 6)
    for one, other in zip(once.estimators_, twice.estimators_, strict=False):
        np.testing.assert_array_equal(one.predict_proba(scenes.x), other.predict_proba(scenes.x))
    # The mean of what two copies say is better than what one of them says.
    ap = [exact.average_precision(scenes.targets, m.held_scores_) for m in (once, twice)]
    assert ap[1] > ap[0]
    with pytest.raises(InvalidInput, match="`n_repeats`"):
        CrossFitted(LogisticRegression(), n_repeats=0).fit(scenes.x, scenes.targets)


def test_scikit_learn_can_use_it(scenes):
    y = np.asarray(scenes.targets.to_dense().values)
    model = CrossFitted(LogisticRegression(), cv=2, random_state=0)
    again = clone(model).set_params(cv=3, estimator__C=0.1)
    assert (again.cv, again.estimator.C, model.cv) == (3, 0.1, 2)
    p = cross_val_predict(model, scenes.x, y, cv=2, method="predict_proba")
    assert p.shape == y.shape
    search = GridSearchCV(model, {"estimator__C": [0.01, 1.0]}, cv=2, scoring="f1_macro")
    assert search.fit(scenes.x, y).best_params_["estimator__C"] in (0.01, 1.0)


def test_two_classes_frames_and_sparse_rows(scenes):
    X, label = scenes.x, np.asarray(scenes.targets.to_dense().values)[:, 3]
    words = np.where(label == 1, "yes", "no")
    model = CrossFitted(LogisticRegression(), cv=2, random_state=0).fit(X, words)
    assert model.classes_.tolist() == ["no", "yes"]
    assert set(model.predict(X)) <= {"no", "yes"}
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.decision_function(X) >= 0, model.predict(X) == "yes")
    frame = CrossFitted(LogisticRegression(), cv=2, random_state=0).fit(pd.DataFrame(X), words)
    np.testing.assert_allclose(frame.predict_proba(pd.DataFrame(X)), p, atol=1e-5)
    rows = CrossFitted(LogisticRegression(), cv=2, random_state=0)
    rows.fit(sparse.csr_array(X), words, sample_weight=np.ones(len(X)))
    np.testing.assert_allclose(rows.predict_proba(sparse.csr_array(X)), p, atol=1e-4)


def test_groups_are_not_split(scenes):
    trained = []

    class Groups(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            trained.append(set(np.asarray(X)[:, -1].tolist()))
            return super().fit(X, y)

    X = np.column_stack([scenes.x, scenes.groups])
    model = CrossFitted(Groups(), cv=3, random_state=0)
    model.fit(X, np.asarray(scenes.targets.to_dense().values)[:, 0], groups=scenes.groups)
    assert len(trained) == 3
    for group in set(scenes.groups.tolist()):
        assert sum(group in part for part in trained) == 2  # held out whole, once


def test_a_label_with_one_positive_is_no_error(scenes):
    y = np.asarray(scenes.targets.to_dense().values).copy()
    y[:, 0] = 0
    y[7, 0] = 1
    y[:, 1] = 0
    model = CrossFitted(LogisticRegression(), cv=3, random_state=0).fit(scenes.x, y)
    assert np.isfinite(model.predict_proba(scenes.x)).all()
    assert not model.predict(scenes.x)[:, 1].any()
    assert model.chain_.thresholds.absent == ("label_1",)


def test_what_cannot_be_cross_fitted_is_refused(scenes):
    y = np.asarray(scenes.targets.to_dense().values)

    class Silent(LogisticRegression):
        predict_proba = decision_function = property()

    for estimator, X, labels, options, message in [
        (LogisticRegression(), scenes.x, np.arange(500) % 3, {}, "or two classes"),
        (LogisticRegression(), scenes.x, np.where(y == 1, np.nan, 0), {}, "unknown cells"),
        (LogisticRegression(), scenes.x[:9], y, {}, "same number of rows"),
        (LogisticRegression(), scenes.x, y, {"sample_weight": y}, "one weight per row"),
        (Silent(), scenes.x, y[:, 0], {}, "neither `predict_proba` nor"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            CrossFitted(estimator, cv=2).fit(X, labels, **options)
    with pytest.raises(InvalidInput, match="`cv`"):
        CrossFitted(LogisticRegression(), cv=1).fit(scenes.x, y)


def test_keras_is_not_imported_for_other_models():
    code = (
        "import sys; from sklearn.linear_model import LogisticRegression as L; import numpy as np;"
        "from equipoise.decision import CrossFitted; r = np.random.default_rng(0);"
        "CrossFitted(L(), cv=2).fit(r.normal(size=(40, 2)), r.integers(0, 2, (40, 3)));"
        "assert 'keras' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.keras
@pytest.mark.parametrize("from_logits", [False, True])
def test_a_compiled_keras_model(scenes, from_logits):
    import keras

    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Input((scenes.x.shape[1],)),
            keras.layers.Dense(10, activation=None if from_logits else "sigmoid"),
        ]
    )
    model.compile(
        keras.optimizers.Adam(0.03), keras.losses.BinaryCrossentropy(from_logits=from_logits)
    )
    before = [w.copy() for w in model.get_weights()]
    fitted = CrossFitted(
        model,
        cv=2,
        fit_arguments={"epochs": 12, "batch_size": 16},
        from_logits=from_logits,
        random_state=0,
    ).fit(scenes.x, scenes.targets)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)  # copies are trained, the model stays
    assert exact.roc_auc(scenes.targets, fitted.held_scores_, average="weighted") > 0.65
    assert fitted.predict(scenes.x).shape == (500, 10)


def test_margins_agree_with_decisions_where_log_odds_cannot():
    above, at = np.nextafter(1.0, 2.0), 1e-10
    just_below = np.nextafter(at, 0.0)
    chain = DecisionChain(Thresholds([above, at]))
    p = np.array([[1.0, just_below], [0.5, at], [0.0, 1.0]])
    assert ((chain.margins(p) >= 0) == chain.thresholds.predict(p)).all()


@pytest.mark.parametrize(
    ("log_odds", "message"),
    [
        ([np.zeros((3, 2)), np.zeros((1, 2))], "same shape from each model"),
        ([np.full((3, 2), np.nan)] * 2, "holds NaN"),
        ([np.full((3, 2), "a")] * 2, "must hold numbers"),
        (np.zeros(()), "log-odds of each model"),
    ],
)
def test_log_odds_that_do_not_fit_are_refused(log_odds, message):
    with pytest.raises(InvalidInput, match=message):
        DecisionChain(Thresholds([0.5, 0.5]), n_models=2).probabilities(log_odds)


def test_a_saved_chain_without_thresholds_is_refused():
    saved = DecisionChain(Thresholds([0.5])).to_dict()
    with pytest.raises(InvalidInput, match="not complete"):
        DecisionChain.from_dict({**saved, "thresholds": None})


def test_rows_of_labels_are_rows_of_labels_however_many_there_are():
    X = np.random.default_rng(0).normal(size=(40, 2))
    model = CrossFitted(LogisticRegression(), cv=2, random_state=0)
    assert model.fit(X, [["a"], ["a", "b"], ["b"], []] * 10).predict(X).shape == (40, 2)
    assert model.classes_.tolist() == ["a", "b"]
    assert model.fit(X, [{"a"}, set()] * 20).predict(X).shape == (40, 1)
    assert model.fit(X, ["no", "yes"] * 20).predict(X).shape == (40,)


@pytest.mark.parametrize("weights", [-np.ones(40), np.full(40, np.nan), np.zeros(40)])
def test_weights_that_cannot_be_meant_are_refused_before_the_work(weights):
    model = CrossFitted(LogisticRegression(), cv=2, random_state=0)
    with pytest.raises(InvalidInput, match="not negative, and not 0 everywhere"):
        model.fit(np.zeros((40, 1)), [0, 1] * 20, sample_weight=weights)
    with pytest.raises(InvalidInput, match="must hold numbers"):
        model.fit(np.zeros((40, 1)), [0, 1] * 20, sample_weight=["a"] * 40)

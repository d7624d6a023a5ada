from dataclasses import replace

import keras
import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit, logit

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.datasets import digits_scenes
from equipoise.decision import DecisionChain
from equipoise.stats import LabelStats
from equipoise.training import TREATMENTS, TrainingOptions, Treatment, as_treatment, fit_treatment
from equipoise.training.fitting import inner_splits
from equipoise.training.held_out import held_out_score
from equipoise.training.network import bins_of
from equipoise.training.workbench import kept
from equipoise.weights import LabelWeights

pytestmark = pytest.mark.keras

# Those whose loss no formula undoes, and those for one class a row.
WITHOUT_PROBABILITIES = {"distribution_balanced", "zlpr", "two_way", "soft_f_beta"}
CLASS_TREATMENTS = ("weighted_categorical", "logit_adjusted_categorical", "categorical_focal")
LABEL_TREATMENTS = [name for name in TREATMENTS if name not in CLASS_TREATMENTS]

QUICK = TrainingOptions(max_epochs=3, hidden_units=16, batch_size=32)


def problem(n=300, n_labels=3, seed=0):
    """Labels that a linear model can learn, of falling frequency."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 6)).astype(np.float32)
    z = 2 * X[:, :n_labels] - np.array([0.5, 2.0, 3.0])[:n_labels]
    return X, (rng.random((n, n_labels)) < 1 / (1 + np.exp(-z))).astype(int)


@pytest.mark.parametrize(
    ("name", "n_folds"), [*((name, 1) for name in LABEL_TREATMENTS), ("balanced", 3)]
)
def test_every_treatment_learns_and_predicts(name, n_folds):
    X, y = problem()
    options = TrainingOptions(
        n_folds=n_folds, max_epochs=6, hidden_units=16, batch_size=32, learning_rate=0.02
    )
    fitted = fit_treatment(name, X, y, options=options)
    assert len(fitted.members) == n_folds
    new_X, new_y = problem(seed=1)
    scores = fitted.scores(new_X)
    assert scores.shape == new_y.shape
    assert ((scores >= 0) & (scores <= 1)).all()
    decisions = fitted.predict(new_X)
    np.testing.assert_array_equal(decisions, scores >= fitted.thresholds.values)
    np.testing.assert_array_equal(decisions, fitted.decision_function(new_X) >= 0)
    assert exact.roc_auc(new_y[:, 0], scores[:, 0]) > 0.75
    assert fitted.has_probabilities == (name not in WITHOUT_PROBABILITIES)
    if fitted.has_probabilities:
        np.testing.assert_array_equal(fitted.predict_proba(new_X), scores)
    else:
        raw = fitted.scores(new_X, corrected=False)
        np.testing.assert_array_equal(np.argsort(raw, axis=0), np.argsort(scores, axis=0))
        with pytest.raises(Undefined, match=f"'{name}' gives no probabilities.*held_scores"):
            fitted.predict_proba(new_X)


@pytest.mark.parametrize("name", CLASS_TREATMENTS)
def test_treatments_of_classes_learn_and_predict(name):
    X, _ = problem()
    y = (X[:, :3] + [1.5, 0.5, 0.0]).argmax(axis=1)
    options = TrainingOptions(max_epochs=6, hidden_units=16, batch_size=32, learning_rate=0.02)
    fitted = fit_treatment(name, X, y, options=options)
    p = fitted.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    assert (p.argmax(axis=1) == y).mean() > 0.75
    with pytest.raises(InvalidInput, match="classes that exclude each other.*multilabel targets"):
        fit_treatment(name, X, problem()[1], options=options)


@pytest.mark.parametrize("name", ["none", "balanced", "asymmetric", "hill", "propensity", "zlpr"])
def test_training_starts_at_the_frequencies_of_the_labels(name):
    """A step too small to move anything shows where the network began."""
    X, y = problem(n=1000)
    options = TrainingOptions(max_epochs=1, hidden_units=0, learning_rate=1e-9, held_share=0.5)
    fitted = fit_treatment(name, X, y, options=options)
    start = expit(fitted.members[0].log_odds(np.zeros_like(X[:1]) + X.mean(axis=0)))[0]
    assert start == pytest.approx(y.mean(axis=0), rel=0.1)


def test_the_step_size_is_halved_where_the_score_stays_away():
    X, y = problem()
    models = []

    def build(n_features, n_labels):
        models.append(keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(3)]))
        return models[-1]

    def last_step_size(**options):
        how = TrainingOptions(learning_rate=0.5, **options)
        fit_treatment("none", X, y, options=how, build_model=build)
        return float(keras.ops.convert_to_numpy(models[-1].optimizer.learning_rate))

    assert last_step_size(max_epochs=2) == 0.5
    # Seven epochs after the best one: halved after the third and the sixth, or more often before.
    halvings = np.log2(0.5 / last_step_size(patience=7))
    assert halvings == pytest.approx(round(halvings))
    assert halvings >= 2


def test_mixup_is_for_networks_that_see_columns_as_they_are():
    X, y = problem()

    def scores(treatment="none", **options):
        return fit_treatment(treatment, X, y, options=replace(QUICK, **options)).scores(X)

    np.testing.assert_array_equal(scores(mixup="auto"), scores(mixup=0.2))
    assert (scores(mixup="auto") != scores()).any()
    np.testing.assert_array_equal(scores(mixup="auto", bins=3), scores(bins=3))
    # A loss that looks at whole rows, and weights that Keras looks up by the label.
    for treatment in ("zlpr", "keras_class_weight"):
        np.testing.assert_array_equal(scores(treatment, mixup="auto"), scores(treatment))
        with pytest.raises(InvalidInput, match=f"'{treatment}' cannot be trained on mixtures"):
            scores(treatment, mixup=0.2)


def test_probabilities_of_mixtures_are_as_frequent_as_the_labels():
    """Weights of cells travel with the mixtures, and their correction undoes them."""
    X, y = problem(n=1500)
    for treatment in ("none", "balanced", "logit_adjusted"):
        fitted = fit_treatment(treatment, X, y, options=replace(LINEAR, mixup=0.2))
        assert fitted.scores(X).mean(axis=0) == pytest.approx(y.mean(axis=0), rel=0.15, abs=0.01)


def test_each_network_begins_with_the_first_step_size():
    X, y = problem()
    options = replace(QUICK, max_epochs=60, learning_rate=0.1, patience=4)
    first, second = (fit_treatment("none", X, y, options=options) for _ in range(2))
    assert first.members[0].n_epochs - first.members[0].best_epoch == 5  # halved at the end
    np.testing.assert_array_equal(first.scores(X), second.scores(X))


def test_held_scores_come_from_networks_that_did_not_see_the_row():
    X, y = problem()
    single = fit_treatment("none", X, y, options=QUICK)
    assert len(single.held_rows) == 60
    crossed = fit_treatment(
        "none", X, y, options=TrainingOptions(n_folds=3, max_epochs=2, hidden_units=8)
    )
    np.testing.assert_array_equal(crossed.held_rows, np.arange(300))
    # Every row's held-out score is one network's; each network held out a third.
    by_member = np.stack([crossed.chain.held_out(m.log_odds(X)) for m in crossed.members])
    owner = np.abs(by_member - crossed.held_scores).max(axis=2).argmin(axis=0)
    assert np.bincount(owner).tolist() == [100, 100, 100]


def test_groups_never_cross_an_inner_split():
    X, y = problem()
    groups = np.repeat(np.arange(30), 10)
    fitted = fit_treatment("none", X, y, groups=groups, options=QUICK)
    held = np.zeros(len(X), dtype=bool)
    held[fitted.held_rows] = True
    assert not set(groups[held]) & set(groups[~held])


def test_the_same_seed_gives_the_same_networks_and_leaves_the_global_state_alone():
    X, y = problem()
    keras.utils.set_random_seed(5)
    expected = np.random.random()  # noqa: NPY002 the state that others share
    keras.utils.set_random_seed(5)
    first = fit_treatment("balanced", X, y, options=QUICK, random_state=1)
    assert np.random.random() == expected  # noqa: NPY002
    second = fit_treatment("balanced", X, y, options=QUICK, random_state=1)
    other = fit_treatment("balanced", X, y, options=QUICK, random_state=2)
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert np.abs(first.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


def test_dense_and_sparse_zero_one_features_give_the_same():
    rng = np.random.default_rng(0)
    X = (rng.random((200, 10)) < 0.3).astype(np.float32)
    y = np.column_stack([X[:, 0], X[:, 1] * X[:, 2]]).astype(int)
    dense = fit_treatment("none", X, y, options=QUICK)
    from_sparse = fit_treatment("none", sparse.csr_matrix(X), sparse.csr_array(y), options=QUICK)
    np.testing.assert_allclose(
        dense.predict_proba(X), from_sparse.predict_proba(sparse.csr_array(X)), rtol=1e-6
    )


def test_unknown_labels_and_weights_of_zero_teach_nothing():
    X, y = problem()
    rng = np.random.default_rng(0)
    unknown = rng.random(y.shape) < 0.3
    marked = np.where(unknown, np.nan, y)
    weight = np.where(unknown, 0.0, 1.0)
    # The networks differ in nothing but how the cells are left out.
    left_out = fit_treatment("none", X, marked, options=QUICK)
    assert np.isfinite(left_out.predict_proba(X)).all()
    weighted = fit_treatment("none", X, y, sample_weight=weight, options=QUICK)
    assert np.isfinite(weighted.predict_proba(X)).all()
    plain = fit_treatment("none", X, y, options=QUICK)
    for ones in (np.ones(300), np.ones((300, 3))):
        same = fit_treatment("none", X, y, sample_weight=ones, options=QUICK)
        np.testing.assert_allclose(same.predict_proba(X), plain.predict_proba(X), atol=1e-6)


def test_logit_adjustment_with_its_correction_is_plain_training():
    X, y = problem()
    plain = fit_treatment("none", X, y, options=QUICK)
    adjusted = fit_treatment("logit_adjusted", X, y, options=QUICK)
    # Its prevalences are smoothed by half a positive, so the starting points nearly agree.
    odds = [fitted.members[0].log_odds(X) for fitted in (adjusted, plain)]
    np.testing.assert_allclose(expit(odds[0]), expit(odds[1]), atol=5e-3)
    assert np.abs(adjusted.scores(X, corrected=False) - plain.predict_proba(X)).max() > 0.1


def test_the_correction_undoes_the_weights():
    X, y = problem(n=2000)
    options = TrainingOptions(max_epochs=8, hidden_units=16, dropout=0.0, learning_rate=0.02)
    fitted = fit_treatment("balanced", X, y, options=options)
    raw, corrected = fitted.scores(X, corrected=False), expit(fitted.members[0].log_odds(X))
    assert raw[:, 2].mean() > 2 * y[:, 2].mean()
    assert corrected[:, 2].mean() == pytest.approx(y[:, 2].mean(), rel=0.35)


def test_temperature_and_thresholds_are_those_of_the_held_rows():
    X, y = problem()
    fitted = fit_treatment("none", X, y, options=replace(QUICK, n_folds=3), random_state=4)
    odds = logit(fitted.held_scores) * np.sqrt(fitted.chain.temperature)
    again = DecisionChain.fitted(y, odds, n_models=3, random_state=4)
    assert again.temperature == pytest.approx(fitted.chain.temperature, rel=1e-3)
    np.testing.assert_allclose(again.thresholds.values, fitted.thresholds.values, rtol=1e-3)
    mean = np.mean([fitted.chain.held_out(m.log_odds(X)) for m in fitted.members], axis=0)
    np.testing.assert_allclose(fitted.predict_proba(X), mean)


def test_networks_that_take_turns_on_one_workbench_are_as_those_trained_alone():
    X, y = problem()
    together = fit_treatment("inverse_sqrt", X, y, options=replace(QUICK, n_folds=3))
    kept().clear()
    alone = fit_treatment("inverse_sqrt", X, y, options=replace(QUICK, n_folds=3))
    assert len(kept()) == 1
    fit_treatment("balanced", X[:200], y[:200], options=QUICK)
    assert len(kept()) == 1  # weights travel with the cells
    for one, other in zip(together.members, alone.members, strict=True):
        for a, b in zip(one.model.get_weights(), other.model.get_weights(), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)


def test_weights_that_travel_with_the_cells_are_those_in_the_loss():
    _, y = problem()
    stats = LabelStats.from_targets(y)
    treatment = as_treatment("balanced")
    bare, carried = treatment.split(stats)
    z = np.random.default_rng(0).normal(size=y.shape).astype(np.float32)
    in_the_loss = treatment.build_loss(stats)(y.astype(np.float32), z)
    travelling = bare.build_loss(stats)(
        y.astype(np.float32), z, sample_weight=carried.for_cells(y).astype(np.float32)
    )
    assert float(travelling) == pytest.approx(float(in_the_loss), rel=1e-6)
    assert as_treatment("focal").split(stats) == (as_treatment("focal"), None)


def test_a_label_that_never_occurs_and_rows_without_labels_are_ordinary():
    X, y = problem()
    y[:, 2] = 0
    for name in ("balanced", "logit_adjusted"):
        fitted = fit_treatment(name, X, y, options=QUICK)
        assert np.isfinite(fitted.predict_proba(X)).all()
        assert fitted.thresholds.absent == ("label_2",)
    nothing = fit_treatment("balanced", X, np.zeros_like(y), options=QUICK)
    assert np.isfinite(nothing.predict_proba(X)).all()


def build(n_features, n_labels):
    return keras.Sequential(
        [keras.layers.Input((n_features,)), keras.layers.Dense(n_labels, name="out")]
    )


def test_any_function_may_build_the_network():
    X, y = problem()
    fitted = fit_treatment("balanced", X, y, build_model=build, options=QUICK)
    assert [layer.name for layer in fitted.members[0].model.layers] == ["out"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda d, n: build(d, n + 1), "one output per label.*4"),
        (lambda d, n: None, "must return a Keras model.*NoneType"),
        (
            lambda d, n: keras.Sequential(
                [keras.layers.Input((d,)), keras.layers.Dense(n, activation="sigmoid")]
            ),
            "ends in logits.*sigmoid",
        ),
    ],
)
def test_a_network_of_the_wrong_kind_is_refused(make, message):
    X, y = problem()
    with pytest.raises(InvalidInput, match=message):
        fit_treatment("none", X, y, build_model=make, options=QUICK)


def test_networks_that_share_what_is_trained_are_refused():
    X, y = problem()
    hidden = keras.layers.Dense(4)

    def sharing(n_features, n_labels):
        inputs = keras.Input((n_features,))
        return keras.Model(inputs, keras.layers.Dense(n_labels)(hidden(inputs)))

    whole = build(X.shape[1], 3)
    for make in (sharing, lambda n_features, n_labels: whole):
        with pytest.raises(InvalidInput, match="a new model at each call.*kernel.*inside the func"):
            fit_treatment("none", X, y, build_model=make, options=replace(QUICK, n_folds=2))
    hidden.trainable = False
    fit_treatment("none", X, y, build_model=sharing, options=replace(QUICK, n_folds=2))


def test_a_model_of_an_earlier_fit_is_refused_while_it_lives():
    X, y = problem()
    model = build(X.shape[1], 3)
    fit_treatment("none", X, y, build_model=lambda *_: model, options=QUICK)
    with pytest.raises(InvalidInput, match="a new model at each call"):
        fit_treatment("none", X, y, build_model=lambda *_: model, options=QUICK)
    for _ in range(3):  # another model may get the place in memory of one that is gone
        fit_treatment("none", X, y, build_model=build, options=QUICK)


def test_a_treatment_is_plain_data():
    treatment = Treatment("mild", weights="balanced", weight_options={"power": 0.5})
    assert Treatment(**treatment.to_dict()) == treatment
    stats = LabelStats.from_targets(problem()[1])
    loss = treatment.build_loss(stats)
    weights = LabelWeights.from_stats(stats, "balanced", power=0.5)
    assert loss.get_config()["positive_weight"] == pytest.approx(weights.positive.tolist())
    assert treatment.build_class_weight(stats) is None
    todays = TREATMENTS["keras_class_weight"].build_class_weight(stats)
    assert todays == pytest.approx(dict(enumerate(stats.n_rows / stats.positives)))
    assert as_treatment("none") is TREATMENTS["none"]


def test_wrong_use_is_refused():
    X, y = problem()
    with pytest.raises(InvalidInput, match="Did you mean 'balanced'"):
        fit_treatment("balance", X, y)
    with pytest.raises(InvalidInput, match="same number of rows.*300 and 299"):
        fit_treatment("none", X, y[1:])
    with pytest.raises(InvalidInput, match="one weight per row or per cell"):
        fit_treatment("none", X, y, sample_weight=np.ones(3))
    with pytest.raises(InvalidInput, match="finite weights"):
        fit_treatment("none", X, y, sample_weight=-np.ones(300))
    with pytest.raises(InvalidInput, match="Did you mean 'WeightedBinaryCrossentropy'"):
        Treatment("x", loss="WeightedBinaryCrossEntropy").build_loss(LabelStats.from_targets(y))
    for name, value in [("n_folds", 0), ("dropout", 1.0), ("held_share", 0.0), ("max_epochs", 1.5)]:
        with pytest.raises(InvalidInput, match=f"`{name}`"):
            TrainingOptions(**{name: value})


def test_rows_of_weight_zero_are_in_no_held_out_score():
    X, y = problem()
    weight = np.ones(300)
    weight[150:] = 0
    wrong = y.copy()
    wrong[150:] = 1 - wrong[150:]
    options = replace(QUICK, n_folds=2, dropout=0.0)
    a = fit_treatment("none", X, y, sample_weight=weight, options=options)
    b = fit_treatment("none", X, wrong, sample_weight=weight, options=options)
    for one, other in zip(a.members, b.members, strict=True):
        assert one.n_epochs == other.n_epochs


def test_weights_and_options_that_make_no_sense_are_refused():
    X, y = problem()
    with pytest.raises(InvalidInput, match="`sample_weight` must hold numbers"):
        fit_treatment("none", X, y, sample_weight=["a"] * 300, options=QUICK)
    with pytest.raises(InvalidInput, match='`mixup` must be "auto" or a number'):
        TrainingOptions(mixup="some")
    for name in ("learning_rate", "clip"):
        with pytest.raises(InvalidInput, match=f"`{name}` must be a number"):
            TrainingOptions(**{name: np.inf})


def test_sparse_and_dense_rows_are_predicted_alike():
    rng = np.random.default_rng(0)
    X = rng.normal(2.0, 1.0, (60, 4)).astype("float32")
    X[rng.random(X.shape) < 0.5] = 0.0
    y = X[:, :2] > 1
    options = TrainingOptions(max_epochs=2, hidden_units=4)
    for trained_on in (X, sparse.csr_array(X)):
        fitted = fit_treatment("none", trained_on, y, options=options)
        np.testing.assert_allclose(
            fitted.predict_proba(sparse.csr_array(X)), fitted.predict_proba(X), rtol=1e-6
        )


def curved(n=400, seed=0):
    """A label on both ends of a numeric column, which no linear model can tell."""
    X = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    return X, (np.abs(X[:, :1]) > 1).astype(int)


LINEAR = TrainingOptions(n_folds=2, max_epochs=15, hidden_units=0, learning_rate=0.05)


def bins_in(fitted):
    return [bins_of(member.model) for member in fitted.members]


def test_numeric_columns_are_encoded_where_held_out_rows_gain():
    X, y = curved()
    epochs = []
    options = replace(LINEAR, bins="auto")
    fitted = fit_treatment("none", X, y, options=options, on_epoch=lambda: epochs.append(1))
    assert bins_in(fitted) == [4, 4]
    new_X, new_y = curved(seed=1)
    assert exact.roc_auc(new_y, fitted.scores(new_X)) > 0.9
    # Both folds were trained twice, once without the encoding.
    trained = sum(member.n_epochs for member in fitted.members)
    assert trained < len(epochs) <= options.most_epochs == 4 * 15
    plain = fit_treatment("none", X, y, options=LINEAR)
    assert bins_in(plain) == [0, 0]
    assert exact.roc_auc(y, plain.scores(X)) < 0.7


def test_the_fit_is_that_of_the_bins_that_were_found():
    X, y = curved()
    auto = fit_treatment("none", X, y, options=replace(LINEAR, bins="auto"))
    asked = fit_treatment("none", X, y, options=replace(LINEAR, bins=4))
    np.testing.assert_array_equal(auto.held_scores, asked.held_scores)


@pytest.mark.parametrize("n_folds", [1, 3])
@pytest.mark.parametrize("seed", range(2))
def test_whichever_scores_better_on_rows_held_out_by_two_folds_is_kept(seed, n_folds):
    """Of pixels that is mostly the columns as they are."""
    scenes = digits_scenes(300, random_state=0)
    options = TrainingOptions(n_folds=n_folds, max_epochs=6, hidden_units=32, learning_rate=0.01)

    def fit(bins):
        return fit_treatment(
            "none",
            scenes.x,
            scenes.targets,
            options=replace(options, bins=bins),
            random_state=seed,
        )

    def score(fitted):
        held = [h for _, h in inner_splits(scenes.x, scenes.targets, None, options, seed)][:2]
        said = [m.log_odds(scenes.x[h]) for m, h in zip(fitted.members, held, strict=False)]
        rows = scenes.targets.take(np.concatenate(held))
        return held_out_score(rows, np.concatenate(said), loss_share=1.0)

    scores = {bins: score(fit(bins)) for bins in (0, 4)}
    assert bins_in(fit("auto")) == [max(scores, key=scores.get)] * n_folds


@pytest.mark.parametrize("kind", ["zeros and ones", "sparse", "a model of one's own"])
def test_what_has_no_numeric_columns_is_not_encoded(kind):
    X, y = curved(n=120)
    build_model = None
    if kind == "zeros and ones":
        X = (X > 0).astype(np.float32)
    elif kind == "sparse":
        X = sparse.csr_array(np.where(X > 0, X, 0))
    else:

        def build_model(n_features, n_labels):
            return keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(n_labels)])

    options = replace(LINEAR, n_folds=1, max_epochs=1, bins=4)
    fitted = fit_treatment("none", X, y, options=options, build_model=build_model)
    assert bins_in(fitted) == [0]


def test_very_many_numeric_columns_are_encoded_only_when_asked():
    X = np.random.default_rng(0).normal(size=(60, 501)).astype(np.float32)
    y = (X[:, :1] > 0).astype(int)
    quick = replace(LINEAR, n_folds=1, max_epochs=1)
    assert bins_in(fit_treatment("none", X, y, options=replace(quick, bins="auto"))) == [0]
    assert bins_in(fit_treatment("none", X, y, options=replace(quick, bins=2))) == [2]


@pytest.mark.parametrize("bins", [-1, 1.5, "many", None])
def test_wrong_bins_are_refused(bins):
    with pytest.raises(InvalidInput, match="bins"):
        TrainingOptions(bins=bins)

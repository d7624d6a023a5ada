"""Constraints, costs, the micro objective, and the rules beside the tuned one."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from equipoise import exact
from equipoise._errors import EquipoiseWarning, InvalidInput
from equipoise.decision import Thresholds, judge_thresholds, tune_thresholds


def counts(y, p):
    return (np.sum((y == 1) & (p == 1)), np.sum((y == 0) & (p == 1)), np.sum(y == 1), len(y))


def f1_of(tp, fp, positive):
    return 2 * tp / (tp + fp + positive) if positive else 0.0


def every_cut(s):
    """Decisions of every cut, from the one that says yes nowhere."""
    return [(s >= cut).astype(int) for cut in [np.inf, *np.unique(s)[::-1]]]


# ---------------------------------------------------------------------------------- constraints


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=14),
    st.sampled_from([0.3, 0.6, 0.9, 1.0]),
    st.sampled_from([0.0, 0.4, 0.8, 1.0]),
    st.sampled_from([100.0, 300.0, 1000.0]),
)
@pytest.mark.filterwarnings("ignore::equipoise._errors.EquipoiseWarning")
def test_no_decision_within_the_constraints_is_better(pairs, precision, recall, alerts):
    y = np.array([p[0] for p in pairs], dtype=int)
    s = np.array([p[1] / 8 for p in pairs])
    y[0] = 1
    limits = {"precision": precision, "recall": recall, "alerts_per_thousand": alerts}
    t = tune_thresholds(y, s, constraint=limits)
    kept = []
    for p in every_cut(s):
        tp, fp, positive, n = counts(y, p)
        fine = tp >= precision * (tp + fp) - 1e-9 and (tp + fp) * 1000 <= alerts * n + 1e-9
        kept.append((fine, tp >= recall * positive - 1e-9, f1_of(tp, fp, positive), tp, tp + fp))
    chosen = t.predict(s)
    tp, fp, positive, _ = counts(y, chosen)
    met = [k for k in kept if k[0] and k[1]]
    says_yes = [k for k in met if k[4] > 0]
    if met:
        assert t.metric_values[0] == pytest.approx(max(k[2] for k in met))
        assert f1_of(tp, fp, positive) == pytest.approx(max(k[2] for k in met))
    else:  # recall gives way
        assert tp == max(k[3] for k in kept if k[0])
    assert bool(t.infeasible) == (not says_yes)


def test_a_constraint_that_no_decision_meets_is_told():
    y, s = [0, 1, 0, 1], [0.9, 0.8, 0.7, 0.6]
    with pytest.warns(EquipoiseWarning, match="No decision that says yes .* '1'"):
        t = tune_thresholds(y, s, constraint={"precision": 0.9})
    assert t.infeasible == ("1",)
    assert not t.predict(s).any()
    with pytest.warns(EquipoiseWarning, match="meets the constraint"):
        t = tune_thresholds(
            y, s, constraint={"precision": 0.5, "recall": 1.0, "alerts_per_thousand": 500}
        )
    assert t.predict(s).tolist() == [1, 1, 0, 0]  # the highest recall within the other limits


def test_constraints_by_label_and_by_name():
    rng = np.random.default_rng(0)
    y = (rng.random((200, 3)) < 0.3).astype(int)
    s = rng.normal(size=y.shape) + y
    t = tune_thresholds(y, s, constraint={"recall": {"label_1": 0.9}})
    free = tune_thresholds(y, s)
    assert t.values[0] == free.values[0]
    assert t.values[2] == free.values[2]
    recall = exact.recall(y, t.predict(s), average=None)
    assert recall[1] >= 0.9
    np.testing.assert_array_equal(
        tune_thresholds(y, s, constraint={"recall": [0.0, 0.9, 0.0]}).values, t.values
    )


@pytest.mark.parametrize("k", [1, 2, 3])
def test_labels_per_row_are_bounded_and_tuned_exactly(k):
    rng = np.random.default_rng(k)
    for _ in range(20):
        y = (rng.random((9, 4)) < 0.4).astype(int)
        y[0] = 1
        s = rng.integers(0, 5, size=y.shape) / 4
        t = tune_thresholds(y, s, constraint={"labels_per_row": k})
        p = t.predict(s)
        assert t.labels_per_row == k
        assert p.sum(axis=1).max() <= k
        order = np.argsort(-s, axis=1, kind="stable")[:, :k]
        top = np.zeros_like(y)
        np.put_along_axis(top, order, 1, axis=1)
        for label in range(4):
            best = max(
                exact.f_beta(y[:, label], cut & top[:, label], undefined="zero")
                for cut in every_cut(s[:, label])
            )
            assert exact.f_beta(y[:, label], p[:, label]) == pytest.approx(best)
            assert t.metric_values[label] == pytest.approx(best)
    again = Thresholds.from_dict(json.loads(json.dumps(t.to_dict(), allow_nan=False)))
    np.testing.assert_array_equal(again.predict(s), p)


# ------------------------------------------------------------------------------------------ costs


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 6)), min_size=2, max_size=12),
    st.tuples(*[st.integers(0, 9)] * 4),
)
def test_no_cut_costs_less(pairs, costs):
    right_no, more_alarm, more_miss, right_yes = costs
    cost = np.array([[right_no, right_no + more_alarm], [right_yes + more_miss + 1, right_yes]])
    y = np.array([p[0] for p in pairs], dtype=int)
    s = np.array([p[1] / 6 for p in pairs])
    y[0] = 1
    t = tune_thresholds(y, s, "cost", cost=cost)
    least = min(cost[y, p].mean() for p in every_cut(s))
    assert cost[y, t.predict(s)].mean() == pytest.approx(least)
    assert t.metric_values[0] == pytest.approx(least)


def test_costs_differ_by_label_and_their_analytic_threshold_is_elkans():
    rng = np.random.default_rng(1)
    p = rng.random((20_000, 2))
    y = (rng.random(p.shape) < p).astype(int)
    cost = np.array([[[0, 1], [9, 0]], [[0, 3], [1, 0]]], dtype=float)
    t = tune_thresholds(y, p, "cost", cost=cost, rule="analytic")
    np.testing.assert_allclose(t.values, [0.1, 0.75])
    tuned = tune_thresholds(y, p, "cost", cost=cost, confidence=0.95)
    np.testing.assert_allclose(tuned.values, t.values, atol=0.08)
    assert (tuned.metric_values <= t.metric_values + 1e-12).all()
    assert (tuned.corrected_values >= tuned.metric_values).all()  # lower costs were luck
    assert (tuned.intervals[:, 0] < tuned.intervals[:, 1]).all()


@pytest.mark.parametrize(
    ("cost", "message"),
    [
        (None, "`cost` is missing"),
        ([[0, 1]], "`cost` must hold finite numbers"),
        ([[0, np.inf], [1, 0]], "`cost` must hold finite numbers"),
        ([[[0, 1], [1, 0]]] * 3, "`cost` must hold finite numbers"),
        ([["a", 1], [1, 0]], "`cost` must hold numbers"),
        ([[1, 0], [1, 0]], "must not cost less than the right one"),
        ([[0, 0], [0, 0]], "must not cost less"),
    ],
)
def test_wrong_costs_are_refused(cost, message):
    with pytest.raises(InvalidInput, match=message):
        tune_thresholds([1, 0], [0.9, 0.1], "cost", cost=cost)


# ------------------------------------------------------------------------------------------ micro


@pytest.mark.parametrize("beta", [1.0, 2.0, 0.5])
def test_no_thresholds_have_a_better_micro_average(beta):
    rng = np.random.default_rng(int(beta * 2))
    for _ in range(25):
        y = (rng.random((7, 3)) < [0.2, 0.4, 0.7]).astype(int)
        y[0, 1] = 1
        s = rng.integers(0, 6, size=y.shape) / 5
        t = tune_thresholds(y, s, "f_beta", beta=beta, average="micro")
        best = max(
            exact.f_beta(y, np.column_stack(p), beta=beta, average="micro", undefined="zero")
            for p in itertools.product(*(every_cut(s[:, i]) for i in range(3)))
        )
        reached = exact.f_beta(y, t.predict(s), beta=beta, average="micro")
        assert reached == pytest.approx(best)
        assert t.overall == pytest.approx(best)
    macro = tune_thresholds(y, s, "f_beta", beta=beta)
    assert macro.overall == pytest.approx(np.nanmean(macro.metric_values))


# --------------------------------------------------------------------------------------- analytic


def expected(metric, p, at):
    yes = p >= at
    tp, fp, positive = p[yes].sum(), (1 - p[yes]).sum(), p.sum()
    fn, tn = max(positive - tp, 0.0), max(len(p) - positive - fp, 0.0)
    if metric == "matthews_correlation":
        scale = np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        return (tp * tn - fp * fn) / scale if scale else 0.0
    if metric == "f1":
        return 2 * tp / (2 * tp + fp + fn)
    return tp / positive - fp / (len(p) - positive)


@pytest.mark.parametrize("metric", ["f1", "youden", "matthews_correlation"])
@pytest.mark.parametrize("from_logits", [False, True])
def test_no_threshold_is_better_if_the_probabilities_are_true(metric, from_logits):
    rng = np.random.default_rng(3)
    for _ in range(20):
        p = np.round(rng.beta(0.6, 2, size=15), 2).clip(0.01, 0.99)
        t = (
            tune_thresholds(
                np.ones(15),
                logit(p) if from_logits else p,
                metric,
                rule="analytic",
                from_logits=from_logits,
                absent=0.5,
            )
            if metric == "f1"
            else tune_thresholds(
                rng.permutation([0, 1] * 7 + [0]),
                logit(p) if from_logits else p,
                metric,
                rule="analytic",
                from_logits=from_logits,
            )
        )
        at = expit(t.values[0] - 1e-9) if from_logits else t.values[0] - 1e-12
        best = max(expected(metric, p, cut) for cut in [*p, 2.0])
        assert expected(metric, p, at) == pytest.approx(best)


def test_the_analytic_threshold_of_f1_is_half_the_best_expected_f1():
    p = np.array([0.9, 0.5, 0.2, 0.1])
    best = max(2 * p[:k].sum() / (p.sum() + k) for k in range(1, 5))
    assert best == pytest.approx(2 * 1.4 / 3.7)
    t = tune_thresholds([1, 0, 0, 0], p, rule="analytic")
    assert t.values[0] == pytest.approx(best / 2)
    f2 = tune_thresholds([1, 0, 0, 0], p, "f_beta", beta=2.0, rule="analytic")
    best = max(5 * p[:k].sum() / (4 * p.sum() + k) for k in range(1, 5))
    assert f2.values[0] == pytest.approx(best / 5)


# ------------------------------------------------------------------------------ pooled and shrunk


@pytest.fixture(scope="module")
def scored():
    """Labels of many frequencies, with calibrated log-odds."""
    rng = np.random.default_rng(5)
    n, base = 4000, np.linspace(-7, 0, 15)
    z = rng.normal(scale=2, size=(n, 15)) + base
    return (rng.random(z.shape) < expit(z)).astype(np.uint8), z


def test_the_pooled_rule_is_a_line_in_the_frequency(scored):
    y, z = scored
    t = tune_thresholds(y, expit(z), rule="pooled")
    a, c = t.pooled
    n = y.sum(axis=0)
    np.testing.assert_allclose(logit(t.values), a + c * np.log((n + 1) / (len(y) - n + 1)))
    assert 0 < c < 1
    # Close to the best line, and the same on log-odds.
    on_logits = tune_thresholds(y, z, rule="pooled", from_logits=True)
    np.testing.assert_allclose(on_logits.values, logit(t.values), rtol=1e-6)
    best = max(
        np.mean(
            [
                f1_of(
                    *counts(y[:, i], z[:, i] >= a + c * np.log((n[i] + 1) / (len(y) - n[i] + 1)))[
                        :3
                    ]
                )
                for i in range(15)
            ]
        )
        for a in np.linspace(-4, 4, 9)
        for c in np.linspace(0, 1, 6)
    )
    assert best - t.overall < 0.01


def test_a_label_without_positives_has_the_pooled_threshold(scored):
    y, z = scored
    y = y.copy()
    y[:, 4] = 0
    for rule in ("pooled", "shrunk"):
        t = tune_thresholds(y, expit(z), rule=rule)
        a, c = t.pooled
        assert logit(t.values[4]) == pytest.approx(a + c * np.log(1 / (len(y) + 1)))
        assert t.absent == ("label_4",)
        assert np.isnan(t.metric_values[4])
    assert tune_thresholds(y, expit(z), rule="shrunk", absent=0.25).values[4] == 0.25


def at_ratio(y, s, ratio):
    """The cut whose number of predicted rows is closest to a share of the positives, by hand."""
    scores = np.unique(s)[::-1]
    predicted = np.array([(s >= score).sum() for score in scores])
    at = np.argmin(np.abs(predicted - ratio * y.sum()))  # of equally close ones the smaller
    return (scores[at] + scores[at + 1]) / 2 if at + 1 < len(scores) else scores[at]


def test_the_proportional_rule_predicts_each_label_as_often_as_its_positives_say(scored):
    y, z = scored[0][:300, 6:], scored[1][:300, 6:].round(1)
    t = tune_thresholds(y, z, rule="proportional", from_logits=True)
    by_hand, reached = [], []
    for ratio in np.geomspace(1 / 16, 16, 65):
        cuts = [at_ratio(y[:, i], z[:, i], ratio) for i in range(y.shape[1])]
        f1 = [f1_of(*counts(y[:, i], z[:, i] >= cut)[:3]) for i, cut in enumerate(cuts)]
        by_hand.append(cuts)
        reached.append(np.mean(f1))
    w = np.exp((np.array(reached) - max(reached)) / 0.003)
    np.testing.assert_allclose(t.values, w @ by_hand / w.sum())
    assert max(reached) - t.overall < 0.01
    # One ratio for all: a label is not decided by its own positives alone.
    predicted = (z >= t.values).sum(axis=0) / y.sum(axis=0)
    assert predicted.max() < 1.6 * predicted.min()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30),
    st.lists(st.integers(0, 2), min_size=30, max_size=30),
)
def test_weights_of_the_proportional_rule_are_repetitions(pairs, times):
    y = np.array([[p[0], True] for p in pairs], dtype=int)
    s = np.array([[p[1] / 8, p[1] / 9] for p in pairs])
    w = np.array(times[: len(pairs)])
    w[0] = 1
    weighted = tune_thresholds(y, s, rule="proportional", sample_weight=w.astype(float))
    repeated = tune_thresholds(np.repeat(y, w, 0), np.repeat(s, w, 0), rule="proportional")
    np.testing.assert_allclose(weighted.values, repeated.values, rtol=1e-9)
    assert weighted.absent == repeated.absent


def test_the_proportional_rule_has_nothing_to_say_of_a_label_without_positives(scored):
    y, p = scored[0].copy(), expit(scored[1])
    whole = tune_thresholds(y, p, rule="proportional")
    y[:, 4] = 0
    t = tune_thresholds(y, p, rule="proportional", absent=0.25)
    assert t.values[4] == 0.25
    assert t.absent == ("label_4",)
    assert tune_thresholds(y, p, rule="proportional").values[4] == 0.5
    np.testing.assert_allclose(np.delete(t.values, 4), np.delete(whole.values, 4), atol=0.02)
    nothing = tune_thresholds(np.zeros_like(y), p, rule="proportional")
    np.testing.assert_array_equal(nothing.values, 0.5)
    # Balanced accuracy asks for negatives as well.
    everything = tune_thresholds(np.ones_like(y), p, "balanced_accuracy", rule="proportional")
    np.testing.assert_array_equal(everything.values, 0.5)


def test_shrinking_goes_from_what_labels_share_to_the_median_of_resamples(scored):
    y, z = scored
    p = expit(z)
    line = tune_thresholds(y, p, rule="pooled")
    proportional = tune_thresholds(y, p, rule="proportional")
    shared = (logit(line.values) + logit(proportional.values)) / 2
    none = tune_thresholds(y, p, rule="shrunk", prior_positives=1e12)
    np.testing.assert_allclose(logit(none.values), shared)
    median = tune_thresholds(y, p, rule="shrunk", prior_positives=0)
    tuned = tune_thresholds(y, p)
    half = tune_thresholds(y, p, rule="shrunk", prior_positives=50)
    n = y.sum(axis=0)
    w = n / (n + 50)
    np.testing.assert_allclose(
        logit(half.values), w * logit(median.values) + (1 - w) * shared, rtol=1e-9
    )
    # With many positives the median is about the best cut, and never better on its own sample.
    assert abs(logit(median.values[-1]) - logit(tuned.values[-1])) < 0.5
    assert (median.metric_values <= tuned.metric_values + 1e-12).all()
    same = tune_thresholds(y, p, rule="shrunk", prior_positives=50)
    np.testing.assert_array_equal(same.values, half.values)


# -------------------------------------------------------------------------------------- intervals


@pytest.mark.parametrize("metric", ["f1", "matthews_correlation", "balanced_accuracy"])
def test_intervals_correct_the_optimism(scored, metric):
    y, z = scored
    p = expit(z)
    half = len(y) // 2
    t = tune_thresholds(y[:half], p[:half], metric, confidence=0.95)
    enough = y[:half].sum(axis=0) >= 20
    assert (t.corrected_values[enough] < t.metric_values[enough]).all()
    assert (t.intervals[enough, 0] < t.corrected_values[enough]).all()
    assert (t.corrected_values[enough] < t.intervals[enough, 1]).all()
    other = tune_thresholds(y[:half], p[:half], metric, confidence=0.5)
    width = np.diff(t.intervals, axis=1)[enough, 0]
    assert (np.diff(other.intervals, axis=1)[enough, 0] < width).all()


def test_an_interval_without_tuning_is_the_studentised_bootstrap_of_the_metric():
    rng = np.random.default_rng(8)
    y = (rng.random(3000) < 0.2).astype(int)
    p = np.clip(0.2 + 0.3 * (y - 0.2) + rng.normal(scale=0.1, size=3000), 0, 1)
    t = tune_thresholds(y, p, rule="analytic", confidence=0.9, n_samples=400)
    said = (p >= t.values[0]).astype(int)
    resampled = []
    for _ in range(400):
        rows = rng.integers(0, 3000, size=3000)
        resampled.append(exact.f_beta(y[rows], said[rows]))
    low, high = np.quantile(resampled, [0.05, 0.95])
    np.testing.assert_allclose(t.intervals[0], [low, high], atol=0.006)
    assert t.metric_values[0] == pytest.approx(exact.f_beta(y, said))
    assert t.corrected_values[0] == pytest.approx(t.metric_values[0], abs=0.004)


def test_weights_count_as_repeated_rows_in_every_rule():
    rng = np.random.default_rng(2)
    y = (rng.random((60, 2)) < 0.3).astype(int)
    p = np.round(rng.random(y.shape) * 0.6 + y * 0.3, 2)
    w = rng.integers(0, 3, size=60)
    for options in (
        {"rule": "analytic"},
        {"rule": "pooled"},
        {"rule": "proportional"},
        {"average": "micro"},
        {"constraint": {"precision": 0.6}},
        {"metric": "cost", "cost": [[0, 1], [4, 0]]},
    ):
        weighted = tune_thresholds(y, p, sample_weight=w, **options)
        repeated = tune_thresholds(np.repeat(y, w, axis=0), np.repeat(p, w, axis=0), **options)
        np.testing.assert_allclose(weighted.values, repeated.values, rtol=1e-12)
        np.testing.assert_allclose(weighted.metric_values, repeated.metric_values, rtol=1e-12)


def test_a_perfect_label_has_an_interval_that_is_not_a_point():
    y = np.array([1] * 60 + [0] * 600)
    p = np.where(y == 1, 0.9, 0.1)
    t = tune_thresholds(y, p, confidence=0.95)
    assert t.metric_values[0] == 1
    low, high = t.intervals[0]
    assert 0.95 < low < high == 1
    assert t.corrected_values[0] == 1


@pytest.mark.parametrize("metric", ["balanced_accuracy", "matthews_correlation", "youden"])
def test_no_metric_has_intervals_that_are_points_by_rounding(metric):
    y = np.random.default_rng(0).random((60, 20)) < 0.15
    y[0], y[1] = True, False
    right, at = np.where(y, 0.9, 0.1), Thresholds([0.5] * 20)
    for scores in (right, 1 - right):
        low, high = judge_thresholds(y, scores, at, metric).intervals.T
        assert (high - low > 0.01).all()


def test_a_label_of_which_nothing_is_found_has_an_interval_that_is_not_a_point():
    y = np.array([1] * 4 + [0] * 300)
    judged = judge_thresholds(y, np.where(y == 1, 0.1, 0.2), Thresholds([0.15]))
    low, high = judged.intervals[0]
    assert judged.metric_values[0] == low == 0
    assert 0 < high < 0.5


@pytest.mark.parametrize(
    ("metric", "lowest", "highest"),
    [
        ("f1", 0, 1),
        ("balanced_accuracy", 0, 1),
        ("matthews_correlation", -1, 1),
        ("youden", -1, 1),
        ("cost", 0, 4),
    ],
)
def test_intervals_end_where_the_metric_does(metric, lowest, highest):
    rng = np.random.default_rng(4)
    y = rng.random((40, 30)) < 0.1
    y[0] = True
    options = {"cost": [[0, 1], [4, 0]]} if metric == "cost" else {}
    judged = judge_thresholds(y, rng.random(y.shape), Thresholds([0.8] * 30), metric, **options)
    assert (judged.intervals >= lowest).all()
    assert (judged.intervals <= highest).all()
    assert (judged.intervals[:, 0] <= judged.intervals[:, 1]).all()


def test_everything_survives_saving(scored):
    y, z = scored
    t = tune_thresholds(y[:500], expit(z[:500]), rule="shrunk", confidence=0.8, n_samples=20)
    again = Thresholds.from_dict(json.loads(json.dumps(t.to_dict(), allow_nan=False)))
    for name in ("values", "metric_values", "corrected_values", "intervals"):
        np.testing.assert_array_equal(getattr(again, name), getattr(t, name))
    for name in ("rule", "average", "overall", "infeasible", "pooled", "confidence", "absent"):
        assert getattr(again, name) == getattr(t, name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "best"}, "`rule` must be one of"),
        ({"average": "samples"}, "`average` must be one of"),
        ({"average": "micro", "metric": "youden"}, "no micro average to tune"),
        ({"average": "micro", "rule": "pooled"}, "without constraints on labels"),
        ({"average": "micro", "constraint": {"recall": 0.5}}, "without constraints on labels"),
        ({"average": "micro", "confidence": 0.9}, "no intervals per label"),
        ({"rule": "shrunk", "constraint": {"recall": 0.5}}, "`constraint` is for tuned"),
        ({"constraint": {}}, "must name what to keep to"),
        ({"constraint": {"precison": 0.5}}, "Did you mean 'precision'"),
        ({"constraint": {"precision": 1.5}}, "must lie between 0 and 1"),
        ({"constraint": {"precision": [0.1, 0.2]}}, "must be a number, one per label"),
        ({"constraint": {"precision": "high"}}, "must hold numbers"),
        ({"constraint": {"recall": {"cat": 0.5}}}, "names the label 'cat'"),
        ({"constraint": {"labels_per_row": 0}}, "labels_per_row"),
        ({"confidence": 1.0}, "`confidence` must be a number"),
        ({"confidence": 0.9, "n_samples": 3}, "`n_samples`"),
        ({"rule": "pooled", "from_logits": False, "y_score": [2.0, -1.0]}, "from_logits=True"),
        ({"rule": "pooled", "from_logits": True, "y_score": [np.inf, 0.0]}, "infinite log-odds"),
        ({"cost": [[0, 1], [1, 0]]}, "`cost` has no meaning"),
    ],
)
def test_what_does_not_exist_is_refused(options, message):
    options = {"y_score": [0.9, 0.1], **options}
    with pytest.raises(InvalidInput, match=message):
        tune_thresholds([1, 0], options.pop("y_score"), **options)


# ---------------------------------------------------------------------------------------- judging


def test_judged_on_other_rows_the_metric_is_that_of_the_decisions(scored):
    y, z = scored
    t = tune_thresholds(y[:2000], z[:2000], constraint={"labels_per_row": 2})
    judged = judge_thresholds(y[2000:], z[2000:], t)
    decided = t.predict(z[2000:])
    f1 = exact.f_beta(y[2000:], decided, average=None)
    defined = y[2000:].any(axis=0)
    np.testing.assert_allclose(judged.metric_values[defined], f1[defined], rtol=1e-12)
    assert np.isnan(judged.metric_values[~defined]).all()
    np.testing.assert_array_equal(judged.values, t.values)
    assert judged.labels_per_row == 2
    inside = (judged.intervals[:, 0] <= f1) & (f1 <= judged.intervals[:, 1])
    assert inside[y[2000:].sum(axis=0) > 20].all()
    with pytest.raises(InvalidInput, match="must be for the labels of `y_true`"):
        judge_thresholds(y, z, Thresholds([0.5]))
    with pytest.raises(InvalidInput, match="must be for the labels of `y_true`"):
        judge_thresholds([{"a"}, {"b"}], np.zeros((2, 2)), Thresholds([0.5, 0.5], ("b", "a")))


def test_samples_without_a_known_cell_give_intervals_all_the_same():
    y = np.array([[1.0], [np.nan], [np.nan], [np.nan], [0.0]])
    scores = np.array([[0.9], [0.8], [0.7], [0.2], [0.1]])
    for metric in ("f1", "youden", "matthews_correlation"):
        judged = judge_thresholds(y, scores, Thresholds([0.5]), metric, n_samples=50)
        assert np.isfinite(judged.intervals).all()
    assert np.isfinite(tune_thresholds(y, scores, confidence=0.9, n_samples=50).intervals).all()


def test_micro_says_no_to_a_label_without_a_known_cell():
    y = np.array([[1.0, np.nan], [0.0, np.nan], [1.0, np.nan]])
    scores = np.array([[0.9, 0.3], [0.2, 0.6], [0.7, 0.1]])
    found = tune_thresholds(y, scores, average="micro")
    assert found.overall == 1
    assert found.absent == ("label_1",)
    assert found.predict(scores)[:, 1].sum() == 0


def test_repeated_samples_count_as_one_sample_at_a_time_would():
    from equipoise.decision._objective import Objective
    from equipoise.decision._resampled import draw, resampled_labels
    from equipoise.exact.cells import read_scored

    rng = np.random.default_rng(0)
    y, scores = rng.random((40, 2)) < 0.3, rng.integers(0, 12, (40, 2)) / 12
    for weights in (None, rng.integers(0, 3, (40, 2)).astype(float)):
        cells = read_scored(y, scores, weights)
        samples = draw(40, 25, 1)
        own = np.ones((40, 2)) if weights is None else weights
        for label in resampled_labels(cells, Objective("f1", 1.0)):
            thresholds = rng.choice([0.25, 0.5, 0.75], 25)
            found = label.at_own(thresholds, samples)
            i = label.label
            for b in range(25):
                times = samples[b] * own[:, i]
                said = scores[:, i] >= thresholds[b]
                assert found.tp[b, 0] == times[said & y[:, i]].sum()
                assert found.fp[b, 0] == times[said & ~y[:, i]].sum()
                assert found.positive[b, 0] == times[y[:, i]].sum()
                assert found.negative[b, 0] == times[~y[:, i]].sum()


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"label_0": "much"}, "must hold numbers"),
        ({"label_0": np.nan}, "holds NaN"),
        ([0.5, np.nan], "holds NaN"),
    ],
)
def test_limits_that_are_no_numbers_are_refused(limit, message):
    with pytest.raises(InvalidInput, match=message):
        tune_thresholds([[1, 0], [0, 1]], [[0.9, 0.1], [0.2, 0.8]], constraint={"recall": limit})


def test_only_thresholds_can_be_judged_and_the_seed_is_checked():
    with pytest.raises(InvalidInput, match="must be Thresholds"):
        judge_thresholds([1, 0], [0.9, 0.1], 0.5)
    with pytest.raises(InvalidInput, match="random_state"):
        judge_thresholds([1, 0], [0.9, 0.1], Thresholds([0.5]), random_state=-1)


def test_the_analytic_rule_looks_at_no_label():
    p = np.array([[0.9, 0.1], [0.2, 0.3], [0.7, 0.05], [0.1, 0.02]])
    y = np.array([[1, 0], [0, 0], [1, 0], [0, 0]])
    t = tune_thresholds(y, p, rule="analytic")
    other = tune_thresholds(1 - y, p, rule="analytic")
    np.testing.assert_array_equal(t.values, other.values)
    assert t.absent == ("label_1",)
    assert tune_thresholds(y, np.zeros_like(p), rule="analytic").values.tolist() == [0.5, 0.5]

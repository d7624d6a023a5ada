"""Thresholds: brute force over all cuts, policy for labels that cannot be tuned, saving."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise import exact
from equipoise._errors import InvalidFile, InvalidInput
from equipoise.decision import Thresholds, tune_thresholds

METRICS = {
    "f1": {"metric": "f1"},
    "f2": {"metric": "f_beta", "beta": 2.0},
    "f0.5": {"metric": "f_beta", "beta": 0.5},
    "balanced_accuracy": {"metric": "balanced_accuracy"},
    "matthews_correlation": {"metric": "matthews_correlation"},
    "youden": {"metric": "youden"},
}


def measured(name, y, p, w):
    """The metric of decisions, by the public metrics; 0 where decisions are all alike."""
    options = {"average": None, "sample_weight": w, "undefined": "zero"}
    if name.startswith("f"):
        beta = float(name[1:])
        return float(exact.f_beta(y, p, beta=beta, **options)[0])
    if name == "youden":
        return 2 * float(exact.balanced_accuracy(y, p, **options)[0]) - 1
    return float(getattr(exact, name)(y, p, **options)[0])


def best_of_all_cuts(name, y, s, w):
    """(best metric, fewest predicted positives that reach it), cutting at every score and above."""
    found = []
    for cut in [*np.unique(s), np.inf]:
        p = s >= cut
        found.append((measured(name, y, p, w), int(p.sum())))
    best = max(value for value, _ in found)
    return best, min(count for value, count in found if value >= best - 1e-12)


def draw(rng, n, kind, dtype):
    y = (rng.random(n) < rng.choice([0.1, 0.5, 0.9])).astype(np.uint8)
    scores = {
        "ties": rng.integers(0, 4, size=n) / 3,
        "logits": rng.normal(size=n) * 3,
        "constant": np.full(n, 0.7),
        "neighbours": 0.5 + rng.integers(0, 3, size=n) * np.finfo(dtype).eps,
    }[kind]
    return y, scores.astype(dtype)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("kind", ["ties", "logits", "constant", "neighbours"])
def test_no_cut_is_better(name, kind):
    rng = np.random.default_rng(len(name) + len(kind))
    for i in range(40):
        y, s = draw(rng, int(rng.integers(2, 25)), kind, np.float32 if i % 2 else np.float64)
        y[:2] = 0, 1
        w = None
        if i % 3 == 0:
            w = rng.integers(0, 4, size=len(y)).astype(float)
            w[:2] = 1
        tuned = tune_thresholds(y, s, **METRICS[name], sample_weight=w)
        here = slice(None) if w is None else w > 0
        best, count = best_of_all_cuts(name, y[here], s[here], None if w is None else w[here])
        p = tuned.predict(s)
        assert measured(name, y, p, w) == pytest.approx(best, abs=1e-12)
        assert tuned.metric_values[0] == pytest.approx(best, abs=1e-12)
        assert int(p[here].sum()) == count
        assert tuned.absent == ()


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.booleans(), st.floats(-(2.0**100), 2.0**100, width=32)),
        min_size=2,
        max_size=12,
    ),
    st.sampled_from([np.float32, np.float64]),
)
def test_a_value_separates_two_neighbouring_scores_in_their_own_dtype(pairs, dtype):
    y = np.array([p[0] for p in pairs], dtype=np.uint8)
    s = np.array([p[1] for p in pairs], dtype=dtype)
    y[0] = 1
    tuned = tune_thresholds(y, s)
    value = tuned.values[0]
    assert value == dtype(value)  # no rounding where it is compared in the dtype of the scores
    upper, lower = s[s >= value].min(), s[s < value]
    assert measured("f1", y, s >= dtype(value), None) == tuned.metric_values[0]
    if len(lower):
        middle = float(lower.max()) / 2 + float(upper) / 2
        assert lower.max() < value <= upper
        assert abs(value - middle) <= np.spacing(dtype(abs(value))) or value == upper
    else:
        assert value == upper


def test_a_value_is_midway_by_hand():
    t = tune_thresholds([1, 1, 0, 0], [0.9, 0.6, 0.4, 0.1])
    assert (t.values[0], t.metric_values[0]) == (0.5, 1)
    all_positive = tune_thresholds([1, 1], [0.9, 0.6])
    assert all_positive.values[0] == 0.6  # nothing lies below
    up = np.nextafter(0.5, 1)
    assert tune_thresholds([1, 0], [up, 0.5]).values[0] == up  # no number lies between


def test_equally_good_cuts_predict_as_few_positives_as_possible():
    # Both the cut at .9 and the one at .7 have F1 = 2/3.
    y, s = [1, 0, 0, 1], [0.9, 0.8, 0.75, 0.7]
    assert exact.f_beta(y, [1, 0, 0, 0]) == exact.f_beta(y, [1, 1, 1, 1])
    assert tune_thresholds(y, s).predict(s).tolist() == [1, 0, 0, 0]


def test_nothing_is_predicted_where_that_is_best():
    y, s = [0, 0, 1], [0.9, 0.8, 0.1]  # every cut is at or below chance
    for metric in ("balanced_accuracy", "youden", "matthews_correlation"):
        for dtype in (np.float32, np.float64):
            scores = np.array(s, dtype=dtype)
            t = tune_thresholds(y, scores, metric)
            assert t.values[0] == np.nextafter(scores.max(), dtype(1))
            assert not t.predict(scores).any()
    heavy = tune_thresholds(
        [[0], [np.nan], [1], [0]],
        [[0.5], [0.9], [0.1], [0.95]],
        "youden",
        sample_weight=[1, 1, 1, 0],
    )
    assert heavy.values[0] == np.nextafter(0.5, 1)  # above the scores that count


def test_labels_that_cannot_be_tuned_have_the_value_of_the_policy_and_are_named():
    y = np.array([[1, 0, 1], [0, 0, 1]])
    probabilities = np.array([[0.9, 0.2, 0.3], [0.1, 0.8, 0.4]])
    t = tune_thresholds(y, probabilities)
    np.testing.assert_array_equal(t.values, [0.5, 0.5, 0.3])
    np.testing.assert_array_equal(t.metric_values, [1, np.nan, 1])
    assert t.absent == ("label_1",)
    t = tune_thresholds(y, probabilities, "youden")
    assert t.absent == ("label_1", "label_2")  # no negatives either
    t = tune_thresholds(y, probabilities * 3)
    np.testing.assert_allclose(t.values, [1.5, 0.0, 0.9])  # logits: one half is 0
    assert tune_thresholds(y, probabilities, absent=0.7).values[1] == 0.7
    unknown = np.where(y == 1, np.nan, 0.0)
    assert tune_thresholds(unknown, probabilities).absent == ("label_0", "label_1", "label_2")


def test_infinite_scores():
    t = tune_thresholds([1, 0, 0], [np.inf, 1.0, -np.inf])
    assert t.values[0] == np.finfo(float).max
    assert tune_thresholds([1, 0], [2.0, -np.inf]).values[0] == 2.0
    # A positive at -inf cannot be reached by a finite value: the best that can is taken.
    t = tune_thresholds([1, 1, 1], [-np.inf, 0.0, -np.inf])
    assert (t.values[0], t.metric_values[0]) == (0.0, 0.5)
    with pytest.raises(InvalidInput, match="No finite threshold makes the best decision"):
        tune_thresholds([0, 1], [np.inf, 0.0], "youden")


def test_many_labels_on_the_compiled_path_are_as_each_alone():
    rng = np.random.default_rng(0)
    y = (rng.random((20_000, 12)) < rng.random(12) * 0.3).astype(np.uint8)
    s = (rng.normal(size=y.shape) + y).astype(np.float32)
    w = rng.random(y.shape).astype(np.float32)
    for weights in (None, w):
        t = tune_thresholds(y, s, sample_weight=weights)
        p = t.predict(s)
        reached = exact.f_beta(y, p, average=None, sample_weight=weights)
        np.testing.assert_allclose(reached, t.metric_values, rtol=1e-12)
        for label in (0, 5, 11):
            own = None if weights is None else weights[:, label]
            alone = tune_thresholds(y[:, label], s[:, label], sample_weight=own)
            assert alone.values[0] == t.values[label]


# ----------------------------------------------------------------------------- the object


def test_predict_in_every_shape():
    t = Thresholds([0.5, 0.2])
    s = np.array([[0.5, 0.1], [0.4, 0.2]])
    np.testing.assert_array_equal(t.predict(s), [[1, 0], [0, 1]])
    assert t.predict(s).dtype == np.uint8
    assert t.predict(s[0]).shape == (2,)
    assert t.predict(np.zeros((3, 4, 2))).shape == (3, 4, 2)
    assert t.predict(np.zeros((0, 2))).shape == (0, 2)
    np.testing.assert_array_equal(t.predict(pd.DataFrame(s)), t.predict(s))
    assert Thresholds([0.5]).predict([0.6, 0.4]).tolist() == [1, 0]
    assert Thresholds([0.5]).predict([[0.6], [0.4]]).tolist() == [[1], [0]]


def test_predict_refuses_what_it_cannot_decide():
    t = Thresholds([0.5, 0.2], label_names=("a", "b"))
    for wrong in ([[0.1]], [0.1, 0.2, 0.3], 0.5, np.zeros((2, 1))):
        with pytest.raises(InvalidInput, match="`y_score` must have 2 columns"):
            t.predict(wrong)
    with pytest.raises(InvalidInput, match="`y_score` holds NaN"):
        t.predict([[0.1, np.nan]])
    with pytest.raises(InvalidInput, match="`y_score` must hold numbers"):
        t.predict([["a", "b"]])
    with pytest.raises(InvalidInput, match="not in the order of the labels"):
        t.predict(pd.DataFrame([[0.1, 0.2]], columns=["b", "a"]))
    with pytest.raises(InvalidInput, match="`y_score` must have 1 columns"):
        Thresholds([0.5]).predict([[0.1, 0.2]])


def test_thresholds_survive_saving(tmp_path):
    names = ["a,b", "Ü\n"]
    y = pd.DataFrame([[1, 0], [0, 0]], columns=names)
    t = tune_thresholds(y, [[0.9, 0.1], [0.3, 0.4]], "f_beta", beta=2)
    for same in (
        Thresholds.from_dict(t.to_dict()),
        Thresholds.from_dict(json.loads(json.dumps(t.to_dict(), allow_nan=False))),
        Thresholds.from_json(t.to_json(tmp_path / "thresholds.json")),
    ):
        np.testing.assert_array_equal(same.values, t.values)
        np.testing.assert_array_equal(same.metric_values, t.metric_values)
        assert same.label_names == t.label_names == tuple(names)
        assert (same.metric, same.beta, same.absent) == ("f_beta", 2, ("Ü\n",))


def test_saved_thresholds_that_are_broken_are_refused(tmp_path):
    good = Thresholds([0.5, 0.2]).to_dict()
    with pytest.raises(InvalidInput, match="This is not a saved Thresholds"):
        Thresholds.from_dict({**good, "kind": "Correction"})
    with pytest.raises(InvalidInput, match="newer equipoise"):
        Thresholds.from_dict({**good, "schema_version": 99})
    for key in ("values", "metric_values", "absent", "label_names"):
        with pytest.raises(InvalidInput, match="not complete"):
            Thresholds.from_dict({k: v for k, v in good.items() if k != key})
    with pytest.raises(InvalidInput, match="one finite threshold per label"):
        Thresholds.from_dict({**good, "values": [0.5, float("inf")]})
    with pytest.raises(InvalidInput, match="not complete"):
        Thresholds.from_dict({**good, "values": ["a", "b"]})
    with pytest.raises(InvalidFile, match="Cannot read"):
        Thresholds.from_json(tmp_path / "nothing.json")


def test_thresholds_that_do_not_fit_are_refused_and_cannot_be_changed():
    for wrong in ([], [[0.5]], [np.nan], 0.5):
        with pytest.raises(InvalidInput, match="one finite threshold per label"):
            Thresholds(wrong)
    with pytest.raises(InvalidInput, match="2 names but there are 1 labels"):
        Thresholds([0.5], label_names=("a", "b"))
    with pytest.raises(InvalidInput, match="`metric_values` must hold one value per label"):
        Thresholds([0.5], metric_values=[0.1, 0.2])
    with pytest.raises(InvalidInput, match="which is no label"):
        Thresholds([0.5], absent=("b",))
    t = Thresholds([0.5])
    with pytest.raises(ValueError, match="read-only"):
        t.values[0] = 0.1


def test_wrong_options_are_refused():
    y, s = [1, 0], [0.9, 0.1]
    with pytest.raises(InvalidInput, match="`metric` must be one of 'f1', 'f_beta'"):
        tune_thresholds(y, s, "accuracy")
    with pytest.raises(InvalidInput, match="`beta` is missing"):
        tune_thresholds(y, s, "f_beta")
    with pytest.raises(InvalidInput, match="`beta` has no meaning"):
        tune_thresholds(y, s, "f1", beta=2)
    with pytest.raises(InvalidInput, match="`beta` must be a number"):
        tune_thresholds(y, s, "f_beta", beta=-1)
    for wrong in ("none", np.inf, np.nan, None):
        with pytest.raises(InvalidInput, match="`absent` must be a number"):
            tune_thresholds(y, s, absent=wrong)
    with pytest.raises(InvalidInput, match="`y_score` holds NaN"):
        tune_thresholds(y, [0.9, np.nan])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.float32])
def test_the_highest_of_a_row_are_the_highest_in_every_dtype(dtype):
    scores = np.array([[0, 5, 3], [7, 0, 7]], dtype=dtype)
    found = Thresholds([1.0, 1.0, 1.0], labels_per_row=1).predict(scores)
    assert found.tolist() == [[0, 1, 0], [1, 0, 0]]
    assert Thresholds([0.5] * 2, labels_per_row=1).predict([[False, True]]).tolist() == [[0, 1]]


def test_bfloat16_scores_are_decided_as_they_are_tuned():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    y, scores = [1, 0, 1], np.array([0.9, 0.2, 0.7], dtype=bfloat16)
    assert tune_thresholds(y, scores).predict(scores).tolist() == y


def test_values_that_are_no_numbers_are_refused():
    with pytest.raises(InvalidInput, match="must hold numbers"):
        Thresholds(["a", "b"])

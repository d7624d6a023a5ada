import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidFile, InvalidInput, Undefined
from equipoise._kernels import row_weights
from equipoise.weights import SCHEMES

matrices = hnp.arrays(
    np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.sampled_from([0, 1, np.nan])
)


def question(n_rows=5000, positives=(2000, 500, 1000, 250)):
    """Counts of the motivating question."""
    y = np.zeros((n_rows, 4), dtype=int)
    for label, n in enumerate(positives):
        y[:n, label] = 1
    return y


def test_the_question_gets_the_weights_it_asked_for():
    weights = LabelWeights.from_targets(question(), scheme="inverse_frequency")
    assert weights.positive.tolist() == [2.5, 10.0, 5.0, 20.0]
    assert weights.negative.tolist() == [1.0] * 4
    asked = LabelWeights.from_class_weight({0: 2.5, 1: 10.0, 2: 5.0, 3: 20.0}, n_labels=4)
    assert asked.positive.tolist() == weights.positive.tolist()


def test_minimum_count_per_row():
    y = np.array([[1, 1, 0], [1, 0, 1], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 0]])
    weights = LabelWeights.from_targets(y, scheme="minimum_count")
    expected = [1 / 3, 1, 1 / 4, 1 / 3, 1 / 3]
    assert weights.for_rows(y, reduce="max")[:5] == pytest.approx(expected, abs=0)
    assert weights.for_rows(y)[5] == pytest.approx((1 / 3 + 1 + 1 / 4) / 3)
    assert weights.for_rows(y, unlabelled="min")[5] == 1 / 4
    assert weights.for_rows(y, unlabelled=7.0)[5] == 7.0


@pytest.mark.parametrize(
    ("scheme", "options", "expected"),
    [
        ("balanced", {"applies_to": "positives"}, [10 / 8, 10 / 4]),
        ("inverse_frequency", {}, [10 / 4, 10 / 2]),
        ("inverse_sqrt", {}, [np.sqrt(2.5), np.sqrt(5)]),
        ("median_frequency", {}, [3 / 4, 3 / 2]),
        ("effective_number", {"beta": 0.9}, [0.1 / (1 - 0.9**4), 0.1 / (1 - 0.9**2)]),
        ("log_smoothed", {}, [np.log(1 + 10 / 4), np.log(1 + 10 / 2)]),
        ("negative_positive_ratio", {}, [6 / 4, 8 / 2]),
        (
            "inverse_propensity",
            {"a": 0.5, "b": 0.4},
            [1 + (np.log(10) - 1) * 1.4**0.5 * (n + 0.4) ** -0.5 for n in (4, 2)],
        ),
        ("minimum_count", {}, [2 / 4, 2 / 2]),
    ],
)
def test_each_scheme_by_hand(scheme, options, expected):
    y = question(10, (4, 2))[:, :2]
    weights = LabelWeights.from_targets(y, scheme, **options)
    assert weights.positive == pytest.approx(expected, rel=1e-14)
    assert weights.negative.tolist() == [1, 1]


def test_effective_number_equals_the_printed_values():
    y = question(2000, (10, 50, 1000, 0))[:, :3]
    weights = LabelWeights.from_targets(y, "effective_number", beta=0.9).positive
    assert weights.round(3).tolist() == [0.154, 0.101, 0.1]


def test_balanced_is_scikit_learns_for_each_label():
    from sklearn.utils.class_weight import compute_class_weight

    y = question()
    weights = LabelWeights.from_targets(y)
    for label in range(4):
        classes = np.array([0, 1])
        negative, positive = compute_class_weight("balanced", classes=classes, y=y[:, label])
        assert weights.positive[label] == pytest.approx(positive, rel=1e-15)
        assert weights.negative[label] == pytest.approx(negative, rel=1e-15)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("applies_to", ["positives", "classes", "label"])
@given(y=matrices)
def test_weights_are_always_finite_and_unknown_cells_weigh_nothing(scheme, applies_to, y):
    weights = LabelWeights.from_targets(y, scheme, applies_to=applies_to)
    assert np.isfinite(weights.log_odds_shift).all()
    cells = weights.for_cells(y)
    expected = np.where(y == 1, weights.positive, np.where(y == 0, weights.negative, 0.0))
    np.testing.assert_array_equal(cells, expected)
    if applies_to == "label":
        np.testing.assert_array_equal(weights.positive, weights.negative)


@given(y=matrices, scheme=st.sampled_from(sorted(SCHEMES)))
def test_normalising_over_cells_keeps_the_shift_and_makes_the_mean_one(y, scheme):
    plain = LabelWeights.from_targets(y, scheme, applies_to="classes")
    scaled = LabelWeights.from_targets(y, scheme, applies_to="classes", normalize="cells")
    assert scaled.log_odds_shift == pytest.approx(plain.log_odds_shift, abs=1e-12)
    known = ~np.isnan(y)
    if known.any():
        assert scaled.for_cells(y)[known].mean() == pytest.approx(1.0)
    over_labels = LabelWeights.from_targets(y, scheme, normalize="labels")
    assert over_labels.positive.mean() == pytest.approx(1.0)


def test_order_is_power_then_cap_then_normalise():
    y = question(100, (1, 25, 50, 100))
    weights = LabelWeights.from_targets(
        y, "inverse_frequency", power=0.5, cap=4.0, normalize="labels"
    )
    capped = np.array([4.0, 2.0, np.sqrt(2), 1.0])
    assert weights.positive == pytest.approx(capped / capped.mean())


def test_absent_labels_follow_the_policy():
    y = question(10, (4, 2, 0, 10))
    largest = LabelWeights.from_targets(y, "inverse_frequency")
    assert largest.positive.tolist() == [2.5, 5.0, 5.0, 1.0]
    zero = LabelWeights.from_targets(y, absent="zero")
    assert zero.positive[2] == 0
    assert zero.negative[3] == 0
    with pytest.raises(Undefined, match="no log-odds shift.*'label_2', 'label_3'"):
        _ = zero.log_odds_shift
    with pytest.raises(InvalidInput, match="1 labels have no positive row.*'label_2'"):
        LabelWeights.from_targets(y, absent="error")
    smoothed = LabelWeights.from_targets(y, "negative_positive_ratio", smoothing=1)
    assert smoothed.positive == pytest.approx([7 / 5, 9 / 3, 11 / 1, 1 / 11])
    nothing_to_balance = LabelWeights.from_targets(y, "negative_positive_ratio")
    assert nothing_to_balance.positive[3] == 1.0
    every = LabelWeights.from_targets(np.zeros((3, 2)), "inverse_frequency")
    assert every.positive.tolist() == [1.0, 1.0]


def test_a_function_is_a_scheme():
    weights = LabelWeights.from_targets(question(), lambda positives, n_rows: n_rows / positives)
    assert weights.positive.tolist() == [2.5, 10.0, 5.0, 20.0]
    with pytest.raises(InvalidInput, match="one weight per label"):
        LabelWeights.from_targets(question(), lambda positives, n_rows: 1.0)
    with pytest.raises(InvalidInput, match="finite weights of at least 0.*-1.0 for label"):
        LabelWeights.from_targets(question(), lambda positives, n_rows: -np.ones(4))


def test_three_readings_of_a_class_weight():
    names = ["cat", "dog"]
    positives = LabelWeights.from_class_weight({"cat": 3, "dog": 1}, label_names=names)
    whole = LabelWeights.from_class_weight({0: 3, 1: 1}, 2, applies_to="label")
    pairs = LabelWeights.from_class_weight(
        {"cat": {0: 0.5, 1: 3}, "dog": {0: 1, 1: 1}}, label_names=names
    )
    assert (positives.positive.tolist(), positives.negative.tolist()) == ([3, 1], [1, 1])
    assert (whole.positive.tolist(), whole.negative.tolist()) == ([3, 1], [3, 1])
    assert (pairs.positive.tolist(), pairs.negative.tolist()) == ([3, 1], [0.5, 1])
    filled = LabelWeights.from_class_weight({1: 2}, 3, default=1.0)
    assert filled.positive.tolist() == [1, 2, 1]


@pytest.mark.parametrize(
    ("class_weight", "message"),
    [
        ({0: 1}, "no entry for 1 of 2 labels.*'dog'.*default=1.0"),
        ({0: 1, 2: 1}, "names the label 2, which does not exist"),
        ({0: 1, "dgo": 1}, "Did you mean 'dog'"),
        ({0: 1, "cat": 2, 1: 1}, "names a label twice"),
        ({0: 1, 1: -2}, r"class_weight\[1\]` must be a number in \[0"),
        ({0: 1, 1: float("nan")}, "must be a number"),
        ({0: 1, 1: True}, "must be a number"),
        ({0: 1, True: 1}, "names the label True"),
        ({0: 1, 1: {1: 2}}, r"pair of weights for label 'dog' must be \{0: ..., 1: ...\}"),
        ([1, 2], "must be a dictionary"),
    ],
)
def test_a_wrong_class_weight_is_refused(class_weight, message):
    with pytest.raises(InvalidInput, match=message):
        LabelWeights.from_class_weight(class_weight, label_names=["cat", "dog"])


@pytest.mark.parametrize("reduction", row_weights.REDUCTIONS)
def test_row_weights_by_brute_force_and_compiled_equal_numpy(reduction, monkeypatch):
    rng = np.random.default_rng(0)
    y = (rng.random((50, 6)) < 0.3).astype(np.uint8)
    weights = LabelWeights(rng.random(6) + 0.5, np.ones(6), tuple("abcdef"))
    function = {"max": max, "mean": np.mean, "sum": sum, "product": np.prod}[reduction]
    expected = [function(weights.positive[row == 1]) if row.any() else 9.0 for row in y]
    forms = (y, y.T.copy().T, sparse.csr_array(y), np.where(y == 0, np.nan, 1) * y)
    for form in forms[:3]:
        by_numpy = weights.for_rows(form, reduction, unlabelled=9.0)
        assert by_numpy == pytest.approx(expected, rel=1e-14)
    monkeypatch.setattr(row_weights, "SMALL", 0)
    for form in forms[:3]:
        by_numba = weights.for_rows(form, reduction, unlabelled=9.0)
        assert by_numba == pytest.approx(expected, rel=1e-14)


def test_unknown_cells_do_not_weigh_in_rows():
    weights = LabelWeights([2.0, 8.0], [1.0, 1.0], ("a", "b"))
    assert weights.for_rows([[1, -1], [0, 1], [0, 0]], "sum").tolist() == [2.0, 8.0, 5.0]


def test_cells_keep_the_shape_of_y():
    weights = LabelWeights([2.0, 8.0], [1.0, 1.0], ("a", "b"))
    assert weights.for_cells(np.ones((3, 4, 2))).shape == (3, 4, 2)
    assert weights.for_cells(sparse.csr_array(np.eye(2))).tolist() == [[2.0, 1.0], [1.0, 8.0]]


def test_saved_is_loadable(tmp_path):
    weights = LabelWeights.from_targets(question(), label_names=["a", "<b>", "日本", "d, e"])
    path = weights.to_json(tmp_path / "weights.json")
    again = LabelWeights.from_json(path)
    assert again.positive.tolist() == weights.positive.tolist()
    assert again.negative.tolist() == weights.negative.tolist()
    assert again.label_names == weights.label_names
    before = path.read_text()
    with pytest.raises(InvalidFile, match="Cannot write"):
        weights.to_json(tmp_path / "no folder" / "weights.json")
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["weights.json"]
    path.write_text(before[:40])
    with pytest.raises(InvalidFile, match="not a JSON file"):
        LabelWeights.from_json(path)
    path.write_text(json.dumps({**weights.to_dict(), "schema_version": 2}))
    with pytest.raises(InvalidInput, match="newer equipoise"):
        LabelWeights.from_json(path)


def test_wrong_options_are_refused():
    stats = LabelStats.from_targets(question())
    for options, message in [
        ({"scheme": "balance"}, "Did you mean 'balanced'"),
        ({"scheme": 3}, "must be a name or a function"),
        ({"scheme": "inverse_sqrt", "beta": 0.9}, "has no option 'beta'"),
        ({"scheme": "effective_number", "bta": 0.9}, "Did you mean 'beta'"),
        ({"scheme": "effective_number", "beta": 1.0}, r"`beta` must be a number in \(0, 1\)"),
        ({"power": -1}, "`power`"),
        ({"cap": 0}, "`cap`"),
        ({"smoothing": float("nan")}, "`smoothing`"),
        ({"normalize": "mean"}, "`normalize` must be one of"),
        ({"applies_to": "rows"}, "`applies_to` must be one of"),
    ]:
        with pytest.raises(InvalidInput, match=message):
            LabelWeights.from_stats(stats, **options)
    weights = LabelWeights.from_stats(stats)
    with pytest.raises(InvalidInput, match="4 label weights but `y` has 2 labels"):
        weights.for_cells([[0, 1]])
    with pytest.raises(InvalidInput, match="`reduce` must be one of"):
        weights.for_rows(question(), "median")
    with pytest.raises(InvalidInput, match="one weight per label"):
        LabelWeights([1.0], [1.0, 2.0], ("a", "b"))

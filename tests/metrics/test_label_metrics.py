import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import (
    CUTS,
    MAKERS,
    NAMES,
    OVER_LABELS,
    cells,
    exact_of,
    fed,
    numbers,
    or_nan,
    per_label,
)

from equipoise import exact, metrics
from equipoise._errors import InvalidInput
from equipoise.decision import Thresholds

pytestmark = pytest.mark.keras

SUMS = [name for name in OVER_LABELS if name not in ("ROCAUC", "AveragePrecision")]
few = settings(max_examples=12, deadline=None)


@pytest.mark.parametrize("name", SUMS)
@few
@given(cells(), st.sampled_from(["macro", "micro", "weighted"]), st.sampled_from(["skip", "zero"]))
def test_a_stream_gives_the_exact_metric(name, drawn, average, undefined):
    y, p, w = drawn
    metric = fed(
        MAKERS[name](average=average, per_label=True, label_names=NAMES, undefined=undefined),
        *drawn,
    )
    wanted = exact_of(name, y, p, average=None, sample_weight=w)
    np.testing.assert_allclose(per_label(metric), wanted, rtol=1e-5, atol=1e-6)
    options = {"average": average, "sample_weight": w}
    if undefined == "zero" and name not in (
        "HammingLoss",
        "ExpectedCalibrationError",
        "BrierScore",
    ):
        options["undefined"] = "zero"
    mean = or_nan(exact_of, name, y, p, **options)
    result = numbers(metric.result())
    assert result[metric.name] == pytest.approx(mean, rel=1e-5, abs=1e-6, nan_ok=True)
    assert result[f"{metric.name}_undefined"] == np.isnan(wanted).sum()
    assert metric.undefined_labels() == tuple(np.array(NAMES)[np.isnan(wanted)])
    scalar = fed(MAKERS[name](average=average, undefined=undefined), *drawn)
    assert numbers(scalar.result()) == pytest.approx(result[metric.name], nan_ok=True)


@pytest.mark.parametrize("name", ["ROCAUC", "AveragePrecision"])
@settings(max_examples=15, deadline=None)
@given(cells(), st.sampled_from(["macro", "micro", "weighted"]))
def test_exact_value_and_result_are_both_within_the_bounds(name, drawn, average):
    y, p, w = drawn
    metric = fed(MAKERS[name](average=average, per_label=True, label_names=NAMES), *drawn)
    low, high = metric.bounds()
    result = numbers(metric.result())
    each = exact_of(name, y, p, average=None, sample_weight=w)
    wanted = {f"{metric.name}/{label}": value for label, value in zip(NAMES, each, strict=True)}
    wanted[metric.name] = or_nan(exact_of, name, y, p, average=average, sample_weight=w)
    assert low.keys() == high.keys() == wanted.keys()
    for key, value in wanted.items():
        if np.isnan(value):
            assert np.isnan([low[key], high[key], result[key]]).all()
            continue
        for inside in (value, result[key]):
            assert low[key] - 2e-6 <= inside <= high[key] + 2e-6
    if name == "ROCAUC":  # the stated bound: half of the pairs inside a bin
        assert np.nan_to_num(per_label(metric)) == pytest.approx(
            np.nan_to_num([(low[k] + high[k]) / 2 for k in list(low)[1:]]), abs=2e-6
        )


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9]), min_size=12, max_size=12), cells())
def test_roc_auc_is_exact_where_only_ties_share_a_bin(scores, drawn):
    y, _, w = drawn
    p = np.repeat(np.array(scores, "float32")[:, None], 3, axis=1)
    metric = fed(metrics.ROCAUC(per_label=True), y, p, w)
    wanted = exact_of("ROCAUC", y, p, average=None, sample_weight=w)
    np.testing.assert_allclose(per_label(metric), wanted, rtol=1e-5, atol=1e-6)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(12)), st.lists(st.booleans(), min_size=12, max_size=12))
def test_average_precision_is_exact_where_no_bin_is_shared(order, labels):
    y = np.array(labels, "float32")[:, None]
    z = (np.array(order, "float32") - 6)[:, None]
    metric = fed(metrics.AveragePrecision(from_logits=True), y, z)
    wanted = or_nan(exact.average_precision, y, z)
    assert numbers(metric.result()) == pytest.approx(wanted, rel=1e-5, nan_ok=True)


def test_scores_that_crowd_near_0_are_told_apart_where_keras_is_blind():
    rng = np.random.default_rng(0)
    y = (rng.random((30_000, 1)) < 0.005).astype("float32")
    p = (1 / (1 + np.exp(7.85 - 3 * y - 1.5 * rng.normal(size=y.shape)))).astype("float32")
    assert np.mean(p < 1 / 199) > 0.94
    truth = {"ROC": exact.roc_auc(y, p), "PR": exact.average_precision(y, p)}
    ours = {"ROC": metrics.ROCAUC(), "PR": metrics.AveragePrecision()}
    for curve, metric in ours.items():
        peer = keras.metrics.AUC(curve=curve, multi_label=True, num_labels=1)
        for each in (metric, peer):
            fed(each, y, p, batch=10_000)
        low, high = metric.bounds()
        assert low <= truth[curve] <= high
        assert high - low < 0.06
        error = abs(numbers(metric.result()) - truth[curve])
        assert error < 0.005
        assert error < abs(numbers(peer.result()) - truth[curve]) / 2
        assert bytes_of(metric) <= bytes_of(peer)


def bytes_of(metric):
    return sum(int(np.prod(v.shape)) * 4 for v in metric.variables)


@pytest.mark.parametrize("name", OVER_LABELS)
@pytest.mark.parametrize("label", [0.0, 1.0])
def test_one_row_is_enough(name, label):
    y, p = np.array([[label, 1 - label, np.nan]], "float32"), np.array([[0.2, 0.8, 0.9]], "float32")
    metric = fed(MAKERS[name](per_label=True), y, p)
    wanted = exact_of(name, y, p, average=None)
    if name == "AveragePrecision":
        wanted = np.where(np.isnan(wanted), np.nan, 1.0)
    np.testing.assert_allclose(per_label(metric), wanted, rtol=1e-6)


@pytest.mark.parametrize("name", ["ROCAUC", "AveragePrecision", "BrierScore"])
def test_logits_are_read_as_logits(name):
    rng = np.random.default_rng(1)
    y, z = (rng.random((40, 3)) < 0.3).astype("float32"), rng.normal(size=(40, 3)).astype("float32")
    p = (1 / (1 + np.exp(-z))).astype("float32")
    results = [
        numbers(fed(MAKERS[name](from_logits=logits), y, s, batch=20).result())
        for logits, s in ((True, z), (False, p))
    ]
    assert results[0] == pytest.approx(results[1], rel=1e-3)


def test_logits_have_no_end():
    y = np.array([[0.0], [0.0], [1.0], [1.0]])
    for z in ([[-np.inf], [-1e30], [1e30], [np.inf]], [[-900.0], [-300.0], [-100.0], [-40.0]]):
        metric = fed(metrics.ROCAUC(from_logits=True), y, np.array(z, "float32"))
        assert numbers(metric.result()) == 1.0


def test_thresholds_cut_where_exact_comparison_cuts():
    # 0.7 is no float32: the next one below it must not pass.
    below, above = np.nextafter(np.float32(0.7), np.float32([0, 1]))
    p = np.array([[below], [np.float32(0.7)], [above]])
    for cut in (0.7, [0.7], Thresholds([0.7], ("only",))):
        metric = metrics.FBeta(threshold=cut, per_label=True)
        metric.update_state(np.ones((3, 1)), p)
        said = Thresholds([0.7]).predict(p).sum()
        assert numbers(metric.result())["f_beta"] == pytest.approx(2 * said / (said + 3))


def test_default_threshold_is_even_odds_and_thresholds_bring_their_names():
    y, z = np.array([[1.0], [0.0]]), np.array([[0.2], [-0.2]], "float32")
    metric = metrics.MatthewsCorrelation(from_logits=True)
    metric.update_state(y, z)
    assert numbers(metric.result()) == 1.0
    assert metrics.FBeta(threshold=Thresholds(CUTS, NAMES)).names == NAMES


def test_large_counts_do_not_overflow():
    metric = metrics.MatthewsCorrelation()
    y = np.array([[1.0], [1.0], [0.0], [0.0]])
    metric.update_state(
        y, np.array([[0.9], [0.1], [0.9], [0.1]]), np.array([3e12, 1e12, 1e12, 3e12])
    )
    assert numbers(metric.result()) == pytest.approx(0.5)


def test_soft_labels_split_their_weight():
    soft = fed(metrics.FBeta(), np.array([[0.25]]), np.array([[0.9]]))
    assert numbers(soft.result()) == pytest.approx(2 * 0.25 / (2 * 0.25 + 0.75))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.FBeta(beta=0), "`beta` must be a number in"),
        (lambda: metrics.FBeta(average="samples"), "`average` must be one of"),
        (lambda: metrics.FBeta(undefined="nan"), "`undefined` must be one of"),
        (lambda: metrics.FBeta(per_label=1), "`per_label` must be one of"),
        (lambda: metrics.FBeta(from_logits="yes"), "`from_logits` must be one of"),
        (lambda: metrics.FBeta(threshold="high"), "`threshold` must be a number"),
        (lambda: metrics.FBeta(threshold=[0.1, np.nan]), "`threshold` must be a finite number"),
        (lambda: metrics.FBeta(threshold=[0.1], label_names=NAMES), "`threshold` has 1 entries"),
        (
            lambda: metrics.FBeta(threshold=Thresholds(CUTS, NAMES), label_names=NAMES[::-1]),
            "other labels than `label_names`",
        ),
        (
            lambda: metrics.FBeta(threshold=Thresholds(CUTS, labels_per_row=2)),
            "how to keep to `labels_per_row`",
        ),
        (lambda: metrics.ROCAUC(n_bins=7), "`n_bins` must be even"),
        (lambda: metrics.AveragePrecision(n_bins=0), "`n_bins` must be a whole number"),
        (lambda: metrics.ExpectedCalibrationError(n_bins=0), "`n_bins` must be a whole number"),
        (lambda: metrics.BrierScore(label_names=["a", "a"]), "same name more than once"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()

"""Plots: their data are the metrics; they are drawn at five labels and at five hundred."""

import matplotlib
import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_curve

from equipoise import exact, plots
from equipoise._errors import InvalidInput
from equipoise.decision import Thresholds, tune_thresholds
from equipoise.plots import data
from equipoise.report.figures import draw
from equipoise.targets import as_targets


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(800, 5)) + np.linspace(-4, 0, 5)
    return (rng.random(z.shape) < expit(z)).astype(float), expit(z)


def line(figure, name):
    return next(np.array(s["y"]) for s in figure["series"] if s["title"] == name)


def test_precision_against_recall_is_the_metric(scored):
    y, p = scored
    figure = data.precision_recall(y, p, labels=2)
    expected = exact.precision_at_recall(y, p, np.linspace(0, 1, 101), average=None)
    for i in range(5):
        np.testing.assert_allclose(line(figure, f"label_{i}"), expected[i])
    np.testing.assert_allclose(figure["mean"]["y"], expected.mean(axis=0))
    assert figure["named"] == ["label_4", "label_0"]  # the most and the least frequent


def test_roc_is_scikit_learns(scored):
    y, p = scored
    rounded = np.round(p, 1)  # ties
    figure = data.roc(y, rounded)
    for i in range(5):
        fpr, tpr, _ = roc_curve(y[:, i], rounded[:, i])
        expected = np.interp(np.linspace(0, 1, 101), fpr, tpr)
        inside = slice(1, None)  # at 0 a curve may rise straight up
        np.testing.assert_allclose(line(figure, f"label_{i}")[inside], expected[inside])


def test_the_threshold_curve_is_the_metric_at_every_threshold(scored):
    y, p = scored
    figure = data.threshold_curve(y, p, "label_2")
    for place in range(0, len(figure["x"]), 37):
        decided = p[:, 2] >= figure["x"][place]
        f1 = exact.f_beta(y[:, 2], decided, undefined="zero")
        assert figure["y"][place] == pytest.approx(f1)
    assert all(
        a <= b <= c for a, b, c in zip(*(figure[k] for k in ("low", "y", "high")), strict=True)
    )
    best = tune_thresholds(y[:, 2], p[:, 2])
    assert figure["chosen"]["x"] == best.values[0]
    assert figure["chosen"]["y"] == pytest.approx(best.metric_values[0])
    given = data.threshold_curve(y, p, 2, "balanced_accuracy", threshold=0.5)
    assert given["chosen"]["y"] == pytest.approx(exact.balanced_accuracy(y[:, 2], p[:, 2] >= 0.5))


def test_histograms_are_shares_of_known_cells(scored):
    y, p = scored
    unknown = y.copy()
    unknown[:200] = np.nan
    t = Thresholds(np.full(5, 0.3))
    figure = data.score_histograms(unknown, p, thresholds=t)
    assert len(figure["names"]) == 5
    for side, value in (("positive", 1), ("negative", 0)):
        for name, shares in zip(figure["names"], figure[side], strict=True):
            label = int(name[-1])
            own = p[200:, label][y[200:, label] == value]
            expected, _ = np.histogram(own, bins=figure["edges"])
            np.testing.assert_allclose(shares, expected / len(own))
    assert figure["marks"] == [0.3] * 5


def test_labels_without_positives_have_no_line(scored):
    y, p = scored
    y = y.copy()
    y[:, 1] = 0
    assert len(data.precision_recall(y, p)["series"]) == 4
    assert data.label_scores(y, p)["values"][1] is None
    with pytest.raises(InvalidInput, match="is always there, or never"):
        plots.threshold_curve(y, p, "label_1")
    with pytest.raises(InvalidInput, match="No label has a curve"):
        plots.roc(np.zeros((3, 2)), np.zeros((3, 2)))


@pytest.mark.parametrize("n_labels", [1, 5, 500])
def test_every_plot_is_drawn_at_any_number_of_labels(n_labels, tmp_path):
    rng = np.random.default_rng(1)
    p = rng.random((60, n_labels))
    y = (rng.random(p.shape) < p).astype(int)
    y[0], y[1] = 1, 0
    names = [f"$x_{i}$ <b> {'long ' * 20}" for i in range(n_labels)]
    targets = as_targets(y, label_names=names)
    before = dict(matplotlib.rcParams)
    for figure in (
        plots.precision_recall(targets, p),
        plots.roc(targets, p),
        plots.reliability(targets, p, names[:1]),
        plots.threshold_curve(targets, p, names[0]),
        plots.score_histograms(targets, p),
        plots.label_scores(targets, p, "roc_auc"),
    ):
        figure.savefig(tmp_path / "plot.png", dpi=20)
        legends = [axes.get_legend() for axes in figure.axes]
        shown = [text.get_text() for legend in legends if legend for text in legend.get_texts()]
        assert len(shown) <= 8
        assert all(len(text) <= 30 for text in shown)
    assert dict(matplotlib.rcParams) == before


def test_the_same_figures_go_into_reports(scored):
    y, p = scored
    for figure in (
        data.precision_recall(y, p),
        data.threshold_curve(y, p),
        data.score_histograms(y, p),
        data.label_scores(y, p),
    ):
        assert draw(figure).startswith("<svg role")


def test_mistakes_are_told(scored):
    y, p = scored
    with pytest.raises(InvalidInput, match="Did you mean 'label_1'"):
        plots.precision_recall(y, p, ["label_l1"])
    with pytest.raises(InvalidInput, match="holds infinity"):
        plots.score_histograms(y, np.where(p > 0.9, np.inf, p))
    with pytest.raises(InvalidInput, match="`metric` must be one of"):
        plots.label_scores(y, p, "f1")
    with pytest.raises(InvalidInput, match="no label 7"):
        plots.threshold_curve(y, p, 7)


def test_the_band_of_a_metric_below_0_holds_its_line():
    rng = np.random.default_rng(0)
    y, scores = rng.random((60, 1)) < 0.4, rng.random((60, 1))
    for metric in ("matthews_correlation", "youden", "balanced_accuracy"):
        band = data.threshold_curve(y, scores - 0.5 * y, 0, metric)
        low, line, high = (np.array(band[name]) for name in ("low", "y", "high"))
        assert (low <= line).all()
        assert (line <= high).all()
        assert metric == "balanced_accuracy" or line.min() < 0


def test_curves_refuse_what_they_cannot_show():
    y, scores = [[1, 0], [0, 1], [1, 1]], np.array([[0.9, 0.1], [0.2, np.inf], [0.4, 0.3]])
    with pytest.raises(InvalidInput, match="infinity"):
        data.threshold_curve(y, scores, 1)
    with pytest.raises(InvalidInput, match="no curve of metric"):
        data.threshold_curve(y, scores, 0, "cost")
    with pytest.raises(InvalidInput, match="1 thresholds for 2 labels"):
        data.score_histograms(y, np.minimum(scores, 1), thresholds=Thresholds([0.5]))


def test_one_name_is_one_label_and_a_number_of_numpy_a_number():
    targets = as_targets([[1, 0], [0, 1], [1, 1]], label_names=["ab", "a"])
    scores = [[0.9, 0.1], [0.2, 0.8], [0.4, 0.3]]
    assert data.precision_recall(targets, scores, "ab")["named"] == ["ab"]
    assert len(data.precision_recall(targets, scores, np.int64(1))["named"]) == 1
    assert [s["title"] for s in data.reliability(targets, scores, "ab")["series"]][1:] == ["ab"]


@pytest.mark.parametrize("figure", ["precision_recall", "roc", "reliability", "label_scores"])
@pytest.mark.parametrize("of", ["rows", "column", "cells"])
def test_weights_count_as_repeated_rows(figure, of):
    rng = np.random.default_rng(3)
    y = rng.random((40, 3)) < 0.4
    p = np.round(rng.random(y.shape), 2)
    w = rng.integers(0, 4, 40)
    shaped = {"rows": w, "column": w[:, None], "cells": np.repeat(w[:, None], 3, axis=1)}[of]
    draw = getattr(data, figure)
    weighted = draw(y, p, sample_weight=shaped)
    repeated = draw(np.repeat(y, w, axis=0), np.repeat(p, w, axis=0))
    if figure == "label_scores":
        np.testing.assert_allclose(weighted["values"], repeated["values"], rtol=1e-12)
        return
    for one, other in zip(weighted["series"], repeated["series"], strict=True):
        numbers = [key for key in one if key != "title"]
        if figure == "reliability":  # counts for its intervals are those of the rows there are
            numbers = ["cells", "predicted", "observed"]
        for key in numbers:
            np.testing.assert_allclose(one[key], other[key], rtol=1e-12)

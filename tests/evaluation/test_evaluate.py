"""evaluate: its numbers are those of the exact metrics; its report shows them."""

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from equipoise import exact
from equipoise._errors import InvalidInput
from equipoise.decision import Thresholds, tune_thresholds
from equipoise.evaluation import evaluate
from equipoise.evaluation.document import TITLES


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(0)
    z = rng.normal(scale=2, size=(600, 6)) + np.linspace(-4, 0, 6)
    y = (rng.random(z.shape) < expit(z)).astype(float)
    y[:, 1] = 0  # no positive at all
    return y, expit(z)


def test_the_numbers_are_those_of_the_exact_metrics(scored):
    y, p = scored
    judged = evaluate(y, p, 0.3)
    decided = p >= 0.3
    assert judged.overall["macro_ap"] == exact.average_precision(y, p, average="macro")
    assert judged.overall["micro_auc"] == exact.roc_auc(y, p, average="micro")
    assert judged.overall["macro_f1"] == exact.f_beta(y, decided, average="macro")
    assert judged.overall["subset_accuracy"] == exact.subset_accuracy(y, decided)
    assert judged.overall["log_loss"] == exact.log_loss(y, p, average="micro")
    assert judged.undefined["macro_ap"] == ("label_1",)
    np.testing.assert_array_equal(judged.by_label["auc"], exact.roc_auc(y, p, average=None))
    assert np.isnan(judged.by_label["auc"][1])
    assert set(judged.overall) <= set(TITLES)
    best = tune_thresholds(y, p, confidence=0.95)
    np.testing.assert_array_equal(judged.best.values, best.values)
    np.testing.assert_array_equal(judged.best.corrected_values, best.corrected_values)
    assert [f["kind"] for f in judged.figures] == ["bundle", "scatter", "reliability"]


def test_log_odds_are_the_probabilities_they_stand_for(scored):
    y, p = scored
    a, b = evaluate(y, p), evaluate(y, logit(p), from_logits=True)
    assert a.overall.keys() == b.overall.keys()
    for name, value in a.overall.items():
        assert b.overall[name] == pytest.approx(value, rel=1e-9)
    assert evaluate(y, logit(p), 0.0, from_logits=True).overall["macro_f1"] == a.overall["macro_f1"]


def test_scores_that_are_no_probabilities_are_ranked_and_decided_only(scored):
    y, p = scored
    judged = evaluate(y, 10 * p - 3, tune="shrunk")
    assert "reliability" not in [f["kind"] for f in judged.figures]
    assert "log_loss" not in judged.overall
    assert (judged.thresholds.values == 0).all()
    assert judged.overall["macro_auc"] == exact.roc_auc(y, p, average="macro")
    assert "no probabilities" in str(judged)


def test_unknown_cells_and_weights_count_for_nothing(scored):
    y, p = scored
    unknown, w = y.copy(), np.ones(y.shape)
    unknown[:300, 3] = np.nan
    w[:300, 3] = 0
    a, b = evaluate(unknown, p), evaluate(y, p, sample_weight=w)
    for name in b.overall:
        assert a.overall[name] == pytest.approx(b.overall[name], rel=1e-12), name
    np.testing.assert_allclose(a.thresholds.intervals, b.thresholds.intervals)


def test_the_report_says_it_all_and_survives_names(scored, tmp_path):
    y, p = scored
    names = ["<script>alert(1)</script>", "ü", "a,b", "d|e", "$x$", "f"]
    from equipoise.targets import as_targets

    judged = evaluate(as_targets(y, label_names=names), p, Thresholds(np.full(6, 0.2), names))
    html = judged.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert html.count('<svg role="img"') == 5
    markdown = judged.report(tmp_path / "r.md").read_text(encoding="utf-8")
    assert "macro average precision" in markdown
    payload = json.loads(judged.to_json(tmp_path / "r.json").read_text(encoding="utf-8"))
    assert payload["overall"]["macro_f1"] == judged.overall["macro_f1"]
    assert payload["labels"][-1]["average_precision"] is None  # the label without positives
    assert "fewer than 50 positives" in str(judged)
    assert "<table" in judged._repr_html_()


def test_nothing_but_negatives_is_told_not_raised():
    y, p = np.zeros((20, 2)), np.full((20, 2), 0.3)
    judged = evaluate(y, p)
    assert np.isnan(judged.overall["macro_ap"])
    assert judged.best.absent == ("label_0", "label_1")
    assert "in no macro average" in str(judged)


@pytest.mark.parametrize("n_labels", [1, 2])
def test_few_labels(n_labels):
    rng = np.random.default_rng(1)
    p = rng.random((50, n_labels))
    y = (rng.random(p.shape) < p).astype(int)
    judged = evaluate(y, p)
    assert 0 <= judged.overall["macro_f1"] <= 1
    assert "ndcg_at_5" not in judged.overall


def test_wrong_input_is_refused(scored):
    y, p = scored
    with pytest.raises(InvalidInput, match="for the labels of `y_true`"):
        evaluate(y, p, Thresholds([0.5]))
    with pytest.raises(InvalidInput, match="`thresholds` must be a number"):
        evaluate(y, p, "half")
    with pytest.raises(InvalidInput, match="one column per label"):
        evaluate(y, p[:, :2])
    with pytest.raises(InvalidInput, match="must be a number"):
        evaluate(y, logit(p), Thresholds(np.zeros(6)), from_logits=True)


def test_log_odds_are_ranked_where_probabilities_are_all_one():
    rng = np.random.default_rng(0)
    y, scores = rng.random((50, 2)) < 0.4, rng.random((50, 2))
    far = evaluate(y, 100 * scores + 60, from_logits=True, tune=None)
    assert far.overall["macro_auc"] == exact.roc_auc(y, scores, average="macro")
    assert (far.by_label["auc"] == exact.roc_auc(y, scores, average=None)).all()


def test_a_number_of_numpy_is_a_threshold_of_log_odds():
    y, z = [[1], [0], [1]], [[0.4], [-1.0], [0.2]]
    found = evaluate(y, z, np.float32(0.25), from_logits=True, tune=None)
    assert found.by_label["recall"].tolist() == [0.5]


def test_weights_of_rows_on_leading_axes_are_no_weights_of_cells():
    rng = np.random.default_rng(0)
    y, p = rng.random((2, 5, 3)) < 0.5, rng.random((2, 5, 3))
    found = evaluate(y, p, sample_weight=np.ones((2, 5)), tune=None)
    assert found.overall["subset_accuracy"] == exact.subset_accuracy(y, p >= 0.5)

"""Cuts: the counts at each are those of all rows, and the threshold in use is one of them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from equipoise.decision import Thresholds
from equipoise.evaluation import evaluate
from equipoise.evaluation.cuts import threshold_cuts
from equipoise.evaluation.document import full_document
from equipoise.exact.cells import read_scored
from equipoise.report import to_html
from equipoise.report.check import check_document
from equipoise.targets import as_targets


def cuts_of(y, scores, values, weights=None):
    thresholds = Thresholds(values, as_targets(y).label_names)
    return threshold_cuts(read_scored(as_targets(y), scores, weights), thresholds)


def assert_counted(label, y, scores, weights):
    """The sums of all rows whose score reaches the cut; unknown cells are left out."""
    known = ~np.isnan(y)
    for cut, tp, fp in zip(label["cuts"], label["tp"], label["fp"], strict=True):
        reached = known & (scores >= cut)
        assert tp == pytest.approx(weights[reached & (y == 1)].sum(), rel=1e-5)
        assert fp == pytest.approx(weights[reached & (y == 0)].sum(), rel=1e-5)
    assert label["positives"] == pytest.approx(weights[known & (y == 1)].sum(), rel=1e-5)
    assert label["negatives"] == pytest.approx(weights[known & (y == 0)].sum(), rel=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    scores=npst.arrays(
        np.float64,
        st.tuples(st.integers(1, 40), st.integers(1, 3)),
        elements=st.sampled_from([0.0, 0.1, 0.25, 0.3, 1 / 3, 0.999999, 1.0, 1e-7, -3.5, 12345.6]),
    ),
    seed=st.integers(0, 1000),
    weighted=st.sampled_from([None, "rows", "cells"]),
    chosen=st.sampled_from([0.5, 1 / 3, -3.5, 1e9]),
)
def test_counts_are_those_of_all_rows(scores, seed, weighted, chosen):
    rng = np.random.default_rng(seed)
    y = rng.choice([0.0, 1.0, np.nan], scores.shape, p=[0.5, 0.4, 0.1])
    y[0] = 0.0  # so that labels of nothing else are no classes
    shape = {None: None, "rows": (len(y), 1), "cells": y.shape}[weighted]
    weights = None if shape is None else rng.integers(0, 4, shape).astype(float)
    found = {one["name"]: one for one in cuts_of(y, scores, [chosen] * y.shape[1], weights)}
    for i in range(y.shape[1]):
        label = found[f"label_{i}"]
        cuts = np.array(label["cuts"])
        assert (np.diff(cuts) > 0).all()
        assert cuts[label["chosen"]] == chosen  # to the last digit
        whole = np.ones(y.shape) if weights is None else np.broadcast_to(weights, y.shape)
        assert_counted(label, y[:, i], scores[:, i], whole[:, i])


def test_cuts_reach_from_all_rows_to_the_highest_and_are_as_fine_as_the_size_allows():
    rng = np.random.default_rng(0)
    scores = rng.random((500, 4)) ** 3
    y = (rng.random(scores.shape) < scores).astype(float)
    labels = cuts_of(y, scores, [0.5] * 4)
    assert [label["positives"] for label in labels] == sorted(y.sum(axis=0).tolist())[::-1]
    for label in labels:
        i = int(label["name"][-1])
        assert 40 <= len(label["cuts"]) <= 61
        assert (label["tp"][0], label["fp"][0]) == (label["positives"], label["negatives"])
        assert label["tp"][-1] + label["fp"][-1] <= 1
        assert all(cut in (0.5, float(f"{cut:.4g}")) for cut in label["cuts"])
        steps = -np.diff(label["tp"]) / label["positives"]
        assert steps.max() < 0.12  # recall moves in small steps
        assert scores[:, i].min() >= label["cuts"][0]
    many = cuts_of(np.tile(y, 500), np.tile(scores, 500), [0.5] * 2000)
    assert max(len(label["cuts"]) for label in many) <= 25


def test_single_precision_scores_are_cut_as_they_are_decided():
    scores = np.array([[0.1], [0.3], [0.7]], dtype=np.float32)
    y = np.array([[0.0], [1.0], [1.0]])
    for chosen in (0.3, float(np.float32(0.3)), 0.1, 0.7):
        (label,) = cuts_of(y, scores, [chosen])
        decided = Thresholds([chosen]).predict(scores)
        place = label["chosen"]
        assert label["tp"][place] + label["fp"][place] == decided.sum()
        assert label["tp"][place] == (decided & (y == 1)).sum()


def test_a_bound_on_the_labels_of_a_row_has_no_counts_label_by_label():
    y, scores = np.eye(3)[[0, 1, 2, 0]], np.random.default_rng(0).random((4, 3))
    thresholds = Thresholds(np.zeros(3), as_targets(y).label_names, labels_per_row=1)
    assert threshold_cuts(read_scored(as_targets(y), scores), thresholds) == []
    judged = evaluate(y, scores, thresholds, tune=None)
    headings = [s["heading"] for s in full_document(judged, "x")["sections"]]
    assert "Thresholds and what they cost" not in headings


@pytest.fixture(scope="module")
def judged():
    rng = np.random.default_rng(1)
    scores = rng.random((400, 3))
    y = (rng.random(scores.shape) < scores * [0.9, 0.5, 0.0]).astype(float)
    return y, scores, evaluate(y, scores, 0.6, tune="analytic")


def test_the_report_shows_counts_data_and_origin_beside_the_main_figures(judged, tmp_path):
    y, scores, found = judged
    whole, main = full_document(found, "x"), found.document("x")
    assert whole["sections"][: len(main["sections"])] == main["sections"]
    check_document(json.loads(json.dumps(whole, allow_nan=False)))
    by_heading = {section["heading"]: section for section in whole["sections"]}
    rows = {row[0]: row[1:] for row in by_heading["Thresholds and what they cost"]["table"]["rows"]}
    for i in range(3):
        yes = scores[:, i] >= 0.6
        tp, fp = (yes & (y[:, i] == 1)).sum(), (yes & (y[:, i] == 0)).sum()
        fn, tn = (~yes & (y[:, i] == 1)).sum(), (~yes & (y[:, i] == 0)).sum()
        threshold, *counts, precision, recall, f1, alerts = rows[f"label_{i}"]
        assert (threshold, counts) == (0.6, [tp, fp, fn, tn])
        assert alerts == 1000 * (tp + fp) / 400
        if tp + fn:
            assert (precision, recall) == (tp / (tp + fp), tp / (tp + fn))
            assert f1 == pytest.approx(found.by_label["f1"][i])
    assert rows["label_2"][-4:-1] == [0.0, None, 0.0]  # no positive: there is no recall
    assert by_heading["Data"]["table"]["rows"][0] == ("rows", 400)
    (line,) = by_heading["How to get the same figures again"]["code"]
    assert "thresholds=0.6, from_logits=False, sample_weight=False, tune='analytic'" in line
    html = found.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert html.count('type="range"') == 1
    assert "positives found (TP)" in found.report(tmp_path / "r.md").read_text(encoding="utf-8")


def test_a_screen_is_not_flooded(judged):
    assert "positives found (TP)" not in str(judged[2])


def test_the_page_of_a_thousand_labels_is_of_a_sane_size():
    rng = np.random.default_rng(0)
    scores = rng.random((60, 1000))
    y = (rng.random(scores.shape) < scores).astype(float)
    html = to_html(full_document(evaluate(y, scores, tune=None), "x"))
    assert len(html.encode()) < 2_500_000

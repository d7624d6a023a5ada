import json
import re
import warnings

import keras
import numpy as np
import pytest
from markupsafe import escape
from sklearn.model_selection import GroupKFold, KFold

from equipoise._errors import InvalidInput
from equipoise.comparison import METRICS, Comparison, compare
from equipoise.comparison.document import document, uncorrected
from equipoise.datasets import digits_scenes
from equipoise.training import TREATMENTS, TrainingOptions, Treatment

pytestmark = pytest.mark.keras

QUICK = TrainingOptions(max_epochs=2, hidden_units=8)


@pytest.fixture(scope="module")
def scenes():
    return digits_scenes(400, random_state=0)


@pytest.fixture(scope="module")
def result(scenes):
    return compare(
        scenes.x, scenes.targets, ["balanced", "none"], cv=3, groups=scenes.groups, options=QUICK
    )


def test_every_cell_is_there_once_and_the_table_holds_their_means(result):
    assert [(c.fold, c.treatment) for c in result.cells] == [
        (fold, name) for fold in range(3) for name in ("balanced", "none")
    ]
    table = {row["treatment"]: row for row in result.table().to_dicts()}
    for metric in METRICS:
        for name, values in result.values(metric).items():
            assert table[name][metric] == pytest.approx(values.mean())
    assert table["none"]["difference"] is None
    difference = result.differences("macro_f1_tuned")["balanced"]
    values = result.values("macro_f1_tuned")
    assert difference.mean == pytest.approx((values["balanced"] - values["none"]).mean())
    assert table["balanced"]["low"] < difference.mean < table["balanced"]["high"]
    assert result.best() == result.table()["treatment"][0]


def test_the_same_table_for_any_number_of_jobs(scenes, result):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of libraries starting in worker processes
        parallel = compare(
            scenes.x,
            scenes.targets,
            ["balanced", "none"],
            cv=3,
            groups=scenes.groups,
            options=QUICK,
            n_jobs=2,
        )
    a, b = result.table().drop("seconds"), parallel.table().drop("seconds")
    assert a.to_dicts() == b.to_dicts()


def test_the_same_plan_gives_the_same_table_and_another_seed_another(scenes, result):
    again, other = (
        compare(
            scenes.x,
            scenes.targets,
            ["none"],
            cv=3,
            groups=scenes.groups,
            options=QUICK,
            random_state=seed,
        )
        for seed in (0, 1)
    )
    ours = result.values("log_loss")["none"]
    np.testing.assert_array_equal(again.values("log_loss")["none"], ours)
    assert not np.array_equal(other.values("log_loss")["none"], ours)


def test_all_treatments_of_a_fold_see_the_same_rows_and_groups_never_cross(scenes):
    seen = []

    class Watched(GroupKFold):
        def split(self, X, y=None, groups=None):
            for split in super().split(X, y, groups):
                seen.append(split)
                yield split

    watched = compare(
        scenes.x, scenes.targets, ["none"], cv=Watched(2), groups=scenes.groups, options=QUICK
    )
    for train, test in seen:
        assert not set(scenes.groups[train]) & set(scenes.groups[test])
    assert [c.n_test for c in watched.cells] == [len(test) for _, test in seen]


def test_repeats_draw_new_folds(scenes):
    repeated = compare(scenes.x, scenes.targets, ["none"], cv=2, n_repeats=2, options=QUICK)
    assert repeated.n_folds == 4
    assert len(set(repeated.values("log_loss")["none"])) == 4


def test_saved_is_loadable(result, tmp_path):
    path = result.to_json(tmp_path / "comparison.json")
    again = Comparison.from_json(path)
    assert again.table().to_dicts() == result.table().to_dicts()
    assert again.verdict() == result.verdict()
    assert again.label_table().to_dicts() == result.label_table().to_dicts()
    np.testing.assert_array_equal(again.precision_curve("none"), result.precision_curve("none"))
    np.testing.assert_array_equal(
        again.reliability("none", "raw"), result.reliability("none", "raw")
    )
    payload = json.loads(path.read_text())
    with pytest.raises(InvalidInput, match="newer equipoise"):
        Comparison.from_dict({**payload, "schema_version": 9})
    del payload["judged"]
    with pytest.raises(InvalidInput, match="incomplete: 'judged'"):
        Comparison.from_dict(payload)


def test_progress_is_told(scenes):
    told = []
    compare(
        scenes.x,
        scenes.targets,
        ["none"],
        cv=2,
        options=QUICK,
        on_cell=lambda cell, total: told.append((cell.fold, total)),
    )
    assert sorted(told) == [(0, 2), (1, 2)]


def test_the_report_holds_verdict_table_and_figures_and_escapes_names(scenes, tmp_path):
    names = [f"<script>alert({i})</script>" for i in range(10)]
    evil = compare(
        scenes.x,
        scenes.targets.to_array(),
        [Treatment("<b>none"), Treatment("none")],
        cv=2,
        options=QUICK,
    )
    renamed = Comparison.from_dict(
        {**evil.to_dict(), "stats": {**evil.to_dict()["stats"], "label_names": names}}
    )
    html = renamed.report(tmp_path / "report.html", title="A & <B>").read_text(encoding="utf-8")
    assert html.count("<script") == 1  # that of the page
    assert "&lt;script&gt;alert(3)&lt;/script&gt;" in html
    assert "<title>A &amp; &lt;B&gt;</title>" in html
    assert "<b>none" not in html
    assert html.count("<svg") == 6
    # Nothing is fetched: references lead into the page itself.
    assert not re.search(r"""(src|href)=["'](?!#)|url\((?!#)|@import""", html)
    for sentence in renamed.verdict():
        assert escape(sentence) in html


def test_a_label_without_positives_in_a_fold_is_left_out_not_scored_zero():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = np.column_stack([X[:, 0] > 0, np.arange(60) < 1]).astype(int)
    result = compare(X, y, ["none"], cv=2, options=QUICK, min_positives=1)
    per_label = np.stack([c.measured.per_label["f1_tuned"] for c in result.cells])
    assert np.isnan(per_label[:, 1]).sum() == 1
    whole = compare(X, y, ["none"], cv=2, options=QUICK, min_positives=5)
    assert whole.judged.tolist() == [True, False]
    assert json.dumps(result.to_dict(), allow_nan=False)
    assert document(result, "x")["title"] == "x"


def test_one_fold_shows_no_difference():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = (X[:, :2] > 0.5).astype(int)
    split = [(np.arange(40), np.arange(40, 60))]
    result = compare(X, y, ["balanced"], cv=split, options=QUICK)
    assert result.differences("macro_ap")["balanced"].low is None
    assert "one fold shows no spread" in " ".join(result.verdict())


def test_every_treatment_can_be_compared(tmp_path):
    """Where no formula undoes a loss there are no corrected probabilities: a dash, not a guess."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4)).astype(np.float32)
    y = (X[:, :3] + rng.normal(size=(120, 3)) > [0.0, 0.8, 1.2]).astype(int)
    of_classes = [name for name in TREATMENTS if "categorical" in name]
    of_labels = [name for name in TREATMENTS if name not in of_classes]
    quick = TrainingOptions(max_epochs=1, hidden_units=4, batch_size=16)
    halves = [(np.arange(60), np.arange(60, 120))]
    result = compare(X, y, of_labels, cv=halves, options=quick)
    table = {row["treatment"]: row for row in result.table().to_dicts()}
    without = {"distribution_balanced", "zlpr", "two_way", "soft_f_beta"}
    for name, row in table.items():
        for metric in METRICS:
            corrected = metric in ("log_loss", "brier", "ece")
            assert (row[metric] is None) == (corrected and name in without), (name, metric)
    for name in without:
        assert np.isnan(result.reliability(name, "corrected")[1:]).all()
    assert set(uncorrected(result)) == without
    assert json.dumps(result.to_dict(), allow_nan=False)
    text = result.report(tmp_path / "report.md").read_text(encoding="utf-8")
    assert "No formula undoes the loss of distribution\\_balanced, zlpr, two\\_way, soft" in text
    classes = compare(X, X[:, :3].argmax(axis=1), of_classes, cv=halves, options=quick)
    assert not uncorrected(classes)


def test_the_verdict_says_where_no_formula_corrects():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)).astype(np.float32)
    y = (X[:, :3] + rng.normal(size=(200, 3)) > [0.0, 0.8, 1.2]).astype(int)
    quick = TrainingOptions(max_epochs=20, hidden_units=4, batch_size=16, learning_rate=0.02)
    result = compare(X, y, ["soft_f_beta"], cv=2, options=quick)
    assert "soft_f_beta distorts them most" in result.verdict()[-1]
    assert "no formula corrects them" in result.verdict()[-1]
    sections = {section["heading"]: section for section in document(result, "x")["sections"]}
    figure = sections["Can the probabilities be believed?"]["figure"]
    assert [s["title"] for s in figure["series"]] == ["none, raw", "soft_f_beta, raw"]


def test_any_model_may_be_compared(scenes):
    def build(n_features, n_labels):
        return keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(n_labels)])

    linear = compare(scenes.x, scenes.targets, ["none"], cv=2, build_model=build, options=QUICK)
    assert len(linear.cells) == 2
    assert linear.failures() == {}


def test_a_model_that_is_one_and_the_same_in_all_folds_is_refused(scenes):
    """It would have seen, in the first fold, the rows that test it in the second."""
    model = keras.Sequential([keras.layers.Input((scenes.x.shape[1],)), keras.layers.Dense(10)])
    result = compare(
        scenes.x, scenes.targets, ["none"], cv=2, build_model=lambda *_: model, options=QUICK
    )
    assert "a new model at each call" in result.failures()["none"][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treatments": ["none", "blanced"]}, "Did you mean 'balanced'"),
        ({"treatments": ["none", "none"]}, "same name"),
        ({"cv": 1}, "n_splits"),
        ({"cv": "five"}, "`cv` must be a number of folds"),
        ({"cv": []}, "made no split"),
        ({"cv": [([0, 1], [1, 2])]}, "overlap"),
        ({"cv": [([], [1, 2])]}, "without training"),
        ({"cv": [([0], [1])], "groups": np.zeros(60)}, "split a group"),
        ({"cv": KFold(2), "n_repeats": 2}, "`n_repeats` needs a number of folds"),
        ({"min_positives": 61}, "No label has 61 positives"),
    ],
)
def test_wrong_use_is_refused_before_any_training(options, message):
    X, y = np.zeros((60, 2), dtype=np.float32), np.tile([[1, 0], [0, 1]], (30, 1))
    with pytest.raises(InvalidInput, match=message):
        compare(X, y, **options)

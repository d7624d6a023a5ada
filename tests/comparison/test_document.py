"""What a report of a comparison says beside its figures, and what it can be made from."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_up import comparison_of

from equipoise import audit
from equipoise._errors import InvalidInput, Undefined
from equipoise._store import Store
from equipoise.comparison import Comparison, DataSource, Plan, Survey, compare
from equipoise.comparison.cell import Cell, nothing_measured
from equipoise.comparison.context_sections import weight_sections
from equipoise.comparison.document import document
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.plan import merged
from equipoise.comparison.survey_document import survey_document
from equipoise.report import to_html, to_markdown
from equipoise.report.check import check_document
from equipoise.stats import LabelStats
from equipoise.training import TREATMENTS, TrainingOptions, Treatment
from equipoise.weights import LabelWeights

pytestmark = pytest.mark.keras

ASKED = "What the weights did: asked for and given"
AUDIT = "What the audit found"
ORIGIN = "How to get the same figures again"


def sections_of(comparison):
    whole = document(comparison, "x")
    check_document(json.loads(json.dumps(whole, allow_nan=False)))
    return {section["heading"]: section for section in whole["sections"]}


@pytest.fixture(scope="module")
def compared(small, quick):
    """Label 1 is the rarer one; row by row: none, 0, 1, both."""
    X, _ = small
    y = np.tile([[0, 0], [1, 0], [1, 0], [1, 0], [1, 1], [0, 1]], (10, 1))
    names = ["none", "balanced", "keras_class_weight"]
    return X, y, compare(X, y, names, cv=2, options=quick)


def test_weights_asked_for_are_shown_beside_those_that_are_given(compared):
    _, y, result = compared
    section = sections_of(result)[ASKED]
    rows = {row[0]: row[1:] for row in section["table"]["rows"]}
    titles = [column["title"] for column in section["table"]["columns"]]
    assert titles == [
        "label",
        "positives",
        "balanced, a positive",
        "balanced, a negative",
        "keras_class_weight, asked for",
        "keras_class_weight, given to a positive",
        "keras_class_weight, given to a negative",
    ]
    weights = LabelWeights.from_targets(y, "balanced", normalize="cells")
    # By hand: 40 and 20 positives in 60 rows ask for 1.5 and 3. A row gets the weight of its first
    # label, label 0's where it has none: of six rows all but the last get 1.5, and it gets 3.
    for i, by_hand in enumerate(([1.5, 1.5, 2.25], [3.0, 2.25, 1.5])):
        positives, positive, negative, *handed = rows[f"label_{i}"]
        assert positives == y[:, i].sum()
        assert (positive, negative) == (weights.positive[i], weights.negative[i])
        np.testing.assert_allclose(handed, by_hand)
    assert section["figure"]["kind"] == "dots"
    text = " ".join(section["paragraphs"])
    assert "10 rows have no label and get the weight of 'label_0', 1.5" in text
    assert "keras_class_weight hands its weights to Keras' own class_weight." in text


def test_what_keras_would_make_of_them_is_shown_where_nobody_asked(small, quick):
    section = sections_of(compare(*small, ["none"], cv=2, options=quick))[ASKED]
    assert "No treatment here hands weights to Keras" in section["paragraphs"][0]
    assert "class_weight, asked for" in [c["title"] for c in section["table"]["columns"]]


def test_of_classes_there_is_no_such_question(small, quick):
    X, _ = small
    treatment = ["weighted_categorical"]
    result = compare(X, X.argmax(axis=1), treatment, cv=2, options=quick, min_positives=1)
    assert result.context["class_weight"] is None
    titles = [c["title"] for c in sections_of(result)[ASKED]["table"]["columns"]]
    assert titles[2:] == ["weighted_categorical, a positive", "weighted_categorical, a negative"]


def test_weights_that_do_not_exist_leave_the_rest_of_the_report(small, quick):
    treatments = [
        Treatment("misspelt", weights="balenced"),
        Treatment("no such option", weights="balanced", weight_options={"powder": 2}),
        Treatment("unheard of", keras_class_weight="balenced"),
    ]
    result = compare(*small, treatments, cv=2, options=quick)
    assert len(result.failures()) == 3
    assert (result.context["weights"], result.context["class_weight"]) == ([], None)
    assert weight_sections(result) == []
    assert {AUDIT, ORIGIN} <= sections_of(result).keys()


def test_the_findings_are_those_of_the_audit(small, quick):
    X, y = small
    y = np.column_stack([y, np.zeros(60), np.arange(60) < 1]).astype(int)
    splits = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    result = compare(X, y, ["none"], cv=splits, options=quick)
    expected = audit.check(y, cv=splits)
    assert set(expected.codes) >= {"EQP011", "EQP012"}
    section = sections_of(result)[AUDIT]
    rows = section["table"]["rows"]
    assert [row[0] for row in rows] == list(expected.codes)
    assert [row[2] for row in rows] == [finding.issue for finding in expected.found]
    assert section["paragraphs"][0] == expected.document()["lead"][0]


def test_the_command_and_the_call_give_the_same_again(compared, small, quick):
    X, y, result = compared
    origin = sections_of(result)[ORIGIN]
    (call,) = origin["code"]  # the options of `quick` have no command
    names = {"X": X, "y": y, "TrainingOptions": TrainingOptions}
    again = eval(call.removeprefix("equipoise."), {"compare": compare, **names})
    assert again.table().drop("seconds").equals(result.table().drop("seconds"))
    facts = dict(map(tuple, origin["table"]["rows"]))
    assert facts["seed"] == "0"
    assert facts["folds"] == "2"
    assert facts["treatment balanced"].endswith("weights balanced; weight options normalize cells")
    assert {"backend", "python", "equipoise", "keras", facts["backend"]} <= facts.keys()


def test_a_comparison_of_the_command_line_names_its_command():
    result = comparison_of({"none": [0.1, 0.2], "balanced": [0.2, 0.3]})
    context = {
        "call": {
            "cv": 5,
            "n_repeats": 2,
            "groups": False,
            "encoder": None,
            "model": None,
            "min_positives": 5,
            "prune": True,
        },
        "treatments": [TREATMENTS["none"].to_dict(), TREATMENTS["balanced"].to_dict()],
        "options": vars(TrainingOptions(n_folds=3)),
        "versions": {},
        "backend": "jax",
    }
    first, _ = sections_of(replace(result, context=context))[ORIGIN]["code"]
    assert first == (
        "equipoise compare DATA --treatments none,balanced --cv 5 --repeats 2 "
        "--inner-folds 3 --seed 0 --prune"
    )
    for part, change in (
        ("options", vars(TrainingOptions(dropout=0.1))),
        ("treatments", [Treatment("none", loss="Hill").to_dict()]),
        ("call", context["call"] | {"cv": "GroupKFold"}),
        ("call", context["call"] | {"model": "wide"}),
        ("seeds", [0, 1]),
    ):
        changed = replace(result, context=context | {part: change})
        (only,) = sections_of(changed)[ORIGIN]["code"]
        assert only.startswith("equipoise.compare(X, y, ")


def test_seeds_taken_together_are_all_named(compared):
    _, _, result = compared
    both = merged([result, replace(result, random_state=7)])
    assert both.n_folds == 4
    origin = sections_of(both)[ORIGIN]
    assert origin["code"][-1].endswith("random_state=seed) for each seed of [0, 7]")
    assert ["seed", "0, 7"] in origin["table"]["rows"]


def test_it_is_saved_and_what_was_saved_without_it_is_still_read(compared, tmp_path):
    _, _, result = compared
    again = Comparison.from_json(result.to_json(tmp_path / "c.json"))
    first, second = (json.dumps(document(c, "x")) for c in (result, again))
    assert json.loads(second) == json.loads(first)
    payload = result.to_dict()
    del payload["context"]
    old = sections_of(Comparison.from_dict(payload))
    assert not {ASKED, AUDIT, ORIGIN} & old.keys()
    assert {"Leaderboard", "Data"} <= old.keys()
    survey = Survey({"a": result}, plan={"cv": 2}).to_dict()
    assert Survey.from_dict(survey).plan == {"cv": 2}
    del survey["plan"]
    assert Survey.from_dict(survey).plan == {}


# ------------------------------------------------------------------------------- from the store


@pytest.fixture
def plan(tmp_path, quick):
    rng = np.random.default_rng(0)
    sources = []
    for name in ("films", "books"):
        X = rng.normal(size=(40, 2)).round(3)
        y = (X + rng.normal(size=(40, 2)) > 0.2).astype(int)
        rows = [",".join(map(str, [*x, *labels])) for x, labels in zip(X, y, strict=True)]
        path = tmp_path / f"{name}.csv"
        path.write_text("a,b,lab_x,lab_y\n" + "\n".join(rows) + "\n", encoding="utf-8")
        sources.append(DataSource((str(path),), {"labels": "lab_*"}))
    return Plan(tuple(sources), ("none", "balanced"), cv=2, training=quick)


def test_finished_work_is_shown_again_without_training(plan, tmp_path, without_seconds):
    store = Store(tmp_path / "plan.store")
    trained = plan.run(store=store)
    held = len(store)
    told = []
    shown = plan.run(store=store, train=False, on_cell=lambda *cell: told.append(cell[1]))
    assert len(store) == held == len(told)
    assert all(cell.restored for cell in told)
    for name, comparison in trained.comparisons.items():
        assert without_seconds(shown.comparisons[name]) == without_seconds(comparison)


def test_work_that_is_not_finished_is_named_and_not_done(plan, tmp_path):
    store = Store(tmp_path / "plan.store")
    replace(plan, data=plan.data[:1]).run(store=store)
    held = len(store)
    survey = plan.run(store=store, train=False)
    assert set(survey.comparisons) == {"films"}
    assert "4 of 4 cells are not in the store" in survey.failures["books"]
    assert "Finish the comparison first" in survey.failures["books"]
    assert "what differs: features, labels" in survey.failures["books"]
    assert "books could not be compared: 4 of 4 cells" in survey.verdict()[0]
    other = replace(plan, training=TrainingOptions(max_epochs=1))
    with pytest.raises(
        Undefined,
        match=r"not in the store.*Received: 4 cells by equipoise .* what differs: options",
    ):
        other.run(store=store, train=False)
    assert len(store) == held


def test_a_comparison_from_nothing_is_refused(small, quick):
    with pytest.raises(InvalidInput, match=r"4 of 4 cells .*Received: no store"):
        compare(*small, ["balanced"], cv=2, options=quick, train=False)


def test_failed_cells_are_shown_as_failed_and_not_tried_again(small, quick, tmp_path):
    treatments = ["none", Treatment("broken", loss="Focl")]
    given = {"cv": 2, "options": quick, "store": tmp_path / "store"}
    trained = compare(*small, treatments, **given)
    shown = compare(*small, treatments, train=False, **given)
    assert shown.failures() == trained.failures() != {}


# ------------------------------------------------------------------------------------ of several


def test_several_data_sets_are_groups_and_the_plan_comes_last(plan):
    survey = plan.run()
    whole = survey_document(survey, "Both")
    check_document(json.loads(json.dumps(whole, allow_nan=False)))
    groups = [section.get("group") for section in whole["sections"]]
    assert list(dict.fromkeys(groups)) == [None, "films", "books"]
    last = whole["sections"][-1]
    assert (last["heading"], last.get("group")) == ("The plan", None)
    rows = dict(map(tuple, last["table"]["rows"]))
    assert rows["data[0].name"] == "films"
    assert rows["data[1].options.labels"] == "lab_*"
    assert rows["treatments[1].weights"] == "balanced"
    assert rows["cv"] == "2"
    assert rows["metrics"] == "macro_f1_tuned, macro_f1_half, macro_ap, ece"
    text = to_markdown(whole)
    assert "\n## films\n\n### Leaderboard\n" in text
    single = survey_document(
        replace(survey, comparisons={"films": survey.comparisons["films"]}), ""
    )
    assert single["sections"][-1]["heading"] == "The plan"
    assert all("group" not in section for section in single["sections"])


def test_the_page_of_a_thousand_labels_is_of_a_sane_size():
    rng = np.random.default_rng(0)
    y = (rng.random((300, 1000)) < rng.uniform(0.01, 0.4, 1000)).astype(int)
    cells = []
    for fold in range(3):
        for name in ("none", "balanced", "keras_class_weight"):
            measured = nothing_measured(1000)
            measured.metrics.update(dict.fromkeys(METRICS, rng.random()))
            for values in measured.per_label.values():
                values[:] = rng.random(1000)
            measured.precision[:] = np.linspace(1, 0, len(measured.precision))
            cells.append(Cell(name, fold, 200, 100, 1.0, (3,), measured))
    stats = LabelStats.from_targets(y)
    weights = {"treatment": "balanced", "positive": rng.random(1000).tolist()}
    asked = dict(enumerate((1 / stats.prevalence).tolist()))
    handed = {"treatment": "keras_class_weight", "compared": True}
    context = {
        "weights": [weights | {"negative": weights["positive"]}],
        "class_weight": handed | {"audit": audit.class_weight(y, asked).to_dict()},
        "audit": audit.check(y).to_dict(),
    }
    result = Comparison(tuple(cells), stats, np.ones(1000, dtype=bool), "none", 0, context)
    html = to_html(document(result, "x"))
    assert html.count("<tr>") > 2000
    assert len(html.encode()) < 1_500_000

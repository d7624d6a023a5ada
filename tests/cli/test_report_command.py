"""`equipoise report`: what is on disk, shown again; nothing is trained."""

import json
import os
import re
import shutil
import sys

import numpy as np
import pytest

import equipoise as eq
from equipoise._store import Store
from equipoise.audit import check
from equipoise.cli import main
from equipoise.cli.app import app
from equipoise.cli.report import report
from equipoise.comparison import Plan
from equipoise.evaluation import evaluate

pytestmark = pytest.mark.keras

PLAN = """
title = "Two treatments"
cv = 2
treatments = ["none", "balanced"]
[training]
max_epochs = 2
hidden_units = 4
batch_size = 16
[[data]]
path = "films.csv"
labels = "lab_*"
"""
NAMES = ["<b>war</b>", "lab|robot", "rärest"]


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The command, also where the program does not list it yet."""
    if "report" not in app:
        app.command(report)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A plan whose store is finished."""
    folder = tmp_path_factory.mktemp("plan")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).round(3)
    y = (X + rng.normal(size=(60, 2)) > 0.2).astype(int)
    rows = [",".join(map(str, [*x, *labels])) for x, labels in zip(X, y, strict=True)]
    (folder / "films.csv").write_text("a,b,lab_x,lab_y\n" + "\n".join(rows) + "\n", "utf-8")
    path = folder / "plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    Plan.from_toml(path).run(store=folder / "plan.store")
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 5)).astype(np.float32)
    y = (X[:, :3] + rng.normal(0, 0.5, (120, 3)) > [0, 0.7, 1.2]).astype(int)
    model = eq.MultilabelClassifier(
        n_folds=2, hidden_units=4, max_epochs=2, batch_size=16, random_state=0
    )
    targets = eq.as_targets(y, label_names=NAMES)
    folder = tmp_path_factory.mktemp("model") / "bundle"
    model.fit(X, targets).save(folder, y=targets)
    return folder


def sections(path):
    document = json.loads(path.read_text(encoding="utf-8"))
    return document, {section["heading"]: section for section in document["sections"]}


def test_of_a_finished_plan_the_report_is_the_comparison(plan, tmp_path, capsys):
    held = len(Store(plan.with_suffix(".store")))
    for suffix in ("html", "md", "json"):
        assert main(["report", str(plan), str(tmp_path / f"r.{suffix}")]) == 0
    assert f"Report: {tmp_path / 'r.json'}" in capsys.readouterr().out.replace("\n", "")
    document, by_heading = sections(tmp_path / "r.json")
    assert document["title"] == "Two treatments"
    result = Plan.from_toml(plan).run(store=plan.with_suffix(".store"), train=False)
    assert document["lead"] == result.verdict()
    means = result.comparisons["films"].means("macro_f1_tuned")
    rows = by_heading["Leaderboard"]["table"]["rows"]
    assert {row[0]: row[1] for row in rows} == pytest.approx(means)
    assert "The plan" in by_heading
    html = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert html.count("<h2 id=") == len(document["sections"]) + 1
    assert "## Leaderboard" in (tmp_path / "r.md").read_text(encoding="utf-8")
    assert len(Store(plan.with_suffix(".store"))) == held


def test_of_an_unfinished_plan_there_is_none_and_the_way_on_is_named(plan, tmp_path, capsys):
    out = tmp_path / "r.html"
    alone = shutil.copy(plan, tmp_path / "alone.toml")
    shutil.copy(plan.with_name("films.csv"), tmp_path)
    assert main(["report", str(alone), str(out)]) == 1
    told = capsys.readouterr().err
    assert "a report trains nothing" in told
    assert f"equipoise compare {alone}" in told
    assert main(["report", str(alone), str(out), "--store", str(plan.with_suffix(".store"))]) == 0
    more = tmp_path / "more.toml"
    more.write_text(PLAN.replace("cv = 2", "cv = 3"), encoding="utf-8")
    out.unlink()
    store = str(plan.with_suffix(".store"))
    assert main(["report", str(more), str(out), "--store", store]) == 1
    assert "6 of 6 cells are not in the store" in capsys.readouterr().err
    assert not out.exists()


def test_of_a_bundle_the_report_is_its_card_with_intervals(bundle, tmp_path, capsys):
    out = tmp_path / "r.json"
    assert main(["report", str(bundle), str(out), "--title", "Films"]) == 0
    document, by_heading = sections(out)
    held = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))["held_out"]
    assert document["title"] == "Films"
    assert document["lead"][0].startswith(f"On {held['n_rows']} held-out rows: macro average prec")
    assert f"macro F1 {held['overall']['macro F1']:.3f}." in document["lead"][0]
    figure = by_heading["F1 and how sure it is"]["figure"]
    judged = {row["label"]: row for row in held["labels"]}
    assert sorted(figure["names"]) == sorted(NAMES)
    (series,) = figure["series"]
    for i, name in enumerate(figure["names"]):
        row = judged[name]
        assert (series["values"][i], series["low"][i]) == (row["f1"], row["f1_low"])
    page = tmp_path / "r.html"
    assert main(["report", str(bundle), str(page), "--json"]) == 0
    said = capsys.readouterr().out
    told = json.loads(said[said.index("{") :])
    assert (told["report"], told["lead"]) == (str(page), document["lead"])
    assert "&lt;b&gt;war" in page.read_text(encoding="utf-8")


def test_a_damaged_bundle_is_refused(bundle, tmp_path, capsys):
    broken = shutil.copytree(bundle, tmp_path / "broken")
    manifest = broken / "bundle.json"
    manifest.write_text(manifest.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert main(["report", str(broken), str(tmp_path / "r.md")]) == 1
    assert "'bundle.json' is not what was written" in capsys.readouterr().err
    newer = json.loads(manifest.read_text(encoding="utf-8")) | {"schema_version": 99}
    manifest.write_text(json.dumps(newer), encoding="utf-8")
    assert main(["report", str(broken), str(tmp_path / "r.md")]) == 1
    assert "saved by a newer equipoise" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["report", str(empty), str(tmp_path / "r.md")]) == 1
    assert "is no bundle: it holds no 'bundle.json'" in capsys.readouterr().err
    assert not (tmp_path / "r.md").exists()


def test_json_that_was_written_here_becomes_a_page(plan, tmp_path, capsys):
    survey = Plan.from_toml(plan).run(store=plan.with_suffix(".store"), train=False)
    y = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
    for name, payload, heading in (
        ("survey", survey.to_dict(), "Leaderboard"),
        ("comparison", survey.comparisons["films"].to_dict(), "Leaderboard"),
        ("audit", check(y, class_weight={0: 1.0, 1: 10.0}).to_dict(), "Passed"),
    ):
        source, out = tmp_path / f"{name}.json", tmp_path / f"{name}.html"
        source.write_text(json.dumps(payload), encoding="utf-8")
        assert main(["report", str(source), str(out)]) == 0, name
        assert f">{heading}</h2>" in out.read_text(encoding="utf-8")
    # A report in JSON becomes the very page that was not written then.
    first, second = tmp_path / "r.json", tmp_path / "again.json"
    assert main(["report", str(plan), str(first)]) == 0
    assert main(["report", str(first), str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "does not hold a JSON object"),
        ("{}", "No report can be made of .* Received: kind None. Name the folder of a bundle"),
        ('{"kind": "Thresholds"}', "Received: kind 'Thresholds'"),
        ('{"kind": "Comparison", "schema_version": 1}', "This saved comparison is incomplete"),
        ('{"kind": "Survey", "schema_version": 9}', "saved by a newer equipoise"),
        ('{"kind": "Audit", "schema_version": 1}', "is not complete: KeyError: 'found'"),
        ('{"kind": "ClassWeightAudit"}', "equipoise audit … --report FILE"),
        ('{"title": "a", "lead": [], "sections": [{}]}', r"`sections\[0\].heading` must be text"),
    ],
)
def test_other_json_is_refused(tmp_path, capsys, content, message):
    source = tmp_path / "x.json"
    source.write_text(content, encoding="utf-8")
    assert main(["report", str(source), str(tmp_path / "r.html")]) == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "r.html").exists()


def test_an_evaluation_is_refused_with_the_command_that_reports_it(tmp_path, capsys):
    y = np.tile([[0, 1], [1, 0], [1, 1], [0, 0]], (5, 1))
    source = evaluate(y, y * 0.8, tune=None).to_json(tmp_path / "e.json")
    assert main(["report", str(source), str(tmp_path / "r.html")]) == 1
    assert "equipoise evaluate … --report FILE" in capsys.readouterr().err


def test_what_else_there_is_is_refused(plan, tmp_path, capsys):
    store, out = str(plan.with_suffix(".store")), str(tmp_path / "r.html")
    for arguments, code, message in (
        (["missing.toml", out], 1, "There is no 'missing.toml'"),
        ([store, out], 1, "holds figures only; name its plan"),
        ([str(plan.with_name("films.csv")), out], 1, "equipoise describe"),
        ([str(plan), str(tmp_path / "r.pdf")], 1, "Use .html, .md or .json"),
        ([str(plan), str(tmp_path / "none" / "r.md")], 1, "does not exist"),
        ([str(plan.with_name("films.csv")), out, "--store", store], 2, "`--store` goes with"),
    ):
        assert main(["report", *arguments]) == code, arguments
        assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes on Linux alone")
def test_a_data_set_whose_file_name_is_no_text_is_trained_on_and_reported(plan, tmp_path):
    data = tmp_path / os.fsdecode(b"caf\xe9.csv")
    shutil.copy(plan.with_name("films.csv"), data)
    bundle = tmp_path / "bundle"
    options = ["--labels", "lab_*", "--folds", "2", "--epochs", "1", "--hidden-units", "4"]
    assert main(["train", str(data), *options, "--out", str(bundle)]) == 0
    for suffix in ("html", "md", "json"):
        out = tmp_path / f"r.{suffix}"
        assert main(["report", str(bundle), str(out)]) == 0
        assert "Model of caf\ufffd" in out.read_text(encoding="utf-8")

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from equipoise.cli import main
from equipoise.weights import LabelWeights

pytestmark = pytest.mark.keras


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 3)).round(3)
    y = (X[:, :2] > [0.3, 0.8]).astype(int)
    path = tmp_path / "reviews.csv"
    rows = [
        ",".join(map(str, [*x, *labels, i % 9]))
        for i, (x, labels) in enumerate(zip(X, y, strict=True))
    ]
    path.write_text("a,b,c,lab_x,lab_[red],site\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_describe_prints_measures_and_labels(table, capsys):
    assert main(["describe", str(table), "--labels", "lab_*", "--ignore", "site"]) == 0
    out = capsys.readouterr().out
    assert "mean imbalance ratio" in out
    assert "lab_[red]" in out


def test_describe_as_json(table, capsys):
    assert main(["describe", str(table), "--labels", "lab_*", "--ignore", "site", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert described["measures"]["rows"] == 90
    assert [row["label"] for row in described["labels"]] == ["lab_x", "lab_[red]"]


def test_compare_prints_the_leaderboard_and_writes_the_report(table, tmp_path, capsys):
    report = tmp_path / "report.html"
    arguments = ["compare", str(table), "-l", "lab_*", "--groups", "site", "--cv", "3"]
    arguments += ["--treatments", "none,balanced"]
    assert main([*arguments, "--report", str(report)]) == 0
    out = capsys.readouterr().out
    assert "macro-F1 tuned" in out
    assert "Tuned thresholds bring" in out
    assert report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main([*arguments, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert {row["treatment"] for row in result["table"]} == {"none", "balanced"}
    assert len(result["cells"]) == 6


def test_weigh_shows_what_the_weights_do_and_saves_them(table, tmp_path, capsys):
    out = tmp_path / "weights.json"
    arguments = ["weigh", str(table), "-l", "lab_*", "--ignore", "site"]
    assert main([*arguments, "--scheme", "inverse_frequency", "--out", str(out)]) == 0
    assert "0.5 stands for" in capsys.readouterr().out
    weights = LabelWeights.from_json(out)
    assert weights.label_names == ("lab_x", "lab_[red]")
    assert main([*arguments, "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert set(payload) == {"weights", "effect"}
    assert main([*arguments, "--scheme", "balnced"]) == 2
    assert "Did you mean 'balanced'" in capsys.readouterr().err


def test_audit_shows_asked_beside_given(table, tmp_path, capsys):
    report = tmp_path / "audit.html"
    arguments = ["audit", str(table), "-l", "lab_*", "--ignore", "site"]
    assert main([*arguments, "--class-weight", "2,8", "--report", str(report)]) == 0
    assert "What may have been meant" in capsys.readouterr().out
    assert "<svg" in report.read_text(encoding="utf-8")
    file = tmp_path / "asked.json"
    file.write_text(json.dumps({"lab_x": 2, "lab_[red]": 8}))
    assert main([*arguments, "--class-weight", str(file), "--json"]) == 0
    audited = json.loads(capsys.readouterr().out)
    assert [row["asked"] for row in audited["labels"]] == [2, 8]
    assert main(arguments) == 0
    assert main([*arguments, "--class-weight", "2;8"]) == 2


def test_demo_runs_on_few_rows(tmp_path, capsys):
    report = tmp_path / "demo.html"
    assert main(["demo", "--rows", "300", "--cv", "2", "--report", str(report)]) == 0
    assert "digits_scenes" in capsys.readouterr().out
    assert report.exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["describe", "missing.csv", "--labels", "x"], 1, "missing.csv"),
        (["describe", "TABLE", "--labels", "tag_*"], 1, "tag_"),
        (["describe", "TABLE", "--lables", "lab_*"], 2, "--lables"),
        (["compare", "TABLE", "--labels", "lab_*", "--cv", "many"], 2, "many"),
        (["compare", "TABLE", "--labels", "lab_*", "--treatments", "blanced"], 2, "balanced"),
        (["compare", "TABLE", "--labels", "lab_*", "--cv", "1"], 2, "n_splits"),
        (["explode"], 2, "explode"),
    ],
)
def test_mistakes_are_told_in_one_message(arguments, code, message, table, capsys):
    arguments = [str(table) if a == "TABLE" else a for a in arguments]
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert message in out + err
    assert "Traceback" not in out + err


def test_a_report_that_cannot_be_written_is_told_before_the_work(table, tmp_path, capsys):
    report = tmp_path / "no folder" / "report.html"
    arguments = ["compare", str(table), "-l", "lab_*", "--report", str(report)]
    assert main(arguments) == 1
    err = capsys.readouterr().err
    assert "no folder" in err
    assert "fold 1" not in err


def test_help_and_version(capsys):
    for arguments in (["--help"], ["compare", "--help"], ["--version"]):
        assert main(arguments) == 0
        assert capsys.readouterr().out


def test_interrupting_leaves_no_traceback_and_no_file(table, tmp_path):
    report = tmp_path / "report.html"
    command = "import sys; from equipoise.cli import main; sys.exit(main())"
    options = ["-l", "lab_*", "--cv", "9", "--repeats", "20", "--report", str(report)]
    process = subprocess.Popen(
        [sys.executable, "-c", command, "compare", str(table), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in err
    assert "Traceback" not in err
    assert not report.exists()


def test_the_audit_says_what_else_goes_wrong(table, capsys, tmp_path):
    report = tmp_path / "audit.html"
    assert main(["audit", str(table), "--labels", "lab_*", "--report", str(report)]) == 0
    assert "EQP001" in capsys.readouterr().out
    assert "docs/findings/EQP001.md" in report.read_text(encoding="utf-8")
    assert main(["audit", str(table), "--labels", "lab_*", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["check"]["found"]
    assert found[0]["code"] == "EQP001"

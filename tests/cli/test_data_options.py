"""Options that say where the data is: a table without header whose labels are ids in one column."""

import json
import re

import numpy as np
import pytest

from equipoise.cli import main


@pytest.fixture
def reviews(tmp_path):
    rng = np.random.default_rng(0)
    rows = []
    for a, b in rng.normal(size=(90, 2)).round(3).tolist():
        labels = [str(i) for i, holds in enumerate((a > 0, b > 0.4, a + b > 0)) if holds]
        rows.append(f'say "{a}\t{a}\t{b}\t{",".join(labels)}')
    path = tmp_path / "reviews.tsv"
    path.write_text("\n".join(rows) + "\n")
    return str(path)


OPTIONS = ["--no-header", "--no-quoting", "--labels-column", "3", "--delimiter", ","]


@pytest.mark.parametrize(
    ("content", "labels"),
    [
        (None, ["0", "1", "2"]),
        ("positive\nhigh\nsum\n", ["positive", "high", "sum"]),
        ("2,sum\n0,positive\n1,high\n", ["sum", "positive", "high"]),
    ],
)
def test_a_table_without_header_and_with_ids(reviews, tmp_path, capsys, content, labels):
    arguments = ["describe", reviews, *OPTIONS, "--ignore", "column_1", "--json"]
    if content:
        (tmp_path / "names.txt").write_text(content)
        arguments += ["--label-names", str(tmp_path / "names.txt")]
    assert main(arguments) == 0
    described = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in described["labels"]] == labels
    assert described["measures"]["rows"] == 90


@pytest.mark.keras
def test_treatments_are_compared_on_such_a_table(reviews, tmp_path, capsys):
    (tmp_path / "names.txt").write_text("positive\nhigh\nsum\n")
    arguments = ["compare", reviews, *OPTIONS, "--ignore", "column_1", "--json"]
    arguments += ["--label-names", str(tmp_path / "names.txt")]
    assert main([*arguments, "--cv", "2", "--treatments", "none"]) == 0
    assert json.loads(capsys.readouterr().out)["table"][0]["treatment"] == "none"


@pytest.fixture
def stories(tmp_path):
    """Free text and a category that tell the labels; ids of these, and a file that names them."""
    words = ["love", "war", "robot"]
    rng = np.random.default_rng(0)
    rows = []
    for i, chosen in enumerate(rng.random((120, 3)) < 0.4):
        ids = np.flatnonzero(chosen).tolist()
        told = " and ".join(words[label] for label in ids) or "nothing"
        country = rng.choice(["FR", "US"])
        rows.append(f'a "{told}" story, number {i}\t{country}\t{",".join(map(str, ids))}')
    path = tmp_path / "stories.tsv"
    path.write_text("\n".join(rows) + "\n")
    names = tmp_path / "names.txt"
    names.write_text("".join(f"{i}\t{word}\n" for i, word in enumerate(words)))
    column = ["--labels-column", "2", "--delimiter", ",", "--label-names", str(names)]
    return [str(path), "--no-header", "--no-quoting", *column]


def test_free_text_is_described_and_weighed(stories, capsys):
    assert main(["describe", *stories, "--mixed", "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert [row["label"] for row in described["labels"]] == ["love", "war", "robot"]
    assert described["measures"]["input attributes"] == 2
    assert main(["weigh", *stories, "--mixed", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"]["label_names"] == ["love", "war", "robot"]


@pytest.mark.keras
def test_treatments_are_compared_on_free_text(stories, tmp_path, capsys):
    arguments = ["compare", *stories, "--mixed", "--cv", "2", "--treatments", "none", "--json"]
    assert main([*arguments, "--report", str(tmp_path / "report.html")]) == 0
    table = json.loads(capsys.readouterr().out)["table"]
    assert table[0]["macro_ap"] > 0.9  # the text tells the labels
    assert "robot" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_text_that_is_not_asked_for_says_how(stories, capsys):
    assert main(["compare", *stories]) == 1
    assert re.search("line 1: there are names .*--mixed", capsys.readouterr().err)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--no-header", "--labels-column", "3", "--delimiter", ","], "a quote .*--no-quoting"),
        (["--no-quoting", "--labels-column", "3", "--delimiter", ","], "there is no column '3'"),
        ([*OPTIONS, "--label-names", "nix.txt"], "Cannot read the file of --label-names 'nix.txt'"),
        ([*OPTIONS[:-2], "--ignore", "column_1"], "no --delimiter was given"),
    ],
)
def test_options_that_are_not_right(reviews, capsys, options, problem):
    assert main(["describe", reviews, *options]) == 1
    assert re.search(problem, capsys.readouterr().err)

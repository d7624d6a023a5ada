"""equipoise evaluate: from a file of labels and scores to a judgement."""

import json

import numpy as np
import polars as pl
import pytest

from equipoise import exact
from equipoise.cli import main
from equipoise.decision import Thresholds


@pytest.fixture
def scores(tmp_path):
    rng = np.random.default_rng(0)
    p = rng.random((200, 3))
    y = (rng.random(p.shape) < p).astype(int)
    columns = {"id": np.arange(200)}
    for i, name in enumerate(["cat", "dog", "a,b"]):
        columns |= {f"probability_{name}": p[:, i], f"true_{name}": y[:, i]}
    path = tmp_path / "scores.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path, y, p


def test_a_file_is_judged(scores, capsys, tmp_path):
    path, y, p = scores
    out, report = tmp_path / "best.json", tmp_path / "report.html"
    assert main(["evaluate", str(path), "--out", str(out), "--report", str(report)]) == 0
    printed = capsys.readouterr().out
    assert f"{exact.average_precision(y, p, average='macro'):.4f}" in printed
    assert "<svg" in report.read_text(encoding="utf-8")
    best = Thresholds.from_json(out)
    assert best.label_names == ("cat", "dog", "a,b")
    assert main(["evaluate", str(path), "--thresholds", str(out), "--tune", "none", "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["overall"]["macro_f1"] == pytest.approx(best.overall)
    assert payload["best"] is None


def test_csv_and_columns_of_other_names(scores, capsys, tmp_path):
    path, y, p = scores
    frame = pl.read_parquet(path).rename(
        lambda c: c.replace("true_", "y:").replace("probability_", "s:")
    )
    table = tmp_path / "scores.csv"
    frame.write_csv(table)
    command = ["evaluate", str(table), "--labels", "y:*", "--score-columns", "s:*", "--json"]
    assert main([*command, "--thresholds", "0.4"]) == 0
    payload = json.loads(capsys.readouterr().out)
    f1 = exact.f_beta(y, p >= 0.4, average="macro")
    assert payload["overall"]["macro_f1"] == pytest.approx(f1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--score-columns", "score_*"], "no column"),
        (["--score-columns", "probability"], "a glob with one *"),
        (["--labels", "truth_*"], "truth_*"),
        (["--thresholds", "nothing.json"], "nothing.json"),
        (["--tune", "none", "--out", "x.json"], "--tune says none"),
        (["--report", "missing_folder/x.html"], "missing_folder"),
        (["--report", "x.pdf"], "pdf"),
        (["--tune", "best"], "`rule` must be one of"),
    ],
)
def test_mistakes_are_told(scores, capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", str(scores[0]), *arguments]) in (1, 2)
    printed = capsys.readouterr()
    assert message in printed.out + printed.err
    assert "Traceback" not in printed.out + printed.err

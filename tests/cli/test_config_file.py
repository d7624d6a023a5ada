"""train --config: options from a file, which the command line wins over."""

import json

import numpy as np
import polars as pl
import pytest

from equipoise.bundle import Bundle
from equipoise.cli import main

pytestmark = pytest.mark.keras


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    labels = {f"lab_{i}": pl.Series((x[:, i] > 0).astype(int)) for i in (0, 1)}
    pl.DataFrame(x, ["a", "b"]).with_columns(**labels).write_csv("t.csv")
    return tmp_path


def test_the_command_line_wins_over_the_file(folder, capsys):
    lines = ['out = "b"', 'labels = ["lab_0", "lab_1"]', "epochs = 1", "hidden-units = 2"]
    (folder / "train.toml").write_text("\n".join([*lines, "folds = 3", "json = true"]))
    assert main(["train", "t.csv", "--config", "train.toml", "--folds", "1"]) == 0
    assert json.loads(capsys.readouterr().out)["epochs"] == [1]
    options = Bundle.load("b").options
    assert (options["n_folds"], options["max_epochs"], options["hidden_units"]) == (1, 1, 2)


def test_a_file_can_say_no(folder, capsys):
    (folder / "bare.csv").write_text("1,2,0\n2,1,1\n" * 20, encoding="utf-8")
    (folder / "train.toml").write_text('out = "b"\nheader = false\nlabels = "nothing"')
    assert main(["train", "bare.csv", "--config", "train.toml"]) == 1
    assert "column_1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        ("foldz = 3", 1, "'foldz' is no option that a file can give. Did you mean 'folds'?"),
        ("[train]\nfolds = 3", 1, "'train' is no option"),
        ("[folds]\nx = 3", 1, "'folds' is no option"),
        ('config = "other.toml"', 1, "'config' is no option"),
        ("hidden_units = 3\nhidden-units = 4", 1, "gives 'hidden-units' twice"),
        ("folds = 2.5", 2, "2.5"),
        ('folds = "many"', 2, "many"),
        ("folds = [1, 2]", 2, "[folds]"),
        ('mixed = "perhaps"', 2, "perhaps"),
        ('backend = "abacus"', 2, "abacus"),
        ('ignore = ["a, b", "c"]', 1, "a name in 'ignore' holds a comma"),
        ("folds = ", 1, "is not a TOML file"),
        ("a = " + "[" * 5000, 1, "is not a TOML file"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(folder, capsys, content, code, message):
    (folder / "train.toml").write_text(content)
    command = ["train", "t.csv", "-l", "lab_*", "--out", "b", "--config", "train.toml"]
    assert main(command) == code
    err = " ".join(capsys.readouterr().err.split())
    assert message in err
    assert "Traceback" not in err
    assert not (folder / "b").exists()


def test_a_file_that_is_not_there_is_told(folder, capsys):
    for name in ("no.toml", "."):
        assert main(["train", "t.csv", "--out", "b", "--config", name]) == 1
        assert "Cannot read" in capsys.readouterr().err

"""Help that fits a terminal, completion that a shell accepts, JSON that machines accept."""

import json
import shutil
import subprocess

import numpy as np
import polars as pl
import pytest

from equipoise.cli import main
from equipoise.cli.app import app

pytestmark = pytest.mark.keras

COMMANDS = [name for name in app if not name.startswith("-")]


def test_there_are_the_commands_that_the_readme_names():
    wanted = {"describe", "weigh", "audit", "split", "resample", "train", "evaluate", "predict"}
    assert wanted | {"compare", "report", "demo", "completion"} <= set(COMMANDS)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_fits_a_terminal(command, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*([command] if command else []), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= 60
    assert "Usage: equipoise" in "".join(lines[:2])


def test_a_whole_number_is_not_rounded(capsys):
    for value in ("2.5", "1e3", "two"):
        assert main(["split", "t.csv", "--out", "o.csv", "--seed", value]) == 2
        out, err = capsys.readouterr()
        assert f"'{value}' is no whole number" in err
        assert out == ""


def test_bash_completes_commands_options_and_choices(tmp_path, capsys):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out, encoding="utf-8")
    (tmp_path / "ask").write_text(
        "source ./script\n"
        "function=$(complete -p equipoise | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n"
        'COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}\n'
        '$function equipoise "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"\n'
        'echo "${COMPREPLY[@]}"\n'
    )

    def offered(*words):
        command = [bash, "--norc", "ask", "equipoise", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=20)
        assert done.stderr == ""
        return done.stdout.split()

    assert offered("tr") == ["train"]
    assert offered("train", "--fo") == ["--folds"]
    assert offered("predict", "--backend", "") == ["jax", "tensorflow", "torch"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_a_script(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(command in script for command in COMMANDS)
    path = shutil.which(shell)
    if path is not None:
        subprocess.run([path, "-n"], input=script, text=True, check=True, timeout=20)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    x = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    y = (x > 0.2).astype(int)
    labels = {f"lab_{i}": pl.Series(y[:, i]) for i in (0, 1)}
    pl.DataFrame(x, ["a", "b"]).with_columns(**labels).write_csv(folder / "t.csv")
    p = 1 / (1 + np.exp(-x))
    scores = {f"true_{i}": y[:, i] for i in (0, 1)} | {f"probability_{i}": p[:, i] for i in (0, 1)}
    pl.DataFrame(scores).write_csv(folder / "s.csv")
    quick = ["--folds", "1", "--epochs", "1", "--hidden-units", "2"]
    arguments = ["train", str(folder / "t.csv"), "-l", "lab_*", "--out", str(folder / "b")]
    assert main([*arguments, *quick]) == 0
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "describe t.csv -l lab_*",
        "weigh t.csv -l lab_* --out w.json",
        "audit t.csv -l lab_*",
        "split t.csv -l lab_* --out part.csv",
        "resample t.csv -l lab_* --method mlros --out more.csv",
        "evaluate s.csv",
        "evaluate b t.csv",
        "predict b t.csv --out out.csv",
        "train t.csv -l lab_* --out b2 --folds 1 --epochs 1 --hidden-units 2",
        "compare t.csv -l lab_* --cv 2 --treatments none --report r.html",
        "report b b.html",
    ],
)
def test_json_is_all_that_is_printed(files, command, monkeypatch, capfd):
    monkeypatch.chdir(files)
    assert main([*command.split(), "--json"]) == 0
    out, err = capfd.readouterr()
    assert isinstance(json.loads(out), dict)
    assert err == ""

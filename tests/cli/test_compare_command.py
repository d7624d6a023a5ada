"""`equipoise compare` with a store, and by a plan."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from equipoise._store import Store
from equipoise.cli import main

pytestmark = pytest.mark.keras

PLAN = """
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


@pytest.fixture
def films(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 2)).round(3)
    y = (X + rng.normal(size=(60, 2)) > 0.2).astype(int)
    rows = [",".join(map(str, [*x, *labels])) for x, labels in zip(X, y, strict=True)]
    path = tmp_path / "films.csv"
    path.write_text("a,b,lab_x,lab_y\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def plan(films):
    path = films.with_name("plan.toml")
    path.write_text(PLAN, encoding="utf-8")
    return path


def test_a_plan_is_run_kept_and_gone_on_with(plan, tmp_path, capsys):
    assert main(["compare", str(plan), "--report", str(tmp_path / "report.html")]) == 0
    out = capsys.readouterr().out
    assert "films: means over 2 test folds" in out
    assert "Tuned thresholds bring" in out
    assert (tmp_path / "report.html").exists()
    assert len(Store(tmp_path / "plan.store")) == 4
    assert main(["compare", str(plan)]) == 2
    err = capsys.readouterr().err
    assert "holds 4 finished parts already" in err
    assert "--resume" in err
    assert main(["compare", str(plan), "--resume", "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert payload["kind"] == "Survey"
    assert len(payload["comparisons"]["films"]["cells"]) == 4
    assert main(["compare", str(plan), "--store", str(tmp_path / "other"), "--json"]) == 0
    assert len(Store(tmp_path / "other")) == 4


def test_two_sets_show_their_ranks(plan, films, capsys):
    films.with_name("books.csv").write_text(films.read_text(encoding="utf-8"), encoding="utf-8")
    more = '[[data]]\npath = "books.csv"\nlabels = "lab_*"\n'
    plan.write_text(PLAN + more, encoding="utf-8")
    assert main(["compare", str(plan)]) == 0
    out = capsys.readouterr().out
    assert "macro_f1_tuned on all data sets" in out
    assert "average rank" in out
    # The same rows under another name are the same work.
    assert len(Store(plan.with_name("plan.store"))) == 4


def test_a_table_may_have_a_store_too(films, tmp_path, capsys):
    command = ["compare", str(films), "-l", "lab_*", "--cv", "2", "--treatments", "none"]
    store = ["--store", str(tmp_path / "kept")]
    assert main([*command, *store, "--resume", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(Store(tmp_path / "kept")) == 2
    assert main([*command, *store]) == 2
    assert "holds 2 finished parts" in capsys.readouterr().err
    assert main([*command, *store, "--resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["PLAN", "--cv", "3"], 2, "A plan says itself what is compared. Received: --cv"),
        (["PLAN", "--inner-folds", "3"], 2, "--inner-folds"),
        (["PLAN", "-l", "x"], 2, "labels and other options"),
        (["FILMS", "-l", "lab_*", "--resume"], 2, "`--resume` needs a `--store`"),
        (["missing.toml"], 1, "Cannot read 'missing.toml'"),
        (["PLAN", "--store", "no folder/store"], 1, "does not exist"),
        (["PLAN", "--store", "FILMS"], 1, "is damaged"),
    ],
)
def test_mistakes_are_told(arguments, code, message, plan, films, capsys):
    replaced = {"PLAN": str(plan), "FILMS": str(films)}
    assert main(["compare", *(replaced.get(a, a) for a in arguments)]) == code
    assert message in capsys.readouterr().err


def test_ctrl_c_leaves_what_is_finished_and_says_how_to_go_on(plan):
    plan.write_text(PLAN.replace("cv = 2", "cv = 20\nrepeats = 5"), encoding="utf-8")
    command = "import sys; from equipoise.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "compare", str(plan)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    store = plan.with_name("plan.store")
    deadline = time.monotonic() + 120
    while not (store.exists() and store.stat().st_size and len(Store(store))):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"finished parts are in '{store}'" in err
    assert f"Go on with: equipoise compare {plan} --resume" in err
    assert "Traceback" not in err
    assert 1 <= len(Store(store)) < 200

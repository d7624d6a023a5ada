"""Damaged files given to every command: an exit code and a message; no traceback, no hang."""

import contextlib
import io
import os
import random
import shutil
import signal

import numpy as np
import polars as pl
import pytest

from equipoise.bundle._folder import _write_checksums
from equipoise.cli import main

pytestmark = pytest.mark.keras

# A longer run by hand: EQUIPOISE_FUZZ=100 pytest tests/cli/test_fuzzing_commands.py
TIMES = int(os.environ.get("EQUIPOISE_FUZZ", "1"))
QUICK = ["--folds", "1", "--epochs", "1", "--hidden-units", "2"]
LABELS = ["-l", "lab_*"]
SECONDS = 20


def numbers(n=40):
    x = np.random.default_rng(0).normal(size=(n, 3)).round(3)
    labels = {f"lab_{i}": pl.Series((x[:, i] > 0.2 * i).astype(int)) for i in (0, 1)}
    return pl.DataFrame(x, ["a", "b", "c"]).with_columns(**labels)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Files that every command accepts."""
    folder = tmp_path_factory.mktemp("whole")
    frame = numbers()
    frame.write_csv(folder / "t.csv")
    frame.write_csv(folder / "t.tsv", separator="\t")
    frame.write_parquet(folder / "t.parquet")
    frame.write_ipc(folder / "t.arrow")
    rows = [",".join(map(str, row)) for row in frame.rows()]
    kinds = ["numeric"] * 3 + ["{0,1}"] * 2
    head = [f"@attribute {n} {k}" for n, k in zip(frame.columns, kinds, strict=True)]
    (folder / "t.arff").write_text("\n".join(["@relation r", *head, "@data", *rows]))
    lines = [f"{r[3]},{2 + r[4]} 1:{r[0]} 2:{r[1]} 3:{r[2]}" for r in frame.rows()]
    (folder / "t.svm").write_text("\n".join(lines) + "\n")
    x, y = frame.select("a", "b", "c").to_numpy(), frame.select("lab_0", "lab_1").to_numpy()
    np.savez(folder / "t.npz", x=x, y=y, feature_names=np.array(list("abc")))
    p = 1 / (1 + np.exp(-x[:, :2]))
    pl.DataFrame(
        np.hstack([y, p]), ["true_0", "true_1", "probability_0", "probability_1"]
    ).write_csv(folder / "s.csv")
    arguments = ["train", str(folder / "t.csv"), *LABELS, "--out", str(folder / "bundle")]
    assert quietly([*arguments, *QUICK])[0] == 0
    plan = (
        'cv = 2\ntreatments = ["none"]\n\n[[data]]\nname = "t"\npath = "t.csv"\nlabels = "lab_*"\n'
    )
    (folder / "plan.toml").write_text(plan)
    (folder / "train.toml").write_text(
        'labels = "lab_*"\nfolds = 1\nepochs = 1\nhidden-units = 2\n'
    )
    (folder / "w.json").write_text('{"lab_0": 2.0, "lab_1": {"0": 1, "1": 5}}')
    arguments = ["compare", str(folder / "t.csv"), *LABELS, "--treatments", "none", "--cv", "2"]
    assert quietly([*arguments, "--store", str(folder / "t.store")])[0] == 0
    return folder


def quietly(arguments):
    """Runs a command within a time; returns its exit code and what it printed."""

    def too_long(*_):
        raise TimeoutError(f"more than {SECONDS} s: {arguments}")

    printed = io.StringIO()
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(arguments)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    return code, printed.getvalue()


def damaged(content, rng):
    """The bytes, cut off or changed at one place or at several."""
    kind = rng.choice(["cut", "flip", "flips", "zeros", "gone", "twice", "text"])
    a = rng.randrange(max(1, len(content)))
    b = min(len(content), a + rng.choice([1, 4, 16, 200]))
    if kind == "cut":
        return content[:a]
    if kind in ("flip", "flips"):
        changed = bytearray(content)
        for _ in range(1 if kind == "flip" else 12):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        return bytes(changed)
    middle = {
        "zeros": bytes(b - a),
        "gone": b"",
        "twice": content[a:b] * 3,
        "text": rng.choice([b'"', b"\n\n", b",", b"\xff\xfe", b"1e999", b"nan", b"[[", b"{", b"'"]),
    }[kind]
    return content[:a] + middle + content[b:]


def check(arguments, least=0):
    code, printed = quietly(arguments)
    assert code in range(least, 3), printed
    assert "Traceback" not in printed
    assert code == 0 or printed.strip()
    return code


DATA = ["t.csv", "t.tsv", "t.parquet", "t.arrow", "t.arff", "t.svm", "t.npz"]
READERS = [
    "describe",
    "weigh",
    "audit",
    "split --out {out}/p.csv",
    "resample --method mlros --out {out}/m.csv",
    "predict",
    "evaluate",
]


@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("command", READERS)
def test_damaged_data(whole, tmp_path, name, command):
    rng = random.Random(f"{name} {command}")
    path, content = tmp_path / name, (whole / name).read_bytes()
    (tmp_path / "out").mkdir()
    for _ in range(3 * TIMES):
        path.write_bytes(damaged(content, rng))
        words = command.format(out=tmp_path / "out").split()
        if words[0] in ("predict", "evaluate"):
            arguments = [words[0], str(whole / "bundle"), str(path)]
            if words[0] == "predict":
                arguments += ["--out", str(tmp_path / "out" / "o.csv")]
        else:
            where = LABELS if name.split(".")[1] not in ("svm", "npz") else []
            arguments = [words[0], str(path), *where, *words[1:]]
        check([*arguments, "--json"])
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".")]


def test_damaged_scores_and_weights(whole, tmp_path):
    rng = random.Random(1)
    for name, arguments in (
        ("s.csv", ["evaluate", "{}"]),
        ("w.json", ["audit", str(whole / "t.csv"), *LABELS, "--class-weight", "{}"]),
        ("w.json", ["evaluate", str(whole / "s.csv"), "--thresholds", "{}"]),
    ):
        content = (whole / name).read_bytes()
        for _ in range(8 * TIMES):
            (tmp_path / name).write_bytes(damaged(content, rng))
            check([a.format(tmp_path / name) for a in arguments])


@pytest.mark.parametrize("file", ["bundle.json", "SHA256SUMS", "preprocessing.npz", "*.keras"])
def test_a_damaged_bundle_is_refused(whole, tmp_path, file):
    """Any other byte in a bundle is noticed."""
    rng = random.Random(file)
    folder = tmp_path / "bundle"
    for _ in range(3 * TIMES):
        shutil.copytree(whole / "bundle", folder, dirs_exist_ok=True)
        path = next(folder.glob(file), None) or next(folder.rglob(file))
        content = path.read_bytes()
        changed = damaged(content, rng)
        path.write_bytes(changed)
        least = 0 if changed == content or file == "SHA256SUMS" else 1
        arguments = ["predict", str(folder), str(whole / "t.csv"), "--out", str(tmp_path / "o.csv")]
        check(arguments, least)


@pytest.mark.parametrize("file", ["bundle.json", "preprocessing.npz", "*.keras"])
def test_a_damaged_bundle_whose_checksums_were_made_anew(whole, tmp_path, file):
    """Then only what is inside can tell."""
    rng = random.Random(f"anew {file}")
    folder = tmp_path / "bundle"
    shutil.copytree(whole / "bundle", folder)
    path = next(folder.glob(file))
    content = path.read_bytes()
    for _ in range(5 * TIMES):
        path.write_bytes(damaged(content, rng))
        (folder / "SHA256SUMS").unlink()
        _write_checksums(folder)
        check(["predict", str(folder), str(whole / "t.csv"), "--out", str(tmp_path / "o.csv")])


def test_damaged_plans_and_option_files(whole, tmp_path):
    rng = random.Random(2)
    for name in ("t.csv", "plan.toml", "train.toml"):
        shutil.copy(whole / name, tmp_path / name)
    assert check(["compare", str(tmp_path / "plan.toml"), "--json"]) == 0
    plan, options = ((whole / f"{name}.toml").read_bytes() for name in ("plan", "train"))
    for i in range(6 * TIMES):
        (tmp_path / "plan.toml").write_bytes(damaged(plan, rng))
        store = ["--store", str(tmp_path / f"{i}.store")]
        check(["compare", str(tmp_path / "plan.toml"), *store, "--json"])
        (tmp_path / "train.toml").write_bytes(damaged(options, rng))
        # No such data: what the file says is looked at first, and nothing is trained.
        arguments = ["train", str(tmp_path / "no.csv"), "--out", str(tmp_path / "b")]
        check([*arguments, "--config", str(tmp_path / "train.toml")], least=1)


def test_a_damaged_store(whole, tmp_path):
    rng = random.Random(3)
    path, content = tmp_path / "t.store", (whole / "t.store").read_bytes()
    arguments = ["compare", str(whole / "t.csv"), *LABELS, "--treatments", "none", "--cv", "2"]
    for _ in range(8 * TIMES):
        for beside in tmp_path.glob("t.store*"):
            beside.unlink()
        path.write_bytes(damaged(content, rng))
        check([*arguments, "--store", str(path), "--resume", "--json"])


def test_words_that_are_no_arguments(whole, tmp_path):
    rng = random.Random(4)
    words = ["describe", "train", "predict", "--out", "--labels", "-l", "lab_*", "--", "-", "", "ü"]
    words += [str(whole / "t.csv"), str(whole), str(whole / "bundle"), str(tmp_path / "no" / "x")]
    words += ["--json", "--seed", "1e9", "-1", "--no-header", "--separator", "\t\t", "\x00", "--cv"]
    for _ in range(25 * TIMES):
        command = rng.choice(["describe", "weigh", "evaluate", "predict", "split"])
        check([command, *rng.choices(words, k=rng.randrange(6))])

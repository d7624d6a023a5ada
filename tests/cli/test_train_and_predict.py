"""equipoise train, predict and evaluate: from one's own file to labels for another."""

import datetime as dt
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

import equipoise as eq
from equipoise.bundle import Bundle
from equipoise.cli import main
from equipoise.cli.progress import bar_of

pytestmark = pytest.mark.keras

QUICK = ["--folds", "1", "--epochs", "2", "--hidden-units", "4"]


def films(n, seed, countries=("FR", "US", "IT")):
    """A number, a category, free text and a date; some cells lack."""
    rng = np.random.default_rng(seed)
    genre = rng.integers(0, 3, n)
    words = np.array(["love", "war", "robot"])
    frame = pl.DataFrame(
        {
            "id": np.arange(n),
            "length": rng.normal(100, 20, n).round(1),
            "country": rng.choice(countries, n),
            "plot": [f"a {words[g]} story, number {i}" for i, g in enumerate(genre)],
            "day": [
                dt.date(1990, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, n)
            ],
            "lab_war": (genre == 1).astype(int),
            "lab_=robot": (genre == 2).astype(int),
        }
    )
    gaps = [
        pl.when(pl.Series(rng.random(n) > 0.1)).then(pl.col(name)).alias(name)
        for name in ("length", "country", "day")
    ]
    return frame.with_columns(gaps)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The file of the training rows, and the bundle."""
    pytest.importorskip("skrub")
    pytest.importorskip("skops")
    folder = tmp_path_factory.mktemp("films")
    path, out = folder / "train.csv", folder / "bundle"
    films(150, 0).write_csv(path)
    arguments = ["train", str(path), "-l", "lab_*", "--ignore", "id", "--mixed"]
    assert main([*arguments, "--out", str(out), *QUICK]) == 0
    return path, out


def test_train_writes_a_bundle_and_says_what_held_out_rows_show(trained, capsys):
    bundle = Bundle.load(trained[1])
    assert bundle.label_names == ("lab_war", "lab_=robot")
    assert [column.kind for column in bundle.columns] == ["number", "text", "text", "text"]
    assert bundle.data["n_rows"] == 150
    card = (trained[1] / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# Model of train\n")
    assert "equipoise predict" in card
    loaded = eq.MultilabelClassifier.load(trained[1])
    x = bundle.encoder.transform(eq.readers.read(trained[0], "lab_*", ignore="id", mixed=True).x)
    assert loaded.predict(x).shape == (150, 2)


def test_predict_takes_columns_in_any_order_and_values_never_seen(trained, tmp_path, capsys):
    rows = films(40, 1, ("FR", "JP")).drop("lab_war").with_columns(extra=pl.lit("x"))
    path, out = tmp_path / "new.csv", tmp_path / "out.csv"
    rows.select(reversed(rows.columns)).write_csv(path)
    command = ["predict", str(trained[1]), str(path), "--out", str(out), "--id", "id"]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "Ignored, because the model does not know them: 'extra'." in printed
    found = pl.read_csv(out)
    assert found["id"].to_list() == list(range(40))
    assert found.columns[1:3] == ["labels", "probability_lab_war"]
    rows.write_parquet(tmp_path / "new.parquet")  # where days are dates and not text
    assert main(["predict", str(trained[1]), str(tmp_path / "new.parquet"), "--out", str(out)]) == 1
    assert "column 'day'" in capsys.readouterr().err
    as_text = rows.with_columns(pl.col("day").cast(pl.String))
    as_text.write_parquet(tmp_path / "new.parquet")
    command[2] = str(tmp_path / "new.parquet")
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 40
    np.testing.assert_allclose(
        pl.read_csv(out)["probability_lab_war"], found["probability_lab_war"]
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop("day"), "no column 'day', which the model was trained on"),
        (lambda f: f.rename({"length": "Lenght"}), "'Lenght' may be 'length'"),
        (lambda f: f.with_columns(day=pl.lit("03/04/1999")), "line 2, column 'day'.*holds dates"),
        (lambda f: f.with_columns(length=pl.lit("long")), "line 2, column 'length'.*holds numbers"),
    ],
)
def test_predict_refuses_what_it_cannot_know(trained, tmp_path, capsys, change, message):
    path, out = tmp_path / "new.csv", tmp_path / "out.csv"
    change(films(20, 1)).write_csv(path)
    assert main(["predict", str(trained[1]), str(path), "--out", str(out)]) == 1
    err = " ".join(capsys.readouterr().err.split())
    assert re.search(message, err), err
    assert [p.name for p in tmp_path.iterdir()] == ["new.csv"]


def typed(n, seed):
    """The same columns, where dates are dates, and there are times."""
    frame = films(n, seed).with_columns(
        shown=pl.lit("2001-05-06 12:00:00").str.to_datetime() + pl.duration(hours=pl.col("id"))
    )
    return frame.with_columns(id=pl.format("=row {}", pl.col("id")))


def test_dates_and_times_are_the_same_in_every_format(tmp_path, capsys):
    pytest.importorskip("skrub")
    pytest.importorskip("skops")
    path, folder, out = tmp_path / "t.parquet", tmp_path / "b", tmp_path / "out.parquet"
    typed(120, 0).write_parquet(path)
    arguments = ["train", str(path), "-l", "lab_*", "--ignore", "id", "--mixed", *QUICK]
    assert main([*arguments, "--out", str(folder)]) == 0
    kinds = {column.name: column.kind for column in Bundle.load(folder).columns}
    assert kinds["day"] == "date"
    assert kinds["shown"] == "datetime"
    rows = typed(50, 3)
    shuffled = rows.select(reversed(rows.columns)).drop("lab_war").with_columns(extra=1)

    def predicted(frame, suffix, *more):
        new = tmp_path / f"new{suffix}"
        {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".arrow": frame.write_ipc}[
            suffix
        ](new)
        code = main(["predict", str(folder), str(new), "--out", str(out), "--id", "id", *more])
        return code, " ".join(capsys.readouterr().err.split())

    assert predicted(rows, ".parquet")[0] == 0
    expected = pl.read_parquet(out)
    for suffix in (".parquet", ".arrow", ".csv"):
        assert predicted(shuffled, suffix) == (0, "")
        found = pl.read_parquet(out)
        assert found["id"].equals(expected["id"])
        np.testing.assert_allclose(
            found["probability_lab_war"], expected["probability_lab_war"], rtol=1e-5
        )
    missing = shuffled.drop("shown").rename({"day": "Day "})
    code, err = predicted(missing, ".parquet")
    assert code == 1
    assert "2 columns are not there" in err
    assert "'Day ' may be 'day'" in err
    for name, cell in (("day", "31.12.1999"), ("shown", "noon")):
        wrong = shuffled.with_columns(pl.lit(cell).alias(name))
        code, err = predicted(wrong, ".csv")
        assert code == 1
        assert f"line 2, column '{name}'" in err
        assert "Write dates as" in err or "leave it empty" in err


def test_evaluate_judges_a_bundle_at_its_thresholds(trained, tmp_path, capsys):
    path, out = tmp_path / "test.csv", tmp_path / "out.parquet"
    rows = films(60, 2).with_columns(extra=pl.lit("x"))
    rows.select(reversed(rows.columns)).write_csv(path)
    assert main(["evaluate", str(trained[1]), str(path), "--json"]) == 0
    payload = json.loads(capsys.readouterr().out)
    assert main(["predict", str(trained[1]), str(path), "--out", str(out)]) == 0
    found, labels = pl.read_parquet(out), ["lab_war", "lab_=robot"]
    y = rows.select(labels).to_numpy()
    decided = found.select([f"decision_{name}" for name in labels]).to_numpy()
    f1 = eq.metrics.exact.f_beta(y, decided, average="macro")
    assert payload["overall"]["macro_f1"] == pytest.approx(f1)
    p = found.select([f"probability_{name}" for name in labels]).to_numpy()
    ap = eq.metrics.exact.average_precision(y, p, average="macro")
    assert payload["overall"]["macro_ap"] == pytest.approx(ap)
    report = tmp_path / "report.md"
    assert main(["evaluate", str(trained[1]), str(path), "--report", str(report)]) == 0
    assert report.read_text(encoding="utf-8").startswith("# How good bundle is on test")


@pytest.mark.parametrize("cells", ["classes", "sets"])
def test_a_column_of_labels(tmp_path, capsys, cells):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(150, 3)).round(3)
    kinds = np.array(["a", "b", "c"])[np.digitize(x[:, 0], [-0.4, 0.4])]
    tags = [";".join(["hot"] * int(a > 0) + ["far"] * int(b > 0)) for a, b, _ in x]
    frame = pl.DataFrame(x, ["u", "v", "w"]).with_columns(
        tags=pl.Series(kinds if cells == "classes" else tags)
    )
    path, out, folder = tmp_path / "t.csv", tmp_path / "out.parquet", tmp_path / "b"
    frame.write_csv(path)
    where = ["--labels-column", "tags"] + ([] if cells == "classes" else ["--delimiter", ";"])
    assert main(["train", str(path), *where, "--out", str(folder), *QUICK, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    names = ["a", "b", "c"] if cells == "classes" else ["far", "hot"]
    assert told["labels"] == names
    assert main(["predict", str(folder), str(path), "--out", str(out)]) == 0
    found = pl.read_parquet(out)
    if cells == "classes":
        assert set(found["labels"]) <= set(names)
        p = found.select([f"probability_{name}" for name in names]).to_numpy()
        np.testing.assert_allclose(p.sum(axis=1), 1)
    capsys.readouterr()
    part = tmp_path / "part.csv"  # where not every label occurs
    frame.filter(pl.col("tags").is_in(["a", "b", "far"])).write_csv(part)
    assert main(["evaluate", str(folder), str(part), "--tune", "none", "--json"]) == 0
    assert [row["label"] for row in json.loads(capsys.readouterr().out)["labels"]]


def test_other_formats_can_be_trained_on_and_judged(tmp_path, capsys):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    path, folder = tmp_path / "t.npz", tmp_path / "b"
    np.savez(path, x=x, y=(x[:, :2] > 0.5).astype(int))
    assert main(["train", str(path), "--out", str(folder), *QUICK]) == 0
    assert main(["evaluate", str(folder), str(path), "--tune", "none"]) == 0
    out = tmp_path / "out.csv"
    assert main(["predict", str(folder), str(path), "--out", str(out)]) == 0
    assert pl.read_csv(out).height == 80


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (["train", "DATA", "-l", "lab_*", "--ignore", "*y,plot", "--out", "file"], 1, "a file"),
        (["train", "DATA", "-l", "lab_*", "--out", "no/b"], 1, "does not exist"),
        (["train", "DATA", "-l", "lab_*", "--out", "b"], 1, "or pass --mixed to keep"),
        (
            ["train", "NUMBERS", "-l", "lab_*", "--treatment", "blanced", "--out", "b"],
            2,
            "balanced",
        ),
        (["train", "NUMBERS", "-l", "lab_*", "--bins", "2.5", "--out", "b"], 2, "no whole number"),
        (["train", "NUMBERS", "-l", "lab_*", "--bins", "-1", "--out", "b"], 2, "at least 0"),
        (["predict", "b", "DATA", "--out", "out.csv"], 1, "is no bundle"),
        (["predict", "BUNDLE", "no.csv", "--out", "out.csv"], 1, "no.csv"),
        (["predict", "BUNDLE", "DATA", "--out", "out.txt"], 2, ".parquet"),
        (["predict", "BUNDLE", "DATA", "--out", "out.csv", "--id", "ids"], 1, "'id'"),
        (["evaluate", "BUNDLE"], 2, "no rows to judge"),
        (["evaluate", "BUNDLE", "DATA", "--from-logits"], 2, "for files of scores"),
        (["evaluate", "BUNDLE", "DATA", "-l", "lab_war"], 2, "other labels"),
        (["evaluate", "FOLDER", "DATA"], 1, "is no bundle"),
    ],
)
def test_mistakes_are_told_in_one_message(
    trained, tmp_path, monkeypatch, capsys, command, code, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    numbers = trained[0].with_name("numbers.csv")
    films(30, 0).select("length", "lab_war").write_csv(numbers)
    names = {
        "NUMBERS": str(numbers),
        "DATA": str(trained[0]),
        "BUNDLE": str(trained[1]),
        "FOLDER": "folder",
    }
    assert main([names.get(word, word) for word in command]) == code
    out, err = capsys.readouterr()
    assert message in out + err
    assert "Traceback" not in out + err
    assert {path.name for path in tmp_path.iterdir()} == {"file", "folder"}


def test_interrupting_leaves_nothing_half_written(trained, tmp_path):
    code = "import sys; from equipoise.cli import main; sys.exit(main())"
    options = ["-l", "lab_*", "--ignore", "id", "--mixed", "--folds", "50", "--epochs", "500"]
    process = subprocess.Popen(
        [sys.executable, "-c", code, "train", str(trained[0]), *options, "--out", tmp_path / "b"],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    time.sleep(6)
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_that_a_library_swallows_comes_again():
    class Swallows:
        def __del__(self):
            signal.raise_signal(signal.SIGINT)

    def work():
        with bar_of("work", 2):
            thing = Swallows()
            del thing  # Python would tell that the interrupt was ignored, and go on
            time.sleep(20)

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        work()
    assert time.monotonic() - started < 15  # it did not sleep to the end


def test_an_interrupt_of_which_a_library_makes_an_error_is_one():
    def work():
        with bar_of("work", 2):
            try:
                signal.raise_signal(signal.SIGINT)
            except KeyboardInterrupt:
                raise ImportError("cannot import name 'half'") from None

    with pytest.raises(KeyboardInterrupt):
        work()
    with pytest.raises(ImportError, match="really"), bar_of("work", 2):
        raise ImportError("really not there")


@pytest.mark.parametrize(("asked", "found"), [("0", {0}), ("3", {3}), ("auto", {0, 4})])
def test_numeric_columns_are_seen_by_their_bins(tmp_path, capsys, asked, found):
    path, out = tmp_path / "d.csv", tmp_path / "bundle"
    films(60, 0).select("length", "lab_war").write_csv(path)
    arguments = ["train", str(path), "-l", "lab_*", "--out", str(out), "--bins", asked, *QUICK]
    assert main([*arguments, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bins"] in found
    assert main(["predict", str(out), str(path), "--out", str(tmp_path / "p.csv")]) == 0
    assert main(arguments) == 0
    if asked != "auto":
        assert ("3 bins beside" in capsys.readouterr().out) == (asked == "3")
    wanted = asked if asked == "auto" else int(asked)
    assert eq.MultilabelClassifier.load(out).get_params()["bins"] == wanted


def test_auto_chooses_a_treatment_and_says_why(tmp_path, capsys):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(rng.normal(size=(60, 3)).round(3), schema=["a", "b", "c"])
    frame = frame.with_columns((pl.col("a") > 0.5).cast(int).alias("lab_x"))
    frame.with_columns((pl.col("b") > 0).cast(int).alias("lab_y")).write_csv(tmp_path / "d.csv")
    out = tmp_path / "bundle"
    arguments = ["train", str(tmp_path / "d.csv"), "-l", "lab_*", "--treatment", "auto"]
    quick = ["--folds", "2", "--epochs", "1", "--hidden-units", "4"]
    assert main([*arguments, "--out", str(out), *quick, "--json"]) == 0
    choice = json.loads(capsys.readouterr().out)["choice"]
    assert len(choice["judged"]) == 5
    assert "Why this treatment" in (out / "README.md").read_text(encoding="utf-8")
    assert Bundle.load(out).fitted.choice.chosen == choice["chosen"]
    assert main([*arguments, "--out", str(out), "--folds", "1"]) == 2
    assert "at least 2 inner folds" in capsys.readouterr().err

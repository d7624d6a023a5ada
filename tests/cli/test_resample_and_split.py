"""The commands that write data: what they write is read back the same."""

import json
import os

import numpy as np
import polars as pl
import pytest
from cyclopts import App
from scipy import sparse

from equipoise import readers
from equipoise._errors import InvalidFile, InvalidInput
from equipoise.cli.resample import resample
from equipoise.cli.split import split
from equipoise.cli.tables import write_table
from equipoise.readers import Dataset
from equipoise.resampling import MLSMOTE, REMEDIAL
from equipoise.targets import as_targets

LABELS = ["--labels", "lab_*"]


def run(*arguments):
    app = App()
    app.command(resample)
    app.command(split)
    app([str(a) for a in arguments], exit_on_error=False, result_action="return_value")


@pytest.fixture
def table(tmp_path):
    random = np.random.default_rng(0)
    X = random.normal(size=(90, 2)).round(3)
    y = (random.random((90, 3)) < [0.8, 0.4, 0.1]).astype(int)
    frame = pl.DataFrame({"a": X[:, 0], "b": X[:, 1], "site": np.arange(90) % 9})
    frame = frame.with_columns(*[pl.Series(f"lab_{j}", y[:, j]) for j in range(3)])
    path = tmp_path / "reviews.csv"
    frame.write_csv(path)
    return path


def dense(x):
    return x if isinstance(x, np.ndarray) else x.toarray()


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arff"])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_what_is_written_is_read_back(tmp_path, suffix, kind):
    random = np.random.default_rng(0)
    x = (random.normal(size=(30, 3)) * (random.random((30, 3)) < 0.6)).astype(np.float32)
    x[4, 1], x[5, 2], x[6, 0] = 0.1, 1e-30, 123456.78
    if kind == "dense":
        x[3, 1] = np.nan
    y = (random.random((30, 2)) < 0.4).astype(float)
    y[2, 1] = np.nan
    names = ("it's", 'a "b", c'), ("back\\slash", "100 %", "ünï {code}")
    features = x if kind == "dense" else sparse.csr_array(x)
    targets = as_targets(y, label_names=names[0])
    data = Dataset(features, targets, names[1], 3, name="odd 'name'")
    path = tmp_path / f"file.{suffix}"
    write_table(path, data)
    assert os.listdir(tmp_path) == [path.name]
    again = readers.read(path, labels=list(names[0]))
    assert again.feature_names == names[1]
    assert again.targets.label_names == names[0]
    np.testing.assert_array_equal(dense(again.x), x)
    np.testing.assert_array_equal(again.targets.to_array(), y)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arff"])
def test_resample_writes_what_the_resampler_makes(table, tmp_path, capsys, suffix):
    out = tmp_path / f"more.{suffix}"
    options = ["--method", "mlsmote", "--n-new", "7", "--seed", "3", "--ignore", "site"]
    run("resample", table, *LABELS, *options, "--out", out)
    assert "mean imbalance ratio" in capsys.readouterr().out
    data = readers.read(table, labels="lab_*", ignore="site")
    x, y = MLSMOTE(n_new=7, random_state=3).fit_resample(data.x, data.targets)
    again = readers.read(out, labels="lab_*")
    np.testing.assert_allclose(again.x, x, rtol=1e-6)
    np.testing.assert_array_equal(again.targets.to_array(), y.to_array())


def test_resample_keeps_groups_and_prints_json(table, tmp_path, capsys):
    out = tmp_path / "more.parquet"
    options = ["--method", "remedial", "--groups", "site", "--unlabelled", "drop", "--json"]
    run("resample", table, *LABELS, *options, "--out", out)
    result = json.loads(capsys.readouterr().out)
    data = readers.read(table, labels="lab_*", groups="site")
    sampler = REMEDIAL(unlabelled="drop")
    sampler.fit(data.x, data.targets)
    assert result["measures"]["rows"] == [90, len(sampler.sample_indices_)]
    assert [row["label"] for row in result["sampling_rates"]] == ["lab_0", "lab_1", "lab_2"]
    again = readers.read(out, labels="lab_*", groups="site")
    np.testing.assert_array_equal(again.groups, np.asarray(data.groups)[sampler.sample_indices_])


def test_a_second_method_takes_its_options(table, tmp_path, capsys):
    out = tmp_path / "more.csv"
    options = ["--method", "remedial", "--then", "mlros", "--n-new", "5", "--ignore", "site"]
    run("resample", table, *LABELS, *options, "--out", out)
    assert "MLROS" in capsys.readouterr().out
    data = readers.read(table, labels="lab_*", ignore="site")
    parted = REMEDIAL().fit_resample(data.x, data.targets)[1]
    assert readers.read(out, labels="lab_*").n_rows == parted.n_rows + 5


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (["--method", "mlenn", "--n-new", "5"], InvalidInput, "no such option.*--n-new"),
        (["--method", "mlros", "--then", "mlenn"], InvalidInput, "goes with --method remedial"),
        (["--method", "mlros", "--percentage", "0.25"], InvalidInput, "looks like a share"),
    ],
)
def test_options_that_do_not_fit_write_nothing(table, tmp_path, options, error, message):
    out = tmp_path / "more.csv"
    with pytest.raises(error, match=message):
        run("resample", table, *LABELS, *options, "--out", out)
    assert os.listdir(tmp_path) == ["reviews.csv"]


def test_places_that_cannot_be_written_are_told_before_the_work(table, tmp_path):
    for command in (["resample", table, "--method", "mlros"], ["split", table]):
        with pytest.raises(InvalidInput, match="suffix"):
            run(*command, *LABELS, "--out", tmp_path / "more.xlsx")
        with pytest.raises(InvalidFile, match="does not exist"):
            run(*command, *LABELS, "--out", tmp_path / "nowhere" / "more.csv")


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arff"])
def test_split_files_are_a_partition(table, tmp_path, capsys, suffix):
    out = tmp_path / f"part.{suffix}"
    sizes = ["--test-size", "0.2", "--validation-size", "0.2", "--ignore", "site"]
    run("split", table, *LABELS, *sizes, "--out", out)
    assert "part-validation" in capsys.readouterr().out
    names = ("train", "validation", "test")
    parts = [readers.read(tmp_path / f"part-{n}.{suffix}", labels="lab_*") for n in names]
    assert [p.n_rows for p in parts] == [54, 18, 18]
    whole = readers.read(table, labels="lab_*", ignore="site")
    rows = np.vstack([np.hstack([p.x, p.targets.to_array()]) for p in parts])
    expected = np.hstack([whole.x, whole.targets.to_array()])
    np.testing.assert_allclose(np.sort(rows, axis=0), np.sort(expected, axis=0), rtol=1e-6)


def test_no_group_is_in_two_files(table, tmp_path, capsys):
    out = tmp_path / "part.csv"
    run("split", table, *LABELS, "--groups", "site", "--test-size", "0.3", "--out", out, "--json")
    report = json.loads(capsys.readouterr().out)
    assert set(report["files"]) == {"train", "test"}
    groups = [
        set(readers.read(path, labels="lab_*", groups="site").groups)
        for path in report["files"].values()
    ]
    assert not groups[0] & groups[1]


def test_a_minimum_of_each_label_can_be_kept(table, tmp_path):
    out = tmp_path / "out.csv"
    command = ["resample", table, "--out", out, "--method", "mlrus", "--percentage", "90", *LABELS]
    run(*command, "--min-kept", "5")
    kept = pl.read_csv(out).select("^lab_.*$").sum().row(0)
    assert min(kept) >= 5
    with pytest.raises(InvalidInput, match="no such option"):
        run("resample", table, "--out", out, "--method", "mlros", "--min-kept", "5", *LABELS)

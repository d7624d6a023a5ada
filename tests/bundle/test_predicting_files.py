"""predict_files: rows of tables of any size, found by name, written whole or not at all."""

import datetime as dt
import re
import threading

import numpy as np
import polars as pl
import pytest
from bundle_cases import NAMES, problem, quick
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.bundle import Bundle, Column, columns_of, output
from equipoise.bundle.columns import converted
from equipoise.bundle.predict import _in_few_sizes, predict_files, score_matrix
from equipoise.readers._places import Place
from equipoise.readers.blocks import open_table

pytestmark = pytest.mark.keras

FEATURES = [f"f{i}" for i in range(5)]


def bundle_of(y, **options):
    X, _ = problem()
    fitted = quick(n_folds=1, **options).fit(X, y)
    columns = columns_of(FEATURES, X)
    return Bundle(fitted.fitted_, fitted.task_, fitted.classes_, columns=columns), fitted


@pytest.fixture(scope="module")
def model():
    return bundle_of(pl.DataFrame(problem()[1], NAMES))


@pytest.fixture(scope="module")
def table():
    X, _ = problem(seed=3)
    frame = pl.DataFrame(X, FEATURES)
    return frame.with_columns(id=pl.format("=row {}", pl.int_range(len(X))), extra=pl.lit("x"))


def save(frame, path):
    {".csv": frame.write_csv, ".parquet": frame.write_parquet, ".arrow": frame.write_ipc}[
        path.suffix
    ](path)
    return path


@pytest.mark.parametrize("source", [".csv", ".parquet", ".arrow"])
@pytest.mark.parametrize("target", [".csv", ".parquet"])
def test_columns_in_any_order_and_others_beside_them(model, table, tmp_path, source, target):
    bundle, fitted = model
    path = save(table.select(reversed(table.columns)), tmp_path / f"rows{source}")
    told = predict_files(bundle, [path], tmp_path / f"out{target}", keep="id")
    assert told.n_rows == 120
    assert told.ignored == ("extra",)
    p, decisions = fitted.predict_proba(problem(seed=3)[0]), fitted.predict(problem(seed=3)[0])
    assert list(told.positives.values()) == decisions.sum(axis=0).tolist()
    read = pl.read_csv if target == ".csv" else pl.read_parquet
    found = read(told.path)
    of_scores = [f"probability_{name}" for name in NAMES]
    of_decisions = [f"decision_{name}" for name in NAMES]
    assert found.columns == ["id", "labels", *of_scores, *of_decisions]
    # polars reads CSV with its own digits, so text may differ by a bit of float32
    np.testing.assert_allclose(found.select(of_scores).to_numpy(), p, rtol=1e-6)
    np.testing.assert_array_equal(found.select(of_decisions).to_numpy(), decisions)
    mark = "'" if target == ".csv" else ""
    assert found["id"].to_list() == [f"{mark}=row {i}" for i in range(120)]
    for cell, row in zip(found["labels"].to_list(), decisions, strict=True):
        cell = (cell or "").removeprefix("'")
        names = [re.sub(r"\\(.)", r"\1", n) for n in re.split(r"(?<!\\)\|", cell) if n]
        assert names == [name for name, yes in zip(NAMES, row, strict=True) if yes]
    assert {path.name for path in tmp_path.iterdir()} == {f"rows{source}", f"out{target}"}


@pytest.mark.parametrize("source", [".csv", ".parquet"])
def test_blocks_make_no_difference(model, table, tmp_path, source, monkeypatch):
    bundle, _ = model
    paths = [save(part, tmp_path / f"{i}{source}") for i, part in enumerate(table.iter_slices(50))]
    whole = save(table, tmp_path / f"whole{source}")
    one = predict_files(bundle, [whole], tmp_path / "one.parquet", keep="id")
    monkeypatch.setattr("equipoise.readers.blocks._FEWEST_ROWS", 7)
    monkeypatch.setattr("equipoise.readers.blocks._CELLS", 1)
    monkeypatch.setattr("equipoise.readers._records.blocks.__defaults__", (300,))
    calls = []
    many = predict_files(bundle, paths, tmp_path / "many.parquet", keep="id", on_rows=calls.append)
    assert len(calls) > 12
    assert sum(calls) == many.n_rows == one.n_rows == 120
    a, b = pl.read_parquet(one.path), pl.read_parquet(many.path)
    assert a["id"].equals(b["id"])
    numbers = [name for name in a.columns if name.startswith("prob")]
    np.testing.assert_allclose(a.select(numbers), b.select(numbers), rtol=1e-6)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "score"])
def test_classes_and_scores(table, tmp_path, kind):
    y = problem()[1]
    if kind == "score":
        bundle, fitted = bundle_of(y, treatment="zlpr")
        names, of_scores = ["label_0", "label_1", "label_2"], "score"
    else:
        names = ["ham", "spam"] if kind == "binary" else ["a", "b", "c"]
        target = np.array(names)[y[:, 0] + (y[:, 1] if kind == "multiclass" else 0)]
        (bundle, fitted), of_scores = bundle_of(target), "probability"
    path = save(table, tmp_path / "rows.parquet")
    found = pl.read_parquet(predict_files(bundle, [path], tmp_path / "out.parquet").path)
    columns = [f"{of_scores}_{name}" for name in names]
    X = problem(seed=3)[0]
    if kind == "score":
        assert found["score_label_0"].is_between(0, 1).all()
        assert not [name for name in found.columns if name.startswith("probability")]
        decided = found.select(r"^decision_.*$").to_numpy()
        np.testing.assert_array_equal(decided, fitted.predict(X))
        return
    np.testing.assert_allclose(found.select(columns).to_numpy(), fitted.predict_proba(X))
    assert found["labels"].to_list() == fitted.predict(X).tolist()


# --------------------------------------------------------------------------- what is refused


def test_missing_columns_are_named_with_what_is_called_alike(model, table, tmp_path):
    bundle, _ = model
    path = save(table.rename({"f1": " F1", "f4": "g"}), tmp_path / "rows.csv")
    out = tmp_path / "out.csv"
    out.write_text("old")
    with pytest.raises(
        InvalidFile, match=r"rows.csv'.*2 columns are not there.*'f1', 'f4'.*'F1' may be 'f1'"
    ):
        predict_files(bundle, [path], out)
    path = save(table.drop("f1"), tmp_path / "rows.parquet")
    with pytest.raises(InvalidFile, match="no column 'f1', which the model was trained on"):
        predict_files(bundle, [path], out)
    assert out.read_text() == "old"


@pytest.mark.parametrize(
    ("cell", "message"),
    [("x", "line 81, column 'f1'.*holds numbers.*'x'"), ("inf", "line 81, column 'f1'.*infinite")],
)
def test_a_cell_that_is_something_else_is_told_with_its_line(model, table, tmp_path, cell, message):
    bundle, _ = model
    wrong = table.with_columns(pl.col("f1").cast(pl.String))
    wrong[79, "f1"] = cell
    for target in ("out.csv", "out.parquet"):
        with pytest.raises(InvalidFile, match=message):
            predict_files(bundle, [save(wrong, tmp_path / "rows.csv")], tmp_path / target)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_missing_values_are_as_in_training(model, table, tmp_path):
    bundle, fitted = model
    gaps = table.with_columns(pl.col("f1").cast(pl.String))
    gaps[3, "f1"], gaps[4, "f1"] = "NA", None
    found = predict_files(bundle, [save(gaps, tmp_path / "rows.csv")], tmp_path / "out.parquet")
    X = problem(seed=3)[0].copy()
    X[3:5, 1] = np.nan
    p = pl.read_parquet(found.path).select(r"^prob.*$").to_numpy()
    np.testing.assert_allclose(p, fitted.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"keep": "ID"}, "no column 'ID' to keep.*'id'"),
        ({"keep": "labels"}, "has the name of a column of predictions"),
        ({"out": "out.xlsx"}, "End it in .csv or .parquet"),
        ({"out": "no/out.csv"}, "does not exist"),
        ({"out": "rows.csv"}, "would replace the rows"),
        ({"paths": ["rows.arff"]}, "is no table|Cannot read"),
    ],
)
def test_mistakes(model, table, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    save(table.with_columns(labels=pl.lit("x")), tmp_path / "rows.csv")
    given_ = {"paths": ["rows.csv"], "out": "out.csv"} | arguments
    with pytest.raises(InvalidInput, match=message):
        predict_files(model[0], given_.pop("paths"), given_.pop("out"), **given_)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


def test_a_bundle_of_a_matrix_predicts_no_tables(tmp_path):
    X, y = problem()
    folder = quick(n_folds=1, max_epochs=1).fit(X, y).save(tmp_path / "b")
    with pytest.raises(InvalidInput, match="made from a matrix"):
        predict_files(Bundle.load(folder), ["rows.csv"], tmp_path / "out.csv")


def test_what_stops_the_work_leaves_no_file_and_no_thread(model, table, tmp_path):
    def stop(n):
        raise KeyboardInterrupt

    path = save(table, tmp_path / "rows.csv")
    for target in ("out.csv", "out.parquet"):
        with pytest.raises(KeyboardInterrupt):
            predict_files(model[0], [path], tmp_path / target, on_rows=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]
    assert not [t for t in threading.enumerate() if t.name == "writes Parquet"]


# ------------------------------------------------------------------------------- the output

risky = st.text(st.sampled_from("=+-@\t\r\n|\\'\",;aä1.5e"), max_size=8)


@given(st.lists(risky, min_size=1, max_size=4, unique=True), st.integers(0, 15))
@settings(max_examples=60, deadline=None)
def test_no_cell_begins_like_a_formula_and_names_can_be_told_apart(names, which):
    decisions = np.array([[which >> i & 1 for i in range(len(names))]], dtype=np.uint8)
    cell = output.label_cells(names, decisions)
    parts = re.findall(r"((?:[^|\\]|\\.)*)(?:\||$)", cell[0], re.DOTALL)[: decisions.sum()]
    found = [re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts]
    assert found == [name for name, yes in zip(names, decisions[0], strict=True) if yes]
    safe = output.without_formulas(cell.to_frame())[output.LABELS][0]
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", safe)
    assert number or not safe.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert safe in (cell[0], "'" + cell[0])


def test_numbers_and_headers_of_a_csv_file():
    frame = pl.DataFrame({"=id": ["-5", "+1e3", "-a", "=1", "x", None], "n": [-1.5] * 6})
    safe = output.without_formulas(frame)
    assert safe.columns == ["'=id", "n"]
    assert safe["'=id"].to_list() == ["-5", "+1e3", "'-a", "'=1", "x", None]
    assert safe["n"].to_list() == [-1.5] * 6


# ---------------------------------------------------------------------- columns of other types


def of_type(kind, values, **options):
    series = pl.Series("c", values, **options)
    column = Column("c", *kind) if isinstance(kind, tuple) else Column("c", kind)
    frame = converted(series.to_frame(), [column], lambda row: Place("The data", row=row))
    assert frame.dtypes == [column.dtype]
    return frame["c"].to_list()


def test_cells_become_what_they_were_in_training():
    day, time = dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3, 4)
    zoned = ("datetime", "us", "UTC")
    in_utc = time.replace(tzinfo=dt.UTC)
    assert of_type("number", ["1", " 2 ", "NA", "true"]) == [1.0, 2.0, None, 1.0]
    assert of_type("number", [True, None]) == [1.0, None]
    assert of_type("text", ["x", "?", ""]) == ["x", None, None]
    assert of_type("text", [None, None]) == [None, None]
    assert of_type("date", ["2020-01-02", "NA"]) == [day, None]
    assert of_type("date", [None]) == [None]
    assert of_type("datetime", ["2020-01-02T03:04", "2020-01-02 03:04:00", "2020-01-02"]) == [
        time,
        time,
        dt.datetime(2020, 1, 2),
    ]
    assert of_type("datetime", [day]) == [dt.datetime(2020, 1, 2)]
    assert of_type(("datetime", "ms"), [time]) == [time]
    assert of_type(zoned, ["2020-01-02 03:04:00Z", "2020-01-02 04:04:00+01:00"]) == [in_utc] * 2
    paris = pl.Series("c", [in_utc]).dt.convert_time_zone("Europe/Paris")
    assert of_type(zoned, paris) == [in_utc]


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        ("number", ["x"], "row 0 .*column 'c'.*holds numbers.*'x'"),
        ("number", [dt.date(2020, 1, 1)], "holds numbers.*type Date"),
        ("number", [1e300], "infinite"),
        ("text", [7], "holds text.*type Int64"),
        ("date", ["01/02/2020"], "holds dates.*'01/02/2020'"),
        ("date", [7], "the type Date.*Int64"),
        ("datetime", [dt.datetime(2020, 1, 1, tzinfo=dt.UTC)], "the type Datetime"),
        (("datetime", "us", "UTC"), [dt.datetime(2020, 1, 1)], "the type Datetime"),
        (("datetime", "us", "UTC"), ["2020-01-01 00:00:00"], "holds dates"),
    ],
)
def test_what_was_something_else_in_training_is_refused(kind, values, message):
    with pytest.raises(InvalidInput, match=message):
        of_type(kind, values)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_without_rows(tmp_path, suffix):
    frame = pl.DataFrame({"a": [1.0], "b": ["x"]}).head(0)
    path = save(frame, tmp_path / f"t{suffix}")
    with pytest.raises(InvalidFile, match="no row"):
        list(open_table(path).blocks(["a"], ["a"]))


@settings(max_examples=60)
@given(st.integers(1, 20_000), st.booleans())
def test_batches_have_few_sizes_and_every_row_is_there(n, is_sparse):
    X = np.arange(1, n + 1, dtype=np.float32)[:, None]
    padded = _in_few_sizes(sparse.csr_array(X) if is_sparse else X)
    padded = padded.toarray() if is_sparse else padded
    np.testing.assert_array_equal(padded[:n], X)
    assert not padded[n:].any()
    rest = len(padded) % 4096
    assert rest & (rest - 1) == 0  # 0 or a power of two: at most thirteen programs
    assert len(padded) < 2 * n


def test_blocks_of_any_size_need_no_program_of_their_own(model):
    bundle, fitted = model
    X = problem(n=300)[0]
    for n in (1, 63, 64, 65, 300):
        for rows in (X[:n], sparse.csr_array(X[:n])):
            scores, decisions = score_matrix(bundle, rows)
            np.testing.assert_allclose(scores, fitted.predict_proba(X[:n]), rtol=1e-5)
            assert decisions.shape == scores.shape

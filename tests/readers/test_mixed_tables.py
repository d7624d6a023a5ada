"""Mixed tables: what stays as it is, and numbers made of it by an encoder of training rows."""

import datetime as dt
import io
import sys

import numpy as np
import polars as pl
import pytest

from equipoise._errors import EquipoiseWarning, InvalidFile, InvalidInput, MissingDependency
from equipoise.readers import from_frame, read, read_train_test
from equipoise.readers.tables import table_encoder

TEXT = (
    "length,country,plot,day,seen,l\n"
    "95,FR,a long story,1999-03-04,true,1\n"
    "NA,?,None,,false,0\n"
    ' 120 , US ,"a, b",2004-12-31,,1\n'
)


def test_numbers_and_text_of_a_csv_file(write):
    d = read(write(TEXT, "films.csv"), "l", mixed=True)
    assert isinstance(d.x, pl.DataFrame)
    assert d.x.schema == {
        "length": pl.Float32,
        "country": pl.String,
        "plot": pl.String,
        "day": pl.String,
        "seen": pl.Float32,
    }
    assert d.x.rows() == [
        (95.0, "FR", "a long story", "1999-03-04", 1.0),
        (None, None, None, None, 0.0),
        (120.0, " US ", "a, b", "2004-12-31", None),
    ]
    assert repr(d) == "Dataset('films': 3 rows, 5 features (mixed), 1 labels 'l')"


def test_types_of_a_parquet_file_stay(write):
    frame = pl.DataFrame(
        {
            "f": [1, None],
            "truth": [True, None],
            "day": [dt.date(2020, 1, 1), None],
            "time": [dt.datetime(2020, 1, 1, 2), None],
            "word": ["x", "NA"],
            "number": ["1", "2"],
            "cat": pl.Series(["x", None], dtype=pl.Categorical),
            "level": pl.Series(["x", None], dtype=pl.Enum(["x"])),
            "none": [None, None],
            "l": [0, 1],
        }
    )
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    x = read(write(buffer.getvalue(), "t.parquet"), "l", mixed=True).x
    kinds = [pl.Float32] * 2 + [pl.Date, pl.Datetime("us")] + [pl.String] * 4 + [pl.Float32]
    assert x.dtypes == kinds
    day, time = dt.date(2020, 1, 1), dt.datetime(2020, 1, 1, 2)
    assert x.row(0) == (1.0, 1.0, day, time, "x", "1", "x", "x", None)
    assert x.row(1) == (None,) * 5 + ("2", None, None, None)


def test_a_column_that_becomes_text_late_is_text_as_it_stands_in_the_file(write):
    rows = [f"{i:04d},{i % 2}" for i in range(3000)]
    with pytest.warns(EquipoiseWarning, match=r"t.csv', line 3002, column 'f': .*'x1'") as found:
        d = read(write("\n".join(["f,l", *rows, "x1,1"]), "t.csv"), "l", mixed=True)
    assert "1 of its 3001 cells are no numbers" in str(found[0].message)
    assert d.x["f"][7] == "0007"
    assert d.x["f"][-1] == "x1"


def test_text_with_some_numbers_in_it_is_just_text(write):
    d = read(write("f,l\n1,0\nx,1\n3,1\ny,0\n", "t.csv"), "l", mixed=True)
    assert d.x["f"].to_list() == ["1", "x", "3", "y"]


def test_text_that_is_not_asked_for_says_how(write):
    with pytest.raises(InvalidFile, match=r"line 2, column 'country'.*'FR'.*mixed=True"):
        read(write(TEXT, "films.csv"), "l")


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ([dt.time(1)], "column 'f': a feature must be a number, text, a category or a date.*Time"),
        ([[1]], r"column 'f': a feature must be .*List\(Int64\).*ignore=\['f'\]"),
        ([b"x"], "column 'f': a feature must be .*Binary"),
        ([np.inf], r"row 0 .from 0., column 'f': the value is infinite"),
        ([1e300], r"row 0 .from 0., column 'f': the value is infinite"),
    ],
)
def test_what_no_mixed_table_holds(column, problem):
    with pytest.raises(InvalidInput, match=rf"The data frame.*{problem}"):
        from_frame(pl.DataFrame({"f": column, "l": [1]}), "l", mixed=True)


def test_infinity_in_a_csv_file(write):
    with pytest.raises(InvalidFile, match="line 3, column 'f': the value is infinite"):
        read(write("f,t,l\n1,x,0\ninf,y,1\n", "t.csv"), "l", mixed=True)


# ------------------------------------------------------------------------- training and test


def test_what_a_column_is_the_training_rows_decide(write):
    train = write("f,t,l\n1,x,0\n2,y,1\n", "a.csv")
    a, b = read_train_test(train, write("t,l,f\n07,1,\n", "b.csv"), "l", mixed=True)
    assert a.x.schema == b.x.schema == {"f": pl.Float32, "t": pl.String}
    assert b.x.row(0) == (None, "07")
    with pytest.raises(
        InvalidFile,
        match=r"b.csv', line 3, column 'f': the column holds numbers in all training rows.*'oops'",
    ):
        read_train_test(train, write("t,l,f\nx,1,3\nx,1,oops\n", "b.csv"), "l", mixed=True)
    late = write("f,t,l\n" + "1,x,0\n" * 2000 + "z,x,1\n" * 500, "late.csv")
    a, b = read_train_test(late, write("t,l,f\nx,1,3.50\n", "b.csv"), "l", mixed=True)
    assert b.x["f"].to_list() == ["3.50"]


def generated(rng, n, countries, start):
    """Films: a number, a category, free text and a date tell their labels; some cells lack."""
    words = np.array(["love", "war", "robot", "ghost", "spy", "dance"])
    genre = rng.integers(0, 6, n)
    plots = [f"a {words[g]} story of the year, number {i}" for i, g in enumerate(genre)]
    days = [dt.date(start, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, n)]
    lacks = rng.random((n, 4)) < 0.1
    columns = {
        "length": rng.normal(100, 20, n).round(1).tolist(),
        "country": rng.choice(countries, n).tolist(),
        "plot": plots,
        "day": days,
    }
    for lack, name in zip(lacks.T, columns, strict=True):
        columns[name] = [None if gone else v for gone, v in zip(lack, columns[name], strict=True)]
    labels = {"lab_war": (genre == 1).astype(int), "lab_late": [d.year % 2 for d in days]}
    return pl.DataFrame(columns | labels)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_an_encoder_fitted_on_training_rows_takes_what_it_never_saw(tmp_path, suffix):
    rng = np.random.default_rng(0)
    train = generated(rng, 300, ["FR", "US", "IT"], 1990)
    test = generated(rng, 80, ["FR", "JP", "BR"], 2020)
    for frame, name in ((train, "train"), (test.select(reversed(test.columns)), "test")):
        save = pl.DataFrame.write_csv if suffix == "csv" else pl.DataFrame.write_parquet
        save(frame, tmp_path / f"{name}.{suffix}")
    a, b = read_train_test(
        tmp_path / f"train.{suffix}", tmp_path / f"test.{suffix}", "lab_*", mixed=True
    )
    encoder = table_encoder().fit(a.x)
    kinds = encoder.kind_to_columns_
    assert kinds["numeric"] == ["length"]
    assert kinds["low_cardinality"] == ["country"]
    assert kinds["high_cardinality"] == ["plot"]
    assert kinds["datetime"] == ["day"]
    encoded_a, encoded_b = encoder.transform(a.x), encoder.transform(b.x)
    assert encoded_a.columns == encoded_b.columns
    for encoded in (encoded_a, encoded_b):
        assert set(encoded.dtypes) == {pl.Float32}
        assert encoded.to_numpy().dtype == np.float32
        assert not np.isinf(encoded.to_numpy()).any()
    country = encoded_b.select(pl.col("^country_.*$")).to_numpy()
    new = b.x["country"].is_in(["JP", "BR"]).fill_null(False).to_numpy()
    assert new.any()
    assert (country[new] == 0).all()
    missing = b.x["country"].is_null().to_numpy()
    assert (encoded_b["country_None"].to_numpy() == missing).all()
    assert (encoded_b["length"].is_null() == b.x["length"].is_null()).all()
    assert encoded_b["day_year"].drop_nulls().min() >= 2020
    assert np.isfinite(encoded_b.select(pl.col("^plot_.*$")).to_numpy()).all()
    again = table_encoder().fit(a.x).transform(b.x)
    np.testing.assert_array_equal(again.to_numpy(), encoded_b.to_numpy())


def test_a_value_never_seen_looks_like_neither_of_two():
    encoder = table_encoder().fit(pl.DataFrame({"sex": ["f", "m", "f"]}))
    rows = encoder.transform(pl.DataFrame({"sex": ["f", "m", "x"]})).to_numpy()
    np.testing.assert_array_equal(rows, [[1, 0], [0, 1], [0, 0]])


def test_the_encoder_is_the_first_step_of_a_pipeline():
    from sklearn.linear_model import LogisticRegression
    from sklearn.multioutput import MultiOutputClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    rng = np.random.default_rng(1)
    train = from_frame(generated(rng, 300, ["FR", "US"], 1990), "lab_*", mixed=True)
    test = from_frame(generated(rng, 200, ["FR", "US"], 1990), "lab_*", mixed=True)

    def scaled(x):
        columns = np.nan_to_num(x.select(pl.col("^plot_.*$")).to_numpy())
        return columns * 10

    pipeline = make_pipeline(
        table_encoder(), FunctionTransformer(scaled), MultiOutputClassifier(LogisticRegression())
    )
    pipeline.fit(train.x, train.targets.values)
    found = pipeline.predict(test.x)[:, 0] == test.targets.values[:, 0]
    assert found.mean() > 0.9  # the words of the plot tell the war films


def test_options_go_to_skrub():
    assert table_encoder(cardinality_threshold=3).cardinality_threshold == 3
    with pytest.raises(InvalidInput, match=r"skrub's TableVectorizer.*Did you mean 'cardinality_"):
        table_encoder(cardinality_treshold=3)


def test_without_skrub_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skrub", None)  # what Python does for a module not there
    with pytest.raises(MissingDependency, match=r"'skrub'.*pip install 'equipoise\[tables\]'"):
        table_encoder()

"""Training and test rows in files of their own: the same columns, labels and encoding in both."""

import io

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import read, read_train_test

NAN = np.nan


def parquet(**columns):
    buffer = io.BytesIO()
    pl.DataFrame(columns).write_parquet(buffer)
    return buffer.getvalue()


def archive(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


# ------------------------------------------------------------------------------------ tables


def test_columns_are_matched_by_name(write):
    train = write("id,f,g,l1,l2,site\n7,1,2,0,1,x\n8,3,4,1,0,y\n", "s-train.csv")
    test = write("l2,site,g,f,l1\n1,z,20,10,\n", "s-test.csv")
    a, b = read_train_test(train, test, "l*", ignore="id", groups="site")
    assert a.feature_names == b.feature_names == ("f", "g")
    assert a.targets.label_names == b.targets.label_names == ("l1", "l2")
    np.testing.assert_array_equal(a.x, [[1, 2], [3, 4]])
    np.testing.assert_array_equal(b.x, [[10, 20]])
    np.testing.assert_array_equal(a.targets.to_array(), [[0, 1], [1, 0]])
    np.testing.assert_array_equal(b.targets.to_array(), [[NAN, 1]])
    assert a.groups.tolist() == ["x", "y"]
    assert b.groups.tolist() == ["z"]
    assert (a.name, b.name) == ("s-train", "s-test")


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    order=st.permutations(["f", "g", "h", "l1", "l2", "id"]), suffix=st.sampled_from(["csv", "pq"])
)
def test_any_order_of_columns_gives_the_same(tmp_path, order, suffix):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {name: rng.random(6).round(3) for name in ("f", "g", "h")}
        | {name: rng.integers(0, 2, 6) for name in ("l1", "l2")}
        | {"id": ["a"] * 6}
    )
    save = pl.DataFrame.write_csv if suffix == "csv" else pl.DataFrame.write_parquet
    save(frame.head(4), tmp_path / f"a.{suffix}")
    save(frame.tail(2).select(order), tmp_path / f"b.{suffix}")
    save(frame, tmp_path / f"whole.{suffix}")
    a, b = read_train_test(tmp_path / f"a.{suffix}", tmp_path / f"b.{suffix}", "l?", ignore="id")
    whole = read(tmp_path / f"whole.{suffix}", "l?", ignore="id")
    np.testing.assert_array_equal(np.concatenate([a.x, b.x]), whole.x)
    both = np.concatenate([a.targets.values, b.targets.values])
    np.testing.assert_array_equal(both, whole.targets.values)


def test_labels_are_those_of_both(write):
    train, test = write("f,t\n1,b|10\n2,\n", "a.csv"), write("t,f\na|b,3\n", "b.csv")
    for a, b in [
        read_train_test(train, test, labels_column="t", delimiter="|"),
        read_train_test(train, test, labels_column=-1, delimiter="|"),
    ]:
        assert a.targets.label_names == b.targets.label_names == ("10", "a", "b")
        np.testing.assert_array_equal(a.targets.to_array(), [[1, 0, 1], [0, 0, 0]])
        np.testing.assert_array_equal(b.targets.to_array(), [[0, 1, 1]])


def test_classes_that_only_one_file_has(write):
    train, test = write("f,t\n1,ham\n2,spam\n", "a.csv"), write("f,t\n1,spam\n", "b.csv")
    a, b = read_train_test(train, test, labels_column="t")
    assert (a.targets.task, b.targets.label_names) == ("binary", ("spam",))
    np.testing.assert_array_equal(b.targets.values, [[1]])
    a, b = read_train_test(train, write("f,t\n1,eggs\n", "b.csv"), labels_column="t")
    assert a.targets.label_names == b.targets.label_names == ("eggs", "ham", "spam")
    assert a.targets.task == b.targets.task == "multiclass"


def test_several_files_on_each_side_and_compressed_ones(write):
    import gzip

    one, two = write("f,l\n1,0\n", "s-1.csv"), write("l,f\n1,2\n", "s-2.csv")
    three = write(gzip.compress(b"l,f\n0,3\n1,4\n"), "s-3.csv.gz")
    a, b = read_train_test([one, two], three, "l")
    np.testing.assert_array_equal(a.x, [[1], [2]])
    np.testing.assert_array_equal(b.x, [[3], [4]])
    assert (a.name, b.name) == ("s", "s-3")


BAD = [
    ("f,g,l\n1,2,0\n", "l,f\n0,1\n", r"b.csv'.*no column 'g', which .*a.csv' has.*ignore=\['g'\]"),
    ("f,l\n1,0\n", "l,g,f\n0,1,1\n", r"a.csv'.*no column 'g', which .*b.csv' has.*ignore=\['g'\]"),
    ("f,length,l\n1,2,0\n", "l,f,lenght\n0,1,1\n", "Did you mean 'lenght'"),
    ("f,l,l2\n1,0,1\n", "l,f\n0,1\n", r"b.csv'.*no column 'l2', which .*a.csv' has. Name the"),
    ("f,l\n1,0\n", "l,f\n0,x\n", r"b.csv', line 2, column 'f': a feature must be a number"),
    ("f,l\n1,0\n", "l,f\n2,1\n", r"b.csv', line 2, column 'l': a label must be 0 or 1"),
    ("f,l\n1,0\n", "l,f\n0\n", r"b.csv', line 2: the row has 1 cell"),
    ("f,l\n1,0\n", "l,f\n", r"b.csv': holds a header line and no row"),
]


@pytest.mark.parametrize(("train", "test", "problem"), BAD)
def test_files_that_do_not_fit(write, train, test, problem):
    with pytest.raises(InvalidFile, match=problem):
        read_train_test(write(train, "a.csv"), write(test, "b.csv"), "l*")
    with pytest.raises(InvalidFile):  # the same the other way round
        read_train_test(write(test, "b.csv"), write(train, "a.csv"), "l*")


def test_columns_may_be_ignored_that_only_one_file_has(write):
    train, test = write("f,l\n1,0\n", "a.csv"), write("l,g,f\n0,1,2\n", "b.csv")
    a, b = read_train_test(train, test, "l", ignore="g")
    np.testing.assert_array_equal(np.concatenate([a.x, b.x]), [[1], [2]])
    with pytest.raises(InvalidFile, match="no column 'h', named in `ignore`"):
        read_train_test(train, test, "l", ignore="g,h")


def test_arguments_that_cannot_be_meant(write):
    train, test = write("f,l\n1,0\n", "a.csv"), write("f,l\n1,0\n", "b.csv")
    with pytest.raises(InvalidInput, match=r"both in `train` and in `test`.*a.csv"):
        read_train_test(train, [test, train], "l")
    again = train.parent / "sub" / ".." / "a.csv"
    (train.parent / "sub").mkdir()
    with pytest.raises(InvalidInput, match=r"both in `train` and in `test`.*a.csv"):
        read_train_test(train, again, "l")
    with pytest.raises(InvalidInput, match="different formats"):
        read_train_test(train, write("x", "b.svm"), "l")
    with pytest.raises(TypeError, match="unexpected keyword argument 'label'"):
        read_train_test(train, test, label="l")
    with pytest.raises(InvalidFile, match="Cannot read"):
        read_train_test(train, "nix.csv", "l")


def test_tables_with_types(write):
    a, b = read_train_test(
        write(parquet(f=[1, 2], t=[["x"], ["y"]]), "a.parquet"),
        write(parquet(t=[["z"]], f=[3.5]), "b.pq"),
        labels_column="t",
    )
    assert a.targets.label_names == b.targets.label_names == ("x", "y", "z")
    np.testing.assert_array_equal(np.concatenate([a.x, b.x]), np.float32([[1], [2], [3.5]]))
    with pytest.raises(InvalidFile, match=r"b.pq', column 't': the column is of type String, in"):
        read_train_test(
            write(parquet(f=[1, 2], t=[["x"], ["y"]]), "a.parquet"),
            write(parquet(t=["z"], f=[3.5]), "b.pq"),
            labels_column="t",
        )


# -------------------------------------------------------------------------------------- ARFF

TRAIN = (
    "@relation r\n@attribute c {x,y,z}\n@attribute f real\n@attribute t {no,yes}\n"
    "@attribute p {a,b}\n@attribute w {u,v}\n@attribute l {0,1}\n@data\n"
)
TEST = (
    "@relation r\n@attribute l {1,0}\n@attribute w {v}\n@attribute t {yes,no}\n"
    "@attribute c {w,z,x}\n@attribute f real\n@attribute p {b,a}\n@data\n"
)
NAMES = ("c=x", "c=y", "c=z", "c=w", "f", "t", "p", "w")


@pytest.mark.parametrize("is_sparse", [False, True])
def test_nominal_attributes_are_encoded_alike(write, dense, is_sparse):
    train_rows = "x,1,no,a,u,1\nz,2,yes,b,v,0\n"
    test_rows = "1,v,yes,w,5,b\n0,v,no,x,6,a\n?,?,?,?,?,?\n"
    if is_sparse:
        train_rows = "{1 1,5 1}\n{0 z,1 2,2 yes,3 b,4 v}\n"
        test_rows = "{4 5}\n{0 0,2 no,3 x,4 6,5 a}\n{0 ?,1 ?,2 ?,3 ?,4 ?,5 ?}\n"
    train, test = write(TRAIN + train_rows, "a.arff"), write(TEST + test_rows, "b.arff")
    a, b = read_train_test(train, test, "l")
    assert a.feature_names == b.feature_names == NAMES
    np.testing.assert_array_equal(dense(a.x), [[1, 0, 0, 0, 1, 0, 0, 0], [0, 0, 1, 0, 2, 1, 1, 1]])
    np.testing.assert_array_equal(
        dense(b.x), [[0, 0, 0, 1, 5, 1, 1, 1], [1, 0, 0, 0, 6, 0, 0, 1], [NAN] * 8]
    )
    np.testing.assert_array_equal(a.targets.to_array(), [[1], [0]])
    np.testing.assert_array_equal(b.targets.to_array(), [[1], [0], [NAN]])
    assert a.n_attributes == b.n_attributes == 5


def test_the_same_header_gives_what_reading_both_gives(write, dense):
    rows = "x,1,no,a,u,1\ny,2,yes,b,v,0\n"
    train, test = write(TRAIN + rows, "s-train.arff"), write(TRAIN + rows[::1], "s-test.arff")
    a, b = read_train_test(train, test, "l")
    whole = read([train, test], "l")
    np.testing.assert_array_equal(np.concatenate([a.x, b.x]), whole.x)
    assert a.feature_names == whole.feature_names


def test_the_mulan_file_names_the_labels_of_both(write):
    train, test = (
        write(TRAIN + "x,1,no,a,u,1\n", "s-train.arff"),
        write(TEST + "{}\n", "s-test.arff"),
    )
    write("<labels><label name='l'/></labels>", "s.xml")
    with pytest.raises(InvalidFile, match=r"s-test.arff': has sparse rows, unlike"):
        read_train_test(train, test)
    a, b = read_train_test(train, write(TEST + "1,v,yes,w,5,b\n", "s-test.arff"))
    assert a.targets.label_names == b.targets.label_names == ("l",)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("c {w,z,x}", "c {q}", r"b.arff', line 5, column 'c': the attribute is \{q\}, in .*a.arff"),
        ("c {w,z,x}", "c real", r"line 5, column 'c': the attribute is numeric, in .*\{x, y, z\}"),
        ("f real", "g real", r"b.arff'.*no column 'f', which .*a.arff' has"),
        ("l {1,0}", "l {p,q}", r"b.arff', line 2, column 'l': a label must be \{0, 1\}"),
        ("l {1,0}", "m {1,0}", r"b.arff'.*no column 'l', which .*a.arff' has"),
    ],
)
def test_attributes_that_do_not_fit(write, old, new, problem):
    train = write(TRAIN + "x,1,no,a,u,1\n", "a.arff")
    test = write(TEST.replace(old, new) + "1,v,yes,w,5,b\n", "b.arff")
    with pytest.raises(InvalidFile, match=problem):
        read_train_test(train, test, ["l"])


def test_real_files_of_training_and_test_rows(real_data):
    folder = real_data / "scene"
    files = folder / "scene-train.arff", folder / "scene-test.arff"
    a, b = read_train_test(*files, folder / "scene.xml")
    whole = read(files, folder / "scene.xml")
    assert (a.n_rows, b.n_rows) == (1211, 1196)
    np.testing.assert_array_equal(np.concatenate([a.x, b.x]), whole.x)
    np.testing.assert_array_equal(b.targets.values, whole.targets.values[1211:])


# ----------------------------------------------------------------------- libsvm and archives


def test_libsvm_files_share_features_and_labels(write):
    a, b = read_train_test(write("1,2 1:1\n", "a.svm"), write("3 5:1\n", "b.svm"))
    assert a.x.shape == b.x.shape == (1, 5)
    assert a.targets.label_names == b.targets.label_names == ("1", "2", "3")
    assert b.x[0, 4] == 1
    assert a.x.nnz == b.x.nnz == 1
    a, b = read_train_test(write("1 1:1\n2 1:1\n", "a.svm"), write("2 0:1\n", "b.svm"))
    assert a.targets.task == b.targets.task == "binary"
    assert a.feature_names == b.feature_names == ("feature_0", "feature_1")


def test_archives_are_matched_by_name(write):
    train = write(
        archive(
            x=[[1, 2], [3, 4]], y=[[0, 1], [1, 1]], feature_names=["f", "g"], label_names=["p", "q"]
        ),
        "a.npz",
    )
    test = write(
        archive(x=[[20, 10]], y=[[0, 1]], feature_names=["g", "f"], label_names=["q", "p"]), "b.npz"
    )
    a, b = read_train_test(train, test)
    np.testing.assert_array_equal(b.x, [[10, 20]])
    np.testing.assert_array_equal(b.targets.values, [[1, 0]])
    assert a.feature_names == b.feature_names == ("f", "g")
    with pytest.raises(InvalidFile, match="its `feature_names` are not the same"):
        read([train, test])
    other = write(archive(x=[[20, 10]], y=[[0, 1]], feature_names=["g", "h"]), "b.npz")
    with pytest.raises(InvalidFile, match=r"b.npz': its `feature_names` are not the same, unlike"):
        read_train_test(train, other)

"""Data frames in memory: pandas of all types, Arrow tables, and what is no data frame."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest

from equipoise._errors import InvalidInput
from equipoise.readers import from_frame, read

NAN = np.nan


class ArrowTable:
    """Any table that speaks Arrow's C interface, as pyarrow's do."""

    def __init__(self, frame):
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema=None):
        return self._frame.__arrow_c_stream__(requested_schema)


def test_pandas_columns_of_all_types():
    frame = pd.DataFrame(
        {
            "f": [1.5, NAN, 3.0],
            "i": [1, 2, 3],
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "truth": pd.array([True, None, False], dtype="boolean"),
            "object": [True, None, False],
            "numbers": pd.Series([1, None, 2.5], dtype=object),
            "text": ["7", None, "true"],
            "cat": pd.Categorical(["1", None, "0"]),
            "sparse": pd.arrays.SparseArray([0, 0, 1]),
            4: [4, 5, 6],
            "l": pd.array([0, None, 1], dtype="Int8"),
            "site": pd.Categorical(["x", "y", "x"]),
        }
    )
    d = from_frame(frame, "l", groups="site")
    expected = [
        [1.5, 1, 1, 1, 1, 1, 7, 1, 0, 4],
        [NAN, 2, NAN, NAN, NAN, NAN, NAN, NAN, 0, 5],
        [3, 3, 3, 0, 0, 2.5, 1, 0, 1, 6],
    ]
    np.testing.assert_array_equal(d.x, np.float32(expected))
    np.testing.assert_array_equal(d.targets.to_array(), [[0], [NAN], [1]])
    assert d.feature_names[-1] == "4"
    assert d.groups.tolist() == ["x", "y", "x"]


def test_pandas_dates_and_text_of_a_mixed_table():
    day = dt.date(2020, 1, 2)
    frame = pd.DataFrame(
        {
            "when": pd.to_datetime(["2020-01-02 03:04", None]),
            "zone": pd.to_datetime(["2020-01-02 03:04", None]).tz_localize("Europe/Paris"),
            "day": [day, None],
            "stamp": pd.Series([pd.Timestamp(2020, 1, 2), None], dtype=object),
            "text": ["a b", None],
            "cat": pd.Categorical(["x", None]),
            "n": [1, 2],
            "empty": [None, None],
            "l": [0, 1],
        }
    )
    x = from_frame(frame, "l", mixed=True).x
    minute = dt.datetime(2020, 1, 2, 3, 4)
    assert x.row(0) == (
        minute,
        dt.datetime(2020, 1, 2, 2, 4, tzinfo=x["zone"][0].tzinfo),
        day,
        dt.datetime(2020, 1, 2),
        "a b",
        "x",
        1.0,
        None,
    )
    assert x.row(1) == (None,) * 6 + (2.0, None)
    assert x["zone"].dtype == pl.Datetime("us", "UTC")
    assert x["cat"].dtype == pl.String
    assert x["empty"].dtype == pl.Float32


@pytest.mark.parametrize(
    "labels",
    [
        [["b", "a"], [], ["b"]],
        [{"b", "a"}, set(), {"b"}],
        [("b", "a"), (), None],
        [np.array(["b", "a"]), np.array([]), None],
        ["b,a", "", "b"],
    ],
)
def test_label_sets_of_pandas(labels):
    frame = pd.DataFrame({"f": [1, 2, 3], "tags": labels})
    options = {"delimiter": ","} if isinstance(labels[0], str) else {}
    targets = from_frame(frame, labels_column="tags", **options).targets
    assert targets.label_names == ("a", "b")
    np.testing.assert_array_equal(targets.to_array()[:2], [[1, 1], [0, 0]])


def test_classes_of_pandas_with_gaps_are_whole_numbers():
    frame = pd.DataFrame({"f": [1, 2, 3, 4], "c": [3, None, 1, 2]})
    targets = from_frame(frame, labels_column="c").targets
    assert targets.label_names == ("1", "2", "3")
    assert not targets.known[1].any()


def test_the_index_of_pandas_is_no_column():
    frame = pd.DataFrame({"f": [1.0, 2.0], "l": [0, 1]}, index=["x", "x"])
    assert from_frame(frame, "l").feature_names == ("f",)


@pytest.mark.parametrize("kind", [lambda frame: frame, ArrowTable, pl.DataFrame.lazy])
def test_polars_and_arrow_tables(kind):
    frame = pl.DataFrame({"f": [1.5, None], "l": [0, 1]})
    d = from_frame(kind(frame), "l")
    np.testing.assert_array_equal(d.x, np.float32([[1.5], [NAN]]))


def test_a_table_is_not_changed():
    frame = pl.DataFrame({"f": np.float32([1.5, 2.5]), "l": np.int8([0, 1])})
    d = from_frame(frame, "l")
    d.x[:] = 9
    assert frame["f"].to_list() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("values", "kinds"),
    [([1.5, "x"], "float, str"), ([1j, 2j], "complex"), ([object(), 1], "int, object")],
)
def test_columns_of_different_kinds_are_refused_if_they_are_used(values, kinds):
    frame = pd.DataFrame({"f": [1, 2], "odd": pd.Series(values, dtype=object), "l": [0, 1]})
    with pytest.raises(InvalidInput, match=rf"The data frame, column 'odd': .*Received: {kinds}"):
        from_frame(frame, "l", mixed=True)
    assert from_frame(frame, "l", ignore="odd").feature_names == ("f",)


def test_two_columns_of_one_name():
    frame = pd.DataFrame([[1, 2, 0]], columns=["f", "f", "l"])
    with pytest.raises(InvalidInput, match=r"The data frame: two columns have the same name.*'f'"):
        from_frame(frame, "l")
    frame = pd.DataFrame([[1, 2, 0]], columns=["1", 1, "l"])
    with pytest.raises(InvalidInput, match="the columns of frame.*same name more than once"):
        from_frame(frame, "l")


@pytest.mark.parametrize("frame", [np.ones((2, 2)), {"f": [1]}, [[1, 0]], None, "t.csv", 3])
def test_what_is_no_data_frame(frame):
    with pytest.raises(InvalidInput, match="`frame` must be a data frame.*For a file use read"):
        from_frame(frame, "l")


def test_a_frame_given_as_a_path():
    with pytest.raises(InvalidInput, match=r"must be a path.*DataFrame.*use from_frame"):
        read(pd.DataFrame({"f": [1], "l": [0]}), "l")


def test_frames_of_nothing():
    with pytest.raises(InvalidInput, match="The data frame: holds no row"):
        from_frame(pd.DataFrame({"f": [], "l": []}), "l")
    with pytest.raises(InvalidInput, match="The data frame: there is no column 'l'"):
        from_frame(pd.DataFrame(), ["l"])

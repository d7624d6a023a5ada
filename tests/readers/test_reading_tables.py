"""Parquet and Arrow files: the same table as CSV and in memory, types, damage, bombs."""

import datetime as dt
import io
import struct

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import from_frame, read
from equipoise.readers._arrow_messages import check_messages

NAN = np.nan


def parquet(frame, **options):
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


def arrow(frame, **options):
    buffer = io.BytesIO()
    frame.write_ipc(buffer, **{"compression": "uncompressed", **options})
    return buffer.getvalue()


def stream(frame, **options):
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer, **options)
    return buffer.getvalue()


WRITERS = {
    "t.parquet": parquet,
    "t.pq": lambda frame: parquet(frame, compression="snappy", row_group_size=2),
    "t.arrow": arrow,
    "t.feather": lambda frame: arrow(frame, compression="zstd"),
    "lz4.arrow": lambda frame: arrow(frame, compression="lz4"),
    "t.ipc": stream,
    "zstd.ipc": lambda frame: stream(frame, compression="zstd"),
}


@pytest.fixture(params=WRITERS)
def save(request, write):
    return lambda frame: write(WRITERS[request.param](frame), request.param)


FRAME = pl.DataFrame(
    {
        "f": [1.5, None, NAN, -2.0],
        "i": [1, 2, None, 4],
        "b": [True, None, False, True],
        "word": ["3", " true", "NA", None],
        "cat": pl.Series(["1", "0", None, "1"], dtype=pl.Categorical),
        "d": pl.Series(["1.5", "2.5", "3.5", None]).cast(pl.Decimal(5, 1)),
        "none": [None] * 4,
        "l1": [0, 1, None, 1],
        "l2": [True, False, True, False],
        "l3": ["0", "1", "", "1.0"],
        "site": ["x", "y", "x", "y"],
    }
)
X = np.float32(
    [
        [1.5, 1, 1, 3, 1, 1.5, NAN],
        [NAN, 2, NAN, 1, 0, 2.5, NAN],
        [NAN, NAN, 0, NAN, NAN, 3.5, NAN],
        [-2, 4, 1, NAN, 1, NAN, NAN],
    ]
)
Y = [[0, 1, 0], [1, 0, 1], [NAN, 1, NAN], [1, 0, 1]]


def test_columns_of_all_kinds(save):
    d = read(save(FRAME), "l?", groups="site")
    np.testing.assert_array_equal(d.x, X)
    assert d.x.dtype == np.float32
    assert d.x.flags.c_contiguous
    np.testing.assert_array_equal(d.targets.to_array(), Y)
    assert d.feature_names == ("f", "i", "b", "word", "cat", "d", "none")
    assert d.groups.tolist() == ["x", "y", "x", "y"]
    again = from_frame(FRAME, "l?", groups="site", name="again")
    np.testing.assert_array_equal(again.x, X)
    np.testing.assert_array_equal(again.targets.to_array(), Y)
    assert again.name == "again"


def test_columns_are_ignored_whatever_they_hold(save):
    frame = FRAME.with_columns(when=dt.time(1), raw=b"x", pairs=pl.struct("f", "i"))
    d = read(save(frame), ["l3", "l1"], ignore="when,raw,pairs,site,l2")
    assert d.targets.label_names == ("l3", "l1")
    np.testing.assert_array_equal(d.x, X)


@pytest.mark.parametrize(
    ("labels", "options"),
    [
        ([["b", "a"], [], None, ["b"]], {}),
        ([[2, 1], [], None, [2]], {"label_names": {1: "a", 2: "b"}}),
        (["b|a", "", None, " b "], {"delimiter": "|"}),
        (pl.Series([["b", "a"], [""], None, ["b"]], dtype=pl.List(pl.Categorical)), {}),
    ],
)
def test_label_sets_as_lists_or_text(save, labels, options):
    frame = pl.DataFrame({"f": [1, 2, 3, 4], "tags": labels})
    d = read(save(frame), labels_column="tags", **options)
    assert d.targets.label_names == ("a", "b")
    np.testing.assert_array_equal(d.targets.to_array(), [[1, 1], [0, 0], [0, 0], [0, 1]])


@pytest.mark.parametrize(
    ("classes", "task", "names"),
    [
        ([3.0, None, 1.0, NAN, 2.0], "multiclass", ("1", "2", "3")),
        ([True, None, False, None, True], "binary", ("c",)),
        ([7, None, 5, None, 6], "multiclass", ("5", "6", "7")),
        (["x", None, "y", "", "z"], "multiclass", ("x", "y", "z")),
    ],
)
def test_one_class_a_row(save, classes, task, names):
    frame = pl.DataFrame({"f": range(5), "c": classes})
    targets = read(save(frame), labels_column="c").targets
    assert (targets.task, targets.label_names) == (task, names)
    np.testing.assert_array_equal(targets.known[:, 0], [True, False, True, False, True])


def test_more_rows_than_are_read_at_a_time(save):
    n = 3000
    frame = pl.DataFrame({f"f{i}": np.arange(n) + i for i in range(60)})
    d = read(save(frame.with_columns(l=pl.int_range(n) % 2)), "l")
    np.testing.assert_array_equal(d.x, np.float32(np.arange(n)[:, None] + np.arange(60)))
    np.testing.assert_array_equal(d.targets.values[:, 0], np.arange(n) % 2)


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_many_parts_of_a_wide_table(write, name):
    frame = pl.DataFrame(np.arange(600 * 9000, dtype=np.int32).reshape(600, 9000))
    d = read(write(WRITERS[name](frame.with_columns(l=pl.int_range(600) % 2)), name), "l")
    np.testing.assert_array_equal(d.x, frame.to_numpy().astype(np.float32))


def test_several_files(write):
    one = write(parquet(FRAME.head(1)), "s-train.parquet")
    two = write(parquet(FRAME.tail(3)), "s-test.parquet")
    d = read([one, two], "l?", ignore="site")
    assert d.name == "s"
    np.testing.assert_array_equal(d.x, X)
    np.testing.assert_array_equal(d.targets.to_array(), Y)
    other = write(parquet(FRAME.with_columns(i=pl.lit(dt.date(2020, 1, 1)))), "o.parquet")
    with pytest.raises(InvalidFile, match=r"o.parquet', column 'i': .*type Date, in .*one|Int64"):
        read([one, other], "l?", ignore="site")
    with pytest.raises(InvalidFile, match="column 1 is 'i', in .* it is 'f'"):
        read([one, write(parquet(FRAME.drop("f")), "o.parquet")], "l?", ignore="site")


cell = st.none() | st.floats(-1e6, 1e6, width=32) | st.integers(-1000, 1000).map(float)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(cell, cell, st.sampled_from([None, 0, 1]), st.sampled_from(["", "a", "b|a"])),
        min_size=1,
        max_size=8,
    )
)
def test_every_format_says_the_same(tmp_path, rows):
    schema = {"f": pl.Float64, "g": pl.Float64, "l": pl.Int64, "t": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    columns = {name: frame[name].to_list() for name in schema}
    read_back = [
        from_frame(frame, "l", ignore="t"),
        from_frame(pd.DataFrame(columns), "l", ignore="t"),
    ]
    for name, writer in WRITERS.items():
        (tmp_path / name).write_bytes(writer(frame))
        read_back.append(read(tmp_path / name, "l", ignore="t"))
    frame.write_csv(tmp_path / "t.csv")
    read_back.append(read(tmp_path / "t.csv", "l", ignore="t"))
    expected = np.float32([[NAN if v is None else v for v in row[:2]] for row in rows])
    for d in read_back:
        np.testing.assert_array_equal(d.x, expected)
        np.testing.assert_array_equal(
            d.targets.to_array(), [[NAN if row[2] is None else row[2]] for row in rows]
        )


# --------------------------------------------------------------------------- what is refused

GOOD = {"f": [1.0, 2.0], "l": [0, 1]}
BAD = [
    ({"f": ["a", "1"]}, {}, r"row 0 .from 0., column 'f': a feature must be a number.*mixed=True"),
    ({"f": [1.0, np.inf]}, {}, r"row 1 .from 0., column 'f': the value is infinite"),
    ({"f": [1.0, 1e300]}, {}, r"row 1 .from 0., column 'f': the value is infinite"),
    ({"f": [dt.date(2020, 1, 1)] * 2}, {}, "column 'f': a feature must be a number.*type Date"),
    ({"f": [[1], [2]]}, {}, r"column 'f': a feature must be a number.*List\(Int64\)"),
    ({"l": [0, 2]}, {}, r"row 1 .from 0., column 'l': a label must be 0 or 1.*Received: 2"),
    ({"l": ["yes", "no"]}, {}, r"row 0 .from 0., column 'l': a label must be 0 or 1.*'yes'"),
    ({"l": [[1], [2]]}, {}, r"column 'l': a label must be 0 or 1.*List.*`labels_column`"),
    ({"l": [-1, 1]}, {}, "in the labels, `y` holds -1 but no 0"),
    ({}, {"labels": "m*"}, r"no column matches 'm\*'"),
    ({}, {"labels": None}, "which columns are labels is not said"),
    ({}, {"groups": "g"}, "no column 'g', given as `groups`"),
    ({"g": [1, None]}, {"groups": "g"}, r"row 1 .from 0., column 'g': a row without a group"),
    ({"g": [1.0, NAN]}, {"groups": "g"}, r"row 1 .from 0., column 'g': a row without a group"),
    ({"g": [[1], [2]]}, {"groups": "g"}, "column 'g': groups must be names or numbers"),
    (
        {"t": ["a,b", "c"]},
        {"labels_column": "t"},
        r"row 0 .from 0., column 't': the cell holds ','",
    ),
    ({"t": [["a", None], []]}, {"labels_column": "t"}, "row 0 .*a list of labels holds a missing"),
    ({"t": [["a"], []]}, {"labels_column": "t", "delimiter": ","}, "no `delimiter` separates"),
    ({"t": [[[1]], []]}, {"labels_column": "t"}, "must hold names or whole numbers"),
    ({"t": [[1.5], []]}, {"labels_column": "t"}, "must hold names or whole numbers"),
    ({"t": [1.5, 2]}, {"labels_column": "t"}, "row 0 .*a class must be a name or a whole number"),
    ({"t": [1, 2.0**53]}, {"labels_column": "t"}, "row 1 .*a class must be .* whole number.*9.0"),
    ({"t": [1, np.inf]}, {"labels_column": "t"}, "row 1 .*a class must be .* whole number.*inf"),
    ({"t": [b"x", b"y"]}, {"labels_column": "t"}, "a column of labels must hold text, numbers"),
    ({"t": [[], []]}, {"labels_column": "t"}, "no row has a label"),
]


@pytest.mark.parametrize(("columns", "options", "problem"), BAD)
def test_bad_tables(save, columns, options, problem):
    frame = pl.DataFrame({**GOOD, **columns}, strict=False)
    if "labels_column" in options:
        frame = frame.drop("l")
    options = {"labels": None if "labels_column" in options else "l", **options}
    path = save(frame)
    with pytest.raises(InvalidFile, match=rf"(?s){path.name}.*{problem}"):
        read(path, **options)
    with pytest.raises(InvalidInput, match=rf"(?s)The data frame.*{problem}"):
        from_frame(frame, **options)


def test_tables_without_rows(save):
    path = save(FRAME.clear())
    with pytest.raises(InvalidFile, match=rf"{path.name}': holds no row"):
        read(path, "l?", ignore="site")


def test_options_of_text_tables_are_refused(save):
    path = save(FRAME)
    for options in ({"separator": ";"}, {"header": False}, {"quoting": False}):
        with pytest.raises(InvalidInput, match="does not apply to"):
            read(path, "l?", **options)


def test_other_files_with_these_names(write):
    for name, what in (("t.parquet", "Parquet"), ("t.arrow", "Arrow")):
        with pytest.raises(InvalidFile, match=rf"{name}'.*{what}"):
            read(write("f,l\n1,0\n", name), "l")
        with pytest.raises(InvalidFile, match=rf"{name}' is empty"):
            read(write("", name), "l")
    with pytest.raises(InvalidFile, match="is Feather of version 1"):
        read(write(b"FEA1 and more", "t.feather"), "l")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.sampled_from(list(WRITERS)), cut=st.floats(0.01, 0.99))
def test_a_cut_file_is_never_read(tmp_path, name, cut):
    content = WRITERS[name](pl.DataFrame({"f": range(50), "l": [0, 1] * 25}))
    if name.endswith(".ipc"):  # of a stream only its end mark may be missing
        content = content[:-8]
    path = tmp_path / name
    path.write_bytes(content[: max(1, int(cut * len(content)))])
    with pytest.raises(InvalidFile, match=name):
        read(path, "l")


def test_a_buffer_that_says_it_unpacks_to_more_than_there_is_memory(write):
    for writer, name in ((arrow, "t.arrow"), (stream, "t.ipc")):
        frame = pl.DataFrame({"f": np.arange(1000), "l": [0, 1] * 500})
        content = writer(frame, compression="zstd")
        claimed = struct.pack("<q", 8000)
        assert content.count(claimed) >= 1
        path = write(content.replace(claimed, struct.pack("<q", 1 << 50)), name)
        with pytest.raises(InvalidFile, match=rf"{name}'.*unpack to .* made to fill the memory"):
            read(path, "l")
        path = write(content.replace(claimed, struct.pack("<q", -7)), name)
        with pytest.raises(InvalidFile, match="less than no bytes"):
            read(path, "l")


def test_a_footer_that_names_what_is_not_there(write):
    content = bytearray(arrow(FRAME))
    with write(bytes(content), "t.arrow").open("rb") as file:
        check_messages(write(bytes(content), "t.arrow"), file)  # whole, so nothing is said
    length = struct.unpack("<i", content[-10:-6])[0]
    for footer_length in (0, -1, len(content), length - 30):
        content[-10:-6] = struct.pack("<i", footer_length)
        with pytest.raises(InvalidFile, match=r"t.arrow'.*Arrow"):
            read(write(bytes(content), "t.arrow"), "l?", ignore="site")


def test_a_footer_that_places_the_body_elsewhere(write):
    content = arrow(FRAME)
    start = content.rindex(struct.pack("<q", content.index(b"\xff\xff\xff\xff", 16)))
    (n_message,) = struct.unpack_from("<i", content, start + 8)
    for wrong in (n_message + 1, n_message - 8, -1):
        damaged = bytearray(content)
        struct.pack_into("<i", damaged, start + 8, wrong)
        with pytest.raises(InvalidFile, match=r"t.arrow'.*its footer and a message do not agree"):
            read(write(bytes(damaged), "t.arrow"), "l?", ignore="site")

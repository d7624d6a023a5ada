"""Valid files of every format, damaged at random: `read` returns a data set or says what is wrong.

Seeds are derived from the test itself where polars decodes a binary file: damage inside a page of
a Parquet file can end the process in its decoder, once in ten thousand files, which no reader can
catch.
"""

import bz2
import csv
import datetime as dt
import decimal
import gzip
import io
import lzma
import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from equipoise._errors import EquipoiseWarning, InvalidInput
from equipoise.readers import from_frame, read

CSV = b'i,f,"g, h",l,t\na,1,2.5,0,a\nb,,NA,1,"b|c"\n"c\nd",-1e3,true,0,\n\ne,5,7,,"x"\n'
ARFF = (
    b"% about\n@relation r\n@attribute f numeric\n@attribute 'c d' {x, 'y z', w}\n"
    b"@attribute l {0,1}\n@data\n1,x,0\n2,'y z',1\n?,?,?\n"
)
SPARSE_ARFF = (
    b"@relation r\n@attribute f numeric\n@attribute c {x,y,z}\n@attribute l {0,1}\n@data\n"
    b"{0 1,1 y}\n{2 1}\n{}\n{0 ?}\n"
)
LIBSVM = b"1,2 1:.5 3:2 # note\n 2:1\n3 1:1e-3 7:nan\n"
XMC = b"3 8 5\n0,4 0:1 7:.25\n\n2 3:1\n"
XML = b'<?xml version="1.0"?><labels><label name="m"><label name="l"/></label></labels>'
NAMES = b"0\tnone\n1\tone\n2\ttwo\n"
FRAME = pl.DataFrame(
    {
        "f": [1.5, None, 3.0] * 7,
        "i": list(range(21)),
        "s": ["x", "y", None] * 7,
        "t": [["u", "v"], [], ["w"]] * 7,
        "b": [True, False, None] * 7,
        "l": [0, 1, None] * 7,
        "d": pl.Series(range(21), dtype=pl.Int32).cast(pl.Date),
    }
)


def written(write, **options):
    buffer = io.BytesIO()
    write(FRAME, buffer, **options)
    return buffer.getvalue()


def zstandard():
    buffer = io.BytesIO()
    lines = pl.DataFrame({"line": CSV.decode().split("\n")[:-1]})
    lines.write_csv(buffer, include_header=False, quote_style="never", compression="zstd")
    return buffer.getvalue()


def archive(packed):
    buffer = io.BytesIO()
    if packed:
        names = {"label_names": ["a", "b"], "feature_names": ["p", "q"], "groups": [1, 1, 2]}
        np.savez_compressed(buffer, x=np.eye(3)[:, :2], y=[[0, 1], [1, 0], [1, 1]], **names)
    else:
        x = sparse.csr_array(np.eye(3))
        parts = {"x_data": x.data, "x_indices": x.indices, "x_indptr": x.indptr}
        np.savez(buffer, **parts, x_shape=x.shape, y=["a", "b", "c"])
    return buffer.getvalue()


NUMBERS = {"labels": "l", "ignore": "s,t,d"}
MIXED = {"labels_column": "t", "ignore": "l", "mixed": True}
OF_TABLE = [
    {"labels": "l", "ignore": "i,t"},
    {"labels_column": "t", "delimiter": "|", "ignore": "i"},
    {"labels": "l", "mixed": True, "groups": "i"},
    {"labels_column": -1, "header": False, "mixed": True, "delimiter": "|", "quoting": False},
]
TEXT = {
    "csv": (".csv", CSV, OF_TABLE),
    "arff": (".arff", ARFF, [{"labels": "l"}]),
    "sparse arff": (".arff", SPARSE_ARFF, [{"labels": "l"}]),
    "libsvm": (".svm", LIBSVM, [{}]),
    "libsvm with counts": (".libsvm", XMC, [{}]),
    "gzip": (".csv.gz", gzip.compress(CSV), OF_TABLE[1:2]),
    "bzip2": (".csv.bz2", bz2.compress(CSV), OF_TABLE[1:2]),
    "xz": (".csv.xz", lzma.compress(CSV), OF_TABLE[1:2]),
    "zstandard": (".csv.zst", zstandard(), OF_TABLE[1:2]),
    "npz": (".npz", archive(packed=True), [{}]),
    "sparse npz": (".npz", archive(packed=False), [{}]),
}
BINARY = {
    "parquet": (".parquet", written(pl.DataFrame.write_parquet), [NUMBERS, MIXED]),
    "row groups": (".parquet", written(pl.DataFrame.write_parquet, row_group_size=5), [MIXED]),
    "arrow": (
        ".arrow",
        written(pl.DataFrame.write_ipc, compression="uncompressed"),
        [NUMBERS, MIXED],
    ),
    "arrow, zstd": (".arrow", written(pl.DataFrame.write_ipc, compression="zstd"), [MIXED]),
    "stream": (".ipc", written(pl.DataFrame.write_ipc_stream), [NUMBERS, MIXED]),
    "stream, lz4": (".ipc", written(pl.DataFrame.write_ipc_stream, compression="lz4"), [MIXED]),
}

PIECES = [b'"', b",", b"\n", b"\r", b"\0", b"\xff\xfe", b"9" * 20, b"1e999", b"nan", b"{", b":"]
PIECES += [b"'", b"\\", b"\xe9", b" ", b"\t", b"%", b"#", b"_", b"-1", b"@data\n"]

FUZZED = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

damages = st.lists(
    st.tuples(
        st.sampled_from(["cut", "flip", "insert", "delete", "repeat", "set"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 7),
        st.sampled_from(PIECES) | st.binary(min_size=1, max_size=4),
    ),
    max_size=4,
)


def damaged(content, steps):
    data = bytearray(content)
    for kind, where, n, piece in steps:
        i = int(where * len(data))
        if kind == "cut":
            del data[i:]
        elif kind == "insert":
            data[i:i] = piece
        elif kind == "delete":
            del data[i : i + 1 + 5 * n]
        elif kind == "repeat":
            data[i:i] = data[i : i + 1 + 5 * n]
        elif data:
            data[i] = data[i] ^ 1 << n if kind == "flip" else piece[0]
    return bytes(data)


def read_or_refused(path, **options):
    """The data set, or None where an error says which file is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquipoiseWarning)  # of columns that are text but for …
        try:
            return read(path, **options)
        except InvalidInput as error:
            refused = str(error)
    assert str(path.parent) in refused
    return None


def check(path, content, options):
    path.write_bytes(content)
    d = read_or_refused(path, **options)
    if d is not None:
        check_data_set(d)


def check_data_set(d):
    assert d.x.shape == (d.n_rows, len(d.feature_names))
    assert d.n_rows > 0
    assert len(set(d.targets.label_names)) == d.targets.n_labels > 0
    if not isinstance(d.x, pl.DataFrame):
        assert not np.isinf(d.x if isinstance(d.x, np.ndarray) else d.x.data).any()


@pytest.mark.parametrize("kind", [*TEXT, *BINARY])
def test_files_that_are_whole_are_read(tmp_path, kind):
    suffix, content, options = {**TEXT, **BINARY}[kind]
    path = tmp_path / f"whole{suffix}"
    path.write_bytes(content)
    for one in options:
        if one.get("quoting", True):  # the others are for damaged files only
            assert read(path, **one).n_rows > 2


@pytest.mark.parametrize("kind", TEXT)
@FUZZED
@given(data=st.data())
def test_damaged_text_and_archives(tmp_path, kind, data):
    suffix, content, options = TEXT[kind]
    one = data.draw(st.sampled_from(options))
    check(tmp_path / f"damaged{suffix}", damaged(content, data.draw(damages)) or b"?", one)


@pytest.mark.parametrize("kind", BINARY)
@settings(FUZZED, derandomize=True)
@given(data=st.data())
def test_damaged_binary_tables(tmp_path, kind, data):
    suffix, content, options = BINARY[kind]
    one = data.draw(st.sampled_from(options))
    check(tmp_path / f"damaged{suffix}", damaged(content, data.draw(damages)) or b"?", one)


@FUZZED
@given(steps=damages)
def test_damaged_files_of_names(tmp_path, steps):
    (tmp_path / "t.csv").write_bytes(b"f,t\n1,0 2\n2,1\n")
    names = tmp_path / "names.txt"
    names.write_bytes(damaged(NAMES, steps) or b"?")
    d = read_or_refused(tmp_path / "t.csv", labels_column="t", delimiter=" ", label_names=names)
    assert d is None or d.targets.n_labels >= 3


SUFFIXES = [".csv", ".tsv", ".arff", ".svm", ".npz", ".parquet", ".arrow"]
SUFFIXES += [".csv.gz", ".csv.bz2", ".csv.xz", ".csv.zst"]


@settings(FUZZED, max_examples=150)
@given(
    content=st.binary(min_size=1, max_size=60),
    suffix=st.sampled_from(SUFFIXES),
)
def test_any_bytes_under_any_name(tmp_path, content, suffix):
    options = {} if suffix in (".svm", ".npz") else {"labels": "l"}
    check(tmp_path / f"bytes{suffix}", content, options)


@FUZZED
@given(steps=damages)
def test_damaged_xml_files(tmp_path, steps):
    (tmp_path / "t.csv").write_bytes(b"f,m,l,l2\n1,0,1,0\n2,1,0,1\n")
    xml = tmp_path / "labels.xml"
    xml.write_bytes(damaged(XML, steps) or b"?")
    d = read_or_refused(tmp_path / "t.csv", labels=xml)
    assert d is None or set(d.targets.label_names) <= {"f", "m", "l", "l2"}


# ------------------------------------------------------- what is read is what the file says


@settings(FUZZED, max_examples=400)
@given(
    body=st.text(alphabet='1,"\n\t a.-', max_size=30) | st.text(alphabet=',1"\n', max_size=20),
    quoting=st.booleans(),
)
def test_a_csv_file_is_never_misread(tmp_path, body, quoting):
    path = tmp_path / "t.csv"
    path.write_bytes(b"f,t,l\n" + body.encode())
    d = read_or_refused(path, labels="l", ignore="t", quoting=quoting)
    if d is None:
        return
    if quoting:
        rows = list(csv.reader(io.StringIO(body, newline=""), strict=True))
    else:
        rows = [line.split(",") for line in body.split("\n")]
    rows = [row for row in rows if "".join(row).strip(" ") or len(row) > 1]
    expected = np.array([[number(row[0]), number(row[2])] for row in rows if len(row) == 3])
    assert len(expected) == len(rows)
    np.testing.assert_array_equal(d.x[:, 0], np.float32(expected[:, 0]))
    np.testing.assert_array_equal(d.targets.to_array()[:, 0], expected[:, 1])


def number(cell):
    return float(cell) if cell.strip() else np.nan


@settings(FUZZED, max_examples=400)
@given(st.text(alphabet="12,:. \n-", max_size=20))
def test_a_libsvm_file_is_never_misread(tmp_path, text):
    path = tmp_path / "t.svm"
    path.write_bytes(text.encode() or b"?")
    d = read_or_refused(path)
    if d is None:
        return
    x, y = d.x.toarray(), d.targets.to_array()
    rows = text.rstrip(" \n").split("\n")
    assert len(rows) == len(x)
    for row, features, labels in zip(rows, x, y, strict=True):
        pairs = [pair.split(":") for pair in row.split() if ":" in pair]
        found = dict(zip(d.feature_names, features, strict=True))
        assert {f"feature_{int(i)}": np.float32(v) for i, v in pairs if float(v)} == {
            name: value for name, value in found.items() if value
        }
        head = re.match(r"\s*([^\s:]+)(?:\s|$)", row)
        if d.targets.task == "multilabel":
            has = {name for name, v in zip(d.targets.label_names, labels, strict=True) if v}
            assert has == {str(int(float(i))) for i in head[1].split(",")} if head else not has


# ------------------------------------------------------------------------------- data frames

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.integers(),
    st.floats(),
    st.text(max_size=3),
    st.dates(),
    st.datetimes(timezones=st.none() | st.just(dt.UTC)),
    st.binary(max_size=2),
    st.complex_numbers(),
    st.decimals(-1000, 1000, places=2),
    st.lists(st.text(max_size=2) | st.integers(0, 3) | st.none(), max_size=2),
    st.sets(st.integers(0, 3), max_size=2),
    st.sampled_from([decimal.Decimal(1), dt.time(1), dt.timedelta(1), pd.NA, pd.NaT, object()]),
)
columns = st.one_of(
    st.lists(values, min_size=3, max_size=3),
    *(st.lists(kind | st.none(), min_size=3, max_size=3) for kind in values.element_strategies),
)


@settings(FUZZED, max_examples=300)
@given(column=columns, kind=st.sampled_from([pd, pl]), role=st.sampled_from("flmt"))
def test_any_column_of_a_data_frame(column, kind, role):
    try:
        frame = kind.DataFrame({"c": column, "f": [1.0, 2.0, 3.0], "l": [0, 1, 0]})
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        return  # no such frame
    options = {"f": {"labels": "l"}, "m": {"labels": "l", "mixed": True}}
    options |= {"l": {"labels": "c,l"}, "t": {"labels_column": "c", "ignore": "l"}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EquipoiseWarning)
        try:
            d = from_frame(frame, **options[role])
        except InvalidInput:
            return
    check_data_set(d)
    assert d.n_rows == 3

"""CSV and TSV files: what is read, what is refused, and that nothing ends in a traceback."""

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import read
from equipoise.readers._records import Layout, blocks, line_of

NAN = np.nan


@pytest.fixture
def write(tmp_path):
    def write(content, name="some.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# ---------------------------------------------------------------------------- what is read


def test_numbers_truths_and_missing_cells(write):
    text = "f,g,h,l1,l2\n1,2.5,true,0,1\n-3e2,,FALSE,1,\n nan , NA,?,1.0,0\n"
    d = read(write(text), "l*")
    expected = [[1, 2.5, 1], [-300, NAN, 0], [NAN, NAN, NAN]]
    np.testing.assert_array_equal(d.x, np.float32(expected))
    np.testing.assert_array_equal(d.targets.to_array(), [[0, 1], [1, NAN], [1, 0]])
    assert d.x.dtype == np.float32
    assert d.x.flags.c_contiguous
    assert (d.feature_names, d.n_attributes, d.name) == (("f", "g", "h"), 3, "some")


@pytest.mark.parametrize("name", ["some.tsv", "some.tab", "some.txt", "some.TSV"])
def test_the_suffix_says_what_stands_between_cells(write, name):
    np.testing.assert_array_equal(read(write("f\tl\n1\t0\n2\t1\n", name), "l").x, [[1], [2]])


def test_another_separator(write):
    np.testing.assert_array_equal(read(write("f;l\n1;0\n2;1\n"), "l", separator=";").x, [[1], [2]])


@pytest.mark.parametrize(
    "text",
    [
        "f,l\n1,0\n2,1\n",
        "f,l\n1,0\n2,1",
        "f,l\r\n1,0\r\n2,1\r\n",
        "\ufefff,l\n1,0\n2,1\n",
        "\n\nf,l\n\n1,0\n\n  \n2,1\n\n\n",
        ' f , l \n"1","0"\n 2 , 1 \n',
        "id,f,l\n7,1,0\n8,2,1\n",
        'id,f,l\n"a\nb",1,0\n"x ""y"", z",2,1\n',
    ],
)
def test_the_same_table_written_differently(write, text):
    d = read(write(text), "l", ignore="id" if text.startswith("id") else ())
    np.testing.assert_array_equal(d.x, [[1], [2]])
    np.testing.assert_array_equal(d.targets.values, [[0], [1]])


def test_a_table_without_header(write):
    d = read(write("0.5,1,0\n2,3,1\n"), "column_3", header=False)
    assert d.feature_names == ("column_1", "column_2")
    np.testing.assert_array_equal(d.x, [[0.5, 1], [2, 3]])
    d = read(write("0.5,a\n2,b\n3,a b\n"), labels_column=-1, delimiter=" ", header=False)
    assert d.targets.label_names == ("a", "b")


def test_several_files(write):
    one, two = write("f,l\n1,0\n", "set-train.csv"), write("f,l\n2.5,1.0\n,\n", "set-test.csv")
    d = read([one, two], "l")
    assert d.name == "set"
    np.testing.assert_array_equal(d.x, np.float32([[1], [2.5], [NAN]]))
    np.testing.assert_array_equal(d.targets.to_array(), [[0], [1], [NAN]])


def test_groups_are_kept_apart(write):
    d = read(write("f,who,l\n1,x,0\n2,y,1\n3,x,0\n"), "l", groups="who")
    assert d.groups.tolist() == ["x", "y", "x"]
    assert d.feature_names == ("f",)
    assert "2 groups" in repr(d)
    numbers = read(write("f,who,l\n1,7,0\n2,16777217,1\n"), "l", groups="who")
    assert numbers.groups.tolist() == [7, 16777217]
    text = read(write("f,who,l\n1,07,0\n2,7,1\n"), "l", groups="who")
    assert text.groups.tolist() == ["07", "7"]


def test_quotes_may_be_ordinary_characters(write):
    text = 'id\tf\tl\n5" pipe\t1\t0\n7" pipe\t2\t1\n'
    d = read(write(text, "some.tsv"), "l", ignore="id", quoting=False)
    np.testing.assert_array_equal(d.x, [[1], [2]])


def test_words_for_missing_after_thousands_of_numbers(write):
    d = read(write("f,l\n" + "1,0\n" * 3000 + "NA,null\n"), "l")
    assert np.isnan(d.x[-1, 0])
    assert np.isnan(d.targets.to_array()[-1, 0])
    assert (d.x[:-1] == 1).all()


@pytest.mark.parametrize("quote", ["", '"'])
def test_truths_and_gaps_in_the_last_column(write, quote):
    n = 5000  # more rows than tell what a column holds
    rows = [
        f"{i % 2},{quote}a{i}{quote},{'true' if i % 3 else 'False'},{0.5 if i % 7 else ''}"
        for i in range(n)
    ]
    rows[9:9] = ["", " "]
    path = write("l,id,t,f\n" + "\n".join(rows))
    d = read(path, "l", ignore="id")
    np.testing.assert_array_equal(d.targets.values[:, 0], np.arange(n) % 2)
    np.testing.assert_array_equal(d.x[:, 0], np.arange(n) % 3 > 0)
    np.testing.assert_array_equal(np.isnan(d.x[:, 1]), np.arange(n) % 7 == 0)
    path.write_text(path.read_text() + "\n1,a,true\n")
    with pytest.raises(InvalidFile, match="line 5004: the row has 3 cells, the others have 4"):
        read(path, "l", ignore="id")


cell = st.one_of(
    st.none(),
    st.integers(-1000, 1000).map(float),
    st.floats(-1e6, 1e6, width=32),
)
word = st.text('ab ,"\n\té', max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(word, cell, cell, st.sampled_from([None, 0, 1])), min_size=1, max_size=8
    ),
    newline=st.sampled_from(["\n", "\r\n"]),
    separator=st.sampled_from([",", "\t", ";"]),
    last=st.sampled_from(["word", "label"]),
)
def test_what_the_csv_module_writes_is_read_back(tmp_path, rows, newline, separator, last):
    order = [1, 2, 3, 0] if last == "word" else [0, 1, 2, 3]
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=separator, lineterminator=newline)
    writer.writerow([["word", "f", "g", "l"][i] for i in order])
    for row in rows:
        writer.writerow(["" if row[i] is None else row[i] for i in order])
    path = tmp_path / "written.csv"
    path.write_bytes(buffer.getvalue().encode())
    d = read(path, ["l"], ignore=["word"], separator=separator)
    features = [[NAN if v is None else np.float32(v) for v in row[1:3]] for row in rows]
    np.testing.assert_array_equal(d.x, np.float32(features))
    labels = [[NAN if row[3] is None else row[3]] for row in rows]
    np.testing.assert_array_equal(d.targets.to_array(), labels)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(word, st.integers(0, 99)), min_size=1, max_size=12),
    size=st.integers(1, 40),
    blank=st.integers(0, 3),
)
def test_blocks_are_whole_records_and_lose_nothing(tmp_path, rows, size, blank):
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["a", "b"])
    for i, row in enumerate(rows):
        buffer.write("\n" * (blank if i % 3 == 0 else 0))
        writer.writerow(row)
    path = tmp_path / "blocks.csv"
    path.write_bytes(buffer.getvalue().encode())
    layout = Layout(path, ",", True, ("a", "b"), 1)
    cut = list(blocks(layout, size))
    text = [block.data.decode() for block in cut]
    parsed = [record for part in text for record in csv.reader(io.StringIO(part, newline=""))]
    assert [record for record in parsed if record] == [[word, str(n)] for word, n in rows]
    for block in cut:
        assert path.read_bytes()[block.start :].startswith(block.data)
        assert block.line == path.read_bytes()[: block.start].count(b"\n") + 1
        assert not block.data.startswith(b"\n")
    last = line_of(layout, len(rows) - 1)
    assert path.read_bytes().splitlines()[last - 1 :]


def test_a_file_of_several_blocks(write):
    n_rows = 3_200_000
    rows = b"".join(b"0.0000000%d,%d\n" % (i % 10, i % 2) for i in range(2000))
    path = write(b"f,l\n" + rows * (n_rows // 2000), "long.csv")
    assert path.stat().st_size > 1 << 25
    d = read(path, "l")
    assert d.x.shape == (n_rows, 1)
    assert d.targets.values.sum() == n_rows // 2
    np.testing.assert_allclose(d.x[-10:, 0], np.arange(10) * 1e-8)
    with path.open("ab") as file:
        file.write(b"1,1\nx,1\n")
    with pytest.raises(InvalidFile, match=rf"line {n_rows + 3}, column 'f': a feature must be"):
        read(path, "l")


# ------------------------------------------------------------------------------ label sets


def sets(d):
    names = np.array(d.targets.label_names)
    values = d.targets.to_dense().values
    return [set(names[row == 1].tolist()) for row in values]


def test_a_column_of_label_sets(write):
    d = read(
        write("f,tags\n1,action|drama\n2,\n3, drama | drama\n"), labels_column="tags", delimiter="|"
    )
    assert d.targets.is_sparse
    assert sets(d) == [{"action", "drama"}, set(), {"drama"}]
    assert d.targets.task == "multilabel"
    assert d.feature_names == ("f",)


def test_ids_are_sorted_as_numbers(write):
    d = read(write('f,t\n1,"17,3"\n2,3\n'), labels_column="t", delimiter=",")
    assert d.targets.label_names == ("3", "17")
    assert sets(d) == [{"3", "17"}, {"3"}]


def test_all_labels_may_be_given(write):
    path = write("f,t\n1,a b\n2,\n")
    d = read(path, labels_column="t", delimiter=" ", label_names=["c", "b", "a"])
    assert d.targets.label_names == ("c", "b", "a")
    assert sets(d) == [{"a", "b"}, set()]
    d = read(write("f,t\n1,\n2,\n"), labels_column="t", delimiter=" ", label_names=["a"])
    assert sets(d) == [set(), set()]


def test_ids_get_their_names(write):
    path = write("f,t\n1,0 2\n2,\n3,2\n")
    d = read(path, labels_column="t", delimiter=" ", label_names=["x", "y", "z"])
    assert d.targets.label_names == ("x", "y", "z")
    assert sets(d) == [{"x", "z"}, set(), {"z"}]
    d = read(path, labels_column=1, delimiter=" ", label_names={2: "zed", 0: "ex"})
    assert d.targets.label_names == ("zed", "ex")
    assert sets(d) == [{"ex", "zed"}, set(), {"zed"}]


def test_one_class_a_row(write):
    d = read(write("f,t\n1,red\n2,blue\n3,\n4,green\n"), labels_column="t")
    assert (d.targets.task, d.targets.label_names) == ("multiclass", ("blue", "green", "red"))
    np.testing.assert_array_equal(d.targets.known[:, 0], [True, True, False, True])
    d = read(write("f,spam\n1,1\n2,0\n3,\n"), labels_column="spam")
    assert (d.targets.task, d.targets.label_names) == ("binary", ("spam",))
    np.testing.assert_array_equal(d.targets.to_array(), [[1], [0], [NAN]])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.sets(st.text("abc é1", min_size=1, max_size=3).map(str.strip)), min_size=1),
    delimiter=st.sampled_from([",", "|", ";", "--"]),
)
def test_any_label_sets_are_read_back(tmp_path, rows, delimiter):
    rows = [{label for label in row if label} for row in rows]
    rows[0] |= {"x", "y"}
    buffer = io.StringIO()
    csv.writer(buffer).writerows([["f", "t"], *([1, delimiter.join(row)] for row in rows)])
    path = tmp_path / "sets.csv"
    path.write_bytes(buffer.getvalue().encode())
    assert sets(read(path, labels_column="t", delimiter=delimiter)) == rows


# --------------------------------------------------------------------------- what is refused

BAD = [
    ("", {}, "some.csv' is empty"),
    ("\n \n", {}, "holds empty lines only"),
    ("f,l\n", {}, "holds a header line and no row.*header=False"),
    ("f;l\n1;0\n", {}, r"line 1: there is only one column .*Pass separator=';'"),
    ("f l\n1 0\n", {}, r"line 1: there is only one column .*Pass `separator`"),
    ("f,l\n1,0\n3\n", {}, "line 3: the row has 1 cell, the others have 2. Received: '3'"),
    ("f,l\n3\n1,0\n", {}, "line 2: the row has 1 cell, the others have 2"),
    ("f,l\n1,0\n3,1,4\n", {}, "line 3: the row has 3 cells, the others have 2"),
    ("f,l\n1,0,7\n3,1,4\n", {}, "line 2: the row has 3 cells, the others have 2"),
    ("f,i,l\n1,0,1\n3,1,0,4\n", {"ignore": "i"}, "line 3: the row has 4 cells"),
    ("f,l,i\n1,0,a\n3,1\n", {"ignore": "i"}, "line 3: the row has 2 cells"),
    ("f,l\nx,0\n3,1\n", {}, r"line 2, column 'f': .*number. Received: 'x'.*ignore=\['f'\]"),
    ("f,l\n" + "1,0\n" * 1500 + "x,0\n", {}, "line 1502, column 'f': a feature must be a number"),
    ('f,l\n"1,5",0\n', {}, "line 2, column 'f'.*decimal points instead of decimal commas"),
    ("f,l\n\n1,2\n", {}, "line 3, column 'l': a label must be 0 or 1.*Received: 2"),
    ("f,l\n1,yes\n", {}, "line 2, column 'l': a label must be 0 or 1.*Received: 'yes'"),
    ("f,l\n" + "1,0\n" * 1500 + "1,300\n", {}, "line 1502, column 'l': .*Received: 300"),
    ("f,l\n1,0.5\n", {}, "line 2, column 'l': a label must be 0 or 1.*Received: 0.5"),
    ("f,l\n1,-1\n2,1\n", {}, "holds -1 but no 0"),
    ("f,l\n1,0\ninf,1\n", {}, "line 3, column 'f': the value is infinite"),
    ("f,l\n1,0\n1e99,1\n", {}, "line 3, column 'f': the value is infinite"),
    ("f,f,l\n1,2,1\n", {}, "line 1, column 'f': columns 1 and 2 have the same name"),
    ("0,1,0\n1,2,1\n", {}, "line 1, column '0': columns 1 and 3 .*header=False"),
    ("0.5,1,0\n1,2,1\n", {}, "line 1: the first line holds numbers.*Pass header=False"),
    ("f,l\n1,0\n", {"labels": "column_2", "header": False}, "line 1: .*names.*header=True.*mixed"),
    ("," * (1 << 20) + "\n1\n", {}, r"line 1: the line has more than 1,048,576 columns.*libsvm"),
    (",f,l\n0,1,1\n", {}, r"line 1: column 1 has no name.*ignore=\['column_1'\]"),
    (b"f,l\n1,0\n\xe9,1\n", {}, "line 3: the text is not UTF-8.*Save the file as UTF-8"),
    (b"\xe9,l\n1,0\n", {}, "line 1: the text is not UTF-8"),
    (b"i,f,l\na,1,0\n\xe9,2,1\n", {"ignore": "i"}, "line 3: the text is not UTF-8"),
    ("f,l\n1,0\n".encode("utf-16"), {}, "is UTF-16 text"),
    (b"f,l\n1\0,0\n", {}, "null bytes"),
    ("f,l\r1,0\r", {}, "line 1: lines end with a carriage return only"),
    ('f,l\n1,0\n"2,1\n4,1\n', {}, "line 3: a quote is opened and never closed.*quoting=False"),
    ('i,f,l\n5" x,1,0\n7" y,2,1\n', {"ignore": "i"}, "line 2: a quote stands inside a cell"),
    ("f,l\n1,1\n", {"labels": "m*"}, r"no column matches 'm\*'.*case-sensitive"),
    ("f,label\n1,1\n", {"labels": ["labell"]}, "no column 'labell'.*Did you mean 'label'"),
    ("f,l\n1,1\n", {"labels": "*"}, "no feature is left"),
    ("f,l\n1,1\n", {"labels": None}, "which columns are labels is not said.*labels_column='tags'"),
    ("f,l\n1,1\n", {"groups": "l"}, "column 'l': the column would be a label and groups at once"),
    ("f,g,l\n1,,1\n", {"groups": "g"}, "line 2, column 'g': a row without a group"),
    ("f,l\n1,1\n", {"ignore": "x"}, "no column 'x', named in `ignore`"),
    ("f,l\n1,1\n", {"groups": "x"}, "no column 'x', given as `groups`"),
    ("f,l\n1,1\n", {"label_names": {"m": "x"}}, "no label 'm', named in `label_names`"),
]


@pytest.mark.parametrize(("content", "options", "problem"), BAD)
def test_bad_files(write, content, options, problem):
    options = {"labels": "l", **options}
    with pytest.raises(InvalidFile, match=rf"(?s)some.csv.*{problem}|{problem}"):
        read(write(content), **options)


BAD_SETS = [
    ("f,t\n1,a|b\n", {}, r"line 2, column 't': the cell holds '\|', but no `delimiter`"),
    ("f,t\n1,a|b\n", {"delimiter": " "}, r"holds '\|', and no cell holds the delimiter ' '"),
    ("f,t\n1,\n", {"delimiter": " "}, "column 't': no row has a label"),
    ("f,t\n1,\n", {}, "column 't': no row has a class"),
    ("f,t\n1,a c\n", {"delimiter": " ", "label_names": ["a", "b"]}, "labels are not in"),
    ("f,t\n1,0 3\n", {"delimiter": " ", "label_names": ["a", "b"]}, "numbers up to 3"),
    ("f,t\n1,0 3\n", {"delimiter": " ", "label_names": {0: "a"}}, "1 labels are not in"),
    ("f,t\n1,a\n", {"labels_column": "x"}, "no column 'x', given as `labels_column`"),
    ("f,t\n1,a\n", {"labels_column": 2}, "no column 2, given as `labels_column`"),
]


@pytest.mark.parametrize(("content", "options", "problem"), BAD_SETS)
def test_bad_label_sets(write, content, options, problem):
    with pytest.raises(InvalidFile, match=problem):
        read(write(content), **{"labels_column": "t", **options})


def test_files_with_different_columns(write):
    one = write("f,l\n1,0\n", "one.csv")
    with pytest.raises(InvalidFile, match=r"two.csv': column 1 is 'g', in .*one.csv' it is 'f'"):
        read([one, write("g,l\n1,0\n", "two.csv")], "l")
    with pytest.raises(InvalidFile, match=r"two.csv': has 3 columns, .*one.csv' has 2"):
        read([one, write("f,l,m\n1,0,0\n", "two.csv")], "l")
    with pytest.raises(InvalidFile, match=r"two.csv', line 3, column 'f'"):
        read([one, write("f,l\n1,0\nx,0\n", "two.csv")], "l")


def test_paths_that_are_no_file(write, tmp_path):
    path = write("f,l\n1,0\n")
    with pytest.raises(InvalidFile, match=r"Cannot read .*sme.csv'.*Did you mean 'some.csv'"):
        read(tmp_path / "sme.csv", "l")
    with pytest.raises(InvalidFile, match=r"is a folder.*'some.csv'"):
        read(tmp_path, "l")
    with pytest.raises(InvalidFile, match=r"no suffix of a known format.*\.arff, \.csv"):
        read(write("f,l\n1,0\n", "some.foo"), "l")
    with pytest.raises(InvalidFile, match="Unpack the archive first"):
        read(write("f,l\n1,0\n", "some.csv.zip"), "l")
    with pytest.raises(InvalidFile, match="such as some.csv.gz"):
        read(write("f,l\n1,0\n", "some.gz"), "l")
    with pytest.raises(InvalidFile, match=r"\.npz files are not read compressed"):
        read(write("f,l\n1,0\n", "some.npz.gz"), "l")
    with pytest.raises(InvalidFile, match="Cannot read"):
        read("a\0b.csv", "l")
    with pytest.raises(InvalidInput, match="names no file"):
        read([], "l")
    with pytest.raises(InvalidInput, match="must be a path or a list of paths"):
        read(3, "l")
    with pytest.raises(InvalidInput, match="different formats"):
        read([path, write("x", "some.arff")], "l")

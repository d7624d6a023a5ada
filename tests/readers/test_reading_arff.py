"""ARFF files: what is read, what is refused, and that nothing ends in a traceback."""

import csv
import json
import random
import re

import arff as liac
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from equipoise import LabelStats
from equipoise._errors import EquipoiseError, InvalidFile, InvalidInput
from equipoise.readers import read

HEADER = "@relation r\n@attribute f numeric\n@attribute l {0,1}\n@data\n"
MANY_TYPES = (
    '% about\n@RELATION "a b"\n\n'
    "@ATTRIBUTE\t'it\\'s'\tREAL\n"
    "@attribute \"c d\" {x, 'y z', w}\n"
    "@attribute e {no,yes}\n"
    "@attribute g {YES, NO}\n"
    "@attribute h {b,a}\n"
    "@attribute i {1,0}\n"
    "@attribute l {0, 1}\n"
    "@DATA\n"
)
NAMES = ("it's", "c d=x", "c d=y z", "c d=w", "e", "g", "h", "i")
XML = '<labels xmlns="http://mulan.sourceforge.net/labels"><label name="l"></label></labels>'
NAN = np.nan


@pytest.fixture
def write(tmp_path):
    def write(content, name="some.arff"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def dense(x):
    return x if isinstance(x, np.ndarray) else x.toarray()


# ---------------------------------------------------------------------------- what is read


def test_dense_rows(write):
    d = read(write(HEADER + "1,0\n% a comment\n\n2.5 , 1\n?,?\nnan,0\n"), ["l"])
    np.testing.assert_array_equal(d.x, np.float32([[1], [2.5], [NAN], [NAN]]))
    np.testing.assert_array_equal(d.targets.to_array(), [[0], [1], [NAN], [0]])
    assert d.x.dtype == np.float32
    assert (d.feature_names, d.n_attributes, d.groups, d.name) == (("f",), 1, None, "some")
    assert repr(d) == "Dataset('some': 4 rows, 1 features (dense), 1 labels 'l')"


def test_sparse_rows_stay_sparse(write):
    d = read(write(HEADER + "{1 1, 0 3}\n{}\n{ }\n{0 ?,1 ?}\n{0 0}\n"), ["l"])
    assert isinstance(d.x, sparse.csr_array)
    assert d.targets.is_sparse
    assert d.x.has_sorted_indices
    assert d.x.nnz == 2  # the 3 and the missing value; a stored zero is no entry
    np.testing.assert_array_equal(d.x.toarray(), np.float32([[3], [0], [0], [NAN], [0]]))
    np.testing.assert_array_equal(d.targets.to_array(), [[1], [0], [0], [NAN], [0]])


def test_nominal_attributes_in_dense_rows(write):
    rows = "1,x,no,NO,a,1,0\n2,'y z',yes,YES,b,0,1\n?,?,?,?,?,?,?\n"
    d = read(write(MANY_TYPES + rows), ["l"])
    assert d.feature_names == NAMES
    assert d.n_attributes == 6
    expected = [[1, 1, 0, 0, 0, 0, 1, 1], [2, 0, 1, 0, 1, 1, 0, 0], [NAN] * 8]
    np.testing.assert_array_equal(d.x, np.float32(expected))


def test_an_attribute_that_a_sparse_row_leaves_out_has_its_first_value(write):
    rows = "{0 1}\n{0 2,1 w,2 yes,3 NO,4 a,5 0,6 1}\n{1 ?,3 ?,5 ?}\n{1 'y z',3 YES}\n"
    d = read(write(MANY_TYPES + rows), ["l"])
    assert d.feature_names == NAMES
    expected = [
        [1, 1, 0, 0, 0, 1, 0, 1],  # x; YES is 1; 1
        [2, 0, 0, 1, 1, 0, 1, 0],
        [0, NAN, NAN, NAN, 0, NAN, 0, NAN],
        [0, 0, 1, 0, 0, 1, 0, 1],
    ]
    np.testing.assert_array_equal(d.x.toarray(), np.float32(expected))


def test_many_one_hot_columns_are_sparse_though_the_rows_are_dense(write):
    values = [f"v{i}" for i in range(101)]
    header = f"@relation r\n@attribute c {{{','.join(values)}}}\n@attribute f real\n"
    d = read(write(header + "@attribute l {0,1}\n@data\nv7,2,0\nv100,0,1\n"), ["l"])
    assert isinstance(d.x, sparse.csr_array)
    assert d.x.nnz == 3
    assert d.x[0, 7] == 1
    assert d.x[1, 100] == 1
    assert d.x[0, 101] == 2
    assert not d.targets.is_sparse


@pytest.mark.parametrize("declared", ["{FALSE,TRUE}", "{TRUE, FALSE}"])
def test_labels_whose_words_say_what_they_mean(write, declared):
    d = read(
        write(f"@relation r\n@attribute l {declared}\n@attribute f real\n@data\nTRUE,1\nFALSE,2\n"),
        ["l"],
    )
    np.testing.assert_array_equal(d.targets.values, [[1], [0]])


def test_a_sparse_label_whose_first_value_is_yes(write):
    text = "@relation r\n@attribute l {yes,no}\n@attribute f real\n@data\n{}\n{0 no}\n{0 ?}\n"
    d = read(write(text), ["l"])
    np.testing.assert_array_equal(d.targets.to_array(), [[1], [0], [NAN]])


def test_text_and_dates_may_be_ignored_or_be_groups(write):
    header = (
        "@relation r\n@attribute s string\n@attribute t date 'yyyy'\n"
        "@attribute f numeric\n@attribute l {0,1}\n@data\n"
    )
    path = write(header + "'a b','2001',1,0\nc,'2002',2,1\n")
    d = read(path, ["l"], ignore=["t"], groups="s")
    np.testing.assert_array_equal(d.x, [[1], [2]])
    assert d.groups.tolist() == ["a b", "c"]
    assert d.n_attributes == 1
    d = read(write(header + "{0 'a b',1 '2001',2 1}\n{3 1}\n"), ["l"], ignore="s,t")
    np.testing.assert_array_equal(d.x.toarray(), [[1], [0]])


def test_groups_keep_large_numbers_and_names(write):
    text = "@relation r\n@attribute g numeric\n@attribute f real\n@attribute l {0,1}\n@data\n"
    d = read(write(text + "16777217,1,0\n16777216,1,0\n"), ["l"], groups="g")
    assert d.groups.tolist() == [16777217, 16777216]  # equal as 32-bit floats
    text = text.replace("g numeric", "g {b,a}")
    assert read(write(text + "{}\n{0 a}\n"), ["l"], groups="g").groups.tolist() == ["b", "a"]
    with pytest.raises(InvalidFile, match="line 6, column 'g': a row without a group"):
        read(write(text + "?,1,0\n"), ["l"], groups="g")


@pytest.mark.parametrize(
    ("encode", "name"),
    [
        (lambda text: text.encode("utf-8"), "é"),
        (lambda text: text.encode("utf-8-sig"), "é"),
        (lambda text: text.encode("latin-1"), "é"),
        (lambda text: text.replace("\n", "\r\n").encode(), "é"),
        (lambda text: text.replace("\n", "\r").encode(), "é"),
    ],
)
def test_encodings_and_line_ends(write, encode, name):
    d = read(write(encode(HEADER.replace("f num", "é num") + "1,0\n2,1\n")), ["l"])
    assert d.feature_names == (name,)
    np.testing.assert_array_equal(d.x, [[1], [2]])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_what_liac_arff_writes_is_read_back(tmp_path, data):
    n_rows = data.draw(st.integers(1, 5))
    names = data.draw(st.lists(st.text("ab,% '\"\\éñ{}", min_size=1), min_size=1, max_size=3))
    names = [f"x{i} {name}" for i, name in enumerate(names)]
    words = ["plain", "two words", "it's", 'a "b"', "50%", "back\\slash", "a,b"]
    kinds = [data.draw(st.sampled_from(["NUMERIC", words])) for _ in names]
    rows = [
        [
            data.draw(
                st.none() | (st.integers(-99, 99) if kind == "NUMERIC" else st.sampled_from(kind))
            )
            for kind in kinds
        ]
        + ["01"[data.draw(st.integers(0, 1))]]
        for _ in range(n_rows)
    ]
    attributes = [*((f"x{i}", kind) for i, kind in enumerate(kinds)), ("l", ["0", "1"])]
    text = liac.dumps({"relation": "r", "attributes": attributes, "data": rows})
    for i, name in enumerate(names):  # liac-arff does not escape names
        escaped = re.sub(r"(['\\])", r"\\\1", name)
        text = text.replace(f"@ATTRIBUTE x{i} ", f"@ATTRIBUTE '{escaped}' ")
    path = tmp_path / "written.arff"
    path.write_text(text, encoding="utf-8")
    d = read(path, ["l"])
    column = 0
    for i, kind in enumerate(kinds):
        cells = [row[i] for row in rows]
        if kind == "NUMERIC":
            assert d.feature_names[column] == names[i]
            expected = [[NAN if cell is None else cell] for cell in cells]
        else:
            expected = [[NAN if cell is None else cell == word for word in kind] for cell in cells]
        width = len(expected[0])
        np.testing.assert_array_equal(dense(d.x)[:, column : column + width], expected)
        column += width
    np.testing.assert_array_equal(d.targets.values, [[int(row[-1])] for row in rows])


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(
        st.tuples(*[st.sampled_from(["0", "1", "2.5", "?"])] * 3, st.sampled_from("01?")),
        min_size=1,
        max_size=6,
    )
)
def test_sparse_and_dense_rows_say_the_same(tmp_path, cells):
    header = (
        "".join(["@relation r\n", *(f"@attribute f{i} real\n" for i in range(3))])
        + "@attribute l {0,1}\n@data\n"
    )
    dense_rows = "".join(",".join(row) + "\n" for row in cells)
    sparse_rows = "".join(
        "{" + ",".join(f"{i} {v}" for i, v in enumerate(row) if v != "0") + "}\n" for row in cells
    )
    (tmp_path / "d.arff").write_text(header + dense_rows)
    (tmp_path / "s.arff").write_text(header + sparse_rows)
    d, s = read(tmp_path / "d.arff", ["l"]), read(tmp_path / "s.arff", ["l"])
    np.testing.assert_array_equal(d.x, s.x.toarray())
    np.testing.assert_array_equal(d.targets.to_array(), s.targets.to_array())


# ------------------------------------------------------------------------- which are labels


def test_the_xml_beside_the_file_names_the_labels(write):
    path = write(HEADER + "1,0\n")
    write(XML, "some.xml")
    assert read(path).targets.label_names == ("l",)
    train, test = (
        write(HEADER + "1,0\n", "set-train.arff"),
        write(HEADER + "2,1\n", "set-test.arff"),
    )
    write(XML, "set.xml")
    assert read(train).targets.label_names == ("l",)
    both = read([train, test])
    assert both.name == "set"
    np.testing.assert_array_equal(both.x, [[1], [2]])


def test_labels_of_the_xml_keep_the_order_of_the_columns_and_a_list_its_own(write):
    path = write(
        "@relation r\n@attribute f real\n@attribute a {0,1}\n@attribute b {0,1}\n@data\n1,1,0\n"
    )
    xml = write("<labels><label name='b'><label name='a'/></label></labels>", "two.xml")
    assert read(path, xml).targets.label_names == ("a", "b")
    d = read(path, ["b", "a"])
    assert d.targets.label_names == ("b", "a")
    np.testing.assert_array_equal(d.targets.values, [[0, 1]])
    assert read(path, "a,b", label_names=["A", "B"]).targets.label_names == ("A", "B")


@pytest.mark.parametrize(("option", "label"), [("-C 1", "f"), ("-C -1", "l")])
def test_meka_says_in_the_relation_name_which_are_labels(write, option, label):
    text = HEADER.replace("@relation r", f"@relation 'set: {option} -split-number 7'")
    assert read(write(text + "1,0\n")).targets.label_names == (label,)


@pytest.mark.parametrize(
    ("relation", "problem"),
    [
        ("r", "which columns are labels is not said.*Mulan XML"),
        ("'r: -C 2'", "says -C 2, but there are 2 attributes"),
        ("'r: -C 0'", "says -C 0"),
        ("'r: -C 1-weka.filters.unsupervised.attribute.Remove-R1'", "may have moved the labels"),
    ],
)
def test_labels_that_are_not_said(write, relation, problem):
    with pytest.raises(InvalidFile, match=problem):
        read(write(HEADER.replace("@relation r", f"@relation {relation}") + "1,0\n"))


# ---------------------------------------------------------------------------- several files


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        (HEADER.replace("f num", "h num"), "line 2: has attribute 'h' where .*one.arff' has 'f'"),
        (HEADER.replace("{0,1}", "{1,0}"), r"attribute 'l' of type \{1, 0\}, which is \{0, 1\} in"),
        (HEADER.replace("@data", "@attribute z real\n@data"), "only one of them has 'z'"),
    ],
)
def test_files_of_different_sets(write, header, problem):
    one = write(HEADER + "1,0\n", "one.arff")
    two = write(header + ("1,0,0\n" if "z" in header else "1,0\n"), "two.arff")
    with pytest.raises(InvalidFile, match=rf"two.arff'.*{problem}"):
        read([one, two], ["l"])


def test_errors_name_the_file_of_several(write):
    one = write(HEADER + "1,0\n2,0\n", "one.arff")
    with pytest.raises(InvalidFile, match=r"two.arff', line 6, column 'l'"):
        read([one, write(HEADER + "1,0\n1,7\n", "two.arff")], ["l"])
    with pytest.raises(InvalidFile, match=r"two.arff' has sparse rows|two.arff': has sparse rows"):
        read([one, write(HEADER + "{0 1}\n", "two.arff")], ["l"])
    with pytest.raises(InvalidInput, match="names a file twice"):
        read([one, one], ["l"])


# --------------------------------------------------------------------------- what is refused

BAD_ROWS = [
    ("1,0\n2\n", r"line 6: the row has 1 value for 2 attributes"),
    ("1,0,5\n", r"line 5: the row has 3 values for 2 attributes"),
    ("1,0\nx,1\n", r"line 6, column 'f': the value is not a number. Received: 'x'"),
    ("1,0\n\n% c\n1,2\n", r"line 8, column 'l': .* not one of those declared. Received: 2"),
    ("1,a\n", r"line 5, column 'l': .*Received: 'a', declared"),
    ("{0 1\n", r"line 5: the row is cut off.*size"),
    ("{0 1,0 2}\n", r"line 5, column 'f': the attribute occurs twice"),
    ("{2 1}\n", r"line 5: there is no attribute 2: there are 2"),
    ("{a 1}\n", r"line 5: a sparse row holds pairs"),
    ("{0 x}\n", r"line 5, column 'f': the value is not a number"),
    ("{1 3}\n", r"line 5, column 'l': the value is not one of those declared. Received: 3"),
    ("{0 1}\n1,0\n", r"line 6: a dense row among sparse ones"),
    ("1,0\n{0 1}\n", r"line 6: a sparse row among dense ones"),
    ("1,0\ninf,1\n", r"line 6, column 'f': the value is infinite"),
    ("{0 1}\n{0 -1e99}\n", r"line 6, column 'f': the value is infinite"),
    ("'1,0\n", r"line 5, column 'f': the value is not a number"),
    ("1" * 200_000 + ",0\n", r"line 5: the row cannot be read \(field larger"),
    ("", r"line 4: has no row after @data"),
    ("% only a comment\n\n", r"line 4: has no row after @data"),
]


@pytest.mark.parametrize(("rows", "problem"), BAD_ROWS)
def test_bad_rows(write, rows, problem):
    with pytest.raises(InvalidFile, match=rf"some.arff', {problem}"):
        read(write(HEADER + rows), ["l"])


BAD_HEADERS = [
    ("@relation r\n@attribute f real\n", "line 2: ends without @data"),
    ("@relation r\n@data\n1\n", "line 2: has no @attribute before @data"),
    ("f,l\n1,0\n", r"line 1: is not a line of an ARFF header.*\.csv"),
    ("@attribute f real\n@attribute f real\n@data\n1,1\n", "line 2, column 'f': .*that of line 1"),
    ("@attribute f {a,b\n", "line 1, column 'f': the list of values is not closed"),
    ("@attribute f {a b,c}\n", "line 1, column 'f': .*has no quotes"),
    ("@attribute f {}\n", "line 1, column 'f': the list of values is not closed"),
    ("@attribute f {a,a}\n", "line 1, column 'f': the value 'a' is declared twice"),
    ("@attribute f colour\n", "line 1, column 'f': the attribute's type is not known"),
    ("@attribute f\n", "line 1: the attribute has no name and type"),
    ("@attribute f string\n@attribute l {0,1}\n@data\na,1\n", r"'f': a string .*ignore=\['f'\]"),
    (
        "@attribute f real\n@attribute l {a,b}\n@data\n1,a\n",
        r"column 'l': a label must be \{0, 1\}",
    ),
    (
        "@attribute f real\n@attribute l real\n@data\n1,2\n",
        r"line 4, column 'l': a label must be 0",
    ),
    ("@attribute f real\n@attribute l real\n@data\n1,-1\n2,1\n", r"holds -1 but no 0.*Write 0"),
    ("@attribute l {0,1}\n@data\n1\n", "no feature is left"),
    ("@attribute f real\n@data\n1\n", "there is no column 'l', named in `labels`"),
]


@pytest.mark.parametrize(("text", "problem"), BAD_HEADERS)
def test_bad_headers(write, text, problem):
    with pytest.raises(InvalidFile, match=problem):
        read(write(text), ["l"])


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        ((HEADER + "1,0\n").encode("utf-16"), "UTF-16"),
        ((HEADER + "1,0\n").encode() + b"\0", "null bytes"),
    ],
)
def test_files_that_are_no_text(write, content, problem):
    with pytest.raises(InvalidFile, match=problem):
        read(write(content), ["l"])


BAD_XML = [
    ("<a/>", "line 1: has an element <a>"),
    ("<labels", "line 1: is not an XML file"),
    ("", "is not an XML file"),
    ("<labels/>", "names no label"),
    ("<labels><label/></labels>", "a <label> without a name"),
    ("<labels><label name='l'/><label name='l'/></labels>", "'l' more than once"),
    ("<labels><label name='m'/></labels>", "no column 'm', which .*some.xml' names"),
    ("<?xml version='1.0' encoding='nix'?><labels/>", "is not an XML file"),
    (f'<!DOCTYPE labels [<!ENTITY a "b">]>{XML}', "has a document type"),
]


@pytest.mark.parametrize(("xml", "problem"), BAD_XML)
def test_bad_label_files(write, xml, problem):
    path = write(HEADER + "1,0\n")
    with pytest.raises(InvalidFile, match=problem):
        read(path, write(xml, "some.xml"))


def test_entities_are_not_expanded_in_any_encoding(write):
    bomb = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<!DOCTYPE labels [<!ENTITY a0 "ha">{bomb}]><labels><label name="&a11;"/></labels>'
    path = write(HEADER + "1,0\n")
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(InvalidFile, match="document type"):
            read(path, write(bomb.encode(encoding), "some.xml"))


def test_a_label_file_that_is_not_there(write):
    path = write(HEADER + "1,0\n")
    with pytest.raises(InvalidFile, match="Cannot read the label file 'nix.xml'"):
        read(path, "nix.xml")
    write(XML, "other.xml")
    with pytest.raises(InvalidFile, match=r"no label file 'other.xml'. Did you mean .*other.xml'"):
        read(path, "other.xml")


def test_a_list_of_values_that_is_cut_off_is_found_at_once(write):
    values = ",".join(f"v{i}" for i in range(5000))
    # A pattern that backtracks would need exponential time: the test would not end.
    with pytest.raises(InvalidFile, match="not closed"):
        read(write(f"@relation r\n@attribute f {{{values}\n"), ["l"])


def test_random_damage_ends_in_an_error_that_names_the_file(write):
    rows = "1,x,no,NO,a,1,1\n2.5,'y z',yes,YES,b,0,0\n?,?,?,?,?,?,?\n"
    sparse_rows = "{0 1,1 'y z',6 1}\n{}\n{0 ?,2 yes}\n"
    pieces = [b'"', b"'", b"{", b"}", b",", b"\n", b"\\", b"?", b"%", b"\xff", b" ", b"a," * 40]
    choose = random.Random(0)
    refused, n_read = [], 0
    for i in range(800):
        damaged = bytearray((MANY_TYPES + (rows if i % 2 else sparse_rows)).encode())
        for _ in range(choose.choice([1, 2, 5])):
            place = choose.randrange(len(damaged))
            if choose.random() < 0.3:
                del damaged[place : place + choose.choice([1, 5, 40])]
            else:
                damaged[place:place] = choose.choice(pieces)
        path = write(bytes(damaged) or b"%")
        try:
            d = read(path, ["l"])
        except EquipoiseError as error:
            refused.append(str(error))
        else:
            assert d.x.shape == (d.n_rows, len(d.feature_names))
            n_read += 1
    assert all("some.arff" in message for message in refused)
    assert n_read > 20
    assert len(refused) > 200


# --------------------------------------------------------------------------------- real data

SETS = {
    "emotions": (["emotions.arff"], "emotions.xml"),
    "scene": (["scene-train.arff", "scene-test.arff"], "scene.xml"),
    "yeast": (["yeast.arff"], "yeast.xml"),
    "birds": (["birds-train.arff", "birds-test.arff"], "birds.xml"),
    "genbase": (["genbase.arff"], "genbase.xml"),
    "medical": (["medical.arff"], "medical.xml"),
    "enron": (["enron.arff"], "enron.xml"),
    "slashdot": ([f"SLASHDOT-5x2x1-{i}tst.arff" for i in range(1, 6)], "SLASHDOT.xml"),
    "bibtex": (["bibtex.arff"], "bibtex.xml"),
}
DENSE = {"emotions", "scene", "yeast", "birds"}


@pytest.fixture(scope="module", params=SETS)
def real_set(request, real_data):
    files, xml = SETS[request.param]
    folder = real_data / request.param
    return request.param, read([folder / file for file in files], folder / xml)


def test_real_sets_have_their_published_measures(real_set, real_data):
    name, d = real_set
    known = json.loads((real_data / "published" / "measures.json").read_text())[name]
    s = LabelStats.from_targets(d.targets, n_features=d.n_attributes)
    assert (s.n_rows, s.n_labels, d.n_attributes) == (known["n"], known["L"], known["q"])
    assert s.n_labelsets == known["labelsets"]
    assert len(s.absent_labels) == known["zero"]
    measured = [s.cardinality, s.density, s.mean_ir, s.max_ir, s.cvir, s.scumble, s.p_min, s.tcs]
    keys = ["card", "dens", "MeanIR_pos", "MaxIR", "CVIR", "SCUMBLE", "Pmin", "TCS"]
    np.testing.assert_allclose(measured, [known[key] for key in keys], rtol=1e-12)
    empty = d.n_rows - np.count_nonzero(np.asarray(d.targets.values.sum(axis=1)))
    assert empty == known["empty"]


def test_real_sets_have_their_published_counts_per_label(real_set, real_data):
    name, d = real_set
    published = real_data / "published" / f"labels_{name}.csv"
    if not published.exists():
        pytest.skip(f"no published counts of {name}")
    with published.open(newline="") as file:
        known = {row[""]: int(row["count"]) for row in csv.DictReader(file)}
    s = LabelStats.from_targets(d.targets)
    # Published names have a backslash or a full stop for the quote in "Swainson's Thrush".
    counts = dict(zip(map(plain, s.label_names), s.positives.tolist(), strict=True))
    assert counts == {plain(label): count for label, count in known.items()}


def plain(name):
    return re.sub(r"[^A-Za-z0-9]+", " ", name)


def test_real_sets_are_as_sparse_as_they_should_be(real_set):
    name, d = real_set
    assert isinstance(d.x, np.ndarray) == (name in DENSE)
    assert d.x.dtype == np.float32
    assert d.x.shape == (d.n_rows, len(d.feature_names))
    assert len(set(d.feature_names)) == len(d.feature_names)
    if not isinstance(d.x, np.ndarray):
        assert d.x.nnz < 0.1 * d.n_rows * d.x.shape[1]


def test_genbase_proteins_are_one_hot(real_data):
    d = read(real_data / "genbase" / "genbase.arff")
    proteins = [i for i, name in enumerate(d.feature_names) if name.startswith("protein=")]
    assert len(proteins) == 662
    np.testing.assert_array_equal(np.asarray(d.x[:, proteins].sum(axis=1)), 1)


def test_medical_labels_are_not_taken_from_a_relation_name_that_no_longer_holds(
    real_data, tmp_path
):
    copy = tmp_path / "alone.arff"
    copy.write_bytes((real_data / "medical" / "medical.arff").read_bytes())
    with pytest.raises(InvalidFile, match="may have moved the labels"):
        read(copy)


def test_slashdot_labels_follow_from_the_relation_name(real_data):
    files, xml = SETS["slashdot"]
    folder = real_data / "slashdot"
    first = folder / files[0]
    assert read(first).targets.label_names == read(first, folder / xml).targets.label_names

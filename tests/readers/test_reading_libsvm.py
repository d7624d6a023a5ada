"""Multi-label libsvm files: against scikit-learn, with and without counts, and what is refused."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import read

NAN = np.nan


def sets(dataset):
    names = np.array(dataset.targets.label_names, dtype=object)
    return [set(names[row > 0]) for row in dataset.targets.to_dense().values]


def test_rows_with_several_labels_and_with_none(write):
    d = read(write("1,2 1:.5 3:2 # a comment\n# another\n 2:-1e-1\n3 1:1\n\n", "t.svm"))
    assert d.feature_names == ("feature_1", "feature_2", "feature_3")
    np.testing.assert_array_equal(d.x.toarray(), np.float32([[0.5, 0, 2], [0, -0.1, 0], [1, 0, 0]]))
    assert d.x.dtype == np.float32
    assert sets(d) == [{"1", "2"}, set(), {"3"}]
    assert (d.targets.task, d.targets.is_sparse, d.name) == ("multilabel", True, "t")


def test_a_file_that_begins_with_its_counts(write):
    d = read(write("4 8 5\n0,4 0:1 7:.25\n\n3:nan\n2\n", "t.libsvm"))
    assert d.x.shape == (4, 8)
    assert d.feature_names[0] == "feature_0"
    assert d.targets.label_names == ("0", "1", "2", "3", "4")
    assert sets(d) == [{"0", "4"}, set(), set(), {"2"}]
    expected = np.zeros((4, 8), dtype=np.float32)
    expected[0, [0, 7]], expected[2, 3] = [1, 0.25], NAN
    np.testing.assert_array_equal(d.x.toarray(), expected)


@pytest.mark.parametrize("first", [0, 1, 5])
def test_features_begin_at_0_if_that_occurs_else_at_1(write, first):
    d = read(write(f"1,2 {first}:3\n1 6:1\n", "t.svm"))
    assert d.feature_names == tuple(f"feature_{i}" for i in range(min(first, 1), 7))
    assert d.x[0, first - min(first, 1)] == 3


@pytest.mark.parametrize(
    ("text", "task", "names", "values"),
    [
        ("+1 1:1\n-1 1:2\n", "binary", ("1",), [[1], [0]]),
        ("0 1:1\n1 1:2\n1.0 1:3\n", "binary", ("label",), [[0], [1], [1]]),
        ("3 1:1\n1 1:2\n7 1:3\n", "multiclass", ("1", "3", "7"), np.eye(3)[[1, 0, 2]]),
    ],
)
def test_rows_that_all_have_one_label_have_a_class(write, text, task, names, values):
    targets = read(write(text, "t.svm")).targets
    assert (targets.task, targets.label_names) == (task, names)
    np.testing.assert_array_equal(targets.to_array(), values)


def test_label_names_for_ids(write):
    path = write("2 3 4\n0,3 1:1\n1 1:1\n", "t.svm")
    d = read(path, label_names=["w", "x", "y", "z"])
    assert d.targets.label_names == ("w", "x", "y", "z")
    assert sets(d) == [{"w", "z"}, {"x"}]
    plain = write("3,9 1:1\n\n", "plain.svm")
    d = read(plain, label_names={9: "nine", 3: "three"})
    assert sets(d) == [{"nine", "three"}]
    with pytest.raises(InvalidFile, match=r"plain.svm.*1 labels are not in `label_names`.*'9'"):
        read(plain, label_names={3: "three"})
    names = write("w\nx\ny\nz\n", "names.txt")
    assert read(path, label_names=names).targets.label_names == ("w", "x", "y", "z")


def test_query_ids_may_be_groups_and_features_ignored(write):
    path = write("1,2 qid:7 1:1 2:5\n qid:8 1:2\n3 qid:7\n", "t.svm")
    d = read(path, groups="qid", ignore="*_2")
    assert d.groups.tolist() == [7, 8, 7]
    assert d.feature_names == ("feature_1",)
    assert read(path).groups is None
    with pytest.raises(InvalidInput, match="can only be 'qid'"):
        read(path, groups="site")
    with pytest.raises(InvalidFile, match=r"t.svm'.*1 rows have no query id"):
        read(write("1,2 qid:7 1:1\n3 1:1\n", "t.svm"), groups="qid")
    with pytest.raises(InvalidFile, match="no feature is left"):
        read(path, ignore="feature_*")


def test_several_files_share_features_and_labels(write):
    one, two = write("1,2 1:1\n", "s-train.svm"), write("4 3:1\n\n", "s-test.svm")
    d = read([one, two])
    assert d.name == "s"
    np.testing.assert_array_equal(d.x.toarray(), [[1, 0, 0], [0, 0, 1]])
    assert sets(d) == [{"1", "2"}, {"4"}]
    counted = write("1 3 5\n4 2:1\n", "c.svm")
    with pytest.raises(InvalidFile, match=r"c.svm': has a first line with the counts.*s-train.svm"):
        read([one, counted])
    other = write("1 4 5\n4 2:1\n", "o.svm")
    with pytest.raises(InvalidFile, match=r"o.svm', line 1: .* 4 features and 5 labels.* 3 and 5"):
        read([counted, other])


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cells=st.lists(
        st.tuples(
            st.lists(st.sampled_from([0, 0, 1.5, -2.0, 1e-3]), min_size=4, max_size=4),
            st.sets(st.integers(0, 4), min_size=1),
        ),
        min_size=1,
        max_size=6,
    ),
    zero_based=st.booleans(),
)
def test_what_scikit_learn_writes_is_read_as_scikit_learn_reads_it(tmp_path, cells, zero_based):
    x = np.array([row for row, _ in cells])
    assume(x.any())
    y = np.array([[label in labels for label in range(5)] for _, labels in cells], dtype=int)
    path = tmp_path / "t.svm"
    dump_svmlight_file(x, y, str(path), multilabel=True, zero_based=zero_based)
    d = read(path)
    their_x, their_y = load_svmlight_file(str(path), multilabel=True, zero_based=True)
    first = int(d.feature_names[0].removeprefix("feature_"))
    np.testing.assert_array_equal(d.x.toarray(), np.float32(their_x.toarray()[:, first:]))
    if any(len(labels) > 1 for _, labels in cells):
        assert sets(d) == [{str(int(label)) for label in row} for row in their_y]


def test_random_rows_come_back(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.random((300, 40)) * (rng.random((300, 40)) < 0.2)
    y = (rng.random((300, 9)) < 0.2).astype(int)
    lines = [
        ",".join(map(str, np.flatnonzero(labels)))
        + "".join(f" {i}:{row[i]!r}" for i in np.flatnonzero(row))
        for row, labels in zip(x.tolist(), y, strict=True)
    ]
    path = tmp_path / "t.svm"
    path.write_text("300 40 9\n" + "\n".join(lines) + "\n")
    d = read(path)
    np.testing.assert_array_equal(d.x.toarray(), x.astype(np.float32))
    np.testing.assert_array_equal(d.targets.to_array(), y)


BAD = [
    ("a 1:2\n", "line 1: a label must be a whole number. Received: 'a'"),
    ("1 1:2\n1.5 1:2\n", "line 2: a label must be a whole number. Received: '1.5'"),
    ("1,,2 1:1\n", "line 1: a label must be a whole number. Received: '1,,2'"),
    ("1 3 1:2\n", "line 1: after the labels, which commas separate, come pairs.*Received: '3'"),
    ("1 1:2 4\n", "line 1: after the labels.*Received: '4'"),
    ("1 1:x\n", "line 1: the value of a feature must be a number. Received: '1:x'"),
    ("1 1:\n", "line 1: the value of a feature must be a number. Received: '1:'"),
    ("1 1:1_0\n", "line 1: the value of a feature must be a number"),
    ("1 x:1\n", "line 1: the index of a feature must be a whole number.*'x:1'"),
    ("1 -1:1\n", "line 1: the index of a feature must be a whole number"),
    ("1 1:1 qid:3\n", "line 1: the index .* a query id comes first. Received: 'qid:3'"),
    ("1 qid:x 1:1\n", "line 1: the index .* a query id comes first"),
    ("1 2:1 1:1\n", "line 1: the indices of a row must rise; this one comes after 2.*sorted"),
    ("1 2:1 2:1\n", "line 1: the indices of a row must rise; this one comes after 2"),
    ("1 99999999999:1\n", "line 1: the index of a feature is above 16,777,215"),
    ("1 99999999:1\n", "a feature has the index 99,999,999.*without gaps"),
    ("1 1:1\n2 2:inf\n", "line 2, column 'feature_2': the value is infinite"),
    ("1 1:1e99\n", "line 1, column 'feature_1': the value is infinite"),
    ("1 1:2\n\n2 1:2\n", "line 2: the line is blank.*write 1:0"),
    ("-1,2 1:1\n", "line 1: a label of a set must not be negative. Received: -1"),
    (" 1:1\n", "no row has a label.*`label_names`"),
    ("# only a comment\n", "holds no row"),
    ("1,2\n3\n", "no feature is left"),
    ("3 4 5\n0 1:1\n", "the first line says 3 rows, but there are 1.*cut off"),
    ("1 4 5\n0 1:1\n0 1:1\n", "the first line says 1 rows, but there are 2"),
    ("2 4 5\n0 1:1\n0,5 1:1\n", "line 3: the first line says 5 labels, which count from 0.* 5"),
    ("2 4 5\n0 1:1\n0 4:1\n", "line 3: the first line says 4 features, which count from 0.* 4"),
    ("1 0 5\n0 1:1\n", "line 1: the first line must count rows, features and labels"),
    ("1 4 99999999\n0 1:1\n", "line 1: the first line must count"),
    (b"1 1:1\0\n", "null bytes"),
    ("1 1:1\n".encode("utf-16"), "is UTF-16 text"),
    ("f,l\n1,0\n", "line 1: a label must be a whole number"),
    ("", "is empty"),
]


@pytest.mark.parametrize(("content", "problem"), BAD)
def test_bad_files(write, content, problem):
    with pytest.raises(InvalidFile, match=rf"(?s)t.svm.*{problem}"):
        read(write(content, "t.svm"))


@pytest.mark.parametrize(
    "text", ["\ufeff1,2 1:1\r\n2 3:1\r\n", "1,2 1:1 \n2\t3:1", "1,2 1:1\n2 3:1\n\n"]
)
def test_marks_and_line_ends(write, text):
    assert sets(read(write(text, "t.svm"))) == [{"1", "2"}, {"2"}]


def test_what_other_formats_need_is_refused(write):
    path = write("1,2 1:1\n", "t.svm")
    for options in ({"labels": "l*"}, {"delimiter": ",", "labels_column": 0}, {"mixed": True}):
        with pytest.raises(InvalidInput, match="does not apply to .svm files"):
            read(path, **options)

"""Which columns are labels: lists, globs, and arguments that contradict each other."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers._labels import choose_columns, match_columns, renamed_labels
from equipoise.readers._request import Request

FILE = Path("films.csv")
NAMES = ("id", "lab_a", "Lab_b", "lab_c", "x", "lab_*", "[y]")


def match(*patterns):
    return match_columns(FILE, NAMES, "labels", patterns)


def test_names_and_globs():
    assert match("lab_c", "lab_a") == (3, 1)
    assert match("lab_?") == (1, 3, 5)
    assert match("[Ll]ab_[ab]") == (1, 2)
    assert match("x", "lab_[ac]", "lab_a") == (4, 1, 3)


def test_a_name_that_looks_like_a_glob_is_that_column():
    assert match("lab_*") == (5,)
    assert match("[y]") == (6,)


@given(st.lists(st.sampled_from(NAMES), unique=True))
def test_names_are_found_in_the_order_asked_for(names):
    assert [NAMES[i] for i in match(*names)] == names


def test_what_is_not_there():
    with pytest.raises(InvalidFile, match=r"films.csv.*no column 'lab_d'.*Did you mean 'lab_"):
        match("lab_d")
    with pytest.raises(InvalidFile, match=r"no column matches 'LAB\*'"):
        match("LAB*")


def test_columns_by_what_they_are_for():
    request = Request.checked("lab_a, lab_c", ignore=["id", "Lab_b", "[[]*"], groups="x")
    columns = choose_columns(FILE, NAMES, request)
    assert columns.labels == (1, 3)
    assert columns.features == (5,)
    assert columns.groups == 4
    assert columns.label_sets is None
    columns = choose_columns(FILE, NAMES, Request.checked(labels_column=-1, ignore="id"))
    assert columns.label_sets == 6
    assert columns.labels == ()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"ignore": "lab_a"}, "a label and ignored"),
        ({"groups": "lab_a"}, "a label and groups"),
        ({"groups": "x", "ignore": "x"}, "groups and ignored"),
    ],
)
def test_a_column_is_for_one_thing(options, what):
    with pytest.raises(InvalidFile, match=f"{what} at once"):
        choose_columns(FILE, NAMES, Request.checked(["lab_a"], **options))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"labels": "a", "labels_column": "b"}, "both say where the labels are"),
        ({"labels": ""}, "`labels` names no column"),
        ({"labels": []}, "`labels` names no column"),
        ({"labels": 3}, "`labels` must be names"),
        ({"labels": [3]}, "`labels` must be names.*'column_1'"),
        ({"labels": b"a"}, "`labels` must be names"),
        ({"labels_column": True}, "must be a column's name or its position"),
        ({"labels_column": 1.5}, "must be a column's name or its position"),
        ({"delimiter": ","}, "`delimiter` is of use only with `labels_column`"),
        ({"labels_column": "t", "delimiter": ""}, "`delimiter` must be text"),
        ({"separator": ",,"}, "`separator` must be one ASCII character"),
        ({"separator": "é"}, "`separator` must be one ASCII character"),
        ({"separator": '"'}, "`separator` must be one ASCII character"),
        ({"header": 1}, "`header` must be True or False"),
        ({"quoting": None}, "`quoting` must be True or False"),
        ({"groups": 3}, "`groups` must be the name of a column"),
        ({"ignore": 3}, "`ignore` must be names"),
        ({"label_names": "ab"}, "Cannot read the file of `label_names` 'ab'"),
        ({"label_names": b"ab"}, "`label_names` must be a list of names"),
        ({"mixed": 1}, "`mixed` must be True or False"),
        ({"label_names": ["a", "a"]}, "same name more than once"),
        ({"label_names": {1: "a", 2: "a"}}, "same name more than once"),
    ],
)
def test_arguments_that_cannot_be_meant(options, problem):
    with pytest.raises(InvalidInput, match=problem):
        Request.checked(**options)


def test_an_xml_file_is_a_path_whatever_its_case():
    assert Request.checked("set.XML").labels == Path("set.XML")
    assert Request.checked(Path("set")).labels == Path("set")


def test_new_names_of_labels():
    assert renamed_labels(FILE, ["a", "b"], None) == ("a", "b")
    assert renamed_labels(FILE, ["a", "b"], ("x", "y")) == ("x", "y")
    assert renamed_labels(FILE, ["a", "b"], {"b": "z"}) == ("a", "z")
    with pytest.raises(InvalidInput, match="has 1 names but there are 2 labels"):
        renamed_labels(FILE, ["a", "b"], ("x",))
    with pytest.raises(InvalidInput, match="same name more than once"):
        renamed_labels(FILE, ["a", "b"], {"a": "b"})


def test_options_that_a_format_does_not_have(tmp_path):
    from equipoise.readers import read

    path = tmp_path / "some.arff"
    path.write_text("@relation r\n")
    with pytest.raises(InvalidInput, match="`separator` does not apply to .arff files"):
        read(path, "l", separator=";")
    with pytest.raises(InvalidInput, match="`labels_column` does not apply to .arff files"):
        read(path, labels_column="l")

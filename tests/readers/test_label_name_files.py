"""Files that name labels: one name a line, or ids and names."""

import numpy as np
import pytest

from equipoise._errors import InvalidFile
from equipoise.readers import read
from equipoise.readers._names_file import read_names


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("funny\nsad\n", ("funny", "sad")),
        ("\ufefffunny\r\n sad \r\n\r\n", ("funny", "sad")),
        ("a,b\nc d\n", ("a,b", "c d")),
        ("one\u2028name\nother\n", ("one\u2028name", "other")),
        (b"\xe9\n", ("é",)),
        ("7\tfunny\n3\tsad, very\n", {"7": "funny", "3": "sad, very"}),
        ("7,funny\n3, sad, very\n", {"7": "funny", "3": "sad, very"}),
        ("lab_a\tfunny\nlab_b\tsad\n", {"lab_a": "funny", "lab_b": "sad"}),
        ("3,4-dioxygenase\nwater\nsalt\nacid\n", ("3,4-dioxygenase", "water", "salt", "acid")),
    ],
)
def test_names_alone_or_with_ids(write, content, names):
    assert read_names(write(content, "names.txt")) == names


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("a\n\nb\n", "line 2: the line holds no name"),
        ("a\nb\na\n", "line 3: the name 'a' is already that of line 1"),
        ("1\ta\n1\tb\n", "line 2: the id '1' is already that of line 1"),
        ("1\ta\n2\ta\n", "line 2: the name 'a' is already that of line 1"),
        ("1\t\n2\ta\n", "line 1: the line holds no name"),
        ("1\ta\n2 b\n3\tc\n", "line 2: the line does not hold an id and a name.*'2 b'"),
        ("1,a\nb\n3,c\n", "line 2: the line does not hold an id and a name"),
        ("a\nb\n3\tc\n", "line 1: the line does not hold an id and a name"),
        ("", "names no label"),
        (" \n\n", "names no label"),
        (b"a\0b\n", "null bytes"),
        ("a\n".encode("utf-16"), "UTF-16"),
    ],
)
def test_bad_files_of_names(write, content, problem):
    with pytest.raises(InvalidFile, match=rf"names.txt'.*{problem}"):
        read_names(write(content, "names.txt"))


def test_a_file_that_is_not_there(write, tmp_path):
    path = write("f,t\n1,0\n", "t.csv")
    for name in (tmp_path / "nix.txt", str(tmp_path), "a\0b"):
        with pytest.raises(InvalidFile, match=r"Cannot read the file of `label_names`.*as a list"):
            read(path, labels_column="t", label_names=name)


def test_names_reach_the_labels_of_every_kind_of_file(write):
    names, ids = write("x\ny\nz\n", "names.txt"), write("2\tzed\n0\tex\n", "ids.tsv")
    sets = write("f,t\n1,0 2\n2,\n", "t.csv")
    d = read(sets, labels_column="t", delimiter=" ", label_names=names)
    assert d.targets.label_names == ("x", "y", "z")
    np.testing.assert_array_equal(d.targets.to_array(), [[1, 0, 1], [0, 0, 0]])
    d = read(sets, labels_column="t", delimiter=" ", label_names=str(ids))
    assert d.targets.label_names == ("zed", "ex")
    np.testing.assert_array_equal(d.targets.to_array(), [[1, 1], [0, 0]])
    columns = write("f,a,b,c\n1,0,1,1\n", "columns.csv")
    assert read(columns, "a,b,c", label_names=names).targets.label_names == ("x", "y", "z")
    renamed = write("b\tbee\n", "renamed.tsv")
    assert read(columns, "a,b,c", label_names=renamed).targets.label_names == ("a", "bee", "c")
    with pytest.raises(InvalidFile, match="numbers up to 3"):
        read(write("f,t\n1,3\n", "t.csv"), labels_column="t", delimiter=" ", label_names=names)

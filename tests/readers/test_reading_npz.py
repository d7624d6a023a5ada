"""NPZ archives: dense and sparse arrays, names, groups; nothing pickled, nothing cut is read."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from equipoise._errors import InvalidFile, InvalidInput
from equipoise.readers import read

X = np.arange(10.0).reshape(5, 2)
Y = np.array([[0, 1], [1, 0], [1, 1], [0, 0], [0, 1]])


@pytest.fixture
def save(tmp_path):
    def save(name="t.npz", packed=True, **arrays):
        path = tmp_path / name
        (np.savez_compressed if packed else np.savez)(path, **arrays)
        return path

    return save


def parts(name, matrix):
    return {
        f"{name}_data": matrix.data,
        f"{name}_indices": matrix.indices,
        f"{name}_indptr": matrix.indptr,
        f"{name}_shape": matrix.shape,
    }


@pytest.mark.parametrize("packed", [True, False])
def test_arrays_with_names_and_groups(save, packed):
    path = save(
        packed=packed,
        X=X,
        y=Y,
        feature_names=["f", "é"],
        label_names=np.array([b"a", b"\xc3\xa9"]),
        groups=["p", "q", "p", "q", "p"],
    )
    d = read(path)
    np.testing.assert_array_equal(d.x, X)
    assert d.x.dtype == np.float32
    assert d.x.flags.c_contiguous
    np.testing.assert_array_equal(d.targets.values, Y)
    assert (d.feature_names, d.targets.label_names) == (("f", "é"), ("a", "é"))
    assert d.groups.tolist() == ["p", "q", "p", "q", "p"]
    assert (d.n_attributes, d.name) == (2, "t")


def test_names_by_default_and_by_request(save):
    path = save(x=X, y=Y, site=[1, 1, 2, 2, 3])
    d = read(path)
    assert d.feature_names == ("feature_0", "feature_1")
    assert d.targets.label_names == ("label_0", "label_1")
    d = read(path, label_names=["a", "b"], groups="site", ignore="feature_0")
    assert d.targets.label_names == ("a", "b")
    assert d.groups.tolist() == [1, 1, 2, 2, 3]
    np.testing.assert_array_equal(d.x, X[:, 1:])
    assert read(path, label_names={"label_1": "b"}).targets.label_names == ("label_0", "b")
    with pytest.raises(InvalidFile, match=r"t.npz.*no array 'sight', given as `groups`.*'site'"):
        read(path, groups="sight")
    with pytest.raises(InvalidFile, match="the array 'y', given as `groups`, is not one of groups"):
        read(path, groups="y")
    with pytest.raises(InvalidInput, match="does not apply to .npz files"):
        read(path, "label_*")


@pytest.mark.parametrize("form", [{}, {"x_format": "csr"}, {"x_format": b"csr"}])
def test_sparse_matrices_in_parts(save, form):
    d = read(save(**parts("x", sparse.csr_array(X)), **form, **parts("y", sparse.csr_array(Y))))
    assert isinstance(d.x, sparse.csr_array)
    assert d.x.dtype == np.float32
    assert d.x.nnz == 9  # a stored zero is no entry
    np.testing.assert_array_equal(d.x.toarray(), X)
    assert d.targets.is_sparse
    np.testing.assert_array_equal(d.targets.to_array(), Y)


@pytest.mark.parametrize(
    ("y", "task", "names"),
    [
        ([0, 1, 1, 0, 1], "binary", ("1",)),
        (["a", "b", "c", "a", "b"], "multiclass", ("a", "b", "c")),
        ([[1], [0], [1], [0], [0]], "binary", ("label_0",)),
        ([3, 1, 2, 1, 1], "multiclass", ("1", "2", "3")),
    ],
)
def test_classes(save, y, task, names):
    targets = read(save(x=X, y=y)).targets
    assert (targets.task, targets.label_names) == (task, names)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    x=hnp.arrays(
        st.sampled_from([np.float64, np.float32, np.int16, np.uint8, np.bool_, np.dtype(">f4")]),
        st.tuples(st.integers(1, 5), st.integers(1, 4)),
        elements={"allow_infinity": False, "min_value": 0, "max_value": 1},
    ),
    in_columns=st.booleans(),
    packed=st.booleans(),
)
def test_any_numbers_come_back(tmp_path, x, in_columns, packed):
    path = tmp_path / "t.npz"
    save = np.savez_compressed if packed else np.savez
    save(path, x=np.asfortranarray(x) if in_columns else x, y=np.arange(len(x)) % 2)
    np.testing.assert_array_equal(read(path).x, x.astype(np.float32))


def test_several_files(save):
    one = save("s-train.npz", x=X, y=Y, groups=[1] * 5)
    two = save("s-test.npz", x=X[:2] + 1, y=Y[:2], groups=[2] * 2)
    d = read([one, two])
    np.testing.assert_array_equal(d.x, np.concatenate([X, X[:2] + 1]))
    assert d.groups.tolist() == [1] * 5 + [2] * 2
    for arrays in (
        {"x": X[:, :1], "y": Y},
        {"x": X, "y": Y[:, 0]},
        {"x": X, "y": Y},
        {"x": X, "y": Y, "groups": ["a"] * 5},
        {"x": X, "y": Y, "groups": [1] * 5, "feature_names": ["a", "b"]},
        {**parts("x", sparse.csr_array(X)), "y": Y, "groups": [1] * 5},
    ):
        with pytest.raises(InvalidFile, match=r"o.npz'.*, unlike in .*s-train.npz"):
            read([one, save("o.npz", **arrays)])


S = sparse.csr_array(X)
BAD = [
    ({"x": X}, "holds no array 'y'. Received: arrays 'x'.*numpy.savez"),
    ({"y": Y}, "holds no array 'x'"),
    ({"x": X, "X": X, "y": Y}, "holds both 'x' and 'X'"),
    ({"x": X[0], "y": Y}, r"`x` must be a matrix of numbers.*shape \(2,\)"),
    ({"x": X.astype(str), "y": Y}, "`x` must be a matrix of numbers"),
    ({"x": X * 1j, "y": Y}, "'x.npy' must hold numbers or text.*complex128"),
    ({"x": X[:0], "y": Y[:0]}, "holds no row"),
    ({"x": X[:, :0], "y": Y}, "no feature is left"),
    ({"x": X[:4], "y": Y}, r"with a row for every row of x.*\(4, 2\).*\(5, 2\)"),
    ({"x": X, "y": 1}, "`y` must be a matrix of labels or a list of classes"),
    ({"x": X, "y": Y / 2}, "in the labels, `y` must hold 0 and 1.*0.5. in row 0"),
    ({"x": X, "y": 2 * Y - 1}, "in the labels, `y` holds -1 but no 0"),
    ({"x": X + np.inf, "y": Y}, "row 0 .from 0., column 'feature_0': the value is infinite"),
    ({"x": X * 1e300, "y": Y}, r"row 0 .from 0., column 'feature_1': the value is infinite"),
    ({"x": X, "y": Y, "feature_names": ["a"]}, "'feature_names' must be a list of 2"),
    ({"x": X, "y": Y, "feature_names": ["a", "a"]}, "`feature_names` holds the same name"),
    ({"x": X, "y": Y, "label_names": ["a", "a"]}, "`label_names` holds the same name"),
    ({"x": X, "y": Y, "label_names": ["a"]}, "`label_names` has 1 names but there are 2"),
    ({"x": X, "y": Y, "label_names": [b"\xff", b"a"]}, "text in 'label_names' cannot be read"),
    ({"x": X, "y": Y, "groups": [1, 2]}, "'groups' must be a list of 5"),
    ({"x": X, "y": Y, "groups": [1, 2, 3, 4, np.nan]}, "row 4 .*'groups' holds a missing value"),
    ({**parts("x", S), "x_indices": S.indices + 9, "y": Y}, "the sparse matrix 'x' do not fit"),
    ({**parts("x", S), "x_indptr": S.indptr[:-1], "y": Y}, "the sparse matrix 'x' do not fit"),
    ({**parts("x", S), "x_shape": (5, 1 << 40), "y": Y}, "more than 16,777,216 columns"),
    ({**parts("x", S), "x_shape": [5], "y": Y}, "not of a matrix of numbers"),
    ({**parts("x", S), "x_format": "csc", "y": Y}, "'x_format' must be 'csr'.*'csc'.*tocsr"),
    ({**parts("x", S), "x_shape": (-5, 2), "y": Y}, "the sparse matrix 'x' do not fit"),
    ({**parts("x", S), "x_data": S.data[:3], "y": Y}, "the sparse matrix 'x' do not fit"),
    ({"x_data": S.data, "y": Y}, "the sparse matrix 'x' has no 'x_indices'"),
]


@pytest.mark.parametrize(("arrays", "problem"), BAD)
def test_bad_arrays(save, arrays, problem):
    with pytest.raises(InvalidFile, match=rf"(?s)t.npz.*{problem}"):
        read(save(**arrays))


class Trap:
    """Would write a file if it were unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("name", ["x", "y", "label_names", "groups"])
def test_python_objects_are_never_unpickled(save, tmp_path, name):
    trap = np.array([Trap(str(tmp_path / "sprung"))] * 5, dtype=object)
    path = save(**{"x": X, "y": Y, name: trap})
    with pytest.raises(
        InvalidFile, match=rf"'{name}.npy' holds Python objects, .* never unpickled"
    ):
        read(path)
    assert not (tmp_path / "sprung").exists()


def test_objects_that_nobody_asked_for_are_not_looked_at(save):
    assert read(save(x=X, y=Y, notes=np.array([{}], dtype=object))).n_rows == 5


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut=st.integers(1, 400))
def test_a_cut_archive_is_never_read(tmp_path, cut):
    buffer = io.BytesIO()
    np.savez(buffer, x=X, y=Y)
    path = tmp_path / "t.npz"
    path.write_bytes(buffer.getvalue()[:-cut])
    with pytest.raises(InvalidFile, match="t.npz': is not a whole NPZ archive"):
        read(path)


def npy(header, data):
    text = header.ljust(117).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


@pytest.mark.parametrize(
    ("member", "problem"),
    [
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (5, 2)}", bytes(79)),
            "is longer or shorter",
        ),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (5, 2)}", bytes(81)),
            "is longer or shorter than its shape",
        ),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1 << 60,)}", b""),
            "is not an array",
        ),
        (
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,)}", b""),
            "is cut off",
        ),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-5, 2)}", b""), "is cut off"),
        (npy("{'descr': 'nix', 'fortran_order': False, 'shape': (5, 2)}", b""), "is not an array"),
        (npy("__import__('os')", b""), "is not an array"),
        (b"\x93NUMPY\x07\x00", "is not an array"),
        (b"", "is not an array"),
    ],
)
def test_members_that_are_no_arrays(tmp_path, member, problem):
    path = tmp_path / "t.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.npy", member)
        archive.writestr("y.npy", b"")
    with pytest.raises(InvalidFile, match=rf"t.npz': 'x.npy' {problem}"):
        read(path)


def test_an_archive_that_fills_the_memory(tmp_path):
    path = tmp_path / "t.npz"
    buffer = io.BytesIO()
    np.savez_compressed(buffer, x=X, y=Y)
    content = bytearray(buffer.getvalue())
    size = content.index(b"PK\x01\x02") + 24  # in the directory at the end
    content[size : size + 4] = struct.pack("<I", 400_000_000)
    path.write_bytes(content)
    with pytest.raises(InvalidFile, match="unpack to 400,000,000 or more"):
        read(path)


def test_other_archives(tmp_path, save):
    path = tmp_path / "t.npz"
    sparse.save_npz(path, sparse.csr_array(X))
    with pytest.raises(
        InvalidFile, match=r"holds no array 'x'. Received: arrays .*'data', 'format'"
    ):
        read(path)
    path.write_text("x,y\n1,0\n")
    with pytest.raises(InvalidFile, match="is not a whole NPZ archive: File is not a zip file"):
        read(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x", b"")
        archive.writestr("x.npy", b"")
    with pytest.raises(InvalidFile, match="holds two arrays 'x'"):
        read(path)

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_array_equal
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.audit.same_rows import same_rows

VALUES = st.sampled_from([0.0, -0.0, 1.0, 2.5, np.nan])


@given(arrays(np.float64, st.tuples(st.integers(0, 8), st.integers(1, 3)), elements=VALUES))
@settings(max_examples=60, deadline=None)
def test_rows_are_the_same_where_their_values_are(X):
    (found,) = same_rows("X", X)
    for i in range(len(X)):
        for j in range(len(X)):
            same = np.array_equal(X[i], X[j], equal_nan=True)
            assert (found[i] == found[j]) == same


def test_every_form_gives_the_same(tmp_path):
    X = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    np.save(tmp_path / "X.npy", X)
    unsorted = sparse.csr_array(([1.0, 2.0, 1.0, 0.0], [1, 0, 1, 0], [0, 1, 2, 4, 4]), (4, 2))
    forms = [
        X.astype(np.float32),
        X.astype(int),
        X.tolist(),
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        pd.DataFrame(X),
        pl.DataFrame(X),
        {"a": X[:, :1], "b": X[:, 1:]},
        sparse.csr_array(X),
        sparse.coo_matrix(X),
        unsorted,
        pd.DataFrame({"a": list("xyxz"), "b": [1, 2, 1, 2]}),
        np.array(list("xyxz")),
        X.reshape(4, 1, 2, 1),
    ]
    for form in forms:
        assert_array_equal(same_rows("X", form)[0], [0, 1, 0, 2])


def test_rows_of_several_tables_are_compared():
    X = np.arange(6.0).reshape(3, 2)
    ours, theirs = same_rows("X", X, X[[2, 0]] + [[0, 0], [0, 1]])
    assert ours.tolist() == [0, 1, 2]
    assert theirs.tolist() == [2, 3]


@pytest.mark.parametrize("X", [3.0, [[1, 2], [3]], iter([1]), None])
def test_what_has_no_rows_to_compare_is_refused(X):
    with pytest.raises(InvalidInput, match="`X` must be an array, a sparse matrix or a data frame"):
        same_rows("X", X)

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

import equipoise as eq
from equipoise._errors import InvalidInput

matrices = hnp.arrays(np.int8, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.integers(0, 1))


@given(matrices)
def test_every_kind_of_input_gives_the_same_values(y):
    sets = [{f"label_{i}" for i in np.flatnonzero(row)} for row in y]
    names = [f"label_{i}" for i in range(y.shape[1])]
    forms = [
        y,
        y.astype(bool),
        y.astype(np.float32),
        np.asfortranarray(y),
        y.astype(object),
        sparse.csr_array(y),
        sparse.csc_matrix(y),
        sparse.coo_array(y),
        pd.DataFrame(y, columns=names),
        pl.DataFrame(y, schema=names),
    ]
    for form in forms:
        targets = eq.as_targets(form)
        np.testing.assert_array_equal(targets.to_dense().values, y)
        assert targets.values.dtype == np.uint8
        assert targets.unknown is None
        assert targets.label_names == tuple(names)
    from_sets = eq.as_targets(sets, label_names=names)
    np.testing.assert_array_equal(from_sets.to_dense().values, y)


@given(matrices, st.data())
def test_unknown_cells_are_zero_in_values_and_false_in_known(y, data):
    unknown = data.draw(hnp.arrays(bool, y.shape))
    marked = np.where(unknown, np.nan, y)
    targets = eq.as_targets(marked)
    np.testing.assert_array_equal(targets.known, ~unknown)
    np.testing.assert_array_equal(targets.values, np.where(unknown, 0, y))
    np.testing.assert_array_equal(targets.to_array(), marked)
    again = targets.to_sparse().to_dense()
    np.testing.assert_array_equal(again.known, targets.known)
    rows = np.arange(len(y))[::-1]
    np.testing.assert_array_equal(targets.take(rows).to_array(), marked[::-1])


@given(matrices)
def test_positives_are_stored_ones_in_order(y):
    expected = [np.flatnonzero(row).tolist() for row in y]
    backwards = sparse.csr_array(y)
    for row in range(len(y)):  # the order within a row is free in CSR
        part = slice(backwards.indptr[row], backwards.indptr[row + 1])
        backwards.indices[part] = backwards.indices[part][::-1]
    backwards.has_sorted_indices = False
    for form in (y, backwards):
        positives = eq.as_targets(form).positives()
        assert (positives.data == 1).all()
        found = np.split(positives.indices, positives.indptr[1:-1])
        assert [row.tolist() for row in found] == expected


def test_minus_one_is_unknown_beside_zero():
    targets = eq.as_targets([[1, -1], [0, 1]])
    assert targets.values.tolist() == [[1, 0], [0, 1]]
    assert targets.known.tolist() == [[True, False], [True, True]]
    stored = eq.as_targets(sparse.csr_array(np.array([[1, -1], [0, 1]])))
    assert stored.known.tolist() == targets.known.tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.array([[1, -1], [-1, 1]]),
        np.array([[1.0, -1.0], [np.nan, 1.0]]),
        sparse.csr_array(np.array([[1, -1], [-1, 1]])),
        pd.DataFrame({"a": [1, -1], "b": [-1, 1]}),
    ],
)
def test_minus_one_without_zero_is_refused_with_both_remedies(y):
    with pytest.raises(InvalidInput, match=r"holds -1 but no 0.*\(y > 0\).*nan|NaN"):
        eq.as_targets(y)


def test_leading_axes_are_rows():
    y = np.zeros((4, 5, 3), dtype=int)
    y[1, 2, 0] = 1
    targets = eq.as_targets(y)
    assert (targets.n_rows, targets.n_labels, targets.shape) == (20, 3, (4, 5, 3))
    np.testing.assert_array_equal(targets.to_array(), y)


def test_one_dimensional_y_is_classes():
    binary = eq.as_targets([0, 1, 1])
    assert (binary.task, binary.label_names, binary.values.tolist()) == (
        "binary",
        ("1",),
        [[0], [1], [1]],
    )
    signs = eq.as_targets([-1, 1, 1])
    assert signs.task == "binary"
    assert signs.values.tolist() == [[0], [1], [1]]
    words = eq.as_targets(["spam", "ham", "spam"])
    assert (words.task, words.label_names) == ("binary", ("spam",))
    many = eq.as_targets(np.array([2, -1, 5]))
    assert (many.task, many.label_names) == ("multiclass", ("-1", "2", "5"))
    assert many.to_array().tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    unknown = eq.as_targets(np.array([0.0, np.nan, 2.0, 1.0]))
    assert unknown.known.tolist() == [[True] * 3, [False] * 3, [True] * 3, [True] * 3]
    assert eq.as_targets([0, 1, 0], task="multiclass").label_names == ("0", "1")


def test_class_ids_count_into_the_names():
    targets = eq.as_targets([0, 2, 0, 1], label_names=["a", "b", "c", "d"])
    assert targets.label_names == ("a", "b", "c", "d")
    assert targets.to_array().argmax(axis=1).tolist() == [0, 2, 0, 1]


def test_series_give_their_name_to_a_binary_label():
    assert eq.as_targets(pd.Series([0, 1], name="churn")).label_names == ("churn",)
    assert eq.as_targets(pl.Series("churn", [0, 1])).label_names == ("churn",)
    assert eq.as_targets(pd.Series(["a", "b", "c"], name="kind")).label_names == ("a", "b", "c")
    assert eq.as_targets(pl.Series("tags", [["a"], [], ["b", "a"]])).values.nnz == 3


def test_data_frames_with_null_are_unknown():
    pandas = eq.as_targets(pd.DataFrame({"a": [1.0, None], "b": [0, 1]}))
    polars = eq.as_targets(pl.DataFrame({"a": [1, None], "b": [0, 1]}))
    unnamed = eq.as_targets(pd.DataFrame([[1, 0], [0, 1]]))
    assert unnamed.label_names == ("0", "1")
    lazy = eq.as_targets(pl.LazyFrame({"a": [1, None], "b": [0, 1]}))
    nullable = eq.as_targets(pd.DataFrame({"a": [1, None], "b": [0, 1]}, dtype="Int8"))
    for targets in (pandas, polars, lazy, nullable):
        assert targets.known.tolist() == [[True, True], [False, True]]
        assert targets.label_names == ("a", "b")


def test_label_sets_of_any_kind():
    y = [("b",), [], ["a", "b", "a"]]
    targets = eq.as_targets(y)
    assert targets.to_array().tolist() == [[0, 1], [0, 0], [1, 1]]
    assert eq.as_targets([[3], [17, 3], []]).label_names == ("3", "17")
    assert eq.as_targets([{1}, {0}]).to_array().tolist() == [[0, 1], [1, 0]]
    assert eq.as_targets([[2], [5]]).label_names == ("2", "5")
    assert eq.as_targets([[1], [0]]).task == "binary"
    weird = eq.as_targets([{"<b>, \n", "日本"}, set()])
    assert weird.label_names == ("<b>, \n", "日本")
    column = np.empty(2, dtype=object)
    column[:] = [{"a"}, set()]
    assert eq.as_targets(column).values.nnz == 1


def test_nothing_known_is_still_a_matrix():
    assert not eq.as_targets([[np.nan], [np.nan]]).known.any()


def test_tensors_are_read():
    torch = pytest.importorskip("torch")
    assert eq.as_targets(torch.tensor([[1, 0], [0, 1]])).values.tolist() == [[1, 0], [0, 1]]


def test_targets_pass_through_and_can_be_renamed():
    targets = eq.as_targets([[1, 0]])
    assert eq.as_targets(targets).label_names == ("label_0", "label_1")
    assert eq.as_targets(targets, label_names=["x", "y"]).label_names == ("x", "y")
    one_hot = eq.as_targets([[1, 0], [0, 1]], task="multiclass")
    assert one_hot.task == "multiclass"


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (5, {}, "one entry per row"),
        ([[0, 2]], {"label_names": ["a", "b"]}, "2 labels of `y` are not in `label_names`"),
        (np.array([[0, 2]]), {}, r"must hold 0 and 1.*2.* in row 0, label 'label_1'"),
        (np.array([[0.0, 0.3]]), {}, "Soft targets are for losses only"),
        ([[0.0, 0.3]], {}, "Soft targets are for losses only"),
        (np.array([["0", "1"]]), {}, "must hold 0 and 1"),
        (np.zeros((3, 0)), {}, "no labels"),
        ([[], []], {}, "every row is empty"),
        ([["a"], "b"], {}, "must be a collection of labels.*'b' in row 1"),
        ([["a"], 7], {}, "must be a collection of labels.*7 in row 1"),
        ([[None], ["b"]], {}, "cannot hold None"),
        ([["1"], [1]], {}, "different type have the same name"),
        ([0.5, 0.1], {}, "must hold classes.*0.5"),
        (["a", 1, None], {}, "cannot be sorted"),
        ([None, None], {}, "holds no class"),
        ([[1, 0]], {"label_names": ["a"]}, "has 1 names but there are 2 labels"),
        ([[1, 0]], {"label_names": ["a", "a"]}, "same name more than once.*'a'"),
        ([[1, 0]], {"label_names": ["a", "caf\udce9"]}, r"halves of characters.*udce9.*Decode"),
        ([[1, 0]], {"label_names": "ab"}, "must be a list of names"),
        (["a", "b", "c"], {"label_names": ["a", "b", "x"]}, "not in `label_names`.*'c'"),
        ([{"drama"}], {"label_names": ["Drama"]}, "Did you mean 'Drama'"),
        ([[1, 1]], {"task": "multiclass"}, "exactly one label in every row.*2 labels in row 0"),
        ([[1, 1]], {"task": "binary"}, "must have one label"),
        ([0, 1], {"task": "multilabel"}, "must have two axes"),
        ([0, 1], {"task": "multi"}, "`task` must be one of"),
        (pd.DataFrame({"text": ["x", "y"]}), {}, r"Column 'text'.*must hold 0 and 1.*y\['text'\]"),
        (sparse.csr_array(np.array([[0, 3]])), {}, "must hold 0 and 1.*3.*row 0"),
        (sparse.coo_array(([1, 1], ([0, 0], [1, 1]))), {}, "entries stored twice"),
    ],
)
def test_wrong_input_says_what_is_wrong(y, options, message):
    with pytest.raises(InvalidInput, match=re.compile(message, re.DOTALL)):
        eq.as_targets(y, **options)

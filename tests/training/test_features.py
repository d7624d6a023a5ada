import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.training.features import FeatureScaler, as_features, numeric_columns

matrices = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=8),
    elements=st.floats(allow_infinity=False, width=32),
)


def test_columns_of_zero_and_one_stay_and_others_are_standardised():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(200) < 0.1, rng.normal(5, 3, 200)]).astype(np.float32)
    scaled = FeatureScaler.fitted(X, clip=100.0)(X)
    np.testing.assert_array_equal(scaled[:, 0], X[:, 0])
    assert scaled[:, 1].mean() == pytest.approx(0, abs=1e-5)
    assert scaled[:, 1].std() == pytest.approx(1, rel=1e-5)


@given(matrices)
def test_scaled_features_are_finite_and_clipped(X):
    scaled = FeatureScaler.fitted(X, clip=3.0)(X)
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= 3.0
    assert (scaled[np.isnan(X)] == 0).all()


def test_missing_values_become_the_mean():
    X = np.array([[1.0], [np.nan], [3.0]], dtype=np.float32)
    assert FeatureScaler.fitted(X, clip=3.0)(X).ravel().tolist() == [-1.0, 0.0, 1.0]


def test_sparse_stays_sparse_and_keeps_its_zeros():
    dense = np.array([[0, 1, 4], [0, 0, 0], [1, 1, 0], [0, 0, 3]], dtype=np.float32)
    X = sparse.csr_array(dense)
    scaled = FeatureScaler.fitted(X, clip=3.0)(X)
    assert sparse.issparse(scaled)
    np.testing.assert_array_equal(scaled.toarray()[:, :2], dense[:, :2])
    root_mean_square = np.sqrt((16 + 9) / 4)
    assert scaled.toarray()[:, 2] == pytest.approx(dense[:, 2] / root_mean_square)


def test_what_was_measured_in_training_is_applied_to_new_rows():
    scaler = FeatureScaler.fitted(np.array([[0.0], [10.0]], dtype=np.float32), clip=3.0)
    assert scaler(np.array([[5.0], [100.0]], dtype=np.float32)).ravel().tolist() == [0.0, 3.0]
    with pytest.raises(InvalidInput, match="has 2 features but training had 1"):
        scaler(np.zeros((1, 2), dtype=np.float32))


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros(3), "two axes"),
        (np.zeros((0, 3)), "at least one of each"),
        (np.array([[np.inf]]), "holds infinity"),
        (np.array([["text"]]), "must hold numbers"),
        (sparse.csr_array(np.array([[np.inf, 0]])), "holds infinity"),
    ],
)
def test_wrong_features(X, message):
    with pytest.raises(InvalidInput, match=message):
        as_features(X)


def test_sparse_rows_are_scaled_as_the_dense_training_rows_were():
    rng = np.random.default_rng(0)
    X = rng.normal(2.0, 1.0, (40, 3)).astype("float32")
    X[rng.random(X.shape) < 0.5] = 0.0
    scaler = FeatureScaler.fitted(X, clip=3.0)
    np.testing.assert_array_equal(scaler(sparse.csr_array(X)), scaler(X))
    zero_one = (X > 0).astype("float32")
    kept = FeatureScaler.fitted(zero_one, clip=3.0)(sparse.csr_array(zero_one))
    assert sparse.issparse(kept)  # nothing is shifted, so it may stay sparse
    np.testing.assert_array_equal(kept.toarray(), zero_one)


def test_a_sparse_matrix_may_hold_a_cell_in_parts():
    parts = (np.array([1.0, 1.0, 5.0, 1.0]), np.array([0, 0, 1, 0]), np.array([0, 2, 4]))
    X = sparse.csr_array(parts, shape=(2, 2), dtype=np.float32)
    read = as_features(X)
    np.testing.assert_array_equal(read.data, [2, 1, 5])
    assert X.nnz == 4  # the user's matrix is as it was
    whole = as_features(sparse.csr_array(X.toarray()))
    scaler = FeatureScaler.fitted(read, 3.0)
    np.testing.assert_array_equal(scaler.scale, FeatureScaler.fitted(whole, 3.0).scale)
    np.testing.assert_array_equal(scaler(read).toarray(), scaler(whole).toarray())


def test_numeric_columns_hold_more_than_zero_and_one():
    gaps = [np.nan, 1.0, 0.0]
    X = np.array([[0, 0.5, 2, np.nan], [1, 0, 2, np.nan], [1, 1, 2, np.nan]], dtype=np.float32)
    X = np.column_stack([X, gaps, [np.nan, 3.0, 1.0]]).astype(np.float32)
    assert numeric_columns(X) == [1, 2, 5]
    assert numeric_columns(sparse.csr_array(X)) == []

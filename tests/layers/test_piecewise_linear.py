import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from equipoise._errors import InvalidInput
from equipoise.layers import PiecewiseLinear

pytestmark = pytest.mark.keras

few = settings(max_examples=30, deadline=None)
values = st.floats(-1e3, 1e3, width=32)
columns_of_rows = hnp.arrays(np.float32, st.tuples(st.integers(1, 9), st.just(3)), elements=values)


def encoded(layer, X):
    return ops.convert_to_numpy(layer(np.asarray(X, dtype=np.float32)))


def adapted(X, columns, n_bins):
    layer = PiecewiseLinear(columns, n_bins=n_bins)
    layer.adapt(X)
    return layer


def test_hand_computed_bins():
    layer = adapted(np.float32([[0.0], [2.0], [10.0]]), [0], 2)  # edges 0, 2, 10
    wanted = [[-1, 0, 0], [0, 0, 0], [1, 0.5, 0], [2, 1, 0], [4, 1, 0.25], [10, 1, 1], [99, 1, 1]]
    np.testing.assert_allclose(encoded(layer, [row[:1] for row in wanted]), wanted)


@few
@given(columns_of_rows, columns_of_rows, st.integers(1, 5))
def test_encoded_columns_are_those_of_the_formula(training, X, n_bins):
    layer = adapted(training, [2, 0], n_bins)
    edges = np.quantile(training[:, [2, 0]].astype(np.float64), np.linspace(0, 1, n_bins + 1), 0)
    edges = edges.astype(np.float32)
    wanted = [X]
    for place, column in enumerate([2, 0]):
        for low, high in zip(edges[:-1, place], edges[1:, place], strict=True):
            share = (X[:, column] - low) / (high - low) if high - low > 1e-30 else np.zeros(len(X))
            wanted.append(np.clip(share, 0, 1)[:, None])
    np.testing.assert_allclose(encoded(layer, X), np.concatenate(wanted, axis=1), atol=1e-4)


@few
@given(columns_of_rows)
def test_a_larger_value_is_never_encoded_smaller(X):
    layer = adapted(X, [1], 4)
    order = np.argsort(X[:, 1])
    assert (np.diff(encoded(layer, X)[order][:, 3:], axis=0) >= 0).all()


def test_each_bin_holds_as_many_training_values():
    X = np.random.default_rng(0).lognormal(size=(1000, 1)).astype(np.float32)
    shares = encoded(adapted(X, [0], 4), X)[:, 1:]
    assert ((shares > 0) & (shares < 1)).sum(axis=0) == pytest.approx(250, abs=2)


def test_missing_values_and_columns_of_them_have_no_part_in_the_edges():
    X = np.float32([[0.0, np.nan], [np.nan, np.nan], [4.0, np.nan]])
    layer = adapted(X, [0, 1], 2)
    assert ops.convert_to_numpy(layer.edges).tolist() == [[0, 2, 4], [0, 0, 0]]
    assert encoded(layer, [[3.0, 7.0]]).tolist() == [[3.0, 7.0, 1.0, 0.5, 0.0, 0.0]]


def test_many_rows_are_sampled_evenly():
    X = np.arange(250_000, dtype=np.float32)[:, None]
    edges = ops.convert_to_numpy(adapted(X, [0], 2).edges)[0]
    assert edges == pytest.approx([0, 125_000, 250_000], abs=20)


def test_the_gradient_is_the_slope_of_each_bin_and_never_nan():
    """Of a column that is constant too: its bins are empty."""
    layer = adapted(np.float32([[0.0, 5.0], [2.0, 5.0], [10.0, 5.0]]), [0, 1], 2)
    model = keras.Sequential([keras.layers.Input((2,)), layer, keras.layers.Dense(1)])
    x = np.float32([[0.5, 5.0], [4.0, 5.0], [7.0, 0.0]])
    kernel = np.float32([[0], [0], [8], [8], [1], [1]])
    model.layers[-1].set_weights([kernel, np.zeros(1, np.float32)])
    shifted = x + np.float32([1e-2, 0])
    slopes = (encoded(model, shifted) - encoded(model, x)).ravel() / 1e-2
    assert slopes == pytest.approx([4.0, 1.0, 1.0], rel=1e-2)
    model.compile("sgd", "mse")
    model.fit(x, np.ones((3, 1), np.float32), verbose=0)
    assert all(np.isfinite(w).all() for w in model.get_weights())


@pytest.mark.parametrize("jit_compile", [True, False])
def test_fit_save_and_load(tmp_path, jit_compile):
    X = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    y = (np.abs(X[:, :1]) > 0.7).astype(np.float32)  # no straight line tells
    model = keras.Sequential(
        [keras.layers.Input((3,)), adapted(X, [0, 2], 8), keras.layers.Dense(1)]
    )
    model.compile(
        keras.optimizers.Adam(0.1),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=jit_compile and keras.backend.backend() != "torch",
    )
    model.fit(X, y, epochs=40, verbose=0)
    said = model.predict(X, verbose=0)
    assert ((said > 0) == y).mean() > 0.95
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        keras.models.load_model(tmp_path / "model.keras").predict(X, verbose=0), said
    )


def test_any_leading_axes_and_half_precision():
    layer = PiecewiseLinear([1], n_bins=2, dtype="float16")
    layer.adapt([[0.0, 0.0], [0.0, 4.0]])
    out = layer(ops.zeros((5, 7, 2)))
    assert tuple(out.shape) == (5, 7, 4) == layer.compute_output_shape((5, 7, 2))
    assert keras.backend.standardize_dtype(out.dtype) == "float16"


def test_whole_numbers_have_shares_too():
    layer = adapted(np.array([[0], [4]]), [0], 1)
    out = layer(ops.convert_to_tensor(np.array([[1]], dtype="int32")))
    assert ops.convert_to_numpy(out).tolist() == [[1.0, 0.25]]


def test_infinity_is_refused():
    with pytest.raises(InvalidInput, match="infinity"):
        PiecewiseLinear([0]).adapt([[np.inf], [0.0]])


@pytest.mark.parametrize("columns", [[], [1, 1], [-1], [0.5]])
def test_wrong_columns_are_refused(columns):
    with pytest.raises(InvalidInput, match="columns"):
        PiecewiseLinear(columns)


@pytest.mark.parametrize("X", [np.zeros((0, 3)), np.zeros((4, 1)), np.zeros(4)])
def test_rows_that_do_not_fit_are_refused(X):
    with pytest.raises(InvalidInput, match="at least 2 features"):
        PiecewiseLinear([1]).adapt(X)

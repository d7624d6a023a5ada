import inspect
import pickle
import warnings

import narwhals as nw
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone

import equipoise as eq
from equipoise._errors import EquipoiseWarning, InvalidInput, Undefined
from equipoise.decision import Correction
from equipoise.resampling import (
    LPROS,
    LPRUS,
    MLROS,
    MLRUS,
    MLSMOTE,
    MLSOL,
    MLTL,
    MLUL,
    REMEDIAL,
    MLeNN,
    SamplingRates,
)

CLASSES = [LPROS, LPRUS, MLROS, MLRUS, MLSMOTE, MLSOL, MLTL, MLUL, REMEDIAL, MLeNN]
CHOOSING = [LPROS, LPRUS, MLROS, MLRUS, MLTL, MLUL, MLeNN]
ON_LABELS = [LPROS, LPRUS, MLROS, MLRUS]
CHANGING = [MLSMOTE, MLSOL, REMEDIAL]


def made(sampler):
    parameters = inspect.signature(sampler).parameters
    return sampler(random_state=3) if "random_state" in parameters else sampler()


def problem(n=80):
    random = np.random.default_rng(0)
    X = random.normal(size=(n, 3))
    y = (random.random((n, 4)) < [0.8, 0.4, 0.3, 0.08]).astype(int)
    y[:5] = [1, 0, 0, 1]
    return X, y


@pytest.mark.parametrize("sampler", CLASSES)
def test_the_contract_of_imbalanced_learn(sampler):
    X, y = problem()
    ours = made(sampler)
    # What an imbalanced-learn pipeline asks of a step that resamples.
    assert hasattr(ours, "fit_resample")
    assert not hasattr(ours, "transform")
    assert not hasattr(ours, "fit_transform")
    assert list(inspect.signature(ours.fit_resample).parameters)[:2] == ["X", "y"]
    result = ours.fit_resample(X, y)
    assert isinstance(result, tuple)
    assert len(result) == 2
    assert len(ours.sample_indices_) == len(result[0]) == len(result[1])
    copy = clone(ours)
    assert copy.get_params() == ours.get_params()
    assert not hasattr(copy, "sample_indices_")
    assert copy.set_params(**ours.get_params()) is copy
    again = pickle.loads(pickle.dumps(copy)).fit_resample(X, y)
    assert_array_equal(again[0], result[0])
    assert_array_equal(again[1], result[1])
    assert copy.fit(X, y) is copy
    assert_array_equal(copy.sample_indices_, ours.sample_indices_)


@pytest.mark.parametrize("sampler", CLASSES)
def test_neither_input_nor_seed_is_changed(sampler):
    X, y = problem()
    before = X.copy(), y.copy()
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    made(sampler).fit_resample(X, y)
    assert_array_equal(X, before[0])
    assert_array_equal(y, before[1])
    assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002
    stored = sparse.csr_array(X), sparse.csr_array(y)
    made(sampler).fit_resample(*stored)
    assert_array_equal(stored[0].toarray(), before[0])
    assert_array_equal(stored[1].toarray(), before[1])


@pytest.mark.parametrize("sampler", CHOOSING)
def test_what_chooses_rows_says_which(sampler):
    X, y = problem()
    ours = made(sampler)
    X_new, y_new = ours.fit_resample(X, y)
    assert_array_equal(X_new, X[ours.sample_indices_])
    assert_array_equal(y_new, y[ours.sample_indices_])
    assert not ours.synthetic_.any()


# ----------------------------------------------------------------------- the same kind comes out


def kinds_of(X, y):
    names = ["a", "b", "c"]
    labels = ["w", "x", "y", "z"]
    index = [f"row{i}" for i in range(len(X))]
    return {
        "float32": (X.astype(np.float32), y.astype(np.uint8)),
        "bool": (X, y.astype(bool)),
        "csr_array": (sparse.csr_array(X), sparse.csr_array(y)),
        "csc_matrix": (sparse.csc_matrix(X), sparse.csc_matrix(y)),
        "lil_array": (sparse.lil_array(X), sparse.lil_array(y.astype(float))),
        "pandas": (pd.DataFrame(X, index, names), pd.DataFrame(y, index, labels)),
        "polars": (pl.DataFrame(X, schema=names), pl.DataFrame(y, schema=labels)),
        "lists": (X.tolist(), y.tolist()),
        "sets": (X, [{labels[j] for j in np.flatnonzero(row)} for row in y]),
        "targets": (X, eq.as_targets(y)),
    }


def plain(array):
    if sparse.issparse(array):
        return array.toarray()
    return array.to_array() if isinstance(array, eq.Targets) else np.asarray(array, dtype=float)


@pytest.mark.parametrize("kind", list(kinds_of(*problem())))
@pytest.mark.parametrize("sampler", CLASSES)
def test_every_kind_comes_out_as_it_went_in(sampler, kind):
    X, y = problem()
    expected = made(sampler).fit_resample(X, y)
    given = kinds_of(X, y)[kind]
    X_new, y_new = made(sampler).fit_resample(*given)
    for new, old in zip((X_new, y_new), given, strict=True):
        if not isinstance(old, list):
            assert type(new) is type(old)
        for attribute in ("dtype", "format", "columns", "dtypes", "schema", "label_names"):
            if hasattr(old, attribute):
                assert np.all(getattr(new, attribute) == getattr(old, attribute))
    if kind == "sets":
        positions = {name: j for j, name in enumerate("wxyz")}
        y_new = [[float(name in row) for name in positions] for row in y_new]
        assert isinstance(X_new, np.ndarray)
    tolerance = 1e-5 if kind == "float32" else 1e-12
    if not (sampler is MLSOL and sparse.issparse(given[0])):  # it draws for stored cells only
        assert_allclose(plain(X_new), expected[0], atol=tolerance)
        assert_array_equal(plain(y_new), expected[1])
    assert len(plain(X_new)) == len(expected[0])


def test_pandas_rows_keep_their_index_so_that_X_and_y_stay_together():
    X, y = kinds_of(*problem())["pandas"]
    for sampler in CLASSES:
        ours = made(sampler)
        X_new, y_new = ours.fit_resample(X, y)
        assert list(X_new.index) == list(y_new.index)
        assert list(X_new.index) == [f"row{i}" for i in ours.sample_indices_]


@pytest.mark.parametrize("library", ["pandas", "polars"])
@pytest.mark.parametrize("sampler", [MLSMOTE, MLSOL])
def test_mixed_tables_get_new_rows_of_the_same_types(sampler, library):
    X, y = problem()
    random = np.random.default_rng(1)
    columns = {
        "size": X[:, 0],
        "count": random.integers(0, 9, 80),
        "colour": random.choice(["red", "green", "blue"], 80),
        "kind": random.choice(["a", "b"], 80),
        "open": random.random(80) < 0.5,
        "weight": np.where(random.random(80) < 0.2, np.nan, X[:, 1]).astype(np.float32),
    }
    if library == "pandas":
        frame = pd.DataFrame(columns).astype({"kind": "category"})
        frame.loc[3:9, "colour"] = None
    else:
        frame = pl.DataFrame(columns).with_columns(
            pl.col("kind").cast(pl.Enum(["a", "b"])), pl.col("weight").fill_nan(None)
        )
        frame = frame.with_columns(
            pl.when(pl.int_range(80).is_between(3, 9))
            .then(None)
            .otherwise("colour")
            .alias("colour")
        ).drop("literal", strict=False)
    sampler = made(sampler)
    X_new, y_new = sampler.fit_resample(frame, y)
    assert type(X_new) is type(frame)
    assert len(X_new) == len(y_new) > 80
    old, new = nw.from_native(frame), nw.from_native(X_new)
    assert new.columns == old.columns
    for name in ("size", "colour", "kind", "open", "weight"):
        assert new[name].dtype == old[name].dtype
    assert new["count"].dtype == nw.Float64  # what lies between two counts is none
    tail = new[np.arange(80, len(new))]
    assert set(tail["kind"].to_list()) <= {"a", "b"}
    assert tail["size"].null_count() == 0
    missing = np.array(old["weight"].is_null().to_list())[sampler.sample_indices_[80:]]
    weight = tail["weight"].to_numpy()
    assert_array_equal(np.isnan(np.asarray(weight, float)), missing)
    counts = tail["count"].to_numpy()
    assert counts.min() >= 0
    assert counts.max() <= 8


def test_whole_numbers_become_fractions_only_where_rows_are_made():
    X, y = problem()
    whole = np.rint(10 * X).astype(np.int16)
    assert MLSMOTE(random_state=0).fit_resample(whole, y)[0].dtype == np.float64
    nominal = MLSMOTE(nominal_features="all", random_state=0)
    assert nominal.fit_resample(whole, y)[0].dtype == np.int16
    assert MLROS(random_state=0).fit_resample(whole, y)[0].dtype == np.int16


def test_object_arrays_of_numbers_and_text_are_read_by_column():
    X, y = problem()
    mixed = np.empty((80, 3), object)
    mixed[:, 0], mixed[:, 1], mixed[:, 2] = X[:, 0], ["x", "y"] * 40, X[:, 1]
    mixed[7, 0] = None
    X_new, _ = MLSMOTE(nominal_features=[1], random_state=0).fit_resample(mixed, y)
    assert X_new.dtype == object
    assert set(X_new[80:, 1]) <= {"x", "y"}


def test_unknown_labels_are_marked_as_they_were():
    X, y = problem()
    with_nan = y.astype(float)
    with_nan[::9, 1] = np.nan
    with_minus = y.copy()
    with_minus[::9, 1] = -1
    expected = MLSMOTE(labels="union", random_state=0).fit_resample(X, with_nan)[1]
    assert np.isnan(expected[80:]).any()
    minus = MLSMOTE(labels="union", random_state=0).fit_resample(X, with_minus)[1]
    assert_array_equal(minus, np.where(np.isnan(expected), -1, expected))
    for form in (
        pl.DataFrame(with_nan, schema=list("wxyz")).fill_nan(None),
        sparse.csr_array(with_nan),
    ):
        result = MLSMOTE(labels="union", random_state=0).fit_resample(X, form)[1]
        assert_array_equal(eq.as_targets(result).to_array(), expected)


@pytest.mark.parametrize("sampler", ON_LABELS)
def test_what_looks_at_labels_only_takes_rows_of_any_shape(sampler):
    y = problem()[1]
    images = np.zeros((80, 4, 4, 3), np.uint8)
    texts = [f"text {i}" for i in range(80)]
    ours = made(sampler)
    assert ours.fit_resample(images, y)[0].shape[1:] == (4, 4, 3)
    assert ours.fit_resample(texts, y)[0] == [texts[i] for i in ours.sample_indices_]


@pytest.mark.filterwarnings("ignore:Resampling removed every positive")
@pytest.mark.parametrize("sampler", CHOOSING)
def test_classes_are_resampled_too(sampler):
    X, y = problem()
    classes = np.array(["common", "rare"])[y[:, 3]]
    ours = made(sampler)
    _, y_new = ours.fit_resample(X, pd.Series(classes, name="kind"))
    assert isinstance(y_new, pd.Series)
    assert_array_equal(y_new, classes[ours.sample_indices_])


# -------------------------------------------------------------------------------------- weights


@pytest.mark.parametrize("sampler", CLASSES)
@pytest.mark.parametrize("shape", [(80,), (80, 1), (80, 4)])
def test_weights_go_with_their_rows(sampler, shape):
    X, y = problem()
    weight = np.arange(np.prod(shape), dtype=float).reshape(shape)
    ours = made(sampler)
    X_new, y_new, weight_new = ours.fit_resample(X, y, sample_weight=weight)
    assert_array_equal(weight_new, weight[ours.sample_indices_])
    assert len(X_new) == len(y_new) == len(weight_new)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(79), r"must have shape \(80,\), \(80, 1\) or \(80, 4\)"),
        (np.ones((80, 3)), "must have shape"),
        (np.ones((80, 4, 1)), "must have shape"),
        (np.full(80, np.nan), "finite and not negative"),
        (np.full(80, -1.0), "finite and not negative"),
        (["a"] * 80, "must hold numbers"),
    ],
)
def test_weights_that_fit_no_cell_are_refused(weight, message):
    X, y = problem()
    with pytest.raises(InvalidInput, match=message):
        MLROS().fit_resample(X, y, weight)


# -------------------------------------------------------------------------------- sampling rates


@pytest.mark.parametrize("sampler", CLASSES)
def test_sampling_rates_count_positives_and_negatives(sampler):
    X, y = problem()
    ours = made(sampler)
    _, y_new = ours.fit_resample(X, y)
    rates = ours.sampling_rates_
    assert_allclose(rates.positives, y_new.sum(axis=0) / y.sum(axis=0))
    assert_allclose(rates.negatives, (1 - y_new).sum(axis=0) / (1 - y).sum(axis=0))
    assert_allclose(rates.log_odds_shift, np.log(rates.positives / rates.negatives))
    assert rates.label_names == ("label_0", "label_1", "label_2", "label_3")


def test_a_correction_undoes_the_rates():
    X, y = problem(4000)
    ours = MLROS(random_state=0)
    y_new = ours.fit_resample(X, y)[1]
    # The best constant score on the resampled rows; corrected it is the true frequency.
    z = np.log(y_new.sum(axis=0) / (1 - y_new).sum(axis=0))
    assert_allclose(Correction(ours.sampling_rates_).transform(z[None])[0], y.mean(axis=0))
    by_rates = Correction.from_sampling_rates(
        ours.sampling_rates_.positives, ours.sampling_rates_.negatives
    )
    assert_allclose(by_rates.transform(z[None])[0], y.mean(axis=0))


def test_a_label_that_was_lost_is_told_and_has_no_correction():
    y = np.array([[1, 0]] * 9 + [[1, 1]] * 9 + [[0, 0]] * 9 + [[0, 1]] * 3)
    X = np.arange(30.0)[:, None]
    with pytest.warns(EquipoiseWarning, match="every positive of 'label_"):
        ours = MLUL(n_removed=29, random_state=0).fit(X, y)
    with pytest.raises(Undefined, match="without positives or without negatives"):
        _ = ours.sampling_rates_.log_odds_shift
    rates = SamplingRates(np.array([1.0]), np.array([0.5]), ("a",))
    assert_allclose(rates.log_odds_shift, np.log(2))


# -------------------------------------------------------------------------------- hostile inputs


@pytest.mark.parametrize("sampler", CLASSES)
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (np.zeros((6, 1)), np.zeros((3, 2, 2)), "must have two axes"),
        (np.zeros((5, 1)), np.eye(4), "different numbers of rows"),
        (np.zeros((4, 1)), np.full((4, 2), 0.5), "must hold 0 and 1"),
        (np.zeros((0, 1)), np.zeros((0, 2)), "no rows to resample"),
        ({"image": np.zeros((4, 1))}, np.eye(4), "must have rows"),
    ],
)
def test_rows_that_cannot_be_resampled_are_refused(sampler, X, y, message):
    with pytest.raises(InvalidInput, match=message):
        made(sampler).fit_resample(X, y)


@pytest.mark.parametrize("sampler", CLASSES)
def test_tiny_and_degenerate_data_never_fails(sampler):
    cases = [
        (np.zeros((1, 1)), np.ones((1, 1), int)),
        (np.zeros((2, 1)), np.array([[1, 0], [0, 1]])),
        (np.zeros((9, 2)), np.zeros((9, 3), int)),
        (np.zeros((9, 2)), np.ones((9, 3), int)),
        (np.zeros((9, 2)), np.eye(9, dtype=int)),
        (np.full((9, 2), np.nan), np.eye(9, dtype=int)[:, :2]),
        (np.zeros((9, 2)), np.full((9, 2), np.nan)),
    ]
    for X, y in cases:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", EquipoiseWarning)
            ours = made(sampler)
            X_new, y_new = ours.fit_resample(X, y)
        assert len(X_new) == len(y_new) == len(ours.sample_indices_)
        assert len(X_new) or sampler in (MLTL, MLeNN)  # each row contradicts the others
        assert np.isfinite(ours.sampling_rates_.positives).all()
        assert np.isfinite(ours.sampling_rates_.negatives).all()


def test_the_same_seed_gives_the_same_rows_and_a_generator_goes_on():
    X, y = problem()
    random = np.random.default_rng(5)
    first = MLROS(random_state=random).fit(X, y).sample_indices_
    second = MLROS(random_state=random).fit(X, y).sample_indices_
    assert not np.array_equal(first, second)
    assert_array_equal(first, MLROS(random_state=5).fit(X, y).sample_indices_)
    assert len(MLROS(random_state=np.random.RandomState(1)).fit(X, y).sample_indices_) > 80


def test_the_public_names():
    assert eq.resampling.MLSMOTE is MLSMOTE
    assert {c.__name__ for c in CLASSES} | {"SamplingRates"} == set(eq.resampling.__all__)

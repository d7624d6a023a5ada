"""compare with an encoder: in every fold a copy of it, fitted on the training rows alone."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.validation import check_is_fitted

from equipoise._errors import InvalidInput
from equipoise.comparison import METRICS, compare
from equipoise.readers.tables import table_encoder
from equipoise.training import TrainingOptions

pytestmark = pytest.mark.keras

QUICK = TrainingOptions(max_epochs=2, hidden_units=8)
WORDS = np.array(["love", "war", "robot", "ghost"])


@pytest.fixture(scope="module")
def films():
    """A table of text, categories, numbers and dates, and labels that they tell."""
    rng = np.random.default_rng(0)
    genre, days = rng.integers(0, 4, 120), rng.integers(0, 9, 120).tolist()
    x = pl.DataFrame(
        {
            "plot": [f"a {WORDS[g]} story, number {i}" for i, g in enumerate(genre)],
            "country": rng.choice(["FR", "US", None], 120).tolist(),
            "length": rng.normal(100, 20, 120).round(1),
            "day": [dt.date(1990, 1, 1 + day) for day in days],
        }
    )
    return x, np.column_stack([genre == 1, genre > 1]).astype(int)


@pytest.fixture(scope="module")
def splits():
    rows = np.random.default_rng(1).permutation(120)
    return [(rows[40:], rows[:40]), (rows[:80], rows[80:])]


def values(result, fold):
    return {metric: result.values(metric)["none"][fold] for metric in METRICS}


@pytest.mark.parametrize("frame", [pl.DataFrame, pd.DataFrame])
def test_each_fold_is_encoded_as_its_training_rows_say(films, splits, frame):
    x, y = films
    x = frame({name: x[name].to_list() for name in x.columns})
    encoder = table_encoder(cardinality_threshold=4)
    result = compare(x, y, ["none"], encoder=encoder, cv=splits, options=QUICK)
    assert not hasattr(encoder, "transformers_")  # a copy was fitted
    for fold, (train, _) in enumerate(splits):
        known = x.iloc[train] if frame is pd.DataFrame else x[train]
        by_hand = table_encoder(cardinality_threshold=4).fit(known).transform(x).to_numpy()
        again = compare(by_hand, y, ["none"], cv=splits, options=QUICK)
        assert values(result, fold) == values(again, fold)
    of_all = table_encoder(cardinality_threshold=4).fit_transform(x).to_numpy()
    leaking = compare(of_all, y, ["none"], cv=splits, options=QUICK)
    assert values(result, 0) != values(leaking, 0)


def test_what_an_encoder_makes_may_be_sparse(films, splits):
    x, y = films
    encoder = make_column_transformer(
        (CountVectorizer(), "plot"), (OneHotEncoder(handle_unknown="ignore"), ["country"])
    )
    result = compare(x, y, ["none"], encoder=encoder, cv=splits, options=QUICK)
    by_hand = clone(encoder).fit(x[splits[0][0]]).transform(x)
    assert sparse.issparse(by_hand)
    again = compare(by_hand, y, ["none"], cv=splits, options=QUICK)
    assert values(result, 0) == values(again, 0)
    assert result.stats.n_features == 4


def test_a_matrix_may_be_encoded_too(splits):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (120, 2))
    y = (x == 1).astype(int)
    encoder = OneHotEncoder(handle_unknown="ignore")
    result = compare(x, y, ["none"], encoder=encoder, cv=splits, options=QUICK)
    assert len(result.cells) == 2
    with pytest.raises(ValueError, match="not fitted"):
        check_is_fitted(encoder)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "text"}, "`encoder` must be a scikit-learn transformer"),
        ({"encoder": OneHotEncoder}, "`encoder` must be a scikit-learn transformer, not fitted"),
        ({"encoder": OneHotEncoder(), "X": ["a", "b"]}, "must be a data frame or a matrix.*list"),
        ({"encoder": OneHotEncoder(), "X": np.zeros((119, 1))}, "same number of rows.*119 and 120"),
        ({"X": np.zeros((121, 1))}, "same number of rows.*121 and 120"),
    ],
)
def test_wrong_use_is_refused_before_any_training(films, options, message):
    x, y = films
    with pytest.raises(InvalidInput, match=message):
        compare(**{"X": x, "y": y, "treatments": ["none"], "cv": 2} | options)


def test_an_encoder_that_does_not_fit_the_table_ends_the_comparison(films):
    x, y = films
    with pytest.raises(ValueError, match="could not convert string to float"):
        compare(x, y, ["none"], encoder=StandardScaler(), cv=2, options=QUICK)

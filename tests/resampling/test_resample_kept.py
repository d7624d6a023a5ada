"""`min_kept`: what a deletion must leave of each label."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.resampling import MLRUS, MLTL, MLUL, MLeNN
from equipoise.resampling._kept import rows_left
from equipoise.targets import as_targets

DELETING = [MLRUS, MLTL, MLUL, MLeNN]


@st.composite
def deletions(draw):
    n, n_labels = draw(st.integers(1, 20)), draw(st.integers(1, 5))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y = (random.random((n, n_labels)) < random.random(n_labels)).astype(float)
    if draw(st.booleans()):
        y[random.random(y.shape) < 0.2] = np.nan
    deleted = random.permutation(n)[: draw(st.integers(0, n))]
    return y, deleted


@given(deletions(), st.integers(0, 4))
@settings(max_examples=150, deadline=None)
def test_each_label_keeps_what_it_must(problem, least):
    y, deleted = problem
    targets = as_targets(sparse.csr_array(y)) if not np.isnan(y).any() else as_targets(y)
    left = rows_left(targets, deleted, least)
    stays = np.ones(len(y), bool)
    stays[deleted] = False
    assert_array_equal(left, np.unique(left))
    assert stays[left].sum() == stays.sum()  # nothing more is deleted
    for value in (0, 1):
        before, after = (y == value).sum(axis=0), (y[left] == value).sum(axis=0)
        assert (after >= np.minimum(before, least)).all()
    if least == 0:
        assert_array_equal(left, np.flatnonzero(stays))
    # A row comes back only where it is needed: every label whose rows came back needed them.
    back = np.setdiff1d(left, np.flatnonzero(stays))
    short = [
        ((y == value).sum(axis=0) > 0)
        & ((y[stays] == value).sum(axis=0) < np.minimum((y == value).sum(axis=0), least))
        for value in (0, 1)
    ]
    for row in back:
        assert ((y[row] == 0) & short[0]).any() or ((y[row] == 1) & short[1]).any()


def test_the_rows_deleted_last_come_back_first():
    y = as_targets(np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]]))
    assert_array_equal(rows_left(y, np.array([2, 0, 1]), 1), [1, 3, 4])
    assert_array_equal(rows_left(y, np.array([1, 0, 2]), 2), [0, 2, 3, 4])
    # Label 1 has no positive left, and one of its rows serves both labels.
    assert_array_equal(rows_left(y, np.array([0, 1, 3, 2]), 1), [2, 4])


@pytest.mark.parametrize("sampler", DELETING)
@pytest.mark.filterwarnings("error::equipoise._errors.EquipoiseWarning")
def test_no_label_is_lost_and_the_rates_can_be_corrected(sampler):
    random = np.random.default_rng(1)
    X = random.normal(size=(120, 2))
    y = (random.random((120, 6)) < [0.5, 0.3, 0.05, 0.03, 0.02, 0.98]).astype(int)
    options = {"random_state": 0} if sampler in (MLRUS, MLUL) else {"threshold": 0.1}
    if sampler is MLUL:
        options["percentage"] = 95
    ours = sampler(min_kept=2, **options)
    after = ours.fit_resample(X, y)[1]
    assert len(after) < 120
    assert (after.sum(axis=0) >= np.minimum(y.sum(axis=0), 2)).all()
    assert ((1 - after).sum(axis=0) >= np.minimum((1 - y).sum(axis=0), 2)).all()
    assert np.isfinite(ours.sampling_rates_.log_odds_shift).all()


@pytest.mark.parametrize("sampler", DELETING)
@pytest.mark.parametrize("least", [-1, 1.5, "2", True])
def test_it_is_a_whole_number(sampler, least):
    y = np.array([[1, 0]] * 6 + [[0, 1]] * 2)
    with pytest.raises(InvalidInput, match="`min_kept` must be a whole number of at least 0"):
        sampler(min_kept=least).fit_resample(np.arange(8.0)[:, None], y)

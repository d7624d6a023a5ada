"""What all exact metrics share: reading labels, scores and weights; the Score; imports."""

import copy
import json
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest

import equipoise
from equipoise import exact
from equipoise._errors import InvalidInput
from equipoise.exact import Score

Y = np.array([[1, 0], [0, 1], [1, 1]])
S = np.array([[0.9, 0.2], [0.3, 0.8], [0.6, 0.7]])


def test_score_is_a_float_that_shows_what_it_left_out():
    score = Score(0.5, undefined=("a", "b"))
    assert isinstance(score, float)
    assert score + 1 == 1.5
    assert repr(score) == "0.5 (undefined for 'a', 'b')"
    assert repr(Score(0.5)) == f"{score}" == str(score) == "0.5"
    assert repr(Score(0.5, n_undefined=1)) == "0.5 (undefined for 1 row)"
    assert repr(Score(0.5, n_undefined=2)) == "0.5 (undefined for 2 rows)"
    assert json.dumps({"score": score}) == '{"score": 0.5}'
    for same in (copy.deepcopy(score), pickle.loads(pickle.dumps(score))):
        assert (same, same.undefined, same.n_undefined) == (0.5, ("a", "b"), 2)


def test_frames_are_read():
    wanted = exact.roc_auc(Y, S, average=None)
    forms = [
        pd.DataFrame(S),
        pl.DataFrame(S),
        pl.DataFrame(S).lazy(),
    ]
    for form in forms:
        np.testing.assert_array_equal(exact.roc_auc(Y, form, average=None), wanted)
    y = [0, 1, 1]
    for form in (pd.Series(S[:, 1]), pl.Series(S[:, 1]), S[:, 1:]):
        assert exact.roc_auc(y, form) == exact.roc_auc(y, S[:, 1])


def test_tensors_are_read():
    torch = pytest.importorskip("torch")
    scores = torch.tensor(S, requires_grad=True)
    np.testing.assert_array_equal(exact.roc_auc(Y, scores), exact.roc_auc(Y, S))


def test_columns_in_another_order_are_refused():
    y, s = pd.DataFrame(Y, columns=["a", "b"]), pd.DataFrame(S, columns=["b", "a"])
    with pytest.raises(InvalidInput, match="columns of `y_score` are not in the order"):
        exact.roc_auc(y, s)
    assert exact.roc_auc(y, s[["a", "b"]]) == exact.roc_auc(Y, S[:, ::-1])


def test_scores_that_are_none_are_refused():
    with pytest.raises(InvalidInput, match=r"`y_score` holds NaN.*row 1, label 'label_0'"):
        exact.roc_auc(Y, [[0.1, 0.2], [np.nan, 0.1], [0.5, 0.5]])
    with pytest.raises(InvalidInput, match="`y_score` holds NaN"):  # even where y is unknown
        exact.roc_auc([[1, np.nan], [0, 1]], [[0.1, np.nan], [0.2, 0.3]])
    with pytest.raises(InvalidInput, match="`y_score` must hold numbers"):
        exact.roc_auc(Y, S.astype(str))
    with pytest.raises(InvalidInput, match="`y_score` must hold numbers"):
        exact.roc_auc(Y, S.astype(complex))
    with pytest.raises(InvalidInput, match="`y_score` cannot be read as an array"):
        exact.roc_auc(Y, [[0.1, 0.2], [0.3], [0.1, 0.2]])
    if np.dtype(np.longdouble).itemsize > 8:
        with pytest.raises(InvalidInput, match="must be float32 or float64"):
            exact.roc_auc(Y, S.astype(np.longdouble))


def test_shapes_that_do_not_fit_are_refused():
    for wrong in (S[:2], S.T, S[:, :1], S[:, 0], S[None]):
        with pytest.raises(InvalidInput, match=r"`y_score` must have one column per label.*shape"):
            exact.roc_auc(Y, wrong)
    with pytest.raises(InvalidInput, match="`y_true` has no rows"):
        exact.roc_auc(np.empty((0, 2)), np.empty((0, 2)))
    with pytest.raises(InvalidInput, match="must hold 0 and 1"):
        exact.roc_auc(S, S)
    with pytest.raises(InvalidInput, match="must hold 0 and 1"):
        exact.roc_auc(np.full((3, 2), 2, dtype=np.uint8), S)


def test_weights_that_are_none_are_refused():
    for wrong in (np.ones(2), np.ones((3, 3)), np.ones((1, 3)), np.ones((3, 2, 1)), 1.0):
        with pytest.raises(InvalidInput, match=r"`sample_weight` must have shape \(3,\)"):
            exact.roc_auc(Y, S, sample_weight=wrong)
    for wrong in ([1, -1, 1], [1, np.nan, 1], [1, np.inf, 1]):
        with pytest.raises(InvalidInput, match="finite numbers that are not negative"):
            exact.roc_auc(Y, S, sample_weight=wrong)
    with pytest.raises(InvalidInput, match="`sample_weight` must hold numbers"):
        exact.roc_auc(Y, S, sample_weight=["a", "b", "c"])


def test_weights_of_rows_in_any_shape_are_the_same():
    y, s, w = np.tile(Y, (4, 1)), np.tile(S, (4, 1)), np.arange(12.0)
    wanted = exact.average_precision(y, s, sample_weight=w)
    shapes = w[:, None], np.repeat(w[:, None], 2, axis=1)
    for weights in shapes:
        assert exact.average_precision(y, s, sample_weight=weights) == wanted
    folded = y.reshape(3, 4, 2), s.reshape(3, 4, 2)
    for weights in (w.reshape(3, 4), w.reshape(3, 4, 1), w):
        assert exact.average_precision(*folded, sample_weight=weights) == wanted


def test_inputs_are_left_as_they_are():
    y, s, w = Y.astype(np.uint8), S.astype(np.float32), np.ones((3, 2))
    for array in (y, s, w):
        array.flags.writeable = False
    for metric in (exact.roc_auc, exact.log_loss, exact.expected_calibration_error):
        metric(y, s, sample_weight=w)
    exact.f_beta(y, y, sample_weight=w)


def test_read_only_large_inputs_reach_the_compiled_loops():
    rng = np.random.default_rng(0)
    y = (rng.random((210_000, 1)) < 0.1).astype(np.uint8)
    s = rng.random(y.shape, dtype=np.float32)
    wanted = exact.roc_auc(y, s)
    y.flags.writeable = s.flags.writeable = False
    assert exact.roc_auc(y, s) == wanted


def test_metrics_name_exact_without_keras():
    code = (
        "import sys, equipoise as eq; assert eq.metrics.exact.roc_auc([1, 0], [.9, .1]) == 1; "
        "assert not {'keras', 'numba', 'sklearn'} & set(sys.modules), 'heavy import'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert equipoise.metrics.exact is exact
    assert "exact" in dir(equipoise.metrics)
    with pytest.raises(AttributeError, match="no attribute 'exakt'"):
        _ = equipoise.metrics.exakt


def test_public_names():
    assert sorted(exact.__all__) == exact.__all__
    for name in exact.__all__:
        assert getattr(exact, name).__doc__

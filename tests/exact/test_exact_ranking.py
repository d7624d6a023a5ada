"""Ranking metrics: parity with scikit-learn, definitions, conventions, identities."""

import numpy as np
import pytest
from exact_cases import KINDS, TOLERANCE, cases, quietly
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn import metrics as sk

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise._kernels import ranking as kernels

FINITE = [k for k in KINDS if k != "infinite"]  # scikit-learn refuses infinities


def has_both(y, w):
    """Per label: whether there are positives and negatives of some weight."""
    w = np.ones(len(y)) if w is None else w
    return (w @ y > 0) & (w @ (1 - y) > 0)


# --------------------------------------------------------------------------- per label, and means


@pytest.mark.parametrize("kind", FINITE)
def test_roc_auc_is_that_of_scikit_learn(kind):
    for y, s, w in cases(kind, 60):
        both = has_both(y, w)
        found = exact.roc_auc(y, s, average=None, sample_weight=w, undefined="skip")
        np.testing.assert_array_equal(np.isnan(found), ~both)
        for label in np.flatnonzero(both):
            wanted = sk.roc_auc_score(y[:, label], s[:, label], sample_weight=w)
            np.testing.assert_allclose(found[label], wanted, **TOLERANCE)
        if both.all() and y.shape[1] > 1:
            for average in ("macro", "micro", "weighted"):
                wanted = sk.roc_auc_score(y, s, average=average, sample_weight=w)
                found = exact.roc_auc(y, s, average=average, sample_weight=w)
                np.testing.assert_allclose(found, wanted, **TOLERANCE)


@pytest.mark.parametrize("kind", FINITE)
def test_average_precision_is_that_of_scikit_learn(kind):
    for y, s, w in cases(kind, 40, min_labels=2):
        wanted = quietly(sk.average_precision_score, y, s, average=None, sample_weight=w)
        found = exact.average_precision(y, s, average=None, sample_weight=w, undefined="zero")
        np.testing.assert_allclose(found, wanted, **TOLERANCE)
        weight = np.ones(len(y)) if w is None else w
        if not (weight @ y).any():
            continue
        for average in ("macro", "micro", "weighted"):
            wanted = quietly(sk.average_precision_score, y, s, average=average, sample_weight=w)
            found = exact.average_precision(
                y, s, average=average, sample_weight=w, undefined="zero"
            )
            np.testing.assert_allclose(found, wanted, **TOLERANCE)


@pytest.mark.parametrize("kind", FINITE)
def test_means_over_rows_are_those_of_scikit_learn(kind):
    for y, s, w in cases(kind, 25, min_labels=2):
        found = exact.average_precision(y, s, average="samples", sample_weight=w, undefined="zero")
        wanted = quietly(sk.average_precision_score, y, s, average="samples", sample_weight=w)
        np.testing.assert_allclose(found, wanted, **TOLERANCE)
        keep = (y.sum(axis=1) > 0) & (y.sum(axis=1) < y.shape[1])
        keep &= True if w is None else w > 0
        if keep.any():
            rows_w = None if w is None else w[keep]
            found = exact.roc_auc(y, s, average="samples", sample_weight=w)
            wanted = sk.roc_auc_score(y[keep], s[keep], average="samples", sample_weight=rows_w)
            np.testing.assert_allclose(found, wanted, **TOLERANCE)


@pytest.mark.parametrize("kind", FINITE)
def test_row_metrics_are_those_of_scikit_learn(kind):
    for y, s, w in cases(kind, 120, min_labels=2):
        pairs = [
            (exact.ranking_loss, sk.label_ranking_loss, "zero"),
            (exact.coverage_error, sk.coverage_error, "zero"),
            (
                exact.label_ranking_average_precision,
                sk.label_ranking_average_precision_score,
                "one",
            ),
        ]
        for ours, theirs, undefined in pairs:
            found = ours(y, s, sample_weight=w, undefined=undefined)
            np.testing.assert_allclose(found, theirs(y, s, sample_weight=w), **TOLERANCE)


def test_infinities_count_by_rank():
    finite = {-np.inf: -2.0, -1.0: -1.0, 0.0: 0.0, 1.0: 1.0, np.inf: 2.0}
    for y, s, w in cases("infinite", 200):
        ranks = np.vectorize(finite.get)(s.astype(float))
        for metric in (exact.roc_auc, exact.average_precision):
            np.testing.assert_allclose(
                metric(y, s, average=None, sample_weight=w),
                metric(y, ranks, average=None, sample_weight=w),
                **TOLERANCE,
            )
        for metric in (
            exact.ranking_loss,
            exact.coverage_error,
            exact.label_ranking_average_precision,
        ):
            if y.any() and (w is None or (w @ y).any()) and not y.all(axis=1).any():
                assert metric(y, s, sample_weight=w) == metric(y, ranks, sample_weight=w)


# ------------------------------------------------------------------------ by hand, and identities


def test_interpolated_average_precision_by_hand():
    y, s = [0, 1, 0, 1, 1], [0.9, 0.8, 0.7, 0.6, 0.5]
    # precision at the positives: 1/2, 2/4, 3/5; nothing may be below a later one: 3/5 each
    assert exact.average_precision(y, s) == pytest.approx((1 / 2 + 1 / 2 + 3 / 5) / 3)
    assert exact.average_precision(y, s, interpolated=True) == pytest.approx(3 / 5)
    rows = exact.average_precision([y], [s], average="samples", interpolated=True)
    assert rows == pytest.approx(3 / 5)
    micro = exact.average_precision(y, s, average="micro", interpolated=True)
    assert micro == pytest.approx(3 / 5)


def test_interpolation_never_lowers_and_changes_nothing_where_precision_falls():
    for y, s, w in cases("continuous", 100):
        plain = exact.average_precision(y, s, average=None, sample_weight=w)
        raised = exact.average_precision(y, s, average=None, sample_weight=w, interpolated=True)
        assert (np.nan_to_num(raised) >= np.nan_to_num(plain) - 1e-15).all()
    perfect = [1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]
    assert exact.average_precision(*perfect, interpolated=True) == 1


labels = st.lists(st.tuples(st.booleans(), st.integers(-3, 3)), min_size=2, max_size=20)


@settings(max_examples=60, deadline=None)
@given(labels)
def test_auc_is_the_share_of_ordered_pairs_and_mirrors_when_scores_do(pairs):
    y = np.array([p[0] for p in pairs], dtype=int)
    s = np.array([p[1] for p in pairs], dtype=float)
    if y.min() == y.max():
        with pytest.raises(Undefined, match="undefined for every label"):
            exact.roc_auc(y, s)
        return
    a, b = s[y == 1][:, None], s[y == 0][None, :]
    by_pairs = ((a > b) + (a == b) / 2).mean()
    assert exact.roc_auc(y, s) == pytest.approx(by_pairs, abs=1e-14)
    assert exact.roc_auc(y, -s) == pytest.approx(1 - by_pairs, abs=1e-14)
    assert exact.roc_auc(1 - y, -s) == pytest.approx(by_pairs, abs=1e-14)


def test_whole_weights_are_repeated_rows():
    rng = np.random.default_rng(5)
    for y, s, _ in cases("ties", 60, min_labels=2):
        times = rng.integers(0, 4, size=len(y))
        if not times.any():
            continue
        repeated = np.repeat(y, times, axis=0), np.repeat(s, times, axis=0)
        for metric in (exact.roc_auc, exact.average_precision):
            np.testing.assert_allclose(
                metric(y, s, average=None, sample_weight=times),
                metric(*repeated, average=None),
                **TOLERANCE,
            )


def test_weights_of_cells_differ_from_weights_of_rows_even_where_rows_are_as_many_as_labels():
    y, s = np.array([[1, 0], [0, 1]]), np.array([[0.3, 0.9], [0.7, 0.9]])
    rows = exact.average_precision(y, s, average="micro", sample_weight=[1, 0])
    assert rows == 0.5  # the first row alone: .9 is negative, .3 positive
    cells = exact.average_precision(y, s, average="micro", sample_weight=[[1, 0], [1, 1]])
    assert cells == pytest.approx((1 + 2 / 3) / 2)  # .9 positive, .7 negative, .3 positive


def test_unknown_cells_are_as_if_they_were_not_there():
    for y, s, w in cases("ties", 80, min_labels=2):
        rng = np.random.default_rng(len(y))
        hidden = rng.random(y.shape) < 0.3
        masked = np.where(hidden, np.nan, y)
        weights = np.where(hidden, 0.0, 1.0 if w is None else w[:, None])
        for metric in (exact.roc_auc, exact.average_precision):
            np.testing.assert_allclose(
                metric(masked, s, average=None, sample_weight=w),
                metric(y, s, average=None, sample_weight=weights),
                **TOLERANCE,
            )
        alone = exact.average_precision(masked, s, average=None, sample_weight=w)
        for label in range(y.shape[1]):
            keep = ~hidden[:, label]
            if not keep.any():
                assert np.isnan(alone[label])
                continue
            rest = exact.average_precision(
                y[keep, label],
                s[keep, label],
                average=None,
                sample_weight=None if w is None else w[keep],
            )
            np.testing.assert_allclose(alone[label], rest[0], **TOLERANCE)


def test_unknown_cells_of_a_row_are_not_ranked():
    y = [[1, 0, np.nan, 0], [np.nan] * 4]
    s = [[0.5, 0.4, 0.9, 0.8], [0.1, 0.2, 0.3, 0.4]]
    assert exact.ranking_loss(y, s) == 0.5
    assert exact.coverage_error(y, s) == 2
    assert exact.label_ranking_average_precision(y, s) == 0.5
    # A row of which nothing is known is left out even where undefined rows are counted.
    assert exact.coverage_error(y, s, undefined="zero") == 2
    assert exact.label_ranking_average_precision(y, s, undefined="one") == 0.5


def test_any_form_of_the_same_labels_gives_the_same_value():
    y = np.array([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0]])
    s = np.random.default_rng(0).random((4, 3)).astype(np.float32)
    wanted = exact.roc_auc(y, s, average=None)
    forms = [
        y.astype(bool),
        y.astype(np.uint8),
        y.tolist(),
        sparse.csr_array(y),
        np.asfortranarray(y),
    ]
    for form in forms:
        np.testing.assert_array_equal(exact.roc_auc(form, s, average=None), wanted)
    np.testing.assert_array_equal(
        exact.roc_auc(y.reshape(2, 2, 3), s.reshape(2, 2, 3), average=None), wanted
    )
    np.testing.assert_array_equal(exact.roc_auc(y, s.astype(float), average=None), wanted)
    np.testing.assert_array_equal(exact.roc_auc(y, s.tolist(), average=None), wanted)
    half = (s * 8).round().astype(np.float16)
    np.testing.assert_array_equal(
        exact.roc_auc(y, half, average=None), exact.roc_auc(y, half.astype(int), average=None)
    )


def test_classes_in_one_column_are_scored_in_a_column_each():
    y = ["cat", "dog", "bird", "dog"]
    s = np.array([[0.1, 0.8, 0.1], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    assert exact.roc_auc(y, s) == 1  # bird, cat, dog


# -------------------------------------------------------------------------------- large inputs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_path_agrees_with_scikit_learn(dtype):
    rng = np.random.default_rng(1)
    y = (rng.random((30_000, 7)) < [0.5, 0.1, 0.01, 0.001, 0.2, 0.3, 0.0]).astype(np.uint8)
    s = (rng.normal(size=y.shape) + y).astype(dtype)
    s[:, 1] = s[:, 1].round(1)
    w = rng.random(len(y))
    for weights in (None, w):
        ap = exact.average_precision(y, s, average=None, sample_weight=weights, undefined="zero")
        wanted = quietly(sk.average_precision_score, y, s, average=None, sample_weight=weights)
        np.testing.assert_allclose(ap, wanted, **TOLERANCE)
        auc = exact.roc_auc(y, s, average=None, sample_weight=weights)
        wanted = sk.roc_auc_score(y[:, :6], s[:, :6], average=None, sample_weight=weights)
        np.testing.assert_allclose(auc[:6], wanted, **TOLERANCE)
        micro = exact.roc_auc(y, s, average="micro", sample_weight=weights)
        wanted = sk.roc_auc_score(y, s, average="micro", sample_weight=weights)
        np.testing.assert_allclose(micro, wanted, **TOLERANCE)


def test_pools_and_long_labels_in_pieces_agree_with_scikit_learn(monkeypatch):
    rng = np.random.default_rng(2)
    y = (rng.random((120_000, 2)) < 0.1).astype(np.uint8)
    y[0] = 1
    s = (rng.normal(size=y.shape) + y).astype(np.float32).round(3)
    w = rng.random(y.shape) * (rng.random(y.shape) < 0.9)
    labels = exact.average_precision(y, s, average=None, sample_weight=w)
    monkeypatch.setattr(kernels, "PIECE", 10)
    np.testing.assert_allclose(
        exact.average_precision(y, s, average=None, sample_weight=w), labels, **TOLERANCE
    )
    for metric, theirs in (
        (exact.roc_auc, sk.roc_auc_score),
        (exact.average_precision, sk.average_precision_score),
    ):
        wanted = theirs(y.ravel(), s.ravel(), sample_weight=w.ravel())
        found = metric(y, s, average="micro", sample_weight=w)
        np.testing.assert_allclose(found, wanted, **TOLERANCE)
        row_wanted = theirs(y.ravel(), s.ravel(), sample_weight=np.repeat(w[:, 0], 2))
        found = metric(y, s, average="micro", sample_weight=w[:, 0])
        np.testing.assert_allclose(found, row_wanted, **TOLERANCE)
    raised = exact.average_precision(y, s, average=None, sample_weight=w, interpolated=True)
    assert (raised >= labels).all()


# --------------------------------------------------------------------------------- conventions


def test_scikit_learn_s_conventions_for_one_class_and_ours():
    y, s = np.array([0, 0, 0]), np.array([0.1, 0.2, 0.3])
    assert np.isnan(quietly(sk.roc_auc_score, y, s))
    assert quietly(sk.average_precision_score, y, s) == 0
    for metric in (exact.roc_auc, exact.average_precision):
        with pytest.raises(Undefined, match="undefined for every label"):
            metric(y, s)
        with pytest.raises(Undefined, match="undefined for these cells"):
            metric(y, s, average="micro")
        assert metric(y, s, undefined="zero") == 0
        assert metric(y, s, undefined="zero", average="micro") == 0
        assert np.isnan(metric(y, s, average=None)).all()
        assert (metric(y, s, average=None, undefined="zero") == 0).all()


def test_labels_left_out_are_named_and_rows_counted():
    y, s = [[1, 0, 0], [0, 0, 1]], [[0.9, 0.2, 0.1], [0.1, 0.3, 0.8]]
    score = exact.roc_auc(y, s)
    assert score == 1
    assert score.undefined == ("label_1",)
    assert score.n_undefined == 1
    assert exact.roc_auc(y, s, undefined="zero").undefined == ()
    rows = exact.ranking_loss([[1, 0], [0, 0], [1, 1]], [[0.9, 0.1]] * 3)
    assert (rows, rows.undefined, rows.n_undefined) == (0, (), 2)
    with pytest.raises(Undefined, match="`coverage_error` is undefined for every row"):
        exact.coverage_error([[0, 0]], [[0.1, 0.2]])


def test_weighted_mean_over_labels_whose_positives_all_weigh_nothing_is_refused():
    with pytest.raises(Undefined, match="undefined for every label"):
        exact.average_precision([[0, 0]], [[0.1, 0.2]], average="weighted", undefined="zero")


@pytest.mark.parametrize("metric", [exact.roc_auc, exact.average_precision])
def test_wrong_options_are_refused(metric):
    with pytest.raises(InvalidInput, match="`average` must be one of"):
        metric([1, 0], [0.1, 0.2], average="mean")
    with pytest.raises(InvalidInput, match="`undefined` must be one of"):
        metric([1, 0], [0.1, 0.2], undefined="one")
    with pytest.raises(InvalidInput, match="`undefined` must be one of"):
        exact.label_ranking_average_precision([[1, 0]], [[0.1, 0.2]], undefined="zero")
    with pytest.raises(InvalidInput, match="`interpolated` must be one of"):
        exact.average_precision([1, 0], [0.1, 0.2], interpolated="yes")


def test_whole_weights_of_cells_are_repeated_labels_of_a_row():
    rng = np.random.default_rng(7)
    for y, s, _ in cases("ties", 60, min_labels=2):
        times = rng.integers(0, 3, size=y.shape[1])
        if not times.any():
            continue
        repeated = np.repeat(y, times, axis=1), np.repeat(s, times, axis=1)
        weights = np.broadcast_to(times, y.shape)
        for metric in (exact.ranking_loss, exact.coverage_error):
            np.testing.assert_allclose(
                metric(y, s, sample_weight=weights, undefined="zero"),
                metric(*repeated, undefined="zero"),
                **TOLERANCE,
            )
        for options in ({}, {"interpolated": True}):
            np.testing.assert_allclose(
                exact.average_precision(
                    y, s, average="samples", sample_weight=weights, undefined="zero", **options
                ),
                exact.average_precision(*repeated, average="samples", undefined="zero", **options),
                **TOLERANCE,
            )

"""Metrics at k: parity with scikit-learn, means over all orders of ties, hand-computed values."""

import itertools

import numpy as np
import pytest
from exact_cases import KINDS, TOLERANCE, cases
from sklearn import metrics as sk

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.exact import top_k


def over_all_orders(y, s, k, discounts, worth):
    """Mean of Σ discount·worth·y over every order of the labels that respects the scores."""
    order = sorted(range(len(s)), key=lambda i: -s[i])
    groups = [list(g) for _, g in itertools.groupby(order, key=lambda i: s[i])]
    sums = []
    for parts in itertools.product(*(list(itertools.permutations(g)) for g in groups)):
        ranked = list(itertools.chain(*parts))[:k]
        sums.append(sum(d * worth[i] * y[i] for d, i in zip(discounts, ranked, strict=True)))
    return np.mean(sums)


@pytest.mark.parametrize("kind", [k for k in KINDS if k != "infinite"])
def test_ndcg_is_that_of_scikit_learn(kind):
    for y, s, w in cases(kind, 60, min_labels=2, max_labels=7):
        for k in {1, 2, y.shape[1]}:
            found = exact.ndcg_at_k(y, s, k, sample_weight=w, undefined="zero")
            wanted = sk.ndcg_score(y, s, k=k, sample_weight=w)
            np.testing.assert_allclose(found, wanted, **TOLERANCE)


def test_ties_count_with_the_mean_over_all_orders():
    rng = np.random.default_rng(0)
    for _ in range(60):
        n_labels = int(rng.integers(1, 6))
        k = int(rng.integers(1, n_labels + 1))
        y = rng.integers(0, 2, size=n_labels)
        s = rng.choice([-np.inf, 0.0, 0.5, np.inf], size=n_labels)
        p = rng.random(n_labels) * 0.9 + 0.1
        flat, log = np.full(k, 1 / k), 1 / np.log2(np.arange(2, k + 2))
        ones = np.ones(n_labels)
        wanted = over_all_orders(y, s, k, flat, ones)
        assert exact.precision_at_k([y], [s], k) == pytest.approx(wanted, abs=1e-12)
        wanted = over_all_orders(y, s, k, flat, 1 / p)
        found = exact.propensity_precision_at_k([y], [s], k, propensity=p, normalize=False)
        assert found == pytest.approx(wanted, abs=1e-12)
        wanted = over_all_orders(y, s, k, log / log.sum(), 1 / p)
        found = exact.propensity_ndcg_at_k([y], [s], k, propensity=p, normalize=False)
        assert found == pytest.approx(wanted, abs=1e-12)
        if y.any():
            wanted = over_all_orders(y, s, k, log, ones) / log[: min(k, y.sum())].sum()
            assert exact.ndcg_at_k([y], [s], k) == pytest.approx(wanted, abs=1e-12)


def test_propensity_scores_by_hand():
    y = [[1, 0, 1], [0, 1, 0]]
    s = [[0.9, 0.5, 0.1], [0.9, 0.5, 0.1]]
    p = [0.5, 0.25, 0.1]
    # rows: (2 + 0)/2 and (0 + 4)/2; the best orders reach (10 + 2)/2 and 4/2
    raw = exact.propensity_precision_at_k(y, s, 2, propensity=p, normalize=False)
    assert raw == pytest.approx((1 + 2) / 2)
    assert exact.propensity_precision_at_k(y, s, 2, propensity=p) == pytest.approx(3 / 8)
    second = 1 / np.log2(3)
    found = exact.propensity_ndcg_at_k(y, s, 2, propensity=p)
    assert found == pytest.approx((2 + 4 * second) / (10 + 2 * second + 4))


def test_propensity_one_gives_precision():
    for y, s, w in cases("ties", 40, min_labels=2):
        ones = np.ones(y.shape[1])
        found = exact.propensity_precision_at_k(
            y, s, 2, propensity=ones, normalize=False, sample_weight=w
        )
        assert found == pytest.approx(exact.precision_at_k(y, s, 2, sample_weight=w), abs=1e-12)


def test_the_best_ranking_reaches_one():
    y = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]])
    p = np.array([0.2, 0.5, 0.9])
    assert exact.ndcg_at_k(y, y + 0.1, 2) == pytest.approx(1)
    assert exact.propensity_precision_at_k(y, y / p, 2, propensity=p) == pytest.approx(1)
    assert exact.propensity_ndcg_at_k(y, y / p, 2, propensity=p) == pytest.approx(1)


def test_unknown_labels_take_no_rank():
    y = [[1, np.nan, 0, 1], [np.nan, np.nan, np.nan, 1], [np.nan] * 4]
    s = [[0.5, 0.9, 0.6, -np.inf], [0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]]
    rows = exact.precision_at_k(y, s, 3, average=None)
    np.testing.assert_allclose(rows, [2 / 3, np.nan, np.nan])
    score = exact.precision_at_k(y, s, 3)
    assert score == pytest.approx(2 / 3)
    assert score.n_undefined == 1  # the third row is not there at all
    assert exact.precision_at_k(y, s, 3, undefined="zero") == pytest.approx(1 / 3)
    zero = exact.precision_at_k(y, s, 3, average=None, undefined="zero")
    np.testing.assert_allclose(zero, [2 / 3, 0, np.nan])
    np.testing.assert_allclose(exact.ndcg_at_k(y, s, 1, average=None), [0, 1, np.nan])


def test_rows_without_labels():
    y, s = [[0, 0], [1, 0]], [[0.1, 0.2], [0.9, 0.1]]
    assert exact.precision_at_k(y, s, 1) == 0.5
    score = exact.ndcg_at_k(y, s, 1)
    assert (score, score.n_undefined) == (1, 1)
    assert exact.ndcg_at_k(y, s, 1, undefined="zero") == 0.5
    with pytest.raises(Undefined, match="`ndcg_at_k` is undefined for every row"):
        exact.ndcg_at_k([[0, 0]], [[0.1, 0.2]], 1)
    with pytest.raises(Undefined, match="`propensity_precision_at_k` is undefined"):
        exact.propensity_precision_at_k([[0, 0]], [[0.1, 0.2]], 1, propensity=[1, 1])


def test_blocks_of_rows_are_put_together(monkeypatch):
    rng = np.random.default_rng(3)
    y, s = rng.integers(0, 2, size=(50, 4)), rng.integers(0, 3, size=(50, 4)) / 2
    whole = exact.ndcg_at_k(y, s, 2, average=None)
    monkeypatch.setattr(top_k, "_BLOCK", 12)
    np.testing.assert_array_equal(exact.ndcg_at_k(y, s, 2, average=None), whole)


def test_wrong_arguments_are_refused():
    y, s = [[1, 0], [0, 1]], [[0.1, 0.2], [0.9, 0.1]]
    with pytest.raises(InvalidInput, match="`k` must be at most the number of labels, 2"):
        exact.precision_at_k(y, s, 3)
    with pytest.raises(InvalidInput, match="`k` must be a whole number of at least 1"):
        exact.precision_at_k(y, s, 0)
    with pytest.raises(InvalidInput, match="weigh rows, not cells"):
        exact.ndcg_at_k(y, s, 1, sample_weight=np.ones((2, 2)))
    with pytest.raises(InvalidInput, match="`average` must be one of"):
        exact.ndcg_at_k(y, s, 1, average="macro")
    for wrong in ([0.5], [0.5, 0.0], [0.5, 2.0], [0.5, np.nan]):
        with pytest.raises(InvalidInput, match=r"2 probabilities in \(0, 1\]"):
            exact.propensity_precision_at_k(y, s, 1, propensity=wrong)

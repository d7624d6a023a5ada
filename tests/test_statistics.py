import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from equipoise._errors import InvalidInput
from equipoise.statistics import friedman_nemenyi, holm, paired_difference, rows_needed


def test_without_overlap_it_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    d = rng.normal(0.1, 0.2, 12)
    ours = paired_difference(d, 1e-12)
    peer = stats.ttest_1samp(d, 0)
    interval = peer.confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    assert ours.p_value == pytest.approx(peer.pvalue)


def test_by_hand():
    # mean .02, s = sqrt(.00005), t_4 = 2.776445, half = 2.776445 · s · sqrt(1/5 + 1/4)
    d = paired_difference([0.02, 0.03, 0.01, 0.02, 0.02], 1 / 4)
    half = 2.7764451 * np.sqrt(0.00005) * np.sqrt(0.45)
    assert (d.mean, d.low, d.high) == pytest.approx((0.02, 0.02 - half, 0.02 + half), rel=1e-6)
    assert d.shown


def test_no_spread():
    single = paired_difference([0.3], 0.25)
    assert (single.mean, single.low, single.p_value, single.shown) == (0.3, None, None, False)
    equal = paired_difference([0.0, 0.0], 0.25)
    assert (equal.low, equal.high, equal.p_value, equal.shown) == (0, 0, 1, False)
    constant = paired_difference([0.5, 0.5], 0.25)
    assert (constant.p_value, constant.shown) == (0, True)


def test_the_correction_keeps_the_error_rate_where_the_plain_test_does_not():
    """Folds that share training rows correlate by n_test / (n_test + n_train)."""
    rng = np.random.default_rng(1)
    folds, draws = 5, 1000
    shared = rng.normal(0, np.sqrt(1 / folds), (draws, 1))
    differences = shared + rng.normal(0, np.sqrt(1 - 1 / folds), (draws, folds))
    ratio = 1 / (folds - 1)
    corrected = np.mean([paired_difference(d, ratio).shown for d in differences])
    plain = np.mean([paired_difference(d, 1e-12).shown for d in differences])
    assert 0.03 < corrected < 0.07
    assert plain > 0.1


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_by_definition(p):
    adjusted = holm(p)
    order = np.argsort(p, kind="stable")
    expected, running = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        running = max(running, (len(p) - rank) * p[i])
        expected[i] = min(running, 1.0)
    np.testing.assert_array_equal(adjusted, expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 0.25), "at least one finite number"),
        (([np.nan], 0.25), "at least one finite number"),
        (([0.1], 0), "`test_over_train`"),
        (([0.1], 0.25, 1.5), "`confidence`"),
    ],
)
def test_wrong_input(arguments, message):
    differences, ratio, *confidence = arguments
    options = {"confidence": confidence[0]} if confidence else {}
    with pytest.raises(InvalidInput, match=message):
        paired_difference(differences, ratio, **options)
    with pytest.raises(InvalidInput, match="from 0 to 1"):
        holm([1.5])


def test_ranks_agree_with_scipy_and_with_ties():
    rng = np.random.default_rng(0)
    for scores in (rng.normal(size=(9, 6)), rng.integers(0, 3, (12, 4)).astype(float)):
        ours = friedman_nemenyi(scores)
        peer = stats.friedmanchisquare(*scores.T)
        assert (ours.statistic, ours.p_value) == pytest.approx((peer.statistic, peer.pvalue))
        flipped = friedman_nemenyi(-scores, higher_is_better=False)
        np.testing.assert_array_equal(flipped.average, ours.average)


def test_ranks_by_hand():
    # Ranks 1 2 3 / 1 2 3 / 2 1 3: averages 4/3, 5/3, 3.
    # χ² = 12·3/(3·4) · ((2/3)² + (1/3)² + 1) = 3 · 14/9; q(.05; 3, ∞) = 3.314.
    ranks = friedman_nemenyi([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4], [0.8, 0.9, 0.1]])
    assert ranks.average == pytest.approx([4 / 3, 5 / 3, 3])
    assert ranks.statistic == pytest.approx(14 / 3)
    assert ranks.critical_difference == pytest.approx(3.314 / np.sqrt(2) * np.sqrt(12 / 18), 1e-3)
    assert friedman_nemenyi(np.ones((4, 3))).p_value == 1


@pytest.mark.parametrize(("n_treatments", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_critical_differences_are_those_of_demsar(n_treatments, q):
    """Demšar, JMLR 7, 2006, table 5a."""
    scores = np.random.default_rng(0).normal(size=(14, n_treatments))
    wanted = q * np.sqrt(n_treatments * (n_treatments + 1) / (6 * 14))
    assert friedman_nemenyi(scores).critical_difference == pytest.approx(wanted, rel=5e-4)


@pytest.mark.parametrize("scores", [[[1, 2]], [[1], [2]], [1, 2], [[1, 2], [np.nan, 1]]])
def test_ranks_need_two_sets_and_two_treatments(scores):
    with pytest.raises(InvalidInput, match="at least two data sets"):
        friedman_nemenyi(scores)


def test_the_rows_needed_show_the_difference_as_often_as_said():
    """On as many rows, the spread shrunk accordingly, four draws of five show it."""
    rng = np.random.default_rng(0)
    d = paired_difference(rng.normal(0.01, 0.05, 10), 1e-9)
    rows = rows_needed(d, 1000)
    spread = (d.high - d.low) / 2 / stats.t.ppf(0.975, 9) * np.sqrt(10) * np.sqrt(1000 / rows)
    drawn = rng.normal(d.mean, spread, (2000, 10))
    shown = np.mean([paired_difference(x, 1e-9).p_value < 0.05 for x in drawn])
    assert 0.75 < shown < 0.9


def test_rows_needed_where_there_is_nothing_to_say():
    assert rows_needed(paired_difference([0.1], 0.25), 100) is None
    assert rows_needed(paired_difference([0.1, -0.1], 0.25), 100) is None
    some = paired_difference([0.02, 0.03, 0.01], 0.25)
    assert rows_needed(some, 100, n_comparisons=9) > rows_needed(some, 100)
    assert rows_needed(some, 100, power=0.9) > rows_needed(some, 100)
    with pytest.raises(InvalidInput, match="`n_rows`"):
        rows_needed(some, 0)

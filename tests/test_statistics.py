import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from equipoise._errors import InvalidInput
from equipoise.statistics import holm, paired_difference


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

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_cases import MAKERS, cells, exact_of, fed, for_exact, numbers, or_nan

from equipoise import exact, metrics
from equipoise._errors import InvalidInput

pytestmark = pytest.mark.keras


@pytest.mark.parametrize("name", ["PrecisionAtK", "PropensityPrecisionAtK"])
@settings(max_examples=15, deadline=None)
@given(cells(weights=("none", "rows", "column")))
def test_a_stream_gives_the_exact_metric(name, drawn):
    y, p, w = drawn
    metric = fed(MAKERS[name](), *drawn)
    wanted = or_nan(exact_of, name, y, p, sample_weight=w)
    assert numbers(metric.result()) == pytest.approx(wanted, rel=1e-5, abs=1e-6, nan_ok=True)
    if not np.isnan(wanted):
        assert metric.n_undefined() == exact_of(name, y, p, sample_weight=w).n_undefined


@settings(max_examples=15, deadline=None)
@given(cells(weights=("none", "rows")), st.integers(1, 3))
def test_undefined_rows_count_as_0_on_demand(drawn, k):
    y, p, w = drawn
    metric = fed(metrics.PrecisionAtK(k, undefined="zero"), *drawn)
    options = {"sample_weight": w, "undefined": "zero"}
    wanted = or_nan(exact.precision_at_k, for_exact(y), p, k, **options)
    assert numbers(metric.result()) == pytest.approx(wanted, rel=1e-5, abs=1e-6, nan_ok=True)


def test_without_normalisation_it_is_the_plain_mean():
    y, p = np.array([[1.0, 1.0], [0.0, 1.0]]), np.array([[0.9, 0.1], [0.4, 0.6]])
    metric = fed(metrics.PropensityPrecisionAtK(1, propensity=[0.5, 0.25], normalize=False), y, p)
    assert numbers(metric.result()) == pytest.approx((2 + 4) / 2)


def test_one_row_and_a_tie_of_three():
    metric = fed(metrics.PrecisionAtK(1), np.array([[1.0, 0.0, 0.0]]), np.full((1, 3), 0.5))
    assert numbers(metric.result()) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: metrics.PrecisionAtK(0), "`k` must be a whole number"),
        (lambda: fed(metrics.PrecisionAtK(4), *np.ones((2, 2, 3))), "`k` must be at most"),
        (lambda: metrics.PropensityPrecisionAtK(1, propensity=[0.5, 2.0]), "in \\(0, 1\\]"),
        (lambda: metrics.PropensityPrecisionAtK(1, propensity=0.5), "one per label"),
        (
            lambda: metrics.PropensityPrecisionAtK(1, propensity=[1.0], undefined="zero"),
            "`undefined` must be one of",
        ),
        (
            lambda: fed(metrics.PrecisionAtK(1), *np.ones((3, 2, 3))),
            "weigh rows, not cells",
        ),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()

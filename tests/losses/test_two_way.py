import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import number, value_and_grad

from equipoise._errors import InvalidInput
from equipoise.losses import TwoWay

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=10, deadline=None)
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-20, 20, width=32))


def two_way(*temperatures, **options):
    return TwoWay(*temperatures, from_logits=True, **options)


def pairs(labels, scores, t_pos, t_neg):
    """log(1 + Σ_ij …) with all pairs of a positive and a negative written out, for T₊ = T₋ = T:
    (Σ_i e^(−zi/T))^T · (Σ_j e^(zj/T))^T."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    if not len(positives) or not len(negatives):
        return 0.0
    product = np.exp(-positives / t_pos).sum() ** t_pos * np.exp(negatives / t_neg).sum() ** t_neg
    return np.log1p(product)


@few
@given(hard, logits, st.sampled_from([(4.0, 1.0), (1.0, 1.0), (2.0, 3.0)]))
def test_it_is_the_brute_force_form_over_rows_and_over_labels(y, z, temperatures):
    scores = z.astype(np.float64)
    rows = [pairs(*row, *temperatures) for row in zip(y, scores, strict=True)]
    columns = [pairs(*column, *temperatures) for column in zip(y.T, scores.T, strict=True)]
    value = number(two_way(*temperatures)(y, z))
    assert value == pytest.approx(np.mean(rows) + np.mean(columns), rel=1e-5, abs=1e-6)
    total = number(two_way(*temperatures, reduction="sum")(y, z))
    assert total == pytest.approx(sum(rows) + sum(columns), rel=1e-5, abs=1e-6)
    labelled_rows, labelled = (y == 1).any(1), (y == 1).any(0)
    authors = number(two_way(*temperatures, reduction="mean_with_sample_weight")(y, z))
    wanted = sum(rows) / max(labelled_rows.sum(), 1) + sum(columns) / max(labelled.sum(), 1)
    assert authors == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_hand_computed_number():
    # One row: positive 0, negatives log 2 and log 3; T₊ = T₋ = 1: log(1 + 5). Each label has one
    # side only.
    y, z = [[1.0, 0.0, 0.0]], np.log([[1.0, 2.0, 3.0]]).astype("float32")
    assert number(two_way(1.0, 1.0)(y, z)) == pytest.approx(np.log(6), rel=1e-6)


@few
@given(hard, logits, st.floats(-30, 30, width=32))
def test_only_differences_of_logits_matter(y, z, shift):
    known = np.nan_to_num(y)
    moved = number(two_way(1.0, 1.0)(known, z + np.float32(shift)))
    assert moved == pytest.approx(number(two_way(1.0, 1.0)(known, z)), rel=1e-4, abs=1e-4)


def test_rows_and_labels_of_one_side_cost_nothing():
    z = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    for y in (np.zeros(SHAPE), np.ones(SHAPE)):
        for reduction in ("sum_over_batch_size", "mean_with_sample_weight", "sum"):
            value, gradient = value_and_grad(two_way(reduction=reduction), y, z)
            assert value == 0.0
            assert (gradient == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"t_pos": 0.0}, "`t_pos` must be a number in \\[0.001"),
        ({"t_neg": -1.0}, "`t_neg` must be a number"),
        ({"reduction": "none"}, "`reduction` must be one of"),
        ({"reduction": None}, "`reduction` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        TwoWay(**options)

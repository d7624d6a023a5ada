import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import number, value_and_grad

from equipoise.losses import ZLPR

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=10, deadline=None)
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-20, 20, width=32))


def zlpr(**options):
    return ZLPR(from_logits=True, **options)


@few
@given(hard, logits)
def test_it_is_the_sum_over_pairs_with_a_zero_beside_them(y, z):
    """log(1 + Σ e^zj + Σ e^−zi + Σ_ij e^(zj − zi)), all pairs written out (Su et al., eq. 5)."""
    wanted = 0.0
    for labels, scores in zip(y, z.astype(np.float64), strict=True):
        positives, negatives = scores[labels == 1], scores[labels == 0]
        pairs = [np.exp(j - i) for j in negatives for i in positives]
        wanted += np.log1p(np.exp(negatives).sum() + np.exp(-positives).sum() + sum(pairs))
    assert number(zlpr(reduction="sum")(y, z)) == pytest.approx(wanted, rel=1e-5)


def test_hand_computed_number():
    # Positives 0 and log 2, a negative log 3: log(1 + 3) + log(1 + 1 + ½).
    y, z = [[1.0, 1.0, 0.0]], np.log([[1.0, 2.0, 3.0]]).astype("float32")
    assert number(zlpr()(y, z)) == pytest.approx(np.log(4) + np.log(2.5), rel=1e-6)


@few
@given(hard, logits, st.permutations([1, 2, 3]))
def test_a_weight_counts_a_label_that_many_times(y, z, times):
    columns = np.repeat(np.arange(3), times)
    weighted = zlpr(label_weight=times)
    assert number(weighted(y, z)) == pytest.approx(
        number(zlpr()(y[:, columns], z[:, columns])), rel=1e-5, abs=1e-6
    )


@few
@given(hard, logits)
def test_sides_are_mirrored(y, z):
    assert number(zlpr()(y, z)) == pytest.approx(number(zlpr()(1 - y, -z)), rel=1e-6, abs=1e-9)


def test_one_label_is_binary_crossentropy_in_two_halves():
    z = np.linspace(-5, 5, 8, dtype="float32")[:, None]
    y = np.tile([[0.0], [1.0]], (4, 1))
    value = number(zlpr()(y, z))
    assert value == pytest.approx(np.logaddexp(0, np.where(y == 1, -z, z)).mean(), rel=1e-6)


def test_rows_without_labels_push_all_logits_below_zero():
    value, gradient = value_and_grad(zlpr(), np.zeros(SHAPE), np.zeros(SHAPE, dtype="float32"))
    assert value == pytest.approx(np.log(4), rel=1e-6)
    assert (gradient > 0).all()

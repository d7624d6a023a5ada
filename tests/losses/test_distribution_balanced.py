import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import cells_of, number, value_and_grad
from scipy.special import expit, logit

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidInput, Undefined
from equipoise.losses import DistributionBalanced, Focal
from loss_formulas import rebalancing, tolerant_sides

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=8, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-12, 12, width=32))
PREVALENCE = np.array([0.5, 0.1, 0.02])


def balanced(**options):
    return DistributionBalanced(
        prevalence=PREVALENCE, from_logits=True, reduction="none", **options
    )


def test_hand_computed_number():
    # π = (.5, .1), y = (1, 0): r = (1, 5), ŵ = .1 + σ(10(r − .2)) = (.1 + σ(8), .1 + σ(48)).
    # Without focus and κ a positive at 0 costs log 2, a negative log 2 / λ.
    loss = DistributionBalanced(
        prevalence=[0.5, 0.1], gamma=0.0, kappa=0.0, from_logits=True, reduction="none"
    )
    cells = cells_of(loss, [[1.0, 0.0]], np.zeros((1, 2), dtype="float32"))
    wanted = [(0.1 + expit(8)) * np.log(2), (0.1 + expit(48)) * np.log(2) / 2]
    np.testing.assert_allclose(cells[0], wanted, rtol=1e-6)


@few
@given(labels, logits)
def test_weights_multiply_the_loss_without_them(y, z):
    with_weights, without = cells_of(balanced(), y, z), cells_of(balanced(rebalance=False), y, z)
    wanted = without * rebalancing(y, PREVALENCE)
    np.testing.assert_allclose(with_weights, wanted, rtol=1e-5, atol=1e-12)


@few
@given(labels, logits, st.floats(0.05, 3.0))
def test_without_weights_prior_and_scale_it_is_focal(y, z, gamma):
    plain = balanced(rebalance=False, kappa=0.0, lambda_=1.0, gamma=gamma)
    focal = Focal(gamma, from_logits=True, reduction="none")
    np.testing.assert_allclose(cells_of(plain, y, z), cells_of(focal, y, z), rtol=1e-5)


@few
@given(labels, logits)
def test_ntr_focal_and_cb_ntr(y, z):
    """Huang et al. 2021: no weights, and class-balanced ones on the whole term of a label."""
    stats = LabelStats.from_targets((np.arange(100)[:, None] < [50, 10, 2]).astype(float))
    weights = LabelWeights.from_stats(stats, "effective_number", beta=0.9, applies_to="label")
    loss = DistributionBalanced(
        stats, rebalance=False, weights=weights, from_logits=True, reduction="none"
    )
    class_balanced = (1 - 0.9) / (1 - 0.9 ** np.array([50, 10, 2]))
    positive, negative = tolerant_sides(z.astype(float), 0.05 * logit(PREVALENCE), 2.0, 2.0)
    known = np.nan_to_num(y)
    wanted = class_balanced * (known * positive + (1 - known) * negative) * (y >= 0)
    np.testing.assert_allclose(cells_of(loss, y, z), wanted, rtol=1e-5, atol=1e-9)


def test_kappa_of_the_paper_and_of_the_authors_code():
    paper, code = balanced(lambda_=5.0), balanced(lambda_=5.0, kappa_over_lambda=True)
    np.testing.assert_allclose(paper.label_parameters["offset"], 0.05 * logit(PREVALENCE))
    np.testing.assert_allclose(code.label_parameters["offset"], 0.01 * logit(PREVALENCE))
    same = balanced(lambda_=5.0, kappa=0.01)
    z = np.ones(SHAPE, dtype="float32")
    y = np.eye(*SHAPE)
    np.testing.assert_allclose(cells_of(code, y, z), cells_of(same, y, z), rtol=1e-6)


def test_only_without_weights_is_there_a_link():
    with pytest.raises(Undefined, match="no inverse link.*all labels of a row.*rebalance=False"):
        _ = balanced().link
    assert balanced(rebalance=False).to_probability([[0.0, 0.0, 0.0]]).shape == (1, 3)


def test_a_model_is_not_changed_by_its_loss():
    """The logits are not written to, whatever is computed from them."""
    z = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
    tensor = keras.ops.convert_to_tensor(z)
    balanced()(np.eye(*SHAPE), tensor)
    assert (keras.ops.convert_to_numpy(tensor) == z).all()


def test_labels_without_positives_and_rows_without_labels():
    y = np.zeros((6, 3), dtype="float32")
    y[:2, 0] = 1  # labels 1 and 2 never occur, rows 2 to 5 have no label
    loss = DistributionBalanced(LabelStats.from_targets(y), from_logits=True)
    value, gradient = value_and_grad(loss, y, np.zeros_like(y))
    assert np.isfinite(value)
    assert (gradient != 0).all()
    cells = cells_of(
        DistributionBalanced(
            LabelStats.from_targets(y), from_logits=True, reduction="none", kappa=0.0, gamma=0.0
        ),
        y,
        np.zeros_like(y),
    )
    np.testing.assert_allclose(cells[2:], 1.1 * np.log(2) / 2, rtol=1e-6)  # ŵ = α + 1
    restored = DistributionBalanced.from_config(loss.get_config())
    assert number(restored(y, np.zeros_like(y))) == value


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "label frequencies once.*neither"),
        ({"prevalence": [0.1], "lambda_": 0.0}, "`lambda_` must be a number in \\(0"),
        ({"prevalence": [0.1], "gamma": -1.0}, "`gamma` must be a number in \\[0"),
        ({"prevalence": [0.1], "alpha": -1.0}, "`alpha` must be a number in \\[0"),
        ({"prevalence": [0.1], "rebalance": 1}, "`rebalance` must be one of"),
        ({"prevalence": [0.1], "kappa_over_lambda": "no"}, "`kappa_over_lambda` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        DistributionBalanced(**options)

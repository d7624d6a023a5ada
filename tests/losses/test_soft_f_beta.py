import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import batch, model_of, number, value_and_grad
from sklearn.metrics import fbeta_score

from equipoise._errors import InvalidInput
from equipoise.losses import SoftFBeta

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=10, deadline=None)
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0]))


def soft_f(*arguments, **options):
    return SoftFBeta(*arguments, from_logits=True, **options)


@few
@given(hard, hard, st.sampled_from([0.5, 1.0, 2.0]))
def test_of_sure_decisions_it_is_the_f_measure(y, decided, beta):
    z = np.where(decided == 1, 200.0, -200.0).astype("float32")
    present = (y == 1).any(0)
    scores = fbeta_score(y, decided, beta=beta, average=None, zero_division=0)
    macro = number(soft_f(beta)(y, z))
    assert macro == pytest.approx(((1 - scores) * present).mean(), abs=1e-6)
    authors = number(soft_f(beta, reduction="mean_with_sample_weight")(y, z))
    assert authors == pytest.approx((1 - scores[present]).mean() if present.any() else 0, abs=1e-6)
    micro = number(soft_f(beta, "micro")(y, z))
    pooled = fbeta_score(y.ravel(), decided.ravel(), beta=beta, zero_division=0)
    assert micro == pytest.approx(1 - pooled if present.any() else 0, abs=1e-6)


def test_hand_computed_number():
    # Probabilities .8 and .5 of one label, y = (1, 0): tp = .8, fp = .5, fn = .2.
    y, z = [[1.0], [0.0]], np.log([[4.0], [1.0]]).astype("float32")
    assert number(soft_f()(y, z)) == pytest.approx(1 - 1.6 / 2.3, rel=1e-6)
    assert number(soft_f(2.0)(y, z)) == pytest.approx(1 - 4 / (4 + 0.8 + 0.5), rel=1e-6)


def test_slope_and_offset_apply_to_the_logit_once():
    y = [[1.0], [0.0]]
    z = np.array([[1.0], [-2.0]], dtype="float32")
    moved = number(soft_f(slope=3.0, offset=0.5)(y, z))
    assert moved == pytest.approx(number(soft_f()(y, 3 * (z + np.float32(0.5)))), rel=1e-6)


def test_a_label_without_positives_teaches_nothing():
    y = np.array([[1.0, 0.0], [0.0, 0.0]])
    value, gradient = value_and_grad(soft_f(reduction="sum"), y, np.zeros((2, 2), dtype="float32"))
    assert value == pytest.approx(0.5)
    assert (gradient[:, 1] == 0).all()
    assert (gradient[:, 0] != 0).all()


def test_it_learns():
    x, y = batch(n_rows=64)
    model = model_of(3)
    model.compile(keras.optimizers.Adam(0.1), loss=soft_f())
    history = model.fit(x, y, epochs=15, batch_size=64, verbose=0).history["loss"]
    assert history[-1] < history[0] - 0.05


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beta": 0.0}, "`beta` must be a number in \\(0"),
        ({"slope": 0.0}, "`slope` must be a number in \\(0"),
        ({"offset": np.nan}, "`offset` must be a number"),
        ({"average": "weighted"}, "`average` must be one of"),
        ({"reduction": "none"}, "`reduction` must be one of"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        SoftFBeta(**options)

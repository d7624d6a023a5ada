import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import (
    batch,
    cells_of,
    model_of,
    number,
    reference_cells,
    reference_gradients,
    value_and_grad,
)
from scipy.special import expit, logit

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidInput, Undefined
from equipoise.losses import (
    CellwiseLoss,
    LogitAdjustedBinaryCrossentropy,
    WeightedBinaryCrossentropy,
)

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
few = settings(max_examples=15, deadline=None)
labels = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, 0.25, np.nan, -1.0]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-20, 20, width=32))
shares = hnp.arrays(np.float64, SHAPE[1:], elements=st.floats(1e-4, 1 - 1e-4))
PREVALENCE = [0.1, 0.02, 0.6]


def adjusted(**options):
    return LogitAdjustedBinaryCrossentropy(from_logits=True, **options)


@few
@given(labels, logits, shares, st.floats(0, 3))
def test_it_is_crossentropy_of_shifted_logits(y, z, prevalence, tau):
    loss = adjusted(prevalence=prevalence, tau=tau, reduction="none", positive_weight=[1, 2, 3])
    shifted = z + np.float32(tau * logit(prevalence))
    np.testing.assert_allclose(
        cells_of(loss, y, z), reference_cells(y, shifted, [1, 2, 3]), rtol=2e-5, atol=1e-12
    )
    gradient = value_and_grad(loss, y, z)[1]
    wanted = reference_gradients(y, shifted, [1, 2, 3])
    np.testing.assert_allclose(gradient, wanted, rtol=2e-5, atol=5e-7)


@few
@given(labels, logits, shares)
def test_the_fused_form_is_the_form_of_the_base_class(y, z, prevalence):
    class Plain(LogitAdjustedBinaryCrossentropy):
        cell_losses = CellwiseLoss.cell_losses

    options = {"prevalence": prevalence, "from_logits": True, "reduction": "none"}
    fused = value_and_grad(LogitAdjustedBinaryCrossentropy(**options), y, z)
    plain = value_and_grad(Plain(**options), y, z)
    assert fused[0] == pytest.approx(plain[0], rel=1e-5)
    np.testing.assert_allclose(fused[1], plain[1], rtol=1e-5, atol=1e-6)


@few
@given(labels, logits, shares)
def test_without_strength_it_is_plain_crossentropy(y, z, prevalence):
    ours = value_and_grad(adjusted(prevalence=prevalence, tau=0.0), y, z)
    plain = value_and_grad(WeightedBinaryCrossentropy(from_logits=True), y, z)
    assert ours[0] == pytest.approx(plain[0], rel=1e-6)
    np.testing.assert_allclose(ours[1], plain[1], rtol=1e-6)


def test_hand_computed_number():
    # With logits 0 the model says π: a positive costs −log π, a negative −log(1 − π).
    loss = adjusted(prevalence=[0.1, 0.25])
    y, z = np.array([[1.0, 0.0]]), np.zeros((1, 2), dtype="float32")
    assert number(loss(y, z)) == pytest.approx((np.log(10) + np.log(4 / 3)) / 2, rel=1e-6)


@few
@given(shares, st.floats(0.5, 2), hnp.arrays(np.float64, 3, elements=st.floats(0.1, 10)))
def test_probabilities_undo_adjustment_and_weights(true_share, tau, weight):
    loss = adjusted(prevalence=PREVALENCE, tau=tau, positive_weight=weight)
    # The best logit that is the same for all rows: shifted, it is the weighted log-odds.
    best = logit(true_share) + np.log(weight) - tau * logit(PREVALENCE)
    np.testing.assert_allclose(loss.to_probability([best])[0], true_share, rtol=1e-9)
    step = 1e-2
    y = np.stack([np.ones(3), np.zeros(3)])
    mass = np.stack([true_share, 1 - true_share])
    costs = [
        (reference_cells(y, best + d + tau * logit(PREVALENCE), weight) * mass).sum(0)
        for d in (-step, 0, step)
    ]
    assert (costs[1] <= costs[0]).all()
    assert (costs[1] <= costs[2]).all()


def test_prevalence_comes_from_statistics():
    y = np.zeros((10, 4))
    y[:3, 0] = 1
    y[:, 2] = 1  # no negative
    y[:4, 3] = np.nan
    y[4, 3] = 1
    loss = adjusted(stats=LabelStats.from_targets(y, label_names=["a", "none", "all", "part"]))
    # Counts of 0 and of all are smoothed to (n + 1/2) / (N + 1); the others are shares.
    np.testing.assert_allclose(loss.prevalence, [0.3, 0.5 / 11, 10.5 / 11, 1 / 6])
    assert loss.label_names == ("a", "none", "all", "part")
    value, gradient = value_and_grad(loss, y, np.zeros(y.shape, dtype="float32"))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()


def test_a_label_of_which_nothing_is_known_is_not_adjusted():
    stats = LabelStats.from_targets([[1, np.nan], [0, np.nan]])
    assert adjusted(stats=stats).prevalence.tolist() == [0.5, 0.5]


def test_extreme_logits_are_finite():
    z = np.array([[-1e4, 0.0, 1e4], [1e4, 0.0, -1e4]], dtype="float32")
    loss = adjusted(prevalence=[1e-9, 1e-9, 1 - 1e-9], tau=2.0)
    for y in (0.0, 0.5, 1.0, np.nan):
        value, gradient = value_and_grad(loss, np.full(z.shape, y), z)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
    assert np.isfinite(loss.to_probability(z)).all()


def test_probabilities_as_input():
    y, z = np.array([[1.0, 0.0, 1.0]]), np.array([[-3.0, 0.5, 2.0]], dtype="float32")
    from_p = LogitAdjustedBinaryCrossentropy(prevalence=PREVALENCE)
    ours = value_and_grad(from_p, y, z, activation=keras.activations.sigmoid)
    wanted = value_and_grad(adjusted(prevalence=PREVALENCE), y, z)
    assert ours[0] == pytest.approx(wanted[0], rel=1e-5)
    np.testing.assert_allclose(ours[1], wanted[1], rtol=1e-4)


def test_a_model_learns_and_its_probabilities_are_repaired():
    rng = np.random.default_rng(0)
    y = (rng.random((400, 3)) < PREVALENCE).astype("float32")
    x = np.zeros((400, 4), dtype="float32")  # nothing to learn but the prior
    loss = LogitAdjustedBinaryCrossentropy(
        LabelStats.from_targets(y), weights=LabelWeights.from_targets(y), from_logits=True
    )
    model = model_of(3)
    model.compile(keras.optimizers.Adam(0.3), loss=loss)
    steps = (np.tile(x, (120, 1)), np.tile(y, (120, 1)))  # one epoch: epochs cost time
    model.fit(*steps, batch_size=400, shuffle=False, verbose=0)
    z = model.predict(x[:1], verbose=0)
    assert abs(expit(z[0]) - y.mean(0)).max() > 0.1
    np.testing.assert_allclose(loss.to_probability(z)[0], y.mean(0), atol=0.01)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_save_load_and_fit(tmp_path, jit_compile):
    x, y = batch()
    loss = LogitAdjustedBinaryCrossentropy(
        LabelStats.from_targets(y, label_names=["a", "b", "c"]),
        tau=0.5,
        weights=LabelWeights.from_targets(y, label_names=["a", "b", "c"]),
        from_logits=True,
    )
    model = model_of(3)
    jit_compile = jit_compile and keras.backend.backend() != "torch"
    model.compile("adam", loss=loss, jit_compile=jit_compile)
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.loss.get_config() == loss.get_config()
    assert loaded.loss.link.to_dict() == loss.link.to_dict()
    assert loaded.evaluate(x, y, verbose=0) == pytest.approx(
        model.evaluate(x, y, verbose=0), rel=1e-6
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "label frequencies once.*neither.*LabelStats.from_targets"),
        ({"prevalence": [0.1, 0.0]}, "strictly between 0 and 1.*0.0 for label 1.*smooths"),
        ({"prevalence": [1.0, 0.5]}, "strictly between 0 and 1.*1.0 for label 0"),
        ({"prevalence": [20.0, 0.5]}, "strictly between 0 and 1.*20.0"),
        ({"prevalence": 0.1}, "list of numbers"),
        ({"prevalence": [0.1, np.nan]}, "finite"),
        ({"stats": [0.1, 0.2]}, "`stats` must be a LabelStats.*list"),
        ({"prevalence": [0.1], "tau": -1.0}, "`tau` must be a number"),
        ({"prevalence": [0.1], "tau": np.inf}, "`tau` must be a number"),
        (
            {"prevalence": [0.1, 0.2], "positive_weight": [1.0]},
            "`prevalence` has 2 entries but `positive_weight` has 1",
        ),
        ({"prevalence": [0.1, 0.2], "label_names": ["a"]}, "`prevalence` has 2 entries"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        LogitAdjustedBinaryCrossentropy(**options)


def test_statistics_and_weights_must_agree():
    y = [[1, 0], [0, 1]]
    stats = LabelStats.from_targets(y, label_names=["a", "b"])
    weights = LabelWeights.from_targets(y, label_names=["b", "a"])
    with pytest.raises(InvalidInput, match="different labels.*'a', 'b' beside 'b', 'a'"):
        LogitAdjustedBinaryCrossentropy(stats, weights=weights)
    with pytest.raises(InvalidInput, match="both `stats` and `prevalence`"):
        LogitAdjustedBinaryCrossentropy(stats, prevalence=[0.5, 0.5])


def test_a_prior_of_other_labels_is_refused():
    loss = adjusted(prevalence=[0.1])
    with pytest.raises(InvalidInput, match="`prevalence` has 1 entries but `y` has 3 labels"):
        loss(np.ones(SHAPE), np.ones(SHAPE, dtype="float32"))


def test_a_weight_of_zero_has_no_correction():
    loss = adjusted(prevalence=[0.1, 0.2], negative_weight=[1.0, 0.0])
    with pytest.raises(Undefined, match="'label_1'"):
        loss.to_probability([[0.0, 0.0]])

import keras
import numpy as np
import pytest

from equipoise import LabelWeights
from equipoise._errors import InvalidInput
from equipoise.callbacks import AnnealedWeights, DeferredReweighting, WeightSchedule
from equipoise.losses import LDAM, FromIndices, WeightedBinaryCrossentropy

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 4)).astype(np.float32)
Y = (RNG.random((24, 3)) < 0.3).astype(np.float32)
NAMES = ("a", "b", "c")
WEIGHTS = LabelWeights([4.0, 9.0, 1.0], [1.0, 1.0, 0.25], NAMES)
JIT = keras.backend.backend() != "torch"  # torch.compile builds C++ for minutes


def model(loss, rate=0.0, jit_compile=JIT, **options):
    """A model that does not learn unless asked to, so that its losses are known beforehand."""
    built = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, name="out")])
    built.set_weights([np.full((4, 3), 0.3), np.array([-1.0, 0.5, 0.0])])
    built.compile(keras.optimizers.SGD(rate), loss=loss, jit_compile=jit_compile, **options)
    return built


def crossentropy(**options):
    return WeightedBinaryCrossentropy(from_logits=True, **options)


def expected(strength=1.0, positive=WEIGHTS.positive, negative=WEIGHTS.negative):
    z = X @ np.full((4, 3), 0.3) + np.array([-1.0, 0.5, 0.0])
    w_positive, w_negative = positive**strength, negative**strength
    cells = Y * w_positive * np.logaddexp(0, -z) + (1 - Y) * w_negative * np.logaddexp(0, z)
    return float(cells.mean())


def losses_of(built, schedule, epochs, y=Y, **options):
    return built.fit(
        X, y, epochs=epochs, batch_size=8, shuffle=False, verbose=0, callbacks=[schedule], **options
    ).history


@pytest.mark.parametrize("jit_compile", [False, True] if JIT else [False])
def test_deferred_weights_come_in_their_epoch(jit_compile):
    loss = crossentropy()
    built = model(loss, jit_compile=jit_compile)
    history = losses_of(built, DeferredReweighting(WEIGHTS, 2), 4, validation_data=(X, Y))
    wanted = [expected(0)] * 2 + [expected()] * 2
    assert history["loss"] == pytest.approx(wanted, rel=1e-5)
    assert history["val_loss"] == pytest.approx(wanted, rel=1e-5)
    # What follows training sees the last weights.
    assert built.evaluate(X, Y, verbose=0) == pytest.approx(expected(), rel=1e-5)
    assert loss.to_probability(np.zeros((1, 3)))[0] == pytest.approx([0.2, 0.1, 0.2])


def test_annealed_weights_go_in_steps():
    history = losses_of(model(crossentropy()), AnnealedWeights(WEIGHTS, 4, steps=2), 6)
    wanted = [expected(s) for s in (0, 0, 0.5, 0.5, 1, 1)]
    assert history["loss"] == pytest.approx(wanted, rel=1e-5)
    back = AnnealedWeights(WEIGHTS, 1, start=1.0, stop=0.0)
    assert losses_of(model(crossentropy()), back, 2)["loss"] == pytest.approx(
        [expected(1), expected(0)], rel=1e-5
    )


def test_weights_of_zero_stay_zero():
    weights = LabelWeights([0.0, 9.0, 1.0], [1.0, 1.0, 1.0], NAMES)
    history = losses_of(model(crossentropy()), AnnealedWeights(weights, 1), 1)
    wanted = expected(1, np.array([0.0, 1.0, 1.0]), np.ones(3))
    assert history["loss"] == pytest.approx([wanted], rel=1e-5)


def test_the_weights_of_before_are_kept_and_come_back():
    """A second fit starts where the first one did."""
    before = np.array([2.0, 1.0, 3.0])
    built = model(crossentropy(positive_weight=before))
    schedule = DeferredReweighting(WEIGHTS, 1)
    wanted = [expected(1, before, np.ones(3)), expected()]
    for _ in range(2):
        assert losses_of(built, schedule, 2)["loss"] == pytest.approx(wanted, rel=1e-5)


def test_the_optimizer_goes_on_as_it_was():
    """Training in two halves by hand, with a model of each loss, gives the same weights."""
    scheduled = model(crossentropy(), rate=0.1)
    scheduled.optimizer.momentum = 0.9
    losses_of(scheduled, DeferredReweighting(WEIGHTS, 1), 2)
    by_hand = model(crossentropy(), rate=0.1)
    by_hand.optimizer.momentum = 0.9
    by_hand.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    by_hand.loss.reweigh(WEIGHTS)
    by_hand.make_train_function(force=True)
    by_hand.fit(X, Y, batch_size=8, shuffle=False, verbose=0)
    for a, b in zip(scheduled.get_weights(), by_hand.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    assert int(scheduled.optimizer.iterations) == 6


def test_it_serves_losses_of_every_kind():
    indices = np.full((24, 3), -1)
    indices[Y == 1] = np.nonzero(Y)[1]
    sparse = losses_of(
        model(FromIndices(crossentropy())), DeferredReweighting(WEIGHTS, 1), 2, indices
    )
    assert sparse["loss"] == pytest.approx([expected(0), expected()], rel=1e-5)
    ldam = LDAM(prevalence=[0.1, 0.2, 0.3], scale=1.0, from_logits=True)
    first, second = losses_of(model(ldam), DeferredReweighting(WEIGHTS, 1), 2)["loss"]
    ldam.reweigh()
    z = X @ np.full((4, 3), 0.3) + np.array([-1.0, 0.5, 0.0])
    z = z.astype(np.float32)
    assert first == pytest.approx(float(ldam(Y, z)), rel=1e-5)
    ldam.reweigh(WEIGHTS)
    assert second == pytest.approx(float(ldam(Y, z)), rel=1e-5)


def test_a_saved_model_has_the_last_weights(tmp_path):
    built = model(crossentropy())
    losses_of(built, DeferredReweighting(WEIGHTS, 0), 1)
    built.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.evaluate(X, Y, verbose=0) == pytest.approx(expected(), rel=1e-5)


def test_one_of_several_losses_is_named():
    inputs = keras.layers.Input((4,))
    outputs = [
        keras.layers.Dense(3, name=name, kernel_initializer="zeros")(inputs) for name in "ab"
    ]
    built = keras.Model(inputs, outputs)
    first, second = crossentropy(), crossentropy(name="other")
    built.compile(keras.optimizers.SGD(0.0), loss=[first, second])
    with pytest.raises(InvalidInput, match="2 of them.*Pass the one to change"):
        built.fit(X, [Y, Y], verbose=0, callbacks=[DeferredReweighting(WEIGHTS, 0)])
    history = built.fit(
        X, [Y, Y], epochs=1, verbose=0, callbacks=[DeferredReweighting(WEIGHTS, 0, loss=second)]
    ).history
    assert history["a_loss"] == pytest.approx([np.log(2)], rel=1e-5)
    assert history["b_loss"][0] > 1.5 * np.log(2)
    other = DeferredReweighting(WEIGHTS, 0, loss=crossentropy())
    with pytest.raises(InvalidInput, match="not among the losses"):
        built.fit(X, [Y, Y], verbose=0, callbacks=[other])


def test_wrong_use_is_refused():
    weights = LabelWeights([1.0] * 3, [1.0] * 3, ("x", "y", "z"))
    built = model(crossentropy(weights=WEIGHTS))
    with pytest.raises(InvalidInput, match="of other labels than the loss"):
        losses_of(built, DeferredReweighting(weights, 0), 1)
    with pytest.raises(InvalidInput, match="0 of them.*Compile with"):
        losses_of(model("mse"), DeferredReweighting(WEIGHTS, 0), 1)
    with pytest.raises(InvalidInput, match="must be a LabelWeights.*dict"):
        DeferredReweighting({0: 1.0}, 1)
    with pytest.raises(InvalidInput, match="start_epoch"):
        DeferredReweighting(WEIGHTS, -1)
    for options in ({"n_epochs": 0}, {"n_epochs": 1, "start": -1.0}, {"n_epochs": 1, "steps": 0}):
        with pytest.raises(InvalidInput):
            AnnealedWeights(WEIGHTS, **options)
    wrong = WeightSchedule(lambda epoch: LabelWeights([1.0] * 2, [1.0] * 2, ("a", "b")))
    with pytest.raises(InvalidInput, match="2 entries"):
        losses_of(model(crossentropy(positive_weight=[1.0] * 3)), wrong, 1)

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops
from loss_helpers import (
    batch,
    cells_of,
    model_of,
    number,
    reference_cells,
    reference_gradients,
    value_and_grad,
)

from equipoise import LabelWeights
from equipoise._errors import Undefined
from equipoise.losses import CellwiseLoss, WeightedBinaryCrossentropy

pytestmark = pytest.mark.keras

SHAPE = (4, 3)
hard = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0]))
partly_known = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 1.0, -1.0, np.nan]))
soft = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 0.05, 0.5, 0.75, 1.0, np.nan]))
logits = hnp.arrays(np.float32, SHAPE, elements=st.floats(-30, 30, width=32))
per_label = hnp.arrays(np.float64, SHAPE[1:], elements=st.floats(0.01, 100))
few = settings(max_examples=20, deadline=None)

# The three labels and four rows of the documentation of Keras' class_weight, on one prediction.
Y = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]], dtype="float32")


@few
@given(hard, logits)
def test_with_all_weights_one_it_is_keras_binary_crossentropy(y, z):
    ours = value_and_grad(WeightedBinaryCrossentropy(from_logits=True), y, z)
    keras_own = value_and_grad(keras.losses.BinaryCrossentropy(from_logits=True), y, z)
    # Keras' own form rounds at the size of z, hence the absolute tolerance.
    assert ours[0] == pytest.approx(keras_own[0], rel=1e-5, abs=1e-5)
    np.testing.assert_allclose(ours[1], keras_own[1], rtol=1e-5, atol=1e-6)


@few
@given(st.one_of(hard, partly_known, soft), logits, per_label, per_label, per_label)
def test_cells_and_gradients_are_those_of_the_formula(y, z, positive, negative, label):
    loss = WeightedBinaryCrossentropy(
        positive_weight=positive,
        negative_weight=negative,
        label_weight=label,
        from_logits=True,
        reduction="none",
    )
    sides = (label * positive, label * negative)
    np.testing.assert_allclose(cells_of(loss, y, z), reference_cells(y, z, *sides), rtol=1e-5)
    gradient = value_and_grad(loss, y, z)[1]
    wanted = reference_gradients(y, z, *sides)
    # Soft targets subtract two sides; nothing else is subtracted.
    scale = 1e-7 * np.maximum(*sides) * ((y > 0) & (y < 1))
    assert (np.abs(gradient - wanted) <= 1e-5 * np.abs(wanted) + scale).all()


@few
@given(st.one_of(hard, partly_known, soft), logits, per_label)
def test_the_fused_form_is_the_form_of_the_base_class(y, z, positive):
    class Plain(WeightedBinaryCrossentropy):
        cell_losses = CellwiseLoss.cell_losses

    options = {"positive_weight": positive, "from_logits": True, "reduction": "none"}
    fused = value_and_grad(WeightedBinaryCrossentropy(**options), y, z)
    plain = value_and_grad(Plain(**options), y, z)
    assert fused[0] == pytest.approx(plain[0], rel=1e-5)
    np.testing.assert_allclose(fused[1], plain[1], rtol=1e-5, atol=1e-5)


def test_hand_computed_number():
    # All logits 0: every cell costs log 2. Four positives weigh 10, 2, 10, 5 and the eight
    # negatives 1: (27 + 8) log 2 over 12 cells.
    loss = WeightedBinaryCrossentropy(positive_weight=[10.0, 2.0, 5.0], from_logits=True)
    assert number(loss(Y, np.zeros_like(Y))) == pytest.approx(35 * np.log(2) / 12, rel=1e-6)


def test_a_weight_reaches_its_own_cells_only():
    # Keras' class_weight {2: 5.} leaves label 2 of the third row alone, for its argmax is 0.
    ones = np.ones(3)
    for label in range(3):
        for side, own in (("positive_weight", Y == 1), ("negative_weight", Y == 0)):
            weight = np.where(np.arange(3) == label, 7.0, ones)
            loss = WeightedBinaryCrossentropy(**{side: weight}, from_logits=True, reduction="none")
            wanted = np.where(own & (np.arange(3) == label), 7.0, 1.0) * np.log(2)
            np.testing.assert_allclose(cells_of(loss, Y, np.zeros_like(Y)), wanted, rtol=1e-6)


@few
@given(hard, logits, per_label, per_label)
def test_it_agrees_with_torch(y, z, positive, label):
    torch = pytest.importorskip("torch")
    if keras.backend.backend() != "torch":
        pytest.skip("the peer shares a process with Keras on Torch only")
    ours = WeightedBinaryCrossentropy(
        positive_weight=positive, label_weight=label, from_logits=True
    )
    value, gradient = value_and_grad(ours, y, z)
    theirs = torch.nn.BCEWithLogitsLoss(
        pos_weight=torch.tensor(positive), weight=torch.tensor(label)
    )
    logit = torch.tensor(z, dtype=torch.float64, requires_grad=True)
    wanted = theirs(logit, torch.tensor(y, dtype=torch.float64))
    wanted.backward()
    assert value == pytest.approx(wanted.item(), rel=1e-5)
    np.testing.assert_allclose(gradient, logit.grad.numpy(), rtol=1e-5, atol=1e-12)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="its gradient is written by hand")
@pytest.mark.parametrize("unknown", [False, True])
def test_torch_can_differentiate_twice(unknown):
    import torch

    y = Y.copy()
    y[0, 0] = np.nan if unknown else y[0, 0]
    loss = WeightedBinaryCrossentropy(
        positive_weight=[10.0, 2.0, 5.0], from_logits=True, reduction="sum"
    )
    z = torch.linspace(-3, 3, 12).reshape(4, 3).double().requires_grad_()
    double = WeightedBinaryCrossentropy.from_config({**loss.get_config(), "dtype": "float64"})
    assert torch.autograd.gradcheck(lambda logit: double(y, logit), z)
    assert torch.autograd.gradgradcheck(lambda logit: double(y, logit), z)


@pytest.mark.parametrize("far", [17.0, 30.0, 80.0])
@pytest.mark.parametrize("weight", [1.0, 1e-3, 1e4])
def test_saturated_logits_keep_their_gradient(far, weight):
    y = np.array([[1.0, 0.0, 1.0, 0.0]])
    z = np.array([[-far, far, far, -far]], dtype="float32")
    loss = WeightedBinaryCrossentropy(
        positive_weight=[weight] * 4, from_logits=True, reduction="sum"
    )
    value, gradient = value_and_grad(loss, y, z)
    assert value == pytest.approx(reference_cells(y, z, weight).sum(), rel=1e-6)
    # The two cells that are right have gradients down to 1e-35; none is rounded to 0.
    np.testing.assert_allclose(gradient, reference_gradients(y, z, weight), rtol=1e-5)


def test_the_gradient_at_zero_logits_is_half_the_weight():
    loss = WeightedBinaryCrossentropy(
        positive_weight=[3.0], negative_weight=[2.0], from_logits=True, reduction="sum"
    )
    y, z = np.array([[1.0], [0.0], [0.5]]), np.zeros((3, 1), dtype="float32")
    assert value_and_grad(loss, y, z)[1].ravel() == pytest.approx([-1.5, 1.0, -0.25])


@pytest.mark.parametrize("y", [0.0, 0.3, 1.0, np.nan])
def test_extreme_logits_are_finite(y):
    z = np.array([[-1e4, -100.0, 0.0, 100.0, 1e4]], dtype="float32")
    labels = np.full(z.shape, y)
    loss = WeightedBinaryCrossentropy(from_logits=True, reduction="none")
    np.testing.assert_allclose(
        cells_of(loss, labels, z), reference_cells(labels, z), rtol=1e-6, atol=1e-40
    )
    gradient = value_and_grad(loss, labels, z)[1]
    np.testing.assert_allclose(gradient, reference_gradients(labels, z), rtol=1e-5, atol=1e-7)


def test_probabilities_undo_the_weights():
    weights = LabelWeights.from_targets(Y, "balanced")
    loss = WeightedBinaryCrossentropy(weights)
    np.testing.assert_allclose(loss.link.shift, weights.log_odds_shift)
    # Where every row gives the same logit, the best logit is the log-odds of the weighted counts.
    best = np.log(weights.positive * Y.sum(0)) - np.log(weights.negative * (1 - Y).sum(0))
    np.testing.assert_allclose(loss.to_probability([best])[0], Y.mean(0), rtol=1e-12)
    tensor = ops.convert_to_tensor(best[None].astype("float32"))
    np.testing.assert_allclose(loss.to_probability(tensor)[0], Y.mean(0), rtol=1e-5)
    assert WeightedBinaryCrossentropy().to_probability([[0.0]]).tolist() == [[0.5]]


def test_label_weight_alone_moves_no_probability():
    loss = WeightedBinaryCrossentropy(label_weight=[5.0, 0.1])
    assert loss.to_probability([[0.0, 0.0]]).tolist() == [[0.5, 0.5]]


@pytest.mark.parametrize("side", ["positive_weight", "negative_weight", "label_weight"])
def test_a_weight_of_zero_has_no_correction(side):
    loss = WeightedBinaryCrossentropy(
        **{side: [1.0, 0.0, 2.0]}, label_names=["cat", "dog", "owl"], from_logits=True
    )
    with pytest.raises(Undefined, match="weight of 0.*'dog'\\. .*absent"):
        loss.to_probability([[0.0, 0.0, 0.0]])
    value, gradient = value_and_grad(loss, Y, np.ones_like(Y))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
    unnamed = WeightedBinaryCrossentropy(**{side: [1.0, 0.0, 2.0]})
    with pytest.raises(Undefined, match="'label_1'"):
        _ = unnamed.link


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("activation", [None, "sigmoid"])
def test_fit_lowers_the_loss(jit_compile, activation):
    if keras.backend.backend() == "torch" and jit_compile:
        pytest.skip("torch.compile builds C++ for minutes; its path is in test_cellwise_base")
    x, y = batch(n_rows=32)
    y[0] = np.nan
    model = model_of(3, activation)
    loss = WeightedBinaryCrossentropy(LabelWeights.from_targets(y), from_logits=activation is None)
    model.compile(keras.optimizers.Adam(0.1), loss=loss, jit_compile=jit_compile)
    history = model.fit(x, y, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    assert model.evaluate(x, y, verbose=0) == pytest.approx(number(loss(y, model(x))), rel=1e-4)


@few
@given(st.permutations(range(3)), hard, logits, per_label, per_label)
def test_the_order_of_the_labels_does_not_matter(order, y, z, positive, negative):
    def value(columns):
        loss = WeightedBinaryCrossentropy(
            positive_weight=positive[columns], negative_weight=negative[columns], from_logits=True
        )
        return number(loss(y[:, columns], z[:, columns]))

    assert value(list(order)) == pytest.approx(value([0, 1, 2]), rel=1e-5)

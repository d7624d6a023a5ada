"""On eager Torch, large batches go some rows at a time, and parameters are uploaded once."""

import keras
import numpy as np
import pytest
from loss_cases import CASES

if keras.backend.backend() != "torch":
    pytest.skip("blocks of rows are for eager Torch", allow_module_level=True)

import torch

from equipoise.losses import Asymmetric, FromIndices, WeightedBinaryCrossentropy, _torch

BLOCKED = [case for case in CASES.values() if case.cellwise and not case.loss.fused_on_torch]
SHAPE = (7, 3)


def data(shape=SHAPE, *, unknown=False):
    rng = np.random.default_rng(0)
    y = (rng.random(shape) < 0.4).astype("float32")
    if unknown:
        y[rng.random(shape) < 0.3] = np.nan
    z = torch.tensor(3 * rng.normal(size=shape), dtype=torch.float32, requires_grad=True)
    return torch.tensor(y), z


def value_and_slopes(loss, y, z, sample_weight=None):
    value = loss(y, z, sample_weight)
    (slopes,) = torch.autograd.grad(value, z)
    return value.detach().numpy(), slopes.numpy()


@pytest.fixture
def whole_and_blocks(monkeypatch):
    """A function that computes both ways: all at once, and two rows at a time."""

    def both(compute):
        whole = compute()
        monkeypatch.setattr(_torch, "_BLOCK", 6)
        taken = []
        one_way = _torch.row_sums_in_blocks
        monkeypatch.setattr(
            _torch, "row_sums_in_blocks", lambda *args: taken.append(1) or one_way(*args)
        )
        parts = compute()
        return whole, parts, bool(taken)

    return both


@pytest.mark.parametrize("case", BLOCKED, ids=lambda case: case.loss.__name__)
@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum"])
@pytest.mark.parametrize("unknown", [False, True])
def test_blocks_change_neither_values_nor_slopes(case, reduction, unknown, whole_and_blocks):
    loss = case.make(reduction=reduction)
    whole, parts, in_blocks = whole_and_blocks(
        lambda: value_and_slopes(loss, *data(unknown=unknown))
    )
    assert in_blocks
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6, atol=1e-9)


@pytest.mark.parametrize("shape", [(7,), (7, 1), (7, 3)])
def test_sample_weights_go_with_their_rows(shape, whole_and_blocks):
    weight = np.random.default_rng(1).random(shape).astype("float32")
    whole, parts, in_blocks = whole_and_blocks(
        lambda: value_and_slopes(Asymmetric(from_logits=True), *data(), weight)
    )
    assert in_blocks
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6)


def test_leading_axes_are_rows(whole_and_blocks):
    loss = Asymmetric(from_logits=True)
    whole, parts, in_blocks = whole_and_blocks(
        lambda: value_and_slopes(loss, *data((2, 5, 3)), np.arange(10.0).reshape(2, 5, 1))
    )
    assert in_blocks
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6)


def test_without_slopes_the_value_is_the_same(whole_and_blocks):
    def value():
        y, z = data()
        return Asymmetric(from_logits=True)(y, z.detach()).numpy()

    whole, parts, in_blocks = whole_and_blocks(value)
    assert in_blocks
    np.testing.assert_allclose(parts, whole, rtol=2e-6)


def test_second_derivatives_and_a_second_pass_are_right(whole_and_blocks):
    loss = Asymmetric(from_logits=True)

    def curvature():
        y, z = data()
        value = loss(y, z)
        (first,) = torch.autograd.grad(value, z, create_graph=True)
        (second,) = torch.autograd.grad(first.square().sum(), z, retain_graph=True)
        (again,) = torch.autograd.grad(value, z)
        np.testing.assert_allclose(again.numpy(), first.detach().numpy(), rtol=2e-6)
        return second.numpy()

    whole, parts, in_blocks = whole_and_blocks(curvature)
    assert in_blocks
    np.testing.assert_allclose(parts, whole, rtol=2e-5, atol=1e-9)


def test_means_over_weights_take_all_rows_at_once(whole_and_blocks):
    loss = Asymmetric(from_logits=True, reduction="mean_with_sample_weight")
    whole, parts, in_blocks = whole_and_blocks(lambda: value_and_slopes(loss, *data(unknown=True)))
    assert not in_blocks
    np.testing.assert_array_equal(parts[1], whole[1])


def test_labels_that_are_differentiated_take_all_rows_at_once(whole_and_blocks):
    def slopes_of_labels():
        y, z = data()
        soft = (y * 0.5 + 0.2).requires_grad_()
        return torch.autograd.grad(Asymmetric(from_logits=True)(soft, z), soft)[0].numpy()

    whole, parts, in_blocks = whole_and_blocks(slopes_of_labels)
    assert not in_blocks
    np.testing.assert_array_equal(parts, whole)


def test_parameters_are_uploaded_once_and_anew_when_they_change():
    loss = Asymmetric(from_logits=True, positive_weight=[1.0, 2.0, 3.0])
    y, z = data()
    first = loss._parameters(z)["positive"]
    assert loss._parameters(z)["positive"] is first
    before = loss(y, z).item()
    loss.reweigh(positive_weight=[2.0, 4.0, 6.0])
    assert loss._parameters(z)["positive"].tolist() == [2.0, 4.0, 6.0]
    ours = Asymmetric(from_logits=True, positive_weight=[2.0, 4.0, 6.0])
    assert loss(y, z).item() == ours(y, z).item() != before


def test_evaluation_without_gradients_leaves_nothing_that_training_cannot_use():
    loss = Asymmetric(from_logits=True, positive_weight=[1.0, 2.0, 3.0])
    y, z = data()
    with torch.inference_mode():
        loss(y, z.detach())
    loss(y, z).backward()
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("loss", [WeightedBinaryCrossentropy, Asymmetric])
@pytest.mark.parametrize("block", [6, 1 << 18])
def test_torch_func_gives_the_same_slopes_row_by_row(loss, block, monkeypatch):
    monkeypatch.setattr(_torch, "_BLOCK", block)
    loss = loss(from_logits=True, positive_weight=[1.0, 2.0, 3.0], reduction="sum")
    y, z = data()
    (expected,) = torch.autograd.grad(loss(y, z), z)
    slopes = torch.func.grad(lambda z: loss(y, z))(z.detach())
    each = torch.func.vmap(torch.func.grad(lambda z, y: loss(y[None], z[None])))(z.detach(), y)
    torch.testing.assert_close(slopes, expected)
    torch.testing.assert_close(each, expected)


def test_losses_from_indices_go_in_blocks_too(whole_and_blocks):
    loss = FromIndices(Asymmetric(from_logits=True, positive_weight=[1.0, 2.0, 3.0]))
    indices = torch.tensor([[0, 2], [1, -1], [-1, -1], [2, 2], [0, 1], [2, -1], [1, 0]])
    whole, parts, in_blocks = whole_and_blocks(
        lambda: value_and_slopes(loss, indices, data()[1], np.arange(7.0))
    )
    assert in_blocks
    for one, other in zip(whole, parts, strict=True):
        np.testing.assert_allclose(other, one, rtol=2e-6, atol=1e-9)

"""Sums over all labels of a row, given the positions of its positives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from equipoise.losses.cellwise import CellwiseLoss

_BLOCK = 1 << 18  # cells in a block of rows


def indexed_row_sums(loss: CellwiseLoss, indices: Any, z: Any, p: Mapping[str, Any]) -> Any:
    """Returns Σ_l w₋·ℓ₋(z_l) + Σ_{l ∈ Y} [w₊·ℓ₊(z_l) − w₋·ℓ₋(z_l)] for every row.

    Its gradient is written by hand: that of a gather would be a second (..., L) array, added to
    the first. At the positives it is replaced, not added to, so nothing cancels, and a position
    that stands there twice is harmless.

    Args:
        loss: the loss.
        indices: (..., K) int32 positions; what lies outside [0, L) is padding.
        z: (..., L) logits.
        p: the label parameters of the loss as (L,) tensors.
    """
    shape = ops.shape(z)
    flat = ops.reshape(z, (-1, shape[-1]))
    rows = ops.reshape(indices, (-1, ops.shape(indices)[-1]))
    positions, counts = _distinct(rows, shape[-1])
    here = {name: ops.take(values, positions, axis=0) for name, values in p.items()}
    sums = _SUMS[keras.backend.backend()](loss, flat, positions, counts, p, here)
    return ops.reshape(sums, shape[:-1])


def _distinct(indices: Any, n_labels: Any) -> tuple[Any, Any]:
    """Returns valid positions of each row, and which of them to count.

    What is not valid becomes a copy of a valid position of its row, or 0 if there is none.
    """
    valid = ops.logical_and(indices >= 0, indices < n_labels)
    ordered = ops.sort(ops.where(valid, indices, -1), axis=-1)
    before = ops.concatenate([ops.full_like(ordered[:, :1], -1), ordered[:, :-1]], axis=-1)
    counts = ops.logical_and(ordered >= 0, ordered != before)
    return ops.where(ordered >= 0, ordered, ops.maximum(ordered[:, -1:], 0)), counts


def _positive(loss: CellwiseLoss, z: Any, p: Mapping[str, Any]) -> Any:
    losses = loss.positive_losses(z, p)
    return p["positive"] * losses if "positive" in p else losses


def _negative(loss: CellwiseLoss, z: Any, p: Mapping[str, Any]) -> Any:
    losses = loss.negative_losses(z, p)
    return p["negative"] * losses if "negative" in p else losses


def _negative_sums(loss: CellwiseLoss, z: Any, p: Mapping[str, Any]) -> Any:
    if "negative" in p:
        return ops.sum(_negative(loss, z, p), axis=-1)
    return loss.negative_sums(z, p)


def _corrections(loss: CellwiseLoss, picked: Any, counts: Any, here: Any) -> Any:
    """What the positives of each row add to the sum over negatives."""
    difference = _positive(loss, picked, here) - _negative(loss, picked, here)
    return ops.sum(ops.where(counts, difference, 0.0), axis=-1)


def _at_positions(positive: Any, negative: Any, counts: Any) -> Any:
    """The slopes to put at the positions: the positives', or the old one in a row without any.

    The old one is computed anew: read from the slopes of all cells, it would make XLA copy them.
    """
    return ops.where(ops.any(counts, axis=-1, keepdims=True), positive, negative)


def _jax(loss: CellwiseLoss, z: Any, positions: Any, counts: Any, p: Any, here: Any) -> Any:
    import jax

    @jax.custom_vjp
    def sums(z: Any, positions: Any, counts: Any, p: Any, here: Any) -> Any:
        total = _by_rows(lambda z: _negative_sums(loss, z, p), z)
        picked = ops.take_along_axis(z, positions, axis=-1)
        return total + _corrections(loss, picked, counts, here)

    def forward(*inputs: Any) -> tuple[Any, Any]:
        return sums(*inputs), inputs

    def backward(inputs: Any, upstream: Any) -> tuple[Any, ...]:
        z, positions, counts, p, here = inputs
        slopes = _by_rows(lambda z, g: _slopes(lambda z: _negative(loss, z, p), z) * g, z, upstream)
        picked = ops.take_along_axis(z, positions, axis=-1)
        positive = _slopes(lambda z: _positive(loss, z, here), picked)
        negative = _slopes(lambda z: _negative(loss, z, here), picked)
        own = _at_positions(positive, negative, counts) * upstream[:, None]
        return slopes.at[ops.arange(z.shape[0])[:, None], positions].set(own), *[None] * 4

    def _slopes(function: Any, at: Any) -> Any:
        values, pullback = jax.vjp(function, at)
        return pullback(ops.ones_like(values))[0]

    sums.defvjp(forward, backward)
    return sums(z, positions, counts, p, here)


def _by_rows(function: Any, *arrays: Any) -> Any:
    """Applies a function of single rows to all rows, on JAX.

    XLA for CPUs keeps several (..., L) intermediates of a loss or a slope. A block of rows at a
    time they stay in the cache, which halves the time and frees their memory.
    """
    import jax

    n_rows, n_labels = arrays[0].shape
    on_one_cpu = jax.default_backend() == "cpu" and keras.distribution.distribution() is None
    if not on_one_cpu or n_rows * n_labels < 4 * _BLOCK:
        return jax.vmap(function)(*arrays)
    return jax.lax.map(lambda row: function(*row), arrays, batch_size=max(1, _BLOCK // n_labels))


def _tensorflow(loss: CellwiseLoss, z: Any, positions: Any, counts: Any, p: Any, here: Any) -> Any:
    import tensorflow as tf

    @tf.custom_gradient
    def sums(z: Any) -> tuple[Any, Any]:
        picked = tf.gather(z, positions, batch_dims=1)

        def backward(upstream: Any) -> Any:
            upstream = upstream[:, None]
            slopes = _slopes(lambda z: _negative(loss, z, p), z) * upstream
            positive = _slopes(lambda z: _positive(loss, z, here), picked)
            negative = _slopes(lambda z: _negative(loss, z, here), picked)
            own = _at_positions(positive, negative, counts) * upstream
            rows = tf.broadcast_to(tf.range(tf.shape(z)[0])[:, None], tf.shape(positions))
            return tf.tensor_scatter_nd_update(slopes, tf.stack([rows, positions], axis=-1), own)

        total = _negative_sums(loss, z, p)
        return total + _corrections(loss, picked, counts, here), backward

    def _slopes(function: Any, at: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(at)
            values = function(at)
        return tape.gradient(values, at)

    return sums(z)


def _torch(loss: CellwiseLoss, z: Any, positions: Any, counts: Any, p: Any, here: Any) -> Any:
    import torch

    positions = positions.long()

    class Sums(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, z: Any) -> Any:
            with torch.set_grad_enabled(ctx.needs_input_grad[0]):
                all_z, picked = (
                    x.detach().requires_grad_(ctx.needs_input_grad[0])
                    for x in (z, z.gather(-1, positions))
                )
                total = _negative_sums_torch(loss, all_z, p)
                positive = _positive(loss, picked, here)
            ctx.recorded = (all_z, total, picked, positive)
            with torch.no_grad():
                difference = positive - _negative(loss, picked, here)
                return total + torch.where(counts, difference, 0.0).sum(-1)

        @staticmethod
        def backward(ctx: Any, upstream: Any) -> Any:
            all_z, total, picked, positive = ctx.recorded
            (slopes,) = torch.autograd.grad(total, all_z, upstream)
            (own,) = torch.autograd.grad(positive, picked, upstream[:, None].expand(positive.shape))
            # A row without labels keeps its slopes: what stands at its positions is put back.
            values = _at_positions(own, slopes.gather(-1, positions), counts)
            return slopes.scatter_(-1, positions, values)

    return Sums.apply(z)


def _negative_sums_torch(loss: CellwiseLoss, z: Any, p: Any) -> Any:
    from equipoise.losses._torch import pays_in_blocks, row_sums_in_blocks

    if loss.fused_on_torch or not pays_in_blocks(z.detach(), z, None):
        return _negative_sums(loss, z, p)
    return row_sums_in_blocks(lambda _, z, weight: _negative(loss, z, p), z.detach(), z, None)


_SUMS = {"jax": _jax, "tensorflow": _tensorflow, "torch": _torch}

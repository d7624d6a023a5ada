"""Losses with as few passes over memory as eager Torch allows.

Imported under the Torch backend only. For cross-entropy Torch's own fused
`binary_cross_entropy_with_logits` is as fast, but its values are rounded at the size of z: for
z = −10 and y = 0 it is 0.8% off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import softplus

from equipoise.losses._cells import cell_masses

_BLOCK = 1 << 18  # cells in a block of rows


def crossentropy_cells(y: Any, z: Any, p: Mapping[str, Any]) -> Any:
    """y·w₊·softplus(−z) + (1 − y)·w₋·softplus(z) per cell, 0 where y is unknown.

    Where every known label is 0 or 1 a cell has one side only: its weight · softplus(±z). Whether
    that is so is looked up on CPUs alone: another device would have to be waited for.
    """
    if y.device.type == "cpu" and not torch.compiler.is_compiling() and not _is_transformed():
        hard, known = y, None
        if not _is_hard(y):
            known = y >= 0
            hard = torch.where(known, y, 0.0)
        if known is None or _is_hard(hard):
            losses = _one_sided(hard, z, p)
            return losses if known is None else losses * known
    positive, negative = cell_masses(y, p)
    return positive * softplus(-z) + negative * softplus(z)


def _is_transformed() -> bool:
    """Whether `torch.func` looks on (vmap, grad, …): it follows plain operations alone."""
    return torch._C._are_functorch_transforms_active()


def _is_hard(y: Any) -> bool:
    """Whether a tensor holds only 0 and 1, for which alone y − y² is 0."""
    if y.numel() == 0:
        return False
    low, high = torch.aminmax(torch.addcmul(y, y, y, value=-1))
    return bool((low == 0) & (high == 0))  # False for NaN


def _one_sided(y: Any, z: Any, p: Mapping[str, Any]) -> Any:
    if not p.keys() & {"positive", "negative"}:
        return softplus(z * _sign(y))
    one = y.new_ones(())
    return _OneSided.apply(z, y, p.get("positive", one), p.get("negative", one))


def _sign(y: Any) -> Any:
    """1 where y is 0 and −1 where y is 1."""
    return torch.add(1.0, y, alpha=-2)


class _OneSided(torch.autograd.Function):
    """w·softplus(s) with s = ±z: its derivative ±w·σ(s) is cheaper to compute than to record."""

    @staticmethod
    def forward(z: Any, y: Any, positive: Any, negative: Any) -> Any:
        signed = _sign(y).mul_(z)
        losses = softplus(signed)
        weights = torch.lerp(negative, positive, y, out=signed)  # fresh memory is the cost here
        return losses.mul_(weights)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> tuple[Any, None, None, None]:
        z, y, positive, negative = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative will be asked for
            signed_weights = torch.lerp(negative, -positive, y)
            return torch.sigmoid(_sign(y) * z) * signed_weights * gradient, None, None, None
        of_all = gradient.numel() > 0 and not any(gradient.stride())  # one number, as of a sum
        if of_all:
            one = gradient[(0,) * gradient.ndim]
            negative, positive = negative * one, positive * one
        slopes = _sign(y).mul_(z).sigmoid_().mul_(torch.lerp(negative, -positive, y))
        return slopes if of_all else slopes.mul_(gradient), None, None, None


def uploaded(
    parameters: Mapping[str, NDArray[np.float64]], kept: dict[str, Any], device: Any, dtype: str
) -> dict[str, Any]:
    """Returns arrays as tensors on a device; those of the last call if the arrays are the same."""
    passing = torch.compiler.is_compiling() or torch.is_inference_mode_enabled()
    tensors = {}
    for name, values in parameters.items():
        of, tensor = kept.get(name, (None, None))
        if of is not values or tensor.device != device:
            tensor = torch.as_tensor(values, dtype=getattr(torch, dtype), device=device)
            if not passing:
                kept[name] = values, tensor
        tensors[name] = tensor
    return tensors


def pays_in_blocks(y: Any, z: Any, sample_weight: Any) -> bool:
    """Whether sums over cells are better taken some rows at a time (see `row_sums_in_blocks`)."""
    return (
        z.device.type == "cpu"
        and z.ndim > 1
        and z.numel() >= 2 * _BLOCK
        and not torch.compiler.is_compiling()
        and not _is_transformed()
        # What else is to be differentiated, is by Torch.
        and not any(x is not None and x.requires_grad for x in (y, sample_weight))
    )


def row_sums_in_blocks(cells_of: Callable[..., Any], y: Any, z: Any, sample_weight: Any) -> Any:
    """Returns the (...,) weighted sums over the labels of each row.

    Eager Torch writes every intermediate of a loss to memory, and keeps it for the slopes. Of a
    block of rows they stay in the cache, with the slopes computed at once: a few times faster for
    large batches, in a fraction of the memory.

    Args:
        cells_of: (y, z, sample_weight) -> weighted cells, row by row.
        y: (..., L) labels.
        z: (..., L) logits.
        sample_weight: None, or weights that broadcast against z.
    """
    n_labels = z.shape[-1]
    rows = [None if x is None else _rows(x, z) for x in (y, z, sample_weight)]
    return _RowSums.apply(cells_of, *rows, max(1, _BLOCK // n_labels)).reshape(z.shape[:-1])


def _rows(x: Any, z: Any) -> Any:
    """A view of x as a matrix of rows; an axis of labels that says nothing stays of length 1."""
    return x.expand(*z.shape[:-1], x.shape[-1]).reshape(-1, x.shape[-1])


class _RowSums(torch.autograd.Function):
    """Sums of cells over rows; slopes are taken with them, block by block."""

    @staticmethod
    def forward(
        ctx: Any, cells_of: Callable[..., Any], y: Any, z: Any, weight: Any, n_rows: int
    ) -> Any:
        sloped = ctx.needs_input_grad[2]
        slopes = torch.empty_like(z) if sloped else None
        sums = z.new_empty(len(z))
        for start in range(0, len(z), n_rows):
            block = slice(start, start + n_rows)
            here = z[block].detach().requires_grad_(sloped)
            with torch.set_grad_enabled(sloped):
                cells = cells_of(y[block], here, None if weight is None else weight[block])
                total = cells.sum(-1)
            sums[block] = total.detach()
            if slopes is not None:
                (slopes[block],) = torch.autograd.grad(total, here, torch.ones_like(total))
        ctx.cells_of, ctx.slopes = cells_of, slopes
        ctx.save_for_backward(y, z, weight)
        return sums

    @staticmethod
    def backward(ctx: Any, upstream: Any) -> tuple[None, None, Any, None, None]:
        y, z, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative will be asked for
            total = (ctx.cells_of(y, z, weight).sum(-1) * upstream).sum()
            return None, None, torch.autograd.grad(total, z, create_graph=True)[0], None, None
        return None, None, ctx.slopes * upstream[:, None], None, None

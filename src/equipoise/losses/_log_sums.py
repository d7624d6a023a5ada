"""Logarithms of sums over the cells that count."""

from __future__ import annotations

from typing import Any

from keras import ops

# The logit of a cell that is not there: far below every logit, but not infinite, for
# infinities that cancel have no gradient.
_ABSENT = -1e30


def log_sum(masses: Any, z: Any, axis: int) -> Any:
    """log Σ m · e^z over one axis; about −1e30, with no gradient, where all masses are 0."""
    present = masses > 0
    terms = ops.where(present, z + ops.log(ops.where(present, masses, 1.0)), _ABSENT)
    return ops.logsumexp(terms, axis=axis)


def log_others(z: Any) -> Any:
    """log Σ_{j≠k} e^{z_j} for every k on the last axis, without cancellation."""
    total = ops.logsumexp(z, axis=-1, keepdims=True)
    # Subtracting its own term from the sum is safe unless that term is most of the sum.
    most = z - total > -0.6931
    rest = ops.logsumexp(ops.where(most, _ABSENT, z), axis=-1, keepdims=True)
    share = ops.exp(ops.where(most, 0.0, z - total))
    return ops.where(most, rest, total + ops.log1p(ops.where(most, 0.0, -share)))

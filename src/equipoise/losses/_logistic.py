"""σ(±z), softplus(±z) and their powers, exact far from 0 and as cheap as each backend allows."""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import keras
from keras import ops

_SHARING = 16  # cells that share a logarithm: a power of 2, and 2^16 is far from overflow
_PRODUCTS = (1, 2, 3, 4)  # powers up to here are cheaper by multiplication than by exp


class Logistic:
    """p = σ(z), q = σ(−z) = 1 − p and their negative logarithms, computed when asked for.

    Where a compiler joins what is computed twice (JAX, TensorFlow), all of them come from one
    exponential of −|z|; eager Torch is faster with its own fused functions. Neither form ever
    subtracts nearly equal numbers, so values and gradients are exact to rounding for any z.

    Args:
        z: a tensor of logits.
    """

    def __init__(self, z: Any):
        self.z = z
        self._fused = keras.backend.backend() == "torch"

    @cached_property
    def p(self) -> Any:
        """σ(z)."""
        if self._fused:  # not sigmoid: its slope p·(1 − p) is rounded away for p near 1
            return ops.exp(-self.minus_log_p)
        return ops.where(self._above, self._larger, self._smaller)

    @cached_property
    def q(self) -> Any:
        """σ(−z)."""
        if self._fused:
            return ops.exp(-self.minus_log_q)
        return ops.where(self._above, self._smaller, self._larger)

    @cached_property
    def minus_log_p(self) -> Any:
        """softplus(−z)."""
        if self._fused:
            return ops.softplus(-self.z)
        return self._log + ops.where(self._above, 0.0, -self.z)

    @cached_property
    def minus_log_q(self) -> Any:
        """softplus(z)."""
        if self._fused:
            return ops.softplus(self.z)
        return self._log + ops.where(self._above, self.z, 0.0)

    def p_to(self, gamma: float) -> Any:
        """p^γ, with a finite gradient however small p is; 1.0 for γ = 0."""
        if gamma == 0:
            return 1.0
        if gamma in _PRODUCTS:
            return product(self.p, int(gamma))
        return ops.exp(-gamma * self.minus_log_p)

    def q_to(self, gamma: float) -> Any:
        """q^γ, with a finite gradient however small q is; 1.0 for γ = 0."""
        if gamma == 0:
            return 1.0
        if gamma in _PRODUCTS:
            return product(self.q, int(gamma))
        return ops.exp(-gamma * self.minus_log_q)

    @cached_property
    def _above(self) -> Any:
        return self.z > 0

    @cached_property
    def _exp(self) -> Any:
        # Not abs(z): its gradient at 0 is 0, which would halve that of the loss.
        return ops.exp(ops.where(self._above, -self.z, self.z))

    @cached_property
    def _log(self) -> Any:
        return ops.log1p(self._exp)

    @cached_property
    def _larger(self) -> Any:
        return 1.0 / (1.0 + self._exp)

    @cached_property
    def _smaller(self) -> Any:
        return self._exp * self._larger


def softplus(z: Any) -> Any:
    """log(1 + e^z), where it is needed on one side only.

    That of Keras on JAX takes three passes over memory for a sum, and so does its slope.
    """
    return _softplus_jax()(z) if keras.backend.backend() == "jax" else ops.softplus(z)


@cache
def _softplus_jax() -> Any:
    import jax
    import jax.numpy as jnp

    @jax.custom_jvp
    def softplus(z: Any) -> Any:
        return jnp.maximum(z, 0.0) + jnp.log1p(jnp.exp(-jnp.abs(z)))

    @softplus.defjvp
    def slope(primals: Any, tangents: Any) -> Any:
        (z,), (direction,) = primals, tangents
        return softplus(z), jax.nn.sigmoid(z) * direction

    return softplus


def softplus_sums(z: Any) -> Any:
    """Σ_l log(1 + e^z_l) over the last axis.

    On TensorFlow cells share logarithms, which cost more than all else there:
    log(1 + a) + log(1 + b) = log(1 + (a + b + a·b)), in which nothing cancels. XLA of JAX is faster
    without it.
    """
    if keras.backend.backend() == "tensorflow":
        return _grouped_softplus_sums(z)
    return ops.sum(softplus(z), axis=-1)


def _grouped_softplus_sums(z: Any) -> Any:
    """Sums that take one logarithm for `_SHARING` cells; the last few take one each."""
    n_labels = z.shape[-1]
    if n_labels is None or n_labels < _SHARING:
        return ops.sum(softplus(z), axis=-1)
    share, rest = divmod(n_labels, _SHARING)
    parts = [z[..., i * share : (i + 1) * share] for i in range(_SHARING)]
    terms = [(ops.exp(-ops.abs(part)), ops.maximum(part, 0.0)) for part in parts]
    while len(terms) > 1:
        pairs = zip(terms[::2], terms[1::2], strict=True)
        terms = [(a + b + a * b, c + d) for (a, c), (b, d) in pairs]
    ((exps, linear),) = terms
    sums = ops.sum(linear + ops.log1p(exps), axis=-1)
    return sums + ops.sum(softplus(z[..., -rest:]), axis=-1) if rest else sums


def product(x: Any, n: int) -> Any:
    """x multiplied n times, n from 1 to 4."""
    if n == 1:
        return x
    square = x * x
    return square if n == 2 else (square * x if n == 3 else square * square)

"""Logarithms of the slopes of losses, finite however far the logit, and where they rise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

# Below this probability a link is no longer exact (before weights): losses that are flat for
# confident negatives cannot tell such probabilities apart.
SMALLEST_PROBABILITY = 1e-9

_GRID = np.linspace(-40.0, 40.0, 16001)


def log_sigmoid(z: Float) -> Float:
    """log σ(z) = −softplus(−z)."""
    return -np.logaddexp(0.0, -z)


def log_softplus(z: Float) -> Float:
    """log softplus(z); softplus(z) itself underflows for z below −745."""
    return np.where(z < -30.0, z, np.log(np.logaddexp(0.0, np.maximum(z, -30.0))))


def log_focal_slope(z: Float, gamma: float) -> Float:
    """log of the derivative of σ(z)^γ · softplus(z), which is p^γ · [p + γ(1 − p) softplus(z)]."""
    log_p = log_sigmoid(z)
    if gamma == 0:
        return log_p
    cross = np.log(gamma) + log_sigmoid(-z) + log_softplus(z)
    return gamma * log_p + np.logaddexp(log_p, cross)


def rising_range(log_odds: Callable[[Float], Float]) -> tuple[float, float]:
    """Returns the logits between which log-odds rise; where they start from −∞, that of 1e-9.

    An end beyond ±40 is returned as infinite, so the function must go on rising there.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = log_odds(_GRID)
        rises = np.diff(odds) > 1e-9 * (_GRID[1] - _GRID[0])
    if not np.isfinite(odds[0]):
        rises &= odds[:-1] > np.log(SMALLEST_PROBABILITY)
    ends = np.flatnonzero(np.diff(np.concatenate([[False], rises, [False]])))
    starts, stops = ends[::2], ends[1::2]
    longest = np.argmax(stops - starts)
    first, last = starts[longest], stops[longest]
    return (
        -np.inf if first == 0 else float(_GRID[first]),
        np.inf if last == len(_GRID) - 1 else float(_GRID[last]),
    )

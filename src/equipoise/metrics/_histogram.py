"""Histograms of logits that cover all of them, and what areas lose by them."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy.special import digamma

Float = NDArray[np.float64]

# Half of the bins are for |z| below this: p from 4.5e-5 to 1 − 4.5e-5.
_MIDDLE = 10.0


def places(z: Any, n_bins: int, n_labels: int) -> Any:
    """Returns the flat place, bin · L + label, of each of (N, L) logits in an (n_bins, L) array.

        bin = ⌊(1 − z / (10 + |z|)) n_bins / 2⌋, from 0 for the highest to n_bins − 1

    No logit is too large: a bin is 20 (1 + |z| / 10)² / n_bins wide, .05 at z = 0 and .2 at
    z = ±10 for 384 bins. Neighbours in a row land in neighbouring places.
    """
    # In this form infinity gives ±1, not ∞ / ∞.
    far = 1.0 - _MIDDLE / (_MIDDLE + ops.abs(z))
    bins = ops.clip((1.0 - ops.sign(z) * far) * (n_bins / 2), 0.0, n_bins - 1.0)
    # Torch scatters by int64 alone, and XLA is faster with int32.
    dtype = "int64" if keras.backend.backend() == "torch" else "int32"
    labels = ops.arange(n_labels, dtype=dtype)
    return ops.reshape(ops.cast(bins, dtype) * n_labels + labels, (-1,))


def histogram(flat_places: Any, weights: Any, n_bins: int, n_labels: int) -> Any:
    """Returns (n_bins, L) sums of (N, L) weights; nothing larger than these two is ever there."""
    flat = ops.reshape(weights, (-1,))
    if keras.backend.backend() == "torch":  # without the guards of Keras' own, which copy twice
        import torch

        empty = torch.zeros(n_bins * n_labels, dtype=flat.dtype, device=flat.device)
        sums = empty.scatter_add_(0, flat_places, flat)
    else:
        sums = ops.segment_sum(flat, flat_places, n_bins * n_labels)
    return ops.reshape(sums, (n_bins, n_labels))


def sums_above(*histograms: Any) -> tuple[Any, ...]:
    """Returns, for each histogram, the sum of the bins above each bin: of those before it."""
    if keras.backend.backend() == "jax":
        import jax

        # XLA's own on a CPU goes over the array log2(n_bins) times, a loop goes once: six times
        # as fast. On other devices each turn of a loop is a launch.
        if jax.default_backend() == "cpu":
            start = tuple(jax.numpy.zeros_like(histogram[0]) for histogram in histograms)
            return jax.lax.scan(_add, start, histograms)[1]
    return tuple(ops.cumsum(histogram, axis=0) - histogram for histogram in histograms)


def _add(totals: tuple[Any, ...], rows: tuple[Any, ...]) -> tuple[Any, Any]:
    # Not inside: JAX compiles a loop anew for each new function, outside of compiled code.
    return tuple(total + row for total, row in zip(totals, rows, strict=True)), totals


# ---------------------------------------------------------------------- on arrays, in float64


def roc_auc_bounds(positive: Float, negative: Float) -> tuple[Float, Float]:
    """Returns the lowest and highest areas, (L,), that (B, L) histograms allow.

    Only pairs inside one bin are in doubt.
    """
    pairs = positive.sum(axis=0) * negative.sum(axis=0)
    sure = (negative * (np.cumsum(positive, axis=0) - positive)).sum(axis=0)
    doubtful = (positive * negative).sum(axis=0)
    return _share(sure, pairs), _share(sure + doubtful, pairs)


def average_precision_bounds(
    positive: Float, negative: Float, counts: NDArray[np.bool_]
) -> tuple[Float, Float]:
    """Returns the lowest and highest average precision, (L,), that (B, L) histograms allow.

    Above a bin there are a positives and f negatives, in it p and n. At best its positives come
    first and are one tie: p (a + p) / (a + p + f). At worst its negatives come first and its
    positives are no ties: Σ_{i=1…p} (a + i) / (a + i + f + n) where the positives are counted,
    and the integral over t from 0 to p where they have weights of any size.

    Args:
        positive: histogram of the positives.
        negative: histogram of the negatives.
        counts: (L,) whether all positives of a label weigh 1.
    """
    above = np.maximum(np.cumsum(positive, axis=0) - positive, 0.0)
    wrong = np.maximum(np.cumsum(negative, axis=0) - negative, 0.0)
    c = wrong + negative
    # Both sums are p − c (…), with c = f + n.
    counted = digamma(above + positive + c + 1) - digamma(above + c + 1)
    weighed = np.log1p(np.nan_to_num(_share(positive, above + c)))
    low = np.where(positive > 0, positive - c * np.where(counts, counted, weighed), 0.0)
    high = positive * np.nan_to_num(_share(above + positive, above + positive + wrong))
    total = positive.sum(axis=0)
    return _share(low.sum(axis=0), total), _share(high.sum(axis=0), total)


def _share(part: Float, whole: Float) -> Float:
    nowhere = np.full(np.shape(whole), np.nan)
    return np.divide(part, whole, out=nowhere, where=np.asarray(whole) > 0)

"""Generated labels, scores and weights, of the kinds that break metrics."""

import warnings

import numpy as np
from scipy.special import expit

KINDS = ("continuous", "ties", "constant", "saturated", "infinite")
TOLERANCE = {"rtol": 1e-12, "atol": 1e-12}


def scores_of(kind, rng, shape, dtype):
    if kind == "ties":
        scores = rng.integers(0, 4, size=shape) / 4
    elif kind == "constant":
        scores = np.full(shape, 0.3)
    elif kind == "saturated":
        scores = expit(rng.normal(size=shape) * 60)
    elif kind == "infinite":
        scores = rng.choice([-np.inf, -1.0, 0.0, 1.0, np.inf], size=shape)
    else:
        scores = rng.random(shape)
    return scores.astype(dtype)


def cases(kind, n_cases, *, max_rows=30, max_labels=5, min_labels=1):
    """Yields (y (N, L), scores (N, L), weights (N,) or None); some labels and rows are empty."""
    rng = np.random.default_rng(KINDS.index(kind) + 10 * n_cases)
    for i in range(n_cases):
        n = int(rng.integers(1, max_rows)) if i % 10 else 1
        n_labels = int(rng.integers(min_labels, max_labels + 1))
        y = (rng.random((n, n_labels)) < rng.choice([0.1, 0.5, 0.9])).astype(np.int64)
        if i % 4 == 0:
            y[:, rng.integers(n_labels)] = 0
        scores = scores_of(kind, rng, y.shape, np.float32 if i % 2 else np.float64)
        weights = None
        if i % 3 == 0:
            weights = rng.random(n) * (rng.random(n) < 0.8)
            weights[0] += 0.1  # scikit-learn cannot average weights of 0 alone
        yield y, scores, weights


def quietly(function, *args, **options):
    """Calls scikit-learn without its warnings about undefined values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **options)

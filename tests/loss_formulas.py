"""The losses once more, as plain as their papers write them, in float64 and without Keras.

Each function takes hard or soft targets and returns what one cell, or one row, costs. None is
written for speed or for extreme logits beyond what float64 bears.
"""

import numpy as np
from scipy.special import expit, logsumexp


def softplus(z):
    return np.logaddexp(0.0, z)


def focal_sides(z, gamma, alpha=None):
    positive = expit(-z) ** gamma * softplus(-z)
    negative = expit(z) ** gamma * softplus(z)
    if alpha is None:
        return positive, negative
    return alpha * positive, (1 - alpha) * negative


def asymmetric_sides(z, gamma_pos, gamma_neg, margin):
    p = expit(z)
    positive = expit(-z) ** gamma_pos * softplus(-z)
    if margin == 0:
        return positive, p**gamma_neg * softplus(z)
    p_m = np.maximum(p - margin, 0)
    rest = np.where(p > 0.5, expit(-z) + margin, 1 - p_m)
    return positive, -(p_m**gamma_neg) * np.log(rest)


def hill_sides(z, lambda_=1.5, margin=1.0, gamma=2.0):
    p = expit(z)
    return expit(margin - z) ** gamma * softplus(margin - z), (lambda_ - p) * p**2


def ldam_sides(z, margin, scale):
    return softplus(-scale * (z - margin)), softplus(scale * z)


def tolerant_sides(z, offset, lambda_, gamma):
    """Distribution-balanced loss without weights, u = z + offset."""
    u = z + offset
    return (
        expit(-u) ** gamma * softplus(-u),
        expit(lambda_ * u) ** gamma * softplus(lambda_ * u) / lambda_,
    )


def rebalancing(y, prevalence, alpha=0.1, beta=10.0, mu=0.2):
    """The weights of distribution-balanced loss, row by row; unknown labels in no row's sum."""
    weights = np.empty(y.shape)
    for row in np.ndindex(y.shape[:-1]):
        known = np.where(y[row] >= 0, y[row], 0)
        repeats = (known / prevalence).sum()
        if repeats == 0:
            weights[row] = alpha + 1
        else:
            ratio = (1 / prevalence) / repeats
            weights[row] = alpha + expit(beta * (ratio - mu))
    return weights


def propensity_sides(z, propensity, form):
    if form == "convex":
        return (2 / propensity - 1) * softplus(-z), softplus(z)
    return softplus(-z) / propensity - (1 / propensity - 1) * softplus(z), softplus(z)


def zlpr_row(positive, negative, z):
    """Of one row: masses of its positives and its negatives."""
    on, off = positive > 0, negative > 0
    return np.log1p((negative[off] * np.exp(z[off])).sum()) + np.log1p(
        (positive[on] * np.exp(-z[on])).sum()
    )


def two_way_part(positive, negative, z, t_pos, t_neg):
    """Of one row, or of one label; 0 if either side is empty."""
    on, off = positive > 0, negative > 0
    if not on.any() or not off.any():
        return 0.0
    worst_negative = t_neg * np.log((negative[off] * np.exp(z[off] / t_neg)).sum())
    worst_positive = t_pos * np.log((positive[on] * np.exp(-z[on] / t_pos)).sum())
    return softplus(worst_negative + worst_positive)


def f_beta(positive, negative, s, beta):
    tp, fp, fn = (positive * s).sum(), (negative * s).sum(), (positive * (1 - s)).sum()
    return (1 + beta**2) * tp / ((1 + beta**2) * tp + beta**2 * fn + fp)


def log_softmax(z):
    return z - logsumexp(z, axis=-1, keepdims=True)


def categorical_focal(z, gamma):
    """Per class, were it the true one."""
    log_p = log_softmax(z)
    return -((1 - np.exp(log_p)) ** gamma) * log_p


def expected_loss(sides, q, w_positive=1.0, w_negative=1.0):
    """Of cells that are positive with probability q."""
    positive, negative = sides
    return q * w_positive * positive + (1 - q) * w_negative * negative

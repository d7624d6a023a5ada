"""Every loss with options of its own, three labels, and what it should cost in float64."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.special import expit, logit

from equipoise import losses
from loss_formulas import (
    asymmetric_sides,
    categorical_focal,
    f_beta,
    focal_sides,
    hill_sides,
    ldam_sides,
    log_softmax,
    propensity_sides,
    rebalancing,
    softplus,
    tolerant_sides,
    two_way_part,
    zlpr_row,
)

PREVALENCE = np.array([0.2, 0.05, 0.6])
MARGINS = 0.5 * (PREVALENCE / 0.05) ** -0.25
ALPHA = np.array([0.25, 0.5, 0.9])


@dataclass(frozen=True)
class Case:
    """A loss class, its options, and its reference.

    `sides` gives the losses of positives and negatives of a cell-wise loss (or, for classes, of
    every class, were it the true one); `total` the whole value of any other loss, from masses.
    """

    loss: type
    options: dict[str, Any] = field(default_factory=dict)
    sides: Callable[..., Any] | None = None
    total: Callable[..., Any] | None = None
    factor: Callable[..., Any] = lambda y: 1.0
    has_link: bool = True
    soft: bool = True

    def make(self, **options):
        return self.loss(**{"from_logits": True, **self.options, **options})

    @property
    def categorical(self):
        return "Categorical" in self.loss.__name__

    @property
    def cellwise(self):
        return issubclass(self.loss, losses.CellwiseLoss)


def over_rows(row):
    def total(positive, negative, z, row_weight):
        parts = [row(*cells) for cells in zip(positive, negative, z, strict=True)]
        return float(np.dot(parts, row_weight))

    return total


def two_way_total(t_pos, t_neg):
    def total(positive, negative, z, row_weight):
        rows = [two_way_part(*r, t_pos, t_neg) for r in zip(positive, negative, z, strict=True)]
        weighted = positive * row_weight[:, None], negative * row_weight[:, None]
        columns = [
            two_way_part(*c, t_pos, t_neg) for c in zip(*(x.T for x in (*weighted, z)), strict=True)
        ]
        return float(np.dot(rows, row_weight)) + sum(columns)

    return total


def soft_f_total(beta, average, slope, offset):
    def total(positive, negative, z, row_weight):
        w = row_weight[:, None]
        parts = [positive * w, negative * w, expit(slope * (z + offset))]
        if average == "micro":
            groups = [[x.ravel() for x in parts]]
        else:
            groups = list(zip(*(x.T for x in parts), strict=True))
        return sum(1 - f_beta(*group, beta) for group in groups if group[0].sum() > 0)

    return total


CASES = {
    "weighted": Case(losses.WeightedBinaryCrossentropy, {}, lambda z: (softplus(-z), softplus(z))),
    "logit_adjusted": Case(
        losses.LogitAdjustedBinaryCrossentropy,
        {"prevalence": PREVALENCE, "tau": 0.7},
        lambda z: (
            softplus(-z - 0.7 * logit(PREVALENCE)),
            softplus(z + 0.7 * logit(PREVALENCE)),
        ),
    ),
    "focal": Case(losses.Focal, {}, lambda z: focal_sides(z, 2)),
    "focal_alpha": Case(
        losses.Focal, {"gamma": 0.5, "alpha": ALPHA}, lambda z: focal_sides(z, 0.5, ALPHA)
    ),
    "asymmetric": Case(losses.Asymmetric, {}, lambda z: asymmetric_sides(z, 1, 4, 0.05)),
    "asymmetric_fractions": Case(
        losses.Asymmetric,
        {"gamma_pos": 0.5, "gamma_neg": 1.5, "margin": 0.001},
        lambda z: asymmetric_sides(z, 0.5, 1.5, 0.001),
    ),
    "asymmetric_no_margin": Case(
        losses.Asymmetric,
        {"gamma_pos": 0.0, "gamma_neg": 3.0, "margin": 0.0},
        lambda z: asymmetric_sides(z, 0, 3, 0),
    ),
    "hill": Case(losses.Hill, {}, hill_sides),
    "ldam": Case(
        losses.LDAM,
        {"prevalence": PREVALENCE, "scale": 4.0},
        lambda z: ldam_sides(z, MARGINS, 4.0),
    ),
    "distribution_balanced": Case(
        losses.DistributionBalanced,
        {"prevalence": PREVALENCE},
        lambda z: tolerant_sides(z, 0.05 * logit(PREVALENCE), 2, 2),
        factor=lambda y: rebalancing(y, PREVALENCE),
        has_link=False,
    ),
    "ntr": Case(
        losses.DistributionBalanced,
        {"prevalence": PREVALENCE, "rebalance": False, "gamma": 0.0, "lambda_": 5.0},
        lambda z: tolerant_sides(z, 0.05 * logit(PREVALENCE), 5, 0),
    ),
    "ntr_focal": Case(
        losses.DistributionBalanced,
        {"prevalence": PREVALENCE, "rebalance": False, "kappa_over_lambda": True, "kappa": 0.4},
        lambda z: tolerant_sides(z, 0.2 * logit(PREVALENCE), 2, 2),
    ),
    "propensity": Case(
        losses.PropensityBinaryCrossentropy,
        {"propensity": ALPHA},
        lambda z: propensity_sides(z, ALPHA, "convex"),
    ),
    "propensity_unbiased": Case(
        losses.PropensityBinaryCrossentropy,
        {"propensity": ALPHA, "form": "unbiased"},
        lambda z: propensity_sides(z, ALPHA, "unbiased"),
    ),
    "zlpr": Case(losses.ZLPR, {}, total=over_rows(zlpr_row), has_link=False),
    "two_way": Case(losses.TwoWay, {}, total=two_way_total(4, 1), has_link=False, soft=False),
    "soft_f1": Case(losses.SoftFBeta, {}, total=soft_f_total(1, "macro", 1, 0), has_link=False),
    "soft_f2_micro": Case(
        losses.SoftFBeta,
        {"beta": 2.0, "average": "micro", "slope": 3.0, "offset": 0.5},
        total=soft_f_total(2, "micro", 3, 0.5),
        has_link=False,
    ),
    "categorical": Case(losses.WeightedCategoricalCrossentropy, {}, lambda z: -log_softmax(z)),
    "categorical_adjusted": Case(
        losses.LogitAdjustedCategoricalCrossentropy,
        {"prevalence": PREVALENCE},
        lambda z: -log_softmax(z + np.log(PREVALENCE)),
    ),
    "categorical_focal": Case(
        losses.CategoricalFocal, {"gamma": 1.5}, lambda z: categorical_focal(z, 1.5)
    ),
}


def masses(y, positive, negative):
    """y·w₊ and (1 − y)·w₋ in float64, 0 where y is unknown."""
    y = np.asarray(y, np.float64)
    known = y >= 0
    return np.where(known, y * positive, 0.0), np.where(known, (1 - y) * negative, 0.0)


def reference(case, y, z, *, positive=1.0, negative=1.0, row_weight=None, cell_weight=1.0):
    """The sum of all terms of a loss, in float64."""
    z = np.asarray(z, np.float64)
    row_weight = np.ones(len(z)) if row_weight is None else np.asarray(row_weight, np.float64)
    m_pos, m_neg = (m * cell_weight for m in masses(y, positive, negative))
    if case.total is not None:
        return case.total(m_pos, m_neg, z, row_weight)
    if case.categorical:
        terms = m_pos * case.sides(z)
    else:
        pos, neg = case.sides(z)
        terms = case.factor(np.asarray(y, np.float64)) * (m_pos * pos + m_neg * neg)
    return float((terms.reshape(len(z), -1).sum(-1) * row_weight).sum())


def reference_gradient(case, y, z, step=1e-6, **options):
    """Its derivative by the logits, by central differences."""
    z = np.asarray(z, np.float64)
    gradient = np.zeros_like(z)
    for cell in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[cell] += step
        down[cell] -= step
        high, low = (reference(case, y, at, **options) for at in (up, down))
        gradient[cell] = (high - low) / (2 * step)
    return gradient


def n_terms(case, y):
    """What "sum_over_batch_size" divides the sum by; None for sums of two means."""
    if case.cellwise:
        return np.size(y)
    if case.loss is losses.SoftFBeta:
        return np.shape(y)[-1] if case.options.get("average", "macro") == "macro" else 1
    return None if case.loss is losses.TwoWay else len(y)

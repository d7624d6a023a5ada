"""Inverse links: the probability that a logit stands for, given the loss it was trained with.

A loss y·w₊·ℓ₊(z) + (1 − y)·w₋·ℓ₋(z) is smallest, for a cell that is positive with probability
q, where q·w₊·ℓ₊′(z) + (1 − q)·w₋·ℓ₋′(z) = 0. In log-odds that is

    logit q = log ℓ₋′(z) − log(−ℓ₊′(z)) − log(w₊ / w₋)

The first two terms belong to the loss, the last is a shift per label. A `Link` holds both, needs
no Keras, and is saved with a model so that its logits can be read as probabilities later.

Losses that do not add up over labels (ZLPR, two-way, F-measures, distribution-balanced weights)
have no link: their probabilities come from a calibration fitted on held-out rows.
"""

from collections.abc import Mapping

from equipoise.links.asymmetric import AsymmetricLink
from equipoise.links.categorical import CategoricalFocalLink, SoftmaxLink
from equipoise.links.focal import FocalLink, HillLink, NegativeToleranceLink
from equipoise.links.link import Link
from equipoise.links.sigmoid import LDAMLink, PropensityLink, SigmoidLink

LINKS: Mapping[str, type[Link]] = {
    link.__name__: link
    for link in (
        SigmoidLink,
        LDAMLink,
        PropensityLink,
        FocalLink,
        NegativeToleranceLink,
        HillLink,
        AsymmetricLink,
        SoftmaxLink,
        CategoricalFocalLink,
    )
}

__all__ = [
    "LINKS",
    "AsymmetricLink",
    "CategoricalFocalLink",
    "FocalLink",
    "HillLink",
    "LDAMLink",
    "Link",
    "NegativeToleranceLink",
    "PropensityLink",
    "SigmoidLink",
    "SoftmaxLink",
]

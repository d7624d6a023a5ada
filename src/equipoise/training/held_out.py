"""The score of held-out rows by which training keeps an epoch, and a network its encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from equipoise import exact
from equipoise._errors import Undefined
from equipoise.stats import LabelStats
from equipoise.targets import Targets


def held_out_score(
    targets: Targets,
    log_odds: NDArray[np.float64],
    sample_weight: Any = None,
    *,
    loss_share: float = 0.1,
) -> float:
    """Macro average precision minus a share of the log loss; without positives, the latter alone.

    Average precision says when the ranking is best, but not that it is sure: where it reaches 1
    after a few epochs, the probabilities are still to be learned.

    Args:
        targets: labels of the held-out rows.
        log_odds: (N, L) what a network says of them.
        sample_weight: (N,), (N, 1) or (N, L).
        loss_share: what of the log loss is taken off, itself a share of that of the prevalence.
    """
    weight = None if sample_weight is None or not np.any(sample_weight) else sample_weight
    loss = float(exact.log_loss(targets, expit(log_odds), average="micro", sample_weight=weight))
    loss /= _log_loss_of_prevalence(targets)
    try:
        ranked = exact.average_precision(targets, log_odds, average="macro", sample_weight=weight)
        return ranked - loss_share * loss
    except Undefined:
        return -loss


def _log_loss_of_prevalence(targets: Targets) -> float:
    """The log loss of always saying how frequent the label is."""
    stats = LabelStats.from_targets(targets, labelsets=False)
    prevalence = (stats.positives + 0.5) / (stats.positives + stats.negatives + 1.0)
    always = np.broadcast_to(prevalence, targets.shape)
    return float(exact.log_loss(targets, always, average="micro"))

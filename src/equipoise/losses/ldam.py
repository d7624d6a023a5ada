"""LDAM for several labels: positives of rare labels need a larger margin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import check_number
from equipoise.links import LDAMLink
from equipoise.losses._frequencies import check_same_labels, usable_prevalence
from equipoise.losses._logistic import softplus, softplus_sums
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss

if TYPE_CHECKING:
    from equipoise.stats import LabelStats


def ldam_margins(frequency: NDArray[np.float64], max_margin: float) -> NDArray[np.float64]:
    """Δ_k = C · n_k^(−1/4), C such that the largest is `max_margin`  (Cao et al. 2019, eq. 13)."""
    return max_margin * (frequency / frequency.min()) ** -0.25


@keras.saving.register_keras_serializable(package="equipoise")
class LDAM(CellwiseLoss):
    """Cross-entropy that asks of positives a margin, the larger the rarer their label.

        cell loss = y · w₊ · softplus(−s · (z − Δ_k)) + (1 − y) · w₋ · softplus(s · z),
        Δ_k = C · n_k^(−1/4)

    Its authors weigh labels only in the last epochs: `equipoise.callbacks.DeferredReweighting`.

    Not for logits of ordinary size unless s is lowered: s = 30 suits cosines in [−1, 1].

    Args:
        stats: the label counts of the training rows; or else
        prevalence: L shares of positives, strictly between 0 and 1.
        max_margin: the largest Δ, that of the rarest label.
        scale: s > 0.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.

    Labels of `stats` without positives have the margin of the rarest label that has some.

    Raises:
        InvalidInput: no prevalence, a number out of range, or what `LabelLoss` refuses.

    Examples:
        >>> loss = LDAM(prevalence=[0.16, 0.01], scale=1.0, from_logits=True, reduction="none")
        >>> loss.margins
        array([0.25, 0.5 ])
        >>> [round(float(cell), 4) for cell in loss([[1, 0]], [[0.25, 0.0]])[0]]
        [0.6931, 0.6931]

    Reference:
        Cao et al., "Learning Imbalanced Datasets with Label-Distribution-Aware Margin Loss",
        NeurIPS 2019, eq. 13; there for softmax, here for each label on its own.
    """

    def __init__(
        self,
        stats: LabelStats | None = None,
        *,
        prevalence: ArrayLike | None = None,
        max_margin: float = 0.5,
        scale: float = 30.0,
        **options: Unpack[LossOptions],
    ):
        shares = usable_prevalence(stats, prevalence)
        if stats is not None and options.get("label_names") is None:
            options["label_names"] = stats.label_names
        super().__init__(**options)
        check_same_labels(stats, options.get("weights"))
        self.max_margin = check_number("max_margin", max_margin, minimum=0.0)
        self.scale = check_number("scale", scale, minimum=0.0, open_minimum=True)
        if stats is not None and (stats.positives > 0).any():
            shares = np.maximum(shares, shares[stats.positives > 0].min())
        self.prevalence = shares
        self.margins = ldam_margins(shares, self.max_margin)
        self.add_label_parameter(
            "margin", self.margins, "stats" if prevalence is None else "prevalence"
        )

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = softplus(−s · (z − Δ))."""
        return softplus(-self.scale * (z - p["margin"]))

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = softplus(s · z)."""
        return softplus(self.scale * z)

    def negative_sums(self, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ softplus(s · z) of rows without labels."""
        return softplus_sums(self.scale * z)

    @property
    def link(self) -> LDAMLink:
        """logit q = log σ(s·z) − log σ(−s·(z − Δ)) − log(w₊ / w₋)."""
        return LDAMLink(self.weight_shift(), margin=self.margins, scale=self.scale)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {
            **super().get_config(),
            "prevalence": self.prevalence.tolist(),
            "max_margin": self.max_margin,
            "scale": self.scale,
        }

"""Logit-adjusted binary cross-entropy: the prior of every label is added while training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import keras
from numpy.typing import ArrayLike
from scipy.special import logit

from equipoise._errors import check_number
from equipoise.links import SigmoidLink
from equipoise.losses._frequencies import check_same_labels, usable_prevalence
from equipoise.losses._logistic import softplus, softplus_sums
from equipoise.losses.base import Reduction
from equipoise.losses.cellwise import CellwiseLoss
from equipoise.losses.weighted import crossentropy_cells

if TYPE_CHECKING:
    from equipoise.stats import LabelStats
    from equipoise.weights import LabelWeights


@keras.saving.register_keras_serializable(package="equipoise")
class LogitAdjustedBinaryCrossentropy(CellwiseLoss):
    """Binary cross-entropy of logits to which each label's prior log-odds are added.

        cell loss = w · [y · w₊ · softplus(−u) + (1 − y) · w₋ · softplus(u)],
        u = z + τ · logit π

    The network thus learns z, how far a row departs from its label's prior, and with τ = 1 a
    threshold of 0 on z maximises the balanced accuracy of each label. `to_probability` gives the
    true probabilities: logit q = z + τ · logit π − log(w₊ / w₋).

    Not for better probabilities or ranking: it is plain cross-entropy whose output bias starts
    at the prior, and a model started there learns the same.

    Args:
        stats: the label counts of the training rows; or else
        prevalence: L shares of positives π, strictly between 0 and 1.
        tau: strength τ ≥ 0 of the adjustment; 0 is plain cross-entropy.
        weights: a `LabelWeights`, or else any of the three lists that follow.
        positive_weight: L weights w₊ ≥ 0 on cells with y = 1 (1 by default).
        negative_weight: L weights w₋ ≥ 0 on cells with y = 0 (1 by default).
        label_weight: L weights w ≥ 0 on both (1 by default).
        label_names: L names for messages; by default those of `stats` or of `weights`.
        from_logits: whether y_pred holds logits rather than probabilities; see `CellwiseLoss`.
        reduction: how cells become one number; see `CellwiseLoss`.
        name: name of the loss.
        dtype: "float64" to compute in double precision; float32 otherwise.

    Labels of `stats` without positives, or without negatives, take π = (n + ½) / (N + 1) of their
    n positives among N known rows.

    Raises:
        InvalidInput: no prevalence, one outside (0, 1), statistics and weights of other labels,
            or what `CellwiseLoss` refuses.

    Examples:
        >>> loss = LogitAdjustedBinaryCrossentropy(prevalence=[0.1, 0.5], from_logits=True)
        >>> loss.to_probability([[0.0, 0.0]])
        array([[0.1, 0.5]])

    Reference:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021; there for softmax,
        here with the log-odds of each label on its own.
    """

    fused_on_torch = True

    def __init__(
        self,
        stats: LabelStats | None = None,
        *,
        prevalence: ArrayLike | None = None,
        tau: float = 1.0,
        weights: LabelWeights | None = None,
        positive_weight: ArrayLike | None = None,
        negative_weight: ArrayLike | None = None,
        label_weight: ArrayLike | None = None,
        label_names: Iterable[object] | None = None,
        from_logits: bool = False,
        reduction: Reduction = "sum_over_batch_size",
        name: str | None = "logit_adjusted_binary_crossentropy",
        dtype: Any = None,
    ):
        shares = usable_prevalence(stats, prevalence)
        if stats is not None and label_names is None:
            label_names = stats.label_names
        super().__init__(
            weights,
            positive_weight=positive_weight,
            negative_weight=negative_weight,
            label_weight=label_weight,
            label_names=label_names,
            from_logits=from_logits,
            reduction=reduction,
            name=name,
            dtype=dtype,
        )
        check_same_labels(stats, weights)
        self.tau = check_number("tau", tau, minimum=0.0, maximum=1e3)
        self.prevalence = shares
        argument = "stats" if prevalence is None else "prevalence"
        self.add_label_parameter("offset", self.tau * logit(shares), argument)

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = softplus(−z − τ · logit π)."""
        return softplus(-z - p["offset"])

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = softplus(z + τ · logit π)."""
        return softplus(z + p["offset"])

    def negative_sums(self, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ softplus(z + τ · logit π) of rows without labels."""
        return softplus_sums(z + p["offset"])

    def cell_losses(self, y: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The weighted losses of all cells, both sides at once."""
        return crossentropy_cells(y, z + p["offset"], p)

    @property
    def link(self) -> SigmoidLink:
        """logit q = z + τ · logit π − log(w₊ / w₋)."""
        return SigmoidLink(self.weight_shift() - self.label_parameters["offset"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "prevalence": self.prevalence.tolist(), "tau": self.tau}

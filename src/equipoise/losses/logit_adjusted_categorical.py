"""Logit-adjusted softmax cross-entropy: the prior of every class is added while training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Unpack

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from equipoise._errors import check_number
from equipoise.links import SoftmaxLink
from equipoise.losses._frequencies import check_same_labels, usable_prevalence
from equipoise.losses.base import LossOptions
from equipoise.losses.categorical import CategoricalLoss, DivideBy

if TYPE_CHECKING:
    from equipoise.stats import LabelStats


@keras.saving.register_keras_serializable(package="equipoise")
class LogitAdjustedCategoricalCrossentropy(CategoricalLoss):
    """Softmax cross-entropy of logits to which the log of each class's prior is added.

        loss = −(1/N) Σ_n Σ_k w_k · T_nk · log softmax(z + τ · log π)_nk

    The largest plain logit z is then, with τ = 1, the class of the smallest balanced error.
    `to_probability` gives the true probabilities: softmax(z + τ · log π − log w).

    Not for better probabilities or accuracy: it is cross-entropy with another output bias.

    Args:
        stats: the class counts of the training rows; or else
        prevalence: K shares π, strictly between 0 and 1.
        tau: strength τ ≥ 0; 0 is plain cross-entropy.
        divide_by: "rows" or "weights"; see `CategoricalLoss`.
        **options: weights, from_logits, reduction and the like; see `CategoricalLoss`.

    Classes of `stats` without rows take π = ½ / (N + 1).

    Raises:
        InvalidInput: no prevalence, one outside (0, 1), or what `CategoricalLoss` refuses.

    Examples:
        >>> loss = LogitAdjustedCategoricalCrossentropy(prevalence=[0.9, 0.1], from_logits=True)
        >>> loss.to_probability([[0.0, 0.0]])
        array([[0.9, 0.1]])

    Reference:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, eq. 10.
    """

    def __init__(
        self,
        stats: LabelStats | None = None,
        *,
        prevalence: ArrayLike | None = None,
        tau: float = 1.0,
        divide_by: DivideBy = "rows",
        **options: Unpack[LossOptions],
    ):
        shares = usable_prevalence(stats, prevalence)
        if stats is not None and options.get("label_names") is None:
            options["label_names"] = stats.label_names
        super().__init__(divide_by=divide_by, **options)
        check_same_labels(stats, options.get("weights"))
        self.tau = check_number("tau", tau, minimum=0.0, maximum=1e6)
        self.prevalence = shares
        source = "stats" if prevalence is None else "prevalence"
        self.add_label_parameter("offset", self.tau * np.log(shares), source)

    def class_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ_k = −log softmax(z + τ · log π)_k."""
        return -ops.log_softmax(z + p["offset"], axis=-1)

    @property
    def link(self) -> SoftmaxLink:
        """q = softmax(z + τ · log π − log w)."""
        return SoftmaxLink(self.class_weight_shift() - self.label_parameters["offset"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "prevalence": self.prevalence.tolist(), "tau": self.tau}

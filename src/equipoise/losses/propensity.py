"""Propensity losses: positives that were never recorded are allowed for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Unpack

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_choice
from equipoise.links import Link, PropensityLink, SigmoidLink
from equipoise.losses._arguments import label_vector
from equipoise.losses._frequencies import check_same_labels
from equipoise.losses._logistic import softplus, softplus_sums
from equipoise.losses.base import LossOptions
from equipoise.losses.cellwise import CellwiseLoss
from equipoise.losses.weighted import crossentropy_cells

if TYPE_CHECKING:
    from equipoise.stats import LabelStats


@keras.saving.register_keras_serializable(package="equipoise")
class PropensityBinaryCrossentropy(CellwiseLoss):
    """Cross-entropy against the true labels, of which each is recorded with a known probability π.

        "unbiased": ℓ₊(z) = softplus(−z)/π − (1/π − 1)·softplus(z)
        "convex":   ℓ₊(z) = (2/π − 1)·softplus(−z)
        both:       ℓ₋(z) = softplus(z),   cell loss = y · w₊ · ℓ₊ + (1 − y) · w₋ · ℓ₋

    The unbiased form has in expectation the loss of the complete labels, and σ(z) is then the
    probability of the true label; but it has no lower bound, so small data overfit it. The convex
    form bounds it from above. `to_probability` gives the probability of the label *as recorded*,
    the only one that recorded labels can check.

    Not where what is not recorded is known to be negative.

    Args:
        stats: the label counts of the training rows, from which π comes by the model of Jain
            (`inverse_propensity` of `LabelWeights`); or else
        propensity: L probabilities π in (0, 1].
        form: "convex" or "unbiased".
        a: A > 0 of the model; .55 by default, .5 for Wikipedia, .6 for Amazon.
        b: B > 0 of the model; 1.5 by default, .4 for Wikipedia, 2.6 for Amazon.
        **options: weights, from_logits, reduction and the like; see `LabelLoss`, `CellwiseLoss`.

    Raises:
        InvalidInput: neither or both of stats and propensity, a π outside (0, 1], or what
            `LabelLoss` refuses.

    Examples:
        >>> loss = PropensityBinaryCrossentropy(propensity=[0.5, 1.0], from_logits=True,
        ...                                     reduction="none")
        >>> [round(float(cell), 4) for cell in loss([[1, 1]], [[0.0, 0.0]])[0]]
        [2.0794, 0.6931]
        >>> loss.to_probability([[0.0, 0.0]])
        array([[0.25, 0.5 ]])

    Reference:
        Jain et al., "Extreme Multi-label Loss Functions for Recommendation, Tagging, Ranking and
        Other Missing Label Applications", KDD 2016, eq. 3 (π); Qaraei et al., "Convex Surrogates
        for Unbiased Loss Functions in Extreme Classification With Missing Labels", WWW 2021.
    """

    fused_on_torch = True

    def __init__(
        self,
        stats: LabelStats | None = None,
        *,
        propensity: ArrayLike | None = None,
        form: Literal["convex", "unbiased"] = "convex",
        a: float = 0.55,
        b: float = 1.5,
        **options: Unpack[LossOptions],
    ):
        shares = _propensities(stats, propensity, a, b)
        if stats is not None and options.get("label_names") is None:
            options["label_names"] = stats.label_names
        super().__init__(**options)
        check_same_labels(stats, options.get("weights"))
        check_choice("form", form, ("convex", "unbiased"))
        self.form, self.propensity = form, shares
        source = "stats" if propensity is None else "propensity"
        self.add_label_parameter("inverse_propensity", 1 / shares, source)

    def positive_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₊(z) = softplus(−z)/π − (1/π − 1)·softplus(z), or its convex bound."""
        inverse = p["inverse_propensity"]
        if self.form == "convex":
            return (2.0 * inverse - 1.0) * softplus(-z)
        # softplus(z) = softplus(−z) + z: nothing large is subtracted.
        return softplus(-z) - (inverse - 1.0) * z

    def negative_losses(self, z: Any, p: Mapping[str, Any]) -> Any:
        """ℓ₋(z) = softplus(z)."""
        return softplus(z)

    def negative_sums(self, z: Any, p: Mapping[str, Any]) -> Any:
        """Σ softplus(z) of rows without labels."""
        return softplus_sums(z)

    def cell_losses(self, y: Any, z: Any, p: Mapping[str, Any]) -> Any:
        """The weighted losses of all cells, both sides at once."""
        inverse = p["inverse_propensity"]
        if self.form == "convex":
            weight = (2.0 * inverse - 1.0) * p.get("positive", 1.0)
            return crossentropy_cells(y, z, {**p, "positive": weight})
        positive, _ = self.cell_masses(y, p)
        return crossentropy_cells(y, z, p) - positive * (inverse - 1.0) * z

    @property
    def link(self) -> Link:
        """logit q of a recorded label."""
        if self.form == "unbiased":
            return PropensityLink(self.weight_shift(), propensity=self.propensity)
        return SigmoidLink(self.weight_shift() + np.log(2 / self.propensity - 1))

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {
            **super().get_config(),
            "propensity": self.propensity.tolist(),
            "form": self.form,
        }


def _propensities(
    stats: LabelStats | None, propensity: ArrayLike | None, a: float, b: float
) -> NDArray[np.float64]:
    if (stats is None) == (propensity is None):
        raise InvalidInput(
            "This loss needs the propensities once.",
            received="neither" if stats is None else "both `stats` and `propensity`",
            remedy="Pass stats=LabelStats.from_targets(y_train), or propensity=[...].",
        )
    if propensity is not None:
        shares = label_vector("propensity", propensity)
        outside = np.flatnonzero((shares <= 0) | (shares > 1))
        if len(outside):
            raise InvalidInput(
                "`propensity` must lie in (0, 1].",
                received=f"{shares[outside[0]]} for label {outside[0]}",
            )
        return shares
    if not all(hasattr(stats, name) for name in ("positives", "n_known")):
        raise InvalidInput(
            "`stats` must be a LabelStats.",
            received=type(stats).__name__,
            remedy="Pass LabelStats.from_targets(y_train), or a list as propensity.",
        )
    assert stats is not None
    from equipoise.weights.schemes import inverse_propensity

    return 1 / inverse_propensity(stats.positives, stats.n_known, a=a, b=b)

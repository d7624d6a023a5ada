"""What label weights do: to the loss, to the gradient, to the threshold 0.5."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from equipoise._errors import InvalidInput
from equipoise.audit.document import effect_document
from equipoise.links import Link, SigmoidLink
from equipoise.report.render import to_fragment, to_text
from equipoise.targets import Targets, as_targets
from equipoise.weights import LabelWeights

if TYPE_CHECKING:
    from equipoise.losses import CellwiseLoss

_BLOCK = 1 << 20  # cells looked at together

Floats = NDArray[np.float64]
# (n, L) logits -> loss of a positive cell, of a negative cell, and their slopes, weights included.
Sides = Callable[[Floats], tuple[Floats, Floats, Floats, Floats]]


@dataclass(frozen=True)
class Effect:
    """What label weights do on these labels; made by `effect`.

    Attributes:
        label_names: L names.
        taken_at: the scores at which losses and gradients are taken, in words.
        weights: the weights.
        loss_share: (L,) share of the total loss.
        positive_share_of_loss: (L,) share of the label's loss that its positives hold.
        positive_share_of_gradient: (L,) share of the label's absolute gradient likewise.
        threshold: (L,) the true probability that a predicted 0.5 now stands for.
        log_odds_shift: (L,) how far the log-odds at 0.5 are moved.
        effective_cells: (L,) effective sample size of the known cells, (Σw)² / Σw².
        effective_share: the same over all labels, as a share of the known cells.
    """

    label_names: tuple[str, ...]
    taken_at: str
    weights: LabelWeights
    loss_share: Floats
    positive_share_of_loss: Floats
    positive_share_of_gradient: Floats
    threshold: Floats
    log_odds_shift: Floats
    effective_cells: Floats
    effective_share: float

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values."""
        keys = (
            "loss_share",
            "positive_share_of_loss",
            "positive_share_of_gradient",
            "threshold",
            "log_odds_shift",
            "effective_cells",
        )
        return {
            "kind": "Effect",
            "schema_version": 1,
            "taken_at": self.taken_at,
            "effective_share": self.effective_share,
            "labels": [
                {
                    "label": name,
                    "positive_weight": float(self.weights.positive[i]),
                    "negative_weight": float(self.weights.negative[i]),
                    **{key: float(getattr(self, key)[i]) for key in keys},
                }
                for i, name in enumerate(self.label_names)
            ],
        }

    def document(self) -> dict[str, Any]:
        """Returns the effect as a report document (`equipoise.report`)."""
        return effect_document(self.to_dict())

    def __str__(self) -> str:
        return to_text(self.document())

    def _repr_html_(self) -> str:
        return to_fragment(self.document())


def effect(
    weights: LabelWeights | None,
    y: Any,
    loss: CellwiseLoss | None = None,
    scores: ArrayLike | None = None,
) -> Effect:
    """Shows what label weights do to each label's loss, gradient and threshold.

    At the prior, that is at the logits of an untreated model that knows only how frequent the
    labels are, positives and negatives of a label hold equal shares of the gradient under plain
    cross-entropy; what weights or another loss make of these shares is what training will follow.

    Args:
        weights: the weights; None if `loss` has them, or for none.
        y: labels, anything `as_targets` reads.
        loss: a loss of `equipoise.losses` that is a sum over labels; weighted binary
            cross-entropy by default. Keras is needed only if one is given.
        scores: (N, L) logits at which losses are taken; by default the prior.

    Raises:
        InvalidInput: weights, labels and scores that do not fit together.
        Undefined: a loss without an inverse link, or a label with a weight of 0 on one side.

    Examples:
        >>> y = [[1], [0], [0], [0]]
        >>> effect(LabelWeights.from_targets(y, "balanced"), y).threshold
        array([0.25])
    """
    targets = as_targets(y)
    if loss is None:
        ones = np.ones(targets.n_labels)
        weights = weights or LabelWeights(ones, ones, targets.label_names)
        sides, link = _crossentropy_sides(weights), _link_of(weights)
    else:
        sides, weights, link = _loss_sides(loss, weights, targets)
    if weights.n_labels != targets.n_labels:
        raise InvalidInput(
            f"There are {weights.n_labels} label weights but `y` has {targets.n_labels} labels.",
            remedy="Compute the weights from the same columns.",
        )
    totals = _totals(targets, sides, scores)
    loss_positive, loss_negative, slope_positive, slope_negative, n_positive, n_negative = totals
    label_loss = loss_positive + loss_negative
    log_odds = link.log_odds(np.zeros((1, targets.n_labels)))[0]
    summed = n_positive * weights.positive + n_negative * weights.negative
    squared = n_positive * weights.positive**2 + n_negative * weights.negative**2
    return Effect(
        label_names=targets.label_names,
        taken_at="the given scores" if scores is not None else "the prior",
        weights=weights,
        loss_share=_share(label_loss, label_loss.sum()),
        positive_share_of_loss=_share(loss_positive, label_loss),
        positive_share_of_gradient=_share(slope_positive, slope_positive + slope_negative),
        threshold=expit(log_odds),
        log_odds_shift=-log_odds,
        effective_cells=_share(summed**2, squared),
        effective_share=float(
            _share(summed.sum() ** 2, squared.sum()) / max((n_positive + n_negative).sum(), 1)
        ),
    )


def _totals(targets: Targets, sides: Sides, scores: ArrayLike | None) -> tuple[Floats, ...]:
    """Per label: losses and absolute slopes of positives and negatives, and their numbers."""
    n, n_labels = targets.n_rows, targets.n_labels
    positives = np.asarray(targets.values.sum(axis=0), dtype=np.float64).reshape(-1)
    unknown = 0.0 if targets.unknown is None else np.asarray(targets.unknown.sum(axis=0))
    negatives = n - positives - unknown
    if scores is None:
        prior = (positives + 0.5) / (positives + negatives + 1)  # never 0 or 1
        one = [side[0] for side in sides(logit(prior)[None, :])]
        return (
            positives * one[0],
            negatives * one[1],
            positives * np.abs(one[2]),
            negatives * np.abs(one[3]),
            positives,
            negatives,
        )
    z = np.asarray(scores, dtype=np.float64)
    if z.shape != (n, n_labels) or not np.isfinite(z).all():
        raise InvalidInput(
            "`scores` must be finite logits in the shape of y.",
            received=f"scores.shape={z.shape}, y.shape={targets.shape}",
        )
    sums = np.zeros((4, n_labels))
    step = max(1, _BLOCK // n_labels)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        block = targets.take(rows).to_dense()
        is_positive = (block.values == 1) & block.known
        is_negative = (block.values == 0) & block.known
        sided = sides(z[rows])
        for i, mask in enumerate((is_positive, is_negative, is_positive, is_negative)):
            sums[i] += np.where(mask, np.abs(sided[i]), 0.0).sum(axis=0)
    return (*sums, positives, negatives)


def _crossentropy_sides(weights: LabelWeights) -> Sides:
    def sides(z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        return (
            weights.positive * np.logaddexp(0, -z),
            weights.negative * np.logaddexp(0, z),
            -weights.positive * expit(-z),
            weights.negative * expit(z),
        )

    return sides


def _link_of(weights: LabelWeights) -> Link:
    return SigmoidLink(weights.log_odds_shift)


def _loss_sides(
    loss: CellwiseLoss, weights: LabelWeights | None, targets: Targets
) -> tuple[Sides, LabelWeights, Link]:
    """The sides of a Keras loss, its weights and its link."""
    from equipoise.audit._slopes import values_and_slopes
    from equipoise.losses import CellwiseLoss

    if not isinstance(loss, CellwiseLoss):
        raise InvalidInput(
            "`loss` must be a loss of equipoise.losses that is a sum over labels.",
            received=type(loss).__name__,
        )
    config = loss.get_config() | {"from_logits": True, "reduction": "none"}
    if weights is not None:
        config |= {
            "positive_weight": weights.positive.tolist(),
            "negative_weight": weights.negative.tolist(),
            "label_weight": None,
        }
    on_logits = type(loss).from_config(config)
    link = on_logits.link  # raises for losses that are no sum over labels

    def sides(z: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        positive = values_and_slopes(on_logits, np.ones_like(z), z)
        negative = values_and_slopes(on_logits, np.zeros_like(z), z)
        return positive[0], negative[0], positive[1], negative[1]

    ones = np.ones(targets.n_labels)
    held = on_logits.label_parameters
    found = LabelWeights(
        held.get("positive", ones), held.get("negative", ones), targets.label_names
    )
    return sides, found, link


def _share(part: Any, whole: Any) -> Any:
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) != 0)

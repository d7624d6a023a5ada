"""Metrics of the k best-ranked labels of each row: a handful of sums over rows.

Labels of equal score are in no order, so each metric is its mean over all orders of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_choice, check_integer
from equipoise.metrics._base import (
    BatchCells,
    MetricOptions,
    StreamingMetric,
    Sums,
    per_label_argument,
    plain,
    ratio,
)

_SUMS = ("found", "best", "rows", "left_out")


class TopKMetric(StreamingMetric):
    """Base of the metrics of each row's k best-ranked labels.

    A row with fewer than k known labels is undefined. Sample weights are those of rows.

    Args:
        k: how many labels are looked at, at most L.
        **options: see `StreamingMetric`; `from_logits` changes nothing here.
    """

    def __init__(self, k: int, **options: Unpack[MetricOptions]):
        k = check_integer("k", k, minimum=1)
        if options.get("name") is None:
            options["name"] = self.default_name.format(k=k)
        super().__init__(**options)
        self.k = k

    def worth(self, y: Any) -> Any:
        """What a hit on each of the labels y counts."""
        return y

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """Sums over rows: what was found, the most there was, the rows, those left out."""
        if self.k > n_labels:
            raise InvalidInput(
                f"`k` must be at most the number of labels, {n_labels}.", received=self.k
            )
        return dict.fromkeys(_SUMS, ())

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Sums over the rows of a batch."""
        n_known = ops.sum(ops.cast(cells.known, self.dtype), axis=1)
        # The weight of a row is that of any known cell of it (NaN if a score is NaN).
        weights = ops.sum(cells.weights, axis=1) / ops.maximum(n_known, 1.0)
        there, few = n_known > 0, n_known < self.k
        gains = self.worth(cells.y)
        found = ops.where(few, 0.0, self._found(cells, gains))
        best = ops.sum(ops.top_k(gains, self.k, sorted=False)[0], axis=1)
        counted = there if self.undefined == "zero" else ops.logical_not(few)
        # A row of weight 0 is not there, so it is not left out either.
        missed = ops.logical_and(few, weights > 0)
        return {
            "found": ops.sum(ops.where(counted, weights * found, 0.0)),
            "best": ops.sum(ops.where(few, 0.0, weights * best)),
            "rows": ops.sum(ops.where(counted, weights, 0.0)),
            "left_out": ops.sum(ops.cast(missed, self.dtype)),
        }

    def _found(self, cells: BatchCells, gains: Any) -> Any:
        """Gains among the k best of each row; ties of the k-th share the places left."""
        scores = ops.where(cells.known, cells.scores, -float("inf"))
        last = ops.min(ops.top_k(scores, self.k, sorted=False)[0], axis=1, keepdims=True)
        above = scores > last
        tied = ops.logical_and(scores == last, cells.known)
        left = self.k - ops.sum(ops.cast(above, self.dtype), axis=1)
        of_ties = ops.sum(ops.where(tied, gains, 0.0), axis=1)
        n_tied = ops.maximum(ops.sum(ops.cast(tied, self.dtype), axis=1), 1.0)
        return ops.sum(ops.where(above, gains, 0.0), axis=1) + left * of_ties / n_tied

    def n_undefined(self) -> int:
        """Returns how many rows had fewer than k known labels so far."""
        return int(ops.convert_to_numpy(self.sums()["left_out"])) if self._sum_names else 0

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "k": self.k}

    def _align(self, weights: Any, scores: Any) -> Any:
        aligned = super()._align(weights, scores)
        if aligned.shape[-1] not in (1, None):
            raise InvalidInput(
                "Metrics at k weigh rows, not cells.",
                received=f"sample_weight.shape={tuple(weights.shape)}",
                remedy="Put this metric into compile(metrics=...), which weighs nothing; write "
                "NaN into y for cells that must not count.",
            )
        return aligned


@keras.saving.register_keras_serializable(package="equipoise")
class PrecisionAtK(TopKMetric):
    """Precision at k: how much of a row's k best-ranked labels it really has.

        P@k = mean over rows of |top k ∩ Y_i| / k

    Not for rows with fewer than k labels if 1 is to be reachable. Equal to
    `exact.precision_at_k`.

    Args:
        k: how many labels are looked at, at most L.
        **options: `label_names`, `from_logits`, `undefined`, `name`, `dtype`; see
            `StreamingMetric`.

    Raises:
        InvalidInput: k above L, weights of cells.

    Examples:
        >>> metric = PrecisionAtK(2)
        >>> metric.update_state([[1, 0, 1], [0, 1, 0]], [[.9, .1, .8], [.5, .4, .1]])
        >>> metric.name, float(metric.result())
        ('precision_at_2', 0.75)
    """

    default_name = "precision_at_{k}"

    def result(self) -> Any:
        """Returns the mean over rows; NaN if no row has k known labels."""
        if not self._sum_names:
            return ops.convert_to_tensor(float("nan"), dtype=self.dtype)
        sums = self.sums()
        return ratio(sums["found"] / self.k, sums["rows"])


@keras.saving.register_keras_serializable(package="equipoise")
class PropensityPrecisionAtK(TopKMetric):
    """Propensity-scored precision at k: a hit on a label that is seldom recorded counts more.

        PSP@k = mean over rows of (1/k) Σ_{l ∈ top k} y_l / p_l

    Normalised it is divided by the largest value that any ranking could reach. Not for labels
    that are complete: where a missing label truly means no, `PrecisionAtK` is the right measure.
    Equal to `exact.propensity_precision_at_k`.

    Args:
        k: how many labels are looked at, at most L.
        propensity: L probabilities in (0, 1] that a label that applies is recorded.
        normalize: whether to divide by the best value.
        **options: `label_names`, `from_logits`, `name`, `dtype`; see `StreamingMetric`. Undefined
            rows are always left out.

    Raises:
        InvalidInput: k above L, a propensity outside (0, 1], weights of cells.

    Examples:
        >>> metric = PropensityPrecisionAtK(1, propensity=[.5, .25])
        >>> metric.update_state([[1, 1]], [[.9, .1]])
        >>> float(metric.result())
        0.5

    Reference: Jain, Prabhu and Varma, KDD 2016.
    """

    default_name = "propensity_precision_at_{k}"

    def __init__(
        self,
        k: int,
        *,
        propensity: ArrayLike,
        normalize: bool = True,
        **options: Unpack[MetricOptions],
    ):
        check_choice("normalize", normalize, (True, False))
        check_choice("undefined", options.get("undefined", "skip"), ("skip",))
        values = per_label_argument("propensity", propensity)
        if not isinstance(values, tuple) or min(values) <= 0 or max(values) > 1:
            raise InvalidInput(
                "`propensity` must hold probabilities in (0, 1], one per label.",
                received=np.array2string(np.asarray(propensity), threshold=6),
                remedy="Inverse propensities (at least 1) go in as 1 / them.",
            )
        super().__init__(k, **options)
        self.propensity = values
        self.normalize = normalize
        self._set_length("propensity", len(values))

    def worth(self, y: Any) -> Any:
        """y / p."""
        inverse = 1 / np.array(self.propensity, dtype=np.float64)
        return y * ops.convert_to_tensor(inverse, dtype=self.dtype)

    def result(self) -> Any:
        """Returns the mean over rows; NaN if no row has k known labels, or none has a label."""
        if not self._sum_names:
            return ops.convert_to_tensor(float("nan"), dtype=self.dtype)
        sums = self.sums()
        if self.normalize:
            return ratio(sums["found"], sums["best"])
        return ratio(sums["found"] / self.k, sums["rows"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {
            **super().get_config(),
            "propensity": plain(self.propensity),
            "normalize": self.normalize,
        }

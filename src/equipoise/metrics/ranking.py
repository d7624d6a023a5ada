"""Metrics of rankings: two histograms of logits per label, and how far off they can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from equipoise._errors import InvalidInput, check_integer
from equipoise.metrics import _histogram
from equipoise.metrics._base import BatchCells, Sums, ratio
from equipoise.metrics._labels import LabelMetric, LabelOptions

_TINY = 1e-30  # stands for 0 below a fraction


class HistogramMetric(LabelMetric):
    """Base of the metrics of ranked scores.

    Scores are put into bins of logits: fine where sigmoid probabilities crowd near 0, and without
    an end. Scores in one bin are in no known order, which is all that is lost; `bounds` says
    between which values the exact metric of the same data lies.

    Args:
        n_bins: number of bins, even. 384 take 3,072 bytes per label.
        **options: see `LabelMetric`.
    """

    reads = "logits"

    def __init__(self, *, n_bins: int = 384, **options: Unpack[LabelOptions]):
        n_bins = check_integer("n_bins", n_bins, minimum=2)
        if n_bins % 2:
            raise InvalidInput("`n_bins` must be even.", received=n_bins)
        super().__init__(**options)
        self.n_bins = n_bins

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """A histogram of the positives and one of the negatives."""
        shape = (self.n_bins, n_labels)
        return {"positive": shape, "negative": shape}

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Histograms of a batch."""
        n_labels = self.n_labels
        assert n_labels is not None
        places = _histogram.places(cells.scores, self.n_bins, n_labels)
        return {
            "positive": _histogram.histogram(places, cells.positive, self.n_bins, n_labels),
            "negative": _histogram.histogram(places, cells.negative, self.n_bins, n_labels),
        }

    def support(self, sums: Sums) -> tuple[Any, Any]:
        """Weights of positives and of all known cells."""
        positive = ops.sum(sums["positive"], axis=0)
        return positive, positive + ops.sum(sums["negative"], axis=0)

    def array_bounds(self, sums: Sums) -> tuple[Any, Any]:
        """Lowest and highest values of each label, from float64 arrays."""
        raise NotImplementedError

    def bounds(self) -> tuple[Any, Any]:
        """Returns what the exact metric is at least, and at most, in the form of `result`.

        Rounding of the sums comes on top: about 1e-6.
        """
        if not self._sum_names:
            return self.result(), self.result()
        tensors = self.sums()
        sums = {n: ops.convert_to_numpy(t).astype(np.float64) for n, t in tensors.items()}
        pool = {name: part.sum(axis=-1, keepdims=True) for name, part in sums.items()}
        support = self.support(tensors)
        of_labels, of_pool = self.array_bounds(sums), self.array_bounds(pool)
        low, high = (self._bound(*sides, support) for sides in zip(of_labels, of_pool, strict=True))
        return low, high

    def _bound(self, of_labels: Any, of_pool: Any, support: tuple[Any, Any]) -> Any:
        values = of_pool if self.average == "micro" else of_labels
        if self.average == "micro":
            support = (ops.ones((1,)), ops.ones((1,)))
        mean = self._mean(ops.convert_to_tensor(values, dtype=self.dtype), *support)
        mean = float(ops.convert_to_numpy(mean))
        if not self.per_label:
            return mean
        each = zip(self.names, of_labels.tolist(), strict=True)
        return {self.name: mean, **{f"{self.name}/{name}": value for name, value in each}}

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "n_bins": self.n_bins}


@keras.saving.register_keras_serializable(package="equipoise")
class ROCAUC(HistogramMetric):
    """Area under the ROC curve: how often a positive outscores a negative; ties count one half.

        Σ_b P_b (N_{<b} + ½ N_b) / (P N)      P_b, N_b: positives and negatives in bin b

    It is off by at most ½ Σ_b P_b N_b / (P N), half of the pairs that share a bin; `bounds` gives
    that interval. Keras' AUC has equal steps of probability: a rare label of which 95% of the
    scores lie below 1/199 has nearly all of its pairs in one step. Not for a rare label whose few
    positives matter at the top only: look at `AveragePrecision` as well. Undefined without
    positives or without negatives.

    Args:
        n_bins: number of bins, even.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Raises:
        InvalidInput: an option of another kind.

    Examples:
        >>> metric = ROCAUC()
        >>> metric.update_state([[1, 0], [0, 0], [1, 0]], [[.9, .2], [.4, .6], [.4, .1]])
        >>> float(metric.result()), metric.undefined_labels()
        (0.75, ('label_1',))
        >>> metric.bounds()
        (0.5, 1.0)
    """

    default_name = "roc_auc"

    def values(self, sums: Sums) -> Any:
        """Area of each label."""
        positive, negative = sums["positive"], sums["negative"]
        (above,) = _histogram.sums_above(positive)
        in_order = negative * (above + 0.5 * positive)
        pairs = ops.sum(positive, axis=0) * ops.sum(negative, axis=0)
        return ops.minimum(ratio(ops.sum(in_order, axis=0), pairs), 1.0)

    def array_bounds(self, sums: Sums) -> tuple[Any, Any]:
        """Lowest and highest areas."""
        return _histogram.roc_auc_bounds(sums["positive"], sums["negative"])


@keras.saving.register_keras_serializable(package="equipoise")
class AveragePrecision(HistogramMetric):
    """Average precision: precision averaged over the recall gained at each distinct score.

        AP = Σ_k (R_k − R_{k−1}) P_k

    Positives and negatives of a bin count as evenly mixed. The exact value of the same data is
    within `bounds`: from the sum over bins with all negatives of a bin first, to that with all
    its positives first. Not comparable between labels of different prevalence: a random ranking
    reaches the prevalence. Undefined without positives.

    Args:
        n_bins: number of bins, even.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Raises:
        InvalidInput: an option of another kind.

    Examples:
        >>> metric = AveragePrecision()
        >>> metric.update_state([1, 0, 1], [[.9], [.5], [.4]])
        >>> round(float(metric.result()), 3)
        0.833
    """

    default_name = "average_precision"

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """Two histograms; and of the positives' weights w the sums of w² and of (w − 1)²."""
        return {**super().shapes(n_labels), "squares": (n_labels,), "uneven": (n_labels,)}

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Histograms and squared weights of a batch."""
        w = cells.positive
        uneven = ops.where(w > 0, ops.square(w - 1.0), 0.0)
        squares = {"squares": ops.sum(ops.square(w), axis=0), "uneven": ops.sum(uneven, axis=0)}
        return {**super().batch_sums(cells), **squares}

    def values(self, sums: Sums) -> Any:
        """Average precision of each label."""
        p, n = sums["positive"], sums["negative"]
        above, wrong = _histogram.sums_above(p, n)
        total = ops.sum(p, axis=0)
        # Weight of one positive: 1, if there are no weights.
        one = ops.minimum(sums["squares"] / ops.where(total > 0, total, 1.0), p)
        # The i-th of the bin's m = p / one positives has i of them and i n / (m + 1) of its
        # negatives up to it. Two points with the mean and variance of 1 … m stand for all of i.
        spread = ops.sqrt((p - one) / ops.maximum(12 * (p + one), _TINY))
        precision = 0.0
        for share in (0.5 - spread, 0.5 + spread):  # i / (m + 1)
            tp = above + (p + one) * share
            precision = precision + 0.5 * tp / ops.maximum(tp + wrong + n * share, _TINY)
        return ops.minimum(ratio(ops.sum(p * precision, axis=0), total), 1.0)

    def array_bounds(self, sums: Sums) -> tuple[Any, Any]:
        """Lowest and highest average precisions."""
        return _histogram.average_precision_bounds(
            sums["positive"], sums["negative"], sums["uneven"] == 0
        )

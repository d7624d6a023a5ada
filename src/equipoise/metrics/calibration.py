"""Metrics of probabilities: sums per label, or per label and bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from equipoise._errors import check_integer
from equipoise.metrics._base import BatchCells, Sums, ratio
from equipoise.metrics._labels import LabelMetric, LabelOptions


@keras.saving.register_keras_serializable(package="equipoise")
class BrierScore(LabelMetric):
    """Brier score: the mean squared difference of probability and outcome.

        (p − y)²

    Not for comparing labels of different prevalence: always saying the prevalence π scores
    π(1 − π), which is small for a rare label. Equal to `exact.brier_score`, but for rounding.

    Args:
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Raises:
        InvalidInput: an option of another kind.

    Examples:
        >>> metric = BrierScore()
        >>> metric.update_state([1, 0], [[.5], [0.]])
        >>> float(metric.result())
        0.125

    Reference: Brier, Monthly Weather Review 78(1), 1950.
    """

    default_name = "brier_score"
    reads = "probabilities"
    _direction = "down"

    def __init__(self, **options: Unpack[LabelOptions]):
        super().__init__(**options)

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """Three sums per label."""
        return dict.fromkeys(("errors", "positive", "mass"), (n_labels,))

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Squared errors, weights of positives and weights."""
        errors = ops.square(cells.scores - cells.y)
        return {
            "errors": ops.sum(cells.weights * errors, axis=0),
            "positive": ops.sum(cells.positive, axis=0),
            "mass": ops.sum(cells.weights, axis=0),
        }

    def values(self, sums: Sums) -> Any:
        """Mean squared error of each label."""
        return ratio(sums["errors"], sums["mass"])

    def support(self, sums: Sums) -> tuple[Any, Any]:
        """Weights of positives and of all known cells."""
        return sums["positive"], sums["mass"]


@keras.saving.register_keras_serializable(package="equipoise")
class ExpectedCalibrationError(LabelMetric):
    """Expected calibration error: how far mean probability and frequency are apart, bin by bin.

        Σ_b (n_b / n) |mean of y in b − mean of p in b|

    A bin holds (left edge, right edge] of equal-width steps over [0, 1]. Not for few rows: with
    n rows of a perfect model it is about √(bins / n) above 0, and for rare labels, whose
    probabilities crowd near 0, most of them are in one bin. Equal to
    `exact.expected_calibration_error` but for rounding; its bins of equal mass do not stream.

    Args:
        n_bins: number of bins.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Raises:
        InvalidInput: an option of another kind.

    Examples:
        >>> metric = ExpectedCalibrationError(n_bins=2)
        >>> metric.update_state([1, 0, 1, 1], [[.9], [.1], [.9], [.5]])
        >>> round(float(metric.result()), 6)
        0.15

    Reference: Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017, eq. 3.
    """

    default_name = "expected_calibration_error"
    reads = "probabilities"
    _direction = "down"

    def __init__(self, *, n_bins: int = 15, **options: Unpack[LabelOptions]):
        super().__init__(**options)
        self.n_bins = check_integer("n_bins", n_bins, minimum=1)

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """How much more y than p there is in each bin; and two sums per label."""
        labels = (n_labels,)
        return {"surplus": (self.n_bins, n_labels), "positive": labels, "mass": labels}

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Surplus of y over p in each bin, weights of positives and weights."""
        p, n_labels = cells.scores, self.n_labels
        places = self._bins(p) * n_labels + ops.arange(n_labels, dtype="int32")
        surplus = cells.weights * (cells.y - p)
        assert n_labels is not None
        sums = ops.segment_sum(
            ops.reshape(surplus, (-1,)), ops.reshape(places, (-1,)), self.n_bins * n_labels
        )
        return {
            "surplus": ops.reshape(sums, (self.n_bins, n_labels)),
            "positive": ops.sum(cells.positive, axis=0),
            "mass": ops.sum(cells.weights, axis=0),
        }

    def values(self, sums: Sums) -> Any:
        """Expected calibration error of each label."""
        return ratio(ops.sum(ops.abs(sums["surplus"]), axis=0), sums["mass"])

    def support(self, sums: Sums) -> tuple[Any, Any]:
        """Weights of positives and of all known cells."""
        return sums["positive"], sums["mass"]

    def _bins(self, p: Any) -> Any:
        if self.n_bins == 1:
            return ops.zeros_like(p, dtype="int32")
        exact = np.linspace(0, 1, self.n_bins + 1)[1:-1]
        rounded = exact.astype(self.dtype)
        # p > t for p of this precision means p > the next such number from t downwards.
        below = np.nextafter(rounded, np.array(-np.inf, dtype=rounded.dtype))
        edges = ops.convert_to_tensor(np.where(rounded > exact, below, rounded), dtype=self.dtype)
        bins = ops.searchsorted(edges, ops.reshape(p, (-1,)), side="left")
        return ops.clip(ops.reshape(ops.cast(bins, "int32"), ops.shape(p)), 0, self.n_bins - 1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "n_bins": self.n_bins}

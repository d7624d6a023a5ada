"""Metrics of decisions: four counts per label, whatever the number of rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import keras
import numpy as np
from keras import ops

from equipoise._errors import InvalidInput, check_number, shown_list
from equipoise.metrics._base import BatchCells, Sums, per_label_argument, plain, ratio
from equipoise.metrics._labels import LabelMetric, LabelOptions

_OUTCOMES = ("tp", "fp", "fn", "tn")


class CountMetric(LabelMetric):
    """Base of the metrics of decisions: y_pred >= threshold, in the units of y_pred.

    Args:
        threshold: a number, one per label, or an `equipoise.decision.Thresholds`; by default 0.5,
            and 0 with from_logits=True. It is compared with y_pred as it is: thresholds that were
            tuned on logits go with logits, and those tuned on probabilities with probabilities.
        **options: see `LabelMetric`.
    """

    def __init__(self, *, threshold: Any = None, **options: Unpack[LabelOptions]):
        if hasattr(threshold, "labels_per_row"):  # Thresholds, told apart without its imports
            if threshold.labels_per_row is not None:
                raise InvalidInput(
                    "A metric does not know how to keep to `labels_per_row`.",
                    received=f"Thresholds(labels_per_row={threshold.labels_per_row})",
                    remedy="Use equipoise.exact on the decisions of Thresholds.predict.",
                )
            names = options.get("label_names")
            if names is None:
                options["label_names"] = threshold.label_names
            elif tuple(map(str, names)) != threshold.label_names:
                raise InvalidInput(
                    "`threshold` is of other labels than `label_names`.",
                    received=f"{shown_list(threshold.label_names)} beside {shown_list([*names])}",
                    remedy="Leave label_names out: those of the thresholds are used.",
                )
            threshold = threshold.values
        super().__init__(**options)
        self.threshold = None if threshold is None else per_label_argument("threshold", threshold)
        if isinstance(self.threshold, tuple):
            self._set_length("threshold", len(self.threshold))

    def shapes(self, n_labels: int) -> Mapping[str, tuple[int, ...]]:
        """One count per label and outcome."""
        return dict.fromkeys(_OUTCOMES, (n_labels,))

    def batch_sums(self, cells: BatchCells) -> Sums:
        """Weights of right and wrong decisions."""
        said = cells.scores >= self._cuts()
        parts = {
            "tp": ops.where(said, cells.positive, 0.0),
            "fp": ops.where(said, cells.negative, 0.0),
            "fn": ops.where(said, 0.0, cells.positive),
            "tn": ops.where(said, 0.0, cells.negative),
        }
        return {name: ops.sum(part, axis=0) for name, part in parts.items()}

    def support(self, sums: Sums) -> tuple[Any, Any]:
        """Weights of positives and of all known cells."""
        positive = sums["tp"] + sums["fn"]
        return positive, positive + sums["fp"] + sums["tn"]

    def _cuts(self) -> Any:
        cuts = self.threshold
        if cuts is None:
            cuts = 0.0 if self.from_logits else 0.5
        exact = np.asarray(cuts, dtype=np.float64)
        rounded = exact.astype(self.dtype)
        # s >= t for scores s of this precision means s >= the next such number from t upwards.
        above = np.nextafter(rounded, np.array(np.inf, dtype=rounded.dtype))
        return ops.convert_to_tensor(np.where(rounded < exact, above, rounded), dtype=self.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "threshold": plain(self.threshold)}


@keras.saving.register_keras_serializable(package="equipoise")
class FBeta(CountMetric):
    """F-beta: the harmonic mean of precision and recall, recall weighted beta² times.

        (1 + β²) tp / ((1 + β²) tp + β² fn + fp)

    Not for choosing a model before its thresholds: at one cut for all labels, rare labels score
    near 0 whatever their ranking (see `AveragePrecision`). Equal to `exact.f_beta`.

    Args:
        beta: weight of recall; above 0.
        threshold: see `CountMetric`.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Raises:
        InvalidInput: an option of another kind, thresholds that are not one per label.

    Examples:
        >>> metric = FBeta(per_label=True, label_names=["cat", "dog"])
        >>> metric.update_state([[1, 0], [1, 0], [0, 0]], [[.9, .1], [.2, .1], [.7, .1]])
        >>> {name: float(value) for name, value in metric.result().items()}
        {'f_beta': 0.5, 'f_beta/cat': 0.5, 'f_beta/dog': nan, 'f_beta_undefined': 1.0}

    Reference: van Rijsbergen, Information Retrieval, 1979, chapter 7.
    """

    default_name = "f_beta"

    def __init__(
        self, beta: float = 1.0, *, threshold: Any = None, **options: Unpack[LabelOptions]
    ):
        self_beta = check_number("beta", beta, minimum=0, open_minimum=True, maximum=1e6)
        super().__init__(threshold=threshold, **options)
        self.beta = self_beta

    def values(self, sums: Sums) -> Any:
        """F-beta of each label; undefined without positives and false alarms."""
        gain = (1 + self.beta**2) * sums["tp"]
        return ratio(gain, gain + self.beta**2 * sums["fn"] + sums["fp"])

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "beta": self.beta}


@keras.saving.register_keras_serializable(package="equipoise")
class BalancedAccuracy(CountMetric):
    """Balanced accuracy: the mean of the recall of positives and the recall of negatives.

        (tp / (tp + fn) + tn / (tn + fp)) / 2

    Not for a rare label where precision matters: a thousand false alarms in a million negatives
    hardly show. Undefined without positives or without negatives. Equal to
    `exact.balanced_accuracy`.

    Args:
        threshold: see `CountMetric`.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Examples:
        >>> metric = BalancedAccuracy(threshold=[.3])
        >>> metric.update_state([1, 1, 0, 0, 0, 0], [[.4], [.1], [.1], [.2], [.2], [.6]])
        >>> float(metric.result())
        0.625
    """

    default_name = "balanced_accuracy"

    def values(self, sums: Sums) -> Any:
        """Balanced accuracy of each label."""
        of_positives = ratio(sums["tp"], sums["tp"] + sums["fn"])
        return 0.5 * (of_positives + ratio(sums["tn"], sums["tn"] + sums["fp"]))


@keras.saving.register_keras_serializable(package="equipoise")
class MatthewsCorrelation(CountMetric):
    """Matthews correlation: the correlation of labels and decisions.

        (tp·tn − fp·fn) / √((tp + fp)(tp + fn)(tn + fp)(tn + fn))

    Not comparable between labels of different prevalence. Undefined where labels or decisions
    are all alike. Equal to `exact.matthews_correlation`.

    Args:
        threshold: see `CountMetric`.
        **options: `average`, `per_label`, `label_names`, `from_logits`, `undefined`, `name`,
            `dtype`; see `LabelMetric`.

    Examples:
        >>> metric = MatthewsCorrelation()
        >>> metric.update_state([1, 1, 0, 0], [[.9], [.1], [.1], [.1]])
        >>> round(float(metric.result()), 6)
        0.57735

    Reference: Matthews, Biochimica et Biophysica Acta 405, 1975.
    """

    default_name = "matthews_correlation"

    def values(self, sums: Sums) -> Any:
        """Matthews correlation of each label."""
        tp, fp, fn, tn = (sums[name] for name in _OUTCOMES)
        # Four counts of a million multiply to more than float32 holds: first divide, then
        # multiply. Each factor is at most 1, so the difference loses no digits that it had.
        said, unsaid = tp + fp, tn + fn
        so, not_so = tp + fn, tn + fp
        right = ops.sqrt(ratio(tp, said) * ratio(tp, so) * ratio(tn, unsaid) * ratio(tn, not_so))
        wrong = ops.sqrt(ratio(fp, said) * ratio(fn, so) * ratio(fn, unsaid) * ratio(fp, not_so))
        return right - wrong


@keras.saving.register_keras_serializable(package="equipoise")
class HammingLoss(CountMetric):
    """Hamming loss: the share of wrong cells.

        (fp + fn) / known cells

    Not for rare labels: predicting nothing at all gives the label density, which looks small.
    Equal to `exact.hamming_loss`.

    Args:
        threshold: see `CountMetric`.
        **options: `average`, here "micro" by default ("macro" and "weighted" differ only where
            cells are unknown or weighted), `per_label`, `label_names`, `from_logits`,
            `undefined`, `name`, `dtype`; see `LabelMetric`.

    Examples:
        >>> metric = HammingLoss()
        >>> metric.update_state([[1, 0], [1, 1]], [[.9, .8], [.7, .6]])
        >>> float(metric.result())
        0.25
    """

    default_name = "hamming_loss"
    _direction = "down"

    def __init__(self, *, threshold: Any = None, **options: Unpack[LabelOptions]):
        super().__init__(threshold=threshold, **{"average": "micro", **options})

    def values(self, sums: Sums) -> Any:
        """Share of wrong cells of each label."""
        return ratio(sums["fp"] + sums["fn"], self.support(sums)[1])

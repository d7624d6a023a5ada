"""Metrics with one value per label: averages, what is left out of them, and the logs."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from keras import ops

from equipoise._errors import check_choice
from equipoise.metrics._base import MetricOptions, StreamingMetric, Sums, ratio

LabelAverage = Literal["macro", "micro", "weighted"]


class LabelOptions(MetricOptions, total=False):
    """The keyword arguments of metrics over labels; see `LabelMetric`."""

    average: LabelAverage
    per_label: bool


class LabelMetric(StreamingMetric):
    """Base of the metrics that have one value per label.

    Args:
        average: "macro" (all labels alike), "weighted" (by positives) or "micro" (all cells as
            one label).
        per_label: whether the result is a dictionary: `name` is the average, `name/label` the
            value of each label (NaN where undefined), `name_undefined` the number of labels that
            the average leaves out. Keras puts all of them into the logs, without the name of
            the output, so two outputs need metrics of different names. Callbacks find out by
            themselves which way `name` is better; for a label they need `mode`.
        **options: see `StreamingMetric`.
    """

    def __init__(
        self,
        *,
        average: LabelAverage = "macro",
        per_label: bool = False,
        **options: Any,
    ):
        check_choice("average", average, ("macro", "micro", "weighted"))
        check_choice("per_label", per_label, (True, False))
        super().__init__(**options)
        self.average = average
        self.per_label = per_label

    # ---------------------------------------------------------------- what a subclass writes

    def values(self, sums: Sums) -> Any:
        """The value of each label, NaN where undefined; `sums` have the labels last."""
        raise NotImplementedError

    def support(self, sums: Sums) -> tuple[Any, Any]:
        """The weight of each label's positives, and of all its known cells."""
        raise NotImplementedError

    # -------------------------------------------------------------------------------- result

    def result(self) -> Any:
        """Returns the average, or with `per_label` a dictionary; NaN before the first batch."""
        if not self._sum_names:
            nan = ops.convert_to_tensor(float("nan"), dtype=self.dtype)
            return {self.name: nan} if self.per_label else nan
        sums = self.sums()
        if self.average == "micro" and not self.per_label:
            return self._pooled(self.values, sums)
        values = self.values(sums)
        mean = (
            self._pooled(self.values, sums)
            if self.average == "micro"
            else self._mean(values, *self.support(sums))
        )
        if not self.per_label:
            return mean
        left_out = ops.sum(ops.cast(self._left_out(values, self.support(sums)[1]), self.dtype))
        labels = {f"{self.name}/{name}": values[i] for i, name in enumerate(self.names)}
        return {self.name: mean, **labels, f"{self.name}_undefined": left_out}

    def undefined_labels(self) -> tuple[str, ...]:
        """Returns the names of the labels for which the metric is undefined so far."""
        if not self._sum_names:
            return self.names
        sums = self.sums()
        left_out = ops.convert_to_numpy(self._left_out(self.values(sums), self.support(sums)[1]))
        return tuple(np.array(self.names, dtype=object)[left_out].tolist())

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments as plain numbers, lists and strings."""
        return {**super().get_config(), "average": self.average, "per_label": self.per_label}

    def _left_out(self, values: Any, total: Any) -> Any:
        # Where even the number of cells is NaN, a score was NaN: that is not "undefined".
        return ops.logical_and(ops.isnan(values), total >= 0)

    def _mean(self, values: Any, support: Any, total: Any) -> Any:
        left_out = self._left_out(values, total)
        if self.undefined == "zero":
            values = ops.where(ops.logical_and(left_out, total > 0), 0.0, values)
            left_out = self._left_out(values, total)
        weights = support if self.average == "weighted" else ops.ones_like(values)
        weights = ops.where(left_out, 0.0, weights)
        return ratio(ops.sum(weights * ops.where(left_out, 0.0, values)), ops.sum(weights))

    def _pooled(self, values: Any, sums: Sums) -> Any:
        pool = {name: ops.sum(part, axis=-1, keepdims=True) for name, part in sums.items()}
        value = values(pool)[0]
        if self.undefined == "zero":
            total = self.support(pool)[1][0]
            value = ops.where(ops.logical_and(ops.isnan(value), total > 0), 0.0, value)
        return value

"""Comparison: the cells of a comparison, and every table that follows from them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_choice
from equipoise._files import check_schema, read_json, write_json
from equipoise.comparison.cell import Cell, from_record
from equipoise.comparison.cell import to_dict as cell_to_dict
from equipoise.comparison.document import document
from equipoise.comparison.metrics import LABEL_METRICS, METRICS, RECALLS
from equipoise.comparison.verdict import verdict
from equipoise.report import write_report
from equipoise.statistics import PairedDifference, holm, paired_difference
from equipoise.stats import LabelStats

_SCHEMA_VERSION = 1

PRIMARY = "macro_f1_tuned"


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`.

    Attributes:
        cells: one per fold and treatment, except for folds after a treatment was pruned.
        stats: label statistics of all rows.
        judged: (L,) labels that enter the macro averages.
        baseline: the treatment to which the others are compared.
        random_state: the seed.
        context: what a report says beside the figures, see `context.context_of`; empty where the
            comparison was saved without it.
    """

    cells: tuple[Cell, ...]
    stats: LabelStats
    judged: NDArray[np.bool_]
    baseline: str
    random_state: int
    context: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def treatments(self) -> tuple[str, ...]:
        """Names of the treatments, in the order in which they were given."""
        return tuple(dict.fromkeys(cell.treatment for cell in self.cells))

    @cached_property
    def n_folds(self) -> int:
        """Number of folds, over all repeats."""
        return len({cell.fold for cell in self.cells})

    @cached_property
    def _positions(self) -> dict[int, int]:
        return {fold: i for i, fold in enumerate(sorted({cell.fold for cell in self.cells}))}

    @cached_property
    def test_over_train(self) -> float:
        """Test rows per training row, the mean over the folds."""
        return float(np.mean([c.n_test / c.n_train for c in self.cells]))

    def values(self, metric: str) -> dict[str, NDArray[np.float64]]:
        """Returns the metric of every fold, per treatment; NaN where undefined, or not measured:
        the cell failed, or the treatment was pruned."""
        check_choice("metric", metric, tuple(METRICS))
        values = {name: np.full(self.n_folds, np.nan) for name in self.treatments}
        for cell in self.cells:
            values[cell.treatment][self._positions[cell.fold]] = cell.measured.metrics[metric]
        return values

    def failures(self) -> dict[str, dict[int, str]]:
        """Returns why cells failed: per treatment that had any, {fold: reason}."""
        result: dict[str, dict[int, str]] = {}
        for cell in self.cells:
            if cell.error is not None:
                result.setdefault(cell.treatment, {})[cell.fold] = cell.error
        return result

    def pruned(self) -> dict[str, int]:
        """Returns the treatments that were given up as clearly losing, and after how many folds."""
        tried = Counter(cell.treatment for cell in self.cells)
        return {name: n for name, n in tried.items() if n < self.n_folds}

    def means(self, metric: str) -> dict[str, float]:
        """Returns the mean of the metric over the folds where it is defined, per treatment."""
        return {name: _mean(values) for name, values in self.values(metric).items()}

    def differences(self, metric: str, *, confidence: float = 0.95) -> dict[str, PairedDifference]:
        """Returns each treatment's paired difference to the baseline, p-values unadjusted.

        Folds in which the metric is undefined are left out; a metric that is defined in no fold
        gives no differences.
        """
        values = self.values(metric)
        result = {}
        for name in self.treatments:
            if name == self.baseline:
                continue
            difference = values[name] - values[self.baseline]
            difference = difference[~np.isnan(difference)]
            if len(difference):
                result[name] = paired_difference(
                    difference, self.test_over_train, confidence=confidence
                )
        return result

    def adjusted_p_values(self, metric: str) -> dict[str, float]:
        """Returns the p-values of `differences`, adjusted for the number of treatments (Holm)."""
        p = {n: d.p_value for n, d in self.differences(metric).items() if d.p_value is not None}
        return dict(zip(p, holm(list(p.values())).tolist(), strict=True)) if p else {}

    def ranked(self, metric: str = PRIMARY) -> list[str]:
        """Returns the treatments, the best mean first."""
        means = self.means(metric)
        sign = -1 if METRICS[metric].higher_is_better else 1
        return sorted(
            self.treatments, key=lambda n: np.inf if np.isnan(means[n]) else sign * means[n]
        )

    def best(self, metric: str = PRIMARY) -> str:
        """Returns the treatment with the best mean; whether the lead is shown, `verdict` says."""
        return self.ranked(metric)[0]

    def table(self, metric: str = PRIMARY) -> pl.DataFrame:
        """Returns one row per treatment, best first: the mean of every metric over the folds, and
        the difference to the baseline in `metric` with its 95% interval, the number of folds that
        it was measured on, and of those on which it failed."""
        means = {name: self.means(name) for name in METRICS}
        differences = self.differences(metric)
        rows = []
        for treatment in self.ranked(metric):
            row: dict[str, Any] = {"treatment": treatment}
            row |= {name: _none_if_nan(means[name][treatment]) for name in METRICS}
            d = differences.get(treatment)
            row["difference"] = None if d is None else d.mean
            row["low"] = None if d is None else d.low
            row["high"] = None if d is None else d.high
            ours = [c for c in self.cells if c.treatment == treatment]
            row["seconds"] = float(np.mean([c.seconds for c in ours]))
            row["folds"] = sum(c.error is None for c in ours)
            row["failed"] = sum(c.error is not None for c in ours)
            rows.append(row)
        schema: dict[str, Any] = dict.fromkeys(rows[0], pl.Float64)
        schema |= {"treatment": pl.String, "folds": pl.Int64, "failed": pl.Int64}
        return pl.DataFrame(rows, schema=schema)

    def label_table(self) -> pl.DataFrame:
        """Returns one row per label and treatment: F1 at 0.5 and tuned, average precision."""
        columns: dict[str, list[Any]] = {
            key: [] for key in ("label", "positives", "treatment", *LABEL_METRICS)
        }
        for treatment in self.treatments:
            measured = [c.measured for c in self.cells if c.treatment == treatment]
            columns["label"] += self.stats.label_names
            columns["positives"] += self.stats.positives.tolist()
            columns["treatment"] += [treatment] * self.stats.n_labels
            for key in LABEL_METRICS:
                stacked = np.stack([m.per_label[key] for m in measured])
                columns[key] += [
                    _none_if_nan(_mean(stacked[:, i])) for i in range(stacked.shape[1])
                ]
        return pl.DataFrame(columns)

    def label_differences(
        self, treatment: str, metric: str = "f1_tuned", *, confidence: float = 0.95
    ) -> list[PairedDifference | None]:
        """Returns each label's paired difference to the baseline over the folds that have it.

        None for a label that no test fold can judge. With many labels some intervals miss 0 by
        chance: at 95% one in twenty.

        Args:
            treatment: the treatment that is compared to the baseline.
            metric: "f1_half", "f1_tuned" or "average_precision".
            confidence: coverage of the intervals.
        """
        check_choice("treatment", treatment, self.treatments)
        check_choice("metric", metric, LABEL_METRICS)
        ours, base = (self._per_label(name, metric) for name in (treatment, self.baseline))
        result: list[PairedDifference | None] = []
        for difference in (ours - base).T:
            judged = difference[~np.isnan(difference)]
            result.append(
                paired_difference(judged, self.test_over_train, confidence=confidence)
                if len(judged)
                else None
            )
        return result

    def _per_label(self, treatment: str, metric: str) -> NDArray[np.float64]:
        """(folds, L) values; NaN where there are none."""
        values = np.full((self.n_folds, self.stats.n_labels), np.nan)
        for cell in self.cells:
            if cell.treatment == treatment:
                values[self._positions[cell.fold]] = cell.measured.per_label[metric]
        return values

    def precision_curve(self, treatment: str) -> NDArray[np.float64]:
        """Returns the macro precision at each of `metrics.RECALLS`, the mean over the folds."""
        check_choice("treatment", treatment, self.treatments)
        curves = [c.measured.precision for c in self.cells if c.treatment == treatment]
        defined = [curve for curve in curves if not np.isnan(curve).any()]
        return np.mean(defined, axis=0) if defined else np.full(len(RECALLS), np.nan)

    def reliability(self, treatment: str, kind: str) -> NDArray[np.float64]:
        """Returns (3, bins): cells, mean probability and share of positives, over all folds.

        Empty bins are NaN in the last two rows. `kind` is "raw" or "corrected".
        """
        check_choice("treatment", treatment, self.treatments)
        check_choice("kind", kind, ("raw", "corrected"))
        cells, p, y = np.sum(
            [c.measured.reliability[kind] for c in self.cells if c.treatment == treatment], axis=0
        )
        with np.errstate(invalid="ignore"):
            return np.stack([cells, p / cells, y / cells])

    def verdict(self) -> list[str]:
        """Returns the result in plain words, a sentence or two per question."""
        return verdict(self)

    def report(self, path: str | os.PathLike[str], title: str = "Comparison") -> Path:
        """Writes the comparison as a report; the suffix says how.

        .html (self-contained, with figures), .md (Markdown) or .json (its plain content).

        Raises:
            InvalidFile: another suffix, or a file that cannot be written.
        """
        return write_report(path, document(self, title))

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values (see `from_dict`), with table and verdict beside."""
        return {
            "kind": "Comparison",
            "schema_version": _SCHEMA_VERSION,
            "baseline": self.baseline,
            "random_state": self.random_state,
            "verdict": self.verdict(),
            "table": self.table().to_dicts(),
            "stats": self.stats.to_dict(),
            "judged": self.judged.tolist(),
            "cells": [cell_to_dict(cell) for cell in self.cells],
            "context": dict(self.context),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Comparison", _SCHEMA_VERSION)
        try:
            return cls(
                tuple(from_record(cell) for cell in payload["cells"]),
                LabelStats.from_dict(payload["stats"]),
                np.asarray(payload["judged"], dtype=bool),
                payload["baseline"],
                payload["random_state"],
                dict(payload.get("context", {})),
            )
        except (KeyError, TypeError) as error:
            raise InvalidInput(f"This saved comparison is incomplete: {error}.") from error

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the comparison to a JSON file."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a comparison from a JSON file."""
        return cls.from_dict(read_json(path))


def _mean(values: NDArray[np.float64]) -> float:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else value

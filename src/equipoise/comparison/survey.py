"""Survey: the comparisons of one plan, a data set each, and what holds over all of them."""

from __future__ import annotations

import os
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
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import PRIMARY, Comparison
from equipoise.comparison.survey_document import survey_document, survey_verdict
from equipoise.report import write_report
from equipoise.statistics import Ranks, friedman_nemenyi

_SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class Survey:
    """The result of `Plan.run`.

    Attributes:
        comparisons: one per data set, by its name.
        failures: why a data set could not be compared at all, by its name.
        metrics: what the tables show; the first one decides.
        plan: the plan that gives the same again, as plain values; empty where it is not known.
    """

    comparisons: Mapping[str, Comparison]
    failures: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[str, ...] = (PRIMARY,)
    plan: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def treatments(self) -> tuple[str, ...]:
        """Names of the treatments, in the order in which they were given."""
        return tuple(
            dict.fromkeys(name for c in self.comparisons.values() for name in c.treatments)
        )

    def means(self, metric: str | None = None) -> pl.DataFrame:
        """Returns one row per treatment: the mean of the metric on every data set, null where the
        treatment was not measured, and its average rank where it was measured on all.

        Args:
            metric: one of `METRICS`; the first of `metrics` by default.
        """
        metric = self._metric(metric)
        means = {name: c.means(metric) for name, c in self.comparisons.items()}
        columns: dict[str, Any] = {"treatment": list(self.treatments)}
        for name, of_set in means.items():
            values = [of_set.get(t, float("nan")) for t in self.treatments]
            columns[name] = [None if np.isnan(v) else v for v in values]
        ranks = self.ranks(metric)
        average = {} if ranks is None else ranks[1]
        columns["average rank"] = [average.get(t) for t in self.treatments]
        schema: dict[str, Any] = dict.fromkeys(columns, pl.Float64) | {"treatment": pl.String}
        table = pl.DataFrame(columns, schema=schema)
        return table.sort("average rank", nulls_last=True, maintain_order=True)

    def ranks(self, metric: str | None = None) -> tuple[Ranks, dict[str, float]] | None:
        """Returns the Friedman and Nemenyi tests over the data sets, and each average rank.

        Treatments that failed or were pruned on a fold that others have are left out, since a
        mean over other folds has no place in a ranking. None with fewer than two data sets or two
        treatments.
        """
        metric = self._metric(metric)
        values = [_defined_folds(c.values(metric)) for c in self.comparisons.values()]
        ranked = [
            t for t in self.treatments if all(t in v and not np.isnan(v[t]).any() for v in values)
        ]
        if len(values) < 2 or len(ranked) < 2:
            return None
        scores = [[float(v[t].mean()) for t in ranked] for v in values]
        ranks = friedman_nemenyi(scores, higher_is_better=METRICS[metric].higher_is_better)
        return ranks, dict(zip(ranked, ranks.average.tolist(), strict=True))

    def verdict(self) -> list[str]:
        """Returns the result in plain words."""
        return survey_verdict(self)

    def report(self, path: str | os.PathLike[str], title: str = "Comparison") -> Path:
        """Writes the survey as a report: .html, .md or .json."""
        return write_report(path, survey_document(self, title))

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values (see `from_dict`), with the verdict beside."""
        return {
            "kind": "Survey",
            "schema_version": _SCHEMA_VERSION,
            "metrics": list(self.metrics),
            "verdict": self.verdict(),
            "failures": dict(self.failures),
            "plan": dict(self.plan),
            "comparisons": {name: c.to_dict() for name, c in self.comparisons.items()},
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Survey", _SCHEMA_VERSION)
        try:
            comparisons = {
                name: Comparison.from_dict(c) for name, c in payload["comparisons"].items()
            }
            metrics = tuple(payload["metrics"])
            return cls(comparisons, payload["failures"], metrics, payload.get("plan", {}))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidInput(f"This saved survey is incomplete: {error}.") from error

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the survey to a JSON file."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads a survey from a JSON file."""
        return cls.from_dict(read_json(path))

    def _metric(self, metric: str | None) -> str:
        metric = self.metrics[0] if metric is None else metric
        check_choice("metric", metric, tuple(METRICS))
        return metric


def _defined_folds(values: Mapping[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """The folds on which the metric exists for some treatment: a test part may hold no positive."""
    defined = ~np.isnan(list(values.values())).all(axis=0)
    return {name: v[defined] for name, v in values.items()}

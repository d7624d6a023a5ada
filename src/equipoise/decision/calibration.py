"""compare_calibration: does calibration help, and which?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.decision._log_odds import finite_log_odds
from equipoise.decision.calibrator import Calibrator, Method, cross_fitted_probabilities
from equipoise.exact.cells import read_scored
from equipoise.model_selection import MultilabelStratifiedKFold
from equipoise.statistics import PairedDifference, holm, paired_difference
from equipoise.targets import as_targets

Float = NDArray[np.float64]

METHODS: tuple[Method, ...] = ("temperature", "logistic", "beta", "isotonic")


@dataclass(frozen=True)
class CalibrationComparison:
    """What `compare_calibration` found.

    Attributes:
        log_loss: (folds,) of each way, over all cells of a fold.
        brier: the same for the Brier score.
        ece: expected calibration error of each way, over all rows.
        baseline: what the others are compared to.
        test_over_train: rows of a fold per row of the others.
    """

    log_loss: Mapping[str, Float]
    brier: Mapping[str, Float]
    ece: Mapping[str, float]
    baseline: str
    test_over_train: float

    def differences(self) -> dict[str, PairedDifference]:
        """Returns each way's paired difference in log loss to the baseline; below 0 is better."""
        base = self.log_loss[self.baseline]
        return {
            name: paired_difference(losses - base, self.test_over_train)
            for name, losses in self.log_loss.items()
            if name != self.baseline
        }

    def table(self) -> pl.DataFrame:
        """Returns one row per way, the lowest log loss first."""
        differences = self.differences()
        rows = []
        for name, losses in self.log_loss.items():
            d = differences.get(name)
            rows.append(
                {
                    "way": name,
                    "log_loss": float(losses.mean()),
                    "brier_score": float(self.brier[name].mean()),
                    "ece": self.ece[name],
                    "difference": None if d is None else d.mean,
                    "low": None if d is None else d.low,
                    "high": None if d is None else d.high,
                }
            )
        return pl.DataFrame(rows).sort("log_loss")

    def best(self) -> str:
        """Returns the way with the lowest log loss; whether its lead is shown, `verdict` says."""
        return str(self.table()["way"][0])

    def verdict(self) -> list[str]:
        """Returns in plain words what helps, what does not, and what does harm."""
        differences = self.differences()
        p = {n: d.p_value for n, d in differences.items() if d.p_value is not None}
        adjusted = dict(zip(p, holm(list(p.values())).tolist(), strict=True)) if p else {}
        lines: list[str] = []
        for name, d in sorted(differences.items(), key=lambda item: item[1].mean):
            shown = adjusted.get(name, 1.0) < 0.05
            does = "helps" if d.mean < 0 else "does harm"
            if not shown:
                does = "shows no difference"
            lines.append(f"{name} {does}: log loss {d.mean:+.4f} against {self.baseline}.")
        return lines


def compare_calibration(
    y_true: Any,
    y_score: Any,
    methods: Sequence[Method] = METHODS,
    *,
    others: Mapping[str, Any] | None = None,
    from_logits: bool = False,
    cv: int = 5,
    groups: ArrayLike | None = None,
    min_positives: int = 20,
    random_state: int = 0,
) -> CalibrationComparison:
    """Judges probabilities as they are beside calibrated ones, by proper scores.

    Calibrators are cross-fitted, so none is judged on rows that it has seen; differences carry
    intervals that respect how the folds overlap (Nadeau and Bengio, 2003).

    Not on the rows that the model was trained on.

    Args:
        y_true: (N, L) labels, anything `as_targets` reads.
        y_score: (N, L) probabilities ("raw"), or log-odds.
        methods: of `Calibrator`.
        others: more (N, L) probabilities to judge beside them, by name: {"corrected": q}.
        from_logits: True if `y_score` holds log-odds.
        cv: number of stratified folds.
        groups: (N,) group of each row; a group is never split.
        min_positives: see `Calibrator`.
        random_state: seed of the folds.

    Raises:
        InvalidInput: as `Calibrator.fit`; a name that is there twice.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> z = rng.normal(size=(1000, 3))
        >>> y = rng.random(z.shape) < 1 / (1 + np.exp(-z))
        >>> found = compare_calibration(y, 4 * z, ["temperature"], from_logits=True)
        >>> found.best()
        'temperature'
        >>> found.verdict()[0].split(":")[0]
        'temperature helps'
    """
    targets = as_targets(y_true)
    ways: dict[str, Float] = {"raw": _as_they_are(y_score, targets, from_logits)}
    for name, p in (others or {}).items():
        if name in ways or name in methods:
            raise InvalidInput(f"`others` names {name!r}, which is there already.")
        ways[name] = _as_they_are(p, targets, False)
    for method in methods:
        ways[method] = cross_fitted_probabilities(
            y_score,
            targets,
            Calibrator(method, min_positives=min_positives),
            cv=cv,
            groups=groups,
            from_logits=from_logits,
            random_state=random_state,
        )
    splitter = MultilabelStratifiedKFold(cv, random_state=random_state)
    rows = np.zeros((targets.n_rows, 1))
    folds = [held for _, held in splitter.split(rows, targets, groups)]
    scores: dict[str, dict[str, Float]] = {"log_loss": {}, "brier_score": {}}
    for metric, found in scores.items():
        judge: Any = getattr(exact, metric)
        for name, p in ways.items():
            found[name] = np.array([_scored(judge, targets.take(f), p[f]) for f in folds])
    known = ~np.isnan(scores["log_loss"]["raw"])
    ece = {
        name: float(exact.expected_calibration_error(targets, p, average="micro"))
        for name, p in ways.items()
    }
    return CalibrationComparison(
        {name: losses[known] for name, losses in scores["log_loss"].items()},
        {name: losses[known] for name, losses in scores["brier_score"].items()},
        ece,
        "raw",
        1 / (cv - 1),
    )


def _as_they_are(y_score: Any, targets: Any, from_logits: bool) -> Float:
    """Returns (N, L) probabilities without 0 and 1, as calibrated ones are."""
    return expit(finite_log_odds(read_scored(targets, y_score).scores, from_logits))


def _scored(metric: Any, targets: Any, p: Float) -> float:
    try:
        return float(metric(targets, p, average="micro"))
    except Undefined:  # a fold without a known cell
        return float("nan")

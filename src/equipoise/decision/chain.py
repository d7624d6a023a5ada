"""DecisionChain: from log-odds of several models to probabilities and decisions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise._files import check_schema, read_json, write_json
from equipoise.decision._rules import ThresholdRule
from equipoise.decision._temperature import fit_temperature
from equipoise.decision.thresholds import Thresholds
from equipoise.decision.tuning import tune_thresholds
from equipoise.exact.cells import as_array, as_matrix, read_targets, read_weights

Float = NDArray[np.float64]

_SCHEMA_VERSION = 1


@dataclass(frozen=True, eq=False)
class DecisionChain:
    """A temperature and thresholds, both learned from rows that no model had seen.

        p = mean over models of σ(z / √T),   yes where p >= threshold

    T is the temperature with the least log loss on the held-out log-odds. Its square root is
    taken for several models, because their mean is already less sure than each of them; T itself
    for a single one.

    Not for log-odds of rows that the models were trained on: they seem surer than they are.

    Args:
        thresholds: one per label, on probabilities.
        temperature: T; 1 changes nothing.
        n_models: how many models there are.

    Examples:
        >>> y = [[1, 0], [0, 0], [1, 1], [0, 0], [1, 0], [0, 1]]
        >>> z = [[2., -3.], [-1., -2.], [1., 1.], [-2., -1.], [-1., -2.], [-1., 2.]]
        >>> chain = DecisionChain.fitted(y, z, n_models=2)
        >>> chain.predict([z, z])[:3]
        array([[1, 0],
               [0, 0],
               [1, 1]], dtype=uint8)
    """

    thresholds: Thresholds
    temperature: float = 1.0
    n_models: int = 1

    def __post_init__(self) -> None:
        check_number(
            "temperature", self.temperature, minimum=0, open_minimum=True, open_maximum=True
        )
        check_integer("n_models", self.n_models, minimum=1)

    @classmethod
    def fitted(
        cls,
        y_true: Any,
        log_odds: Any,
        metric: str = "f1",
        *,
        n_models: int,
        rule: ThresholdRule = "shrunk",
        temperature: bool = True,
        sample_weight: Any = None,
        random_state: int = 0,
        **options: Any,
    ) -> Self:
        """Returns the chain for held-out log-odds.

        Args:
            y_true: (N, L) labels, anything `as_targets` reads.
            log_odds: (N, L) log-odds of each row from a model that has not seen it; of several
                such models, the mean.
            metric: what thresholds are tuned for; see `tune_thresholds`.
            n_models: how many models there are; each row has been judged by one or some of them.
            rule: how thresholds are found; see `tune_thresholds`.
            temperature: False leaves the log-odds as they are.
            sample_weight: (N,), (N, 1) or (N, L).
            random_state: seed of the resamples of the shrunk rule.
            options: more of `tune_thresholds`.

        Raises:
            InvalidInput: shapes that do not fit, log-odds that are not finite.
        """
        targets = read_targets(y_true)
        z = _numbers(as_matrix(log_odds, "log_odds", targets))
        if not np.isfinite(z).all():
            raise InvalidInput(
                "`log_odds` must be finite.",
                received=f"{np.count_nonzero(~np.isfinite(z))} values that are not",
                remedy="Clip probabilities away from 0 and 1 before taking their log-odds.",
            )
        degrees = 1.0
        if temperature:
            known = targets.known.reshape(z.shape)
            y = np.asarray(targets.to_dense().values).reshape(z.shape)[known].astype(np.float64)
            weights = read_weights(sample_weight, targets)
            w = None if weights is None else np.broadcast_to(weights, z.shape)[known]
            degrees = fit_temperature(z[known], y, w)
        p = expit(z / _scale(degrees, n_models))
        thresholds = tune_thresholds(
            targets,
            p,
            metric,
            rule=rule,
            sample_weight=sample_weight,
            random_state=random_state,
            **options,
        )
        return cls(thresholds, degrees, n_models)

    def probabilities(self, log_odds: Any) -> Float:
        """Returns (..., L) probabilities, the mean over models.

        Args:
            log_odds: (models, ..., L), or an iterable over the (..., L) of each model.
        """
        total, count = np.zeros(()), 0
        several = isinstance(log_odds, Iterable) and getattr(log_odds, "ndim", 1) > 0
        for z in log_odds if several else ():
            p = self.held_out(z)
            if count and p.shape != total.shape:
                raise InvalidInput(
                    "`log_odds` must have the same shape from each model.",
                    received=f"{p.shape} after {total.shape}",
                )
            total = total + p
            count += 1
        if count != self.n_models:
            raise InvalidInput(
                "`log_odds` must hold the log-odds of each model.",
                received=f"{count} models for a chain of {self.n_models}",
            )
        return np.asarray(total) / count

    def held_out(self, log_odds: Any) -> Float:
        """Returns probabilities of rows from what models that had not seen them say: σ(z / √T)."""
        z = _numbers(as_array(log_odds, "log_odds", ()))
        if z.size and np.isnan(z.min()):
            raise InvalidInput("`log_odds` holds NaN.", remedy="A missing score decides nothing.")
        return expit(z / _scale(self.temperature, self.n_models))

    def predict(self, log_odds: Any) -> NDArray[np.uint8]:
        """Returns (..., L) decisions of 0 and 1; see `probabilities` for the arguments."""
        return self.thresholds.predict(self.probabilities(log_odds))

    def margins(self, probabilities: Float) -> Float:
        """Returns log-odds of probabilities minus those of the threshold: from 0 on it is yes."""
        tiny, last = np.finfo(np.float64).tiny, 1 - np.finfo(np.float64).epsneg
        levels = logit(np.clip(self.thresholds.values, tiny, last))
        margins = logit(np.clip(probabilities, tiny, last)) - levels
        # Log-odds of neighbours may be alike, and a threshold may lie above 1: the decision counts.
        yes = probabilities >= self.thresholds.values
        return np.where(yes, np.maximum(margins, 0.0), np.minimum(margins, -tiny))

    def to_dict(self) -> dict[str, Any]:
        """Returns the chain as plain numbers, lists and strings (see `from_dict`)."""
        return {
            "kind": "DecisionChain",
            "schema_version": _SCHEMA_VERSION,
            "temperature": self.temperature,
            "n_models": self.n_models,
            "thresholds": self.thresholds.to_dict(),
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "DecisionChain", _SCHEMA_VERSION)
        missing = [p for p in ("temperature", "n_models", "thresholds") if p not in payload]
        if missing or not isinstance(payload["thresholds"], Mapping):
            raise InvalidInput(
                "This saved DecisionChain is not complete.",
                received=f"no {', '.join(missing or ['thresholds'])}",
            )
        thresholds = Thresholds.from_dict(payload["thresholds"])
        return cls(thresholds, payload["temperature"], payload["n_models"])

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the chain to a JSON file, whole or not at all."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what `to_json` wrote."""
        return cls.from_dict(read_json(path))


def _numbers(z: NDArray[Any]) -> Float:
    if z.dtype.kind not in "fiub" and z.dtype.name != "bfloat16":
        raise InvalidInput("`log_odds` must hold numbers.", received=f"dtype {z.dtype}")
    return z.astype(np.float64)


def _scale(temperature: float, n_models: int) -> float:
    """Returns what log-odds are divided by."""
    return float(np.sqrt(temperature)) if n_models > 1 else temperature

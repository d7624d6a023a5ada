"""Calibrator: probabilities that come true, learned from held-out rows, label by label."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from equipoise._errors import InvalidInput, check_choice, check_integer, check_names
from equipoise._files import check_schema, read_json, write_json
from equipoise.decision._log_odds import finite_log_odds
from equipoise.decision._maps import METHODS, apply_map, fit_map
from equipoise.exact.cells import ScoredCells, as_array, read_scored

Float = NDArray[np.float64]

Method = Literal["temperature", "logistic", "beta", "isotonic"]

_SCHEMA_VERSION = 1


class Calibrator:
    """Learns what probabilities of a model are worth: one map per label from rows it has not seen.

    Labels with fewer than `min_positives` positives (or negatives) share one map, fitted to the
    cells of all of them: a map of three positives is chance. If there are no cells of both kinds
    among those, they keep the probabilities they have.

    Not on the rows that the model was trained on, where it seems surer than it is. And not
    without looking whether it helps: of a model that is calibrated already, or from few rows, it
    makes a worse one (`compare_calibration`).

    Args:
        method: "temperature" (one scale), "logistic" (scale and shift), "beta" (three numbers,
            for scores that are too sure on one side only) or "isotonic" (any rising function;
            needs hundreds of positives, and makes ties).
        min_positives: positives, and negatives, that a label needs for a map of its own.
        pooled: True gives all labels one map together.

    Attributes:
        label_names_: the labels.
        own_: (L,) whether a label has a map of its own.

    Examples:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> z = rng.normal(size=(2000, 1))
        >>> y = rng.random(z.shape) < 1 / (1 + np.exp(-z))
        >>> calibrator = Calibrator("temperature").fit(3 * z, y, from_logits=True)  # too sure
        >>> float(calibrator.transform([[3.0]], from_logits=True)[0, 0].round(2))  # σ(1)
        0.73
    """

    def __init__(
        self,
        method: Method = "logistic",
        *,
        min_positives: int = 20,
        pooled: bool = False,
    ):
        check_choice("method", method, METHODS)
        self.method: Method = method
        self.min_positives = check_integer("min_positives", min_positives, minimum=1)
        self.pooled = bool(pooled)

    def fit(
        self, y_score: Any, y_true: Any, *, from_logits: bool = False, sample_weight: Any = None
    ) -> Self:
        """Learns the maps from held-out rows.

        Args:
            y_score: (N, L) probabilities, or log-odds.
            y_true: labels, anything `as_targets` reads.
            from_logits: True if the scores are log-odds.
            sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.

        Raises:
            InvalidInput: shapes that do not fit, NaN, probabilities outside [0, 1].
        """
        cells = read_scored(y_true, y_score, sample_weight)
        parts = [_cells_of(cells, label, from_logits) for label in range(cells.n_labels)]
        least = self.min_positives
        self.own_ = np.array(
            [not self.pooled and min(y.sum(), len(y) - y.sum()) >= least for _, y, _ in parts]
        )
        self.label_names_ = cells.names
        self._maps: list[dict[str, Any] | None] = [
            fit_map(self.method, *part) if own else None
            for part, own in zip(parts, self.own_, strict=True)
        ]
        self._shared = self._fit_shared(
            [p for p, own in zip(parts, self.own_, strict=True) if not own]
        )
        return self

    def _fit_shared(self, parts: list[Any]) -> dict[str, Any] | None:
        if not parts:
            return None
        z, y = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        weighted = any(w is not None for _, _, w in parts)
        w = np.concatenate([part[2] for part in parts]) if weighted else None
        if len(y) == 0 or y.min() == y.max():
            return None
        return fit_map(self.method, z, y, w)

    def log_odds(self, y_score: Any, *, from_logits: bool = False) -> Float:
        """Returns (..., L) calibrated log-odds."""
        if not hasattr(self, "_maps"):
            raise InvalidInput("This Calibrator is not fitted.", remedy="Call fit first.")
        scores = as_array(y_score, "y_score", self.label_names_)
        n_labels = len(self.label_names_)
        if scores.ndim == 0 or (scores.shape[-1] != n_labels and (n_labels > 1 or scores.ndim > 1)):
            raise InvalidInput(
                f"`y_score` must have {n_labels} columns, one per label.",
                received=f"y_score.shape={scores.shape}",
            )
        z = finite_log_odds(scores, from_logits)
        flat = z.reshape(-1, n_labels)
        found = np.empty_like(flat)
        for label, own in enumerate(self._maps):
            parameters = own or self._shared
            column = flat[:, label]
            found[:, label] = column if parameters is None else apply_map(parameters, column)
        return found.reshape(z.shape)

    def transform(self, y_score: Any, *, from_logits: bool = False) -> Float:
        """Returns (..., L) calibrated probabilities, float64."""
        return expit(self.log_odds(y_score, from_logits=from_logits))

    # ------------------------------------------------------------------------------ saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the fitted maps as plain numbers, lists and strings (see `from_dict`)."""
        self.log_odds(np.zeros((0, len(getattr(self, "label_names_", ("",))))))  # fitted?
        return {
            "kind": "Calibrator",
            "schema_version": _SCHEMA_VERSION,
            "method": self.method,
            "min_positives": self.min_positives,
            "pooled": self.pooled,
            "label_names": list(self.label_names_),
            "maps": self._maps,
            "shared": self._shared,
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Calibrator", _SCHEMA_VERSION)
        try:
            method: Any = payload["method"]
            restored = cls(
                method,
                min_positives=payload["min_positives"],
                pooled=payload["pooled"],
            )
            restored._maps = list(payload["maps"])
            restored._shared = payload["shared"]
            restored.label_names_ = check_names(
                "label_names", payload["label_names"], len(restored._maps)
            )
            restored.own_ = np.array([own is not None for own in restored._maps])
            for parameters in (*restored._maps, restored._shared):
                if parameters is not None:
                    _check_map(parameters)
        except (KeyError, TypeError, ValueError) as error:
            if isinstance(error, InvalidInput):
                raise
            raise InvalidInput(
                "This saved Calibrator is not complete.", received=repr(error)
            ) from error
        return restored

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Writes the calibrator to a JSON file, whole or not at all."""
        return write_json(path, self.to_dict())

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Self:
        """Reads what `to_json` wrote."""
        return cls.from_dict(read_json(path))

    def __repr__(self) -> str:
        return (
            f"Calibrator({self.method!r}, min_positives={self.min_positives}, pooled={self.pooled})"
        )


def _check_map(parameters: dict[str, Any]) -> None:
    """Raises an error unless the map turns numbers into numbers."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = apply_map(parameters, np.array([-1.0, 0.0, 1.0]))
    if not np.isfinite(found).all():
        raise ValueError(f"a map that gives {found.tolist()}")


def cross_fitted_probabilities(
    y_score: Any,
    y_true: Any,
    calibrator: Calibrator | None = None,
    *,
    cv: int = 5,
    groups: ArrayLike | None = None,
    from_logits: bool = False,
    sample_weight: Any = None,
    random_state: int = 0,
) -> Float:
    """Returns calibrated probabilities, each from a calibrator that had not seen its row.

    What calibration does can be judged on the same rows so, without flattering it.

    Args:
        y_score: (N, L) scores of rows that the model has not seen.
        y_true: labels, anything `as_targets` reads.
        calibrator: whose options are used; logistic by default.
        cv: number of stratified folds.
        groups: (N,) group of each row; a group is never split.
        from_logits: True if the scores are log-odds.
        sample_weight: (N,) or (N, 1) for rows, (N, L) for cells; 0 leaves out.
        random_state: seed of the folds.

    Raises:
        InvalidInput: as `Calibrator.fit`.

    Examples:
        >>> import numpy as np
        >>> p = np.random.default_rng(0).random((60, 2))
        >>> cross_fitted_probabilities(p, p > .4, cv=3).shape
        (60, 2)
    """
    from equipoise.model_selection import MultilabelStratifiedKFold

    calibrator = calibrator or Calibrator()
    cells = read_scored(y_true, y_score, sample_weight)
    weights = None if cells.weights is None else cells.weights
    targets = _labels_of(cells)
    splitter = MultilabelStratifiedKFold(cv, random_state=random_state)
    found = np.empty(cells.scores.shape)
    for train, held in splitter.split(cells.scores, targets, groups):
        part = Calibrator(
            calibrator.method, min_positives=calibrator.min_positives, pooled=calibrator.pooled
        ).fit(
            cells.scores[train],
            targets[train],
            from_logits=from_logits,
            sample_weight=None if weights is None else weights[train],
        )
        found[held] = part.transform(cells.scores[held], from_logits=from_logits)
    return found


def _labels_of(cells: ScoredCells) -> NDArray[np.float32]:
    """Returns (N, L) labels with NaN where unknown."""
    y = cells.positive.astype(np.float32)
    if cells.known is not None:
        y[~cells.known] = np.nan
    return y


def _cells_of(
    cells: ScoredCells, label: int, from_logits: bool
) -> tuple[Float, Float, Float | None]:
    """Returns log-odds, labels and weights of the known cells of a label."""
    scores, y, weights = cells.labels(label, label + 1)[0].present()
    return finite_log_odds(scores, from_logits), y.astype(np.float64), weights

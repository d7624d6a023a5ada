"""Cell: one treatment on one fold, as it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from equipoise.comparison.metrics import (
    LABEL_METRICS,
    METRICS,
    RECALLS,
    RELIABILITY_BINS,
    Measured,
)


@dataclass(frozen=True)
class Cell:
    """One treatment on one fold.

    Attributes:
        treatment: name of the treatment.
        fold: number of the fold, over all repeats.
        n_train: training rows.
        n_test: test rows.
        seconds: time that training and measuring took.
        epochs: epochs of each network.
        measured: the figures; all NaN where it failed.
        error: why it failed, or None.
        restored: whether it comes from a store and was not trained now.
    """

    treatment: str
    fold: int
    n_train: int
    n_test: int
    seconds: float
    epochs: tuple[int, ...]
    measured: Measured
    error: str | None = None
    restored: bool = field(default=False, compare=False)


def nothing_measured(n_labels: int) -> Measured:
    """Returns the figures of a cell that failed."""
    return Measured(
        dict.fromkeys(METRICS, float("nan")),
        {key: np.full(n_labels, np.nan) for key in LABEL_METRICS},
        np.full(len(RECALLS), np.nan),
        {kind: np.zeros((3, RELIABILITY_BINS)) for kind in ("raw", "corrected")},
    )


def to_record(cell: Cell) -> dict[str, Any]:
    """Returns the cell as a store keeps it: plain values and arrays."""
    return {
        "treatment": cell.treatment,
        "fold": cell.fold,
        "n_train": cell.n_train,
        "n_test": cell.n_test,
        "seconds": cell.seconds,
        "epochs": list(cell.epochs),
        "error": cell.error,
        "metrics": cell.measured.metrics,
        "per_label": cell.measured.per_label,
        "precision": cell.measured.precision,
        "reliability": cell.measured.reliability,
    }


def to_dict(cell: Cell) -> dict[str, Any]:
    """Returns the cell as strict JSON has it: lists, and null for NaN."""
    return _plain(to_record(cell))


def from_record(record: Mapping[str, Any], **changes: Any) -> Cell:
    """Restores what `to_record` or `to_dict` returned."""
    record = {**record, **changes}
    return Cell(
        record["treatment"],
        record["fold"],
        record["n_train"],
        record["n_test"],
        record["seconds"],
        tuple(record["epochs"]),
        # None becomes NaN on the way to float64.
        Measured(
            {k: float("nan") if v is None else float(v) for k, v in record["metrics"].items()},
            {k: np.array(v, dtype=np.float64) for k, v in record["per_label"].items()},
            np.array(record["precision"], dtype=np.float64),
            {k: np.array(v, dtype=np.float64) for k, v in record["reliability"].items()},
        ),
        record.get("error"),
        record.get("restored", False),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and np.isnan(value) else value

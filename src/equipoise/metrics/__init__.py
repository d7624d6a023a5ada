"""Metrics. Those for Keras hold sums and are loaded on first use; `metrics.exact` needs no Keras.

StreamingMetric                       labels, weights, unknown cells, masks, sums, merging
├── LabelMetric                       one value per label, and their mean
│   ├── CountMetric                   decisions: a threshold per label, four counts
│   │   └── FBeta, BalancedAccuracy, MatthewsCorrelation, HammingLoss
│   ├── HistogramMetric               two histograms of logits, and bounds of what they lose
│   │   └── ROCAUC, AveragePrecision
│   └── BrierScore, ExpectedCalibrationError
└── PrecisionAtK, PropensityPrecisionAtK      one value per row, and their mean
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise import exact as exact
    from equipoise.metrics.calibration import BrierScore as BrierScore
    from equipoise.metrics.calibration import ExpectedCalibrationError as ExpectedCalibrationError
    from equipoise.metrics.counts import BalancedAccuracy as BalancedAccuracy
    from equipoise.metrics.counts import FBeta as FBeta
    from equipoise.metrics.counts import HammingLoss as HammingLoss
    from equipoise.metrics.counts import MatthewsCorrelation as MatthewsCorrelation
    from equipoise.metrics.ranking import ROCAUC as ROCAUC
    from equipoise.metrics.ranking import AveragePrecision as AveragePrecision
    from equipoise.metrics.top_k import PrecisionAtK as PrecisionAtK
    from equipoise.metrics.top_k import PropensityPrecisionAtK as PropensityPrecisionAtK

_HOMES = {
    "AveragePrecision": "ranking",
    "BalancedAccuracy": "counts",
    "BrierScore": "calibration",
    "ExpectedCalibrationError": "calibration",
    "FBeta": "counts",
    "HammingLoss": "counts",
    "MatthewsCorrelation": "counts",
    "PrecisionAtK": "top_k",
    "PropensityPrecisionAtK": "top_k",
    "ROCAUC": "ranking",
}

__all__ = [
    "ROCAUC",
    "AveragePrecision",
    "BalancedAccuracy",
    "BrierScore",
    "ExpectedCalibrationError",
    "FBeta",
    "HammingLoss",
    "MatthewsCorrelation",
    "PrecisionAtK",
    "PropensityPrecisionAtK",
    "exact",
]


def __getattr__(name: str) -> Any:
    if name == "exact":
        return importlib.import_module("equipoise.exact")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"equipoise.metrics.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'equipoise.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

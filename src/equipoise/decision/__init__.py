"""From scores to decisions: corrected probabilities, and a threshold for each label.

What needs scikit-learn's model selection is loaded on first use: it takes a second to import.
"""

import importlib
from typing import TYPE_CHECKING, Any

from equipoise.decision._rules import ThresholdRule
from equipoise.decision.calibrator import Calibrator, cross_fitted_probabilities
from equipoise.decision.chain import DecisionChain
from equipoise.decision.correction import Correction
from equipoise.decision.thresholds import Thresholds
from equipoise.decision.tuning import judge_thresholds, tune_thresholds

if TYPE_CHECKING:
    from equipoise.decision.calibration import CalibrationComparison, compare_calibration
    from equipoise.decision.cross_fitted import CrossFitted

__all__ = [
    "CalibrationComparison",
    "Calibrator",
    "Correction",
    "CrossFitted",
    "DecisionChain",
    "ThresholdRule",
    "Thresholds",
    "compare_calibration",
    "cross_fitted_probabilities",
    "judge_thresholds",
    "tune_thresholds",
]

_LATER = {
    "CalibrationComparison": "calibration",
    "CrossFitted": "cross_fitted",
    "compare_calibration": "calibration",
}


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(importlib.import_module(f"equipoise.decision.{_LATER[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

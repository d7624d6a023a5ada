"""From scores to decisions: corrected probabilities, and a threshold for each label.

`CrossFitted` is loaded on first use: scikit-learn's estimators take a second to import.
"""

import importlib
from typing import TYPE_CHECKING, Any

from equipoise.decision.chain import DecisionChain
from equipoise.decision.correction import Correction
from equipoise.decision.thresholds import Thresholds
from equipoise.decision.tuning import judge_thresholds, tune_thresholds

if TYPE_CHECKING:
    from equipoise.decision.cross_fitted import CrossFitted

__all__ = [
    "Correction",
    "CrossFitted",
    "DecisionChain",
    "Thresholds",
    "judge_thresholds",
    "tune_thresholds",
]


def __getattr__(name: str) -> Any:
    if name == "CrossFitted":
        return importlib.import_module("equipoise.decision.cross_fitted").CrossFitted
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

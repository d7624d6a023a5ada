"""From scores to decisions: corrected probabilities, and a threshold for each label."""

from equipoise.decision.correction import Correction
from equipoise.decision.thresholds import Thresholds
from equipoise.decision.tuning import tune_thresholds

__all__ = ["Correction", "Thresholds", "tune_thresholds"]

"""Treatments × folds: what each is worth on the user's own data, with intervals."""

from equipoise.comparison.compare import compare
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import Comparison

__all__ = ["METRICS", "Comparison", "compare"]

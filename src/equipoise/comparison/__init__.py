"""Treatments × folds: what each is worth on the user's own data, with intervals."""

from equipoise.comparison.cell import Cell
from equipoise.comparison.compare import compare
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.plan import Plan
from equipoise.comparison.result import Comparison
from equipoise.comparison.source import DataSource
from equipoise.comparison.survey import Survey

__all__ = ["METRICS", "Cell", "Comparison", "DataSource", "Plan", "Survey", "compare"]

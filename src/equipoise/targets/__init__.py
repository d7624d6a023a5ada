"""Targets: one form for every kind of y that users have."""

from equipoise.targets.label_sets import is_label_sets
from equipoise.targets.read import as_targets
from equipoise.targets.targets import Targets, default_names

__all__ = ["Targets", "as_targets", "default_names", "is_label_sets"]

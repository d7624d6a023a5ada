"""Splits of multi-label data in which every part holds its share of every label.

Splitters are loaded on first use: scikit-learn's model selection takes a second to import.
"""

import importlib
from typing import TYPE_CHECKING, Any

from equipoise.model_selection.holdout import train_test_split, train_validation_test_split
from equipoise.model_selection.report import split_report

if TYPE_CHECKING:
    from equipoise.model_selection.splitters import (
        MultilabelStratifiedKFold,
        MultilabelStratifiedShuffleSplit,
        RepeatedMultilabelStratifiedKFold,
    )
    from equipoise.model_selection.time_series import MultilabelTimeSeriesSplit

__all__ = [
    "MultilabelStratifiedKFold",
    "MultilabelStratifiedShuffleSplit",
    "MultilabelTimeSeriesSplit",
    "RepeatedMultilabelStratifiedKFold",
    "split_report",
    "train_test_split",
    "train_validation_test_split",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'equipoise.model_selection' has no attribute {name!r}")
    module = "time_series" if name == "MultilabelTimeSeriesSplit" else "splitters"
    value = getattr(importlib.import_module(f"equipoise.model_selection.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

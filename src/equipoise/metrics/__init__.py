"""Metrics. `metrics.exact` works on arrays and needs no Keras; it is loaded on first use."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise import exact as exact

__all__ = ["exact"]


def __getattr__(name: str) -> Any:
    if name == "exact":
        return importlib.import_module("equipoise.exact")
    raise AttributeError(f"module 'equipoise.metrics' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

"""A trained model as one folder that lasts: written whole, loaded safely, used on any table.

Names are loaded on first use: where a bundle may be written, and what is in a file, is checked
before Keras starts.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise.bundle.bundle import Bundle as Bundle
    from equipoise.bundle.columns import Column as Column
    from equipoise.bundle.columns import columns_of as columns_of
    from equipoise.bundle.held_out import of_data as of_data
    from equipoise.bundle.held_out import of_held_out_rows as of_held_out_rows

__all__ = ["Bundle", "Column", "columns_of", "of_data", "of_held_out_rows"]

_HOMES = {
    "Bundle": "bundle",
    "Column": "columns",
    "columns_of": "columns",
    "of_data": "held_out",
    "of_held_out_rows": "held_out",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

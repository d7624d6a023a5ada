"""A trained model as one folder that lasts: written whole, loaded safely, used on any table."""

from equipoise.bundle.bundle import Bundle
from equipoise.bundle.columns import Column, columns_of
from equipoise.bundle.held_out import of_data, of_held_out_rows

__all__ = ["Bundle", "Column", "columns_of", "of_data", "of_held_out_rows"]

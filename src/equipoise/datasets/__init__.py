"""Data sets that need no download: for demonstrations, documentation and tests."""

from equipoise.datasets.digits_scenes import digits_scenes

__all__ = ["digits_scenes"]

"""Callbacks for Keras' `fit`."""

from equipoise.callbacks.best_epoch import BestEpoch

__all__ = ["BestEpoch"]

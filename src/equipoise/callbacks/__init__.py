"""Callbacks for Keras' `fit`."""

from equipoise.callbacks.best_epoch import BestEpoch
from equipoise.callbacks.weight_schedule import AnnealedWeights, DeferredReweighting, WeightSchedule

__all__ = ["AnnealedWeights", "BestEpoch", "DeferredReweighting", "WeightSchedule"]

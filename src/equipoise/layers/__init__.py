"""Layers for Keras models."""

from equipoise.layers.weighted_classification import WeightedClassification

__all__ = ["WeightedClassification"]

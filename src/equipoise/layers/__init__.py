"""Layers for Keras models."""

from equipoise.layers.piecewise_linear import PiecewiseLinear
from equipoise.layers.weighted_classification import WeightedClassification

__all__ = ["PiecewiseLinear", "WeightedClassification"]

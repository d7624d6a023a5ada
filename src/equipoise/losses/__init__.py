"""Losses for imbalanced multi-label classification, for Keras on JAX, TensorFlow and Torch.

A weight reaches the cell it was meant for: the positives or the negatives of one label.
"""

from equipoise.losses.base import CellwiseLoss
from equipoise.losses.logit_adjusted import LogitAdjustedBinaryCrossentropy
from equipoise.losses.weighted import WeightedBinaryCrossentropy

__all__ = [
    "CellwiseLoss",
    "LogitAdjustedBinaryCrossentropy",
    "WeightedBinaryCrossentropy",
]

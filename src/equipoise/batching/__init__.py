"""Batches for Keras, from arrays, memory maps and sparse matrices."""

from equipoise.batching.array_batches import ArrayBatches
from equipoise.batching.label_balanced import LabelBalancedBatches

__all__ = ["ArrayBatches", "LabelBalancedBatches"]

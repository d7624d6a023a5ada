"""Batches for Keras, from arrays, memory maps and sparse matrices."""

from equipoise.batching.array_batches import ArrayBatches

__all__ = ["ArrayBatches"]

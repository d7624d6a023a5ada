"""Batches for Keras, from arrays, memory maps, sparse matrices and other data sets."""

from equipoise.batching.array_batches import ArrayBatches
from equipoise.batching.label_balanced import LabelBalancedBatches
from equipoise.batching.mixup import MixupBatches
from equipoise.batching.rebalanced import RebalancedBatches

__all__ = ["ArrayBatches", "LabelBalancedBatches", "MixupBatches", "RebalancedBatches"]

"""Label weights: schemes (counts -> weights) and the object that puts each on its cell."""

from equipoise.weights.label_weights import LabelWeights
from equipoise.weights.schemes import SCHEMES

__all__ = ["SCHEMES", "LabelWeights"]

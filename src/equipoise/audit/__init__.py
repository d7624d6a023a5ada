"""What a weight really does, and what else goes wrong quietly."""

from equipoise.audit.class_weight import ClassWeightAudit, class_weight
from equipoise.audit.effect import Effect, effect

__all__ = ["ClassWeightAudit", "Effect", "class_weight", "effect"]

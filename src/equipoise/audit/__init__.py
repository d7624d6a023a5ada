"""What a weight really does, and what else goes wrong quietly."""

from equipoise.audit.check import check
from equipoise.audit.class_weight import ClassWeightAudit, class_weight
from equipoise.audit.effect import Effect, effect
from equipoise.audit.findings import Audit, Finding

__all__ = ["Audit", "ClassWeightAudit", "Effect", "Finding", "check", "class_weight", "effect"]

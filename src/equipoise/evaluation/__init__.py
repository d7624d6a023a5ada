"""How good given scores are: every metric, by label and over all, and the decisions they allow."""

from equipoise.evaluation.evaluate import Evaluation, evaluate

__all__ = ["Evaluation", "evaluate"]

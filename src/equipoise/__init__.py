"""equipoise: every label its fair weight. Imbalanced multi-label classification with Keras 3.

Names are loaded on first use, so `import equipoise` is light: no Keras, scikit-learn, matplotlib
or jinja2 until something needs them.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from equipoise import audit as audit
    from equipoise import batching as batching
    from equipoise import callbacks as callbacks
    from equipoise import comparison as comparison
    from equipoise import datasets as datasets
    from equipoise import decision as decision
    from equipoise import evaluation as evaluation
    from equipoise import layers as layers
    from equipoise import losses as losses
    from equipoise import metrics as metrics
    from equipoise import model_selection as model_selection
    from equipoise import plots as plots
    from equipoise import readers as readers
    from equipoise import resampling as resampling
    from equipoise import training as training
    from equipoise.classifier import MultilabelClassifier as MultilabelClassifier
    from equipoise.comparison import Comparison as Comparison
    from equipoise.comparison import compare as compare
    from equipoise.evaluation import evaluate as evaluate
    from equipoise.stats import LabelStats as LabelStats
    from equipoise.targets import Targets as Targets
    from equipoise.targets import as_targets as as_targets
    from equipoise.training import fit as fit
    from equipoise.weights import LabelWeights as LabelWeights

__version__ = "0.1.0"

_MODULES = (
    "audit",
    "batching",
    "callbacks",
    "comparison",
    "datasets",
    "decision",
    "evaluation",
    "layers",
    "losses",
    "metrics",
    "model_selection",
    "plots",
    "readers",
    "resampling",
    "training",
)

_HOMES = {
    "Comparison": "equipoise.comparison",
    "LabelStats": "equipoise.stats",
    "LabelWeights": "equipoise.weights",
    "MultilabelClassifier": "equipoise.classifier",
    "Targets": "equipoise.targets",
    "as_targets": "equipoise.targets",
    "compare": "equipoise.comparison",
    "evaluate": "equipoise.evaluation",
    "fit": "equipoise.training",
}

__all__ = [
    "Comparison",
    "LabelStats",
    "LabelWeights",
    "MultilabelClassifier",
    "Targets",
    "__version__",
    "as_targets",
    "audit",
    "batching",
    "callbacks",
    "compare",
    "comparison",
    "datasets",
    "decision",
    "evaluate",
    "evaluation",
    "fit",
    "layers",
    "losses",
    "metrics",
    "model_selection",
    "plots",
    "readers",
    "resampling",
    "training",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"equipoise.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'equipoise' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)

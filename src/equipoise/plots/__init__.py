"""Plots of scores: one function each; a matplotlib figure comes back.

Each has a twin in `plots.data` that returns the plain data of the figure, as reports use it.
They are legible at five labels and at five hundred: a few labels are named, the others stay in
the background, and colours are told apart by colour-blind readers.
"""

from equipoise.plots.figures import (
    label_scores,
    precision_recall,
    reliability,
    roc,
    score_histograms,
    threshold_curve,
)

__all__ = [
    "label_scores",
    "precision_recall",
    "reliability",
    "roc",
    "score_histograms",
    "threshold_curve",
]

"""Exact metrics of arrays: no bins, no batches, ties and weights as they are; no Keras.

Every metric takes `y_true` in any form that `as_targets` reads (with unknown cells, dense or
sparse) and scores, probabilities or decisions of the same shape. Unknown cells, and cells of
weight 0, are in no count. A label (or row) for which a metric is undefined is left out of the
mean, and `Score` names it; with average=None it is NaN, the one place where a NaN stands for it.
"""

from equipoise.exact.averaging import Score
from equipoise.exact.calibration import (
    ReliabilityCurve,
    brier_score,
    expected_calibration_error,
    log_loss,
    reliability_curve,
)
from equipoise.exact.counts import (
    balanced_accuracy,
    f_beta,
    hamming_loss,
    matthews_correlation,
    precision,
    recall,
    subset_accuracy,
)
from equipoise.exact.curves import precision_at_recall
from equipoise.exact.ranking import (
    average_precision,
    coverage_error,
    label_ranking_average_precision,
    ranking_loss,
    roc_auc,
)
from equipoise.exact.top_k import (
    ndcg_at_k,
    precision_at_k,
    propensity_ndcg_at_k,
    propensity_precision_at_k,
)

__all__ = [
    "ReliabilityCurve",
    "Score",
    "average_precision",
    "balanced_accuracy",
    "brier_score",
    "coverage_error",
    "expected_calibration_error",
    "f_beta",
    "hamming_loss",
    "label_ranking_average_precision",
    "log_loss",
    "matthews_correlation",
    "ndcg_at_k",
    "precision",
    "precision_at_k",
    "precision_at_recall",
    "propensity_ndcg_at_k",
    "propensity_precision_at_k",
    "ranking_loss",
    "recall",
    "reliability_curve",
    "roc_auc",
    "subset_accuracy",
]

"""Losses for imbalanced multi-label classification, for Keras on JAX, TensorFlow and Torch.

A weight reaches the cell it was meant for: the positives or the negatives of one label.

    LabelLoss                          labels, weights, shapes, unknown cells, precision
    ├── CellwiseLoss                   one value per cell; probabilities in closed form
    │   ├── WeightedBinaryCrossentropy, LogitAdjustedBinaryCrossentropy
    │   ├── PropensityBinaryCrossentropy
    │   ├── Focal, Asymmetric, Hill, LDAM
    │   └── DistributionBalanced       probabilities only without its weights per row
    ├── RowwiseLoss                    one value per row
    │   ├── ZLPR
    │   └── CategoricalLoss            a softmax; probabilities in closed form
    │       ├── WeightedCategoricalCrossentropy, LogitAdjustedCategoricalCrossentropy
    │       └── CategoricalFocal
    ├── TwoWay                         one value per batch
    └── SoftFBeta

    FromIndices(loss)                  a CellwiseLoss from label indices instead of a matrix
"""

from equipoise.losses.asymmetric import Asymmetric
from equipoise.losses.categorical_focal import CategoricalFocal
from equipoise.losses.cellwise import CellwiseLoss
from equipoise.losses.distribution_balanced import DistributionBalanced
from equipoise.losses.focal import Focal
from equipoise.losses.from_indices import FromIndices
from equipoise.losses.hill import Hill
from equipoise.losses.ldam import LDAM
from equipoise.losses.logit_adjusted import LogitAdjustedBinaryCrossentropy
from equipoise.losses.logit_adjusted_categorical import LogitAdjustedCategoricalCrossentropy
from equipoise.losses.propensity import PropensityBinaryCrossentropy
from equipoise.losses.soft_f_beta import SoftFBeta
from equipoise.losses.two_way import TwoWay
from equipoise.losses.weighted import WeightedBinaryCrossentropy
from equipoise.losses.weighted_categorical import WeightedCategoricalCrossentropy
from equipoise.losses.zlpr import ZLPR

__all__ = [
    "LDAM",
    "ZLPR",
    "Asymmetric",
    "CategoricalFocal",
    "CellwiseLoss",
    "DistributionBalanced",
    "Focal",
    "FromIndices",
    "Hill",
    "LogitAdjustedBinaryCrossentropy",
    "LogitAdjustedCategoricalCrossentropy",
    "PropensityBinaryCrossentropy",
    "SoftFBeta",
    "TwoWay",
    "WeightedBinaryCrossentropy",
    "WeightedCategoricalCrossentropy",
]

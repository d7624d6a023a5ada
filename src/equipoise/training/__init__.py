"""One treatment of imbalance on one training set: what to do, and doing it."""

from equipoise.training.choice import Choice
from equipoise.training.choose import choose_treatment
from equipoise.training.fitted import FittedTreatment
from equipoise.training.fitting import fit_treatment
from equipoise.training.network import build_network
from equipoise.training.options import TrainingOptions
from equipoise.training.seeds import seeded
from equipoise.training.treatment import DEFAULT_TREATMENTS, TREATMENTS, Treatment, as_treatment
from equipoise.training.weighted_fit import fit

__all__ = [
    "DEFAULT_TREATMENTS",
    "TREATMENTS",
    "Choice",
    "FittedTreatment",
    "TrainingOptions",
    "Treatment",
    "as_treatment",
    "build_network",
    "choose_treatment",
    "fit",
    "fit_treatment",
    "seeded",
]

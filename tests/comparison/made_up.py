"""Comparisons of made-up figures, where what is true is known."""

import numpy as np

from equipoise.comparison.cell import Cell, nothing_measured
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import Comparison
from equipoise.stats import LabelStats


def comparison_of(values, n_rows=500):
    """A comparison in which every metric of a treatment is {name: figures, one a fold}."""
    cells = []
    n_folds = len(values["none"])
    for fold in range(n_folds):
        for name, figures in values.items():
            measured = nothing_measured(1)
            measured.metrics.update(dict.fromkeys(METRICS, float(figures[fold])))
            test = n_rows // n_folds
            cells.append(Cell(name, fold, n_rows - test, test, 1.0, (3,), measured))
    y = np.arange(n_rows)[:, None] % 2
    return Comparison(tuple(cells), LabelStats.from_targets(y), np.array([True]), "none", 0)

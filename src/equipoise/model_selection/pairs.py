"""Second-order stratification: pairs of labels as labels of their own."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from equipoise.targets import Targets, as_targets


def with_pairs(targets: Targets, fewest: int) -> Targets:
    """Returns the labels, and beside them every pair that at least `fewest` rows hold together.

    Rarer pairs are left out: they cannot be in every part, and would be dealt before the labels.

    Args:
        targets: the labels.
        fewest: rows that hold both labels of a pair.
    """
    positive = targets.positives().astype(np.int64)
    together = sparse.triu(positive.T @ positive, k=1).tocoo()
    kept = together.data >= fewest
    first, second = together.row[kept], together.col[kept]
    if len(first) == 0:
        return as_targets(positive.astype(np.uint8))
    columns = positive.tocsc()
    pairs = columns[:, first].multiply(columns[:, second])
    return as_targets(sparse.csr_array(sparse.hstack([positive, pairs])).astype(np.uint8))

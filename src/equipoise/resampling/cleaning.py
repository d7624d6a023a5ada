"""MLeNN and MLTL: common rows that contradict their neighbours, deleted."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from equipoise._errors import InvalidInput, check_choice, check_integer, check_number
from equipoise.resampling._base import Drawn, Resampler
from equipoise.resampling._distance import label_distance
from equipoise.resampling._features import Features
from equipoise.resampling._kept import rows_left
from equipoise.resampling._ratios import irlbl_and_mean, rare_labels, rows_with_any
from equipoise.targets import Targets


class MLeNN(Resampler):
    """Deletes rows without a rare label whose neighbours mostly have other labels.

        d(a, b) = |a xor b| / (|a| + |b|)
        deleted: no label with irlbl_l > mean_ir, and d > threshold for at least half of the
        n_neighbors nearest rows

    Deterministic; all rows are judged before any is deleted. Rows without labels are candidates
    like others. Not where rows without labels are common and mean something: beside a labelled
    neighbour their distance is 1. Distances between rows are those of `MLSMOTE`.

    Args:
        n_neighbors: number of neighbours.
        threshold: label distance in [0, 1] above which a neighbour contradicts; 0.75 in the
            paper, 0.5 in several programs.
        min_kept: positives, and negatives, that each label keeps, or all it has if these are
            fewer; deletions are taken back for it, the least contradicted first. 0 as published.
        nominal_features: nominal columns of X, as for `MLSMOTE`.

    Raises:
        InvalidInput: options out of their range, an X without distances.

    Examples:
        >>> X = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2], [0.15]])
        >>> y = np.array([[1, 0]] * 3 + [[1, 1]] * 3 + [[0, 0]])
        >>> MLeNN().fit_resample(X, y)[0].ravel()
        array([0. , 0.1, 0.2, 9. , 9.1, 9.2])

    Reference: Charte et al., IDEAL 2014, algorithm 1.
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 3,
        threshold: float = 0.75,
        min_kept: int = 0,
        nominal_features: Any = None,
    ):
        self.n_neighbors = n_neighbors
        self.threshold = threshold
        self.min_kept = min_kept
        self.nominal_features = nominal_features

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        k = check_integer("n_neighbors", self.n_neighbors, minimum=1)
        limit = check_number("threshold", self.threshold, minimum=0, maximum=1)
        near = Features(X, self.nominal_features).points(targets).nearest(k)
        candidate = ~rows_with_any(targets.positives(), rare_labels(targets))
        rows = np.flatnonzero(candidate & (near.shape[1] > 0))
        left = np.repeat(rows, near.shape[1])
        apart = label_distance(targets, left, near[rows].reshape(-1)) > limit
        against = apart.reshape(len(rows), -1).sum(axis=1) if len(rows) else np.empty(0)
        order = np.argsort(-against, kind="stable")
        deleted = rows[order][2 * against[order] >= near.shape[1]]
        return Drawn(rows_left(targets, deleted, self.min_kept))


class MLTL(Resampler):
    """Deletes rows of Tomek links: each other's nearest, with different labels.

        link: nearest(a) = b and nearest(b) = a and d(a, b) > threshold
        d(a, b) = |a xor b| / (|a| + |b|)

    Deterministic; of rows equally near the first counts as the nearest. Not for data with few
    rows: with remove="both" rare labels lose rows too. Distances between rows are those of
    `MLSMOTE`.

    Args:
        threshold: label distance in [0, 1]; "auto" takes 1 / sqrt(mean_ir): 0.5 if that is above
            0.5, 0.3 if above 0.3, else 0.15.
        remove: "majority" deletes the members that have no rare label (irlbl_l > mean_ir), "both"
            deletes both members.
        min_kept: positives, and negatives, that each label keeps, or all it has if these are
            fewer; deletions are taken back for it, the last rows first. 0 as published.
        nominal_features: nominal columns of X, as for `MLSMOTE`.

    Raises:
        InvalidInput: options out of their range, an X without distances.

    Examples:
        >>> X = np.array([[0.0], [0.1], [5.0], [6.0], [7.5]])
        >>> y = np.array([[1, 0], [0, 1], [1, 0], [1, 0], [1, 0]])
        >>> cleaner = MLTL()
        >>> cleaner.fit_resample(X, y)[0].ravel(), cleaner.threshold_
        (array([0.1, 5. , 6. , 7.5]), 0.5)

    Reference: Pereira, Costa and Silla, Neurocomputing 383, 2020, section 3.
    """

    threshold_: float

    def __init__(
        self,
        *,
        threshold: float | Literal["auto"] = "auto",
        remove: Literal["majority", "both"] = "majority",
        min_kept: int = 0,
        nominal_features: Any = None,
    ):
        self.threshold = threshold
        self.remove = remove
        self.min_kept = min_kept
        self.nominal_features = nominal_features

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        check_choice("remove", self.remove, ("majority", "both"))
        self.threshold_ = self._limit(targets)
        near = Features(X, self.nominal_features).points(targets).nearest(1)
        if near.shape[1] == 0:
            return Drawn(np.arange(targets.n_rows))
        first = np.arange(targets.n_rows)
        second = near[:, 0]
        linked = (second[second] == first) & (first < second)
        first, second = first[linked], second[linked]
        apart = label_distance(targets, first, second) > self.threshold_
        members = np.concatenate([first[apart], second[apart]])
        if self.remove == "majority":
            rare = rows_with_any(targets.positives(), rare_labels(targets))
            members = members[~rare[members]]
        return Drawn(rows_left(targets, np.sort(members), self.min_kept))

    def _limit(self, targets: Targets) -> float:
        if isinstance(self.threshold, str):
            if self.threshold != "auto":
                raise InvalidInput(
                    '`threshold` must be "auto" or a number in [0, 1].',
                    received=repr(self.threshold),
                )
            mean = irlbl_and_mean(targets)[1]
            level = 1 / np.sqrt(max(mean, 1))
            return 0.5 if level > 0.5 else 0.3 if level > 0.3 else 0.15
        return check_number("threshold", self.threshold, minimum=0, maximum=1)

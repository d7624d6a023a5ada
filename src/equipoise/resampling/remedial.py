"""REMEDIAL: rows in which common and rare labels meet, parted into two."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from equipoise._errors import InvalidInput, check_choice
from equipoise.resampling._base import Drawn, Resampler
from equipoise.resampling._ratios import irlbl_and_mean
from equipoise.resampling._sparse import cells_where, row_sums, stacked
from equipoise.targets import Targets


class REMEDIAL(Resampler):
    """Parts each row in which common and rare labels meet: one copy for these, one for those.

        scumble_i = 1 − (prod_l irlbl_l)^(1/k_i) / mean_l irlbl_l   over the row's own labels
        split if scumble_i > mean scumble; rare labels (irlbl_l > mean_ir) stay in the row,
        the others move to a copy at the end

    Deterministic; the positives of every label stay as many as they were, so mean_ir does too.
    Each half says "no" to the other half's labels: expect lower scores for labels that go
    together, and correct them with `sampling_rates_`. Not for data with little concurrence
    (scumble below about 0.1). Unknown labels stay unknown in both halves.

    Args:
        then: a resampler to apply to the result (REMEDIAL-HwR: MLROS, MLSMOTE or MLeNN), or None.
            A clone of it is fitted and kept as `then_`.
        unlabelled: what becomes of a half without labels, which arises where all labels of a row
            are common, or all rare: "keep" it, as published, or "drop" it, which leaves such a
            row whole.

    Raises:
        InvalidInput: `then` is no resampler, y is 1-D.

    Examples:
        >>> y = np.array([[1, 0]] * 8 + [[1, 1]])
        >>> rows, y_parted = REMEDIAL().fit_resample(np.arange(9), y)
        >>> rows[-2:], y_parted[-2:].tolist()
        (array([8, 8]), [[0, 1], [1, 0]])

    Reference: Charte et al., HAIS 2015, algorithm 1; with `then`, Charte et al., Neurocomputing
    326–327, 2019.
    """

    _rewrites_labels = True

    then_: Any
    n_split_: int
    n_unlabelled_: int

    def __init__(self, *, then: Any = None, unlabelled: Literal["keep", "drop"] = "keep"):
        self.then = then
        self.unlabelled = unlabelled

    def fit_resample(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Any, ...]:
        """Returns the resampled rows; see `Resampler.fit_resample`.

        Also sets `n_split_`, the rows that were parted, and `n_unlabelled_`, the halves without
        labels among them that were kept.
        """
        if self.then is not None and not isinstance(self.then, Resampler):
            raise InvalidInput(
                "`then` must be a resampler.",
                received=repr(self.then),
                remedy="Pass an object such as MLSMOTE(random_state=0), not its class.",
            )
        parted = super().fit_resample(X, y, sample_weight)
        if self.then is None:
            return parted
        self.then_ = clone(self.then)
        result = self.then_.fit_resample(*parted)
        self.synthetic_ = self.then_.synthetic_
        self.sample_indices_ = self.sample_indices_[self.then_.sample_indices_]
        self.sampling_rates_ = self.sampling_rates_.followed_by(self.then_.sampling_rates_)
        return result

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        check_choice("unlabelled", self.unlabelled, ("keep", "drop"))
        positives = targets.positives()
        ratio, mean = irlbl_and_mean(targets)
        rare = ratio > mean
        scumble = scumble_of_rows(positives, ratio)
        n_labels = np.diff(positives.indptr)
        n_rare = np.asarray(positives.astype(np.int64) @ rare.astype(np.int64))
        split = scumble > _mean_scumble(scumble, targets)
        whole = (n_rare == 0) | (n_rare == n_labels)
        if self.unlabelled == "drop":
            split &= ~whole
        rows = np.flatnonzero(split)
        self.n_split_ = len(rows)
        self.n_unlabelled_ = int(np.count_nonzero(whole[rows]))
        changed = np.concatenate([rows, targets.n_rows + np.arange(len(rows))])
        own = positives[rows]
        halves = [cells_where(own, rare[own.indices]), cells_where(own, ~rare[own.indices])]
        values = stacked(halves)
        unknown = None
        if targets.unknown is not None:
            unsure = sparse.csr_array(targets.unknown)[rows]
            unknown = stacked([unsure, unsure])
        labels = Targets(values, unknown, targets.label_names, targets.task, values.shape)
        return Drawn(np.concatenate([np.arange(targets.n_rows), rows]), changed, labels)


def scumble_of_rows(positives: sparse.csr_array, ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns scumble of each row; 0 in a row without labels, or whose labels are as common."""
    ones = positives.astype(np.float64)
    ratio = np.maximum(ratio, 1.0)  # only labels that occur are in a row
    size = np.maximum(np.diff(positives.indptr), 1)
    geometric = np.exp(ones @ np.log(ratio) / size)  # logs: a product of many labels overflows
    scumble = 1 - geometric / np.maximum(ones @ ratio / size, 1)
    scumble[np.diff(positives.indptr) < 2] = 0
    return np.where(scumble > 1e-14, scumble, 0.0)


def _mean_scumble(scumble: NDArray[np.float64], targets: Targets) -> float:
    """Mean over the rows of which something is known."""
    if targets.unknown is None:
        return float(scumble.mean())
    n_unknown = row_sums(targets.unknown)
    known = n_unknown < targets.n_labels
    return float(scumble[known].mean()) if known.any() else 0.0

"""What all resamplers share: input, output in the kind of the input, weights, sampling rates."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from equipoise._errors import EquipoiseWarning, InvalidInput, check_numbers, shown_list
from equipoise._kernels.counts import label_counts
from equipoise.model_selection._inputs import check_same_rows, generator, n_rows_of
from equipoise.model_selection.holdout import _take as take_rows
from equipoise.resampling._kinds import check_rewritable, rewrite
from equipoise.resampling._rates import SamplingRates, rates_between
from equipoise.targets import Targets, as_targets

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Drawn:
    """What a resampler decided.

    Attributes:
        rows: (M,) the row that each row of the result comes from.
        changed: positions in `rows` whose labels are not those of that row, rising.
        labels: the labels of these.
        X: the features of the M rows where some were made; None takes `rows` of the input.
        n_made: how many rows at the end are synthetic.
    """

    rows: Indices
    changed: Indices | None = None
    labels: Targets | None = None
    X: Any = None
    n_made: int = 0


class Resampler(BaseEstimator):
    """Base of the resamplers; a subclass says which rows in `_draw`.

    Unknown labels (NaN) are counted nowhere: a row is positive for what it is known to have, and
    unknown cells move with their row.
    """

    # Label-changing resamplers need a label matrix or label sets.
    _rewrites_labels = False

    sample_indices_: Indices
    synthetic_: NDArray[np.bool_]
    sampling_rates_: SamplingRates

    def fit_resample(self, X: Any, y: Any, sample_weight: Any = None) -> tuple[Any, ...]:
        """Returns the resampled rows, each argument in an object of its own kind.

        Sets `sample_indices_` ((M,) row of the input that each row comes from; for a synthetic
        row its seed), `synthetic_` ((M,) bool) and `sampling_rates_`.

        Args:
            X: (N, d) array, sparse matrix, pandas or polars data frame; resamplers that look at
                labels only take anything that has rows, images too.
            y: labels of the N rows, anything with rows that `as_targets` reads.
            sample_weight: (N,) row weights, (N, 1) or (N, L) cell weights, or None; a synthetic
                row has those of its seed.

        Returns:
            (X, y), and with `sample_weight` (X, y, sample_weight).

        Raises:
            InvalidInput: what cannot be resampled, with the reason.
        """
        targets = self._read(X, y)
        if sample_weight is not None:
            _check_weights(sample_weight, targets)
        # Everything below asks for the labels of rows and the rows of labels.
        targets = targets.to_sparse()
        drawn = self._draw(X, targets, generator(getattr(self, "random_state", None)))
        self._remember(drawn, targets)
        moved = take_rows(X, drawn.rows) if drawn.X is None else drawn.X
        if drawn.changed is None or drawn.labels is None:
            result = moved, take_rows(y, drawn.rows)
        else:
            result = moved, rewrite(y, drawn.rows, drawn.changed, drawn.labels)
        if sample_weight is None:
            return result
        return *result, take_rows(sample_weight, drawn.rows)

    def fit(self, X: Any, y: Any) -> Self:
        """Draws as `fit_resample` does, keeps what it learned, and returns self."""
        self.fit_resample(X, y)
        return self

    @abstractmethod
    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        """Returns the rows of the result."""

    def _read(self, X: Any, y: Any) -> Targets:
        targets = as_targets(y)
        if len(targets.shape) != 2:
            raise InvalidInput(
                "`y` must have two axes, rows and labels.",
                received=f"y.shape={targets.shape}",
                remedy="Resample along one axis of rows: flatten the others into rows first.",
            )
        check_same_rows("X", n_rows_of("X", X), targets.n_rows)
        if targets.n_rows == 0:
            raise InvalidInput("There are no rows to resample.", received="0 rows")
        if self._rewrites_labels:
            check_rewritable(y, targets, type(self).__name__)
        return targets

    def _remember(self, drawn: Drawn, targets: Targets) -> None:
        before = _cells(targets)
        after = _cells_after(drawn, targets)
        n_rows = len(drawn.rows)
        self.sample_indices_ = drawn.rows
        self.synthetic_ = np.arange(n_rows) >= n_rows - drawn.n_made
        self.sampling_rates_ = rates_between(before, after, targets.label_names)
        lost = np.flatnonzero((before[0] > 0) & (after[0] == 0)).tolist()
        if lost:
            warnings.warn(
                "Resampling removed every positive of "
                f"{shown_list([targets.label_names[i] for i in lost])}: nothing can be learned "
                "about a label without positives. Remove fewer rows, or set `min_kept`.",
                EquipoiseWarning,
                stacklevel=3,
            )


def _check_weights(sample_weight: Any, targets: Targets) -> None:
    """Raises InvalidInput unless the weights are (N,), (N, 1) or (N, L) finite numbers ≥ 0."""
    array = check_numbers("sample_weight", sample_weight)
    n, labels = targets.n_rows, targets.n_labels
    if array.shape not in ((n,), (n, 1), (n, labels)):
        raise InvalidInput(
            f"`sample_weight` must have shape ({n},), ({n}, 1) or ({n}, {labels}).",
            received=f"sample_weight.shape={array.shape}",
            remedy="Pass one weight a row, or one a cell.",
        )
    if not np.isfinite(array).all() or (array < 0).any():
        raise InvalidInput(
            "`sample_weight` must be finite and not negative.",
            received=f"{np.count_nonzero(~np.isfinite(array))} not finite, "
            f"{np.count_nonzero(array < 0)} negative",
        )


def _cells(targets: Targets) -> tuple[Indices, Indices]:
    """Positives and negatives of each label."""
    positives = label_counts(targets.values)
    unknown = 0 if targets.unknown is None else label_counts(targets.unknown)
    return positives, targets.n_rows - positives - unknown


def _cells_after(drawn: Drawn, targets: Targets) -> tuple[Indices, Indices]:
    rows = drawn.rows if drawn.changed is None else np.delete(drawn.rows, drawn.changed)
    times = np.bincount(rows, minlength=targets.n_rows)
    positives = _weighted(targets.values, times)
    unknown = 0 if targets.unknown is None else _weighted(targets.unknown, times)
    negatives = len(rows) - positives - unknown
    if drawn.labels is None:
        return positives, negatives
    more = _cells(drawn.labels)
    return positives + more[0], negatives + more[1]


def _weighted(cells: Any, times: NDArray[Any]) -> Indices:
    """How often each label is set, in CSR cells, if row i stands `times[i]` times."""
    each = np.repeat(times, np.diff(cells.indptr))
    sums = np.bincount(cells.indices, weights=each, minlength=cells.shape[1])
    return sums.astype(np.int64)

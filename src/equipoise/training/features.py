"""Features as a network likes them: standardised, clipped, without gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput

_TINY = float(np.finfo(np.float32).tiny)


def as_features(X: Any) -> NDArray[np.float32] | sparse.csr_array:
    """Returns X as an (N, d) float32 array or CSR array; NaN is missing, infinity is refused."""
    if sparse.issparse(X):
        matrix = sparse.csr_array(X, dtype=np.float32)
        if not matrix.has_canonical_format:  # parts of one cell count by their sum
            matrix = matrix.copy()
            matrix.sum_duplicates()
        values = matrix.data
    else:
        try:
            matrix = np.asarray(X, dtype=np.float32)
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"`X` must hold numbers: {error}.",
                remedy="Encode text and categories first.",
            ) from error
        values = matrix
    if len(matrix.shape) != 2 or 0 in matrix.shape:
        raise InvalidInput(
            "`X` must have two axes, rows and features, and hold at least one of each.",
            received=f"X.shape={matrix.shape}",
        )
    if np.isinf(values).any():
        raise InvalidInput(
            "`X` holds infinity, or a number too large for float32.",
            remedy="Replace it by NaN, which is read as missing.",
        )
    return matrix


@dataclass(frozen=True)
class FeatureScaler:
    """Standardises each column unless it holds only 0 and 1, clips, and fills gaps with the mean.

    Sparse columns are divided by their root mean square and not centred, so that zeros stay zeros.

    Args:
        center: (d,) subtracted from each column.
        scale: (d,) each column is divided by it.
        clip: bound on the absolute standardised value; 0/1 columns are within it.
    """

    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    clip: float

    @classmethod
    def fitted(cls, X: NDArray[np.float32] | sparse.csr_array, clip: float) -> FeatureScaler:
        """Measures the columns of the training rows."""
        if isinstance(X, np.ndarray):
            binary = ((X == 0) | (X == 1)).all(axis=0)
            known = ~np.isnan(X)
            count = np.maximum(known.sum(axis=0), 1)
            center = np.where(known, X, 0).sum(axis=0, dtype=np.float64) / count
            deviation = np.where(known, X - center, 0)
            scale = np.sqrt((deviation**2).sum(axis=0) / count)
            center[binary] = 0.0
        else:
            stored = np.nan_to_num(X.data, nan=0.0).astype(np.float64)
            d = X.shape[1]
            other = ~((X.data == 0) | (X.data == 1))
            binary = np.bincount(X.indices, weights=other, minlength=d) == 0
            center = np.zeros(d)
            squares = np.bincount(X.indices, weights=stored**2, minlength=d)
            scale = np.sqrt(squares / max(X.shape[0], 1))
        # A column that varies no more than float32 resolves is constant.
        scale[binary | (scale <= 1e-7 * np.abs(center)) | (scale < _TINY)] = 1.0
        return cls(center.astype(np.float32), scale.astype(np.float32), clip)

    def __call__(
        self, X: NDArray[np.float32] | sparse.csr_array
    ) -> NDArray[np.float32] | sparse.csr_array:
        """Returns the scaled columns, dense or sparse as X is.

        Sparse rows become dense where the training rows were: zeros are shifted as other numbers.
        """
        if X.shape[1] != len(self.scale):
            raise InvalidInput(
                f"`X` has {X.shape[1]} features but training had {len(self.scale)}.",
                remedy="Pass the same columns in the same order.",
            )
        if not isinstance(X, np.ndarray) and self.center.any():
            X = X.toarray()
        if isinstance(X, np.ndarray):
            with np.errstate(over="ignore"):  # clipped below
                scaled = (X - self.center) / self.scale
            np.nan_to_num(scaled, copy=False, nan=0.0)
            return np.clip(scaled, -self.clip, self.clip, out=scaled)
        with np.errstate(over="ignore"):
            data = np.nan_to_num(X.data / self.scale[X.indices], nan=0.0)
        np.clip(data, -self.clip, self.clip, out=data)
        return sparse.csr_array((data, X.indices, X.indptr), shape=X.shape)


def numeric_columns(X: NDArray[np.float32] | sparse.csr_array) -> list[int]:
    """Returns the positions of dense columns that hold other known numbers than 0 and 1."""
    if not isinstance(X, np.ndarray):
        return []
    other = ~((X == 0) | (X == 1) | np.isnan(X))
    return np.flatnonzero(other.any(axis=0)).tolist()

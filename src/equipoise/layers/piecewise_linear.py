"""Piecewise linear encoding of numeric features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import ArrayLike

from equipoise._errors import InvalidInput, check_integer

_MOST_ROWS = 20_000  # from which quantiles are taken
_NARROWEST = 1e-30  # narrower bins are empty ones: nothing can be divided by them


@keras.saving.register_keras_serializable(package="equipoise")
class PiecewiseLinear(keras.layers.Layer):
    """Adds to each numeric feature how much of each of its bins lies below the value.

        e_t(x) = min(max((x − b_{t−1}) / (b_t − b_{t−1}), 0), 1),  t = 1 … T

    The edges b are quantiles of the rows that `adapt` is given, so each bin holds as many of them;
    before that all bins are empty.
    A dense layer that follows can bend at every edge, where without encoding it sees a straight
    line: a network learns thresholds and outliers as trees do. (N, d) features become
    (N, d + C·T): all features as they came, then T numbers for each of C columns.

    Not for columns of 0 and 1, which gain nothing; nor where neighbouring columns mean much the
    same, as pixels do: try it on held-out rows.

    Args:
        columns: C different positions of the features to encode.
        n_bins: number of bins T. A bin that is empty because values repeat stays 0.
        **layer_options: name and the like, as in `keras.layers.Layer`.

    Raises:
        InvalidInput: columns that are not different positions; in `adapt`, rows that do not have
            them, or infinity.

    Examples:
        >>> layer = PiecewiseLinear([0], n_bins=2)
        >>> layer.adapt([[0.0, 1.0], [1.0, 0.0], [5.0, 1.0]])
        >>> ops.convert_to_numpy(layer(np.float32([[3.0, 1.0]]))).tolist()
        [[3.0, 1.0, 1.0, 0.5]]

    Reference:
        Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning",
        NeurIPS 2022, eq. 1; quantiles as in section 3.2.
    """

    def __init__(self, columns: Sequence[int], *, n_bins: int = 4, **layer_options: Any):
        super().__init__(**layer_options)
        self.columns = [check_integer("columns", column, minimum=0) for column in columns]
        if not self.columns or len(set(self.columns)) < len(self.columns):
            raise InvalidInput(
                "`columns` must hold at least one position, and each once.", received=repr(columns)
            )
        self.n_bins = check_integer("n_bins", n_bins, minimum=1)
        self.edges = self.add_weight(
            shape=(len(self.columns), self.n_bins + 1),
            initializer="zeros",
            trainable=False,
            dtype="float32",
            name="edges",
        )

    def adapt(self, X: ArrayLike) -> None:
        """Takes the edges from the quantiles of (N, d) rows; missing values are left out.

        Of more than 20,000 rows it looks at about as many, evenly spaced.

        Raises:
            InvalidInput: no rows, fewer columns than there are positions, or infinity.
        """
        rows = np.asarray(X)
        if rows.ndim != 2 or not len(rows) or rows.shape[1] <= max(self.columns):
            raise InvalidInput(
                f"`X` must hold rows of at least {max(self.columns) + 1} features.",
                received=f"X.shape={rows.shape}",
            )
        picked = rows[:: -(-len(rows) // _MOST_ROWS), self.columns].astype(np.float64)
        if np.isinf(picked).any():
            raise InvalidInput(
                "`X` holds infinity, which lies in no bin.", remedy="Pass NaN for what is missing."
            )
        picked[:, np.isnan(picked).all(axis=0)] = 0.0  # a column of gaps has no edges
        shares = np.linspace(0.0, 1.0, self.n_bins + 1)
        self.edges.assign(np.nanquantile(picked, shares, axis=0).T)

    def call(self, inputs: Any) -> Any:
        """Returns the features and the encoded columns side by side."""
        inputs = ops.cast(inputs, self.compute_dtype)  # whole numbers too have shares
        # In float32 whatever the policy: a narrow bin would be lost in half precision.
        edges = ops.cast(self.edges, "float32")
        below, width = edges[:, :-1], edges[:, 1:] - edges[:, :-1]
        there = width > _NARROWEST
        values = ops.cast(ops.take(inputs, self.columns, axis=-1), "float32")[..., None]
        shares = ops.clip((values - below) / ops.where(there, width, 1.0), 0.0, 1.0)
        shares = ops.cast(ops.where(there, shares, 0.0), inputs.dtype)
        n_encoded = len(self.columns) * self.n_bins
        flat = ops.reshape(shares, (*ops.shape(inputs)[:-1], n_encoded))
        return ops.concatenate([inputs, flat], axis=-1)

    def compute_output_shape(self, input_shape: Any) -> tuple[int | None, ...]:
        """(…, d) -> (…, d + C·T)."""
        return (*input_shape[:-1], input_shape[-1] + len(self.columns) * self.n_bins)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments; the edges are weights of the layer."""
        return {**super().get_config(), "columns": self.columns, "n_bins": self.n_bins}

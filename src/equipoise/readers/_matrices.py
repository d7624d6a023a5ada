"""Matrices of several parts: one below the other, and without the columns to be ignored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.readers._labels import match_columns
from equipoise.readers._places import fault

_GROWTH = 1.25


class Stack:
    """A dense matrix that rows are added to, in memory only once.

    Args:
        expected: about how many rows there will be, 0 if that is not known. Memory is taken for
            them at once, which costs nothing where it stays untouched.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected = expected
        self._rows: NDArray[Any] | None = None
        self._n = 0

    def add(self, part: NDArray[Any]) -> None:
        """Adds rows below the others; the type becomes one that holds both."""
        if self._rows is None:
            shape = (max(self._expected, len(part)), part.shape[1])
            self._rows = np.empty(shape, dtype=part.dtype)
        dtype = np.result_type(self._rows, part)
        if dtype != self._rows.dtype:
            self._rows = self._rows.astype(dtype)
        end = self._n + len(part)
        if end > len(self._rows):
            self._resize(max(end, int(_GROWTH * len(self._rows))))
        self._rows[self._n : end] = part
        self._n = end

    def matrix(self) -> NDArray[Any]:
        """Returns all rows; none may be added afterwards."""
        self._resize(self._n)
        assert self._rows is not None
        return self._rows

    def _resize(self, n: int) -> None:
        assert self._rows is not None
        # In place where the system can: a second copy would double the memory.
        self._rows.resize((n, self._rows.shape[1]), refcheck=False)


def stacked(parts: Sequence[Any]) -> Any:
    """Returns matrices of one kind, dense or sparse, below each other."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    return sparse.vstack(parts, format="csr")


def without_ignored(
    path: Path, x: Any, names: tuple[str, ...], ignore: Sequence[str]
) -> tuple[Any, tuple[str, ...]]:
    """Returns features and their names without those that names and globs mean.

    Raises:
        InvalidFile: a name that is not there, or no feature is left.
    """
    if ignore:
        kept = np.setdiff1d(np.arange(len(names)), match_columns(path, names, "ignore", ignore))
        x, names = x[:, kept], tuple(names[i] for i in kept)
    if not names:
        raise fault(path, "no feature is left beside the labels.")
    return x, names

"""Multi-label libsvm files, and those of the extreme classification repository."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import InvalidInput
from equipoise.readers._cells import targets_of_cells, targets_of_sets, vocabulary
from equipoise.readers._checks import MOST_COLUMNS, check_finite
from equipoise.readers._libsvm_rows import Rows, line_of, read_rows
from equipoise.readers._matrices import stacked, without_ignored
from equipoise.readers._places import Locate, Place, fault, located
from equipoise.readers._request import Request
from equipoise.readers.dataset import Dataset, name_of
from equipoise.targets import Targets

_QUERY = "qid"


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads files of one set, one below the other (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    if request.groups not in (None, _QUERY):
        raise InvalidInput(
            f"`groups` of a libsvm file can only be {_QUERY!r}, the query ids in its rows.",
            received=repr(request.groups),
        )
    parts = [read_rows(path) for path in paths]
    for first, other in pairwise(parts):
        _check_same_counts(first, other)
    counts = [part.x.shape[0] for part in parts]
    locate = located(counts, lambda i, row: Place(paths[i], line=line_of(paths[i], row)))
    x, names = without_ignored(paths[0], *_features(parts), request.ignore)
    check_finite(x, names, locate)
    targets = _targets(parts, request, locate)
    groups = None if request.groups is None else _queries(parts)
    return Dataset(x, targets, names, len(names), groups, name_of(paths)), counts


def _check_same_counts(first: Rows, other: Rows) -> None:
    a, b = first.counts, other.counts
    if a is None and b is None:
        return
    if a is None or b is None:
        raise fault(
            other.path,
            f"{'has no' if b is None else 'has a'} first line with the counts of rows, features "
            f"and labels, unlike {str(first.path)!r}, so indices may count differently.",
            remedy="Write the line into both files, or into none.",
        )
    if (a.n_features, a.n_labels) != (b.n_features, b.n_labels):
        raise fault(
            other.path,
            f"the first line says {b.n_features} features and {b.n_labels} labels, that of "
            f"{str(first.path)!r} {a.n_features} and {a.n_labels}.",
            line=1,
            remedy="Read files of one set together.",
        )


# -------------------------------------------------------------------------------- features


def _features(parts: Sequence[Rows]) -> tuple[sparse.csr_array, tuple[str, ...]]:
    """The features of all files, from the lowest possible index to the highest."""
    counts = parts[0].counts
    stored = [part.x.indices for part in parts if len(part.x.indices)]
    first = 0 if counts is not None else min((int(i.min()) for i in stored), default=1)
    first = min(first, 1)
    end = max((part.x.shape[1] for part in parts if len(part.x.indices)), default=first)
    if counts is not None:
        _check_below(parts, "features", counts.n_features)
        end = counts.n_features
    if end > MOST_COLUMNS:
        raise fault(
            parts[0].path,
            f"a feature has the index {end - 1:,}; more than {MOST_COLUMNS:,} are not read.",
            remedy="Number the features without gaps.",
        )
    shifted = [
        sparse.csr_array(
            (part.x.data, part.x.indices - first, part.x.indptr),
            shape=(part.x.shape[0], end - first),
        )
        for part in parts
    ]
    x: Any = stacked(shifted)
    x.eliminate_zeros()
    return x, tuple(f"feature_{i}" for i in range(first, end))


def _check_below(parts: Sequence[Rows], what: str, n: int) -> None:
    """Raises InvalidFile if a feature or a label is not among those that the first line counts."""
    for part in parts:
        if what == "features":
            ids, ends = part.x.indices, part.x.indptr[1:]
        else:
            ids, ends = part.labels, np.cumsum(part.n_labels)
        outside = np.flatnonzero((ids < 0) | (ids >= n))
        if len(outside):
            row = int(np.searchsorted(ends, outside[0], side="right"))
            raise fault(
                part.path,
                f"the first line says {n} {what}, which count from 0.",
                line=line_of(part.path, row),
                received=int(ids[outside[0]]),
                remedy="Correct the first line, which holds the counts of rows, features and "
                "labels; or remove it.",
            )


# ---------------------------------------------------------------------------------- labels


def _targets(parts: Sequence[Rows], request: Request, locate: Locate) -> Targets:
    labels = np.concatenate([part.labels for part in parts])
    n_labels = np.concatenate([part.n_labels for part in parts])
    counts = parts[0].counts
    if counts is None and (n_labels == 1).all():
        return targets_of_cells(pl.Series("label", labels).cast(pl.String), request, locate)
    rows = np.repeat(np.arange(len(n_labels)), n_labels)
    if counts is not None:
        _check_below(parts, "labels", counts.n_labels)
        ids = np.arange(counts.n_labels)
        codes = labels
    else:
        ids, codes = np.unique(labels, return_inverse=True)
        if (ids < 0).any():
            raise fault(
                locate(int(rows[np.flatnonzero(labels < 0)[0]])),
                "a label of a set must not be negative.",
                received=int(ids[0]),
                remedy="Leave labels out that a row does not have.",
            )
        if len(ids) == 0 and request.label_names is None:
            raise fault(
                parts[0].path,
                "no row has a label.",
                remedy="Pass all labels as `label_names`, or check how the file was made.",
            )
    found = [str(i) for i in ids.tolist()]
    positions, names = vocabulary(parts[0].path, None, found, request.label_names)
    return targets_of_sets(rows, positions[codes], len(n_labels), names)


def _queries(parts: Sequence[Rows]) -> NDArray[np.int64]:
    for part in parts:
        if len(part.queries) < part.x.shape[0]:
            raise fault(
                part.path,
                f"{part.x.shape[0] - len(part.queries)} rows have no query id.",
                remedy=f"Write {_QUERY}:<number> after the labels of every row.",
            )
    return np.concatenate([part.queries for part in parts])

"""Attributes of an ARFF file as columns of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.readers._arff_header import Attribute
from equipoise.readers._checks import Matrix

# More one-hot columns than this are kept sparse, even where the rows of the file are dense.
_MOST_DENSE_COLUMNS = 100


def encode_features(
    attributes: Sequence[Attribute],
    columns: Sequence[int],
    table: Matrix,
    meant: Sequence[Attribute],
) -> tuple[NDArray[np.float32] | sparse.csr_array, tuple[str, ...]]:
    """Returns the features and their names.

    A numeric or two-valued attribute becomes one column; a nominal one with k other values
    becomes k columns "name=value", all NaN where the value is missing.

    Args:
        attributes: all attributes of the file.
        columns: which of them are features.
        table: (N, all attributes) numbers; a nominal value is its position among those declared.
        meant: for each of `columns`, the attribute with the values of all files of the set.
    """
    widths = [_width(attribute) for attribute in meant]
    starts = np.concatenate([[0], np.cumsum(widths)])
    single = [i for i, attribute in enumerate(meant) if _is_single(attribute)]
    several = [i for i, attribute in enumerate(meant) if not _is_single(attribute)]
    names = _names(meant)
    turned = [_is_turned(attributes[columns[i]], meant[i]) for i in single]
    first = _one_number_each([columns[i] for i in single], turned, table)
    if not several:
        return first, names

    def one_hot(i: int) -> sparse.csr_array:
        codes = _codes(table, columns[i])
        return _one_hot(_recoded(codes, attributes[columns[i]], meant[i]), widths[i])

    if isinstance(first, np.ndarray) and sum(widths[i] for i in several) <= _MOST_DENSE_COLUMNS:
        x = np.zeros((len(first), starts[-1]), dtype=np.float32)
        x[:, starts[single]] = first
        for i in several:
            x[:, starts[i] : starts[i + 1]] = one_hot(i).toarray()
        return x, names
    blocks = [sparse.csr_array(first)]
    blocks += [one_hot(i) for i in several]
    places = [starts[single]] + [np.arange(starts[i], starts[i + 1]) for i in several]
    return _side_by_side(blocks, np.concatenate(places)), names


def encode_labels(
    attributes: Sequence[Attribute], columns: Sequence[int], table: Matrix
) -> NDArray[np.float32] | sparse.csr_array:
    """Returns the label columns as numbers, sparse if the table is."""
    return _one_number_each(columns, [attributes[c].numbers == (1, 0) for c in columns], table)


def _is_single(attribute: Attribute) -> bool:
    return attribute.kind == "numeric" or len(attribute.values) == 2


def _width(attribute: Attribute) -> int:
    return 1 if _is_single(attribute) else len(attribute.values)


def _names(attributes: Sequence[Attribute]) -> tuple[str, ...]:
    names: list[str] = []
    for attribute in attributes:
        if _is_single(attribute):
            names.append(attribute.name)
        else:
            names += [f"{attribute.name}={value}" for value in attribute.values]
    return tuple(names)


def _is_turned(own: Attribute, meant: Attribute) -> bool:
    """Whether the first value of a two-valued attribute means 1."""
    if meant.kind == "numeric":
        return False
    position = meant.values.index(own.values[0])
    return (meant.numbers or (0, 1))[position] == 1


def _recoded(codes: NDArray[np.float32], own: Attribute, meant: Attribute) -> NDArray[np.float32]:
    """Positions among the values of one file as positions among those of all files."""
    if own.values == meant.values:
        return codes
    positions = np.array([meant.values.index(value) for value in own.values], dtype=np.float32)
    known = ~np.isnan(codes)
    recoded = np.full_like(codes, np.nan)
    recoded[known] = positions[codes[known].astype(np.intp)]
    return recoded


def _one_number_each(
    columns: Sequence[int], is_turned: Sequence[bool], table: Matrix
) -> NDArray[np.float32] | sparse.csr_array:
    """The columns as they are, but those whose first value means 1 turned round."""
    chosen = np.asarray(columns, dtype=np.intp)
    turned = np.array(is_turned, dtype=bool)
    part: Any = table[:, chosen]
    if isinstance(part, np.ndarray):
        part[:, turned] = 1 - part[:, turned]
        return part
    if turned.any():
        # A row that does not name such an attribute means its first value, which is 1 here.
        ones = sparse.csr_array(1 - part[:, turned].toarray())
        places = np.concatenate([np.flatnonzero(~turned), np.flatnonzero(turned)])
        return _side_by_side([part[:, ~turned], ones], places)
    part.eliminate_zeros()
    return part


def _codes(table: Matrix, column: int) -> NDArray[np.float32]:
    """One nominal attribute of all rows; a sparse row that does not name it has its first value."""
    if isinstance(table, np.ndarray):
        return table[:, column]
    one: Any = table[:, [column]]
    return one.toarray().reshape(-1)


def _one_hot(codes: NDArray[np.float32], width: int) -> sparse.csr_array:
    missing = np.isnan(codes)
    rows = np.flatnonzero(~missing)
    lost = np.flatnonzero(missing)
    row = np.concatenate([rows, np.repeat(lost, width)])
    column = np.concatenate([codes[rows].astype(np.intp), np.tile(np.arange(width), len(lost))])
    data = np.ones(len(row), dtype=np.float32)
    data[len(rows) :] = np.nan
    return sparse.csr_array((data, (row, column)), shape=(len(codes), width))


def _side_by_side(blocks: Sequence[Any], places: NDArray[Any]) -> sparse.csr_array:
    """Returns the columns of all blocks in one array, each at its place."""
    joined: Any = sparse.hstack(blocks, format="csr", dtype=np.float32)[:, np.argsort(places)]
    joined.eliminate_zeros()
    joined.sort_indices()
    return joined

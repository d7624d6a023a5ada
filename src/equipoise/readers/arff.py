"""ARFF files of Mulan, MEKA and Weka: dense rows and sparse rows `{index value, …}`.

Files are read as UTF-8 or, where they are not, as Latin-1, as older files are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise.readers._arff_encoding import encode_features, encode_labels
from equipoise.readers._arff_header import (
    Attribute,
    Header,
    check_same_header,
    meka_label_columns,
    merged_attribute,
)
from equipoise.readers._arff_rows import Source, read_rows
from equipoise.readers._checks import Matrix, check_finite, first_cell, label_targets
from equipoise.readers._labels import Columns, choose_columns, renamed_labels
from equipoise.readers._matrices import stacked
from equipoise.readers._paths import stem_of
from equipoise.readers._places import Locate, Place, fault, located
from equipoise.readers._request import Request
from equipoise.readers._shared_columns import shared_columns
from equipoise.readers.dataset import Dataset, name_of


def read(paths: Sequence[Path], request: Request) -> tuple[Dataset, list[int]]:
    """Reads ARFF files of one set, one below the other (see `equipoise.readers.read`).

    Returns:
        The data set, and the number of rows of each file.
    """
    sources = [Source.open(path) for path in paths]
    headers = [source.header for source in sources]
    _check_same_kind(sources)
    request = _with_labels(headers[0], paths, request)
    if request.by_name:
        named = [(header.path, header.names) for header in headers]
        names, columns = shared_columns(named, request)
        meant = [merged_attribute(headers, names[i]) for i in columns.features]
        groups_of_files = [[source] for source in sources]
    else:
        for header in headers[1:]:
            check_same_header(headers[0], header)
        names = headers[0].names
        columns = choose_columns(paths[0], names, request)
        meant = [headers[0].attributes[i] for i in columns.features]
        groups_of_files = [sources]
    parts = [_read_part(files, names, columns, meant) for files in groups_of_files]
    counts = [count for part in parts for count in part.counts]
    locate = _located(sources, counts)
    label_columns = [names[column] for column in columns.labels]
    targets = label_targets(
        stacked([part.labels for part in parts]),
        label_columns,
        renamed_labels(paths[0], label_columns, request.label_names),
        locate,
    )
    groups = None
    if columns.groups is not None:
        groups = np.concatenate([part.groups for part in parts])
    x = stacked([part.x for part in parts])
    n_attributes = len(columns.features)
    dataset = Dataset(x, targets, parts[0].feature_names, n_attributes, groups, name_of(paths))
    return dataset, counts


@dataclass(frozen=True)
class _Part:
    """The rows of files with the same header, as numbers."""

    x: NDArray[np.float32] | sparse.csr_array
    feature_names: tuple[str, ...]
    labels: Matrix
    groups: NDArray[Any]
    counts: list[int]


def _read_part(
    sources: Sequence[Source], names: Sequence[str], columns: Columns, meant: Sequence[Attribute]
) -> _Part:
    """Reads files with the same header.

    Args:
        sources: the files.
        names: the names of all columns.
        columns: what each of `names` is for.
        meant: the features with the values that they have in any file of the set.
    """
    attributes = sources[0].header.attributes
    own = _own_columns(sources[0].header, names, columns)
    _check_types(sources[0].header, own)
    rows = read_rows(sources, own)
    locate = _located(sources, rows.counts)
    _check_declared(attributes, rows.table, locate)
    x, feature_names = encode_features(attributes, own.features, rows.table, meant)
    check_finite(x, feature_names, locate)
    labels = encode_labels(attributes, own.labels, rows.table)
    groups = np.empty(0)
    if own.groups is not None:
        groups = _groups(attributes[own.groups], rows.groups, locate)
    return _Part(x, feature_names, labels, groups, rows.counts)


def _own_columns(header: Header, names: Sequence[str], columns: Columns) -> Columns:
    """The same columns by their positions in one file."""
    if header.names == tuple(names):
        return columns
    position = {name: i for i, name in enumerate(header.names)}

    def own(chosen: Sequence[int]) -> tuple[int, ...]:
        return tuple(position[names[i]] for i in chosen)

    groups = None if columns.groups is None else position[names[columns.groups]]
    return replace(
        columns, labels=own(columns.labels), features=own(columns.features), groups=groups
    )


def _located(sources: Sequence[Source], counts: Sequence[int]) -> Locate:
    def place(i: int, row: int) -> Place:
        line, _ = next(islice(sources[i].rows(), row, None))
        return Place(sources[i].header.path, line=line)

    return located(counts, place)


def _check_same_kind(sources: Sequence[Source]) -> None:
    first = sources[0]
    for other in sources[1:]:
        if other.is_sparse != first.is_sparse:
            raise fault(
                other.header.path,
                f"has {'sparse' if other.is_sparse else 'dense'} rows, unlike "
                f"{str(first.header.path)!r}.",
                remedy="Read the files one by one.",
            )


# --------------------------------------------------------------------------------- columns


def _with_labels(header: Header, paths: Sequence[Path], request: Request) -> Request:
    """The request, with the labels of the XML beside the file, else of MEKA's -C."""
    if request.labels is not None:
        return request
    xml = next((xml for xml in _xml_beside(paths) if xml.is_file()), None)
    if xml is not None:
        return request.with_labels(xml)
    labels = meka_label_columns(header)
    if labels is None:
        return request
    return request.with_labels(tuple(header.names[column] for column in labels))


def _xml_beside(paths: Sequence[Path]) -> list[Path]:
    first = paths[0]
    stem = stem_of(first)
    stems = [stem, name_of(paths), re.sub(r"[-_](train|test)$", "", stem)]
    return [first.parent / f"{stem}.xml" for stem in dict.fromkeys(stems)]


def _check_types(header: Header, columns: Columns) -> None:
    """Raises InvalidFile for features that are not numbers, labels that are not two-valued."""
    for column in columns.features:
        attribute = header.attributes[column]
        if attribute.kind not in ("numeric", "nominal"):
            raise fault(
                header.path,
                f"a {attribute.kind} attribute cannot be a feature as it is.",
                line=attribute.line,
                column=attribute.name,
                remedy=f"Leave it out with ignore=[{attribute.name!r}], or turn it into numbers "
                "first.",
            )
    for column in columns.labels:
        attribute = header.attributes[column]
        if attribute.kind != "numeric" and attribute.numbers is None:
            raise fault(
                header.path,
                "a label must be {0, 1} or numeric.",
                line=attribute.line,
                column=attribute.name,
                received=attribute.type_text,
                remedy="Name label columns only.",
            )


# ----------------------------------------------------------------------------------- cells


def _check_declared(attributes: Sequence[Attribute], table: Matrix, locate: Locate) -> None:
    """Raises InvalidFile if an attribute {0, 1} holds another number."""
    zero_one = np.array([attribute.values == ("0", "1") for attribute in attributes])
    if not zero_one.any():
        return

    def wrong(values: NDArray[Any]) -> NDArray[np.bool_]:
        other = ~((values == 0) | (values == 1) | (values != values))
        columns = zero_one if values.ndim == 2 else zero_one[table.indices]  # type: ignore[union-attr]
        return other & columns

    cell = first_cell(table, wrong)
    if cell is not None:
        row, column, value = cell
        raise fault(
            locate(row),
            "the value is not one of those declared.",
            column=attributes[column].name,
            received=f"{value:g}, declared {{0, 1}}",
            remedy="Correct the value, or declare the attribute numeric.",
        )


def _groups(attribute: Attribute, values: list[Any], locate: Locate) -> NDArray[Any]:
    """The groups of the rows, as numbers or as text."""
    if None in values:
        raise fault(
            locate(values.index(None)),
            "a row without a group.",
            column=attribute.name,
            remedy="Give every row a group; rows of their own may have numbers of their own.",
        )
    if attribute.kind == "nominal":
        return np.array([attribute.values[int(value)] for value in values])
    groups = np.array(values)
    if groups.dtype.kind == "f" and np.array_equal(groups, np.rint(groups)):
        return groups.astype(np.int64)
    return groups

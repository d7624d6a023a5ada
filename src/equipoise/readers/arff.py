"""ARFF files of Mulan, MEKA and Weka: dense rows and sparse rows `{index value, …}`.

Files are read as UTF-8 or, where they are not, as Latin-1, as older files are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.readers._arff_encoding import encode_features, encode_labels
from equipoise.readers._arff_header import (
    Attribute,
    Header,
    check_same_header,
    meka_label_columns,
)
from equipoise.readers._arff_rows import Source, read_rows
from equipoise.readers._checks import Matrix, check_finite, first_cell, label_targets
from equipoise.readers._labels import Columns, Request, choose_columns, renamed_labels
from equipoise.readers._text import Locate, fault
from equipoise.readers.dataset import Dataset, name_of


def read(paths: Sequence[Path], request: Request) -> Dataset:
    """Reads ARFF files of one set, one below the other (see `equipoise.readers.read`)."""
    sources = [Source.open(path) for path in paths]
    for other in sources[1:]:
        _check_same_kind(sources[0], other)
    header = sources[0].header
    columns = _choose_columns(header, paths, request)
    _check_types(header, columns)
    rows = read_rows(sources, columns)
    locate = _locate(sources, rows.counts)
    _check_declared(header.attributes, rows.table, locate)
    x, feature_names = encode_features(header.attributes, columns.features, rows.table)
    check_finite(x, feature_names, locate)
    label_columns = [header.attributes[column].name for column in columns.labels]
    targets = label_targets(
        encode_labels(header.attributes, columns.labels, rows.table),
        label_columns,
        renamed_labels(header.path, label_columns, request.label_names),
        locate,
    )
    groups = None
    if columns.groups is not None:
        groups = _groups(header.attributes[columns.groups], rows.groups, locate)
    return Dataset(x, targets, feature_names, len(columns.features), groups, name_of(paths))


def _check_same_kind(first: Source, other: Source) -> None:
    check_same_header(first.header, other.header)
    if other.is_sparse != first.is_sparse:
        raise fault(
            other.header.path,
            f"has {'sparse' if other.is_sparse else 'dense'} rows, unlike "
            f"{str(first.header.path)!r}.",
            remedy="Read the files one by one.",
        )


def _locate(sources: Sequence[Source], counts: Sequence[int]) -> Locate:
    def locate(row: int) -> tuple[Path, int]:
        for source, count in zip(sources, counts, strict=True):
            if row < count:
                line, _ = next(islice(source.rows(), row, None))
                return source.header.path, line
            row -= count
        raise IndexError(row)

    return locate


# --------------------------------------------------------------------------------- columns


def _choose_columns(header: Header, paths: Sequence[Path], request: Request) -> Columns:
    """The columns asked for, else those of the XML beside the file, else of MEKA's -C."""
    names = header.names
    if request.labels is None:
        xml = next((xml for xml in _xml_beside(paths) if xml.is_file()), None)
        if xml is not None:
            return choose_columns(header.path, names, request.with_labels(xml))
        labels = meka_label_columns(header)
        if labels is not None:
            exactly = tuple(names[column] for column in labels)
            return choose_columns(header.path, names, request.with_labels(exactly))
    return choose_columns(header.path, names, request)


def _xml_beside(paths: Sequence[Path]) -> list[Path]:
    first = paths[0]
    stems = [first.stem, name_of(paths), re.sub(r"[-_](train|test)$", "", first.stem)]
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
        path, line = locate(row)
        raise fault(
            path,
            "the value is not one of those declared.",
            line=line,
            column=attributes[column].name,
            received=f"{value:g}, declared {{0, 1}}",
            remedy="Correct the value, or declare the attribute numeric.",
        )


def _groups(attribute: Attribute, values: list[Any], locate: Locate) -> NDArray[Any]:
    """The groups of the rows, as numbers or as text."""
    if None in values:
        path, line = locate(values.index(None))
        raise fault(
            path,
            "a row without a group.",
            line=line,
            column=attribute.name,
            remedy="Give every row a group; rows of their own may have numbers of their own.",
        )
    if attribute.kind == "nominal":
        return np.array([attribute.values[int(value)] for value in values])
    groups = np.array(values)
    if groups.dtype.kind == "f" and np.array_equal(groups, np.rint(groups)):
        return groups.astype(np.int64)
    return groups

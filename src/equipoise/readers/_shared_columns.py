"""Several files of one set: the columns that they share, in the same order or by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from equipoise._errors import InvalidInput, did_you_mean
from equipoise.readers._labels import Columns, choose_columns
from equipoise.readers._places import Origin, fault, shown_origin
from equipoise.readers._request import Request

Named = tuple[Origin, Sequence[str]]  # a file or frame, and the names of its columns


def shared_columns(files: Sequence[Named], request: Request) -> tuple[tuple[str, ...], Columns]:
    """Returns the names of the columns of files, and what each of them is for.

    Files have the same columns in the same order; if the request matches them by name, in any
    order, and columns that it ignores need not be in all of them.

    Raises:
        InvalidFile: columns that are not shared, or what `choose_columns` raises.
    """
    path, first = files[0]
    if not request.by_name:
        for other in files[1:]:
            _check_same_order(files[0], other)
        return tuple(first), choose_columns(path, first, request)
    names = tuple(dict.fromkeys(name for _, own in files for name in own))
    column = request.labels_column
    if isinstance(column, int) and -len(first) <= column < len(first):
        request = replace(request, labels_column=first[column])  # a position in the first file
    columns = choose_columns(path, names, request)
    labels = columns.labels if columns.label_sets is None else (columns.label_sets,)
    groups = () if columns.groups is None else (columns.groups,)
    for i in (*labels, *groups, *columns.features):
        for file in files:
            if names[i] not in file[1]:
                other = next(other for other in files if names[i] in other[1])
                raise _not_there(file, other, names[i], is_feature=i in columns.features)
    return names, columns


def _not_there(file: Named, other: Named, name: str, is_feature: bool) -> InvalidInput:
    path, own = file
    spare = [n for n in own if n not in other[1]]
    hint = did_you_mean(name, spare) if spare else ""
    remedy = "Name the columns of both files alike"
    if is_feature:
        remedy += f", or leave the column out with ignore=[{name!r}]"
    return fault(
        path,
        f"there is no column {name!r}, which {shown_origin(other[0])} has.",
        remedy=f"{hint} {remedy}." if hint.startswith("Did") else f"{remedy}.",
    )


def _check_same_order(first: Named, other: Named) -> None:
    for i, (a, b) in enumerate(zip(first[1], other[1], strict=False)):
        if a != b:
            raise fault(
                other[0],
                f"column {i + 1} is {b!r}, in {shown_origin(first[0])} it is {a!r}.",
                remedy="Give both files the same columns, or read them one by one.",
            )
    if len(first[1]) != len(other[1]):
        raise fault(
            other[0],
            f"has {len(other[1])} columns, {shown_origin(first[0])} has {len(first[1])}.",
            remedy="Give both files the same columns, or read them one by one.",
        )

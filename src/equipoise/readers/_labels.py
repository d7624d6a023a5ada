"""Which columns of a file are labels, groups and features, by what a caller asked for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from equipoise._errors import InvalidFile, check_names, did_you_mean, shown_list
from equipoise.readers._mulan import read_label_names
from equipoise.readers._paths import format_suffix
from equipoise.readers._places import Origin, fault
from equipoise.readers._request import HOW_TO_NAME_LABELS, Request

_OR_A_COLUMN = "For one column of label sets pass labels_column='tags', delimiter=','."


@dataclass(frozen=True)
class Columns:
    """Positions of the columns of a file by what they are for.

    Attributes:
        labels: the 0/1 label columns, in the order of the labels; empty if `label_sets` is given.
        label_sets: the column of label sets or classes, or None.
        features: the features, in the order of the file.
        groups: the column of groups, or None.
    """

    labels: tuple[int, ...]
    label_sets: int | None
    features: tuple[int, ...]
    groups: int | None


def choose_columns(path: Origin, names: Sequence[str], request: Request) -> Columns:
    """Finds what was asked for among the columns of a file or frame.

    Raises:
        InvalidFile: a name that is not there, a glob without a match, no feature left, a column
            that would be two things at once.
    """
    labels: tuple[int, ...] = ()
    label_sets: int | None = None
    if request.labels_column is not None:
        label_sets = _one_column(path, names, "labels_column", request.labels_column)
    elif isinstance(request.labels, Path):
        labels = _columns_of_xml(path, names, request.labels)
    elif request.labels is not None:
        labels = match_columns(path, names, "labels", request.labels)
    else:
        raise fault(
            path,
            "which columns are labels is not said.",
            remedy=HOW_TO_NAME_LABELS
            if isinstance(path, Path) and format_suffix(path) == ".arff"
            else f"{HOW_TO_NAME_LABELS} {_OR_A_COLUMN}",
        )
    groups = None
    if request.groups is not None:
        groups = _one_column(path, names, "groups", request.groups)
    ignored = match_columns(path, names, "ignore", request.ignore)
    roles: dict[int, str] = {}
    for role, columns in (
        ("a label", labels if label_sets is None else (label_sets,)),
        ("groups", () if groups is None else (groups,)),
        ("ignored", ignored),
    ):
        for column in columns:
            if column in roles:
                raise fault(
                    path,
                    f"the column would be {roles[column]} and {role} at once.",
                    column=names[column],
                    remedy="Name it in one argument only.",
                )
            roles[column] = role
    features = tuple(column for column in range(len(names)) if column not in roles)
    if not features:
        raise fault(
            path,
            "no feature is left beside the labels.",
            received=f"{len(names)} columns, {len(roles)} of them labels, groups or ignored",
            remedy="Name fewer label columns.",
        )
    return Columns(labels, label_sets, features, groups)


def match_columns(
    path: Origin, names: Sequence[str], argument: str, patterns: Sequence[str]
) -> tuple[int, ...]:
    """Returns the columns that names and globs mean, each once, in the order of the patterns.

    A column whose name is the pattern wins over a glob; globs are case-sensitive.
    """
    position = {name: i for i, name in enumerate(names)}
    found: dict[int, None] = {}
    for pattern in patterns:
        if pattern in position:
            found[position[pattern]] = None
            continue
        if not _is_glob(pattern):
            raise fault(
                path,
                f"there is no column {pattern!r}, named in `{argument}`.",
                remedy=did_you_mean(pattern, names),
            )
        matches = [i for i, name in enumerate(names) if fnmatchcase(name, pattern)]
        if not matches:
            raise fault(
                path,
                f"no column matches {pattern!r}, given as `{argument}`.",
                received=f"columns {shown_list(names)}",
                remedy="Globs are case-sensitive: * is any text, ? any character.",
            )
        found.update(dict.fromkeys(matches))
    return tuple(found)


def renamed_labels(
    path: Origin, names: Sequence[str], label_names: tuple[str, ...] | dict[str, str] | None
) -> tuple[str, ...]:
    """Returns the names of 0/1 label columns after `label_names`."""
    if label_names is None:
        return check_names("labels", names)
    if isinstance(label_names, dict):
        for name in label_names:
            if name not in names:
                raise fault(
                    path,
                    f"there is no label {name!r}, named in `label_names`.",
                    remedy=did_you_mean(name, names),
                )
        return check_names("label_names", [label_names.get(name, name) for name in names])
    return check_names("label_names", label_names, len(names))


def _is_glob(pattern: str) -> bool:
    return any(character in pattern for character in "*?[")


def _one_column(path: Origin, names: Sequence[str], argument: str, column: str | int) -> int:
    if isinstance(column, int):
        if not -len(names) <= column < len(names):
            raise fault(
                path,
                f"there is no column {column}, given as `{argument}`.",
                received=f"{len(names)} columns, which count from 0",
            )
        return column % len(names)
    if column not in names:
        raise fault(
            path,
            f"there is no column {column!r}, given as `{argument}`.",
            remedy=did_you_mean(column, names),
        )
    return list(names).index(column)


def _columns_of_xml(path: Origin, names: Sequence[str], xml: Path) -> tuple[int, ...]:
    """The columns named by a Mulan XML file, in the order of the columns, as Mulan has them."""
    beside = path.parent / xml if isinstance(path, Path) else xml
    if not xml.exists() and beside.exists():
        raise InvalidFile(
            f"There is no label file {str(xml)!r}.", remedy=f"Did you mean {str(beside)!r}?"
        )
    # Some files escape quotes in the XML as ARFF does.
    position = {_plain(name): i for i, name in enumerate(names)}
    found: list[int] = []
    for label in read_label_names(xml):
        column = position.get(_plain(label))
        if column is None:
            raise fault(
                path,
                f"there is no column {label!r}, which {str(xml)!r} names as a label.",
                remedy=did_you_mean(label, names),
            )
        found.append(column)
    return tuple(sorted(found))


def _plain(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name).strip()

"""Which columns of a file are labels, groups, features: what a caller asked for, resolved."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from equipoise._errors import (
    InvalidFile,
    InvalidInput,
    check_names,
    did_you_mean,
    shown_list,
)
from equipoise.readers._mulan import read_label_names
from equipoise.readers._text import fault

_HOW_TO_NAME_LABELS = (
    "Pass labels='lab_*' (a glob), labels=['a', 'b'] or the path of a Mulan XML file."
)
_OR_A_COLUMN = "For one column of label sets pass labels_column='tags', delimiter=','."


@dataclass(frozen=True)
class Request:
    """The arguments of `equipoise.readers.read` beside the paths, checked on their own.

    Build it with `checked`; see `read` for their meaning. `label_names` is a tuple, a dict or
    None, `labels` a path of an XML file or a tuple of names and globs or None.
    """

    labels: Path | tuple[str, ...] | None
    labels_column: str | int | None
    delimiter: str | None
    separator: str | None
    label_names: tuple[str, ...] | dict[str, str] | None
    header: bool
    quoting: bool
    ignore: tuple[str, ...]
    groups: str | None

    @classmethod
    def checked(
        cls,
        labels: Any = None,
        *,
        labels_column: Any = None,
        delimiter: Any = None,
        separator: Any = None,
        label_names: Any = None,
        header: Any = True,
        quoting: Any = True,
        ignore: Any = (),
        groups: Any = None,
    ) -> Request:
        """Checks each argument, and that they do not contradict each other."""
        if labels is not None and labels_column is not None:
            raise InvalidInput(
                "`labels` and `labels_column` both say where the labels are.",
                received=f"labels={labels!r}, labels_column={labels_column!r}",
                remedy="`labels` names 0/1 columns, `labels_column` one column of label sets.",
            )
        if labels_column is not None and (
            isinstance(labels_column, bool) or not isinstance(labels_column, (str, int))
        ):
            raise InvalidInput(
                "`labels_column` must be a column's name or its position.",
                received=repr(labels_column),
            )
        if delimiter is not None and labels_column is None:
            raise InvalidInput(
                "`delimiter` is of use only with `labels_column`.",
                received=repr(delimiter),
                remedy="For what separates the cells of the table pass `separator`.",
            )
        if delimiter is not None and (not isinstance(delimiter, str) or not delimiter):
            raise InvalidInput(
                "`delimiter` must be text that separates labels.", received=repr(delimiter)
            )
        if separator is not None and not (
            isinstance(separator, str)
            and len(separator) == 1
            and separator.isascii()
            and separator not in '"\r\n'
        ):
            raise InvalidInput(
                "`separator` must be one ASCII character, not a quote or the end of a line.",
                received=repr(separator),
            )
        for argument, flag in (("header", header), ("quoting", quoting)):
            if not isinstance(flag, bool):
                raise InvalidInput(f"`{argument}` must be True or False.", received=repr(flag))
        if groups is not None and not isinstance(groups, str):
            raise InvalidInput("`groups` must be the name of a column.", received=repr(groups))
        return cls(
            _checked_labels(labels),
            labels_column,
            delimiter,
            separator,
            _checked_label_names(label_names),
            header,
            quoting,
            _patterns("ignore", ignore),
            groups,
        )

    def with_labels(self, labels: Path | tuple[str, ...]) -> Request:
        """Returns the same request for labels that the file itself told."""
        return replace(self, labels=labels)

    def given(self) -> set[str]:
        """Returns the names of those arguments, of tables only, that differ from the default."""
        defaults = {
            "labels_column": None,
            "delimiter": None,
            "separator": None,
            "header": True,
            "quoting": True,
        }
        return {name for name, default in defaults.items() if getattr(self, name) != default}


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


def choose_columns(path: Path, names: Sequence[str], request: Request) -> Columns:
    """Finds what was asked for among the columns of a file.

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
            remedy=_HOW_TO_NAME_LABELS
            if path.suffix.lower() == ".arff"
            else f"{_HOW_TO_NAME_LABELS} {_OR_A_COLUMN}",
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
    path: Path, names: Sequence[str], argument: str, patterns: Sequence[str]
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
    path: Path, names: Sequence[str], label_names: tuple[str, ...] | dict[str, str] | None
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


def _checked_labels(labels: Any) -> Path | tuple[str, ...] | None:
    if labels is None:
        return None
    if isinstance(labels, os.PathLike) or (
        isinstance(labels, str) and labels.lower().endswith(".xml")
    ):
        return Path(labels)
    patterns = _patterns("labels", labels)
    if not patterns:
        raise InvalidInput(
            "`labels` names no column.", received=repr(labels), remedy=_HOW_TO_NAME_LABELS
        )
    return patterns


def _patterns(argument: str, value: object) -> tuple[str, ...]:
    """Names and globs, from a list or from one text with commas."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    if not isinstance(value, Iterable) or isinstance(value, bytes):
        raise InvalidInput(
            f"`{argument}` must be names of columns.",
            received=repr(value),
            remedy="Pass a list of names, or a glob such as 'lab_*'.",
        )
    patterns = tuple(cast(Iterable[Any], value))
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise InvalidInput(
                f"`{argument}` must be names of columns.",
                received=repr(pattern),
                remedy="Write names as text; without a header line columns are 'column_1', ….",
            )
    return patterns


def _checked_label_names(label_names: Any) -> tuple[str, ...] | dict[str, str] | None:
    if label_names is None:
        return None
    if isinstance(label_names, Mapping):
        check_names("label_names", label_names.values())
        return {str(old): str(new) for old, new in label_names.items()}
    return check_names("label_names", label_names)


def _one_column(path: Path, names: Sequence[str], argument: str, column: str | int) -> int:
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


def _columns_of_xml(path: Path, names: Sequence[str], xml: Path) -> tuple[int, ...]:
    """The columns named by a Mulan XML file, in the order of the columns, as Mulan has them."""
    beside = path.parent / xml
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

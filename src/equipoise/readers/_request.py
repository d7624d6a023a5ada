"""What a caller asked for: the arguments of `equipoise.readers.read`, checked on their own."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from equipoise._errors import InvalidInput, check_names
from equipoise.readers._names_file import read_names

HOW_TO_NAME_LABELS = (
    "Pass labels='lab_*' (a glob), labels=['a', 'b'] or the path of a Mulan XML file."
)


@dataclass(frozen=True)
class Request:
    """The arguments of `equipoise.readers.read` beside the paths, checked on their own.

    Build it with `checked`; see `read` for their meaning. `label_names` is a tuple, a dict or
    None, `labels` a path of an XML file or a tuple of names and globs or None. `n_train` is how
    many of the files hold training rows, the others test rows; 0 if they are not told apart.
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
    mixed: bool = False
    n_train: int = 0

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
        mixed: Any = False,
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
        for argument, flag in (("header", header), ("quoting", quoting), ("mixed", mixed)):
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
            mixed,
        )

    @property
    def by_name(self) -> bool:
        """Whether files may have the same columns in different order."""
        return self.n_train > 0

    def with_labels(self, labels: Path | tuple[str, ...]) -> Request:
        """Returns the same request for labels that the file itself told."""
        return replace(self, labels=labels)

    def given(self) -> set[str]:
        """Returns the names of those arguments, not of all formats, that were given."""
        defaults = {
            "labels": None,
            "labels_column": None,
            "delimiter": None,
            "separator": None,
            "header": True,
            "quoting": True,
            "mixed": False,
        }
        return {name for name, default in defaults.items() if getattr(self, name) != default}


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
            "`labels` names no column.", received=repr(labels), remedy=HOW_TO_NAME_LABELS
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
    if isinstance(label_names, (str, os.PathLike)):
        return read_names(Path(label_names))
    if isinstance(label_names, Mapping):
        check_names("label_names", label_names.values())
        return {str(old): str(new) for old, new in label_names.items()}
    return check_names("label_names", label_names)

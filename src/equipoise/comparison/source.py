"""DataSource: where the data of a plan is, and how it is read."""

from __future__ import annotations

import glob
import inspect
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from equipoise._errors import InvalidFile, InvalidInput, did_you_mean
from equipoise.readers import Dataset, read
from equipoise.readers.dataset import name_of
from equipoise.readers.tables import table_encoder

# Options whose value may be the path of a file.
_MAYBE_FILES = ("labels", "label_names")


@dataclass(frozen=True)
class DataSource:
    """Files of one data set, with the options of `equipoise.readers.read`.

    Args:
        paths: files, or globs of such; each is one path, read one below the other.
        options: what `read` takes beside the paths.
        name: what tables call it; what its files have in common in their names by default.
    """

    paths: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""

    def __post_init__(self) -> None:
        known = list(inspect.signature(read).parameters)[1:]
        for key in self.options:
            if key not in known:
                raise InvalidInput(
                    f"Unknown key `data.{key}`.",
                    remedy=did_you_mean(key, ["name", "path", *known]),
                )
        if not self.name:
            object.__setattr__(self, "name", name_of(self.files()))

    @classmethod
    def from_table(cls, table: Mapping[str, Any], folder: Path) -> Self:
        """Reads it from a table of a plan, whose paths are seen from the folder of the plan."""
        given = dict(table)
        path, name = given.pop("path", None), given.pop("name", "")
        paths = [path] if isinstance(path, str) else path
        if not isinstance(paths, list) or not paths or not all(isinstance(p, str) for p in paths):
            raise InvalidInput(
                "`data.path` must be a path or a list of paths.",
                received=repr(path),
                remedy=did_you_mean("path", given) if path is None and given else None,
            )
        if not isinstance(name, str):
            raise InvalidInput("`data.name` must be text.", received=repr(name))
        for key in _MAYBE_FILES:
            value = given.get(key)
            if isinstance(value, str) and (_expanded(value, folder).is_file() or "$" in value):
                given[key] = str(_expanded(value, folder))
        return cls(tuple(str(_expanded(p, folder)) for p in paths), given, name)

    def files(self) -> list[Path]:
        """Returns the files, globs replaced by what they match, in order."""
        found: list[Path] = []
        for path in self.paths:
            matches = sorted(glob.glob(path)) if glob.has_magic(path) else []
            found += [Path(p) for p in matches] or [Path(path)]
        return found

    def check_exists(self) -> None:
        """Raises InvalidFile for a file that is not there."""
        for path in self.files():
            if not path.is_file():
                raise InvalidFile(
                    f"The data set {self.name!r} has no file {str(path)!r}.",
                    remedy="Paths are seen from the folder of the plan.",
                )

    def read(self) -> tuple[Dataset, Any]:
        """Returns the data, and what makes numbers of a mixed table (else None)."""
        encoder = table_encoder() if self.options.get("mixed") else None
        return read(self.files(), **self.options), encoder


def _expanded(path: str, folder: Path) -> Path:
    expanded = os.path.expandvars(path)
    if "$" in expanded:
        name = expanded.split("$", 1)[1].strip("{").split("/")[0].split("}")[0]
        raise InvalidInput(
            f"`data.path` names the environment variable {name}, which is not set.",
            received=path,
        )
    return folder / os.path.expanduser(expanded)

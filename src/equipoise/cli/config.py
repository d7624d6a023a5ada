"""Options of a command from a TOML file; the command line wins over it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cyclopts import App
from cyclopts.argument import ArgumentCollection
from cyclopts.config import Dict

from equipoise._errors import InvalidFile, did_you_mean

NAME = "--config"


def config_file(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Fills in what the file named by `--config` says and the command line does not.

    Keys are the names of options, with - or _ between the words.

    Raises:
        InvalidFile: a file that cannot be read or is no TOML, or a key that is no option.
        CycloptsError: a value that does not fit its option.
    """
    path = _named(arguments)
    if path is None:
        return
    options = _checked(path, _read(path), _known(arguments))
    Dict(options, use_commands_as_keys=False, source=str(path))(app, commands, arguments)


def _named(arguments: ArgumentCollection) -> Path | None:
    for argument in arguments:
        if NAME in argument.names and argument.tokens:
            return Path(argument.tokens[-1].value)
    return None


def _known(arguments: ArgumentCollection) -> list[str]:
    """The names of the options that a file may give."""
    names = [name for argument in arguments for name in argument.names]
    return [name[2:] for name in names if name.startswith("--") and name != NAME]


def _read(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidFile(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, nested beyond reason
        raise InvalidFile(f"{str(path)!r} is not a TOML file: {error}.") from error


def _checked(path: Path, content: Mapping[str, Any], known: list[str]) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("_", "-")
        if name not in known or isinstance(value, dict):
            raise InvalidFile(
                f"{str(path)!r}: {key!r} is no option that a file can give.",
                remedy=f"{did_you_mean(name, known)} Keys are names of options without --.",
            )
        if name in checked:
            raise InvalidFile(f"{str(path)!r} gives {name!r} twice, with - and with _.")
        # Names that the command line takes with commas between them.
        names = isinstance(value, list) and all(isinstance(v, str) for v in value)
        if names and any("," in v for v in value):
            raise InvalidFile(
                f"{str(path)!r}: a name in {name!r} holds a comma, which separates names.",
                received=repr(value),
                remedy="Rename the column, or give a pattern that fits it: ? is any character.",
            )
        checked[name] = ",".join(value) if names else value
    return checked

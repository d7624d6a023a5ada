"""Errors in the words of the command line: what Python calls mixed=True is --mixed here."""

import ast
import re
import shlex

from equipoise._errors import EquipoiseError

_FLAGS = {
    "mixed=True": "--mixed",
    "header=False": "--no-header",
    "quoting=False": "--no-quoting",
}
_FLAG = re.compile("|".join(rf"\b{flag}\b" for flag in _FLAGS))
_OPTIONS = {
    name: "--" + name.replace("_", "-")
    for name in (
        *("labels", "labels_column", "delimiter", "separator", "label_names", "ignore", "groups"),
        *("absent", "cap", "power", "bins", "hidden_units", "test_size", "validation_size"),
    )
} | {"max_epochs": "--epochs", "random_state": "--seed"}
_NAMES = "|".join(_OPTIONS)
_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_OPTION = re.compile(rf"\b({_NAMES})=(\[(?:{_TEXT})(?:, (?:{_TEXT}))*\]|{_TEXT})")
_WORD = re.compile(r"\w[\w-]*")
_NAMED = re.compile(rf"`({_NAMES})`")


def told(error: EquipoiseError) -> str:
    """Returns the message of an error, with options as they are written in a shell.

    What was received stays as it is.
    """
    parts = [_NAMED.sub(_name, error.problem)]
    if error.received is not None:
        parts.append(f"Received: {error.received}.")
    if error.remedy is not None:
        remedy = _FLAG.sub(lambda match: _FLAGS[match[0]], error.remedy)
        parts.append(_NAMED.sub(_name, _OPTION.sub(_option, remedy)))
    return " ".join(parts)


def _name(match: re.Match[str]) -> str:
    return _OPTIONS[match[1]]


def _option(match: re.Match[str]) -> str:
    value = ast.literal_eval(match[2])
    text = value if isinstance(value, str) else ",".join(value)
    # A comma needs no quotes in a shell, but in a sentence.
    return f"{_name(match)} {text if _WORD.fullmatch(text) else _quoted(text)}"


def _quoted(text: str) -> str:
    quoted = shlex.quote(text)
    return quoted if quoted != text else f"'{text}'"

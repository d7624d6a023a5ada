"""The XML files of Mulan, which name the label attributes of an ARFF file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.parsers import expat

from equipoise._errors import InvalidFile
from equipoise.readers._places import fault

_REMEDY = 'Mulan\'s form is <labels xmlns="http://mulan.sourceforge.net/labels"><label name="…"/>….'


class _Stop(Exception):
    """Carries an error out of the parser's callbacks."""


def read_label_names(path: Path) -> tuple[str, ...]:
    """Returns the names in a Mulan XML file, in its order; labels in labels count as well.

    Raises:
        InvalidFile: no such file, not XML, not Mulan's, or with a document type (which could
            name other files, or expand without end).
    """
    names: list[str] = []
    depth = 0
    parser = expat.ParserCreate()

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        element = tag.rpartition(":")[2]
        if element != ("labels" if depth == 0 else "label"):
            raise _Stop(f"has an element <{tag}>, so it is not a list of labels as Mulan's.")
        if depth > 0:
            if "name" not in attributes:
                raise _Stop("has a <label> without a name.")
            names.append(attributes["name"])
        depth += 1

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise _Stop("has a document type (<!DOCTYPE), which is not read.")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except OSError as error:
        raise InvalidFile(
            f"Cannot read the label file {str(path)!r}: {error.strerror}.",
            remedy="Check the path, or name the label columns instead.",
        ) from error
    except _Stop as stop:
        raise fault(path, str(stop), line=parser.CurrentLineNumber, remedy=_REMEDY) from None
    except (expat.ExpatError, ValueError, LookupError) as error:  # encodings that do not exist
        line = parser.ErrorLineNumber
        raise fault(path, f"is not an XML file: {error}.", line=line, remedy=_REMEDY) from error
    if not names:
        raise fault(path, "names no label.", remedy=_REMEDY)
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise fault(path, f"names the label {twice[0]!r} more than once.")
    return tuple(names)

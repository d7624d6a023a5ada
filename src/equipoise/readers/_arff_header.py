"""The header of an ARFF file: its relation name and its attributes.

liac-arff reads the rows; the header is read here, because liac-arff keeps the escapes of quoted
names, refuses tabs and dates, and needs exponential time for some nominal types that are cut off.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from equipoise._errors import shown_list
from equipoise.readers._places import fault, shown_value

_QUOTED = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_ATTRIBUTE = re.compile(rf"@attribute\s+({_QUOTED}|[^\s{{]+)\s*(?=[\s{{])(.*)$", re.IGNORECASE)
_VALUE = re.compile(rf"\s*({_QUOTED}|[^\s,{{}}'\"]+)\s*([,}}])")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}

_NUMERIC = ("numeric", "real", "integer")
_OTHER = ("string", "date", "relational")

# The number that a value of a two-valued attribute stands for, in lower case.
_TWO_VALUED = (("0", "1"), ("no", "yes"), ("false", "true"), ("n", "y"), ("f", "t"))


@dataclass(frozen=True)
class Attribute:
    """One column of an ARFF file.

    Attributes:
        name: its name without quotes and escapes.
        kind: "numeric", "nominal", "string", "date" or "relational".
        values: the values a nominal attribute may have, in their order.
        line: the line that declares it.
    """

    name: str
    kind: str
    values: tuple[str, ...]
    line: int

    @property
    def numbers(self) -> tuple[int, int] | None:
        """The numbers that the two values stand for, if their words say so (no/yes, 0/1, …)."""
        words = tuple(value.lower() for value in self.values)
        if words in _TWO_VALUED:
            return 0, 1
        if words[::-1] in _TWO_VALUED:
            return 1, 0
        return None

    @property
    def type_text(self) -> str:
        """The type as an error shows it."""
        if self.kind != "nominal":
            return self.kind
        return "{" + ", ".join(self.values[:5]) + (", …" if len(self.values) > 5 else "") + "}"


@dataclass(frozen=True)
class Header:
    """What an ARFF file says before its rows.

    Attributes:
        path: the file.
        relation: its relation name.
        attributes: the columns.
        data_line: the line of @data.
    """

    path: Path
    relation: str
    attributes: tuple[Attribute, ...]
    data_line: int

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the attributes."""
        return tuple(attribute.name for attribute in self.attributes)


def read_header(path: Path, lines: Iterator[str]) -> Header:
    """Reads lines up to and including @data; the iterator then stands at the first row.

    Raises:
        InvalidFile: no @data, no attribute, a name twice, a line that is not ARFF.
    """
    relation = ""
    attributes: dict[str, Attribute] = {}
    number = 0
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("%"):
            continue
        keyword = text.split(maxsplit=1)[0].lower()
        if keyword == "@data":
            if not attributes:
                raise fault(path, "has no @attribute before @data.", line=number)
            return Header(path, relation, tuple(attributes.values()), number)
        if keyword == "@relation":
            relation = unquoted(text[len(keyword) :].strip())
        elif keyword == "@attribute":
            attribute = _read_attribute(path, number, text)
            earlier = attributes.setdefault(attribute.name, attribute)
            if earlier is not attribute:
                raise fault(
                    path,
                    f"the name is already that of line {earlier.line}.",
                    line=number,
                    column=attribute.name,
                    remedy="Give every attribute a name of its own.",
                )
        else:
            raise fault(
                path,
                "is not a line of an ARFF header.",
                line=number,
                received=shown_value(text),
                remedy="An ARFF file begins with @relation, @attribute … and @data; for a table "
                "with commas use the suffix .csv.",
            )
    raise fault(
        path,
        "ends without @data.",
        line=max(number, 1),
        remedy="The file may be cut off: compare its size with the original's.",
    )


def check_same_header(first: Header, other: Header) -> None:
    """Raises InvalidFile unless two files declare the same attributes in the same order."""
    for a, b in zip(first.attributes, other.attributes, strict=False):
        if a.name != b.name:
            what = f"attribute {b.name!r} where {str(first.path)!r} has {a.name!r}."
        elif (a.kind, a.values) != (b.kind, b.values):
            what = (
                f"attribute {b.name!r} of type {b.type_text}, which is {a.type_text} in "
                f"{str(first.path)!r}."
            )
        else:
            continue
        raise fault(other.path, f"has {what}", line=b.line, remedy="Read the files one by one.")
    n, m = len(first.attributes), len(other.attributes)
    if n != m:
        longer = first if n > m else other
        extra = longer.attributes[min(n, m)].name
        raise fault(
            other.path,
            f"has {m} attributes, {str(first.path)!r} has {n}: only one of them has {extra!r}.",
            remedy="Read the files one by one.",
        )


def merged_attribute(headers: Sequence[Header], name: str) -> Attribute:
    """Returns the attribute of that name with the values that it has in any of the files.

    Raises:
        InvalidFile: it is of different types, or the values have nothing in common.
    """
    first, merged = headers[0], None
    for header in headers:
        own = next(attribute for attribute in header.attributes if attribute.name == name)
        if merged is None:
            first, merged = header, own
            continue
        alike = own.kind == merged.kind and (not own.values or set(own.values) & set(merged.values))
        if not alike:
            raise fault(
                header.path,
                f"the attribute is {own.type_text}, in {str(first.path)!r} it is "
                f"{merged.type_text}.",
                line=own.line,
                column=name,
                remedy="Declare it alike in both files.",
            )
        values = tuple(dict.fromkeys(merged.values + own.values))
        merged = replace(merged, values=values)
    if merged is None:
        raise KeyError(name)
    return merged


def meka_label_columns(header: Header) -> tuple[int, ...] | None:
    """Returns the label columns after MEKA's "-C n" in the relation name, or None without it.

    n > 0 says that the first n attributes are labels, n < 0 the last ones.
    """
    match = re.search(r"(?:^|[\s:])-C\s+(-?\d{1,9})(?!\d)", header.relation)
    if match is None:
        return None
    n, total = int(match[1]), len(header.attributes)
    if "weka.filters" in header.relation[match.end() :]:
        raise fault(
            header.path,
            f"the relation name says -C {n}, but Weka filters, named after it, may have moved "
            "the labels.",
            received=shown_value(header.relation),
            remedy="Pass `labels`: the Mulan XML file, names or a glob.",
        )
    if n == 0 or abs(n) >= total:
        raise fault(
            header.path,
            f"the relation name says -C {n}, but there are {total} attributes.",
            received=shown_value(header.relation),
            remedy="Pass `labels`: the Mulan XML file, names or a glob.",
        )
    return tuple(range(n)) if n > 0 else tuple(range(total + n, total))


def unquoted(text: str) -> str:
    """Returns a name or value without its quotes and escapes."""
    if len(text) < 2 or text[0] not in "'\"" or text[-1] != text[0]:
        return text
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPES.get(code, code)


def _read_attribute(path: Path, line: int, text: str) -> Attribute:
    match = _ATTRIBUTE.match(text)
    if match is None:
        raise fault(
            path,
            "the attribute has no name and type that can be told apart.",
            line=line,
            received=shown_value(text),
            remedy="Write @attribute 'name' numeric, or @attribute 'name' {a, b}; escape a quote "
            "in a name with a backslash.",
        )
    name, declared = unquoted(match[1]), match[2].strip()
    if declared.startswith("{"):
        return Attribute(name, "nominal", _read_values(path, line, name, declared), line)
    words = declared.split(maxsplit=1)
    kind = words[0].lower() if words else ""
    if kind in _NUMERIC:
        return Attribute(name, "numeric", (), line)
    if kind in _OTHER:
        return Attribute(name, kind, (), line)
    raise fault(
        path,
        "the attribute's type is not known.",
        line=line,
        column=name,
        received=shown_value(declared),
        remedy=f"Types are {shown_list(_NUMERIC + _OTHER)} and {{a, b, …}}.",
    )


def _read_values(path: Path, line: int, name: str, declared: str) -> tuple[str, ...]:
    values: list[str] = []
    start, end = 1, ""
    while end != "}":
        match = _VALUE.match(declared, start)
        if match is None:
            raise fault(
                path,
                "the list of values is not closed, or a value with spaces has no quotes.",
                line=line,
                column=name,
                received=shown_value(declared[start:]),
                remedy="Write {a, b, 'c d'} on one line; the file may be cut off.",
            )
        values.append(unquoted(match[1]))
        start, end = match.end(), match[2]
    _check_distinct(path, line, name, values)
    return tuple(values)


def _check_distinct(path: Path, line: int, name: str, values: Sequence[str]) -> None:
    if len(set(values)) == len(values):
        return
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise fault(path, f"the value {value!r} is declared twice.", line=line, column=name)
        seen.add(value)

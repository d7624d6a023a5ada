"""The messages of an Arrow file, looked at before polars reads it.

polars believes what a file says of the size of a compressed buffer, and ends the whole process
where memory of that size cannot be had; so sizes are compared with that of the file first. See
"Arrow columnar format", section "Serialization and Interprocess Communication".
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from equipoise.readers._bytes import check_unpacked
from equipoise.readers._places import fault

MAGIC = b"ARROW1"

_CONTINUED = 0xFFFFFFFF
_DICTIONARY_BATCH, _RECORD_BATCH = 2, 3
_NOT_COMPRESSED = -1


class _Damaged(Exception):
    """Says what is wrong with a file."""


def check_messages(path: Path, file: BinaryIO) -> None:
    """Raises InvalidFile unless the file holds whole messages whose buffers have a likely size.

    Args:
        path: the file.
        file: the same, open.
    """
    size = path.stat().st_size
    try:
        file.seek(0)
        if file.read(len(MAGIC)) == MAGIC:
            unpacked = sum(_check_block(file, block, size) for block in _blocks(file, size))
        else:
            unpacked = _check_stream(file, size)
    except (struct.error, _Damaged) as damage:
        detail = damage if isinstance(damage, _Damaged) else "a table in it is cut off"
        raise fault(
            path,
            f"is not a whole Arrow file: {detail}.",
            remedy="The file may be cut off or damaged: compare its size with the original's.",
        ) from None
    check_unpacked(path, size, unpacked)


def _blocks(file: BinaryIO, size: int) -> list[tuple[int, ...]]:
    """Start, length and length of the body of messages, by the footer, which polars follows."""
    file.seek(max(0, size - 10))
    (length,) = struct.unpack("<i", file.read(4))
    if file.read(6) != MAGIC:
        raise _Damaged("the mark at its end is missing")
    if not 0 < length <= size - 10:
        raise _Damaged("the length of its footer cannot be true")
    file.seek(size - 10 - length)
    footer = _Table.root(file.read(length))
    return [*footer.structs(2, "<qi4xq"), *footer.structs(3, "<qi4xq")]


def _check_block(file: BinaryIO, block: tuple[int, ...], size: int) -> int:
    """Returns the bytes that the buffers of a message in the footer unpack to."""
    start, n_message, n_body = block
    unpacked, body, end = _check_message(file, start, size)
    if (body, end) != (start + n_message, start + n_message + n_body):
        # polars would take other bytes for the sizes of buffers than were looked at here.
        raise _Damaged("its footer and a message do not agree")
    return unpacked


def _check_stream(file: BinaryIO, size: int) -> int:
    """Returns the bytes that the buffers of all messages of a stream unpack to."""
    unpacked, start = 0, 0
    while start is not None and start < size:
        more, _, start = _check_message(file, start, size)
        unpacked += more
    return unpacked


def _check_message(file: BinaryIO, start: int, size: int) -> tuple[int, int, int | None]:
    """Returns what the buffers of a message say they unpack to, and where its body begins and ends.

    After the mark of the end there is no other message, and the body has no end.
    """
    if not 0 <= start < size:
        raise _Damaged("its footer names a message that is not there")
    file.seek(start)
    (length,) = struct.unpack("<I", file.read(4))
    if length == _CONTINUED:
        (length,) = struct.unpack("<I", file.read(4))
    if length == 0:
        return 0, file.tell(), None
    if file.tell() + length > size:
        raise _Damaged("it ends inside a message")
    message = _Table.root(file.read(length))
    body, n_bytes = file.tell(), message.number(3, "q")
    if n_bytes < 0 or body + n_bytes > size:
        raise _Damaged("it ends inside the body of a message")
    return _unpacked_bytes(file, message, body, n_bytes), body, body + n_bytes


def _unpacked_bytes(file: BinaryIO, message: _Table, body: int, n_bytes: int) -> int:
    """The bytes that the compressed buffers of a message say they unpack to."""
    kind = message.number(1, "B")
    batch = message.table(2)
    if kind == _DICTIONARY_BATCH and batch is not None:
        batch = batch.table(1)
    if kind not in (_DICTIONARY_BATCH, _RECORD_BATCH) or batch is None:
        return 0
    is_compressed = batch.table(3) is not None
    total = 0
    for offset, length in batch.structs(2, "<qq"):
        if offset < 0 or length < 0 or offset + length > n_bytes:
            raise _Damaged("a buffer lies outside its message")
        if is_compressed and length:
            file.seek(body + offset)
            (claimed,) = struct.unpack("<q", file.read(8))
            if claimed < _NOT_COMPRESSED:
                raise _Damaged("a compressed buffer says that it has less than no bytes")
            total += max(claimed, 0)
    return total


class _Table:
    """A table of a FlatBuffer: fields by number, some of them absent."""

    def __init__(self, data: bytes, position: int) -> None:
        self._data = data
        self._position = position
        self._fields = position - self._unpack("<i", position)

    @classmethod
    def root(cls, data: bytes) -> _Table:
        """The table that a FlatBuffer consists of."""
        if len(data) < 4:
            raise _Damaged("a table in it is cut off")
        return cls(data, struct.unpack_from("<I", data)[0])

    def number(self, field: int, code: str) -> int:
        """A number, 0 if it is absent."""
        position = self._find(field)
        return 0 if position is None else self._unpack("<" + code, position)

    def table(self, field: int) -> _Table | None:
        """A table, None if it is absent."""
        position = self._find(field)
        return None if position is None else _Table(self._data, self._follow(position))

    def structs(self, field: int, form: str) -> list[tuple[int, ...]]:
        """A vector of structs, none if it is absent."""
        position = self._find(field)
        if position is None:
            return []
        start = self._follow(position)
        n, width = self._unpack("<I", start), struct.calcsize(form)
        end = start + 4 + n * width
        if end > len(self._data):
            raise _Damaged("a list in it is cut off")
        return list(struct.iter_unpack(form, self._data[start + 4 : end]))

    def _find(self, field: int) -> int | None:
        size = self._unpack("<H", self._fields)
        if 4 + 2 * field + 2 > size:
            return None
        offset = self._unpack("<H", self._fields + 4 + 2 * field)
        return self._position + offset if offset else None

    def _follow(self, position: int) -> int:
        return position + self._unpack("<I", position)

    def _unpack(self, form: str, position: int) -> int:
        if position < 0:  # struct would count from the end
            raise _Damaged("a table in it lies before its beginning")
        return struct.unpack_from(form, self._data, position)[0]

"""Zstandard archives of text (RFC 8878): their frames checked here, unpacked by polars.

Before anything is unpacked, the headers of the blocks say how much can come out at most, since no
block holds more than 128 KiB: an archive made to fill the memory is refused for 3 bytes a block.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from equipoise.readers._bytes import check_unpacked, null_bytes
from equipoise.readers._places import fault

_MAGIC = b"\x28\xb5\x2f\xfd"
_LARGEST_BLOCK = 1 << 17
_RAW, _REPEATED, _COMPRESSED, _RESERVED = range(4)
_CONTENT_SIZE_BYTES = (0, 2, 4, 8)
_DICTIONARY_BYTES = (0, 1, 2, 4)
_LINES = 4096  # lines unpacked at a time


class _Damaged(Exception):
    """Says what is wrong with an archive."""


def open_zstandard(path: Path, large: int) -> io.RawIOBase:
    """Opens an archive of UTF-8 text as a stream of its bytes; lines end with \\n alone.

    Raises:
        InvalidFile: not a whole archive, or one that may unpack to more than `large` bytes and
            500 times its size.
    """
    with path.open("rb") as file:
        try:
            most = _most_bytes(file)
        except _Damaged as damage:
            raise fault(
                path,
                f"is not a whole Zstandard archive: {damage}.",
                remedy="Rename the file if it is not compressed; else it is cut off or damaged: "
                "compare its size with the original's.",
            ) from None
    check_unpacked(path, path.stat().st_size, most, large)
    return _Lines(path)


def _most_bytes(file: BinaryIO) -> int:
    """Returns the most bytes that the frames of an archive can unpack to."""
    most = 0
    while magic := file.read(4):
        if len(magic) == 4 and 0x50 <= magic[0] <= 0x5F and magic[1:] == b"\x2a\x4d\x18":
            if file.tell() == 4:  # polars would take it for text
                raise _Damaged("it begins with a frame to be skipped; pack it anew")
            _skip(file, int.from_bytes(_exactly(file, 4), "little"))
        elif magic == _MAGIC:
            most += _most_bytes_of_frame(file)
        else:
            raise _Damaged("a frame does not begin with the mark of one")
    return most


def _most_bytes_of_frame(file: BinaryIO) -> int:
    descriptor = _exactly(file, 1)[0]
    single_segment = bool(descriptor & 0x20)
    content_size_bytes = _CONTENT_SIZE_BYTES[descriptor >> 6] or single_segment
    _skip(file, (not single_segment) + _DICTIONARY_BYTES[descriptor & 3] + content_size_bytes)
    most, last = 0, False
    while not last:
        header = int.from_bytes(_exactly(file, 3), "little")
        last, kind, size = bool(header & 1), header >> 1 & 3, header >> 3
        if kind == _RESERVED:
            raise _Damaged("a block is of no known kind")
        most += _LARGEST_BLOCK if kind == _COMPRESSED else size
        _skip(file, 1 if kind == _REPEATED else size)
    if descriptor & 4:
        _skip(file, 4)  # the checksum, which polars compares
    return most


def _exactly(file: BinaryIO, n: int) -> bytes:
    data = file.read(n)
    if len(data) < n:
        raise _Damaged("it ends inside a frame")
    return data


def _skip(file: BinaryIO, n: int) -> None:
    if n:  # the last byte is read, because a file can seek beyond its end
        file.seek(n - 1, io.SEEK_CUR)
        _exactly(file, 1)


class _Lines(io.RawIOBase):
    """The text that polars unpacks, one part after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # A null byte separates nothing: text that holds one is refused, as everywhere.
        lines = pl.scan_csv(
            path,
            has_header=False,
            separator="\0",
            quote_char=None,
            schema={"line": pl.String},
            glob=False,
        )
        self._parts: Any = lines.collect_batches(chunk_size=_LINES, lazy=True)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._rest:
            text = self._next()
            if text is None:
                return 0
            self._rest = memoryview(text.encode())
        n = min(len(buffer), len(self._rest))
        buffer[:n] = self._rest[:n]
        self._rest = self._rest[n:]
        return n

    def close(self) -> None:
        self._parts = iter(())  # polars stops when nobody holds them
        super().close()

    def _next(self) -> str | None:
        try:
            frame: pl.DataFrame | None = next(self._parts, None)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise self._fault(str(error)) from error
        if frame is None:
            return None
        if frame.height == 0:
            return ""
        return frame["line"].fill_null("").str.join("\n").item() + "\n"

    def _fault(self, message: str) -> Exception:
        if "utf-8" in message:
            return fault(
                self._path,
                "the text is not UTF-8.",
                remedy="Decompress the file, or save it as UTF-8.",
            )
        if "more fields" in message or "not specified in schema" in message:
            return null_bytes(self._path)
        return OSError(message.splitlines()[0] if message else "it cannot be unpacked")

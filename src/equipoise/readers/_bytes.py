"""Text files as streams of bytes: compressed or not, and never more than a table can hold.

Every text format is read through `open_bytes`, so what is wrong with the bytes of a file (a cut
archive, UTF-16, null bytes, a line without end) is told in one way for all of them.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO

from equipoise._errors import InvalidInput
from equipoise.readers._places import fault

# Suffix of a compressed file → what its content is called in errors.
COMPRESSED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard"}

_CHUNK = 1 << 20
_BUFFER = 1 << 17
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LONGEST_LINE = 1 << 27  # bytes; no table has longer rows, but an archive can hold them
_CUT_OFF = "The file may be cut off: compare its size with the original's."

# What unpacks to more than so many bytes, and to so many times the size of the archive, is a
# mistake or an attack: it would fill the memory. Tables of zeros shrink less than this.
_LARGE = 1 << 28
_MOST_MEMORY = 1 << 29  # bytes that unpacking xz may need; its own highest setting needs 65 MiB
_MOST_TIMES = 500


def open_bytes(path: Path, longest_line: int = _LONGEST_LINE, large: int = _LARGE) -> BinaryIO:
    """Opens a text file, compressed or not, as a stream of its bytes; only plain ones can seek.

    Reading raises InvalidFile for a damaged archive, one that unpacks beyond reason, UTF-16,
    null bytes, or a line that is too long.

    Args:
        path: the file; its last suffix tells whether it is compressed.
        longest_line: the most bytes that a line may have.
        large: the bytes beyond which an archive may not unpack to 500 times its size.
    """
    kind = COMPRESSED.get(path.suffix.lower())
    try:
        packed = path.stat().st_size
        source = _open_raw(path, kind, large)
    except OSError as error:
        raise fault(path, f"cannot be read: {error.strerror or error}.") from error
    return io.BufferedReader(_Checked(path, source, kind, packed, longest_line, large), _BUFFER)


def open_text(path: Path, encoding: str) -> TextIO:
    """Opens a text file as `open_bytes` does, as lines of text that end with \\n."""
    return io.TextIOWrapper(open_bytes(path), encoding=encoding)


def check_unpacked(path: Path, packed: int, unpacked: int, large: int = _LARGE) -> None:
    """Raises InvalidFile if an archive holds too many times its own size to be a table."""
    if unpacked > large and unpacked > _MOST_TIMES * packed:
        raise fault(
            path,
            f"{packed:,} bytes unpack to {unpacked:,} or more: it may have been made to fill the "
            "memory.",
            remedy="If you know the file, decompress it yourself and read what comes out.",
        )


def null_bytes(path: Path) -> InvalidInput:
    """Returns the error for a file that is not text."""
    return fault(
        path,
        "holds null bytes, so it is not a text file.",
        remedy="Check the file's format; if it is UTF-16 text, save it as UTF-8.",
    )


def encoding_of(path: Path) -> Literal["utf-8-sig", "latin-1"]:
    """Returns UTF-8 if the whole file is, else Latin-1."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    utf8 = True
    with open_bytes(path) as file:
        while chunk := file.read(_CHUNK):  # to the end, so that every byte is checked
            if utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    utf8 = False
    if utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            utf8 = False
    return "utf-8-sig" if utf8 else "latin-1"


def _open_raw(path: Path, kind: str | None, large: int) -> Any:
    if kind == "Zstandard":
        from equipoise.readers._zstandard import open_zstandard  # polars, which starts slowly

        return open_zstandard(path, large)
    if kind == "gzip":
        return gzip.GzipFile(path)
    if kind == "bzip2":
        return _Streams(path, bz2.BZ2Decompressor)
    if kind == "xz":
        return _Streams(path, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MOST_MEMORY))
    return path.open("rb", buffering=0)


class _Streams(io.RawIOBase):
    """Streams of bzip2 or xz, one after the other.

    Python's own readers pass over what follows a stream and begins like no other one, and so over
    a second stream that is damaged.
    """

    def __init__(self, path: Path, new: Callable[[], Any]) -> None:
        self._file = path.open("rb", buffering=0)
        self._new = new
        self._unpacker: Any = new()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while True:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")  # xz may be filled up with them
                if not packed and not (packed := self._file.read(_CHUNK)):
                    return 0
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not (packed := self._file.read(_CHUNK)):
                raise EOFError
            text = self._unpacker.decompress(packed, len(buffer))
            if text:
                buffer[: len(text)] = text
                return len(text)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Checked(io.RawIOBase):
    """The bytes of a stream, looked at as they pass."""

    def __init__(
        self,
        path: Path,
        source: Any,
        kind: str | None,
        packed: int,
        longest_line: int,
        large: int,
    ) -> None:
        self._path = path
        self._source = source
        self._kind = kind
        self._packed = packed
        self._longest_line = longest_line
        self._large = large
        self._count = 0
        self._open_line = 0  # bytes of the line that no end was seen of

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._kind is None

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if self._kind is not None:
            raise io.UnsupportedOperation("an archive cannot seek")
        self._open_line = 0
        return self._source.seek(offset, whence)

    def tell(self) -> int:
        return self._source.tell()

    def readinto(self, buffer: Any, /) -> int:
        # No more at a time, so that copies of a chunk stay small.
        view = memoryview(buffer)[:_CHUNK]
        n = self._read(view)
        chunk = bytes(view[:n])
        self._check(chunk)
        self._count += n
        return n

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _read(self, view: memoryview) -> int:
        try:
            return self._source.readinto(view) or 0
        except EOFError as error:
            raise fault(
                self._path, f"the {self._kind} archive is cut off.", remedy=_CUT_OFF
            ) from error
        except (OSError, zlib.error, lzma.LZMAError) as error:
            if self._kind is None:
                raise fault(self._path, f"cannot be read: {error}.") from error
            raise fault(
                self._path,
                f"is not a whole {self._kind} archive: {error}.",
                remedy="Rename the file if it is not compressed; else it is damaged.",
            ) from error

    def _check(self, chunk: bytes) -> None:
        if self._count == 0 and chunk.startswith(_UTF16):
            raise fault(self._path, "is UTF-16 text.", remedy="Save the file as UTF-8.")
        if b"\0" in chunk:
            raise null_bytes(self._path)
        if self._kind is not None:
            check_unpacked(self._path, self._packed, self._count + len(chunk), self._large)
        end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
        self._open_line = len(chunk) - 1 - end + (self._open_line if end < 0 else 0)
        if self._open_line > self._longest_line:
            raise fault(
                self._path,
                f"holds a line of more than {self._longest_line:,} bytes.",
                remedy="Check that the file is a table in text, with one row a line.",
            )

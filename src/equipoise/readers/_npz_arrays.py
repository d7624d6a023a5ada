"""The arrays of an NPZ archive, none of which is ever unpickled."""

from __future__ import annotations

import math
import struct
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from equipoise._errors import InvalidInput
from equipoise.readers._bytes import check_unpacked
from equipoise.readers._places import fault

_CUT_OFF = "The file may be cut off or damaged: compare its size with the original's."
_KINDS = "biufUS"  # truths, numbers and text
_CHUNK = 1 << 20

# What zipfile raises for an archive that is damaged, or packed as no NPZ file is.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    OSError,
    ValueError,
)


def read_arrays(path: Path, wanted: frozenset[str]) -> dict[str, NDArray[Any]]:
    """Returns those of the wanted arrays that are in an archive, by name.

    Raises:
        InvalidFile: no NPZ archive, a damaged one, an array of Python objects, or one that
            unpacks beyond reason.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive)
            return {
                name: _read_array(path, archive, members[name])
                for name in sorted(wanted & members.keys())
            }
    except InvalidInput:
        raise
    except _DAMAGE as error:
        raise fault(path, f"is not a whole NPZ archive: {error}.", remedy=_CUT_OFF) from error
    except RuntimeError as error:  # encrypted
        raise fault(path, f"cannot be read: {error}.") from error


def names_in(path: Path) -> list[str]:
    """The names of all arrays in an archive, for errors."""
    with zipfile.ZipFile(path) as archive:
        return sorted(_members(path, archive))


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    members: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        if name in members:
            raise fault(path, f"holds two arrays {name!r}.", remedy="Write the file anew.")
        members[name] = member
    return members


def _read_array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    name = member.filename
    check_unpacked(path, max(1, member.compress_size), member.file_size)
    with archive.open(member) as file:
        try:
            shape, in_columns, dtype = _header(file)
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
            raise fault(
                path, f"{name!r} is not an array of NumPy's.", received=_first_line(error)
            ) from error
        if dtype.hasobject:
            raise fault(
                path,
                f"{name!r} holds Python objects, which are never unpickled.",
                remedy="Write it as numbers or as text: y.astype(float), names.astype(str).",
            )
        if dtype.kind not in _KINDS or dtype.itemsize == 0:
            raise fault(
                path, f"{name!r} must hold numbers or text.", received=f"an array of {dtype}"
            )
        n_bytes = math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or n_bytes > member.file_size:
            raise fault(
                path,
                f"{name!r} is cut off.",
                received=f"an array of shape {shape}",
                remedy=_CUT_OFF,
            )
        flat = np.empty(math.prod(shape), dtype=dtype)
        if not _fill(file, flat) or file.read(1):  # which also compares the check sum
            raise fault(
                path, f"{name!r} is longer or shorter than its shape says.", remedy=_CUT_OFF
            )
    return flat.reshape(shape, order="F" if in_columns else "C")


def _fill(file: Any, flat: NDArray[Any]) -> bool:
    """Reads the cells of an array, in parts, so that they are in memory only once.

    Returns:
        Whether the file held them all.
    """
    cells = flat.view(np.uint8)
    start = 0
    while start < len(cells) and (part := file.read(min(_CHUNK, len(cells) - start))):
        cells[start : start + len(part)] = np.frombuffer(part, dtype=np.uint8)
        start += len(part)
    return start == len(cells)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        if version == (1, 0):
            return npy.read_array_header_1_0(file)
        if version == (2, 0):
            return npy.read_array_header_2_0(file)
    raise ValueError(f"format version {version}")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")

"""A folder that is whole or absent, and whose files are what they were when it was written."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from equipoise._errors import InvalidFile, shown_list
from equipoise._files import umask

MANIFEST = "bundle.json"
CARD = "README.md"
_CHECKSUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([A-Za-z0-9_.]+)")  # as `sha256sum` writes it
_AT_ONCE = 1 << 20


def check_target(folder: str | os.PathLike[str]) -> Path:
    """Returns the path if a bundle can be written there, before the work that it is to hold.

    Raises:
        InvalidFile: a file, a folder that holds something else than a bundle, or a place that
            cannot be written to.
    """
    target = Path(os.path.abspath(folder))  # "." has a name, too
    parent = target.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        why = "may not be written to" if parent.is_dir() else "does not exist"
        raise InvalidFile(
            f"Cannot write the bundle {str(target)!r}: the folder {str(parent)!r} {why}.",
            remedy="Name a folder inside one that exists and that you may write to.",
        )
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise InvalidFile(
            f"Cannot write the bundle {str(target)!r}: it is a file or a link.",
            remedy="A bundle is a folder: name one that does not exist yet.",
        )
    if target.is_dir() and any(target.iterdir()) and not (target / MANIFEST).is_file():
        raise InvalidFile(
            f"Cannot write the bundle {str(target)!r}: the folder holds other files.",
            received=shown_list(sorted(path.name for path in target.iterdir()), 4),
            remedy="Name a folder that does not exist yet; only a bundle is replaced by a bundle.",
        )
    return target


def write_folder(folder: str | os.PathLike[str], fill: Callable[[Path], None]) -> Path:
    """Lets `fill` write into a new folder, adds checksums, and puts it in place.

    An older bundle of this name is there until the new one is complete; whatever fails, one of
    them is.

    Raises:
        InvalidFile: a place that cannot be written to, or a full disk.
    """
    target = check_target(folder)
    parent = target.parent
    try:
        temporary = Path(tempfile.mkdtemp(dir=parent, prefix=f".{target.name}."))
        try:
            fill(temporary)
            _write_checksums(temporary)
            os.chmod(temporary, 0o777 & ~umask())  # mkdtemp makes folders private
            _put_in_place(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except OSError as error:
        raise InvalidFile(
            f"Cannot write the bundle {str(target)!r}: {error.strerror or error}.",
            remedy="Name a folder inside one that exists and that you may write to.",
        ) from error
    return target


def check_is_bundle(folder: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder that claims to be a bundle.

    Raises:
        InvalidFile: nothing there, or something else.
    """
    path = Path(folder)
    try:
        there = path.is_dir()
        claims = there and (path / MANIFEST).is_file()
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise InvalidFile(f"Cannot read {str(folder)!r}: {error}.") from error
    if not claims:
        what = f"holds no {MANIFEST!r}" if there else "is no folder"
        raise InvalidFile(
            f"{str(path)!r} is no bundle: it {what}.",
            remedy="Name the folder that `equipoise train --out` or MultilabelClassifier.save "
            "wrote.",
        )
    return path


def check_files(folder: Path, needed: Iterable[str]) -> None:
    """Raises InvalidFile unless these files are there and none has changed.

    The model card is for people, who may add to it: it alone may change.
    """
    wanted = _read_checksums(folder)
    for name in needed:
        if name not in wanted:
            raise _damaged(folder, f"its list of checksums does not name {name!r}")
    for name, checksum in wanted.items():
        path = folder / name
        if name == CARD:
            continue
        try:
            found = _checksum(path)
        except OSError as error:
            raise _damaged(folder, f"{name!r} cannot be read ({error.strerror})") from error
        if found != checksum:
            raise _damaged(folder, f"{name!r} is not what was written")


def _damaged(folder: Path, what: str) -> InvalidFile:
    return InvalidFile(
        f"The bundle {str(folder)!r} is not complete or damaged: {what}.",
        remedy="Copy the whole folder again, or train anew.",
    )


def _put_in_place(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)
        return
    # A folder with files in it cannot be replaced in one step: the old one moves aside.
    aside = Path(tempfile.mkdtemp(dir=temporary.parent, prefix=f".{target.name}.old."))
    old = aside / "bundle"
    try:
        os.rename(target, old)
        os.rename(temporary, target)
    except BaseException:
        if old.exists() and not target.exists():
            os.rename(old, target)
        raise
    finally:
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)


def _write_checksums(folder: Path) -> None:
    lines = [f"{_checksum(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    (folder / _CHECKSUMS).write_text("".join(lines), encoding="ascii", newline="")
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _read_checksums(folder: Path) -> dict[str, str]:
    try:
        text = (folder / _CHECKSUMS).read_bytes().decode("ascii")
    except OSError as error:
        raise _damaged(folder, f"{_CHECKSUMS!r} cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise _damaged(folder, f"{_CHECKSUMS!r} is no list of checksums") from error
    found: dict[str, str] = {}
    for line in text.split("\n")[:-1]:
        match = _LINE.fullmatch(line)
        if match is None:
            raise _damaged(folder, f"{_CHECKSUMS!r} is no list of checksums")
        found[match[2]] = match[1]
    return found


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_AT_ONCE):
            digest.update(chunk)
    return digest.hexdigest()

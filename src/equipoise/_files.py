"""Files that are whole or absent: atomic writing, and JSON with a schema version."""

import json
import os
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from equipoise._errors import InvalidFile, InvalidInput


@contextmanager
def replaced_atomically(path: str | os.PathLike[str]) -> Generator[Path]:
    """Yields a temporary file beside `path`, which takes its place if the scope ends well.

    Raises:
        InvalidFile: the folder does not exist or cannot be written to; an existing file
            at `path` is left as it was.
    """
    target = Path(path)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(
            dir=target.absolute().parent, prefix=f".{target.name}.", suffix=target.suffix
        )
        os.close(handle)
        yield Path(temporary)
        os.chmod(temporary, 0o666 & ~umask())  # mkstemp makes files private
        os.replace(temporary, target)
    except OSError as error:
        raise InvalidFile(
            f"Cannot write {str(target)!r}: {error.strerror or error}.",
            remedy="Name a file in a folder that exists and that you may write to.",
        ) from error
    finally:
        if temporary is not None and os.path.exists(temporary):
            os.unlink(temporary)


def write_atomically(path: str | os.PathLike[str], text: str) -> Path:
    """Writes `text` to `path` through a temporary file beside it, so no half file ever shows.

    Raises:
        InvalidFile: as `replaced_atomically`.
    """
    with (
        replaced_atomically(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(path)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises InvalidFile unless `path` can be written, before the work that it is to hold."""
    target = Path(path)
    folder = target.parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise InvalidFile(
            f"Cannot write {str(target)!r}: {_why_not(target, folder)}.",
            remedy="Name a file in a folder that exists and that you may write to.",
        )


def _why_not(target: Path, folder: Path) -> str:
    if target.is_dir():
        return "it is a folder"
    return f"the folder {str(folder)!r} " + (
        "may not be written to" if folder.is_dir() else "does not exist"
    )


def write_json(path: str | os.PathLike[str], payload: Mapping[str, Any]) -> Path:
    """Writes a mapping as strict JSON (no NaN, no infinity), atomically."""
    return write_atomically(
        path, json.dumps(payload, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    )


def read_json(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads a JSON object; anything else is an InvalidFile error."""
    try:
        payload = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidFile(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not JSON, nested beyond reason
        raise InvalidFile(f"{str(path)!r} is not a JSON file: {error}.") from error
    if not isinstance(payload, dict):
        raise InvalidFile(f"{str(path)!r} does not hold a JSON object.")
    return payload


def check_schema(payload: Mapping[str, Any], kind: str, version: int) -> None:
    """Raises InvalidInput unless `payload` is a saved `kind` of a version that can be read."""
    if not isinstance(payload, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise InvalidInput(
            f"A saved {kind} is a mapping.",
            received=type(payload).__name__,
            remedy="Check the file.",
        )
    received = payload.get("kind")
    if received != kind:
        raise InvalidInput(
            f"This is not a saved {kind}.", received=f"kind={received!r}", remedy="Check the file."
        )
    found = payload.get("schema_version")
    if not isinstance(found, int) or isinstance(found, bool) or found < 1:
        raise InvalidInput(f"This saved {kind} has no valid `schema_version`.", received=found)
    if found > version:
        raise InvalidInput(
            f"This {kind} was saved by a newer equipoise (schema {found}; this one reads up to "
            f"{version}).",
            remedy="Upgrade with: pip install --upgrade equipoise.",
        )


def umask() -> int:
    """Returns which permissions new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask

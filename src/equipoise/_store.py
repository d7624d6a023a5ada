"""Store: finished pieces of long work in one SQLite file, so that none is done twice.

A record is found by what made it: a plain mapping (data, treatment, fold, seed, …), of which the
key is a hash. It holds plain values and arrays, with a checksum. Every call opens the file anew,
so processes and threads share one store; SQLite makes them wait for each other, and undoes what
a killed process had half written.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from equipoise._errors import InvalidFile, InvalidInput, shown_list
from equipoise._files import check_writable

_SCHEMA_VERSION = 1
_APPLICATION = 0x45515053  # "EQPS", in the header of the file
_PATIENCE = 120.0  # seconds to wait for other writers
_ARRAY = "__array__"

_TABLE = """
CREATE TABLE IF NOT EXISTS records (
    key TEXT PRIMARY KEY,
    made_by TEXT NOT NULL,
    payload BLOB NOT NULL,
    checksum TEXT NOT NULL
) WITHOUT ROWID
"""


class Store:
    """Records in one file, by what made them.

    Args:
        path: the file; it is created if there is none.

    Raises:
        InvalidFile: a file that is no store, damaged, of a newer version, or cannot be written.

    Examples:
        >>> import tempfile, pathlib
        >>> store = Store(pathlib.Path(tempfile.mkdtemp()) / "work.sqlite")
        >>> store.put({"fold": 1}, {"f1": 0.5, "curve": np.arange(3.0)})
        >>> store.get({"fold": 1})["curve"], store.get({"fold": 2})
        (array([0., 1., 2.]), None)
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        check_writable(self.path)
        with self._connection() as connection:
            self._prepare(connection)

    def get(self, made_by: Mapping[str, Any]) -> dict[str, Any] | None:
        """Returns the record that this made, or None."""
        key, _ = _key_of(made_by)
        with self._connection() as connection:
            row = connection.execute(
                "SELECT CAST(payload AS BLOB), checksum FROM records WHERE key = ?", (key,)
            ).fetchone()
        return None if row is None else self._decoded(*row)

    def put(self, made_by: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        """Keeps a record, whole or not at all; one that is there already is replaced.

        Args:
            made_by: plain values from which the record can be made again.
            payload: plain values, and NumPy arrays of numbers, in mappings and lists.
        """
        key, text = _key_of(made_by)
        blob = _encoded(payload)
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)",
                (key, text, blob, hashlib.sha256(blob).hexdigest()),
            )
            connection.commit()

    def __contains__(self, made_by: Mapping[str, Any]) -> bool:
        key, _ = _key_of(made_by)
        with self._connection() as connection:
            found = connection.execute("SELECT 1 FROM records WHERE key = ?", (key,)).fetchone()
        return found is not None

    def __len__(self) -> int:
        with self._connection() as connection:
            return int(connection.execute("SELECT count(*) FROM records").fetchone()[0])

    def made_by(self) -> list[dict[str, Any]]:
        """Returns what made each record."""
        with self._connection() as connection:
            rows = connection.execute("SELECT made_by FROM records").fetchall()
        return [json.loads(text) for (text,) in rows]

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise InvalidFile(
                f"Cannot use the store {str(self.path)!r}: {error}.",
                remedy="Look for a full disk, a folder that may not be written to, or another "
                "process that holds the file.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Creates the table in a new file; refuses a file that is not ours, or damaged."""
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if tables and application != _APPLICATION:
            raise InvalidFile(
                f"{str(self.path)!r} is a database, but not a store of equipoise.",
                remedy="Name another file.",
            )
        if version > _SCHEMA_VERSION:
            raise InvalidFile(
                f"The store {str(self.path)!r} was written by a newer equipoise (schema "
                f"{version}; this one reads up to {_SCHEMA_VERSION}).",
                remedy="Upgrade with: pip install --upgrade equipoise.",
            )
        if not tables:
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            connection.execute(_TABLE)
            connection.commit()
            return
        result = connection.execute("PRAGMA quick_check").fetchone()[0]
        if result != "ok":
            raise self._damaged(str(result))

    def _decoded(self, blob: bytes, checksum: str) -> dict[str, Any]:
        if hashlib.sha256(blob).hexdigest() != checksum:
            raise self._damaged("a record does not match its checksum")
        with np.load(io.BytesIO(blob), allow_pickle=False) as arrays:
            text = arrays["json"].tobytes().decode("utf-8")
            return _restored(json.loads(text), arrays)

    def _damaged(self, how: str) -> InvalidFile:
        return InvalidFile(
            f"The store {str(self.path)!r} is damaged: {' '.join(how.split())}.",
            remedy="Move it away; the work that it held will be done again.",
        )


def _key_of(made_by: Mapping[str, Any]) -> tuple[str, str]:
    """Returns the hash of what made a record, and its canonical text."""
    try:
        text = json.dumps(made_by, sort_keys=True, allow_nan=False, ensure_ascii=True)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "A record is found by plain values: numbers, strings, lists and mappings.",
            received=str(error),
        ) from error
    return hashlib.sha256(text.encode("utf-8")).hexdigest(), text


def _encoded(payload: Mapping[str, Any]) -> bytes:
    arrays: dict[str, Any] = {}

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            if value.dtype.hasobject:
                raise InvalidInput("Arrays of objects cannot be kept.", received=str(value.dtype))
            name = f"array_{len(arrays)}"
            arrays[name] = value
            return {_ARRAY: name}
        if isinstance(value, Mapping):
            if _ARRAY in value:
                raise InvalidInput(f"{_ARRAY!r} cannot be a key of a record.")
            named = {str(k): plain(v) for k, v in value.items()}
            if len(named) < len(value):
                raise InvalidInput(
                    "Two keys of a record are the same as text.", received=shown_list(list(value))
                )
            return named
        if isinstance(value, (list, tuple)):
            return [plain(v) for v in value]
        if isinstance(value, np.generic):
            return value.item()
        return value

    try:
        text = json.dumps(plain(payload)).encode("utf-8")  # NaN is allowed: we read it ourselves
    except (TypeError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        raise InvalidInput(
            "A record holds plain values and arrays.",
            received=str(error),
            remedy="Turn it into numbers, strings, lists, mappings or NumPy arrays.",
        ) from error
    buffer = io.BytesIO()
    np.savez_compressed(buffer, json=np.frombuffer(text, dtype=np.uint8), **arrays)
    return buffer.getvalue()


def _restored(value: Any, arrays: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {_ARRAY}:
            return arrays[value[_ARRAY]]
        return {k: _restored(v, arrays) for k, v in value.items()}
    if isinstance(value, list):
        return [_restored(v, arrays) for v in value]
    return value

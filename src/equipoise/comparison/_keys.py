"""What makes a cell: everything that its figures depend on, as a short plain mapping."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import joblib
import keras
import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from equipoise import __version__
from equipoise._errors import InvalidInput
from equipoise.targets import Targets
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import Treatment

# To be raised when the same plan would give other figures, or a record holds other things.
_FORMAT = 3


def shared_parts(
    X: Any,
    targets: Targets,
    groups: NDArray[Any] | None,
    judged: NDArray[np.bool_],
    encoder: Any,
    model_name: str | None,
    options: TrainingOptions,
) -> dict[str, Any]:
    """Returns what is the same for all cells of a comparison; data is hashed here, once."""
    return {
        "kind": "comparison cell",
        "format": _FORMAT,
        "equipoise": __version__,
        "backend": keras.backend.backend(),
        "precision": keras.config.dtype_policy().name,
        "features": _hash_of_features(X),
        "labels": _hash_of_targets(targets),
        "groups": None if groups is None else _hash(groups),
        "judged": _hash(judged),
        "encoder": None if encoder is None else _hash_of_encoder(encoder),
        "model": model_name,
        "options": asdict(options),
    }


def parts_of_fold(train: NDArray[Any], test: NDArray[Any], seed: int) -> dict[str, Any]:
    """Returns what is the same for all treatments of a fold."""
    return {
        "train": _hash(train.astype(np.int64)),
        "test": _hash(test.astype(np.int64)),
        "seed": seed,
    }


def parts_of_treatment(treatment: Treatment) -> dict[str, Any]:
    """Returns what a treatment does; what it is called changes no figure."""
    parts = _plain(treatment.to_dict())
    del parts["name"]
    return {"treatment": parts}


def _hash(*arrays: Any) -> str:
    digest = hashlib.sha256()
    for array in map(np.asarray, arrays):
        if array.dtype.hasobject:
            array = np.frombuffer(repr(array.tolist()).encode("utf-8"), dtype=np.uint8)
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        digest.update(memoryview(np.ascontiguousarray(array)).cast("B") if array.size else b"")
    return digest.hexdigest()


def _hash_of_matrix(matrix: Any) -> str:
    if not sparse.issparse(matrix):
        return _hash(matrix)
    rows = sparse.csr_array(matrix)
    if not rows.has_sorted_indices:
        rows = rows.sorted_indices()
    return _hash(
        np.array(rows.shape), rows.data, rows.indices.astype(np.int64), rows.indptr.astype(np.int64)
    )


def _hash_of_features(X: Any) -> str:
    if sparse.issparse(X) or isinstance(X, np.ndarray):
        return _hash_of_matrix(X)
    frame: Any = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return _hash(np.asarray(X))
    digest = hashlib.sha256()
    for column in frame.iter_columns():
        values = column.to_numpy() if column.dtype.is_numeric() else None
        if values is None or values.dtype.hasobject:
            values = np.array(column.to_list(), dtype=object)
        digest.update(f"{column.name}\0{column.dtype}\0{_hash(values)}".encode())
    return digest.hexdigest()


def _hash_of_targets(targets: Targets) -> str:
    unknown = "" if targets.unknown is None else _hash_of_matrix(targets.unknown)
    return hashlib.sha256(
        f"{targets.task} {_hash_of_matrix(targets.values)} {unknown}".encode()
    ).hexdigest()


def _hash_of_encoder(encoder: Any) -> str:
    try:
        return str(joblib.hash(clone(encoder)))
    except Exception as error:  # whatever pickling a foreign object raises
        raise InvalidInput(
            "With `store`, `encoder` must be one whose settings can be told from others'.",
            received=f"{type(encoder).__name__}: {error}",
            remedy="Use functions of a module instead of lambdas, or compare without `store`.",
        ) from error


def _plain(value: Any) -> Any:
    """Arrays and tuples of options as lists, which say the same."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    return value.item() if isinstance(value, np.generic) else value

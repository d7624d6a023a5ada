"""Bundle: what was trained and everything that using it takes, as one folder."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import os
import platform
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import keras
import numpy as np
from numpy.typing import NDArray

from equipoise._errors import (
    EquipoiseError,
    InvalidFile,
    InvalidInput,
    check_choice,
    check_names,
    check_number,
)
from equipoise._files import check_schema, read_json, write_json
from equipoise.bundle import _encoder, _networks
from equipoise.bundle._folder import (
    CARD,
    MANIFEST,
    check_files,
    check_is_bundle,
    write_folder,
)
from equipoise.bundle.card import card
from equipoise.bundle.columns import Column
from equipoise.decision import DecisionChain
from equipoise.links import Link
from equipoise.training import Choice, Treatment
from equipoise.training.features import FeatureScaler
from equipoise.training.fitted import FittedTreatment, Member

KIND = "equipoise bundle"
SCHEMA_VERSION = 1

_SCALERS = "preprocessing.npz"
# What NumPy and zipfile raise for an archive that is damaged.
_DAMAGE = (
    EOFError,
    MemoryError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)
_TASKS = ("multilabel", "binary", "multiclass")
_PACKAGES = ("equipoise", "numpy", "scikit-learn", "polars", "skrub", "skops")


@dataclass(frozen=True, eq=False)
class Bundle:
    """Trained networks, and all that stands between a table and its labels.

        table → encoder → scalers → networks → correction → temperature → thresholds → labels

    Not a place for training data: neither rows nor scores of rows are kept.

    Attributes:
        fitted: networks, scalers, correction, temperature, thresholds. Once loaded it has no
            held-out rows.
        task: "multilabel"; "binary" or "multiclass" for one class a row.
        classes: the label names, or the classes.
        options: how it was trained, as plain values.
        columns: the columns of the table that goes in; empty if only matrices do.
        encoder: what makes numbers of a table with text and dates, fitted; or None.
        feature_names: the columns of the matrix, or None where they had no names.
        reading: the options of `readers.read` that say where labels are in such a table.
        data: what it was trained on, as `held_out.of_data` says it; or None.
        held_out: what held-out rows showed, as `held_out.of_held_out_rows` says it; or None.
        architecture: the user's own network, as JSON; None for the default network.
        created: when it was written, in UTC; empty before.
        versions: of the packages it was written with.
    """

    fitted: FittedTreatment
    task: str
    classes: NDArray[Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    encoder: Any = None
    feature_names: tuple[str, ...] | None = None
    reading: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] | None = None
    held_out: Mapping[str, Any] | None = None
    architecture: str | None = None
    created: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_features(self) -> int:
        """Number of columns of the matrix that goes into the scalers."""
        return len(self.fitted.members[0].scaler.scale)

    @property
    def label_names(self) -> tuple[str, ...]:
        """Names of what there are scores for: the labels, or the classes."""
        if self.task == "multilabel":
            return self.fitted.label_names
        return check_names("classes", self.classes.tolist())

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the bundle to a folder, whole or not at all; replaces a bundle of this name.

        Raises:
            InvalidFile: a place that cannot be written to, or a folder that holds other files.
            InvalidInput: a model, an encoder or options that could not be loaded again.
        """
        created = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        manifest = _as_plain(self._manifest() | {"created": created, "versions": _versions()})

        def fill(path: Path) -> None:
            write_json(path / MANIFEST, manifest)
            scalers = [member.scaler for member in self.fitted.members]
            arrays = {f"center_{i}": s.center for i, s in enumerate(scalers)}
            arrays |= {f"scale_{i}": s.scale for i, s in enumerate(scalers)}
            np.savez_compressed(path / _SCALERS, allow_pickle=False, **arrays)
            if self.encoder is not None:
                _encoder.save_encoder(path, self.encoder)
            _networks.save_networks(path, [member.model for member in self.fitted.members])
            (path / CARD).write_text(card(manifest), encoding="utf-8", newline="")

        return write_folder(folder, fill)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Loads a bundle, on whatever Keras backend runs. No code in it is run.

        Raises:
            InvalidFile: no bundle; one that is damaged, incomplete, or written by a newer
                equipoise; a custom layer that is not registered.
            MissingDependency: it has an encoder, and skrub or skops is not installed.
        """
        path = check_is_bundle(folder)
        manifest = read_json(path / MANIFEST)
        try:
            check_schema(manifest, KIND, SCHEMA_VERSION)
            check_files(path, _files_of(manifest))
            return cls._from(path, manifest)
        except InvalidFile:
            raise
        except InvalidInput as error:
            raise InvalidFile(
                f"{str(path)!r} cannot be loaded: {error.problem}",
                received=error.received,
                remedy=error.remedy,
            ) from error
        except EquipoiseError:
            raise
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise InvalidFile(
                f"{str(path / MANIFEST)!r} is not complete: {type(error).__name__}: {error}.",
                remedy="Copy the whole folder again, or train anew.",
            ) from error

    def _manifest(self) -> dict[str, Any]:
        fitted = self.fitted
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "task": self.task,
            "label_names": list(fitted.label_names),
            "classes": _plain_classes(self.classes),
            "n_features": self.n_features,
            "feature_names": None if self.feature_names is None else list(self.feature_names),
            "columns": [column.to_dict() for column in self.columns],
            "encoder": None if self.encoder is None else _encoder.FILE,
            "reading": dict(self.reading),
            "options": dict(self.options),
            "treatment": fitted.treatment.to_dict(),
            "choice": None if fitted.choice is None else fitted.choice.to_dict(),
            "chain": fitted.chain.to_dict(),
            "members": [
                {
                    "network": _networks.network_file(i),
                    "output": member.output.to_dict(),
                    "link": None if member.link is None else member.link.to_dict(),
                    "clip": member.scaler.clip,
                    "best_epoch": member.best_epoch,
                    "n_epochs": member.n_epochs,
                }
                for i, member in enumerate(fitted.members)
            ],
            "architecture": self.architecture,
            "bins": fitted.bins,
            "data": None if self.data is None else dict(self.data),
            "held_out": None if self.held_out is None else dict(self.held_out),
        }

    @classmethod
    def _from(cls, path: Path, manifest: dict[str, Any]) -> Self:
        names = check_names("label_names", manifest["label_names"])
        task, n_features = manifest["task"], manifest["n_features"]
        check_choice("task", task, _TASKS)
        chain = DecisionChain.from_dict(manifest["chain"])
        members = _members(path, manifest["members"], n_features, len(names))
        classes = _read_classes(manifest["classes"])
        columns = tuple(Column(**column) for column in manifest["columns"])
        features = manifest["feature_names"]
        if chain.thresholds.label_names != names or chain.n_models != len(members):
            raise InvalidInput("The thresholds are for other labels or networks than there are.")
        if len(classes) != (2 if task == "binary" else len(names)):
            raise InvalidInput("There are not as many classes as labels.")
        if features is not None:
            features = check_names("feature_names", features, n_features)
        encoder = None if manifest["encoder"] is None else _encoder.load_encoder(path)
        if columns and encoder is None and len(columns) != n_features:
            raise InvalidInput("There are not as many columns as features.")
        choice = manifest.get("choice")  # bundles written before there was one have none
        fitted = FittedTreatment(
            Treatment(**manifest["treatment"]),
            names,
            tuple(members),
            chain,
            np.zeros(0, dtype=np.intp),
            np.zeros((0, len(names))),
            None if choice is None else Choice.from_dict(choice),
        )
        return cls(
            fitted,
            task,
            classes,
            dict(manifest["options"]),
            columns,
            encoder,
            features,
            dict(manifest["reading"]),
            manifest["data"],
            manifest["held_out"],
            manifest["architecture"],
            manifest["created"],
            dict(manifest["versions"]),
        )


def _files_of(manifest: Mapping[str, Any]) -> list[str]:
    files = [MANIFEST, _SCALERS]
    files += [_networks.network_file(i) for i in range(len(manifest["members"]))]
    return files if manifest["encoder"] is None else [*files, _encoder.FILE]


def _members(
    path: Path, described: Sequence[Mapping[str, Any]], n_features: int, n_labels: int
) -> list[Member]:
    if not described:
        raise InvalidInput("There is no network.")
    networks = _networks.load_networks(path, len(described))
    arrays = _read_scalers(path / _SCALERS)
    members = []
    for i, (network, own) in enumerate(zip(networks, described, strict=True)):
        center, scale = arrays[f"center_{i}"], arrays[f"scale_{i}"]
        if (
            center.shape != (n_features,)
            or scale.shape != (n_features,)
            or network.input_shape[-1] not in (None, n_features)
            or network.output_shape[-1] != n_labels
        ):
            raise InvalidInput("The networks are for other features or labels than there are.")
        if not (np.isfinite(center).all() and (scale > 0).all()):
            raise InvalidInput("The preprocessing holds numbers that are not finite.")
        check_number("clip", own["clip"], minimum=0.0, open_minimum=True)
        members.append(
            Member(
                network,
                FeatureScaler(center.astype(np.float32), scale.astype(np.float32), own["clip"]),
                Link.from_dict(own["output"]),
                None if own["link"] is None else Link.from_dict(own["link"]),
                own["best_epoch"],
                own["n_epochs"],
            )
        )
    return members


def _read_scalers(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except (*_DAMAGE, AttributeError) as error:  # without `files` where it is one array
        raise InvalidFile(
            f"{str(path)!r} is damaged: {error}.",
            remedy="Copy the whole folder again, or train anew.",
        ) from error


def _plain_classes(classes: NDArray[Any]) -> dict[str, Any]:
    values = classes.tolist()
    kinds = {type(value).__name__ for value in values}
    if not (kinds <= {"str"} or kinds <= {"int"} or kinds <= {"float"} or kinds <= {"bool"}):
        raise InvalidInput(
            "Classes that are neither text nor numbers cannot be saved.",
            received=", ".join(sorted(kinds)),
            remedy="Fit with classes of one type: names or numbers.",
        )
    return {"dtype": "object" if classes.dtype == object else str(classes.dtype), "values": values}


def _read_classes(saved: Mapping[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(saved["dtype"])
    if dtype.kind not in "OUbiuf":
        raise InvalidInput("Classes must be text or numbers.", received=str(dtype))
    return np.array(saved["values"], dtype=dtype)


def _as_plain(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what a JSON file gives back; numbers and arrays of NumPy become plain ones."""
    try:
        return json.loads(json.dumps(manifest, allow_nan=False, default=_of_numpy))
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"Some option cannot be saved: {error}.",
            remedy="Give a treatment plain numbers, lists and names as options.",
        ) from error


def _of_numpy(value: Any) -> Any:
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} is neither a number nor a list nor text")


def _versions() -> dict[str, str]:
    found = {
        "python": platform.python_version(),
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
    }
    for package in (*_PACKAGES, found["backend"]):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

"""One cell after the other, here or in workers: trained, measured, kept; or why it failed."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import Any

import joblib
import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from equipoise._errors import EquipoiseError, EquipoiseWarning, InvalidFile, Undefined
from equipoise._store import Store
from equipoise.comparison import _keys
from equipoise.comparison._splits import Split, seed_of
from equipoise.comparison.cell import Cell, from_record, nothing_measured, to_record
from equipoise.comparison.metrics import measure
from equipoise.targets import Targets
from equipoise.training.brought import BuildModel
from equipoise.training.features import as_features
from equipoise.training.fitting import fit_treatment
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import Treatment

# Keras' random states and our compiled networks belong to the process: of workers that are
# threads (a Dask worker may have several) only one trains at a time.
_TRAINING = threading.Lock()

_LONGEST_REASON = 500


@dataclass(frozen=True)
class Work:
    """What all cells of a comparison are made from.

    Args:
        X: features, or with `encoder` what it takes.
        targets: labels of all rows.
        groups: group of each row, or None.
        judged: labels that enter macro averages.
        encoder: a scikit-learn transformer that is not fitted, or None.
        build_model: see `compare`.
        options: see `compare`.
        splits: rows of every fold.
        random_state: seed of the comparison.
    """

    X: Any
    targets: Targets
    groups: NDArray[Any] | None
    judged: NDArray[np.bool_]
    encoder: Any
    build_model: BuildModel | None
    options: TrainingOptions
    splits: Sequence[Split]
    random_state: int

    def run(self, wanted: Sequence[tuple[int, Treatment]], n_jobs: int | None) -> Iterator[Cell]:
        """Yields the cells as they are finished, in any order.

        A worker that is killed (for want of memory, say) takes down all cells that were under way.
        They are tried again, in the end one by one, so that only the cell that kills it fails.
        """
        left = {(fold, treatment.name): (fold, treatment) for fold, treatment in wanted}
        one_by_one = False
        while left:
            now = list(left.values())[: 1 if one_by_one else None]
            before = len(left)
            # Batches of one: what is finished is told, and kept, at once.
            parallel = joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered", batch_size=1)
            try:
                for cell in parallel(self._tasks(now)):
                    del left[cell.fold, cell.treatment]
                    yield cell
            except Exception as error:
                if not _is_of_killed_worker(error):
                    raise
                if one_by_one:
                    fold, treatment = now[0]
                    del left[fold, treatment.name]
                    reason = "Its worker process was killed, most likely for want of memory."
                    n_labels = self.targets.n_labels
                    yield _failed(treatment, fold, self.splits[fold], n_labels, reason)
                one_by_one = one_by_one or len(left) == before

    def keys(self, treatments: Sequence[Treatment], model_name: str | None) -> Keys:
        """Returns what makes each cell; hashes the data."""
        shared = _keys.shared_parts(
            self.X,
            self.targets,
            self.groups,
            self.judged,
            self.encoder,
            model_name,
            self.options,
        )
        return Keys(
            shared,
            [
                _keys.parts_of_fold(train, test, seed_of(self.random_state, fold))
                for fold, (train, test) in enumerate(self.splits)
            ],
            {t.name: _keys.parts_of_treatment(t) for t in treatments},
        )

    def _tasks(self, wanted: Sequence[tuple[int, Treatment]]) -> Iterator[Any]:
        features, encoded = self.X, -1
        for fold, treatment in wanted:
            if self.encoder is not None and encoded != fold:
                features, encoded = _encoded(self.X, self.encoder, self.splits[fold][0]), fold
            if isinstance(features, str):  # why this fold could not be encoded
                yield joblib.delayed(_failed)(
                    treatment, fold, self.splits[fold], self.targets.n_labels, features
                )
                continue
            yield joblib.delayed(evaluate)(
                features,
                self.targets,
                self.groups,
                self.judged,
                fold,
                self.splits[fold],
                treatment,
                self.build_model,
                self.options,
                seed_of(self.random_state, fold),
            )


@dataclass(frozen=True)
class Keys:
    """What makes each cell, by fold and treatment."""

    shared: dict[str, Any]
    folds: list[dict[str, Any]]
    treatments: dict[str, dict[str, Any]]

    def of(self, fold: int, treatment: str) -> dict[str, Any]:
        """Returns everything that the figures of this cell depend on."""
        return self.shared | self.folds[fold] | self.treatments[treatment]


@dataclass
class Keeper:
    """The store of a comparison, or none.

    Args:
        store: where finished cells are kept; None keeps none.
        keys: what makes each cell; None without a store.
    """

    store: Store | None = None
    keys: Keys | None = None
    _told: bool = field(default=False, init=False)

    def find(self, fold: int, treatment: Treatment, *, failed: bool = False) -> Cell | None:
        """Returns the cell if it is there; one that failed only if asked for, to be tried again."""
        if self.store is None or self.keys is None:
            return None
        record = self.store.get(self.keys.of(fold, treatment.name))
        if record is None or (record["error"] is not None and not failed):
            return None
        return from_record(record, fold=fold, treatment=treatment.name, restored=True)

    def described(self) -> str:
        """Returns what is in the store, and what would have to be."""
        if self.store is None or self.keys is None:
            return "no store"
        held = self.store.made_by()
        kinds = sorted({_kind(made_by) for made_by in held if "backend" in made_by})
        by = ", ".join(kinds) or "nothing"
        told = f"{len(held)} cells by {by}; this is {_kind(self.keys.shared)}"
        differs = [
            part
            for part, wanted in self.keys.shared.items()
            if held and all(made_by.get(part) != wanted for made_by in held)
        ]
        return f"{told}; what differs: {', '.join(differs)}" if differs else told

    def keep(self, cell: Cell) -> None:
        """Keeps a finished cell. Without room for it the comparison goes on, and says so once."""
        if self.store is None or self.keys is None:
            return
        try:
            self.store.put(self.keys.of(cell.fold, cell.treatment), to_record(cell))
        except InvalidFile as error:
            if not self._told:
                warnings.warn(
                    f"{error} The comparison goes on, but a cell that was not kept will be "
                    "trained again if this run breaks off.",
                    EquipoiseWarning,
                    stacklevel=4,
                )
            self._told = True


def _kind(made_by: Mapping[str, Any]) -> str:
    return f"equipoise {made_by['equipoise']} on {made_by['backend']}"


def evaluate(
    X: Any,
    targets: Targets,
    groups: NDArray[Any] | None,
    judged: NDArray[np.bool_],
    fold: int,
    split: Split,
    treatment: Treatment,
    build_model: BuildModel | None,
    options: TrainingOptions,
    seed: int,
) -> Cell:
    """Trains one treatment on the training rows of one fold and measures it on the test rows.

    Whatever goes wrong in it is the outcome of this cell and not the end of the comparison;
    interrupts are not caught.
    """
    train, test = split
    started = time.perf_counter()
    epochs: tuple[int, ...] = ()
    try:
        with _TRAINING:
            fitted = fit_treatment(
                treatment,
                X[train],
                targets.take(train),
                groups=None if groups is None else groups[train],
                build_model=build_model,
                options=options,
                random_state=seed,
            )
            epochs = tuple(member.n_epochs for member in fitted.members)
            scores, raw = fitted.scores(X[test]), fitted.scores(X[test], corrected=False)
        if not (np.isfinite(scores).all() and np.isfinite(raw).all()):
            raise Undefined("The network says NaN: its training diverged.")
        measured = measure(
            targets.take(test),
            raw,
            scores,
            fitted.thresholds.predict(scores),
            judged,
            corrected=fitted.has_probabilities,
        )
    except Exception as problem:  # anything at all: it is somebody's model
        cell = _failed(treatment, fold, split, targets.n_labels, _reason(problem))
        return replace(cell, seconds=time.perf_counter() - started, epochs=epochs)
    return Cell(
        treatment=treatment.name,
        fold=fold,
        n_train=len(train),
        n_test=len(test),
        seconds=time.perf_counter() - started,
        epochs=epochs,
        measured=measured,
    )


def _failed(treatment: Treatment, fold: int, split: Split, n_labels: int, reason: str) -> Cell:
    train, test = split
    nothing = nothing_measured(n_labels)
    return Cell(treatment.name, fold, len(train), len(test), 0.0, (), nothing, reason)


def _reason(problem: Exception) -> str:
    """One line of what went wrong; our own errors say it without the name of a class."""
    text = " ".join(str(problem).split())
    if len(text) > _LONGEST_REASON:
        text = text[: _LONGEST_REASON - 1] + "…"
    if isinstance(problem, EquipoiseError):
        return text
    return f"{type(problem).__name__}: {text}" if text else type(problem).__name__


def _is_of_killed_worker(error: Exception) -> bool:
    """Whether this is how a pool of processes, or a Dask cluster, tells of a worker that died."""
    return isinstance(error, BrokenProcessPool) or type(error).__name__ == "KilledWorker"


def _encoded(X: Any, encoder: Any, train: NDArray[np.intp]) -> Any:
    """All rows as numbers, by a copy of the encoder that has seen the training rows only; or why
    there are none."""
    rows: Any = nw.from_native(X, eager_only=True, pass_through=True)
    try:
        fitted = clone(encoder).fit(nw.to_native(rows[train], pass_through=True))
        return as_features(fitted.transform(X))
    except Exception as problem:
        return f"The encoder failed. {_reason(problem)}"

"""Does the default beat what a user would pick instead? Every contender on ten real data sets.

    EQUIPOISE_DATA=folder python -m benchmarks.outcome [--sets yeast …] [--only equipoise …]

Five stratified folds, drawn twice, the same for all. Each finished (set, fold, contender) is kept
in reports/outcome.sqlite, so a stopped run goes on where it was; `--page` writes docs/outcome.md
from all that is there.
"""

from __future__ import annotations

import argparse
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks.contenders import CONTENDERS, LARGEST_BOOSTED, Predicted, Rows
from benchmarks.results import SETS, load
from equipoise import exact
from equipoise._errors import Undefined
from equipoise._store import Store
from equipoise.datasets import digits_scenes
from equipoise.model_selection import MultilabelStratifiedKFold

ROOT = Path(__file__).parents[1]
STORE = ROOT / "reports" / "outcome.sqlite"
ALL_SETS = ("digits_scenes", *SETS)
FOLDS, SEEDS, MIN_POSITIVES = 5, (0, 1), 5

METRICS = ("macro_f1", "micro_f1", "macro_ap", "macro_auc", "log_loss", "ece")
# Bump when a contender changes, so that it is run again.
VERSIONS: dict[str, int] = {}


def rows_of(name: str) -> Rows:
    """Reads one of the sets."""
    data = digits_scenes(2000, random_state=0) if name == "digits_scenes" else load(name)
    X = data.x
    if sparse.issparse(X) and not bool(np.isin(X.data, [0, 1]).all()):
        X = X.toarray()
    return Rows(X, data.targets, data.groups)


def splits(rows: Rows, seed: int) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
    """Yields the folds of one seed."""
    splitter = MultilabelStratifiedKFold(FOLDS, random_state=seed)
    for fold, (train, test) in enumerate(splitter.split(rows.X, rows.targets, rows.groups)):
        yield fold, train, test


def measured(rows: Rows, test: Rows, predicted: Predicted) -> dict[str, Any]:
    """Returns every metric; macro averages over labels with enough positives in all rows."""
    judged = rows.y.sum(axis=0) >= MIN_POSITIVES
    y, p = test.y, np.clip(predicted.probabilities, 1e-7, 1 - 1e-7)
    record: dict[str, Any] = {"seconds": predicted.seconds}
    for name, decided in (("half", predicted.at_half), ("tuned", predicted.tuned)):
        f1 = exact.f_beta(y, decided, average=None)
        record[f"f1_{name}"] = f1
        record[f"macro_f1_{name}"] = _mean(f1[judged])
        record[f"micro_f1_{name}"] = float(exact.f_beta(y, decided, average="micro"))
    record["macro_ap"] = _mean(np.asarray(exact.average_precision(y, p, average=None))[judged])
    record["macro_auc"] = _mean(np.asarray(exact.roc_auc(y, p, average=None))[judged])
    for name, metric in (
        ("log_loss", exact.log_loss),
        ("ece", exact.expected_calibration_error),
    ):
        try:
            record[name] = float(metric(y, p, average="micro"))
        except Undefined:
            record[name] = float("nan")
    return record


def _mean(values: NDArray[Any]) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")


def key_of(name: str, seed: int, fold: int, contender: str) -> dict[str, Any]:
    """Returns what makes a record."""
    return {
        "set": name,
        "seed": seed,
        "fold": fold,
        "contender": contender,
        "version": VERSIONS.get(contender, 1),
    }


def run(names: list[str], contenders: list[str], seeds: list[int], store: Store) -> None:
    """Runs what the store does not hold yet."""
    for name in names:
        rows = rows_of(name)
        for seed in seeds:
            for fold, train, test in splits(rows, seed):
                for contender in contenders:
                    if not applies(contender, rows) or key_of(name, seed, fold, contender) in store:
                        continue
                    salt = hashlib.sha256(f"{name}/{seed}/{fold}".encode()).digest()
                    predicted = CONTENDERS[contender](
                        rows.take(train), rows.X[test], int.from_bytes(salt[:4], "big") // 2
                    )
                    record = measured(rows, rows.take(test), predicted)
                    store.put(key_of(name, seed, fold, contender), record)
                    print(
                        f"{name} {seed}/{fold} {contender}: "
                        f"{record['macro_f1_half']:.3f} {record['macro_f1_tuned']:.3f} "
                        f"AP {record['macro_ap']:.3f} LL {record['log_loss']:.4f} "
                        f"ECE {record['ece']:.4f} {record['seconds']:.1f} s",
                        flush=True,
                    )


def applies(contender: str, rows: Rows) -> bool:
    """Boosting every label of a wide set takes hours; clipping 0/1 features changes nothing."""
    if contender == "gradient boosting":
        return rows.X.shape[1] * rows.y.shape[1] <= LARGEST_BOOSTED
    if contender.endswith("clipped"):
        return not (sparse.issparse(rows.X) or bool(((rows.X == 0) | (rows.X == 1)).all()))
    return True


def main() -> None:
    """Runs what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", nargs="+", default=list(ALL_SETS), choices=ALL_SETS)
    parser.add_argument("--only", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--store", type=Path, default=STORE)
    arguments = parser.parse_args()
    arguments.store.parent.mkdir(parents=True, exist_ok=True)
    run(arguments.sets, arguments.only, arguments.seeds, Store(arguments.store))


if __name__ == "__main__":
    main()

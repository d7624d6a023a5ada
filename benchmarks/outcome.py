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

from benchmarks.contenders import BASELINES, CONTENDERS, LARGEST_BOOSTED, Predicted, Rows
from benchmarks.results import SETS, load
from equipoise import exact
from equipoise._errors import Undefined
from equipoise._files import write_atomically
from equipoise._store import Store
from equipoise.datasets import digits_scenes
from equipoise.model_selection import MultilabelStratifiedKFold
from equipoise.statistics import paired_difference

ROOT = Path(__file__).parents[1]
STORE = ROOT / "reports" / "outcome.sqlite"
ALL_SETS = ("digits_scenes", *SETS)
FOLDS, SEEDS, MIN_POSITIVES = 5, (0, 1), 5

OURS = "equipoise"
COLUMNS = {
    "macro_f1_half": "macro-F1 at .5",
    "macro_f1_tuned": "macro-F1 tuned",
    "micro_f1_tuned": "micro-F1 tuned",
    "macro_ap": "macro AP",
    "macro_auc": "macro AUC",
    "log_loss": "log loss",
    "ece": "ECE",
    "seconds": "seconds",
}
INTRODUCTION = """# Does the default beat what a user would pick instead?

Made by

    EQUIPOISE_DATA=folder python -m benchmarks.outcome --sets {sets} --seeds {seeds}

{folds} stratified folds, drawn {draws} time(s){once}, the same for all; means over test folds,
macro averages over labels with at least 5 positives. `equipoise` is `MultilabelClassifier()`
without options. *Plain Keras* is Dense 256 ReLU, dropout .3, Adam 1e-3, batch 64, at most 60
epochs, early stopping on the validation loss (patience 5) of a fifth of the training rows; with
`class_weight` N/n. *Logistic regression* is one-vs-rest with C = 1 (.1 above 200 features), on
standardised features (clipped: at ±3). *Gradient boosting* is histogram boosting with 60 trees a
label, where labels × features ≤ 20,000. Tuned: thresholds for the best F1 of each label on a fifth
of the training rows; at .5, scikit-learn's models are fitted to all training rows. Seconds are
those of training on two cores, for all that a row of the table needs; what was kept from an earlier
run has the seconds of that run.
"""
# Bump when a contender changes, so that it is run again.
VERSIONS: dict[str, int] = {"plain Keras": 3, "equipoise": 8}


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


def draws(store: Store, name: str, seeds: list[int]) -> list[int]:
    """Returns the seeds of whose folds all have been given to equipoise."""
    return [s for s in seeds if all(key_of(name, s, f, OURS) in store for f in range(FOLDS))]


def means(store: Store, names: list[str], seeds: list[int]) -> dict[str, dict[str, Any]]:
    """Returns the mean of every metric, by set and contender, where all folds are there.

    A set that took part in some draws only is that of those.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        drawn = draws(store, name, seeds)
        for contender in CONTENDERS if drawn else ():
            records = [
                store.get(key_of(name, seed, fold, contender))
                for seed in drawn
                for fold in range(FOLDS)
            ]
            there = [r for r in records if r is not None]
            if len(there) == len(records):
                plain = {
                    k: float(np.nanmean([r[k] for r in there]))
                    for k, v in there[0].items()
                    if not isinstance(v, np.ndarray)
                }
                plain["values"] = {
                    k: [r[k] for r in there] for k in ("macro_f1_half", "macro_f1_tuned")
                }
                found.setdefault(name, {})[contender] = plain
    return found


def summary(found: dict[str, dict[str, Any]]) -> list[str]:
    """Returns what the table says: against the best baseline on average, and of each set."""
    sets = [name for name, results in found.items() if OURS in results]
    ways = [
        (c, kind)
        for c in BASELINES
        for kind in ("half", "tuned")
        if all(c in found[s] or f"{c.removesuffix(', clipped')}" in found[s] for s in sets)
    ]

    def f1(name: str, contender: str, kind: str) -> float:
        results = found[name]
        # Clipping changes nothing where features are 0/1: the other run stands for both.
        found_as = contender if contender in results else contender.removesuffix(", clipped")
        return float(results[found_as][f"macro_f1_{kind}"])

    ours = np.array([f1(s, OURS, "tuned") for s in sets])
    table = np.array([[f1(s, *way) for way in ways] for s in sets])
    best = int(np.argmax(table.mean(axis=0)))
    everyone = np.column_stack([table, ours])
    ranks = (everyone[:, None, :] > everyone[:, :, None]).sum(axis=2) + 1
    closure = (ours - table[:, best]) / (1 - table[:, best])
    oracle = np.array(
        [
            max(
                float(r[f"macro_f1_{kind}"])
                for c, r in found[s].items()
                if c != OURS
                for kind in ("half", "tuned")
            )
            for s in sets
        ]
    )
    gain = (ours - oracle) / oracle
    plain = [found[s]["plain Keras"] for s in sets]
    mine = [found[s][OURS] for s in sets]

    def count(metric: str, sign: int, slack: float = 0.0) -> int:
        return sum(
            sign * (m[metric] - p[metric]) >= -slack for m, p in zip(mine, plain, strict=True)
        )

    n = len(sets)
    cost = [m["seconds"] / p["seconds"] for m, p in zip(mine, plain, strict=True)]
    return [
        f"- **The baseline that is best on average** is {ways[best][0]} "
        f"({'at 0.5' if ways[best][1] == 'half' else 'tuned'}), with macro-F1 "
        f"{table[:, best].mean():.3f}; equipoise has {ours.mean():.3f}. Mean rank among "
        f"{len(ways) + 1}: {ranks[:, -1].mean():.1f} against {ranks[:, best].mean():.1f}. It "
        f"closes {100 * closure.mean():.1f}% of what is missing to 1 (mean over {n} sets; "
        "aim: 5%).",
        f"- **The best baseline of each set** (known only afterwards): equipoise is at least equal "
        f"on {int((ours >= oracle).sum())} of {n} (aim: 8 of 10), mean relative gain "
        f"{100 * gain.mean():+.1f}% (aim: 7%), largest loss "
        f"{max(0.0, float((oracle - ours).max())):.3f} (aim: .010).",
        f"- **Ranking and probabilities**, beside plain Keras: macro AP at least as good on "
        f"{count('macro_ap', 1)} of {n}, log loss on {count('log_loss', -1)}, ECE within .005 on "
        f"{count('ece', -1, 0.005)} (aim: 9 each).",
        f"- **Time**: {np.median(cost):.1f} times one plain network (median over sets; from "
        f"{min(cost):.1f} to {max(cost):.1f}; aim: 2.5, at most 5).",
    ]


def page(found: dict[str, dict[str, Any]], seeds: list[int]) -> str:
    """Returns the Markdown of docs/outcome.md."""
    complete = [name for name, results in found.items() if OURS in results]
    introduction = INTRODUCTION.format(
        folds=FOLDS,
        draws=len(seeds),
        once=_drawn_less(found, len(seeds)),
        sets=" ".join(complete),
        seeds=" ".join(str(seed) for seed in seeds),
    )
    lines = [introduction, *summary(found), ""]
    for name, results in found.items():
        lines += [f"## {name}", "", "| " + " | ".join(["", *COLUMNS.values()]) + " |"]
        lines += ["|---" * (len(COLUMNS) + 1) + "|"]
        for contender, record in results.items():
            shown = f"**{contender}**" if contender == OURS else contender
            cells = [f"{record[c]:.1f}" if c == "seconds" else f"{record[c]:.3f}" for c in COLUMNS]
            lines.append("| " + " | ".join([shown, *cells]) + " |")
        base = max(
            (c for c in results if c != OURS),
            key=lambda c: max(results[c]["macro_f1_half"], results[c]["macro_f1_tuned"]),
            default=None,
        )
        if base is not None and OURS in results:
            lines += ["", _interval(results, base)]
        lines.append("")
    return "\n".join(lines)


def _drawn_less(found: dict[str, dict[str, Any]], draws: int) -> str:
    folds = {name: len(r[OURS]["values"]["macro_f1_tuned"]) for name, r in found.items()}
    less = [f"{name} {n // FOLDS}" for name, n in folds.items() if n < FOLDS * draws]
    return f" ({', '.join(less)})" if less else ""


def _interval(results: dict[str, Any], base: str) -> str:
    kind = max(("macro_f1_half", "macro_f1_tuned"), key=lambda k: results[base][k])
    ours = np.array(results[OURS]["values"]["macro_f1_tuned"])
    d = paired_difference(ours - np.array(results[base]["values"][kind]), 1 / (FOLDS - 1))
    at = "at 0.5" if kind.endswith("half") else "tuned"
    return (
        f"equipoise minus {base} ({at}): {d.mean:+.3f}, 95% from {d.low:+.3f} to {d.high:+.3f} "
        f"over {d.n_folds} test folds."
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
    parser.add_argument("--page", action="store_true", help="write the page, run nothing")
    arguments = parser.parse_args()
    arguments.store.parent.mkdir(parents=True, exist_ok=True)
    store = Store(arguments.store)
    if not arguments.page:
        run(arguments.sets, arguments.only, arguments.seeds, store)
    found = means(store, arguments.sets, arguments.seeds)
    write_atomically(ROOT / "docs" / "outcome.md", page(found, arguments.seeds))
    print("\n".join(summary(found)))


if __name__ == "__main__":
    main()

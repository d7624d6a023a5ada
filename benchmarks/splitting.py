"""Stratified folds beside iterative-stratification: time, fold sizes, label shares, empty cells.

    python -m benchmarks.splitting

Both programs take turns in one run; medians (times) and means over seeds (LD, ED, empty cells) are
printed. Each runs in one thread, whose processor time is taken: others on the machine count less.
Both get the same dense 0/1 matrix; reading it, checking it and building the index arrays is part
of the time. Real sets are added where EQUIPOISE_DATA names their folder.
"""

import os
import time
from pathlib import Path

import numpy as np
from iterstrat.ml_stratifiers import MultilabelStratifiedKFold as Peer
from scipy import sparse

from equipoise import readers
from equipoise.model_selection import MultilabelStratifiedKFold, split_report

REAL_SETS = ("yeast", "enron", "bibtex")


def generated(n_rows, n_labels, *, correlated, seed=0):
    """Rare to common labels (0.1% to 20%), independent or driven by three common factors."""
    random = np.random.default_rng(seed)
    p = np.geomspace(0.001, 0.2, n_labels)
    if correlated:
        factors = random.standard_normal((n_rows, 3)) @ random.standard_normal((3, n_labels))
        p = 1 / (1 + (1 / p - 1) * np.exp(-1.2 * factors))
    return (random.random((n_rows, n_labels)) < p).astype(np.uint8)


def folds(kind, y, n_splits, seed):
    started = time.thread_time()
    splitter = kind(n_splits, shuffle=True, random_state=seed)
    splits = list(splitter.split(np.empty((y.shape[0], 0)), y))
    return splits, time.thread_time() - started


def compare(name, y, n_splits, n_seeds):
    found = {"equipoise": [], "iterative-stratification": []}
    kinds = {"equipoise": MultilabelStratifiedKFold, "iterative-stratification": Peer}
    folds(MultilabelStratifiedKFold, y, n_splits, 0)  # compiled loops are loaded here
    for seed in range(n_seeds):
        for program, kind in kinds.items():
            splits, seconds = folds(kind, y, n_splits, seed)
            report = split_report(y, splits)
            sizes = report["sizes"]
            found[program].append(
                (
                    seconds,
                    report["label_distribution"],
                    report["examples_distribution"],
                    report["empty_cells"],
                    max(sizes) - min(sizes),
                )
            )
    rows, labels = y.shape
    print(f"\n{name}: {rows:,} rows x {labels} labels, {n_splits} folds, {n_seeds} seeds")
    print(f"  {'':26}{'ms':>10}{'LD':>13}{'ED':>8}{'empty':>8}{'size range':>12}")
    for program, measured in found.items():
        ms = 1e3 * np.median([m[0] for m in measured])
        ld, ed, empty, _ = np.mean([m[1:] for m in measured], axis=0)
        widest = max(m[4] for m in measured)
        print(f"  {program:26}{ms:10.2f}{ld:13.7f}{ed:8.2f}{empty:8.1f}{widest:12}")
    ours, peers = (np.median([m[0] for m in measured]) for measured in found.values())
    print(f"  iterative-stratification takes {peers / ours:.1f} times as long")
    if rows >= 10_000:
        table = sparse.csr_array(y)
        timed = [folds(MultilabelStratifiedKFold, table, n_splits, s)[1] for s in range(n_seeds)]
        print(f"  equipoise from CSR: {1e3 * np.median(timed):.2f} ms")


def main():
    for correlated in (False, True):
        kind = "correlated" if correlated else "independent"
        compare(f"generated, {kind}", generated(10_000, 20, correlated=correlated), 5, 7)
        compare(f"generated, {kind}", generated(100_000, 100, correlated=correlated), 5, 5)
    folder = os.environ.get("EQUIPOISE_DATA")
    if not folder:
        print("\nEQUIPOISE_DATA names no folder of real data sets: none is measured.")
        return
    for name in REAL_SETS:
        files = Path(folder) / name
        data = readers.read(sorted(files.glob("*.arff")), labels=next(files.glob("*.xml")))
        y = data.targets.to_dense().values
        for n_splits in (5, 10):
            compare(name, y, n_splits, 10)


if __name__ == "__main__":
    main()

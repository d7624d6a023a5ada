"""Exact metrics and thresholds beside scikit-learn, in one run: python benchmarks/metrics.py

Ours and the peer take turns, and the ratio is that of their medians. `--quick` uses a tenth of
the rows. The last rows are memory: the most that a metric takes on top of its inputs.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from equipoise import exact
from equipoise.decision import tune_thresholds


def data(n_rows: int, n_labels: int) -> tuple[Any, Any]:
    """Labels of prevalence .05 as bytes, and float32 probabilities that rank them fairly well."""
    rng = np.random.default_rng(0)
    y = np.empty((n_rows, n_labels), dtype=np.uint8)
    s = np.empty((n_rows, n_labels), dtype=np.float32)
    for start in range(0, n_rows, 10_000):  # in parts: the memory rows must not see temporaries
        part = slice(start, start + 10_000)
        y[part] = rng.random(y[part].shape) < 0.05
        z = rng.normal(size=y[part].shape) + 2 * y[part] - 3
        s[part] = 1 / (1 + np.exp(-z))
    return y, s


def seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def row(
    name: str, ours: Callable[[], Any], peer: Callable[[], Any], target: str, turns: int
) -> None:
    """Prints one comparison; `turns` of the peer, three of ours after each."""
    ours()  # compiled loops are loaded once
    mine, theirs = [], []
    for _ in range(turns):
        theirs.append(seconds(peer))
        mine += [seconds(ours) for _ in range(3)]
    a, b = statistics.median(mine), statistics.median(theirs)
    print(f"{name:<44} {a * 1e3:9.1f} ms {b * 1e3:10.1f} ms {b / a:8.1f}x   {target}", flush=True)


def best_f1_on_curve(y: Any, s: Any) -> list[float]:
    from sklearn.metrics import precision_recall_curve

    found = []
    for label in range(y.shape[1]):
        precision, recall, cuts = precision_recall_curve(y[:, label], s[:, label])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
        found.append(cuts[np.argmax(f1[:-1])])
    return found


def best_f1_on_grid(y: Any, s: Any) -> Any:
    from sklearn.metrics import f1_score

    grid = np.arange(1, 100) / 100
    return np.argmax([f1_score(y, s >= t, average=None) for t in grid], axis=0)


def memory() -> None:
    """Prints, for each metric in a process of its own, peak memory over that of the inputs."""
    for call in (
        "exact.roc_auc(y, s)",
        "exact.average_precision(y, s)",
        "exact.average_precision(y, s, average='micro')",
        "exact.f_beta(y, s >= np.float32(.3))",
        "tune_thresholds(y, s)",
        "exact.log_loss(y, s)",
        "exact.expected_calibration_error(y, s)",
    ):
        done = subprocess.run(
            [sys.executable, __file__, "--memory-of", call], capture_output=True, check=True
        )
        print(f"{call:<44} {done.stdout.decode().strip()}   (at most 2x)", flush=True)


def memory_of(call: str) -> None:
    names = {"exact": exact, "tune_thresholds": tune_thresholds, "np": np}
    names["y"], names["s"] = data(20_000, 20)
    eval(call, names)  # loads what is loaded on first use
    y, s = names["y"], names["s"] = data(1_000_000, 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    eval(call, names)
    extra = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    inputs = y.nbytes + s.nbytes
    print(f"inputs {inputs / 1e6:.0f} MB, peak {1 + extra / inputs:.2f}x", end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        memory_of(arguments.memory_of)
        return
    from sklearn import metrics as sk

    warnings.simplefilter("ignore")
    n = 10_000 if arguments.quick else 100_000
    y, s = data(n, 100)
    s64 = s.astype(np.float64)
    w = np.random.default_rng(1).random(n)
    p = (s >= 0.3).astype(np.uint8)
    few, few_s = np.ascontiguousarray(y[:, :20]), np.ascontiguousarray(s[:, :20])
    size = f"{n // 1000}k×100"
    print(f"{'':<44} {'equipoise':>12} {'scikit-learn':>13} {'ratio':>9}   target")

    def both(y: Any, s: Any, **options: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
        def ours() -> None:
            exact.roc_auc(y, s, **options)
            exact.average_precision(y, s, **options)

        def peer() -> None:
            sk.roc_auc_score(y, s, **{"average": None, **options})
            sk.average_precision_score(y, s, **{"average": None, **options})

        return ours, peer

    row(f"ROC-AUC + AP, float32, {size}", *both(y, s), ">= 25x", 3)
    row(f"ROC-AUC + AP, float64, {size}", *both(y, s64), "", 3)
    row(f"ROC-AUC + AP, weighted, {size}", *both(y, s, sample_weight=w), "", 1)
    row(f"ROC-AUC + AP, micro, float32, {size}", *both(y, s, average="micro"), ">= 10x", 3)
    row(f"ROC-AUC + AP, micro, float64, {size}", *both(y, s64, average="micro"), "", 1)
    row(
        f"F1 from decisions, {size}",
        lambda: exact.f_beta(y, p, average=None),
        lambda: sk.f1_score(y, p, average=None),
        ">= 100x",
        5,
    )
    row(
        f"log loss, {size}",
        lambda: exact.log_loss(y, s64),
        lambda: [sk.log_loss(y[:, j], s64[:, j]) for j in range(100)],
        "",
        3,
    )
    row(
        f"LRAP, {n // 1000}k×20",
        lambda: exact.label_ranking_average_precision(few, few_s),
        lambda: sk.label_ranking_average_precision_score(few, few_s),
        "",
        1,
    )
    row(
        f"best F1 threshold / PR curve, {n // 1000}k×20",
        lambda: tune_thresholds(few, few_s),
        lambda: best_f1_on_curve(few, few_s),
        ">= 30x",
        7,
    )
    row(
        f"best F1 threshold / 99-point grid, {n // 1000}k×20",
        lambda: tune_thresholds(few, few_s),
        lambda: best_f1_on_grid(few, few_s),
        ">= 1000x",
        1,
    )
    small, small_s = y[:1000, :10].copy(), s[:1000, :10].copy()
    row("ROC-AUC + AP, 1000×10 (NumPy only)", *both(small, small_s), "", 5)
    if not arguments.quick:
        memory()


if __name__ == "__main__":
    main()

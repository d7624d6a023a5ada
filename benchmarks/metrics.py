"""Exact metrics and thresholds beside scikit-learn, in one run.

    python -m benchmarks.metrics [--quick]

Ours and the peer take turns, and the ratio is that of their medians; `--quick` takes a tenth of
the rows. The last rows are memory: the most that a call takes, its inputs included.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing import interleaved, seconds, show
from equipoise import exact
from equipoise.decision import tune_thresholds

MEASURED = (
    "exact.roc_auc(y, s)",
    "exact.average_precision(y, s)",
    "exact.average_precision(y, s, average='micro')",
    "exact.average_precision(y, s, sample_weight=w)",
    "exact.f_beta(y, p)",
    "exact.log_loss(y, s)",
    "exact.expected_calibration_error(y, s)",
    "exact.label_ranking_average_precision(y, s)",
    "exact.ndcg_at_k(y, s, 5)",
    "tune_thresholds(y, s)",
)


def data(n_rows: int, n_labels: int) -> dict[str, Any]:
    """Labels of prevalence .05 as bytes, float32 probabilities, decisions, weights of rows."""
    rng = np.random.default_rng(0)
    y = np.empty((n_rows, n_labels), dtype=np.uint8)
    s = np.empty((n_rows, n_labels), dtype=np.float32)
    p = np.empty_like(y)
    for start in range(0, n_rows, 10_000):  # in parts: peak memory must not be that of this
        part = slice(start, start + 10_000)
        y[part] = rng.random(y[part].shape) < 0.05
        z = rng.normal(size=y[part].shape) + 2 * y[part] - 3
        s[part] = 1 / (1 + np.exp(-z))
        p[part] = s[part] >= 0.3
    return {"y": y, "s": s, "p": p, "w": rng.random(n_rows)}


def compare(title: str, ours: Callable[[], Any], peer: Callable[[], Any], target: str) -> None:
    slow = seconds(peer) > 5
    medians = interleaved({"ours": ours, "scikit-learn": peer}, repeats=1 if slow else 5)
    show(title, medians, ours="ours", peer="scikit-learn", target=target)


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

    return np.argmax([f1_score(y, s >= t / 100, average=None) for t in range(1, 100)], axis=0)


def compare_rankings(y: Any, s: Any, w: Any, size: str) -> None:
    from sklearn import metrics as sk

    s64 = s.astype(np.float64)
    for title, scores, options, target in (
        ("float32", s, {}, ">= 25"),
        ("float64", s64, {}, "-"),
        ("weighted", s, {"sample_weight": w}, "-"),
        ("micro", s, {"average": "micro"}, ">= 10"),
        ("micro float64", s64, {"average": "micro"}, "-"),
    ):

        def ours(scores: Any = scores, options: Any = options) -> None:
            exact.roc_auc(y, scores, **options)
            exact.average_precision(y, scores, **options)

        def peer(scores: Any = scores, options: Any = options) -> None:
            sk.roc_auc_score(y, scores, **{"average": None, **options})
            sk.average_precision_score(y, scores, **{"average": None, **options})

        compare(f"ROC-AUC + AP, {title}, {size}", ours, peer, target if len(y) > 1000 else "-")


def compare_others(y: Any, s: Any, p: Any, size: str) -> None:
    from sklearn import metrics as sk

    compare(
        f"F1 from decisions, {size}",
        lambda: exact.f_beta(y, p, average=None),
        lambda: sk.f1_score(y, p, average=None),
        ">= 100",
    )
    s64 = s.astype(np.float64)
    compare(
        f"log loss, {size}",
        lambda: exact.log_loss(y, s64),
        lambda: [sk.log_loss(y[:, j], s64[:, j]) for j in range(y.shape[1])],
        "-",
    )
    rows = slice(0, len(y) // 10)
    compare(
        f"LRAP, a tenth of {size}",
        lambda: exact.label_ranking_average_precision(y[rows], s[rows]),
        lambda: sk.label_ranking_average_precision_score(y[rows], s[rows]),
        "-",
    )
    compare(
        f"nDCG@5, a tenth of {size}",
        lambda: exact.ndcg_at_k(y[rows], s[rows], 5),
        lambda: sk.ndcg_score(y[rows], s[rows], k=5, ignore_ties=True),
        "-",
    )


def compare_thresholds(y: Any, s: Any, size: str) -> None:
    def ours() -> Any:
        return tune_thresholds(y, s)

    title = f"best F1 threshold, {size}"
    compare(f"{title} (PR curve)", ours, lambda: best_f1_on_curve(y, s), ">= 30")
    compare(f"{title} (99-point grid)", ours, lambda: best_f1_on_grid(y, s), ">= 1000")


def memory() -> None:
    """Prints the peak memory of calls on 1M x 20, each in a process of its own."""
    print("peak memory at 1M x 20, inputs included (target: at most 2x the inputs)")
    for call in MEASURED:
        command = [sys.executable, "-m", "benchmarks.metrics", "--memory-of", call]
        done = subprocess.run(command, capture_output=True, check=True, text=True)
        print(f"  {call:<54} {done.stdout.strip()}", flush=True)


def memory_of(call: str) -> None:
    names: dict[str, Any] = {"exact": exact, "tune_thresholds": tune_thresholds}
    eval(call, {**names, **data(20_000, 20)})  # loads what is loaded on first use
    inputs = data(1_000_000, 20)
    size = inputs["y"].nbytes + sum(v.nbytes for k, v in inputs.items() if f" {k}" in call)
    before = _resident()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # forget the highest memory seen so far
    eval(call, {**names, **inputs})
    print(f"{1 + max(0, _highest() - before) / size:.2f}x of {size / 1e6:.0f} MB")


def _status(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def _resident() -> int:
    return _status("VmRSS")


def _highest() -> int:
    return _status("VmHWM")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--memory-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory_of:
        memory_of(arguments.memory_of)
        return
    warnings.simplefilter("ignore")
    thousands = 10 if arguments.quick else 100
    y, s, p, w = data(thousands * 1000, 100).values()
    few, few_scores = np.ascontiguousarray(y[:, :20]), np.ascontiguousarray(s[:, :20])
    compare_rankings(y, s, w, f"{thousands}k x 100")
    compare_others(y, s, p, f"{thousands}k x 100")
    compare_thresholds(few, few_scores, f"{thousands}k x 20")
    compare_rankings(y[:1000, :10].copy(), s[:1000, :10].copy(), w[:1000], "1000 x 10")
    if not arguments.quick and sys.platform == "linux":
        memory()


if __name__ == "__main__":
    main()

"""Resampling: MLSMOTE beside kd-trees and plain loops, every resampler on bibtex, peak memory.

    python -m benchmarks.resampling

The kd-tree version does what programs do that look for neighbours with a kd-tree: a tree over all
rows, one query per row with a rare label, one new row at a time. A second one has a tree for each
label's own rows, as the definition wants it. Distances in plain Python are measured on a few
rows and scaled up. bibtex is read where EQUIPOISE_DATA names its folder.
"""

import os
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from benchmarks.timing import interleaved, seconds, show
from equipoise import readers, resampling
from equipoise.resampling._ratios import rare_labels
from equipoise.targets import as_targets

# Run in a process of its own, so that nothing before counts; a small problem goes first and loads
# the modules. Linux only, whose highest resident memory can be set back.
_MEASURE = """
import re, sys, warnings
import numpy as np
from equipoise import resampling

warnings.simplefilter("ignore")

def memory(which):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(which + r":\\s+(\\d+) kB", file.read())[1])

sampler, n_rows = eval("resampling." + sys.argv[1]), int(sys.argv[2])
random = np.random.default_rng(0)
y = (random.random((n_rows, 100)) < np.geomspace(0.001, 0.1, 100)).astype(np.uint8)
X = random.standard_normal((n_rows, 100), dtype=np.float32)
sampler.fit_resample(X[:1000], y[:1000])
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
base = memory("VmRSS") - X.nbytes - y.nbytes
rows = len(sampler.fit_resample(X, y)[0])
print((memory("VmHWM") - base) / (X.nbytes + y.nbytes), rows)
"""


def generated(n_rows=20_000, n_columns=100, n_labels=100, seed=0):
    """Rows and labels of which the rarest have a few positives each, like the published sets."""
    random = np.random.default_rng(seed)
    X = random.standard_normal((n_rows, n_columns))
    y = (random.random((n_rows, n_labels)) < np.geomspace(0.0035, 0.1, n_labels)).astype(np.uint8)
    return X, y


def kd_tree(X, y, *, union, seed=0):
    """New rows by kd-trees: over all rows, or over each label's rows."""
    random = np.random.default_rng(seed)
    rare = rare_labels(as_targets(y))
    bags = [np.flatnonzero(y[:, label]) for label in rare]
    if union:
        every = np.arange(len(X))
        shared = cKDTree(X)
    made, labels = [], []
    for bag in bags:
        tree, rows = (shared, every) if union else (cKDTree(X[bag]), bag)
        for seed_row in bag:
            near = rows[tree.query(X[seed_row], k=6)[1][1:]]
            other = near[random.integers(5)]
            made.append(X[seed_row] + random.random() * (X[other] - X[seed_row]))
            labels.append(2 * (y[seed_row].astype(int) + y[near].sum(axis=0)) >= 6)
    return np.vstack([X, *made]), np.vstack([y, *labels])


def plain_python(X, y, n_seeds=3):
    """Seconds for all seeds if each measures its distances to all rows in plain Python."""
    n_queries = int(y[:, rare_labels(as_targets(y))].sum())
    lists = X.tolist()
    start = time.perf_counter()
    for a in lists[:n_seeds]:
        sorted(sum((p - q) ** 2 for p, q in zip(a, b, strict=True)) for b in lists)
    return (time.perf_counter() - start) / n_seeds * n_queries


def memory(sampler, n_rows=200_000):
    """Prints the highest memory while resampling, as a multiple of X and y."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    command = [sys.executable, "-c", _MEASURE, sampler, str(n_rows)]
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    peak, rows = run.stdout.split()
    print(
        f"  {sampler:<42} {n_rows} × 100 float32 to {rows} rows: {float(peak):.2f} times the input"
        "   target ≤ 3"
    )


def on_bibtex(folder):
    """Prints the time of every resampler on bibtex, sparse, with the defaults."""
    files = Path(folder) / "bibtex"
    data = readers.read(sorted(files.glob("*.arff")), labels=next(files.glob("*.xml")))
    print(f"\n{data!r}")
    for name, target in (
        ("MLSMOTE(random_state=0)", "< 2 s"),
        ("MLSMOTE(nominal_features='all', random_state=0)", "< 2 s"),
        ("MLSOL(random_state=0)", ""),
        ("MLUL(random_state=0)", ""),
        ("MLeNN()", ""),
        ("MLTL()", ""),
        ("MLROS(random_state=0)", ""),
        ("MLRUS(random_state=0)", ""),
        ("LPROS(random_state=0)", ""),
        ("LPRUS(random_state=0)", ""),
        ("REMEDIAL()", ""),
    ):
        sampler = eval("resampling." + name)
        times = [seconds(lambda s=sampler: s.fit_resample(data.x, data.targets)) for _ in range(3)]
        print(f"  {name:<50} {np.median(times):7.3f} s   {target and 'target ' + target}")


def main() -> None:
    """Prints all comparisons."""
    warnings.simplefilter("ignore")
    X, y = generated()
    n_new = len(resampling.MLSMOTE(random_state=0).fit_resample(X, y)[0]) - len(X)
    print(f"MLSMOTE, {X.shape[0]} × {X.shape[1]}, {n_new} new rows")
    functions = {
        "ours": lambda: resampling.MLSMOTE(random_state=0).fit_resample(X, y),
        "a tree each": lambda: kd_tree(X, y, union=False),
    }
    medians = interleaved(functions, repeats=5)
    medians["kd-tree"] = seconds(lambda: kd_tree(X, y, union=True))
    medians["plain Python"] = plain_python(X, y)
    show("  kd-tree of all rows", medians, ours="ours", peer="kd-tree", target="≥ 50")
    show("  kd-tree of each label", medians, ours="ours", peer="a tree each", target="–")
    show("  plain Python (scaled up)", medians, ours="ours", peer="plain Python", target="–")
    if sys.platform == "linux":
        print("\nPeak memory, X and y and the result included")
        for sampler in ("MLSMOTE(random_state=0)", "MLROS(random_state=0)", "REMEDIAL()"):
            memory(sampler)
        memory("MLTL()", 30_000)
    folder = os.environ.get("EQUIPOISE_DATA")
    if folder:
        on_bibtex(folder)
    else:
        print("\nEQUIPOISE_DATA names no folder of real data sets: none is measured.")


if __name__ == "__main__":
    main()

"""Predicting files with a bundle: rows a second, and memory that does not grow with the rows."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

from equipoise.bundle import output

_FEW, _MANY = 500_000, 5_000_000
_AT_ONCE = 100_000
_FEATURES, _LABELS = 20, 5

# Run in a process of its own, so that nothing before counts. A small file of the same format goes
# first: it loads the modules and compiles the networks. Linux only, which tells a process's own
# memory (RssAnon) from pages of files that polars maps and the system takes back when it likes.
_MEASURE = """
import re, sys, threading, time
from equipoise.bundle import Bundle
from equipoise.bundle.predict import predict_files

def memory():
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(r"RssAnon:\\s+(\\d+) kB", file.read())[1])

def watch():
    while not done.wait(0.02):
        seen.append(memory())

folder, small, path, out = sys.argv[1:]
bundle = Bundle.load(folder)
predict_files(bundle, [small], out, keep="id")
seen, done = [memory()], threading.Event()
watcher, start = threading.Thread(target=watch), time.perf_counter()
watcher.start()
n = predict_files(bundle, [path], out, keep="id").n_rows
seconds = time.perf_counter() - start
done.set()
watcher.join()
print(n, seconds, seen[0], max(seen) - seen[0])
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = _bundle(folder / "bundle")
        for suffix in (".parquet", ".csv"):
            small, out = folder / f"small{suffix}", folder / f"out{suffix}"
            _write(small, 70_000)
            for n in (_FEW, _MANY):
                path = folder / f"rows{suffix}"
                _write(path, n)
                _measure(f"{suffix} to {suffix}", bundle, small, path, out)
                path.unlink()


def _measure(title: str, *paths: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, *map(str, paths)],
        capture_output=True,
        text=True,
        check=True,
        env={"JAX_PLATFORMS": "cpu", "TF_CPP_MIN_LOG_LEVEL": "3", **os.environ},
    )
    n, seconds, before, peak = (float(part) for part in run.stdout.split()[-4:])
    size = paths[2].stat().st_size
    print(
        f"{title}: {n:,.0f} rows in {seconds:.1f} s ({n / seconds:,.0f} a second); file of "
        f"{size / 1e6:,.0f} MB; memory {before / 1e6:.0f} MB before, {peak / 1e6:+.0f} MB at most",
        flush=True,
    )


def _bundle(folder: Path) -> Path:
    from equipoise.bundle import Bundle, columns_of
    from equipoise.readers import from_frame
    from equipoise.training import TrainingOptions, fit_treatment

    table = _rows(2000, 0)
    labels = {f"lab_{i}": (table[f"f_{i}"] > 0.3 * i).cast(pl.UInt8) for i in range(_LABELS)}
    dataset = from_frame(table.with_columns(**labels), "lab_*", ignore="id")
    options = TrainingOptions(n_folds=2, hidden_units=64, max_epochs=2)
    fitted = fit_treatment("none", dataset.x, dataset.targets, options=options)
    names = np.array(dataset.targets.label_names, dtype=object)
    columns = columns_of(dataset.feature_names, dataset.x)
    return Bundle(fitted, "multilabel", names, columns=columns).save(folder)


def _rows(n: int, seed: int) -> pl.DataFrame:
    x = np.random.default_rng(seed).normal(size=(n, _FEATURES)).astype(np.float32).round(4)
    return pl.DataFrame(
        {"id": np.arange(n) + seed * n} | {f"f_{i}": x[:, i] for i in range(_FEATURES)}
    )


def _write(path: Path, n: int) -> None:
    with output.written(path) as writer:
        for seed in range(-(-n // _AT_ONCE)):
            writer.write(_rows(min(_AT_ONCE, n), seed))

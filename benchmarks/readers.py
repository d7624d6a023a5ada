"""Reading files against polars, liac-arff and scikit-learn; peak memory against what comes out."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import arff as liac
import numpy as np
import polars as pl
from sklearn.datasets import dump_svmlight_file, load_svmlight_file

from benchmarks.timing import interleaved, show
from equipoise.readers import read

_ROWS = 1_000_000

# Run in a process of its own, so that nothing before counts. A small file of the same format goes
# first: it loads the modules. Linux only, whose highest resident memory can be set back; that of
# getrusage begins with what the parent had.
_MEASURE = """
import re, sys
from equipoise.readers import read

def nbytes(matrix):
    if hasattr(matrix, "indptr"):
        return matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes
    return matrix.nbytes

def memory(which):
    with open("/proc/self/status") as file:
        return 1024 * int(re.search(which + r":\\s+(\\d+) kB", file.read())[1])

small, path, options = sys.argv[1], sys.argv[2], eval(sys.argv[3])
read(small, **options)
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")
before = memory("VmRSS")
d = read(path, **options)
arrays = nbytes(d.x) + nbytes(d.targets.values)
arrays += 0 if d.targets.unknown is None else nbytes(d.targets.unknown)
print(memory("VmHWM") - before, arrays)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wide = _table(_ROWS, 50)
        _compare_csv(folder, "CSV, 1M x 50", wide, "<= 1.5")
        last = pl.when(pl.col("lab_0") == 0).then("f_0").alias("f_last")
        truths = wide.with_columns((pl.col("f_1") > 0).alias("f_1"), last)
        _compare_csv(folder, "CSV, 1M x 51, true/false, last with gaps", truths, "-")
        quoted = truths.head(_ROWS // 4).with_columns(pl.lit("a, b").alias("id"))
        _compare_csv(folder, "CSV, 250k x 52, the same and quotes", quoted, "-", ignore="id")
        _compare_columnar(folder, wide)
        _compare_libsvm(folder)
    _compare_bibtex()


def _compare_csv(
    folder: Path, title: str, table: pl.DataFrame, target: str, **options: Any
) -> None:
    path, small = folder / "table.csv", folder / "small.csv"
    table.write_csv(path)
    table.head(1000).write_csv(small)
    options = {"labels": "lab_*", **options}
    _compare(title, path, options, lambda: pl.read_csv(path), "polars", target)
    _show_memory(title, small, path, options)


def _compare_columnar(folder: Path, table: pl.DataFrame) -> None:
    options = {"labels": "lab_*"}
    for suffix, write, load in (
        (".parquet", pl.DataFrame.write_parquet, pl.read_parquet),
        (".arrow", pl.DataFrame.write_ipc, pl.read_ipc),
    ):
        path, small = folder / f"table{suffix}", folder / f"small{suffix}"
        write(table, path)
        write(table.head(1000), small)

        def peer(load: Any = load, path: Path = path) -> Any:
            return load(path).cast(pl.Float32).to_numpy()

        title = f"{suffix}, 1M x 50, into an array"
        _compare(title, path, options, peer, "polars", "-")
        _show_memory(title, small, path, options)


def _compare_libsvm(folder: Path) -> None:
    rng = np.random.default_rng(0)
    y = (rng.random((30_000, 100)) < 0.03).astype(int)
    y[:, 0] |= y.sum(axis=1) == 0  # scikit-learn writes rows without labels as blanks
    x = rng.random((30_000, 200)) * (rng.random((30_000, 200)) < 0.3)
    path, small = folder / "rows.svm", folder / "small.svm"
    for file, n in ((path, len(x)), (small, 100)):
        dump_svmlight_file(x[:n], y[:n], str(file), multilabel=True, zero_based=False)

    def peer() -> Any:
        return load_svmlight_file(str(path), multilabel=True, dtype=np.float32)

    title = "libsvm, 30k rows, 1.8M values"
    _compare(title, path, {}, peer, "sklearn", "-")
    _show_memory(title, small, path, {})


def _compare_bibtex() -> None:
    folder = os.environ.get("EQUIPOISE_DATA")
    if not folder:
        print("EQUIPOISE_DATA names no folder of real data sets: bibtex is left out")
        return
    path = Path(folder).resolve() / "bibtex" / "bibtex.arff"

    def peer() -> Any:
        with path.open(encoding="utf-8") as file:
            return liac.load(file, encode_nominal=True, return_type=liac.LOD)

    _compare("ARFF, bibtex", path, {}, peer, "liac-arff", "<= 1.5")
    with tempfile.TemporaryDirectory() as name:
        small = Path(name) / "bibtex.arff"
        header, _, rows = path.read_text(encoding="utf-8").partition("@data\n")
        small.write_text(header + "@data\n" + "".join(rows.splitlines(keepends=True)[:20]))
        (Path(name) / "bibtex.xml").write_bytes(path.with_suffix(".xml").read_bytes())
        _show_memory("ARFF, bibtex", small, path, {})


def _compare(
    title: str,
    path: Path,
    options: dict[str, Any],
    peer: Callable[[], Any],
    peer_name: str,
    target: str,
) -> None:
    medians = interleaved({"ours": lambda: read(path, **options), peer_name: peer}, repeats=5)
    show(title, medians, ours="ours", peer=peer_name, target=f"1/({target})")
    print(f"{'':<46} takes {medians['ours'] / medians[peer_name]:.2f} times as long")


def _show_memory(title: str, small: Path, path: Path, options: dict[str, Any]) -> None:
    arguments = [sys.executable, "-c", _MEASURE, str(small), str(path), repr(options)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    peak, arrays = (int(n) for n in done.stdout.split())
    print(
        f"{title:<46} peak memory {peak / 2**20:8.1f} MiB   arrays {arrays / 2**20:8.1f} MiB   "
        f"{peak / arrays:8.2f}x   target <= 3"
    )


def _table(n_rows: int, n_columns: int) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    features = {
        f"f_{i}": rng.normal(size=n_rows).round(4).astype(np.float32) for i in range(n_columns - 5)
    }
    labels = {f"lab_{i}": (rng.random(n_rows) < 0.1).astype(np.int8) for i in range(5)}
    return pl.DataFrame(features | labels)


if __name__ == "__main__":
    main()

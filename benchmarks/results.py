"""Compares the treatments on real data sets and writes docs/results.md.

    EQUIPOISE_DATA=folder python -m benchmarks.results [--cv 5] [--jobs 1] [SET ...]

Each finished set is kept in reports/results/, and the page is written from all that are there, so
sets can be added one by one. Delete that folder to start anew.
"""

import argparse
import os
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

from rich.progress import track

from equipoise._files import write_atomically
from equipoise.comparison import Comparison, compare
from equipoise.readers import Dataset, read

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "reports" / "results"
SETS = ("emotions", "scene", "yeast", "birds", "genbase", "medical", "enron", "slashdot", "bibtex")

COLUMNS = {
    "macro_f1_half": "macro-F1 at .5",
    "macro_f1_tuned": "macro-F1 tuned",
    "micro_f1_tuned": "micro-F1 tuned",
    "macro_ap": "macro AP",
    "macro_auc": "macro AUC",
    "log_loss_raw": "log loss raw",
    "log_loss": "log loss",
    "ece_raw": "ECE raw",
    "ece": "ECE",
}

INTRODUCTION = """# Does treatment help? The treatments on real data

Made by

    EQUIPOISE_DATA=folder python -m benchmarks.results --cv {cv} {sets}

with Keras {keras} on {backend}: {cv} stratified folds; the default network (512 units, dropout .5),
one a fold, which holds out a fifth of its training rows for early stopping and thresholds. Figures
are means over test folds, macro averages over labels with at least 5 positives. *Raw* is what the
network says; the columns without it are after the closed-form correction. The interval is that of
the difference in tuned macro-F1 to "none", corrected for how folds overlap (Nadeau and Bengio
2003). Read a difference whose interval holds 0 as nothing.
"""


def load(name: str) -> Dataset:
    """Reads one of the sets from the folder that EQUIPOISE_DATA names."""
    folder = Path(os.environ["EQUIPOISE_DATA"]) / name
    return read(sorted(folder.glob("*.arff")), labels=next(folder.glob("*.xml")))


def run(name: str, cv: int, jobs: int) -> Comparison:
    """Compares all treatments on one set and keeps the result."""
    data = load(name)
    cells = iter(track(range(6 * cv), description=name, console=None))
    result = compare(
        data.x,
        data.targets,
        cv=cv,
        n_jobs=jobs,
        n_attributes=data.n_attributes,
        on_cell=lambda cell, total: next(cells, None),
    )
    KEPT.mkdir(parents=True, exist_ok=True)
    result.to_json(KEPT / f"{name}.json")
    return result


def section(name: str, result: Comparison) -> list[str]:
    """The Markdown of one set."""
    stats = result.stats
    lines = [
        f"## {name}",
        "",
        f"{stats.n_rows:,} rows, {stats.n_labels} labels, mean imbalance {stats.mean_ir:.1f}.",
        "",
        "| treatment | " + " | ".join(COLUMNS.values()) + " | tuned − none (95%) | s a fold |",
        "|---" + "|---:" * (len(COLUMNS) + 2) + "|",
    ]
    for row in result.table().to_dicts():
        figures = [f"{row[c]:.3f}".replace("0.", ".", 1) for c in COLUMNS]
        difference = "–"
        if row["difference"] is not None:
            difference = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        cells = [row["treatment"], *figures, difference, f"{row['seconds']:.1f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", *[f"- {sentence}" for sentence in result.verdict()], ""]


def page(cv: int) -> str:
    """The whole page, from every set that is kept."""
    import keras

    kept = [name for name in SETS if (KEPT / f"{name}.json").exists()]
    head = INTRODUCTION.format(
        cv=cv, sets=" ".join(kept), keras=keras.__version__, backend=keras.backend.backend()
    )
    lines = [head]
    for name in kept:
        lines += section(name, Comparison.from_json(KEPT / f"{name}.json"))
    notes = ROOT / "benchmarks" / "results_notes.md"
    return "\n".join(lines) + "\n" + notes.read_text(encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares the treatments on real data sets.")
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="all by default")
    parser.add_argument("--cv", type=int, default=5)
    parser.add_argument("--page-only", action="store_true", help="write the page from what is kept")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.page_only:
        write_atomically(ROOT / "docs" / "results.md", page(arguments.cv))
        return 0
    if "EQUIPOISE_DATA" not in os.environ:
        print("EQUIPOISE_DATA must name the folder of the data sets.", file=sys.stderr)
        return 2
    for name in arguments.sets or SETS:
        print("\n".join(section(name, run(name, arguments.cv, arguments.jobs))), flush=True)
        write_atomically(ROOT / "docs" / "results.md", page(arguments.cv))
    return 0


if __name__ == "__main__":
    sys.exit(main())

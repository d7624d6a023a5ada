"""Runs examples/plan.toml on real data sets and writes docs/results.md.

    EQUIPOISE_DATA=folder python -m benchmarks.results [--jobs 1] [SET ...]

Each finished part is kept in reports/results.store, so the work can be broken off and gone on
with, and sets can be added one by one. Delete that file to start anew.
"""

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "jax")

from rich.progress import Progress

from equipoise._files import write_atomically
from equipoise._store import Store
from equipoise.comparison import METRICS, Comparison, Plan, Survey
from equipoise.readers import Dataset

ROOT = Path(__file__).parents[1]
PLAN = ROOT / "examples" / "plan.toml"
KEPT = ROOT / "reports" / "results.store"
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

    EQUIPOISE_DATA=folder python -m benchmarks.results {sets}

which runs `examples/plan.toml` (`equipoise compare examples/plan.toml` gives the same figures),
with Keras {keras} on {backend}: {cv} stratified folds; the default network (512 units, dropout .5),
one a fold, which holds out a fifth of its training rows for early stopping and thresholds. Figures
are means over test folds, macro averages over labels with at least {min_positives} positives. *Raw*
is what the network says; the columns without it are after the closed-form correction, where the
loss has one. The interval is that of the difference in tuned macro-F1 to "none", corrected for how
folds overlap (Nadeau and Bengio 2003). Read a difference whose interval holds 0 as nothing.
"""


def load(name: str) -> Dataset:
    """Reads one of the sets from the folder that EQUIPOISE_DATA names."""
    source = next(s for s in Plan.from_toml(PLAN).data if s.name == name)
    return source.read()[0]


def figure(value: float | None, digits: int = 3) -> str:
    """A number without its leading zero; a dash where there is none."""
    if value is None:
        return "–"
    shown = f"{value:.{digits}f}"
    return shown.replace("0.", ".", 1) if abs(value) < 1 else shown


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Markdown of a table whose first column is text."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return [*lines, *["| " + " | ".join(row) + " |" for row in rows], ""]


def over_all(survey: Survey) -> list[str]:
    """The Markdown of what holds over all sets."""
    lines = ["## All sets", ""]
    for metric in survey.metrics:
        title = METRICS[metric].title
        means = survey.means(metric)
        rows = [
            [row[0], *[figure(v) for v in row[1:-1]], figure(row[-1], 1)] for row in means.rows()
        ]
        lines += [f"### {title[0].upper()}{title[1:]}", "", *table(means.columns, rows)]
        # The verdict says it in one sentence, which begins like the heading.
        lines += [
            f"- {s}\n" for s in survey.verdict() if s.lower().startswith(f"{title.lower()} over")
        ]
    return lines


def section(name: str, result: Comparison) -> list[str]:
    """The Markdown of one set."""
    stats = result.stats
    head = ["treatment", *COLUMNS.values(), "tuned − none (95%)", "s a fold"]
    rows = []
    for row in result.table().to_dicts():
        difference = "–"
        if row["low"] is not None:
            difference = f"{row['difference']:+.3f} ({row['low']:+.3f} to {row['high']:+.3f})"
        figures = [figure(row[c]) for c in COLUMNS]
        rows.append([row["treatment"], *figures, difference, f"{row['seconds']:.1f}"])
    return [
        f"## {name}",
        "",
        f"{stats.n_rows:,} rows, {stats.n_labels} labels, mean imbalance {stats.mean_ir:.1f}.",
        "",
        *table(head, rows),
        *[f"- {sentence}" for sentence in result.verdict()],
        "",
    ]


def page(plan: Plan, survey: Survey) -> str:
    """The whole page."""
    import keras

    sets = list(survey.comparisons)
    lines = [
        INTRODUCTION.format(
            sets=" ".join(sets),
            keras=keras.__version__,
            backend=keras.backend.backend(),
            cv=plan.cv,
            min_positives=plan.min_positives,
        )
    ]
    if len(sets) > 1:
        lines += over_all(survey)
    for name, result in survey.comparisons.items():
        lines += section(name, result)
    for name, why in survey.failures.items():
        lines += [f"## {name}", "", f"It could not be compared: {why}", ""]
    lines += calibrated()
    notes = ROOT / "benchmarks" / "results_notes.md"
    return "\n".join(lines) + "\n" + notes.read_text(encoding="utf-8")


def calibrated() -> list[str]:
    """The Markdown of what calibrators make of the scores, as far as it was measured."""
    from benchmarks import calibration  # which reads the sets through this module

    if not calibration.STORE.exists():
        return []
    return [
        "## Calibrators",
        "",
        "By `python -m benchmarks.calibration`, which [calibration.md](calibration.md) describes: "
        "log loss and ECE of cross-fitted scores raw, corrected, and after each `Calibrator`; the "
        "last column says where one is shown to help or to do harm.",
        *calibration.tables(Store(calibration.STORE), "###"),
        "",
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compares the treatments on real data sets.")
    parser.add_argument("sets", nargs="*", choices=[*SETS, []], help="all by default")
    parser.add_argument("--jobs", type=int)
    arguments = parser.parse_args()
    if "EQUIPOISE_DATA" not in os.environ:
        print("EQUIPOISE_DATA must name the folder of the data sets.", file=sys.stderr)
        return 2
    plan = Plan.from_toml(PLAN)
    if arguments.sets:
        plan = replace(plan, data=[s for s in plan.data if s.name in arguments.sets])
    KEPT.parent.mkdir(exist_ok=True)
    with Progress() as bar:
        task = bar.add_task("", total=plan.n_cells)
        survey = plan.run(
            store=KEPT,
            n_jobs=arguments.jobs,
            on_cell=lambda name, cell, _: bar.update(
                task, advance=1, description=f"{name}: {cell.treatment}, fold {cell.fold + 1}"
            ),
        )
    write_atomically(ROOT / "docs" / "results.md", page(plan, survey))
    return 0


if __name__ == "__main__":
    sys.exit(main())

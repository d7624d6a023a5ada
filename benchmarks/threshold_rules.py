"""Which rule for thresholds is best on rows it has not seen, by how frequent the label is?

    EQUIPOISE_DATA=folder python -m benchmarks.threshold_rules [SET …]

On each of five folds the default classifier is trained once; every rule then takes its thresholds
from the same held-out scores and is judged on the test fold. Finished folds are kept in
reports/threshold_rules.sqlite; the page is docs/threshold_rules.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.outcome import ALL_SETS, FOLDS, OURS, ROOT, VERSIONS, rows_of, splits
from equipoise import MultilabelClassifier, exact
from equipoise._files import write_atomically
from equipoise._store import Store
from equipoise.decision import tune_thresholds
from equipoise.statistics import paired_difference

STORE = ROOT / "reports" / "threshold_rules.sqlite"
RULES = ("0.5", "tuned", "analytic", "pooled", "proportional", "shrunk")
EDGES = (5, 10, 25, 50, 100, 250, 10**9)

INTRODUCTION = """# Thresholds: which rule holds on new rows?

Made by

    EQUIPOISE_DATA=folder python -m benchmarks.threshold_rules

Five stratified folds of {sets}.
On each, the default classifier is trained once; every rule takes its thresholds from the same
cross-fitted scores of the training rows and is judged on the test fold. Figures are means of the
F1 of labels, by how many positives the label has in the training part; the interval is that of
the difference to *tuned*, over folds and sets.
"""


def run(name: str, store: Store) -> None:
    """Runs the folds that are not there yet."""
    rows = rows_of(name)
    for fold, train, test in splits(rows, 0):
        if key_of(name, fold) in store:
            continue
        part, held = rows.take(train), rows.take(test)
        model = MultilabelClassifier(random_state=fold)
        model.fit(part.X, part.targets, groups=part.groups)
        p, scores = model.predict_proba(held.X), model.fitted_.held_scores
        found: dict[str, Any] = {"positives": part.y.sum(axis=0), "seen": held.y.sum(axis=0)}
        for rule in RULES:
            if rule == "0.5":
                decided = (p >= 0.5).astype(np.uint8)
            else:
                decided = tune_thresholds(part.targets, scores, rule=rule).predict(p)
            found[rule] = np.asarray(exact.f_beta(held.y, decided, average=None))
        store.put(key_of(name, fold), found)
        print(name, fold, *(f"{r} {np.nanmean(found[r]):.3f}" for r in RULES), flush=True)


def key_of(name: str, fold: int) -> dict[str, Any]:
    """Returns what makes a record."""
    return {"set": name, "fold": fold, "version": VERSIONS[OURS]}


def page(store: Store, names: list[str]) -> str:
    """Returns the Markdown of all that is there."""
    records = {n: [store.get(key_of(n, f)) for f in range(FOLDS)] for n in names}
    complete = {n: r for n, r in records.items() if all(x is not None for x in r)}
    lines = [INTRODUCTION.format(sets=", ".join(complete)), "| positives | labels | "]
    lines[-1] += " | ".join(RULES) + " | shrunk − tuned | 95% from | to |"
    lines.append("|---" * (len(RULES) + 5) + "|")
    ahead = clear = n_spans = 0
    for low, high in zip((0, *EDGES[:-1]), EDGES, strict=True):
        values: dict[str, list[float]] = {rule: [] for rule in RULES}
        differences, n_labels = [], 0
        for folds in complete.values():
            for record in folds:
                inside = (record["positives"] >= low) & (record["positives"] < high)
                inside &= record["seen"] > 0
                if not inside.any():
                    continue
                n_labels += int(inside.sum())
                for rule in RULES:
                    values[rule] += record[rule][inside].tolist()
                gain = record["shrunk"][inside] - record["tuned"][inside]
                differences.append(float(np.nanmean(gain)))
        if not n_labels:
            continue
        d = paired_difference(differences, 1 / (FOLDS - 1))
        n_spans, ahead, clear = n_spans + 1, ahead + (d.mean > 0), clear + d.shown
        span = f"{low}–{high - 1}" if high < 10**9 else f"{low} and more"
        lines.append(
            f"| {span} | {n_labels} | "
            + " | ".join(f"{np.nanmean(values[rule]):.3f}" for rule in RULES)
            + f" | {d.mean:+.3f} | {d.low:+.3f} | {d.high:+.3f} |"
        )
    said = f"*Shrunk* leads *tuned* in {ahead} of {n_spans} lines; {clear} intervals exclude 0."
    lines += ["", said]
    lines += ["", "By set, the mean over labels with a positive in the test fold:", ""]
    lines.append("| set | " + " | ".join(RULES) + " |")
    lines.append("|---" * (len(RULES) + 1) + "|")
    for name, folds in complete.items():
        means = [np.mean([np.nanmean(r[rule][r["seen"] > 0]) for r in folds]) for rule in RULES]
        lines.append(f"| {name} | " + " | ".join(f"{m:.3f}" for m in means) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs what is asked for and writes the page."""
    STORE.parent.mkdir(parents=True, exist_ok=True)
    store = Store(STORE)
    for name in sys.argv[1:] or ALL_SETS:
        run(name, store)
    write_atomically(Path(ROOT / "docs" / "threshold_rules.md"), page(store, list(ALL_SETS)))


if __name__ == "__main__":
    main()

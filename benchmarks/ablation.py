"""What does each part of the default bring? The default with one part changed, on real data.

    EQUIPOISE_DATA=folder python -m benchmarks.ablation [SET …]

The folds are those of benchmarks.outcome, its first draw. Every variant is a
`MultilabelClassifier` with one option changed. Finished parts are kept in reports/ablation.sqlite;
the page is docs/ablation.md.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
from numpy.typing import NDArray

from benchmarks.contenders import Predicted, Rows
from benchmarks.outcome import FOLDS, OURS, ROOT, VERSIONS, measured, rows_of, splits
from equipoise import MultilabelClassifier
from equipoise._files import write_atomically
from equipoise._store import Store
from equipoise.decision import tune_thresholds
from equipoise.statistics import paired_difference
from equipoise.training import build_network

STORE = ROOT / "reports" / "ablation.sqlite"
SETS = ("digits_scenes", "emotions", "yeast", "birds", "medical", "enron")
DEFAULT = "the default"


def zero_bias(n_features: int, n_labels: int) -> Any:
    """The default network, whose output bias starts at 0."""
    return build_network(n_features, n_labels)


VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "one network, a fifth held out": {"n_folds": 1},
    "numeric columns as they are": {"bins": 0},
    "numeric columns always encoded": {"bins": 4},
    "8 bins": {"bins": 8},
    "as they are, output bias starts at 0": {"model": zero_bias},
    "features not clipped": {"clip": 1e9},
    "256 units": {"hidden_units": 256},
    "no hidden layer": {"hidden_units": 0},
    "weights: inverse_sqrt": {"treatment": "inverse_sqrt"},
}
# The default once more, its networks as they are, with other thresholds.
RULES = {
    "thresholds of each label alone": "tuned",
    "thresholds of all labels together": "pooled",
    "thresholds from probabilities": "analytic",
    "every threshold .5": None,
}
COLUMNS = {
    "macro_f1_tuned": "macro-F1",
    "micro_f1_tuned": "micro-F1",
    "macro_ap": "macro AP",
    "log_loss": "log loss",
    "ece": "ECE",
}

INTRODUCTION = """# What does each part of the default bring?

Made by

    EQUIPOISE_DATA=folder python -m benchmarks.ablation {arguments}

`MultilabelClassifier()` with one option changed, on the first draw of folds of
[outcome.md](outcome.md). Means over {sets}; the difference in macro-F1 is that of the {n} test
folds of all sets together, with an interval that respects how folds overlap. Read a difference
whose interval holds 0 as nothing.
"""


def run(name: str, store: Store) -> None:
    """Runs what the store does not hold yet."""
    rows = rows_of(name)
    for fold, train, test in splits(rows, 0):
        part, held = rows.take(train), rows.take(test)
        for variant in VARIANTS:
            if key_of(name, fold, variant) in store:
                continue
            started = time.perf_counter()
            classifier = MultilabelClassifier(random_state=fold, **VARIANTS[variant])
            classifier.fit(part.X, part.targets, groups=part.groups)
            seconds = time.perf_counter() - started
            p = classifier.predict_proba(held.X)
            decisions = {variant: classifier.predict(held.X)}
            if variant == DEFAULT:
                decisions |= _other_thresholds(classifier, part, p)
            for changed, decided in decisions.items():
                predicted = Predicted(p, (p >= 0.5).view(np.uint8), decided, seconds)
                record = measured(rows, held, predicted)
                store.put(key_of(name, fold, changed), record)
                print(f"{name} {fold} {changed}: {record['macro_f1_tuned']:.3f}", flush=True)


def _other_thresholds(
    classifier: MultilabelClassifier, part: Rows, p: NDArray[np.float64]
) -> dict[str, NDArray[np.uint8]]:
    scores, found = classifier.fitted_.held_scores, {}
    for variant, rule in RULES.items():
        if rule is None:
            found[variant] = (p >= 0.5).view(np.uint8)
        else:
            found[variant] = tune_thresholds(part.targets, scores, rule=rule).predict(p)
    return found


def key_of(name: str, fold: int, variant: str) -> dict[str, Any]:
    """Returns what makes a record."""
    return {"set": name, "fold": fold, "variant": variant, "version": VERSIONS[OURS]}


def page(store: Store, sets: list[str]) -> str:
    """Returns the Markdown of all variants that are complete."""
    records = {
        variant: [store.get(key_of(s, f, variant)) for s in sets for f in range(FOLDS)]
        for variant in [*VARIANTS, *RULES]
    }
    records = {variant: found for variant, found in records.items() if None not in found}
    base = records[DEFAULT]
    introduction = INTRODUCTION.format(arguments=" ".join(sets), sets=", ".join(sets), n=len(base))
    lines = [introduction, "| | " + " | ".join(COLUMNS.values()) + " | difference |"]
    lines.append("|---" + "|---:" * (len(COLUMNS) + 1) + "|")
    for variant, found in records.items():
        cells = [f"{np.mean([r[c] for r in found]):.3f}" for c in COLUMNS]
        difference = "–" if variant == DEFAULT else _difference(found, base)
        lines.append(f"| {variant} | " + " | ".join([*cells, difference]) + " |")
    lines += ["", "Macro AP, set by set:", "", "| | " + " | ".join(sets) + " |"]
    lines.append("|---" + "|---:" * len(sets) + "|")
    for variant, found in records.items():
        if variant in VARIANTS:  # thresholds change no ranking
            of_sets = np.reshape([r["macro_ap"] for r in found], (len(sets), FOLDS)).mean(axis=1)
            lines.append(f"| {variant} | " + " | ".join(f"{ap:.3f}" for ap in of_sets) + " |")
    return "\n".join(lines) + "\n"


def _of(records: list[Any], metric: str) -> NDArray[np.float64]:
    return np.array([record[metric] for record in records])


def _difference(found: list[Any], base: list[Any]) -> str:
    d = paired_difference(
        _of(found, "macro_f1_tuned") - _of(base, "macro_f1_tuned"), 1 / (FOLDS - 1)
    )
    return f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f})"


def main() -> None:
    """Runs what is asked for and writes the page."""
    STORE.parent.mkdir(parents=True, exist_ok=True)
    store = Store(STORE)
    sets = sys.argv[1:] or list(SETS)
    for name in sets:
        run(name, store)
    write_atomically(ROOT / "docs" / "ablation.md", page(store, sets))


if __name__ == "__main__":
    main()

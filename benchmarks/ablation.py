"""What does each part of the default bring? The default with one part changed, on real data.

    EQUIPOISE_DATA=folder python -m benchmarks.ablation [SET …]

The folds are those of benchmarks.outcome, its first draw. Every variant is a
`MultilabelClassifier` with one option changed. Finished parts are kept in reports/ablation.sqlite;
the page is docs/ablation.md; `--no-page` only fills the store, for several that share the sets.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterable
from typing import Any, cast

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
from equipoise.training.features import as_features, numeric_columns

STORE = ROOT / "reports" / "ablation.sqlite"
SETS = ("digits_scenes", "emotions", "yeast", "birds", "medical", "enron")
OTHERS = ("scene", "genbase", "slashdot", "bibtex")
DEFAULT = "the default"


def zero_bias(n_features: int, n_labels: int) -> Any:
    """The default network, whose output bias starts at 0."""
    return build_network(n_features, n_labels)


VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "folds dealt once": {"n_repeats": 1},
    "folds dealt twice behind bins too": {"n_repeats": 2},
    "one network, a fifth held out": {"n_folds": 1, "n_repeats": 1},
    "no mixtures of rows": {"mixup": 0},
    "numeric columns as they are": {"bins": 0},
    "numeric columns always encoded": {"bins": 4},
    "features not clipped": {"clip": 1e9},
    "as they are, output bias starts at 0": {"model": zero_bias, "mixup": 0.2, "n_repeats": 2},
    "no hidden layer": {"hidden_units": 0},
    "dropout .3": {"dropout": 0.3},
    "weights: inverse_sqrt": {"treatment": "inverse_sqrt"},
    "patience 8": {"patience": 8},
    "mixtures behind bins too": {"mixup": 0.2},
    "256 units": {"hidden_units": 256},
    "512 units": {"hidden_units": 512},
    "first step size .001": {"learning_rate": 1e-3},
    "8 folds": {"n_folds": 8},
}
# What is the default itself where no column is encoded.
OF_BINS = (
    "folds dealt twice behind bins too",
    "mixtures behind bins too",
    "numeric columns as they are",
    "numeric columns always encoded",
    "512 units",
)
# The default once more, its networks as they are, with other thresholds.
RULES = {
    "thresholds of each label alone": "tuned",
    "thresholds of all labels together": "pooled",
    "thresholds in one proportion": "proportional",
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
[outcome.md](outcome.md). Six sets come first, others confirm or do not; while the default
was being made, figures of all ten were looked at, so none of them is a stranger to it. The
difference in macro-F1 is that of the test folds of all sets of a table together, with an interval
that respects how folds overlap. Read a difference whose interval holds 0 as nothing. Where a set
has no numeric columns, what is about bins is the default itself. Variants that have not been run
on all of these sets are left out.
"""


def run(name: str, variant: str, store: Store) -> None:
    """Runs what the store does not hold yet."""
    rows = rows_of(name)
    for fold, train, test in splits(rows, 0):
        if key_of(name, fold, variant) in store:
            continue
        part, held = rows.take(train), rows.take(test)
        if variant in OF_BINS and not numeric_columns(as_features(part.X)):
            default = store.get(key_of(name, fold, DEFAULT))
            store.put(key_of(name, fold, variant), cast("dict[str, Any]", default))
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
    lines = [INTRODUCTION.format(arguments=" ".join(sets))]
    for title, wanted in (("Six sets", SETS), ("Others", OTHERS)):
        there = [name for name in wanted if name in sets]
        if there:
            lines += [f"## {title}: {', '.join(there)}", "", *_table(store, there), ""]
    for metric in ("macro_ap", "macro_f1_tuned"):
        lines += [
            f"## {COLUMNS[metric][0].upper()}{COLUMNS[metric][1:]}, set by set",
            "",
            *_set_by_set(store, sets, metric),
            "",
        ]
    return "\n".join(lines)


def _records(store: Store, sets: list[str], variants: Iterable[str]) -> dict[str, list[Any]]:
    found = {
        variant: [store.get(key_of(s, f, variant)) for s in sets for f in range(FOLDS)]
        for variant in variants
    }
    return {variant: records for variant, records in found.items() if None not in records}


def _table(store: Store, sets: list[str]) -> list[str]:
    records = _records(store, sets, [*VARIANTS, *RULES])
    lines = ["| | " + " | ".join(COLUMNS.values()) + " | difference |"]
    lines.append("|---" + "|---:" * (len(COLUMNS) + 1) + "|")
    for variant, found in records.items():
        cells = [f"{np.mean(_of(found, c)):.3f}" for c in COLUMNS]
        difference = "–" if variant == DEFAULT else _difference(found, records[DEFAULT])
        lines.append(f"| {variant} | " + " | ".join([*cells, difference]) + " |")
    return lines


def _set_by_set(store: Store, sets: list[str], metric: str) -> list[str]:
    lines = ["| | " + " | ".join(sets) + " |", "|---" + "|---:" * len(sets) + "|"]
    for variant, found in _records(store, sets, VARIANTS).items():
        of_sets = np.reshape(_of(found, metric), (len(sets), FOLDS)).mean(axis=1)
        lines.append(f"| {variant} | " + " | ".join(f"{value:.3f}" for value in of_sets) + " |")
    return lines


def _of(records: list[Any], metric: str) -> NDArray[np.float64]:
    return np.array([record[metric] for record in records])


def _difference(found: list[Any], base: list[Any]) -> str:
    d = paired_difference(
        _of(found, "macro_f1_tuned") - _of(base, "macro_f1_tuned"), 1 / (FOLDS - 1)
    )
    return f"{d.mean:+.3f} ({d.low:+.3f} to {d.high:+.3f})"


def main() -> None:
    """Runs what is asked for and writes the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sets", nargs="*", default=[*SETS, *OTHERS], metavar="SET")
    parser.add_argument("--no-page", action="store_true", help="only fill the store")
    arguments = parser.parse_args()
    STORE.parent.mkdir(parents=True, exist_ok=True)
    store = Store(STORE)
    for variant in VARIANTS:
        for name in arguments.sets:
            run(name, variant, store)
    if not arguments.no_page:
        write_atomically(ROOT / "docs" / "ablation.md", page(store, arguments.sets))


if __name__ == "__main__":
    main()

"""Does calibration help, and which? On cross-fitted scores of real data sets.

    EQUIPOISE_DATA=folder python -m benchmarks.calibration [SET …]

On each set the default network is trained five times, each time holding a fifth of the rows out;
their log-odds, none of them seen in training, are what is calibrated: raw, under heavy weights
(treatment "balanced"), and corrected in closed form. Calibrators are cross-fitted once more.
Finished sets are kept in reports/calibration.sqlite; the page is docs/calibration.md.
"""

from __future__ import annotations

import os
import sys
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np

from benchmarks.outcome import ALL_SETS, ROOT, rows_of
from equipoise._files import write_atomically
from equipoise._store import Store
from equipoise.decision import compare_calibration
from equipoise.training import TrainingOptions, fit_treatment

STORE = ROOT / "reports" / "calibration.sqlite"
WAYS = ("raw", "corrected", "temperature", "logistic", "beta", "isotonic")

INTRODUCTION = """# Calibration: does it help?

Made by

    EQUIPOISE_DATA=folder python -m benchmarks.calibration

Log loss and ECE (all cells) of cross-fitted scores of the default network: *raw* is what it says,
*corrected* is after the closed-form correction of its weights (under "none" there is nothing to
correct), the others are `Calibrator`s, cross-fitted on the raw scores. The last column says which
of them are shown to help or to do harm against raw, at 5% after allowing for their number (Holm).
"""


def run(name: str, store: Store) -> None:
    """Calibrates the scores of one set, unless it is there."""
    for treatment in ("none", "balanced"):
        if key_of(name, treatment) in store:
            continue
        rows = rows_of(name)
        fitted = fit_treatment(
            treatment,
            rows.X,
            rows.targets,
            groups=rows.groups,
            options=TrainingOptions(n_folds=5),
        )
        n = rows.targets.n_rows
        raw, corrected = np.full((2, *rows.y.shape), np.nan)
        # Each row was held out by the one network whose corrected, tempered score it has.
        for member in fitted.members:
            odds = member.log_odds(rows.X)
            own = np.isclose(fitted.chain.held_out(odds), fitted.held_scores).all(axis=1)
            raw[own] = member.output.log_odds(member.logits(rows.X[np.flatnonzero(own)]))
            corrected[own] = odds[own]
        assert not np.isnan(raw).any(), n
        found = compare_calibration(
            rows.targets,
            raw,
            others={"corrected": 1 / (1 + np.exp(-corrected))},
            from_logits=True,
            groups=rows.groups,
        )
        table = {row["way"]: row for row in found.table().to_dicts()}
        store.put(key_of(name, treatment), {"table": table, "verdict": found.verdict()})
        print(name, treatment, {w: round(r["log_loss"], 4) for w, r in table.items()}, flush=True)


def key_of(name: str, treatment: str) -> dict[str, Any]:
    """Returns what makes a record."""
    return {"set": name, "treatment": treatment}


def tables(store: Store, level: str = "##") -> list[str]:
    """Returns the Markdown of all that is there."""
    lines = []
    for metric, title in (("log_loss", "Log loss"), ("ece", "ECE")):
        lines += ["", f"{level} {title}", ""]
        lines.append("| set | treatment | " + " | ".join(WAYS) + " | shown |")
        lines.append("|---" * (len(WAYS) + 3) + "|")
        for name in ALL_SETS:
            for treatment in ("none", "balanced"):
                record = store.get(key_of(name, treatment))
                if record is None:
                    continue
                table = record["table"]
                best = min(table[way][metric] for way in WAYS)
                cells = [
                    f"**{table[w][metric]:.4f}**"
                    if table[w][metric] == best
                    else f"{table[w][metric]:.4f}"
                    for w in WAYS
                ]
                lines.append(
                    f"| {name} | {treatment} | " + " | ".join(cells) + f" | {_shown(record)} |"
                )
    return [*lines, "", *_counted(store)]


def _counted(store: Store) -> list[str]:
    """Returns how often each way has the lowest log loss, and how often it is above raw."""
    lines = []
    for treatment in ("none", "balanced"):
        records = [store.get(key_of(name, treatment)) for name in ALL_SETS]
        tables = [record["table"] for record in records if record is not None]
        best = [min(WAYS, key=lambda w, t=t: t[w]["log_loss"]) for t in tables]
        worse = {w: sum(t[w]["log_loss"] > t["raw"]["log_loss"] for t in tables) for w in WAYS}
        lines.append(
            f"- Treatment {treatment}: lowest log loss "
            + ", ".join(f"{w} on {best.count(w)}" for w in WAYS if w in best)
            + f" of {len(tables)} sets; above raw "
            + (", ".join(f"{w} on {n}" for w, n in worse.items() if n) or "none")
            + "."
        )
    return lines


def _shown(record: dict[str, Any]) -> str:
    said: dict[str, list[str]] = {"helps": [], "does harm": []}
    for sentence in record["verdict"]:
        for verb, names in said.items():
            if f" {verb}:" in sentence:
                names.append(sentence.split(f" {verb}:")[0])
    parts = [f"{verb}: {', '.join(names)}" for verb, names in said.items() if names]
    return "; ".join(parts) or "nothing"


def main() -> None:
    """Runs what is asked for and writes the page."""
    STORE.parent.mkdir(parents=True, exist_ok=True)
    store = Store(STORE)
    for name in sys.argv[1:] or ALL_SETS:
        run(name, store)
    write_atomically(
        ROOT / "docs" / "calibration.md", "\n".join([INTRODUCTION, *tables(store)]) + "\n"
    )


if __name__ == "__main__":
    main()

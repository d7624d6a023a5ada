"""The command `resample`: other rows to train on, written to a file."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from equipoise._errors import InvalidInput, shown_list
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Json, Paths, Whole
from equipoise.cli.tables import check_table, write_table
from equipoise.readers import Dataset
from equipoise.stats import LabelStats

Method = Literal[
    "lpros", "lprus", "mlros", "mlrus", "mlsmote", "mlsol", "mlul", "mlenn", "mltl", "remedial"
]


def resample(
    data: Paths,
    /,
    *,
    out: Path,
    method: Method,
    options: DataOptions | None = None,
    then: Method | None = None,
    percentage: float | None = None,
    n_new: Whole | None = None,
    n_removed: Whole | None = None,
    mean_ir: float | None = None,
    n_neighbors: Whole | None = None,
    min_kept: Whole | None = None,
    unlabelled: Literal["keep", "drop"] | None = None,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """Resample the rows of a training file. Split first: see `equipoise split`.

    Parameters
    ----------
    out
        File to write: .csv, .parquet or .arff. The labels are its last columns.
    method
        mlros clones rows of rare labels, mlrus deletes rows of common ones, lpros and lprus do so
        by label set; mlsmote and mlsol make rows; mlul, mlenn and mltl delete by neighbours;
        remedial parts rows in which common and rare labels meet.
    then
        A second method, applied to what remedial makes; it takes the options that follow.
    percentage
        How many rows appear or go, in percent.
    n_new
        How many rows appear.
    n_removed
        How many rows go.
    mean_ir
        Stop at this mean imbalance ratio.
    n_neighbors
        Number of neighbours.
    min_kept
        Positives and negatives of each label that stay (mlrus, mlenn, mltl, mlul).
    unlabelled
        What becomes of rows left without labels (remedial, mlsol).
    seed
        The same seed gives the same rows.
    """
    given: dict[str, Any] = {
        "percentage": percentage,
        "n_new": n_new,
        "n_removed": n_removed,
        "mean_ir": mean_ir,
        "n_neighbors": n_neighbors,
        "min_kept": min_kept,
        "unlabelled": unlabelled,
    }
    options = options or DataOptions()
    check_table(out)
    sampler = _sampler(method, then, {k: v for k, v in given.items() if v is not None}, seed)
    before = options.read(data)
    after, rates = _resampled(before, sampler)
    write_table(out, after, options.groups)
    result = _summary(before, after, rates)
    if json:
        show.print_json({**result, "out": str(out)})
        return
    columns = [{"title": t, "digits": 4} for t in ("measure", "before", "after")]
    names = ("rows", "mean imbalance ratio", "SCUMBLE", "rows without any label")
    rows = [(name, *result["measures"][name]) for name in names]
    show.print_table(f"{before.name}: {sampler}", columns, rows)
    show.print_lines([f"Written: {out}. `--json` lists the sampling rates that correct scores."])


def _sampler(method: str, then: str | None, given: dict[str, Any], seed: Whole) -> Any:
    """The resampler with the options that it, or the one after it, takes."""
    from equipoise import resampling

    known = {name.lower(): getattr(resampling, name) for name in resampling.__all__}
    if then is not None and method != "remedial":
        raise InvalidInput("`--then` goes with --method remedial only.", received=f"{method}")
    made: Any = None
    left = dict(given)
    for name in [n for n in (then, method) if n is not None]:
        parameters = inspect.signature(known[name]).parameters
        own = {key: left.pop(key) for key in list(left) if key in parameters}
        if "random_state" in parameters:
            own["random_state"] = seed
        if made is not None:
            own["then"] = made
        made = known[name](**own)
    if left:
        raise InvalidInput(
            f"--method {method} has no such option.",
            received=shown_list(["--" + key.replace("_", "-") for key in left]),
            remedy="Leave it out, or choose another method.",
        )
    return made


def _resampled(dataset: Dataset, sampler: Any) -> tuple[Dataset, Any]:
    x, targets = sampler.fit_resample(dataset.x, dataset.targets)
    rows = sampler.sample_indices_
    groups = None if dataset.groups is None else np.asarray(dataset.groups)[rows]
    return replace(dataset, x=x, targets=targets, groups=groups), sampler.sampling_rates_


def _summary(before: Dataset, after: Dataset, rates: Any) -> dict[str, Any]:
    old, new = (LabelStats.from_targets(d.targets) for d in (before, after))
    measures = {
        "rows": [old.n_rows, new.n_rows],
        "mean imbalance ratio": [old.mean_ir, new.mean_ir],
        "SCUMBLE": [old.scumble, new.scumble],
        "rows without any label": [(s.labelsets or {}).get(b"", 0) for s in (old, new)],
    }
    labels = [
        {"label": name, "positive_rate": float(p), "negative_rate": float(n)}
        for name, p, n in zip(rates.label_names, rates.positives, rates.negatives, strict=True)
    ]
    return {"measures": measures, "sampling_rates": labels}

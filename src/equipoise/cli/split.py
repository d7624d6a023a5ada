"""The command `split`: training, validation and test files that hold their share of every label."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.cli import show
from equipoise.cli.data import DataOptions, Json, Paths, Whole
from equipoise.cli.tables import check_table, write_table
from equipoise.model_selection import (
    split_report,
    train_test_split,
    train_validation_test_split,
)
from equipoise.readers import Dataset


def split(
    data: Paths,
    /,
    *,
    out: Path,
    options: DataOptions | None = None,
    test_size: float = 0.25,
    validation_size: float | None = None,
    seed: Whole = 0,
    json: Json = False,
) -> None:
    """Split a data set into stratified files; rows of one group stay together.

    Parameters
    ----------
    out
        Pattern of the files: parts/yeast.csv writes parts/yeast-train.csv, parts/yeast-test.csv
        and, if asked for, parts/yeast-validation.csv. The suffix is .csv, .parquet or .arff.
    test_size
        Share of test rows.
    validation_size
        Share of validation rows; none by default.
    seed
        The same seed gives the same files.
    """
    options = options or DataOptions()
    names = ("train", "test") if validation_size is None else ("train", "validation", "test")
    paths = {name: out.with_name(f"{out.stem}-{name}{out.suffix}") for name in names}
    for path in paths.values():
        check_table(path)
    dataset = options.read(data)
    parts = _parts(dataset, test_size, validation_size, seed)
    for path, rows in zip(paths.values(), parts, strict=True):
        write_table(path, _taken(dataset, rows), options.groups)
    report = split_report(dataset.targets, parts, shares=[len(rows) for rows in parts])
    report = {**report, "files": {name: str(path) for name, path in paths.items()}}
    show.print_json(report) if json else _show(dataset, report)


def _parts(
    dataset: Dataset, test_size: float, validation_size: float | None, seed: Whole
) -> list[NDArray[np.int64]]:
    rows = np.arange(dataset.n_rows)
    how: dict[str, Any] = {
        "random_state": seed,
        "stratify": dataset.targets,
        "groups": dataset.groups,
    }
    if validation_size is None:
        return train_test_split(rows, test_size=test_size, **how)
    sizes = (1 - test_size - validation_size, validation_size, test_size)
    return train_validation_test_split(rows, sizes=sizes, **how)


def _taken(dataset: Dataset, rows: NDArray[np.int64]) -> Dataset:
    groups = None if dataset.groups is None else np.asarray(dataset.groups)[rows]
    return replace(dataset, x=dataset.x[rows], targets=dataset.targets.take(rows), groups=groups)


def _show(dataset: Dataset, report: dict[str, Any]) -> None:
    columns = [{"title": title} for title in ("part", "rows", "file")]
    rows = [
        (name, size, path)
        for (name, path), size in zip(report["files"].items(), report["sizes"], strict=True)
    ]
    show.print_table(dataset.name, columns, rows)
    distance = f"{report['label_distribution']:.4f}"
    lines = [f"Distance of the label shares from those of the whole (LD): {distance}."]
    names = list(report["files"])
    for entry in report["missing"]:
        where = ", ".join(names[part] for part in entry["parts"])
        lines.append(f"{entry['label']} ({entry['positives']} positives) is not in: {where}.")
    rest, hidden = show.shown_labels(lines, False)
    show.print_lines([*rest, hidden] if hidden else rest)

"""What `evaluate` judges of a bundle: its scores on rows whose labels are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from equipoise._errors import InvalidInput, shown_list
from equipoise.cli.data import DataOptions
from equipoise.cli.libraries import without_panics
from equipoise.cli.machine import MachineOptions
from equipoise.readers import Dataset, read
from equipoise.readers._matrix_rows import check_same_order
from equipoise.readers._paths import format_suffix
from equipoise.readers.blocks import SUFFIXES
from equipoise.targets import Targets, as_targets


def of_bundle(
    folder: Path, paths: list[Path], options: DataOptions, machine: MachineOptions
) -> tuple[Dataset, Targets, Any, Any]:
    """Returns the rows, their labels in the order of the bundle, its scores and thresholds.

    Raises:
        InvalidFile: no bundle, or rows that do not have its columns.
        InvalidInput: no file of rows, or one with other labels.
    """
    from equipoise.bundle._folder import check_is_bundle
    from equipoise.decision import Thresholds

    if not paths:
        raise InvalidInput(
            "There are no rows to judge the bundle on.",
            remedy="Name a file with labels: equipoise evaluate BUNDLE DATA.",
        )
    check_is_bundle(folder)
    machine.choose()
    machine.start()
    from equipoise.bundle import Bundle
    from equipoise.bundle.predict import score_dataset

    bundle = Bundle.load(folder)
    if not bundle.columns:
        raise InvalidInput(
            "This bundle was made from a matrix and knows no names of columns.",
            remedy="Load it with MultilabelClassifier.load, and pass its scores to `evaluate`.",
        )
    dataset = _read(bundle, paths, options)
    targets = _ordered(dataset.targets, bundle.fitted.label_names)
    scores = score_dataset(bundle, dataset)
    thresholds = bundle.fitted.thresholds
    if bundle.task == "multiclass":  # the most probable class is the decision
        first = np.zeros(targets.n_labels)
        thresholds = Thresholds(first, targets.label_names, labels_per_row=1)
    return dataset, targets, scores, thresholds


def _read(bundle: Any, paths: list[Path], options: DataOptions) -> Dataset:
    """Reads the rows; where nothing else is said, labels are where they were in training."""
    suffixes = {format_suffix(path) for path in paths}
    nominal = bundle.reading.get("nominal", {})
    for path in paths if nominal and suffixes == {".arff"} else []:
        check_same_order(path, nominal)
    table = suffixes <= set(SUFFIXES)
    if options.labels is not None or options.labels_column is not None:
        return replace(options, mixed=table).read(paths)
    if not set(bundle.reading) - {"nominal"}:
        raise InvalidInput(
            "Where the labels are is not said.", remedy="Pass --labels, or --labels-column."
        )
    given = {
        name: value
        for name in ("separator", "header", "quoting", "ignore", "groups")
        if (value := getattr(options, name)) not in (None, True)
    }
    given |= {
        name: value
        for name, value in bundle.reading.items()
        if name != "nominal"
        # ARFF, libsvm and NPZ files say themselves where their labels are; ARFF may be told too.
        and value is not None
        and (table or (name == "labels" and suffixes == {".arff"}))
    }
    if "labels_column" in given and bundle.fitted.chain.thresholds.values.size > 1:
        given["label_names"] = list(bundle.fitted.label_names)  # also those that no row here has
    with without_panics():
        return read(paths, mixed=table, **given)


def _ordered(targets: Targets, names: tuple[str, ...]) -> Targets:
    """The labels in the order of the bundle."""
    if set(targets.label_names) != set(names):
        missing = [name for name in names if name not in targets.label_names]
        other = [name for name in targets.label_names if name not in names]
        received = f"without {shown_list(missing)}" if missing else f"also {shown_list(other)}"
        raise InvalidInput(
            "The rows have other labels than the bundle.",
            received=received,
            remedy="Name the same labels as in training, with --labels.",
        )
    if targets.label_names == names:
        return targets
    order = [targets.label_names.index(name) for name in names]
    values = targets.to_array().reshape(targets.n_rows, -1)[:, order]
    return as_targets(values, label_names=names)

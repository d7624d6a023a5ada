"""The command `train`: from a file of rows and labels to a bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from cyclopts import Parameter, Token

from equipoise._errors import InvalidInput
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Flag, Json, Paths, Whole, whole
from equipoise.cli.machine import MachineOptions
from equipoise.cli.progress import bar_of
from equipoise.readers import Dataset
from equipoise.readers._paths import format_suffix


def _whole_or_auto(type_: Any, tokens: Sequence[Token]) -> int | Literal["auto"]:
    return "auto" if tokens[0].value == "auto" else whole(type_, tokens)


WholeOrAuto = Annotated[
    int | Literal["auto"], Parameter(converter=_whole_or_auto, show_choices=False)
]


def train(
    data: Paths,
    /,
    *,
    out: Path,
    config: Path | None = None,
    options: DataOptions | None = None,
    machine: MachineOptions | None = None,
    treatment: str = "default",
    folds: Whole = 5,
    repeats: WholeOrAuto = "auto",
    epochs: Whole = 60,
    hidden_units: WholeOrAuto = "auto",
    bins: WholeOrAuto = "auto",
    seed: Whole = 0,
    json: Json = False,
    all_labels: Flag = False,
) -> None:
    """Train networks on a data set and write them, with all that using them takes, to a folder.

    Parameters
    ----------
    out
        The folder: one that does not exist yet, or a bundle, which is replaced.
    config
        TOML file with options, such as labels = "lab_*"; the command line wins over it.
    treatment
        What is done about imbalance: default, none, balanced, inverse_sqrt, focal, …; or auto:
        what inner folds show to be better than the default, in five times its time or more.
    folds
        Networks; each holds out another part to find when to stop, and the thresholds.
    repeats
        Times that rows are dealt into folds; auto: 2, or 1 with bins.
    epochs
        Most epochs of a network; it stops where it gains no more.
    hidden_units
        Width of the networks, 0 for linear ones; auto: 512, or 256 with bins.
    bins
        Bins by which numbers are seen, 0 for none; auto tries both.
    seed
        The same seed gives the same networks and thresholds.
    all_labels
        List every label, not only the first ones.
    """
    from equipoise.bundle._folder import check_target

    check_target(out)
    machine = machine or MachineOptions()
    machine.choose()
    options = options or DataOptions()
    encoder = options.encoder()
    if encoder is not None:
        _check_can_save_encoder()
    dataset = options.read(data)
    # Keras starts slowly; a mistake in the command or in the file is told before.
    machine.start(training=True)
    from equipoise.bundle import Bundle, columns_of, of_data, of_held_out_rows
    from equipoise.classifier import _DEFAULT
    from equipoise.training import TrainingOptions, choose_treatment, fit_treatment
    from equipoise.training.choose import candidates_for

    plan = TrainingOptions(
        n_folds=folds,
        n_repeats=repeats,
        max_epochs=epochs,
        hidden_units=hidden_units,
        bins=bins,
        mixup="auto",
    )
    x, feature_names = _encoded(dataset, encoder)
    how: dict[str, Any] = {"groups": dataset.groups, "options": plan, "random_state": seed}
    most_epochs = plan.most_epochs
    if treatment == "auto":
        most_epochs += len(candidates_for(dataset.targets)) * replace(plan, bins=0).most_epochs
    with bar_of(f"{dataset.name}: epochs, at most", most_epochs) as advance:
        if treatment == "auto":
            fitted = choose_treatment(x, dataset.targets, on_epoch=advance, **how)
        else:
            named = _DEFAULT if treatment == "default" else treatment
            fitted = fit_treatment(named, x, dataset.targets, on_epoch=advance, **how)
    targets = dataset.targets
    bundle = Bundle(
        fitted,
        "multiclass" if targets.task == "multiclass" else "multilabel",
        np.array(targets.label_names, dtype=object),
        vars(plan) | {"random_state": seed},
        columns_of(dataset.feature_names, dataset.x),
        encoder,
        feature_names,
        _reading(options, targets.label_names) | _nominal(data, dataset.feature_names),
        of_data(targets, dataset.name, dataset.n_attributes),
        of_held_out_rows(fitted, targets, seed),
    )
    bundle.save(out)
    show.print_json(_told(bundle, out)) if json else _show(bundle, out, all_labels)


def _check_can_save_encoder() -> None:
    from equipoise._errors import require

    require("skops", extra="tables", purpose="A bundle of a mixed table")


def _encoded(dataset: Dataset, encoder: Any) -> tuple[Any, tuple[str, ...] | None]:
    """Returns the features as numbers, and the names of their columns."""
    if encoder is None:
        return dataset.x, dataset.feature_names
    encoded = encoder.fit_transform(dataset.x)
    if not encoded.width:
        raise InvalidInput("No column of the table tells anything: each holds one value only.")
    return encoded.to_numpy(), tuple(encoded.columns)


def _reading(options: DataOptions, names: tuple[str, ...]) -> dict[str, Any]:
    """What `evaluate` needs to find the labels in a file like this one."""
    if options.labels_column is not None:
        return {"labels_column": options.labels_column, "delimiter": options.delimiter}
    return {"labels": list(names)} if options.label_names is None else {}


def _nominal(paths: list[Path], names: tuple[str, ...]) -> dict[str, Any]:
    """The values of nominal attributes, whose order says which of them stands for 1."""
    if {format_suffix(path) for path in paths} != {".arff"}:
        return {}
    from equipoise.readers._arff_header import merged_attribute
    from equipoise.readers._arff_rows import Source

    headers = [Source.open(path).header for path in paths]
    there = set(names)
    kept = {}
    for own in headers[0].attributes:
        used = own.name in there or any(f"{own.name}={value}" in there for value in own.values)
        if own.kind == "nominal" and used and own.values != ("0", "1"):
            values = own.values if len(headers) == 1 else merged_attribute(headers, own.name).values
            kept[own.name] = list(values)
    return {"nominal": kept} if kept else {}


def _told(bundle: Any, out: Path) -> dict[str, Any]:
    return {
        "bundle": str(out),
        "labels": list(bundle.label_names),
        "treatment": bundle.fitted.treatment.to_dict(),
        "choice": None if bundle.fitted.choice is None else bundle.fitted.choice.to_dict(),
        "bins": bundle.fitted.bins,
        "epochs": [member.n_epochs for member in bundle.fitted.members],
        "data": bundle.data,
        "held_out": bundle.held_out,
    }


def _show(bundle: Any, out: Path, all_labels: bool) -> None:
    held, data = bundle.held_out, bundle.data
    measures = [{"title": "measure"}, {"title": "held-out rows"}]
    show.print_table(data["name"], measures, list(held["overall"].items()))
    titles = ("label", "positives", "threshold", "F1", "95% from", "to")
    rows = [
        (row["label"], n, *(row[key] for key in ("threshold", "f1", "f1_low", "f1_high")))
        for row, n in zip(held["labels"], data["positives"], strict=True)
    ]
    rows, rest = show.shown_labels(rows, all_labels)
    show.print_table("Labels", [{"title": title} for title in titles], rows)
    epochs = ", ".join(str(member.n_epochs) for member in bundle.fitted.members)
    lines = [rest] if rest else []
    if bundle.fitted.choice is not None:
        lines.append(bundle.fitted.choice.reason())
    if bundle.fitted.bins:
        lines.append(f"Numeric columns are seen by {bundle.fitted.bins} bins beside their value.")
    lines += [f"Epochs trained: {epochs}.", f"Bundle: {out} (its README.md says what it is)"]
    show.print_lines(lines)

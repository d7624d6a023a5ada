"""Commands about weights: `weigh` and `audit`."""

from pathlib import Path
from typing import Literal

from equipoise._errors import InvalidInput
from equipoise._files import check_writable, read_json
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Json, Paths, Whole
from equipoise.report import check_report
from equipoise.weights import LabelWeights


def weigh(
    data: Paths,
    /,
    *,
    options: DataOptions | None = None,
    scheme: str = "balanced",
    applies_to: Literal["positives", "classes", "label"] | None = None,
    absent: Literal["max", "zero", "error"] = "max",
    power: float = 1.0,
    cap: float | None = None,
    normalize: Literal["cells", "labels"] | None = None,
    out: Path | None = None,
    json: Json = False,
) -> None:
    """Compute label weights, and show what they do to loss, gradient and the threshold 0.5.

    Parameters
    ----------
    scheme
        balanced, inverse_frequency, inverse_sqrt, median_frequency, effective_number, …
    applies_to
        What the weights multiply; by default as the scheme means it.
    absent
        Weight of a label without positives: that of the largest, zero, or an error.
    power
        Exponent of the weights; 0.5 halves their effect on the log-odds.
    cap
        Largest weight.
    normalize
        cells: mean weight of the cells 1; labels: mean over the labels 1.
    out
        Write the weights to this JSON file (LabelWeights.from_json reads it).
    """
    from equipoise.audit import effect

    if out is not None:
        check_writable(out)
    targets = (options or DataOptions()).read(data).targets
    weights = LabelWeights.from_targets(
        targets,
        scheme,
        applies_to=applies_to,
        absent=absent,
        power=power,
        cap=cap,
        normalize=normalize,
    )
    result = effect(weights, targets)
    if out is not None:
        weights.to_json(out)
    if json:
        show.print_json({"weights": weights.to_dict(), "effect": result.to_dict()})
    else:
        show.print_document(result.document())


def audit(
    data: Paths,
    /,
    *,
    options: DataOptions | None = None,
    class_weight: str | None = None,
    folds: Whole = 5,
    report: Path | None = None,
    json: Json = False,
) -> None:
    """Show what Keras would do with a class_weight on this data, and what else goes wrong quietly.

    Parameters
    ----------
    class_weight
        Weights such as 2.5,10,5,20 in the order of the labels, or a JSON file {label: weight};
        by default N / positives, as many tutorials advise.
    folds
        Folds that the labels are to be split into; labels too rare for them are found.
    report
        Write the audit to this file: .html, .md or .json.
    """
    from equipoise.audit import check
    from equipoise.audit import class_weight as audited
    from equipoise.audit.findings import SILENT
    from equipoise.audit.row_weights import keras_can_be_asked
    from equipoise.cli.libraries import load_for_training
    from equipoise.report import write_report

    if report is not None:
        check_report(report)
    dataset = (options or DataOptions()).read(data)
    asked = _asked(class_weight, dataset.targets)
    if keras_can_be_asked():  # which loads it, and fits a model
        load_for_training()
    result = audited(dataset.targets, asked)
    found = check(dataset.targets, class_weight=asked, cv=folds, groups=dataset.groups)
    document = result.document()
    # Most rules ask about a model, of which a file says nothing.
    document["sections"] += [s for s in found.document()["sections"] if s["heading"] != SILENT]
    if report is not None:
        write_report(report, document)
    if json:
        show.print_json({**result.to_dict(), "check": found.to_dict()})
    else:
        show.print_document(document)


def _asked(class_weight: str | None, targets) -> dict:  # type: ignore[no-untyped-def,type-arg]
    """The class_weight that the command line named."""
    if class_weight is None:
        weights = LabelWeights.from_targets(targets, "inverse_frequency")
        return dict(enumerate(weights.positive.tolist()))
    if class_weight.endswith(".json"):
        return read_json(class_weight)
    try:
        return {i: float(part) for i, part in enumerate(class_weight.split(","))}
    except ValueError as error:
        raise InvalidInput(
            "`--class-weight` must be numbers separated by commas, or a JSON file.",
            received=repr(class_weight),
        ) from error

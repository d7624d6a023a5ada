"""The command `evaluate`: how good the scores in a file are, or those of a bundle on a file."""

from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from equipoise._errors import InvalidInput, did_you_mean, shown_list
from equipoise._files import check_writable
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Flag, Json
from equipoise.cli.evaluate_bundle import of_bundle
from equipoise.cli.machine import MachineOptions
from equipoise.readers import Dataset
from equipoise.report import check_report

_LABELS, _SCORES = "true_*", "probability_*"


def evaluate(
    scores: Annotated[
        list[Path], Parameter(help="A file of scores; or a bundle, and files of rows and labels.")
    ],
    /,
    *,
    options: DataOptions | None = None,
    machine: MachineOptions | None = None,
    score_columns: str = _SCORES,
    thresholds: str | None = None,
    from_logits: Flag = False,
    tune: str | None = "tuned",
    out: Path | None = None,
    report: Path | None = None,
    json: Json = False,
    all_labels: Flag = False,
) -> None:
    """Judge scores from a file that also holds the true labels, or a bundle on rows and labels.

    Scores, in Parquet, Arrow or CSV: the label true_cat belongs to the score probability_cat;
    what the two globs, --labels ('true_*' by default) and --score-columns, leave open must be the
    same. Of a bundle, labels are where they were in training unless options say otherwise, and
    decisions are made at its thresholds.

    Parameters
    ----------
    score_columns
        Columns with the scores: a glob with one *.
    thresholds
        A JSON file written by `Thresholds.to_json`, or one number for all labels; by default
        those of the bundle, or 0.5.
    from_logits
        The scores are log-odds.
    tune
        Rule of the best thresholds on these rows: tuned, shrunk, pooled, proportional, analytic or
        none.
    out
        Write those best thresholds to this JSON file.
    report
        Write a report to this file: .html, .md or .json.
    all_labels
        List every label, not only the most frequent ones.
    """
    from equipoise.evaluation import evaluate as judge

    rule = None if tune in (None, "none") else tune
    if out is not None:
        if rule is None:
            raise InvalidInput("--out writes the best thresholds, but --tune says none.")
        check_writable(out)
    if report is not None:
        check_report(report)
    given = _thresholds(thresholds)
    options, machine = options or DataOptions(), machine or MachineOptions()
    title = "How good the scores of {} are"
    if scores and scores[0].is_dir():
        if from_logits or score_columns != _SCORES:
            raise InvalidInput("--from-logits and --score-columns are for files of scores.")
        dataset, y_true, y_score, own = of_bundle(scores[0], scores[1:], options, machine)
        given, title = own if given is None else given, f"How good {scores[0].name} is on {{}}"
    else:
        if machine != MachineOptions():
            raise InvalidInput("--backend and --device are for bundles: scores need no Keras.")
        dataset, y_true, y_score = _of_file(scores, options, score_columns)
    found = judge(
        y_true,
        y_score,
        given,
        from_logits=from_logits,
        tune=rule,  # type: ignore[arg-type]
    )
    title = title.format(dataset.name)
    if out is not None and found.best is not None:
        found.best.to_json(out)
    if report is not None:
        found.report(report, title=title)
    if json:
        show.print_json(found.to_dict())
        return
    document = found.document(title)
    for section in document["sections"]:
        if section["heading"] == "Label by label":
            rows, rest = show.shown_labels(section["table"]["rows"], all_labels)
            section["table"]["rows"] = rows
            section["paragraphs"] = [rest] if rest else []
    show.print_document(document)
    written = [f"Report: {report}"] if report else []
    show.print_lines(written + ([f"Best thresholds: {out}"] if out else []))


def _thresholds(given: str | None) -> Any:
    """Returns the thresholds of a file, or a number; None for the default."""
    from equipoise.decision import Thresholds

    if given is None:
        return None
    try:
        return float(given)
    except ValueError:
        return Thresholds.from_json(given)


def _of_file(paths: list[Path], options: DataOptions, globs: str) -> tuple[Dataset, Any, Any]:
    """Returns a file of scores, its labels and its scores."""
    if options.labels_column is not None or options.label_names is not None:
        raise InvalidInput(
            "A file of scores has a column of 0 and 1 for each label.",
            remedy="Name them with --labels, a glob with one *.",
        )
    labels = options.labels or _LABELS
    dataset = replace(options, labels=labels, mixed=True).read(paths)
    names, y_score = _matched(dataset, labels, globs)
    return dataset, _renamed(dataset, names), y_score


def _matched(dataset: Dataset, labels: str, score_columns: str) -> tuple[list[str], Any]:
    """Returns the names of the labels without what their glob fixes, and (N, L) scores."""
    for option, glob in (("--labels", labels), ("--score-columns", score_columns)):
        if glob.count("*") != 1:
            raise InvalidInput(
                f"{option} must be a glob with one *, which stands for the name of the label.",
                received=repr(glob),
            )
    names = [_inside(column, labels) for column in dataset.targets.label_names]
    before, after = score_columns.split("*")
    wanted = [f"{before}{name}{after}" for name in names]
    there = set(dataset.feature_names)
    missing = [column for column in wanted if column not in there]
    if missing:
        like = [c for c in dataset.feature_names if fnmatchcase(c, score_columns)]
        raise InvalidInput(
            f"There is no column {missing[0]!r}, with the scores of a label."
            if len(missing) == 1
            else f"{len(missing)} labels have no column of scores, such as {missing[0]!r}.",
            received=f"columns {shown_list(like or list(dataset.feature_names))}",
            remedy=did_you_mean(missing[0], dataset.feature_names)
            + " Or name the columns of scores with --score-columns.",
        )
    frame: Any = dataset.x
    chosen = frame.select(wanted)
    text = [column for column in wanted if not chosen.schema[column].is_numeric()]
    if text:
        raise InvalidInput(f"The column {text[0]!r} does not hold numbers.")
    return names, chosen.to_numpy()


def _inside(column: str, glob: str) -> str:
    before, after = glob.split("*")
    return column[len(before) : len(column) - len(after)]


def _renamed(dataset: Dataset, names: list[str]) -> Any:
    from equipoise.targets import as_targets

    return as_targets(dataset.targets.to_array(), label_names=names)

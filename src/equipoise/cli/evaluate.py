"""The command `evaluate`: how good the scores in a file are."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from equipoise._errors import InvalidInput, did_you_mean, shown_list
from equipoise._files import check_writable
from equipoise.cli import show
from equipoise.cli.data import Paths
from equipoise.readers import Dataset, read

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON for machines.")]


def evaluate(
    scores: Paths,
    /,
    *,
    labels: Annotated[str, Parameter(name=["--labels", "-l"])] = "true_*",
    score_columns: str = "probability_*",
    thresholds: str | None = None,
    from_logits: bool = False,
    tune: str | None = "tuned",
    out: Path | None = None,
    report: Path | None = None,
    json: Json = False,
    all_labels: bool = False,
) -> None:
    """Judge scores from a file that also holds the true labels: Parquet, Arrow, CSV.

    The label true_cat belongs to the score probability_cat: what the two globs leave open must
    be the same.

    Parameters
    ----------
    labels
        Columns with the true labels, 0 and 1: a glob with one *.
    score_columns
        Columns with the scores: a glob with one *.
    thresholds
        A JSON file written by `Thresholds.to_json`, or one number for all labels; 0.5 by default.
    from_logits
        The scores are log-odds.
    tune
        Rule of the best thresholds on these rows: tuned, shrunk, pooled, analytic or none.
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
        check_writable(report)
    given = _thresholds(thresholds)
    dataset = read(scores, labels=labels, mixed=True)
    names, y_score = _matched(dataset, labels, score_columns)
    found = judge(
        _renamed(dataset, names),
        y_score,
        given,
        from_logits=from_logits,
        tune=rule,  # type: ignore[arg-type]
    )
    if out is not None and found.best is not None:
        found.best.to_json(out)
    if report is not None:
        found.report(report, title=f"How good the scores of {dataset.name} are")
    if json:
        show.print_json(found.to_dict())
        return
    document = found.document(f"How good the scores of {dataset.name} are")
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
            f"There is no column {missing[0]!r} for the label {labels.replace('*', names[0])!r}."
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

"""The commands. Each is a typed function; its docstring is its help."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter

from equipoise import __version__
from equipoise._files import check_writable
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Paths
from equipoise.cli.evaluate import evaluate
from equipoise.cli.resample import resample
from equipoise.cli.split import split
from equipoise.cli.weights import audit, weigh
from equipoise.stats import LabelStats

app = App(
    name="equipoise",
    help="Imbalanced multi-label classification: what your data looks like, and which treatment "
    "of the imbalance helps on it.",
    version=__version__,
    suppress_keyboard_interrupt=False,  # main() says what became of the work
)

app.command(weigh)
app.command(audit)
app.command(evaluate)
app.command(resample)
app.command(split)

Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print JSON for machines.")]
Report = Annotated[Path | None, Parameter(help="Write a self-contained HTML report to this file.")]


def run(arguments: list[str]) -> int:
    """Runs a command; a mistake in the arguments is told and gives 2."""
    try:
        app(arguments, exit_on_error=False, print_error=True, result_action="return_value")
    except CycloptsError:
        return 2
    return 0


@app.command
def describe(
    data: Paths,
    /,
    *,
    options: DataOptions | None = None,
    json: Json = False,
    all_labels: bool = False,
) -> None:
    """Describe a data set: label frequencies and every measure of their imbalance.

    Parameters
    ----------
    all_labels
        List every label, not only the most frequent ones.
    """
    dataset = (options or DataOptions()).read(data)
    stats = LabelStats.from_targets(dataset.targets, n_features=dataset.n_attributes)
    if json:
        show.print_json(_described(stats))
        return
    measures = [{"title": "measure"}, {"title": "value", "digits": 4}]
    show.print_table(dataset.name, measures, list(_measures(stats).items()))
    rows, rest = show.shown_labels(_label_rows(stats), all_labels)
    titles = ("label", "positives", "unknown", "prevalence", "imbalance ratio")
    show.print_table("Labels", [{"title": t, "digits": 4} for t in titles], rows)
    show.print_lines([rest] if rest else [])


@app.command
def compare(
    data: Paths,
    /,
    *,
    options: DataOptions | None = None,
    treatments: str | None = None,
    cv: int = 5,
    repeats: int = 1,
    inner_folds: int = 1,
    seed: int = 0,
    jobs: int = 1,
    report: Report = None,
    json: Json = False,
) -> None:
    """Compare treatments of imbalance on a data set, by cross-validation.

    Parameters
    ----------
    treatments
        Names separated by commas; all by default.
    cv
        Number of stratified folds.
    repeats
        How often the folds are drawn anew.
    inner_folds
        Networks per fold, each holding out another part; 1 holds out a single fifth.
    seed
        The same seed gives the same table.
    jobs
        Processes; the table is the same for any number.
    """
    options = options or DataOptions()
    encoder = options.encoder()
    dataset = options.read(data)
    _compare_and_show(
        dataset, encoder, treatments, cv, repeats, inner_folds, seed, jobs, report, json
    )


@app.command
def demo(
    *,
    rows: int = 2000,
    cv: int = 5,
    seed: int = 0,
    jobs: int = 1,
    report: Report = Path("equipoise-demo.html"),
    json: Json = False,
) -> None:
    """Compare all treatments on an embedded data set of real handwritten digits.

    Parameters
    ----------
    rows
        Number of scenes composed from the digits.
    cv
        Number of folds.
    seed
        The same seed gives the same scenes and the same table.
    jobs
        Processes.
    """
    from equipoise.datasets import digits_scenes

    _compare_and_show(
        digits_scenes(rows, random_state=seed), None, None, cv, 1, 1, seed, jobs, report, json
    )


def _compare_and_show(
    dataset: Any,
    encoder: Any,
    treatments: str | None,
    cv: int,
    repeats: int,
    inner_folds: int,
    seed: int,
    jobs: int,
    report: Path | None,
    json: bool,
) -> None:
    """Runs a comparison with a progress bar, prints it and writes its report."""
    # Keras starts slowly; a mistake in the command or in the file is told before.
    from equipoise.comparison import compare as compare_treatments
    from equipoise.training import DEFAULT_TREATMENTS, TrainingOptions

    if report is not None:
        check_writable(report)
    names = list(DEFAULT_TREATMENTS) if treatments is None else treatments.split(",")
    with show.progress(dataset.name) as advance:
        result = compare_treatments(
            dataset.x,
            dataset.targets,
            [name.strip() for name in names],
            encoder=encoder,
            cv=cv,
            n_repeats=repeats,
            groups=dataset.groups,
            options=TrainingOptions(n_folds=inner_folds),
            random_state=seed,
            n_jobs=jobs,
            n_attributes=dataset.n_attributes,
            on_cell=advance,
        )
    if report is not None:
        result.report(report, title=f"Treatments of imbalance on {dataset.name}")
    if json:
        show.print_json(result.to_dict())
        return
    titles = {
        "treatment": "treatment",
        "macro_f1_tuned": "macro-F1 tuned",
        "difference": "… − none",
        "low": "95% from",
        "high": "to",
        "macro_f1_half": "macro-F1 at 0.5",
        "macro_ap": "macro AP",
        "log_loss": "log loss",
        "ece_raw": "ECE raw",
        "ece": "ECE corrected",
    }
    columns = [
        {"title": title, "signed": name in ("difference", "low", "high")}
        for name, title in titles.items()
    ]
    rows = result.table().select(*titles).rows()
    show.print_table(f"{dataset.name}: means over {result.n_folds} test folds", columns, rows)
    show.print_lines(result.verdict())
    if report is not None:
        show.print_lines([f"Report: {report}"])


def _measures(stats: LabelStats) -> dict[str, Any]:
    return {
        "rows": stats.n_rows,
        "labels": stats.n_labels,
        "input attributes": stats.n_features,
        "cardinality": stats.cardinality,
        "density": stats.density,
        "distinct label sets": stats.n_labelsets,
        "rows with exactly one label": stats.p_min,
        "rows without any label": stats.labelsets.get(b"", 0) if stats.labelsets else None,
        "labels without any positive": len(stats.absent_labels),
        "mean imbalance ratio": stats.mean_ir,
        "largest imbalance ratio": stats.max_ir,
        "CVIR": stats.cvir,
        "SCUMBLE": stats.scumble,
        "TCS": stats.tcs,
    }


def _label_rows(stats: LabelStats) -> list[Any]:
    rows = stats.to_frame().select("label", "positives", "unknown", "prevalence", "irlbl")
    return rows.sort("positives", descending=True, maintain_order=True).rows()


def _described(stats: LabelStats) -> dict[str, Any]:
    return {"measures": _measures(stats), "labels": stats.to_frame().to_dicts()}

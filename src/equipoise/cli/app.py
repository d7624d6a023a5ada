"""The commands. Each is a typed function; its docstring is its help."""

from typing import Any

from cyclopts import App, CycloptsError

from equipoise import __version__
from equipoise.cli import show
from equipoise.cli.compare import compare, demo
from equipoise.cli.completion import completion
from equipoise.cli.config import config_file
from equipoise.cli.data import DataOptions, Flag, Json, Paths
from equipoise.cli.evaluate import evaluate
from equipoise.cli.predict import predict
from equipoise.cli.report import report
from equipoise.cli.resample import resample
from equipoise.cli.split import split
from equipoise.cli.train import train
from equipoise.cli.weights import audit, weigh
from equipoise.stats import LabelStats

app = App(
    name="equipoise",
    help="Imbalanced multi-label classification: what your data looks like, and which treatment "
    "of the imbalance helps on it.",
    version=__version__,
    config=config_file,
    suppress_keyboard_interrupt=False,  # main() says what became of the work
)

app.command(weigh)
app.command(audit)
app.command(train)
app.command(predict)
app.command(evaluate)
app.command(compare)
app.command(report)
app.command(demo)
app.command(resample)
app.command(split)
app.command(completion)
app.register_install_completion_command(help="Install completion for this shell and exit.")


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
    all_labels: Flag = False,
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

"""The commands `compare` and `demo`: what each treatment of imbalance is worth on given data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from equipoise._errors import InvalidInput
from equipoise._store import Store
from equipoise.cli import show
from equipoise.cli.data import DataOptions, Flag, Json, Paths, Whole
from equipoise.cli.libraries import load
from equipoise.cli.machine import MachineOptions, workers
from equipoise.report import check_report

Report = Annotated[Path | None, Parameter(help="Write a self-contained HTML report to this file.")]

_TITLES = {
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


@dataclass(frozen=True)
class _Run:
    """How a comparison runs, whatever is compared."""

    machine: MachineOptions
    jobs: int | None
    report: Path | None
    json: bool

    @contextmanager
    def started(self) -> Iterator[None]:
        """Checks what can be checked early, then starts Keras, here and in worker processes."""
        if self.report is not None:
            check_report(self.report)
        if self.jobs == 0:
            raise InvalidInput("`--jobs` must not be 0.", remedy="1 is one process, -1 all cores.")
        self.machine.start(training=True)
        with workers():
            yield


def compare(
    data: Paths,
    /,
    *,
    options: DataOptions | None = None,
    machine: MachineOptions | None = None,
    treatments: str | None = None,
    cv: Whole | None = None,
    repeats: Whole | None = None,
    inner_folds: Whole | None = None,
    seed: Whole | None = None,
    prune: Flag = False,
    jobs: Whole | None = None,
    store: Path | None = None,
    resume: Flag = False,
    report: Report = None,
    json: Json = False,
) -> None:
    """Compare treatments of imbalance by cross-validation, on a data set or by a plan.

    A plan is one TOML file that names data sets, treatments, folds, seeds and options. Its
    finished parts are kept in a store beside it, plan.store for plan.toml.

    Parameters
    ----------
    treatments
        Names separated by commas; six of them by default.
    cv
        Number of stratified folds; 5 by default.
    repeats
        How often the folds are drawn anew.
    inner_folds
        Networks per fold, each holding out another part; 1 holds out a single fifth.
    seed
        The same seed gives the same table.
    prune
        Give up treatments that clearly lose, after 3, 6, 12, … folds.
    jobs
        Processes; the table is the same for any number.
    store
        File that keeps every finished part, so that work that broke off can go on.
    resume
        Go on with what is in the store; without it, a store that holds something is refused.
    """
    given = {
        "treatments": treatments,
        "cv": cv,
        "repeats": repeats,
        "inner_folds": inner_folds,
        "seed": seed,
        "prune": prune or None,
    }
    run = _Run(machine or MachineOptions(), jobs, report, json)
    run.machine.choose()
    if [path.suffix.lower() for path in data] == [".toml"]:
        _refuse(given, options)
        _run_plan(data[0], store, resume, run)
        return
    options = options or DataOptions()
    encoder = options.encoder()
    if store is None and resume:
        raise InvalidInput("`--resume` needs a `--store`, or a plan.", remedy="Name the store.")
    dataset = options.read(data)
    chosen = {name: value for name, value in given.items() if value is not None}
    _compare_and_show(dataset, encoder, chosen, _opened(store, resume), run)


def demo(
    *,
    machine: MachineOptions | None = None,
    rows: Whole = 2000,
    cv: Whole = 5,
    seed: Whole = 0,
    jobs: Whole | None = None,
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

    run = _Run(machine or MachineOptions(), jobs, report, json)
    run.machine.choose()
    scenes = digits_scenes(rows, random_state=seed)
    _compare_and_show(scenes, None, {"cv": cv, "seed": seed}, None, run)


def _compare_and_show(
    dataset: Any,
    encoder: Any,
    chosen: dict[str, Any],
    store: Store | None,
    run: _Run,
) -> None:
    """Runs a comparison with a progress bar, prints it and writes its report."""
    # Keras starts slowly; a mistake in the command or in the file is told before.
    with (
        _resumable(store, "the same command with --resume"),
        run.started(),
        show.progress() as advance,
    ):
        from equipoise.comparison import compare as compare_treatments
        from equipoise.training import DEFAULT_TREATMENTS, TrainingOptions

        names = chosen.get("treatments", ",".join(DEFAULT_TREATMENTS)).split(",")
        result = compare_treatments(
            dataset.x,
            dataset.targets,
            [name.strip() for name in names],
            encoder=encoder,
            cv=chosen.get("cv", 5),
            n_repeats=chosen.get("repeats", 1),
            groups=dataset.groups,
            options=TrainingOptions(n_folds=chosen.get("inner_folds", 1)),
            random_state=chosen.get("seed", 0),
            n_jobs=run.jobs,
            n_attributes=dataset.n_attributes,
            prune=chosen.get("prune", False),
            store=store,
            on_cell=lambda cell, total: advance(dataset.name, cell, total),
        )
    if run.report is not None:
        result.report(run.report, title=f"Treatments of imbalance on {dataset.name}")
    if run.json:
        show.print_json(result.to_dict())
        return
    _show_table(dataset.name, result)
    show.print_lines(result.verdict())
    if run.report is not None:
        show.print_lines([f"Report: {run.report}"])


def _run_plan(
    path: Path,
    store: Path | None,
    resume: bool,
    run: _Run,
) -> None:
    """Runs a plan with a progress bar over all of it, prints it and writes its report."""
    load("keras")  # which a plan needs for the names of treatments
    from equipoise.comparison import Plan

    plan = Plan.from_toml(path)
    opened = _opened(store or path.with_suffix(".store"), resume)
    again = f"equipoise compare {path} --resume" + ("" if store is None else f" --store {store}")
    with _resumable(opened, again), run.started(), show.progress() as advance:
        result = plan.run(store=opened, n_jobs=run.jobs, on_cell=advance)
    if run.report is not None:
        result.report(run.report, title=plan.title)
    if run.json:
        show.print_json(result.to_dict())
        return
    for name, comparison in result.comparisons.items():
        _show_table(name, comparison)
    if len(result.comparisons) > 1:
        for metric in result.metrics:
            table = result.means(metric)
            columns = [{"title": title} for title in table.columns]
            columns[-1]["digits"] = 2
            show.print_table(f"{metric} on all data sets", columns, table.rows())
    show.print_lines(result.verdict())
    if run.report is not None:
        show.print_lines([f"Report: {run.report}"])


def _show_table(name: str, result: Any) -> None:
    table = result.table()
    titles = dict(_TITLES)
    if table["folds"].min() < result.n_folds:
        titles |= {"folds": "folds", "failed": "failed"}
    columns = [
        {"title": title, "signed": key in ("difference", "low", "high")}
        for key, title in titles.items()
    ]
    title = f"{name}: means over {result.n_folds} test folds"
    show.print_table(title, columns, table.select(*titles).rows())


def _opened(path: Path | None, resume: bool) -> Store | None:
    """The store; one that holds something is used only where that is asked for."""
    if path is None:
        return None
    store = Store(path)
    if len(store) and not resume:
        raise InvalidInput(
            f"The store {str(path)!r} holds {len(store)} finished parts already.",
            remedy="Go on with them with --resume, name another file with --store, or delete it.",
        )
    return store


@contextmanager
def _resumable(store: Store | None, again: str) -> Iterator[None]:
    """Says on Ctrl-C how much is kept, and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        if store is None:
            raise
        raise KeyboardInterrupt(
            f"interrupted; {len(store)} finished parts are in {str(store.path)!r}. "
            f"Go on with: {again}"
        ) from None


def _refuse(given: dict[str, Any], options: DataOptions | None) -> None:
    """A plan says everything itself; an option that it would contradict is a mistake."""
    named = [name for name, value in given.items() if value is not None]
    if options is not None and options != DataOptions():
        named.append("labels and other options of the data")
    if named:
        raise InvalidInput(
            "A plan says itself what is compared.",
            received=", ".join(f"--{n}".replace("_", "-") for n in named),
            remedy="Write it into the plan; only --jobs, --store, --resume, --report and --json "
            "go with one.",
        )

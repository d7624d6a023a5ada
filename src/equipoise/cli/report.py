"""The command `report`: what is on disk as a page, as Markdown or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from equipoise._errors import InvalidFile, InvalidInput
from equipoise._files import read_json
from equipoise._store import Store
from equipoise.cli import show
from equipoise.cli.data import Json
from equipoise.cli.libraries import load
from equipoise.cli.machine import MachineOptions
from equipoise.report import check_report, write_report

Source = Annotated[
    Path, Parameter(help="A bundle, a plan (.toml) with its store, or JSON that was written here.")
]
Out = Annotated[Path, Parameter(help="The report: .html, .md or .json.")]

_REMEDY = (
    "Name the folder of a bundle, a plan (.toml) whose store is finished, or a JSON file: a "
    "report, a comparison (compare --json) or what audit.check found."
)


def report(
    source: Source,
    out: Out,
    /,
    *,
    machine: MachineOptions | None = None,
    store: Path | None = None,
    title: str | None = None,
    json: Json = False,
) -> None:
    """Write a report of what was trained, compared or found before; nothing is trained.

    Of a bundle: its model card, with figures of held-out rows. Of a plan: the comparison, from
    the finished parts in its store. Of JSON: the report, comparison or findings that it holds.

    Parameters
    ----------
    store
        The store of the plan, plan.store for plan.toml by default.
    title
        Of the report.
    """
    check_report(out)
    if store is not None and source.suffix.lower() != ".toml":
        raise InvalidInput("`--store` goes with a plan (.toml).", received=str(source))
    document = _document(source, store, machine or MachineOptions())
    if title is not None:
        document = document | {"title": title}
    write_report(out, document)
    if json:
        show.print_json({"report": str(out), "title": document["title"], "lead": document["lead"]})
        return
    show.print_lines([*document["lead"], f"Report: {out}"])


def _document(source: Path, store: Path | None, machine: MachineOptions) -> dict[str, Any]:
    suffix = source.suffix.lower()
    if source.is_dir():
        machine.choose()
        load("keras")
        from equipoise.bundle.document import bundle_document

        return bundle_document(source)
    if not source.is_file():
        raise InvalidFile(f"There is no {str(source)!r}.", remedy=_REMEDY)
    if suffix == ".toml":
        return _of_plan(source, store or source.with_suffix(".store"), machine)
    if suffix == ".json":
        return _of_json(source, machine)
    raise InvalidFile(f"No report can be made of {str(source)!r}.", remedy=_remedy_for(source))


def _remedy_for(source: Path) -> str:
    """What the file is most likely to be, and where that is shown."""
    with source.open("rb") as file:
        is_store = file.read(16) == b"SQLite format 3\x00"
    if is_store:
        command = f"equipoise report PLAN.toml OUT --store {source}"
        return f"A store holds figures only; name its plan: {command}."
    return (
        f"{_REMEDY} Of data, equipoise describe and equipoise audit tell; of scores and labels, "
        "equipoise evaluate."
    )


def _of_plan(path: Path, store: Path, machine: MachineOptions) -> dict[str, Any]:
    machine.choose()
    load("keras")  # which a plan needs for the names of treatments
    from equipoise.comparison import Plan
    from equipoise.comparison.survey_document import survey_document

    plan = Plan.from_toml(path)
    if not store.is_file():
        raise InvalidFile(
            f"There is no store {str(store)!r}, and a report trains nothing.",
            remedy=f"Run the plan first: equipoise compare {path}; or name its store, --store.",
        )
    with show.progress() as advance:
        survey = plan.run(store=Store(store), on_cell=advance, train=False)
    return survey_document(survey, plan.title)


def _of_json(path: Path, machine: MachineOptions) -> dict[str, Any]:
    payload = read_json(path)
    kind = payload.get("kind")
    try:
        if kind in ("Comparison", "Survey"):
            machine.choose()
            load("keras")
            return _of_figures(payload, path.stem)
        if kind == "Audit":
            from equipoise.audit import Audit

            return Audit.from_dict(payload).document()
        if kind is None and "sections" in payload:
            from equipoise.report.check import check_document

            check_document(payload)
            return payload
    except InvalidInput as error:
        raise InvalidFile(
            f"{str(path)!r} cannot be shown: {error.problem}",
            received=error.received,
            remedy=error.remedy,
        ) from error
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InvalidFile(
            f"{str(path)!r} is not complete: {type(error).__name__}: {error}.",
            remedy="Write it again, with --json.",
        ) from error
    remedy = _REMEDY
    if kind == "Evaluation":
        remedy = "Write it where the scores are: equipoise evaluate … --report FILE."
    if kind == "ClassWeightAudit":
        remedy = "Write it where the data is: equipoise audit … --report FILE."
    raise InvalidFile(
        f"No report can be made of {str(path)!r}.", received=f"kind {kind!r}", remedy=remedy
    )


def _of_figures(payload: dict[str, Any], name: str) -> dict[str, Any]:
    """The report of a comparison, or of several."""
    from equipoise.comparison.document import document
    from equipoise.comparison.result import Comparison
    from equipoise.comparison.survey import Survey
    from equipoise.comparison.survey_document import survey_document

    if payload["kind"] == "Survey":
        return survey_document(Survey.from_dict(payload), name)
    return document(Comparison.from_dict(payload), name)

"""A survey in plain words, and as the plain document that the report layer renders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from equipoise.comparison.document import document
from equipoise.comparison.metrics import METRICS

if TYPE_CHECKING:
    from equipoise.comparison.survey import Survey

_LEVEL = 0.05


def survey_verdict(survey: Survey) -> list[str]:
    """Returns what holds over the data sets, then what the metric that decides says on each."""
    failed = [f"{name} could not be compared: {why}" for name, why in survey.failures.items()]
    if len(survey.comparisons) == 1:
        return [*failed, *next(iter(survey.comparisons.values())).verdict()]
    over_all = [_over_all(survey, metric) for metric in survey.metrics]
    title = METRICS[survey.metrics[0]].title
    each = []
    for name, comparison in survey.comparisons.items():
        sentences = comparison.verdict()
        wanted = [s for s in sentences if s.lower().startswith(title.lower())]
        each += [f"{name}. {s}" for s in (wanted or sentences)[:1]]
        each += [f"{name}. {s}" for s in sentences if s.startswith(("Failed:", "Given up"))]
    return [*failed, *(s for s in over_all if s), *each]


def _over_all(survey: Survey, metric: str) -> str:
    found = survey.ranks(metric)
    if found is None:
        return ""
    ranks, average = found
    title = METRICS[metric].title
    order = sorted(average, key=lambda n: average[n])
    listed = ", ".join(f"{n} {average[n]:.1f}" for n in order)
    head = f"{title[0].upper()}{title[1:]} over {ranks.n_sets} data sets: "
    if ranks.p_value >= _LEVEL:
        return (
            f"{head}the treatments are not told apart (Friedman, p = {ranks.p_value:.2f}). "
            f"Average ranks: {listed}."
        )
    p = f"p = {ranks.p_value:.3f}" if ranks.p_value >= 0.001 else "p < 0.001"
    reach = ranks.critical_difference
    pairs = [(order[0], n) for n in order[1:] if average[n] - average[order[0]] > reach]
    apart = (
        f"{order[0]} is ranked above {', '.join(n for _, n in pairs)}"
        if pairs
        else "no single one is ranked above another for certain"
    )
    return (
        f"{head}the treatments differ (Friedman, {p}); {apart}. Average ranks: {listed}; "
        f"those less than {reach:.1f} apart are not told apart (Nemenyi)."
    )


def survey_document(survey: Survey, title: str) -> dict[str, Any]:
    """Returns the report document of a survey."""
    if len(survey.comparisons) == 1:
        only = document(next(iter(survey.comparisons.values())), title)
        sections = [*only["sections"], *_plan(survey)]
        return only | {"lead": survey_verdict(survey), "sections": sections}
    sections = [_means(survey, metric) for metric in survey.metrics]
    for name, comparison in survey.comparisons.items():
        for section in document(comparison, name)["sections"]:
            sections.append(section | {"group": name})
    sections += _plan(survey)
    return {"title": title, "lead": survey_verdict(survey), "sections": sections}


def _means(survey: Survey, metric: str) -> dict[str, Any]:
    """Means on every data set beside the average ranks, and these as a figure."""
    table = survey.means(metric)
    columns: list[dict[str, Any]] = [{"title": c, "digits": 3} for c in table.columns]
    columns[-1]["digits"] = 2
    section: dict[str, Any] = {
        "heading": f"{METRICS[metric].title}: all data sets",
        "table": {"columns": columns, "rows": table.rows()},
    }
    found = survey.ranks(metric)
    if found is None:
        return section
    ranks, average = found
    names = sorted(average, key=lambda n: average[n])
    half = ranks.critical_difference / 2
    section["figure"] = {
        "kind": "intervals",
        "names": names,
        "xlabel": "average rank (1 is best)",
        "series": [
            {
                "title": METRICS[metric].title,
                "values": [average[n] for n in names],
                "low": [average[n] - half for n in names],
                "high": [average[n] + half for n in names],
            }
        ],
        "caption": f"Average ranks over {ranks.n_sets} data sets, each with half the critical "
        f"difference of {ranks.critical_difference:.2f} on either side: treatments whose bars do "
        "not overlap are told apart (Nemenyi). A treatment that was not measured on every fold of "
        "every set has no rank.",
    }
    return section


def _plan(survey: Survey) -> list[dict[str, Any]]:
    """The plan, which says it all again."""
    if not survey.plan:
        return []
    rows = [[name, str(value)] for name, value in _flat(survey.plan)]
    return [
        {
            "heading": "The plan",
            "paragraphs": ["With this in a file, all of it can be had again."],
            "code": ["equipoise compare PLAN.toml"],
            "table": {"columns": [{"title": "key"}, {"title": "value"}], "rows": rows},
        }
    ]


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yields the leaves with their places, such as data[0].paths; lists of values stay whole."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _flat(entry, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(entry, Mapping) for entry in value):
        for i, entry in enumerate(value):
            yield from _flat(entry, f"{name}[{i}]")
    elif value is not None:
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else value

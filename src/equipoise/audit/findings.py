"""What an audit says: what it found, what passed, and what it could not look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from equipoise._errors import InvalidInput, check_choice, shown_list
from equipoise._files import check_schema
from equipoise.report.render import to_fragment, to_text

if TYPE_CHECKING:
    from equipoise.audit.case import Case

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
_SCHEMA_VERSION = 1


SILENT = "Not applicable"  # the section of rules that had nothing to look at


@dataclass(frozen=True)
class Finding:
    """Something that goes wrong quietly, with the numbers that show it.

    Attributes:
        code: "EQP001" and so on; a code keeps its meaning for ever.
        title: what the rule is about.
        severity: "error" (the training or the metric is not what was asked for), "warning" (it
            may mislead) or "note".
        issue: what is wrong here, one sentence.
        evidence: numbers of these data and this model, as plain values.
        remedy: what to do, with the line of code.
    """

    code: str
    title: str
    severity: Severity
    issue: str
    evidence: Mapping[str, Any]
    remedy: str

    @property
    def page(self) -> str:
        """The page of the documentation that explains it."""
        return page_of(self.code)


@dataclass(frozen=True)
class Passed:
    """A rule that was looked at and is kept; `why` says how that is known."""

    code: str
    title: str
    why: str


@dataclass(frozen=True)
class NotApplicable:
    """A rule that could not be looked at; `why` says what is missing."""

    code: str
    title: str
    why: str


Outcome = Finding | Passed | NotApplicable


@dataclass(frozen=True)
class Rule:
    """One thing that an audit looks at: a function from a case to an outcome.

    Attributes:
        code: its code.
        title: what it is about.
        severity: how bad it is where it is not kept.
        look: the function; it builds its outcome with the methods of the rule it is handed.
    """

    code: str
    title: str
    severity: Severity
    look: Callable[[Case, Rule], Outcome]

    def __call__(self, case: Case) -> Outcome:
        return self.look(case, self)

    def found(
        self, issue: str, remedy: str, *, severity: Severity | None = None, **evidence: Any
    ) -> Finding:
        """The rule is not kept; `evidence` becomes plain values, entries of None are left out."""
        shown = {key: plain(value) for key, value in evidence.items() if value is not None}
        return Finding(self.code, self.title, severity or self.severity, issue, shown, remedy)

    def passed(self, why: str) -> Passed:
        """The rule is kept."""
        return Passed(self.code, self.title, why)

    def not_applicable(self, why: str) -> NotApplicable:
        """The rule could not be looked at."""
        return NotApplicable(self.code, self.title, why)


def rule(
    code: str, title: str, severity: Severity = "error"
) -> Callable[[Callable[[Case, Rule], Outcome]], Rule]:
    """Makes a rule of a function (case, rule) -> outcome."""
    return lambda look: Rule(code, title, severity, look)


@dataclass(frozen=True)
class Audit:
    """Everything that `equipoise.audit.check` looked at.

    Attributes:
        n_rows: rows of y.
        n_labels: labels of y.
        found: the findings, errors first, then warnings and notes, each by code.
        passed: the rules that are kept.
        not_applicable: the rules that could not be looked at.
    """

    n_rows: int
    n_labels: int
    found: list[Finding] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)

    @classmethod
    def from_outcomes(cls, n_rows: int, n_labels: int, outcomes: list[Outcome]) -> Self:
        """Sorts outcomes into the three sections."""
        found = [o for o in outcomes if isinstance(o, Finding)]
        found.sort(key=lambda f: (SEVERITIES.index(f.severity), f.code))
        return cls(
            n_rows,
            n_labels,
            found,
            [o for o in outcomes if isinstance(o, Passed)],
            [o for o in outcomes if isinstance(o, NotApplicable)],
        )

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of the findings, in their order."""
        return tuple(finding.code for finding in self.found)

    def raise_for_errors(self) -> None:
        """Raises InvalidInput if there is a finding of severity "error"."""
        errors = [f for f in self.found if f.severity == "error"]
        if errors:
            named = "; ".join(f"{f.code} {f.title}" for f in errors)
            raise InvalidInput(
                f"The audit found {counted(len(errors), 'error')}: {named}. {errors[0].issue}",
                remedy=f"{errors[0].remedy} See {errors[0].page}.",
            )

    # ------------------------------------------------------------------------------ showing

    def document(self) -> dict[str, Any]:
        """Returns the audit as a report document (`equipoise.report`)."""
        counts = [
            counted(sum(f.severity == severity for f in self.found), severity)
            for severity in SEVERITIES
        ]
        lead = [
            f"{self.n_rows:,} rows and {counted(self.n_labels, 'label')}: {', '.join(counts)}; "
            f"{len(self.passed)} passed, {len(self.not_applicable)} not applicable."
        ]
        sections = [_finding_section(finding) for finding in self.found]
        sections += [
            _table_section(heading, outcomes)
            for heading, outcomes in (
                ("Passed", self.passed),
                (SILENT, self.not_applicable),
            )
            if outcomes
        ]
        return {"title": "Audit", "lead": lead, "sections": sections}

    def __str__(self) -> str:
        return to_text(self.document())

    def _repr_html_(self) -> str:
        return to_fragment(self.document())

    # ------------------------------------------------------------------------------- saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the audit as plain values (see `from_dict`)."""
        return {
            "kind": "Audit",
            "schema_version": _SCHEMA_VERSION,
            "n_rows": self.n_rows,
            "n_labels": self.n_labels,
            "found": [
                {**vars(f), "evidence": dict(f.evidence), "page": f.page} for f in self.found
            ],
            "passed": [dict(vars(p)) for p in self.passed],
            "not_applicable": [dict(vars(n)) for n in self.not_applicable],
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "Audit", _SCHEMA_VERSION)
        for entry in payload["found"]:
            check_choice("severity", entry["severity"], SEVERITIES)
        keys = ("code", "title", "severity", "issue", "evidence", "remedy")
        return cls(
            payload["n_rows"],
            payload["n_labels"],
            [Finding(**{key: entry[key] for key in keys}) for entry in payload["found"]],
            [Passed(**entry) for entry in payload["passed"]],
            [NotApplicable(**entry) for entry in payload["not_applicable"]],
        )


def page_of(code: str) -> str:
    """The page of the documentation about a rule."""
    return f"docs/findings/{code}.md"


def counted(n: int, noun: str) -> str:
    """Returns "1 row", "2 rows", "1,200 rows"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def plain(value: Any) -> Any:
    """Returns numbers, strings, lists and dictionaries of them only; NaN becomes None."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(entry) for entry in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)


def _finding_section(finding: Finding) -> dict[str, Any]:
    numbers = "; ".join(
        f"{key.replace('_', ' ')} {_shown(value)}" for key, value in finding.evidence.items()
    )
    paragraphs = [
        finding.issue,
        *([f"Here: {numbers}."] if numbers else []),
        f"What to do: {finding.remedy}",
        f"More: {finding.page}",
    ]
    heading = f"{finding.code} {finding.severity}: {finding.title}"
    return {"heading": heading, "paragraphs": paragraphs}


def _table_section(heading: str, outcomes: list[Any]) -> dict[str, Any]:
    columns = [{"title": "code"}, {"title": "rule"}, {"title": "why"}]
    rows = [[outcome.code, outcome.title, outcome.why] for outcome in outcomes]
    return {"heading": heading, "table": {"columns": columns, "rows": rows}}


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list) and all(type(entry) is int for entry in value):
        return f"({', '.join(map(str, value))})"
    if isinstance(value, list):
        return shown_list([_Shown(_shown(entry)) for entry in value])
    if isinstance(value, dict):
        return shown_list([_Shown(f"{key} {_shown(entry)}") for key, entry in value.items()])
    return str(value)


class _Shown:
    """Text that `shown_list` shows without quotes."""

    def __init__(self, text: str):
        self.text = text

    def __str__(self) -> str:
        return self.text

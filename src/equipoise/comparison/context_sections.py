"""What stands beside the figures of a comparison, as sections of its report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from equipoise.audit import Audit
from equipoise.audit.document import class_weight_document
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import TREATMENTS

if TYPE_CHECKING:
    from equipoise.comparison.result import Comparison


def weight_sections(comparison: Comparison) -> list[dict[str, Any]]:
    """Returns what the weights did, asked for against given; nothing where there are none."""
    weights = comparison.context.get("weights", [])
    handed = comparison.context.get("class_weight")
    if not weights and handed is None:
        return []
    stats = comparison.stats
    columns: list[dict[str, Any]] = [{"title": "label"}, {"title": "positives"}]
    values: list[list[Any]] = [list(stats.label_names), stats.positives.tolist()]
    paragraphs: list[str] = []
    figure: dict[str, Any] = {}
    if weights:
        names = [one["treatment"] for one in weights]
        paragraphs.append(
            f"{', '.join(names)}: each weight multiplies its own cells and no others, so what is "
            "asked for is what is given. Shown are the weights of all rows; each fold computes "
            "them from its own training part."
        )
        for one in weights:
            for side in ("positive", "negative"):
                columns.append({"title": f"{one['treatment']}, a {side}", "digits": 2})
                values.append(one[side])
    if handed is not None:
        document = class_weight_document(handed["audit"])
        paragraphs += [_handed_over(handed), *document["lead"][:3], *document["lead"][4:]]
        labels = handed["audit"]["labels"]
        for key, title in (
            ("asked", "asked for"),
            ("effective_positive", "given to a positive"),
            ("effective_negative", "given to a negative"),
        ):
            columns.append({"title": f"{handed['treatment']}, {title}", "digits": 2})
            values.append([row[key] for row in labels])
        figure = {k: v for k, v in document["sections"][0].items() if k == "figure"}
    order = sorted(range(stats.n_labels), key=lambda i: -int(stats.positives[i]))
    return [
        {
            "heading": "What the weights did: asked for and given",
            "paragraphs": paragraphs,
            "table": {"columns": columns, "rows": [[v[i] for v in values] for i in order]},
            **figure,
        }
    ]


def _handed_over(handed: Mapping[str, Any]) -> str:
    if handed["compared"]:
        return f"{handed['treatment']} hands its weights to Keras' own class_weight."
    return (
        "No treatment here hands weights to Keras' own class_weight; weights by inverse frequency "
        "would fare like this."
    )


def audit_sections(comparison: Comparison) -> list[dict[str, Any]]:
    """Returns what the audit found in the labels and folds."""
    if "audit" not in comparison.context:
        return []
    audit = Audit.from_dict(comparison.context["audit"])
    section: dict[str, Any] = {
        "heading": "What the audit found",
        "paragraphs": [
            *audit.document()["lead"],
            "It looked at the labels and the folds; for a model, its loss and its weights as well, "
            "run equipoise.audit.check with them.",
        ],
    }
    if audit.found:
        section["table"] = {
            "columns": [
                {"title": title} for title in ("code", "severity", "finding", "what to do", "more")
            ],
            "rows": [[f.code, f.severity, f.issue, f.remedy, f.page] for f in audit.found],
        }
    return [section]


def origin_sections(comparison: Comparison) -> list[dict[str, Any]]:
    """Returns what gives the same figures again."""
    context = comparison.context
    if "call" not in context:
        return []
    rows: list[list[Any]] = [["backend", context["backend"]]]
    rows += [[name, version] for name, version in context["versions"].items()]
    rows += [["seed", ", ".join(map(str, _seeds(comparison)))], ["folds", str(comparison.n_folds)]]
    rows += [[name.replace("_", " "), _written(v)] for name, v in context["options"].items()]
    rows += [[f"treatment {t['name']}", _treatment(t)] for t in context["treatments"]]
    command = _command(comparison)
    return [
        {
            "heading": "How to get the same figures again",
            "code": [*([command] if command else []), _call(comparison)],
            "paragraphs": [
                "Data, folds, seeds, backend and versions make the figures; another machine may "
                "change their last digits.",
            ],
            "table": {"columns": [{"title": "what"}, {"title": "value"}], "rows": rows},
        }
    ]


def _seeds(comparison: Comparison) -> list[int]:
    return comparison.context.get("seeds", [comparison.random_state])


def _command(comparison: Comparison) -> str:
    """The command, where one says it all: treatments of ours, and options that it has."""
    call, options = comparison.context["call"], comparison.context["options"]
    treatments = comparison.context["treatments"]
    ours = all(t["name"] in TREATMENTS and t == TREATMENTS[t["name"]].to_dict() for t in treatments)
    # A comparison that was saved earlier lacks the options that came later.
    plain = vars(TrainingOptions()) | options == vars(TrainingOptions(n_folds=options["n_folds"]))
    seeds = _seeds(comparison)
    if not ours or not plain or not isinstance(call["cv"], int) or call["model"] or len(seeds) > 1:
        return ""
    parts = [
        "equipoise compare DATA",
        f"--treatments {','.join(t['name'] for t in treatments)}",
        f"--cv {call['cv']} --repeats {call['n_repeats']}",
        f"--inner-folds {options['n_folds']} --seed {seeds[0]}",
        *(["--prune"] if call["prune"] else []),
    ]
    return " ".join(parts)


def _call(comparison: Comparison) -> str:
    call = comparison.context["call"]
    names = [t["name"] for t in comparison.context["treatments"]]
    options = {
        name: value
        for name, value in comparison.context["options"].items()
        if value != getattr(TrainingOptions(), name)
    }
    given = [f"treatments={names!r}"]
    given += [f"{k}={call[k]!r}" for k in ("cv", "n_repeats", "min_positives")]
    given += [f"{k}=…" for k in ("groups", "encoder") if call[k]]
    given += [f"build_model=…, model_name={call['model']!r}"] if call["model"] else []
    given += [f"prune={call['prune']!r}"] if call["prune"] else []
    if options:
        given.append(
            f"options=TrainingOptions({', '.join(f'{k}={v!r}' for k, v in options.items())})"
        )
    seeds = _seeds(comparison)
    given.append(f"random_state={seeds[0] if len(seeds) == 1 else 'seed'}")
    line = f"equipoise.compare(X, y, {', '.join(given)})"
    return line if len(seeds) == 1 else f"{line} for each seed of {seeds}"


def _treatment(treatment: Mapping[str, Any]) -> str:
    """What it does, without what it leaves as it is."""
    said = {k: v for k, v in treatment.items() if k != "name" and v not in (None, {}, "")}
    return "; ".join(f"{k.replace('_', ' ')} {_written(v)}" for k, v in said.items())


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_written(v)}" for k, v in value.items())
    return str(value)

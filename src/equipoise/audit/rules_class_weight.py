"""Rules about class_weight: which cells Keras lets it reach."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.audit.case import Case, is_weight
from equipoise.audit.findings import Outcome, Rule, counted, rule
from equipoise.weights import LabelWeights

_SHOWN = 10  # labels whose numbers are shown, the most affected first
_EQ_FIT = "eq.fit(model, X, y, class_weight=class_weight)"
_NO_CLASS_WEIGHT = "no class_weight was given"
_THROUGH_FIT = "a LabelWeights goes to eq.fit, which puts each weight on its own cells"


@rule("EQP001", "class_weight reaches one label of a row")
def one_label_of_a_row(case: Case, this: Rule) -> Outcome:
    """Keras weighs a whole row by the first label it has, or by label 0 if it has none."""
    if case.class_weight is None:
        return this.not_applicable(_NO_CLASS_WEIGHT)
    if isinstance(case.class_weight, LabelWeights):
        return this.passed(_THROUGH_FIT)
    if len(case.labels.shape) > 2:
        return this.not_applicable("y has more than two axes: see EQP014")
    if not case.labels.multi_label:
        return this.passed("every row has one class, and gets the weight of that class")
    shown = case.keras_weights
    if shown is None:
        return this.not_applicable("no entry of class_weight fits a label: see EQP002")
    names = np.array(shown.label_names)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.abs(np.log(shown.effective_ratio) - np.log(shown.asked))
    worst = np.argsort(-np.nan_to_num(distance, nan=-1.0, posinf=np.inf), kind="stable")
    worst = np.sort(worst[:_SHOWN])

    def by_label(values: NDArray[np.float64]) -> dict[str, float]:
        return dict(zip(names[worst].tolist(), values[worst].tolist(), strict=True))

    return this.found(
        "Keras multiplies all of a row's loss, negatives too, by the weight of the first label "
        "the row has; a row without labels gets the weight of label 0.",
        f"{_EQ_FIT} puts each weight on the positives of its own label; "
        "eq.audit.class_weight(y, class_weight) shows all of it.",
        rows=shown.n_rows,
        rows_reweighted=shown.rows_touched,
        rows_without_labels=shown.unlabelled_rows,
        weight_of_rows_without_labels=shown.unlabelled_weight,
        rows_of_several_labels=shown.rows_with_unused_weights,
        labels_whose_weight_never_applies=list(shown.never_applied) or None,
        asked=by_label(shown.asked),
        effective_on_positives=by_label(shown.effective_positive),
        effective_on_negatives=by_label(shown.effective_negative),
        effective_ratio=by_label(shown.effective_ratio),
        loss_at_prior=shown.keras_loss,
        loss_at_prior_with_labels_reversed=shown.reversed_loss,
    )


@rule("EQP002", "class_weight has entries that do not fit the labels")
def entries_that_do_not_fit(case: Case, this: Rule) -> Outcome:
    """Keras looks classes up by number, and takes 1 for what it does not find."""
    weights = case.class_weight
    if weights is None:
        return this.not_applicable(_NO_CLASS_WEIGHT)
    labels = case.labels
    if isinstance(weights, LabelWeights):
        if weights.n_labels == labels.n_labels:
            return this.passed(f"there is a weight for each of {labels.n_labels} labels")
        return this.found(
            f"There are {weights.n_labels} label weights for {labels.n_labels} labels.",
            "Compute them from the same columns: LabelWeights.from_targets(y).",
            weights=weights.n_labels,
            labels=labels.n_labels,
        )
    classes = _classes(case)
    unknown = [key for key in weights if isinstance(key, str) or key not in classes]
    pairs = [key for key, value in weights.items() if isinstance(value, dict)]
    bad = [k for k, v in weights.items() if not isinstance(v, dict) and not is_weight(v)]
    missing = [c for c in classes if c not in weights]
    if unknown or pairs or bad:
        return this.found(
            _what_does_not_fit(unknown, pairs, bad),
            f"Keras wants {{class number: weight ≥ 0}}; names and pairs are for {_EQ_FIT}.",
            keys_that_name_no_class=unknown or None,
            pairs=pairs or None,
            weights_that_are_none={str(k): str(weights[k]) for k in bad} or None,
            classes_without_weight=len(missing),
        )
    if missing:
        return this.found(
            f"{len(missing)} of {len(classes)} classes have no weight, and Keras takes 1.",
            f"Name them all, or say so: {_EQ_FIT[:-1]}, default=1.0).",
            severity="warning",
            classes_without_weight=missing[:_SHOWN],
            n_without_weight=len(missing),
        )
    return this.passed(f"there is a weight for each of {len(classes)} classes")


def _classes(case: Case) -> list[int]:
    """The numbers by which Keras looks a class up."""
    labels = case.labels
    if labels.n_labels == 1:
        return [0, 1]
    if len(labels.shape) == 1 or labels.targets.task == "multiclass":
        try:
            return [int(name) for name in labels.names]
        except ValueError:
            pass
    return list(range(labels.n_labels))


def _what_does_not_fit(unknown: list[Any], pairs: list[Any], bad: list[Any]) -> str:
    parts: list[str] = []
    if unknown:
        parts.append(
            f"{counted(len(unknown), 'key')} of class_weight name no class number, and Keras "
            "passes over them in silence"
        )
    if pairs:
        parts.append("Keras fails on pairs of weights")
    if bad:
        parts.append(
            f"{counted(len(bad), 'weight')} of class_weight are no numbers of at least 0, and "
            "Keras does not look"
        )
    return "; ".join(parts) + "."


@rule("EQP003", "class_weight that Keras refuses")
def refused_class_weight(case: Case, this: Rule) -> Outcome:
    """Keras takes class_weight neither beside sample_weight nor for several outputs."""
    if case.class_weight is None:
        return this.not_applicable(_NO_CLASS_WEIGHT)
    if isinstance(case.class_weight, LabelWeights):
        return this.passed(_THROUGH_FIT)
    reasons: list[str] = []
    if case.sample_weight is not None:
        reasons.append("class_weight together with sample_weight")
    if case.model is not None and case.model.several_outputs:
        reasons.append("class_weight for a model with several outputs")
    if not reasons:
        return this.passed("there is one output, and no sample_weight beside it")
    return this.found(
        f"Keras raises ValueError: {' and '.join(reasons)}.",
        "eq.fit(model, X, y, class_weight=class_weight, sample_weight=sample_weight) takes both; "
        "for several outputs class_weight={output name: weights}.",
        sample_weight_shape=None if case.sample_weight is None else case.sample_weight.shape,
        several_outputs=None if case.model is None else case.model.several_outputs,
    )


RULES = (one_label_of_a_row, entries_that_do_not_fit, refused_class_weight)

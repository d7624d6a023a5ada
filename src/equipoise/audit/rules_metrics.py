"""Rules about Keras metrics that do not measure what their name says."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise import exact
from equipoise.audit.binned_area import binned_area, thresholds_of
from equipoise.audit.case import Case
from equipoise.audit.findings import Outcome, Rule, counted, rule
from equipoise.audit.labels import Labels
from equipoise.audit.model_facts import MetricFacts, ModelFacts
from equipoise.audit.rules_labels import READ_AS_TRUE_OR_FALSE

_SHOWN = 10
_OFF = 0.01  # a difference of an area that matters
_OFF_BY_BINS = 0.005  # of which the bins alone must explain this much

# Metrics of Keras that compare the output with thresholds made for probabilities.
_THRESHOLDED = (
    *READ_AS_TRUE_OR_FALSE,
    "BinaryAccuracy",
    "BinaryIoU",
    "F1Score",
    "FBetaScore",
)


def _model_with_metrics(case: Case) -> ModelFacts | str:
    """The model, or why rules about its metrics do not apply."""
    if case.model is None:
        return "no model was given"
    if case.model.metrics is None:
        return "the metrics of the model cannot be read: one of them cannot be serialised"
    return case.model if case.model.metrics else "the model has no metrics"


@rule("EQP023", '"accuracy" that became categorical')
def categorical_accuracy(case: Case, this: Rule) -> Outcome:
    """For several outputs Keras takes argmax accuracy, whatever the loss."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    if not case.labels.multi_label:
        return this.not_applicable("every row has one class")
    named = model.keras_metrics("accuracy")
    chosen = model.keras_metrics("CategoricalAccuracy", "TopKCategoricalAccuracy", "Accuracy")
    if not named and not chosen:
        return this.passed("no metric compares the largest output with the first label")
    what = '"accuracy" becomes CategoricalAccuracy' if named else f"{chosen[0].name} is asked for"
    per_row = case.labels.per_row
    categorical, binary = _accuracies(case)
    return this.found(
        f"{what}: it compares the largest output with the first label of the row, and label 0 "
        "with rows that have none.",
        'Compile with metrics=["binary_accuracy"], or better measure '
        "eq.metrics.exact.f_beta(y, y_pred) after training.",
        rows=len(per_row),
        rows_without_labels=int((per_row == 0).sum()),
        rows_of_several_labels=int((per_row > 1).sum()),
        categorical_accuracy_of_scores=categorical,
        binary_accuracy_of_scores=binary,
    )


def _accuracies(case: Case) -> tuple[float | None, float | None]:
    scores = case.y_score
    if scores is None or case.labels.unknown_markers:
        return None, None
    y: Any = case.labels.targets.to_dense().values
    categorical = float((y.argmax(axis=1) == scores.argmax(axis=1)).mean())
    cut = 0.0 if case.model is not None and case.model.output_kind == "scores" else 0.5
    return categorical, float((y == (scores > cut)).mean())


# ------------------------------------------------------------------------------------- AUC


@rule("EQP024", "AUC with too few thresholds for the scores", "warning")
def auc_with_few_thresholds(case: Case, this: Rule) -> Outcome:
    """Scores of rare labels crowd below the first thresholds, where AUC cannot tell them apart."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    metrics = model.keras_metrics("AUC")
    if not metrics:
        return this.not_applicable("the model has no AUC metric")
    if case.y_score is None:
        return this.not_applicable("no y_score was given")
    columns = _measurable(case.labels)
    if not columns.any():
        return this.not_applicable("no label has both positives and negatives, all known")
    y: Any = case.labels.targets.to_dense().values[:, columns]
    worst: dict[str, Any] = {}
    for metric in metrics:
        scores = case.y_score[:, columns]
        if metric.config.get("from_logits"):
            scores = 1 / (1 + np.exp(-np.clip(scores, -700, 700)))
        elif scores.min() < 0 or scores.max() > 1:
            return this.not_applicable("scores lie outside [0, 1]: see EQP029")
        found = _areas(metric, y, scores)
        if found["off"] > worst.get("off", -1.0):
            worst = found
    if worst["off"] <= _OFF or worst["off_by_bins"] <= _OFF_BY_BINS:
        return this.passed(f"AUC is within {worst['off']:.3g} of the exact area")
    return this.found(
        f"With {worst['thresholds']} thresholds AUC tells apart only what differs in the bins: it "
        f"says {worst['keras']:.4f} where the {worst['curve']} area of these scores is "
        f"{worst['exact']:.4f}.",
        "eq.metrics.exact.roc_auc(y, y_score) and average_precision(y, y_score) need no bins; in "
        "training pass num_thresholds=10000.",
        curve=worst["curve"],
        thresholds=worst["thresholds"],
        keras=worst["keras"],
        exact=worst["exact"],
        share_of_scores_below_the_first_threshold=worst["crowded"],
        labels_measured=int(columns.sum()),
    )


def _measurable(labels: Labels) -> NDArray[np.bool_]:
    """(L,) labels of which every row is known, with positives and negatives."""
    stats = labels.stats
    return (stats.unknown == 0) & (stats.positives > 0) & (stats.negatives > 0)


def _areas(metric: MetricFacts, y: NDArray[Any], scores: NDArray[np.float64]) -> dict[str, Any]:
    """The area as Keras gives it, exactly, and exactly of the scores as the bins show them."""
    multi_label = bool(metric.config.get("multi_label"))
    thresholds = thresholds_of(metric.config)
    curve = str(metric.config.get("curve", "ROC")).upper()
    area = exact.average_precision if curve == "PR" else exact.roc_auc
    average = "macro" if multi_label else "micro"
    exact_area = float(area(y, scores, average=average))
    binned = np.searchsorted(thresholds, scores, side="left")
    binned_exactly = float(area(y, binned, average=average))
    keras_area = binned_area(y, scores, metric.config)
    return {
        "off": abs(keras_area - exact_area),
        "off_by_bins": abs(binned_exactly - exact_area),
        "keras": keras_area,
        "exact": exact_area,
        "curve": curve,
        "thresholds": len(thresholds),
        "crowded": float((scores <= thresholds[1]).mean()),
    }


@rule("EQP027", "AUC with label_weights cannot be loaded again")
def auc_that_does_not_load(case: Case, this: Rule) -> Outcome:
    """Its config holds a tensor, which keras.models.load_model cannot read back."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    metrics = model.keras_metrics("AUC")
    if not metrics:
        return this.not_applicable("the model has no AUC metric")
    weighted = [m for m in metrics if m.config.get("label_weights") is not None]
    if not weighted:
        return this.passed("AUC has no label_weights")
    return this.found(
        "A model compiled with AUC(label_weights=...) is saved, but keras.models.load_model "
        "fails on it.",
        "Compile for saving without it: model.compile(optimizer, loss, metrics=[...]) and then "
        'model.save("model.keras"); or load with compile=False. '
        'eq.metrics.exact.roc_auc(y, y_score, average="weighted") weighs labels.',
        metrics=[str(m.config.get("name", m.name)) for m in weighted],
    )


# ----------------------------------------------------------------------------------- averages


@rule("EQP025", "macro metrics that count absent labels as 0", "warning")
def macro_over_absent_labels(case: Case, this: Rule) -> Outcome:
    """A label that cannot be measured enters the mean as the worst there is."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    if case.labels.n_labels < 2:
        return this.not_applicable("there is one label")
    metrics = _macro_metrics(model)
    if not metrics:
        return this.not_applicable("the model has no macro metric")
    rows = {"y": case.labels}
    if case.validation_labels is not None:
        rows["validation_data"] = case.validation_labels
    worst: dict[str, Any] = {}
    for where, labels in rows.items():
        for name, needs_negatives in metrics:
            absent = labels.stats.positives == 0
            if needs_negatives:
                absent = absent | (labels.stats.negatives == 0)
            if absent.sum() > worst.get("n", 0):
                worst = {
                    "n": int(absent.sum()),
                    "of": labels.n_labels,
                    "metric": name,
                    "where": where,
                    "names": labels.named(absent)[:_SHOWN],
                }
    if not worst:
        return this.passed("every label can be measured")
    return this.found(
        f"{counted(worst['n'], 'label')} of {worst['of']} in {worst['where']} cannot be measured, "
        f"and {worst['metric']} counts each of them as 0.",
        "eq.metrics.exact leaves such labels out and names them: "
        'eq.metrics.exact.f_beta(y, y_pred, average="macro").undefined.',
        metric=worst["metric"],
        labels=worst["names"],
        n_absent=worst["n"],
        highest_value_it_can_reach=1 - worst["n"] / worst["of"],
    )


def _macro_metrics(model: ModelFacts) -> list[tuple[str, bool]]:
    """Names of the macro metrics, and whether they need negatives as well as positives."""
    found = [
        (m.name, str(m.config.get("curve", "ROC")).upper() == "ROC")
        for m in model.keras_metrics("AUC")
        if m.config.get("multi_label") and m.config.get("label_weights") is None
    ]
    averaged = model.keras_metrics("F1Score", "FBetaScore")
    return found + [(m.name, False) for m in averaged if m.config.get("average") == "macro"]


@rule("EQP026", "F1Score without a threshold predicts one label a row")
def f1_without_threshold(case: Case, this: Rule) -> Outcome:
    """threshold=None is argmax: right for classes, not for labels."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    metrics = model.keras_metrics("F1Score", "FBetaScore")
    if not metrics:
        return this.not_applicable("the model has no F1Score or FBetaScore")
    if not case.labels.multi_label:
        return this.passed("every row has one class, which argmax finds")
    without = [m for m in metrics if m.config.get("threshold") is None]
    if not without:
        return this.passed("it has a threshold")
    per_row = case.labels.per_row
    positives = int(per_row.sum())
    unreachable = int(np.maximum(per_row - 1, 0).sum())
    return this.found(
        f"{without[0].name} without a threshold predicts the label of the largest output, in "
        "every row one.",
        f"keras.metrics.{without[0].name}(average=..., threshold=0.5); thresholds per label: "
        "equipoise.decision.tune_thresholds(y, y_score).",
        rows_without_labels_that_get_one=int((per_row == 0).sum()),
        positives=positives,
        positives_it_cannot_predict=unreachable,
        highest_recall_it_can_reach=1 - unreachable / positives if positives else None,
    )


# ------------------------------------------------------------------------------- what they read


@rule("EQP028", "unknown labels that metrics count")
def unknown_labels_counted(case: Case, this: Rule) -> Outcome:
    """To Keras' metrics −1 and NaN are labels like any other, usually positives."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    markers = case.labels.unknown_markers
    if not markers:
        return this.passed("every label is known")
    metrics = model.keras_metrics("accuracy", *_THRESHOLDED)
    if not metrics:
        return this.passed("no metric of Keras' own looks at labels")
    as_positives = [m.name for m in metrics if m.name in READ_AS_TRUE_OR_FALSE]
    unknown = sum(markers.values())
    positives = int(case.labels.stats.positives.sum())
    names = ", ".join(dict.fromkeys(m.name for m in metrics))
    return this.found(
        f"{names} count unknown labels"
        + (f", {', '.join(dict.fromkeys(as_positives))} as positives." if as_positives else "."),
        "eq.metrics.exact leaves NaN and −1 out: eq.metrics.exact.roc_auc(y, y_score) after the "
        "epoch.",
        unknown_cells=unknown,
        true_positives_labels=positives,
        share_of_supposed_positives_that_are_unknown=unknown / (unknown + positives)
        if as_positives
        else None,
    )


@rule("EQP029", "metrics that read logits as probabilities", "warning")
def metrics_that_read_logits(case: Case, this: Rule) -> Outcome:
    """0.5 is not the middle of logits, and AUC puts all negative ones into one bin."""
    model = _model_with_metrics(case)
    if isinstance(model, str):
        return this.not_applicable(model)
    scores = case.y_score
    kind = model.output_kind
    if kind is None and scores is not None:
        outside_any = bool(((scores < 0) | (scores > 1)).any())
        kind = "scores" if outside_any else "probabilities"
    if kind is None:
        return this.not_applicable("the activation of the output is not known")
    if kind != "scores":
        return this.passed("the output is probabilities")
    single = model.keras_metrics("accuracy") if case.labels.n_labels == 1 else []
    read = [m for m in model.keras_metrics(*_THRESHOLDED) if _reads_probabilities(m)] + single
    if not read:
        return this.passed("no metric compares the output with a probability")
    cuts = [m for m in read if m.name != "AUC"]
    names = ", ".join(dict.fromkeys(m.name for m in read))
    return this.found(
        f"The output is logits, but {names} read it as probabilities.",
        "keras.metrics.AUC(from_logits=True), keras.metrics.BinaryAccuracy(threshold=0.0), "
        "keras.metrics.Precision(thresholds=0.0); or end the model with a sigmoid.",
        threshold_in_probability=float(1 / (1 + np.exp(-0.5))) if cuts else None,
        share_of_scores_outside_0_to_1=None
        if scores is None
        else float(((scores < 0) | (scores > 1)).mean()),
    )


def _reads_probabilities(metric: MetricFacts) -> bool:
    """Whether its thresholds are those of probabilities; 0 or below is meant for logits."""
    if metric.name == "AUC":
        return not metric.config.get("from_logits")
    given = metric.config.get("thresholds", metric.config.get("threshold"))
    cuts = given if isinstance(given, (list, tuple)) else [0.5 if given is None else given]
    if metric.name in ("F1Score", "FBetaScore") and given is None:
        return False  # argmax
    return any(0 < cut < 1 for cut in cuts)


RULES = (
    categorical_accuracy,
    auc_with_few_thresholds,
    macro_over_absent_labels,
    f1_without_threshold,
    auc_that_does_not_load,
    unknown_labels_counted,
    metrics_that_read_logits,
)

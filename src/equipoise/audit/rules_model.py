"""Rules about a model's output and its loss: whether they speak of the same thing."""

from __future__ import annotations

from typing import Any

import numpy as np

from equipoise.audit.case import Case
from equipoise.audit.findings import Outcome, Rule, rule
from equipoise.audit.model_facts import LossFacts, ModelFacts

# Losses for targets with exactly one class a row.
ONE_CLASS = (
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "SparseCategoricalCrossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "sparse_categorical_crossentropy",
    "CategoricalFocal",
    "LogitAdjustedCategoricalCrossentropy",
    "WeightedCategoricalCrossentropy",
)
_NO_MODEL = "no model was given"
# 1 is the nearest number of the type to sigmoid(z) from this z on: log(2 / eps).
_SATURATED = {"float16": 8.3, "bfloat16": 6.2}


def _model_and_loss(case: Case) -> tuple[ModelFacts, LossFacts] | str:
    """The model and its loss, or why rules about them do not apply."""
    if case.model is None:
        return _NO_MODEL
    return case.model.why_no_loss if case.model.loss is None else (case.model, case.model.loss)


@rule("EQP016", "probabilities read as logits")
def probabilities_read_as_logits(case: Case, this: Rule) -> Outcome:
    """A sigmoid of a sigmoid lies between 0.5 and 0.73, whatever the model does."""
    known = _model_and_loss(case)
    if isinstance(known, str):
        return this.not_applicable(known)
    model, loss = known
    kind = model.output_kind
    if not loss.from_logits:
        return this.passed(f"{loss.name} does not read the output as logits")
    if kind == "scores":
        return this.passed("the output is logits, and is read as such")
    scores = case.y_score
    inside = scores is not None and bool(((scores >= 0) & (scores <= 1)).all())
    if kind is None and not inside:
        reason = "the activation of the output is not known, y_score was not given"
        if scores is not None:
            return this.passed("scores lie outside [0, 1], as logits do")
        return this.not_applicable(reason)
    source = f"the output is a {model.activation}" if kind else "all scores lie in [0, 1]"
    repaired = _repaired_by_tensorflow(loss, kind)
    lowest, highest = _reach(loss, case.labels.n_labels)
    return this.found(
        f"{loss.name} reads the output as logits (from_logits=True), but {source}: squashed "
        f"twice, no probability is below {lowest:.3g} or above {highest:.3g}, whatever the model "
        "learns."
        + (" On TensorFlow Keras warns and takes the logits instead." if repaired else ""),
        "Drop the activation: Dense(n_labels) with from_logits=True; or keep it and pass "
        "from_logits=False.",
        severity="warning" if repaired else None,
        activation=model.activation,
        lowest_probability_it_can_say=lowest,
        highest_probability_it_can_say=highest,
        least_loss_of_a_negative=-np.log1p(-lowest),
        lowest_score=None if scores is None else scores.min(),
        highest_score=None if scores is None else scores.max(),
    )


def _reach(loss: LossFacts, n_labels: int) -> tuple[float, float]:
    """The lowest and highest probability that logits between 0 and 1 stand for."""
    e = float(np.e)
    if loss.is_one_of(*ONE_CLASS):
        return 1 / (e + n_labels - 1), e / (e + n_labels - 1)
    return 0.5, e / (1 + e)


def _repaired_by_tensorflow(loss: LossFacts, kind: str | None) -> bool:
    """Keras on TensorFlow finds the logits that an activation of the output was made of."""
    import keras

    if keras.backend.backend() != "tensorflow" or kind is None:
        return False
    binary = loss.is_one_of("BinaryCrossentropy", "binary_crossentropy")
    return binary or loss.is_one_of("CategoricalCrossentropy", "categorical_crossentropy")


@rule("EQP017", "logits read as probabilities")
def logits_read_as_probabilities(case: Case, this: Rule) -> Outcome:
    """Keras clips to [1e-7, 1 − 1e-7]: outside, the gradient is 0 and nothing is learnt."""
    known = _model_and_loss(case)
    if isinstance(known, str):
        return this.not_applicable(known)
    model, loss = known
    kind = model.output_kind
    if loss.from_logits is None:
        return this.not_applicable(f"whether {loss.name} expects logits is not known")
    if loss.from_logits:
        return this.passed(f"{loss.name} expects logits")
    outside = None
    if case.y_score is not None:
        outside = float(((case.y_score < 0) | (case.y_score > 1)).mean())
    if kind in ("probabilities", "softmax") or (kind is None and outside == 0):
        return this.passed(f"{loss.name} expects probabilities, and the output is some")
    if kind is None and outside is None:
        return this.not_applicable("the activation of the output is not known")
    return this.found(
        f"{loss.name} expects probabilities (from_logits=False), but the output is "
        f"{model.activation or 'not confined to [0, 1]'}: what lies outside [0, 1] is clipped "
        "and has no gradient.",
        f"Pass from_logits=True: {_class_name(loss)}(from_logits=True); or end the model with "
        'Dense(n_labels, activation="sigmoid").',
        activation=model.activation,
        share_of_scores_outside_0_to_1=outside,
    )


def _class_name(loss: Any) -> str:
    if loss.ours:
        return f"eq.losses.{loss.name}"
    return "keras.losses." + "".join(part[:1].upper() + part[1:] for part in loss.name.split("_"))


@rule("EQP018", "one class a row expected, several labels given")
def one_class_expected(case: Case, this: Rule) -> Outcome:
    """Softmax makes labels compete; categorical losses skip rows without labels."""
    if case.model is None:
        return this.not_applicable(_NO_MODEL)
    labels, loss = case.labels, case.model.loss
    if not labels.multi_label:
        return this.passed("no row has several labels, or none")
    softmax = case.model.output_kind == "softmax"
    categorical = loss is not None and loss.is_one_of(*ONE_CLASS)
    if case.model.activation is None and not categorical:
        return this.not_applicable("the activation of the output is not known")
    if not (softmax or categorical):
        return this.passed("output and loss treat every label by itself")
    what = [f"the output is a {case.model.activation}"] if softmax else []
    what += [f"the loss is {loss.name}"] if categorical and loss is not None else []
    per_row = labels.per_row
    return this.found(
        f"{' and '.join(what)}: made for exactly one class a row, while rows of y have none or "
        "several labels.".capitalize(),
        'End the model with Dense(n_labels, activation="sigmoid") and compile with '
        'loss="binary_crossentropy"; per-label weights: eq.fit.',
        rows=len(per_row),
        rows_without_labels=int((per_row == 0).sum()),
        rows_of_several_labels=int((per_row > 1).sum()),
        most_labels_in_a_row=int(per_row.max(initial=0)),
    )


@rule("EQP019", "a sigmoid that saturates in half precision", "warning")
def saturated_sigmoid(case: Case, this: Rule) -> Outcome:
    """Rounded to 1, a confident mistake has no gradient and is never unlearnt."""
    known = _model_and_loss(case)
    if isinstance(known, str):
        return this.not_applicable(known)
    model, _ = known
    if model.output_kind is None:
        return this.not_applicable("the activation of the output is not known")
    if model.output_kind != "probabilities":
        return this.passed("the loss sees no sigmoid")
    dtype = model.output_dtype
    if dtype not in _SATURATED:
        return this.passed(f"the sigmoid is computed in {dtype}")
    wrong = None
    if case.y_score is not None and case.y_score.shape == case.labels.targets.values.shape:
        y, known = case.labels.targets.to_dense().values, case.labels.targets.known
        gone = np.where(y == 1, case.y_score <= 0, case.y_score >= 1) & known
        wrong = int(np.count_nonzero(gone))
    return this.found(
        f"The sigmoid is computed in {dtype}, where it rounds to exactly 1 from logits of about "
        f"{_SATURATED[dtype]} on: a negative that is mistaken so surely has no gradient.",
        'Compute the end in float32: Dense(n_labels, activation="sigmoid", dtype="float32"), or '
        'Dense(n_labels, dtype="float32") with a loss with from_logits=True.',
        dtype=dtype,
        saturates_from_logit=_SATURATED[dtype],
        mistakes_without_gradient=wrong,
    )


@rule("EQP020", "focal loss whose alpha does nothing", "warning")
def focal_without_alpha(case: Case, this: Rule) -> Outcome:
    """Keras applies alpha only with apply_class_balancing=True."""
    known = _model_and_loss(case)
    if isinstance(known, str):
        return this.not_applicable(known)
    _, loss = known
    if not loss.is_one_of("BinaryFocalCrossentropy", "binary_focal_crossentropy"):
        return this.not_applicable("the loss is not Keras' BinaryFocalCrossentropy")
    if loss.config.get("apply_class_balancing", True):
        return this.passed("apply_class_balancing is True")
    alpha = float(loss.config.get("alpha", 0.25))
    stats = case.labels.stats
    share = float(stats.positives.sum() / max(1, stats.n_known.sum()))
    return this.found(
        f"alpha={alpha:g} is not applied: without apply_class_balancing=True positives and "
        "negatives weigh the same.",
        f"keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, alpha={alpha:g}), one "
        "number for all labels; for weights per label eq.fit(model, X, y, class_weight=...) with "
        'loss="binary_crossentropy".',
        severity="note" if alpha == 0.25 else None,
        alpha=alpha,
        share_of_positives=share,
        weight_asked_of_positives_over_negatives=alpha / (1 - alpha) if alpha < 1 else None,
        weight_given=1.0,
    )


@rule("EQP021", "unknown labels that the loss trains on")
def unknown_labels_trained_on(case: Case, this: Rule) -> Outcome:
    """Keras' losses know no unknown label: NaN spoils the loss, −1 is trained on."""
    labels = case.labels
    markers = labels.unknown_markers
    if not markers:
        return this.passed("every label is known")
    if labels.targets.task == "multiclass":
        return this.not_applicable("y holds class numbers, not columns")
    known = _model_and_loss(case)
    if isinstance(known, str):
        return this.not_applicable(known)
    _, loss = known
    effects = {marker: _effect_of_unknown(case, loss, float(marker)) for marker in markers}
    bad = {marker: effect for marker, effect in effects.items() if effect is not None}
    if not bad:
        return this.passed(f"{loss.name} leaves unknown labels out")
    done = "; ".join(f"{marker} {effect}" for marker, effect in bad.items())
    return this.found(
        f"{loss.name} does not know unknown labels: {done}.",
        "Losses of equipoise leave NaN and −1 out: compile with "
        "loss=eq.losses.WeightedBinaryCrossentropy(), or train with eq.fit.",
        cells={marker: markers[marker] for marker in bad},
        share_of_cells=sum(markers[marker] for marker in bad) / max(1, int(np.prod(labels.shape))),
        labels_with_most=_most_unknown(case),
    )


def _effect_of_unknown(case: Case, loss: LossFacts, marker: float) -> str | None:
    """What the loss does with a marker, asked of itself; None if it leaves the cell out."""
    shape = (2, *[2] * (len(case.labels.shape) - 2), case.labels.n_labels)
    y = np.zeros(shape)
    y[0, ..., 0] = marker
    low, high = np.full(shape, 0.3), np.full(shape, 0.3)
    high[0, ..., 0] = 0.6
    try:
        values = [loss.values(y, y_pred) for y_pred in (low, high)]
    except Exception as error:
        # Torch refuses targets outside [0, 1] of probabilities.
        return f"makes it fail ({type(error).__name__})"
    if not np.isfinite(values).all():
        return "makes it NaN"
    moved = not np.allclose(values[0], values[1], rtol=1e-6, atol=1e-9)
    return "is trained on" if moved else None


def _most_unknown(case: Case) -> dict[str, int]:
    unknown = case.labels.stats.unknown
    order = np.argsort(-unknown, kind="stable")[:5]
    return {case.labels.names[i]: int(unknown[i]) for i in order if unknown[i]}


@rule("EQP022", "as many outputs as labels")
def as_many_outputs_as_labels(case: Case, this: Rule) -> Outcome:
    """Some losses broadcast one column of y against all outputs, in silence."""
    if case.model is None:
        return this.not_applicable(_NO_MODEL)
    n_outputs, labels = case.model.n_outputs, case.labels
    if n_outputs is None:
        return this.not_applicable("the shape of the output is not known yet")
    sparse_classes = len(labels.shape) == 1 and labels.targets.task == "multiclass"
    if sparse_classes:
        return this.not_applicable("y holds class numbers, not columns")
    if n_outputs == labels.n_labels:
        return this.passed(f"{n_outputs} of both")
    one_hot = labels.n_labels == 1 and case.model.output_kind == "softmax"
    if one_hot:
        return this.not_applicable("y holds class numbers, not columns")
    return this.found(
        f"The model has {n_outputs} outputs, y has {labels.n_labels} labels: Keras fails, or "
        "broadcasts one against the other.",
        f"End the model with Dense({labels.n_labels}).",
        outputs=n_outputs,
        labels=labels.n_labels,
    )


RULES = (
    probabilities_read_as_logits,
    logits_read_as_probabilities,
    one_class_expected,
    saturated_sigmoid,
    focal_without_alpha,
    unknown_labels_trained_on,
    as_many_outputs_as_labels,
)

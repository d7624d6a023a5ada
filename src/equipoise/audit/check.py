"""check: everything known to go wrong quietly, looked up on one's own data and model."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from equipoise._errors import InvalidInput, check_integer, did_you_mean
from equipoise.audit import (
    rules_class_weight,
    rules_labels,
    rules_metrics,
    rules_model,
    rules_sample_weight,
    rules_sampling,
    rules_weights,
)
from equipoise.audit.case import (
    Case,
    read_class_weight,
    read_correction,
    read_features,
    read_folds,
    read_sample_weight,
    read_scores,
    read_validation,
)
from equipoise.audit.findings import Audit, Rule
from equipoise.audit.labels import read_labels
from equipoise.audit.sampling import read_sampling

RULES: tuple[Rule, ...] = tuple(
    sorted(
        (
            *rules_class_weight.RULES,
            *rules_sample_weight.RULES,
            *rules_weights.RULES,
            *rules_labels.RULES,
            *rules_model.RULES,
            *rules_metrics.RULES,
            *rules_sampling.RULES,
        ),
        key=lambda rule: rule.code,
    )
)


def check(
    y: Any,
    model: Any = None,
    class_weight: Any = None,
    sample_weight: Any = None,
    *,
    X: Any = None,
    y_score: Any = None,
    cv: Any = None,
    groups: Any = None,
    validation_data: Any = None,
    validation_split: float | None = None,
    batch_size: int | None = None,
    sampling: Any = None,
    correction: Any = None,
    output: str | None = None,
    label_names: Iterable[object] | None = None,
    ignore: Iterable[str] = (),
) -> Audit:
    """Looks for what goes wrong quietly with labels, weights, loss and metrics.

    Give it what you give to `model.fit`. Nothing is trained and nothing is changed; without a
    model no Keras backend is needed but for asking the installed Keras about `class_weight`.

    Not a proof that all is well: it knows the mistakes of `docs/findings`, and a model whose
    layers cannot be followed (a subclass) is not guessed at.

    Args:
        y: the labels, anything `as_targets` reads, and what that refuses: a −1/+1 matrix, soft
            targets, columns of the same name.
        model: a Keras model, compiled as it is to be trained.
        class_weight: as for `model.fit`, or a `LabelWeights` as for `eq.fit`.
        sample_weight: as for `model.fit`: (N,), (N, 1) or one weight per cell.
        X: features of the rows of y; with `cv` or validation data, rows that both parts hold are
            looked for. Nothing else is read from it.
        y_score: what `model.predict` returns for the rows of y; rules about scores need it.
        cv: number of folds, a splitter, or pairs (train, test) of row indices.
        groups: groups of the rows, for a splitter that needs them.
        validation_data: as for `model.fit`: (x, y), (x, y, sample_weight) or a data set.
        validation_split: as for `model.fit`.
        batch_size: as for `model.fit`; 32 by default.
        sampling: a fitted resampler, whose `fit_resample` returned y, `LabelBalancedBatches`, or
            `SamplingRates`.
        correction: the `Correction` that scores will go through.
        output: name of the output that y belongs to, where the model has several.
        label_names: L names; by default those of y.
        ignore: codes of rules to leave out; they are listed as not applicable.

    Returns:
        An `Audit`: findings with evidence and remedy, what passed, and what could not be looked
        at.

    Raises:
        InvalidInput: y that cannot be read, arguments that do not fit it, an unknown code.

    Examples:
        >>> y = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
        >>> audit = check(y, class_weight={0: 1.0, 1: 10.0, 2: 5.0})
        >>> audit.codes
        ('EQP001',)
        >>> audit.found[0].evidence["labels_whose_weight_never_applies"]
        ['label_2']
    """
    skipped = _checked_codes(ignore)
    labels = read_labels(y, label_names)
    if labels.targets.n_rows == 0:
        raise InvalidInput("`y` has no rows.", received=f"y.shape={labels.shape}")
    n_folds, splits = read_folds(cv, labels, groups)
    validation, validation_labels = read_validation(validation_data, validation_split)
    facts = None
    if model is not None:
        from equipoise.audit.model_facts import read_model

        facts = read_model(model, output)
    elif output is not None:
        raise InvalidInput("`output` names an output of a model.", remedy="Pass the model too.")
    case = Case(
        labels=labels,
        model=facts,
        class_weight=read_class_weight(class_weight),
        sample_weight=read_sample_weight(sample_weight, labels),
        y_score=read_scores(y_score, labels),
        n_folds=n_folds,
        splits=splits,
        validation=validation,
        validation_labels=validation_labels,
        batch_size=32 if batch_size is None else check_integer("batch_size", batch_size, minimum=1),
        features=read_features(X, labels),
        validation_features=None if validation_labels is None else validation_data[0],
        validation_split=validation_split if validation_data is None else None,
        sampling=read_sampling(sampling, labels),
        correction=read_correction(correction, labels),
    )
    outcomes = [
        rule.not_applicable("left out on request") if rule.code in skipped else rule(case)
        for rule in RULES
    ]
    return Audit.from_outcomes(labels.targets.n_rows, labels.n_labels, outcomes)


def _checked_codes(ignore: Iterable[str]) -> frozenset[str]:
    codes = [ignore] if isinstance(ignore, str) else list(ignore)
    known = [rule.code for rule in RULES]
    for code in codes:
        if code not in known:
            raise InvalidInput(
                f"There is no rule {code!r} to ignore.", remedy=did_you_mean(code, known)
            )
    return frozenset(codes)

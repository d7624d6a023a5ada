"""choose_treatment: the treatment that the training rows themselves show to be better, if any."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise import exact
from equipoise._errors import EquipoiseError, InvalidInput, shown_list
from equipoise.decision import tune_thresholds
from equipoise.statistics import holm, paired_difference
from equipoise.targets import Targets, as_targets
from equipoise.training.brought import BuildModel
from equipoise.training.choice import Choice, Judged
from equipoise.training.fitted import FittedTreatment
from equipoise.training.fitting import fit_treatment, inner_splits
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import TREATMENTS, Treatment, as_treatment

BASELINE = "none"
# One of each kind, and all with a link: what is chosen by default gives probabilities.
CANDIDATES = ("inverse_sqrt", "balanced", "focal", "asymmetric")
CANDIDATES_FOR_CLASSES = ("weighted_categorical", "logit_adjusted_categorical")

_LEVEL = 0.05
_MIN_POSITIVES = 5  # of labels that count
_NOTHING_TO_JUDGE = "No label has a positive to judge it by."

Float = NDArray[np.float64]


def candidates_for(targets: Targets) -> tuple[str, ...]:
    """Returns the names of what may be chosen beside "none", unless the user says what."""
    return CANDIDATES_FOR_CLASSES if targets.task == "multiclass" else CANDIDATES


def choose_treatment(
    X: Any,
    y: Any,
    candidates: Sequence[str | Treatment] | None = None,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    build_model: BuildModel | None = None,
    options: TrainingOptions | None = None,
    random_state: int = 0,
    on_epoch: Callable[[], None] | None = None,
) -> FittedTreatment:
    """Fits several treatments and returns the one that shows a higher macro-F1, else "none".

    Every treatment is fitted on the same inner folds. A fold's rows are decided at thresholds
    from the other folds, by networks that have not seen them; the differences in macro-F1 to
    "none" get an interval that respects how folds overlap (see `paired_difference`), and p-values
    adjusted for their number (Holm). The best of those below .05 is chosen; without one "none" is
    kept, because what is not shown is mostly chance.

    Not for a final figure: the difference of the chosen one is that of a winner. `compare`
    judges on rows that no choice has seen. It takes as long as all treatments together.

    Args:
        X: (N, d) features; see `fit_treatment`, as for all that is not described here.
        y: labels.
        candidates: what may be chosen beside "none"; by default `CANDIDATES`, for one class a row
            `CANDIDATES_FOR_CLASSES`. Of a loss without a link of your choice there are decisions
            but no probabilities (see `FittedTreatment.has_probabilities`).
        groups: (N,) group of each row.
        sample_weight: weights of rows or cells; they count in training and thresholds.
        build_model: the network.
        options: see `TrainingOptions`; at least 2 folds.
        random_state: seed.
        on_epoch: called after every epoch.

    Returns:
        The fit that was chosen; its `choice` says why.

    Raises:
        InvalidInput: fewer than 2 inner folds, a candidate named twice, or what `fit_treatment`
            refuses for "none". A candidate that cannot be trained is out, with its reason in the
            choice.

    Examples:
        >>> from equipoise.datasets import digits_scenes
        >>> scenes = digits_scenes(400, random_state=0)
        >>> fitted = choose_treatment(scenes.x, scenes.targets, ["balanced"], groups=scenes.groups,
        ...                           options=TrainingOptions(n_folds=3, max_epochs=2))
        >>> [judged.treatment for judged in fitted.choice.judged]
        ['none', 'balanced']
    """
    options = options or TrainingOptions(n_folds=5)
    if options.n_folds < 2:
        raise InvalidInput(
            "A treatment can only be chosen on at least 2 inner folds.",
            received=f"n_folds={options.n_folds}",
            remedy="Pass n_folds=5, or name the treatment.",
        )
    targets = as_targets(y)
    if candidates is None:
        candidates = candidates_for(targets)
    others = _others(candidates)

    def fit(treatment: str | Treatment) -> FittedTreatment:
        return fit_treatment(
            treatment,
            X,
            targets,
            groups=groups,
            sample_weight=sample_weight,
            build_model=build_model,
            options=options,
            random_state=random_state,
            on_epoch=on_epoch,
        )

    baseline = fit(BASELINE)
    options = replace(options, bins=baseline.bins)  # the same for all
    folds = [held for _, held in inner_splits(X, targets, groups, options, random_state)]
    weight = None if sample_weight is None else np.asarray(sample_weight)
    reached = {BASELINE: _macro_f1(baseline, targets, folds, options, weight)}
    fits, failures = {BASELINE: baseline}, {}
    for treatment in others:
        try:
            fits[treatment.name] = fit(treatment)
        except EquipoiseError as error:
            failures[treatment.name] = str(error)
            continue
        reached[treatment.name] = _macro_f1(fits[treatment.name], targets, folds, options, weight)
    choice = _chosen(reached, failures)
    return replace(fits[choice.chosen], choice=choice)


def _others(candidates: Sequence[str | Treatment]) -> list[Treatment]:
    """Returns the candidates beside "none", each under a name of its own."""
    if isinstance(candidates, (str, Treatment)):
        raise InvalidInput(
            "`candidates` must be a list of treatments.",
            received=repr(candidates),
            remedy="Pass a list of one, or fit it with `fit_treatment`: there is no choice.",
        )
    treatments = [as_treatment(c) for c in candidates]
    others = [c for c in treatments if c is not TREATMENTS[BASELINE]]
    names = [BASELINE, *(c.name for c in others)]
    if len(set(names)) < len(names):
        raise InvalidInput(
            "`candidates` holds the same name more than once.",
            received=shown_list(names[1:]),
            remedy=f"Give each a `name` of its own; {BASELINE!r} is the default.",
        )
    return others


def _macro_f1(
    fitted: FittedTreatment,
    targets: Targets,
    folds: Sequence[NDArray[np.intp]],
    options: TrainingOptions,
    weight: NDArray[Any] | None,
) -> Float:
    """Returns the macro-F1 of each fold at thresholds that its rows had no part in."""
    positives = np.asarray(targets.positives().sum(axis=0)).reshape(-1)
    judged = positives >= min(_MIN_POSITIVES, int(positives.max()))
    place = np.full(targets.n_rows, -1)
    place[fitted.held_rows] = np.arange(len(fitted.held_rows))
    found = []
    for fold in folds:
        scores, rows = fitted.held_scores[place[fold]], targets.take(fold)
        if targets.task == "multiclass":
            decided = (scores == scores.max(axis=1, keepdims=True)).astype(np.uint8)
        else:
            rest = np.setdiff1d(fitted.held_rows, fold)
            thresholds = tune_thresholds(
                targets.take(rest),
                fitted.held_scores[place[rest]],
                rule=options.thresholds,
                sample_weight=None if weight is None else weight[rest],
            )
            decided = thresholds.predict(scores)
        own = None if weight is None else weight[fold]
        f1 = np.asarray(exact.f_beta(rows, decided, average=None, sample_weight=own))
        # Labels of which a positive counts in the fold: the same ones for all treatments.
        there = judged & _has_positives(rows, own)
        found.append(float(f1[there].mean()) if there.any() else np.nan)
    return np.array(found)


def _has_positives(rows: Targets, weight: NDArray[Any] | None) -> NDArray[np.bool_]:
    """Whether each label has a positive whose weight is above 0."""
    positive = rows.positives()
    if weight is not None:
        positive = positive.multiply(weight.reshape(rows.n_rows, -1) > 0)
    return np.asarray(positive.sum(axis=0)).reshape(-1) > 0


def _chosen(reached: Mapping[str, Float], failures: Mapping[str, str]) -> Choice:
    base = reached[BASELINE]
    there = ~np.isnan(base)
    n_folds = int(there.sum())
    judged = [Judged(BASELINE, float(base[there].mean()) if n_folds else None)]
    names = [name for name in reached if name != BASELINE]
    if not n_folds:
        judged += [Judged(name, None, failure=_NOTHING_TO_JUDGE) for name in names]
        names = []
    differences = [
        paired_difference((reached[name] - base)[there], 1 / (len(base) - 1)) for name in names
    ]
    p_values = [1.0 if d.p_value is None else d.p_value for d in differences]
    adjusted = holm(p_values).tolist() if p_values else []
    chosen, most = BASELINE, 0.0
    for name, d, p in zip(names, differences, adjusted, strict=False):
        macro = float(reached[name][there].mean())
        judged.append(Judged(name, macro, d.mean, d.low, d.high, p))
        if p < _LEVEL and d.mean > most:
            chosen, most = name, d.mean
    judged += [Judged(name, None, failure=reason) for name, reason in failures.items()]
    return Choice(chosen, tuple(judged), n_folds)

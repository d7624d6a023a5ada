"""compare: every treatment on every fold, each on the same rows and from the same seed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_integer
from equipoise.comparison.metrics import measure
from equipoise.comparison.result import Cell, Comparison
from equipoise.model_selection import MultilabelStratifiedKFold
from equipoise.stats import LabelStats
from equipoise.targets import Targets, as_targets
from equipoise.training.features import as_features
from equipoise.training.fit import BuildModel, TrainingOptions, fit_treatment
from equipoise.training.treatment import TREATMENTS, Treatment, as_treatment

BASELINE = "none"

Split = tuple[NDArray[np.intp], NDArray[np.intp]]


def compare(
    X: Any,
    y: Any,
    treatments: Sequence[str | Treatment] = tuple(TREATMENTS),
    *,
    cv: Any = 5,
    n_repeats: int = 1,
    groups: ArrayLike | None = None,
    build_model: BuildModel | None = None,
    options: TrainingOptions | None = None,
    min_positives: int = 5,
    random_state: int = 0,
    n_jobs: int = 1,
    n_attributes: int | None = None,
    on_cell: Callable[[Cell, int], None] | None = None,
) -> Comparison:
    """Compares treatments of imbalance by cross-validation on the user's own data.

    Every treatment sees the same folds and starts from the same seeds. Within a training part,
    early stopping, correction and thresholds use held-out rows only, so nothing of a test part is
    ever seen. The differences to "none" carry intervals that respect how folds overlap.

    Args:
        X: (N, d) features, dense or sparse.
        y: labels, anything `as_targets` reads.
        treatments: names of `TREATMENTS` or `Treatment` objects; "none" is always among them.
        cv: number of stratified folds, a scikit-learn splitter, or an iterable of (train, test).
        n_repeats: times that the folds are drawn anew; for a number of folds only.
        groups: (N,) group of each row; a group never crosses a fold, outer or inner.
        build_model: (n_features, n_labels) -> uncompiled Keras model that returns logits.
        options: see `TrainingOptions`.
        min_positives: labels with fewer positives in y stay out of the macro averages.
        random_state: seed of folds and networks.
        n_jobs: processes; the table is the same for any number.
        n_attributes: input attributes before encoding, for the description of the data.
        on_cell: called with each finished cell and the number of all cells.

    Raises:
        InvalidInput: treatments named twice, folds that overlap or split a group, no label with
            `min_positives` positives.

    Examples:
        >>> from equipoise.datasets import digits_scenes
        >>> d = digits_scenes(400, random_state=0)
        >>> result = compare(d.x, d.targets, ["none", "balanced"], cv=2, groups=d.groups,
        ...                  options=TrainingOptions(max_epochs=2, hidden_units=16))
        >>> result.table()["treatment"].sort().to_list()
        ['balanced', 'none']
    """
    X, targets = as_features(X), as_targets(y)
    chosen = _chosen(treatments)
    options = options or TrainingOptions()
    stats = LabelStats.from_targets(targets, n_features=n_attributes or X.shape[1])
    judged = stats.positives >= check_integer("min_positives", min_positives, minimum=1)
    if not judged.any():
        raise InvalidInput(
            f"No label has {min_positives} positives, so no macro average can be computed.",
            received=f"at most {int(stats.positives.max())} positives",
            remedy="Pass a smaller `min_positives`.",
        )
    splits = _splits(targets, cv, n_repeats, groups, random_state)
    group_array = None if groups is None else np.asarray(groups)
    tasks = [
        joblib.delayed(_evaluate)(
            X, targets, group_array, judged, fold, split, treatment, build_model, options, seed
        )
        for fold, split in enumerate(splits)
        for seed in [_seed(random_state, fold)]
        for treatment in chosen
    ]
    cells: list[Cell] = []
    for cell in joblib.Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks):
        cells.append(cell)
        if on_cell is not None:
            on_cell(cell, len(tasks))
    order = {treatment.name: i for i, treatment in enumerate(chosen)}
    cells.sort(key=lambda cell: (cell.fold, order[cell.treatment]))
    return Comparison(tuple(cells), stats, judged, BASELINE, random_state)


def _evaluate(
    X: Any,
    targets: Targets,
    groups: NDArray[Any] | None,
    judged: NDArray[np.bool_],
    fold: int,
    split: Split,
    treatment: Treatment,
    build_model: BuildModel | None,
    options: TrainingOptions,
    seed: int,
) -> Cell:
    """Trains one treatment on the training rows of one fold and measures it on the test rows."""
    train, test = split
    started = time.perf_counter()
    fitted = fit_treatment(
        treatment,
        X[train],
        targets.take(train),
        groups=None if groups is None else groups[train],
        build_model=build_model,
        options=options,
        random_state=seed,
    )
    corrected = fitted.predict_proba(X[test])
    measured = measure(
        targets.take(test),
        fitted.predict_proba(X[test], corrected=False),
        corrected,
        fitted.thresholds.predict(corrected),
        judged,
    )
    return Cell(
        treatment=treatment.name,
        fold=fold,
        n_train=len(train),
        n_test=len(test),
        seconds=time.perf_counter() - started,
        epochs=tuple(member.n_epochs for member in fitted.members),
        measured=measured,
    )


def _chosen(treatments: Sequence[str | Treatment]) -> list[Treatment]:
    if isinstance(treatments, (str, Treatment)):
        treatments = [treatments]
    chosen = [as_treatment(t) for t in treatments]
    if all(t.name != BASELINE for t in chosen):
        chosen.insert(0, as_treatment(BASELINE))
    names = [t.name for t in chosen]
    if len(set(names)) != len(names):
        raise InvalidInput(
            "Two treatments have the same name.",
            received=repr(sorted({n for n in names if names.count(n) > 1})),
            remedy="Give every treatment a name of its own.",
        )
    return chosen


def _splits(
    targets: Targets, cv: Any, n_repeats: int, groups: ArrayLike | None, random_state: int
) -> list[Split]:
    n_repeats = check_integer("n_repeats", n_repeats, minimum=1)
    rows = np.zeros((targets.n_rows, 1))
    if isinstance(cv, (int, np.integer)) and not isinstance(cv, bool):
        drawn = [
            split
            for repeat in range(n_repeats)
            for split in MultilabelStratifiedKFold(
                int(cv), random_state=_seed(random_state, repeat)
            ).split(rows, targets, groups)
        ]
    elif n_repeats > 1:
        raise InvalidInput(
            "`n_repeats` needs a number of folds as `cv`.",
            received=repr(cv),
            remedy="Pass cv=5, or a splitter that repeats by itself.",
        )
    elif isinstance(cv, Iterable) and not isinstance(cv, str):
        drawn = list(cv)
    elif hasattr(cv, "split") and not isinstance(cv, str):
        drawn = list(cv.split(rows, _plain(targets), groups))
    else:
        raise InvalidInput(
            "`cv` must be a number of folds, a splitter or (train, test) pairs.", received=repr(cv)
        )
    if not drawn:
        raise InvalidInput("`cv` made no split.")
    splits = [(np.asarray(train), np.asarray(test)) for train, test in drawn]
    for train, test in splits:
        _check_split(train, test, groups)
    return splits


def _plain(targets: Targets) -> NDArray[Any]:
    """y as scikit-learn's own splitters take it."""
    values = targets.to_dense().values
    return values.argmax(axis=1) if targets.task == "multiclass" else np.squeeze(values)


def _check_split(train: NDArray[Any], test: NDArray[Any], groups: ArrayLike | None) -> None:
    if len(train) == 0 or len(test) == 0:
        raise InvalidInput("`cv` made a fold without training or without test rows.")
    if len(np.intersect1d(train, test)):
        raise InvalidInput(
            "`cv` made a fold whose training and test rows overlap.",
            received=f"{len(np.intersect1d(train, test))} rows in both",
            remedy="Rows that were trained on cannot judge.",
        )
    if groups is not None:
        groups = np.asarray(groups)
        both = np.intersect1d(groups[train], groups[test])
        if len(both):
            raise InvalidInput(
                "`cv` split a group between training and test rows.",
                received=f"group {both[0]!r}",
                remedy="Use a number of folds, or a splitter that respects groups (GroupKFold).",
            )


def _seed(random_state: int, number: int) -> int:
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0])

"""compare: every treatment on every fold, each on the same rows and from the same seed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import clone

from equipoise._errors import InvalidInput, Undefined, check_choice, check_integer
from equipoise._store import Store
from equipoise.comparison._cells import Keeper, Work
from equipoise.comparison._pruning import clear_losers, rungs
from equipoise.comparison._splits import checked_splits
from equipoise.comparison.cell import Cell
from equipoise.comparison.context import context_of
from equipoise.comparison.metrics import METRICS
from equipoise.comparison.result import PRIMARY, Comparison
from equipoise.stats import LabelStats
from equipoise.targets import as_targets
from equipoise.training.brought import BuildModel
from equipoise.training.features import as_features
from equipoise.training.options import TrainingOptions
from equipoise.training.treatment import DEFAULT_TREATMENTS, Treatment, as_treatment

BASELINE = "none"


def compare(
    X: Any,
    y: Any,
    treatments: Sequence[str | Treatment] = DEFAULT_TREATMENTS,
    *,
    encoder: Any = None,
    cv: Any = 5,
    n_repeats: int = 1,
    groups: ArrayLike | None = None,
    build_model: BuildModel | None = None,
    options: TrainingOptions | None = None,
    min_positives: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    n_attributes: int | None = None,
    on_cell: Callable[[Cell, int], None] | None = None,
    store: str | os.PathLike[str] | Store | None = None,
    model_name: str | None = None,
    prune: bool | str = False,
    train: bool = True,
) -> Comparison:
    """Compares treatments of imbalance by cross-validation on the user's own data.

    Every treatment sees the same folds and starts from the same seeds. Within a training part,
    early stopping, correction and thresholds use held-out rows only, so nothing of a test part is
    ever seen. The differences to "none" carry intervals that respect how folds overlap.

    Args:
        X: (N, d) features, dense or sparse; with `encoder` a data frame of any columns as well.
        y: labels, anything `as_targets` reads.
        treatments: names of `training.TREATMENTS` or `Treatment` objects; "none" is always among
            them.
        encoder: a scikit-learn transformer that makes numbers of X, such as
            `equipoise.readers.tables.table_encoder()`. In every fold a copy of it is fitted, on
            the training rows only and without their labels.
        cv: number of stratified folds, a scikit-learn splitter, or an iterable of (train, test).
        n_repeats: times that the folds are drawn anew; for a number of folds only.
        groups: (N,) group of each row; a group never crosses a fold, outer or inner.
        build_model: (n_features, n_labels) -> uncompiled Keras model that returns logits. Where
            workers have other threads beside, as those of Dask have, give its layers seeds: Keras
            draws the first weights from Python's global generator, and so do those threads.
        options: see `TrainingOptions`.
        min_positives: labels with fewer positives in y stay out of the macro averages.
        random_state: seed of folds and networks.
        n_jobs: processes, or threads of a cluster; the table is the same for any number. None
            leaves it to `joblib.parallel_config`, which also chooses where cells are trained:
            `with joblib.parallel_config(backend="dask"): compare(...)` uses the cluster of the
            current Dask client. Workers need the same packages and the same Keras backend.
        store: file that keeps every finished cell at once, or a `Store`. A comparison that was
            broken off goes on where it was, and one that was changed trains only what changed.
            Cells are found by what makes them: data, folds, treatment, options, seed, backend and
            version of equipoise. One that failed is tried again.
        model_name: what tells `build_model` from other functions in the store; needed with both.
            Give it another name when you change the function.
        prune: whether a treatment that clearly loses is trained on no more folds: True, or the
            metric that decides. After 3, 6, 12, … folds those of the worse half go whose
            difference to the best shows even when adjusted for their number. The baseline stays.
        train: False trains nothing and takes everything from `store`, cells that failed as well.
        n_attributes: input attributes before encoding, for the description of the data.
        on_cell: called with each finished cell and the number of all cells.

    Raises:
        InvalidInput: treatments named twice, folds that overlap or split a group, no label with
            `min_positives` positives, an X of other rows than y, an encoder that is none, or with
            train=False a cell that the store does not hold.
        InvalidFile: a store that is damaged, is none, or cannot be written.
        Undefined: every single cell failed; says why the first one did. Otherwise a cell that
            fails is an outcome, with its reason in `Comparison.failures()`.

    Examples:
        >>> from equipoise.datasets import digits_scenes
        >>> d = digits_scenes(400, random_state=0)
        >>> result = compare(d.x, d.targets, ["none", "balanced"], cv=2, groups=d.groups,
        ...                  options=TrainingOptions(max_epochs=2, hidden_units=16))
        >>> result.table()["treatment"].sort().to_list()
        ['balanced', 'none']
    """
    X, targets = _checked_features(X, encoder), as_targets(y)
    if X.shape[0] != targets.n_rows:
        raise InvalidInput(
            "`X` and `y` must have the same number of rows.",
            received=f"{X.shape[0]} and {targets.n_rows}",
        )
    chosen = _chosen(treatments)
    metric = _pruning_metric(prune)
    stats = LabelStats.from_targets(targets, n_features=n_attributes or X.shape[1])
    judged = stats.positives >= check_integer("min_positives", min_positives, minimum=1)
    if not judged.any():
        raise InvalidInput(
            f"No label has {min_positives} positives, so no macro average can be computed.",
            received=f"at most {int(stats.positives.max())} positives",
            remedy="Pass a smaller `min_positives`.",
        )
    work = Work(
        X,
        targets,
        None if groups is None else np.asarray(groups),
        judged,
        encoder,
        build_model,
        options or TrainingOptions(),
        checked_splits(targets, cv, n_repeats, groups, random_state),
        random_state,
    )
    keeper = _keeper(work, chosen, store, model_name)
    call = {
        "cv": cv if isinstance(cv, (int, np.integer)) else type(cv).__name__,
        "n_repeats": n_repeats,
        "groups": groups is not None,
        "encoder": None if encoder is None else type(encoder).__name__,
        "model": model_name or (None if build_model is None else "a function"),
        "min_positives": min_positives,
        "prune": prune,
    }
    # Before the work: whatever is wrong with the labels is told now.
    context = context_of(targets, stats, chosen, work.options, work.splits, call)

    def so_far() -> Comparison:
        order = {treatment.name: i for i, treatment in enumerate(chosen)}
        rows = sorted(cells, key=lambda cell: (cell.fold, order[cell.treatment]))
        return Comparison(tuple(rows), stats, judged, BASELINE, random_state, context)

    cells: list[Cell] = []
    left, n_folds = list(chosen), len(work.splits)
    for folds in rungs(n_folds) if metric else [range(n_folds)]:
        if folds.start > 0 and metric:
            losing = clear_losers(so_far(), metric, [t.name for t in left])
            left = [treatment for treatment in left if treatment.name not in losing]
        planned = len(cells) + len(left) * (n_folds - folds.start)
        for cell in _run(work, keeper, [(f, t) for f in folds for t in left], n_jobs, train):
            cells.append(cell)
            if on_cell is not None:
                on_cell(cell, planned)
    if all(cell.error is not None for cell in cells):
        raise Undefined(f"No treatment could be trained on any fold. {cells[0].error}")
    return so_far()


def _run(
    work: Work,
    keeper: Keeper,
    wanted: list[tuple[int, Treatment]],
    n_jobs: int | None,
    train: bool,
) -> Iterator[Cell]:
    """Yields the cells that are kept, then those that had to be trained, which it keeps."""
    missing = []
    for fold, treatment in wanted:
        cell = keeper.find(fold, treatment, failed=not train)
        if cell is None:
            missing.append((fold, treatment))
        else:
            yield cell
    if missing and not train:
        raise InvalidInput(
            f"{len(missing)} of {len(wanted)} cells are not in the store, and train=False.",
            received=keeper.described(),
            remedy="Finish the comparison first (equipoise compare PLAN --resume), with the data, "
            "the plan, the backend and the version of equipoise that began it.",
        )
    for cell in work.run(missing, n_jobs):
        keeper.keep(cell)
        yield cell


def _keeper(
    work: Work,
    treatments: list[Treatment],
    store: str | os.PathLike[str] | Store | None,
    model_name: str | None,
) -> Keeper:
    if store is None:
        return Keeper()
    if work.build_model is not None and not model_name:
        raise InvalidInput(
            "With `store` and `build_model`, `model_name` is needed: what a function does cannot "
            "be told from outside.",
            remedy="Pass model_name='wide, version 1', say, and another one when you change it.",
        )
    name = model_name if work.build_model is not None else None
    opened = store if isinstance(store, Store) else Store(store)
    return Keeper(opened, work.keys(treatments, name))


def _pruning_metric(prune: bool | str) -> str | None:
    if isinstance(prune, bool):
        return PRIMARY if prune else None
    check_choice("prune", prune, tuple(METRICS))
    return prune


def _checked_features(X: Any, encoder: Any) -> Any:
    """X as numbers; as it is where an encoder will make numbers of it."""
    if encoder is None:
        return as_features(X)
    try:
        clone(encoder)
    except TypeError:
        encoder = None
    if not hasattr(encoder, "transform"):
        raise InvalidInput(
            "`encoder` must be a scikit-learn transformer, not fitted.",
            remedy="Pass equipoise.readers.tables.table_encoder(), say.",
        )
    if len(getattr(X, "shape", ())) != 2:
        raise InvalidInput(
            "With `encoder`, `X` must be a data frame or a matrix.", received=type(X).__name__
        )
    return X


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

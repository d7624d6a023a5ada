"""fit_treatment: one treatment on one training set, every row used once where it counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput
from equipoise.batching import ArrayBatches, LabelBalancedBatches, MixupBatches
from equipoise.decision import DecisionChain
from equipoise.layers import PiecewiseLinear
from equipoise.links import SigmoidLink, SoftmaxLink
from equipoise.losses import CellwiseLoss
from equipoise.losses.base import LabelLoss
from equipoise.losses.categorical import CategoricalLoss
from equipoise.model_selection import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
from equipoise.stats import LabelStats
from equipoise.targets import Targets, as_targets
from equipoise.training.brought import (
    BuildModel,
    check_logits,
    checked_weight,
    new_each_time,
)
from equipoise.training.course import Course, Run, train_along, train_until_best
from equipoise.training.features import FeatureScaler, as_features, numeric_columns
from equipoise.training.fitted import FittedTreatment, Member, logits_of
from equipoise.training.held_out import held_out_score
from equipoise.training.network import build_network
from equipoise.training.options import TRIED_ON, TrainingOptions
from equipoise.training.seeds import seeded
from equipoise.training.treatment import Treatment, as_treatment, without_sampling
from equipoise.training.workbench import Workbench, workbench
from equipoise.weights import LabelWeights

_UNITS = 512
_UNITS_WITH_BINS = 256  # 512 would make a wide layer wider, for little more (docs/ablation.md)
_MIXUP = 0.2  # of "auto"
_BINS = 4  # tried by "auto"
_LOSS_SHARE_OF_CHOICE = 1.0  # ranks alone hang on few positives
_MOST_ENCODED = 500  # columns that "auto" encodes: the first layer grows by 4 inputs for each


class _Trained(NamedTuple):
    """A network, what it says of the rows that were held out from it, and how it was trained."""

    member: Member
    held_log_odds: NDArray[np.float64]
    course: Course


def fit_treatment(
    treatment: str | Treatment,
    X: Any,
    y: Any,
    *,
    groups: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    build_model: BuildModel | None = None,
    options: TrainingOptions | None = None,
    random_state: int = 0,
    on_epoch: Callable[[], None] | None = None,
) -> FittedTreatment:
    """Trains one treatment, cross-fitted: no row judges a network that has seen it.

    For each inner fold: weights from the rows it trains on, a network, the epoch with the best
    held-out score (see `TrainingOptions.patience`), and the closed-form correction of its loss.
    With several repeats the rows are dealt into folds again; the networks of the later deals take
    the course of those of the first, its step sizes up to the best epoch, and need not look for
    the end once more. The held-out rows, with the mean of what is said of each, then give a
    temperature, and thresholds for the best F1 of each label (see `DecisionChain`). A loss without
    a closed form starts like plain cross-entropy, at the log-odds of the labels' frequencies; its
    scores, and so its thresholds, are uncorrected.

    Args:
        treatment: a `Treatment`, or the name of one of `TREATMENTS`.
        X: (N, d) features, dense or sparse; NaN is missing.
        y: labels, anything `as_targets` reads, with unknown cells or not.
        groups: (N,) group of each row; a group is never split between training and holding out.
        sample_weight: (N,), (N, 1) or (N, L) weights of rows or cells.
        build_model: (n_features, n_labels) -> uncompiled Keras model that returns logits, a new
            one at each call; a small multi-layer perceptron by default.
        options: see `TrainingOptions`.
        random_state: seed; global random states are left as they were.
        on_epoch: called after every epoch.

    Raises:
        InvalidInput: X and y do not fit together, the model does not return logits, models share
            weights that are trained, or the loss is for classes that exclude each other and y is
            not.
        Undefined: weights of 0 left nothing to correct.
    """
    treatment = as_treatment(treatment)
    options = options or TrainingOptions()
    X, targets = as_features(X), as_targets(y)
    if X.shape[0] != targets.n_rows:
        raise InvalidInput(
            "`X` and `y` must have the same number of rows.",
            received=f"{X.shape[0]} and {targets.n_rows}",
        )
    if sample_weight is not None:
        sample_weight = checked_weight(sample_weight, targets)
    if build_model is not None:
        build_model = new_each_time(build_model)
    numeric = numeric_columns(X) if build_model is None and options.bins else []
    bins = _bins_to_try(options, len(numeric))

    def part(rows: NDArray[np.intp]) -> tuple[Any, Targets, Any]:
        return X[rows], targets.take(rows), None if sample_weight is None else sample_weight[rows]

    def train(number: int, n_bins: int, course: Course | None = None) -> _Trained:
        rows, held = splits[number]
        return _train(
            treatment,
            part(rows),
            part(held),
            build_model,
            options,
            encoding=PiecewiseLinear(numeric, n_bins=n_bins) if n_bins else None,
            course=course,
            seed=_seed(random_state, number),
            on_epoch=on_epoch,
        )

    splits = inner_splits(X, targets, groups, options, random_state)
    n_tried = min(TRIED_ON, len(splits)) if len(bins) > 1 else 0
    tried = {n_bins: [train(number, n_bins) for number in range(n_tried)] for n_bins in bins}

    def score(n_bins: int) -> float:
        """Of the rows that the tried networks held out, taken together."""
        rows = np.concatenate([held for _, held in splits[:n_tried]])
        said = np.concatenate([one.held_log_odds for one in tried[n_bins]])
        _, held_targets, weight = part(rows)
        return held_out_score(held_targets, said, weight, loss_share=_LOSS_SHARE_OF_CHOICE)

    best = max(tried, key=score) if n_tried else bins[0]
    trained = tried[best] + [train(number, best) for number in range(n_tried, len(splits))]
    courses = [one.course.to_the_best() for one in trained]
    for repeat in range(1, options.repeats(as_they_are=build_model is None and not best)):
        splits += inner_splits(X, targets, groups, options, random_state + repeat)
        trained += [train(len(trained) + i, best, course) for i, course in enumerate(courses)]
    members = tuple(one.member for one in trained)
    held_rows, log_odds = _held_out(trained, [held for _, held in splits], targets)
    chain = DecisionChain.fitted(
        targets.take(held_rows),
        log_odds,
        n_models=len(members),
        rule=options.thresholds,
        # Of classes that exclude each other the probabilities would no longer add up to 1.
        temperature=not isinstance(members[0].output, SoftmaxLink),
        sample_weight=None if sample_weight is None else sample_weight[held_rows],
        random_state=random_state,
    )
    held_scores = chain.held_out(log_odds)
    return FittedTreatment(treatment, targets.label_names, members, chain, held_rows, held_scores)


def _held_out(
    trained: list[_Trained], held: list[NDArray[np.intp]], targets: Targets
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Returns the rows that some network held out, and the mean of what such networks say."""
    total, times = np.zeros((targets.n_rows, targets.n_labels)), np.zeros(targets.n_rows)
    for one, rows in zip(trained, held, strict=True):
        total[rows] += one.held_log_odds
        times[rows] += 1
    held_rows = np.flatnonzero(times)
    return held_rows, total[held_rows] / times[held_rows, None]


def _width(options: TrainingOptions, encoding: PiecewiseLinear | None) -> int:
    """Returns the width of the default network: fewer units where each has more inputs."""
    if options.hidden_units == "auto":
        return _UNITS if encoding is None else _UNITS_WITH_BINS
    return options.hidden_units


def _bins_to_try(options: TrainingOptions, n_numeric: int) -> tuple[int, ...]:
    """Returns the numbers of bins to try, 0 for no encoding."""
    if not n_numeric:
        return (0,)
    if options.bins == "auto":
        return (0, _BINS) if n_numeric <= _MOST_ENCODED else (0,)
    return (options.bins,)


def inner_splits(
    X: Any, targets: Targets, groups: Any, options: TrainingOptions, seed: int
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Returns the rows that each network of one deal is trained on, and those it holds out."""
    if options.n_folds == 1:
        splitter = MultilabelStratifiedShuffleSplit(
            n_splits=1, test_size=options.held_share, random_state=seed
        )
    else:
        splitter = MultilabelStratifiedKFold(options.n_folds, random_state=seed)
    return list(splitter.split(X, targets, groups))


def _train(
    treatment: Treatment,
    training: tuple[Any, Targets, Any],
    held: tuple[Any, Targets, Any],
    build_model: BuildModel | None,
    options: TrainingOptions,
    *,
    encoding: PiecewiseLinear | None,
    course: Course | None,
    seed: int,
    on_epoch: Callable[[], None] | None,
) -> _Trained:
    (X, targets, sample_weight), (X_held, held_targets, held_weight) = training, held
    X, targets, sample_weight, rates = treatment.resampled(X, targets, sample_weight, seed)
    scaler = FeatureScaler.fitted(X, options.clip)
    stats = LabelStats.from_targets(targets, labelsets=False)
    loss = treatment.build_loss(stats)
    _check_loss(loss, targets)
    output = SoftmaxLink() if isinstance(loss, CategoricalLoss) else SigmoidLink()
    link = loss.link if loss.has_link else None
    bare, carried = treatment.split(stats)
    y, features, held_features = targets.to_array(), scaler(X), scaler(X_held)
    batches, prevalence = _batches(
        treatment, (features, targets), _cell_weights(carried, y, sample_weight), options, seed
    )
    if isinstance(batches, LabelBalancedBatches):
        drawn = batches.sampling_rates()
        rates = drawn if rates is None else rates.followed_by(drawn)
    alpha = _mixup(options, treatment, loss, as_they_are=build_model is None and encoding is None)
    if alpha:
        batches = MixupBatches(
            batches,
            unknown_labels=targets.unknown is not None,
            alpha=alpha,
            random_state=seed,
        )
    corrected = output if link is None else without_sampling(link, rates, targets)
    with seeded(seed):
        if build_model is None:
            if encoding is not None:
                encoding.adapt(features)
            network = build_network(
                X.shape[1],
                targets.n_labels,
                prevalence=stats.prevalence if prevalence is None else prevalence,
                link=link or output,
                hidden_units=_width(options, encoding),
                dropout=options.dropout,
                encoding=encoding,
                seed=seed,
            )
            bench = workbench(network, bare.build_loss(stats), options.learning_rate)
            bench.put_in(network)
        else:
            network = build_model(X.shape[1], targets.n_labels)
            check_logits(network, targets.n_labels)
            bench = Workbench(network, bare.build_loss(stats), options.learning_rate)
        run = Run(bench, batches, treatment.build_class_weight(stats), seed, on_epoch)
        if course is None:
            course = train_until_best(
                run,
                lambda: held_out_score(
                    held_targets,
                    corrected.log_odds(logits_of(bench.model, held_features)),
                    held_weight,
                ),
                options,
            )
        else:
            train_along(run, course)
    # By the model of the bench, whose program for this is there already.
    held_log_odds = corrected.log_odds(logits_of(bench.model, held_features))
    if bench.model is not network:
        bench.take_out(network)
    undone = None if link is None else corrected
    member = Member(network, scaler, output, undone, course.best_epoch, len(course.step_sizes))
    return _Trained(member, held_log_odds, course)


def _batches(
    treatment: Treatment,
    rows: tuple[Any, Targets],
    sample_weight: NDArray[np.float32] | None,
    options: TrainingOptions,
    seed: int,
) -> tuple[keras.utils.PyDataset, NDArray[np.float64] | None]:
    """Returns the batches, and how often they show each label where that is chosen."""
    X, targets = rows
    if treatment.batches is None:
        plain = ArrayBatches(
            X,
            targets.to_array(),
            batch_size=options.batch_size,
            random_state=seed,
            sample_weight=sample_weight,
        )
        return plain, None
    balanced = LabelBalancedBatches(
        X,
        targets,
        batch_size=options.batch_size,
        strategy=treatment.batches,
        sample_weight=sample_weight,
        random_state=seed,
    )
    return balanced, balanced.label_rates()


def _mixup(
    options: TrainingOptions, treatment: Treatment, loss: LabelLoss, *, as_they_are: bool
) -> float:
    """Returns α of mixup, 0 for none.

    Args:
        as_they_are: whether the default network sees the columns as they are.
    """
    # Keras' class weights need whole labels.
    can_mix = isinstance(loss, CellwiseLoss) and treatment.keras_class_weight is None
    if options.mixup == "auto":
        return _MIXUP if can_mix and as_they_are else 0.0
    if options.mixup and not can_mix:
        raise InvalidInput(
            f"The treatment {treatment.name!r} cannot be trained on mixtures of rows: its loss of "
            "a mixture is not the mixture of its losses.",
            received=f"mixup={options.mixup}",
            remedy='Use mixup="auto", which mixes where that is possible, or 0.',
        )
    return options.mixup


def _cell_weights(
    carried: LabelWeights | None, y: NDArray[np.float32], sample_weight: NDArray[np.float32] | None
) -> NDArray[np.float32] | None:
    """Returns weights of labels and of rows or cells together; None if there are neither."""
    if carried is None:
        return sample_weight
    weights = carried.for_cells(y).astype(np.float32)
    if sample_weight is None:
        return weights
    return weights * sample_weight.reshape(len(y), -1)


def _check_loss(loss: LabelLoss, targets: Targets) -> None:
    if isinstance(loss, CategoricalLoss) and targets.task != "multiclass":
        raise InvalidInput(
            f"{type(loss).__name__} is for classes that exclude each other.",
            received=f"{targets.task} targets",
            remedy="Pass one class per row, a 1-D y; or a treatment for labels.",
        )


def _seed(random_state: int, number: int) -> int:
    """A seed of its own for each inner fold."""
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0])

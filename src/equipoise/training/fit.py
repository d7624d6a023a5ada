"""fit_treatment: one treatment on one training set, every row used once where it counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol
from weakref import WeakValueDictionary

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, shown_list
from equipoise.batching import ArrayBatches, LabelBalancedBatches
from equipoise.callbacks import BestEpoch
from equipoise.decision import DecisionChain
from equipoise.layers import PiecewiseLinear
from equipoise.links import SigmoidLink, SoftmaxLink
from equipoise.losses.base import LabelLoss
from equipoise.losses.categorical import CategoricalLoss
from equipoise.model_selection import MultilabelStratifiedKFold, MultilabelStratifiedShuffleSplit
from equipoise.stats import LabelStats
from equipoise.targets import Targets, as_targets
from equipoise.training.features import FeatureScaler, as_features, numeric_columns
from equipoise.training.fitted import FittedTreatment, Member, logits_of
from equipoise.training.held_out import held_out_score
from equipoise.training.network import build_network
from equipoise.training.options import TrainingOptions
from equipoise.training.seeds import reseed, seeded
from equipoise.training.treatment import Treatment, as_treatment, without_sampling
from equipoise.training.workbench import Workbench, workbench
from equipoise.weights import LabelWeights

_BINS = 4  # tried by "auto": 8 bring no more (docs/ablation.md)
_MOST_ENCODED = 500  # columns that "auto" encodes: the first layer grows by 4 inputs for each

# What is trained of the models that users brought, while those live: from fit to fit, for the folds
# of a comparison are fits of their own.
_TRAINED: WeakValueDictionary[int, Any] = WeakValueDictionary()


class BuildModel(Protocol):
    """A function that builds an uncompiled Keras model returning one logit per label."""

    def __call__(self, n_features: int, n_labels: int) -> keras.Model: ...


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
    The held-out rows of all folds then give a temperature, and thresholds for the best F1 of each
    label (see `DecisionChain`). A loss without a closed form starts like plain cross-entropy, at
    the log-odds of the labels' frequencies; its scores, and so its thresholds, are uncorrected.

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
        sample_weight = _checked_weight(sample_weight, targets)
    if build_model is not None:
        build_model = _anew(build_model)
    log_odds = np.full((targets.n_rows, targets.n_labels), np.nan)
    members: list[Member] = []
    numeric = numeric_columns(X) if build_model is None and options.bins else []
    bins = _bins_to_try(options, len(numeric))

    def part(rows: NDArray[np.intp]) -> tuple[Any, Targets, Any]:
        return X[rows], targets.take(rows), None if sample_weight is None else sample_weight[rows]

    for number, (train, held) in enumerate(inner_splits(X, targets, groups, options, random_state)):
        tried = [
            _train(
                treatment,
                part(train),
                part(held),
                build_model,
                options,
                encoding=PiecewiseLinear(numeric, n_bins=n_bins) if n_bins else None,
                seed=_seed(random_state, number),
                on_epoch=on_epoch,
            )
            for n_bins in bins
        ]
        best = int(np.argmax([np.nan_to_num(score, nan=-np.inf) for score, _ in tried]))
        bins, member = bins[best : best + 1], tried[best][1]
        log_odds[held] = member.log_odds(X[held])
        members.append(member)
    held_rows = np.flatnonzero(~np.isnan(log_odds).any(axis=1))
    chain = DecisionChain.fitted(
        targets.take(held_rows),
        log_odds[held_rows],
        n_models=len(members),
        rule=options.thresholds,
        # Of classes that exclude each other the probabilities would no longer add up to 1.
        temperature=not isinstance(members[0].output, SoftmaxLink),
        sample_weight=None if sample_weight is None else sample_weight[held_rows],
        random_state=random_state,
    )
    held_scores = chain.held_out(log_odds[held_rows])
    return FittedTreatment(
        treatment, targets.label_names, tuple(members), chain, held_rows, held_scores
    )


def _bins_to_try(options: TrainingOptions, n_numeric: int) -> tuple[int, ...]:
    """Returns the numbers of bins to train the first fold with, 0 for no encoding."""
    if not n_numeric:
        return (0,)
    if options.bins == "auto":
        return (0, _BINS) if n_numeric <= _MOST_ENCODED else (0,)
    return (options.bins,)


def inner_splits(
    X: Any, targets: Targets, groups: Any, options: TrainingOptions, seed: int
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Returns the rows that each network is trained on, and those that it holds out."""
    if options.n_folds == 1:
        splitter = MultilabelStratifiedShuffleSplit(
            n_splits=1, test_size=options.held_share, random_state=seed
        )
    else:
        splitter = MultilabelStratifiedKFold(options.n_folds, random_state=seed)
    return splitter.split(X, targets, groups)


def _train(
    treatment: Treatment,
    training: tuple[Any, Targets, Any],
    held: tuple[Any, Targets, Any],
    build_model: BuildModel | None,
    options: TrainingOptions,
    *,
    encoding: PiecewiseLinear | None,
    seed: int,
    on_epoch: Callable[[], None] | None,
) -> tuple[float, Member]:
    """Returns the score of the held-out rows in the epoch that was kept, and the network."""
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
                hidden_units=options.hidden_units,
                dropout=options.dropout,
                encoding=encoding,
                seed=seed,
            )
            bench = workbench(network, bare.build_loss(stats), options.learning_rate)
            bench.put_in(network)
        else:
            network = build_model(X.shape[1], targets.n_labels)
            _check_logits(network, targets.n_labels)
            bench = Workbench(network, bare.build_loss(stats), options.learning_rate)
        best = BestEpoch(
            lambda: held_out_score(
                held_targets,
                corrected.log_odds(logits_of(bench.model, held_features)),
                held_weight,
            ),
            patience=options.patience,
        )
        callbacks: list[keras.callbacks.Callback] = [best]
        # The first training on a bench makes more random draws than later ones: begin anew.
        callbacks.append(keras.callbacks.LambdaCallback(on_train_begin=lambda *_: reseed(seed)))
        if on_epoch is not None:
            callbacks.append(keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: on_epoch()))
        bench.model.fit(
            batches,
            epochs=options.max_epochs,
            class_weight=treatment.build_class_weight(stats),
            callbacks=callbacks,
            shuffle=False,  # the batches shuffle themselves, from their own seed
            verbose=0,
        )
    if bench.model is not network:
        bench.take_out(network)
    undone = None if link is None else corrected
    member = Member(network, scaler, output, undone, best.best_epoch, len(best.scores))
    return best.scores[best.best_epoch], member


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


def _anew(build_model: BuildModel) -> BuildModel:
    """Returns `build_model`, refusing a model that shares with one that it returned before what
    is trained: the networks would have seen the rows that they hold out."""

    def build(n_features: int, n_labels: int) -> keras.Model:
        model = build_model(n_features, n_labels)
        if isinstance(model, keras.Model):
            own = {id(variable): variable for variable in model.trainable_variables}
            shared = [variable.path for key, variable in own.items() if key in _TRAINED]
            if shared:
                raise InvalidInput(
                    "`build_model` must return a new model at each call: what one network learns "
                    "from rows that another one holds out would flatter the other.",
                    received=f"trainable weights of an earlier model: {shown_list(shared)}",
                    remedy="Make all its layers inside the function (keras.models.clone_model "
                    "copies those you have), or freeze shared ones: layer.trainable = False.",
                )
            _TRAINED.update(own)
        return model

    return build


def _check_logits(model: Any, n_labels: int) -> None:
    if not isinstance(model, keras.Model):
        raise InvalidInput(
            "`build_model` must return a Keras model.", received=type(model).__name__
        )
    if model.output_shape[-1] != n_labels:
        raise InvalidInput(
            "`build_model` must return a model with one output per label.",
            received=f"output shape {model.output_shape} for {n_labels} labels",
        )
    activation = getattr(model.layers[-1], "activation", None)
    if activation in (keras.activations.sigmoid, keras.activations.softmax):
        raise InvalidInput(
            "`build_model` must return a model that ends in logits.",
            received=f"a last layer with activation {activation.__name__!r}",
            remedy="Leave out the last activation; probabilities are computed from the logits.",
        )


def _checked_weight(sample_weight: ArrayLike, targets: Targets) -> NDArray[np.float32]:
    try:
        weight = np.asarray(sample_weight, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            "`sample_weight` must hold numbers.", received=type(sample_weight).__name__
        ) from error
    n, n_labels = targets.n_rows, targets.n_labels
    if weight.shape not in ((n,), (n, 1), (n, n_labels)):
        raise InvalidInput(
            "`sample_weight` must have one weight per row or per cell.",
            received=f"sample_weight.shape={weight.shape} for {n} rows and {n_labels} labels",
        )
    if not np.isfinite(weight).all() or (weight < 0).any():
        raise InvalidInput("`sample_weight` must hold finite weights ≥ 0.", received=repr(weight))
    if not weight.any():
        raise InvalidInput("`sample_weight` is zero everywhere, so there is nothing to learn.")
    return weight


def _seed(random_state: int, number: int) -> int:
    """A seed of its own for each inner fold."""
    return int(np.random.SeedSequence([random_state, number]).generate_state(1)[0])

"""What is audited: labels, model, weights, scores, folds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput, check_integer, check_number
from equipoise.audit.class_weight import ClassWeightAudit
from equipoise.audit.class_weight import class_weight as audit_class_weight
from equipoise.audit.labels import Labels, read_labels
from equipoise.audit.sampling import Sampling
from equipoise.targets import Targets
from equipoise.weights import LabelWeights

if TYPE_CHECKING:
    from equipoise.audit.model_facts import ModelFacts

Validation = Literal["weighted", "unweighted", "split", "unknown"]


@dataclass(frozen=True, eq=False)
class Case:
    """Everything that rules may look at; what was not given is None.

    Attributes:
        labels: the labels.
        model: what was read off the model.
        class_weight: as it would go to `fit`.
        sample_weight: float64 array.
        y_score: float64 array in the shape of the cleaned y.
        n_folds: number of folds, where `cv` is a number.
        splits: (train, test) row indices, where `cv` is a splitter or pairs.
        validation: what is known about the weights of the validation data.
        validation_labels: the labels of the validation data, where they are there.
        batch_size: rows of a full batch.
        features: the X of the rows of y, in whatever form.
        validation_features: that of the validation data.
        validation_split: the share of rows that Keras holds out.
        sampling: what was done to the rows.
        correction: what undoes it, anything with `log_odds`.
    """

    labels: Labels
    model: ModelFacts | None = None
    class_weight: LabelWeights | Mapping[Any, Any] | None = None
    sample_weight: NDArray[np.float64] | None = None
    y_score: NDArray[np.float64] | None = None
    n_folds: int | None = None
    splits: list[tuple[NDArray[np.int64], NDArray[np.int64]]] | None = None
    validation: Validation | None = None
    validation_labels: Labels | None = None
    batch_size: int = 32
    features: Any = None
    validation_features: Any = None
    validation_split: float | None = None
    sampling: Sampling | None = None
    correction: Any = None

    @cached_property
    def keras_weights(self) -> ClassWeightAudit | None:
        """What Keras does with the entries of class_weight that fit a label; None without any."""
        if self.class_weight is None or isinstance(self.class_weight, LabelWeights):
            return None
        if self.labels.n_labels < 2 or len(self.labels.shape) > 2:
            return None
        positions = range(self.labels.n_labels)
        usable = {
            int(key): float(value)
            for key, value in self.class_weight.items()
            if not isinstance(key, str) and key in positions and is_weight(value)
        }
        return audit_class_weight(self.labels.targets, usable) if usable else None


def is_weight(value: object) -> bool:
    """Whether a value is a finite number of at least 0."""
    return (
        isinstance(value, (int, float, np.integer, np.floating))
        and not isinstance(value, bool)
        and bool(0 <= value < np.inf)
    )


def read_class_weight(class_weight: Any) -> LabelWeights | Mapping[Any, Any] | None:
    """Refuses what neither Keras nor eq.fit takes."""
    if class_weight is None or isinstance(class_weight, (LabelWeights, Mapping)):
        return class_weight
    raise InvalidInput(
        "`class_weight` must be a dictionary from label to weight, or a LabelWeights.",
        received=type(class_weight).__name__,
        remedy="Pass dict(enumerate(weights)) for a list of weights.",
    )


def read_sample_weight(sample_weight: Any, labels: Labels) -> NDArray[np.float64] | None:
    """Returns the weights as numbers with one entry, or row of entries, per row of y."""
    if sample_weight is None:
        return None
    weights = _floats("sample_weight", sample_weight)
    if weights.ndim == 0 or weights.shape[0] != labels.shape[0]:
        raise InvalidInput(
            "`sample_weight` must have one entry per row of `y`.",
            received=f"sample_weight.shape={weights.shape}, y.shape={labels.shape}",
            remedy="For one weight per label, use class_weight or LabelWeights.",
        )
    return weights


def read_scores(y_score: Any, labels: Labels) -> NDArray[np.float64] | None:
    """Returns finite scores in the shape (rows, labels)."""
    if y_score is None:
        return None
    scores = _floats("y_score", y_score)
    shape = labels.targets.shape
    if scores.shape != shape and not (shape[-1] == 1 and scores.shape == shape[:-1]):
        raise InvalidInput(
            "`y_score` must have the shape of `y`.",
            received=f"y_score.shape={scores.shape}, y.shape={shape}",
            remedy="Pass what model.predict returns for the rows of y.",
        )
    if not np.isfinite(scores).all():
        raise InvalidInput(
            "`y_score` must hold finite numbers.",
            received=f"{int(np.count_nonzero(~np.isfinite(scores)))} NaN or infinite",
        )
    return scores.reshape(-1, shape[-1])


def read_features(X: Any, labels: Labels) -> Any:
    """Returns X if it has as many rows as y."""
    if X is None:
        return None
    from equipoise.model_selection._inputs import check_same_rows, n_rows_of  # scikit-learn

    parts = list(X.values()) if isinstance(X, Mapping) else [X]
    for part in parts or [None]:
        check_same_rows("X", n_rows_of("X", part), labels.shape[0])
    return X


def read_correction(correction: Any, labels: Labels) -> Any:
    """Returns a correction if it is one, of as many labels as y has."""
    if correction is None:
        return None
    if not hasattr(correction, "log_odds"):
        raise InvalidInput(
            "`correction` must be an equipoise.decision.Correction.",
            received=type(correction).__name__,
            remedy="Pass Correction(sampler.sampling_rates_).",
        )
    try:
        correction.log_odds(np.zeros((1, labels.n_labels)))
    except InvalidInput as error:
        raise InvalidInput(
            f"`correction` was not made for the {labels.n_labels} labels of `y`.",
            received=str(error),
        ) from error
    return correction


def _floats(argument: str, values: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"`{argument}` must hold numbers: {error}.") from error


def read_validation(
    validation_data: Any, validation_split: float | None
) -> tuple[Validation | None, Labels | None]:
    """Says what is known about validation data as `model.fit` takes them."""
    if validation_data is None:
        if not validation_split:
            return None, None
        check_number(
            "validation_split",
            validation_split,
            minimum=0.0,
            maximum=1.0,
            open_minimum=True,
            open_maximum=True,
        )
        return "split", None
    if not isinstance(validation_data, (tuple, list)):
        return "unknown", None
    if len(validation_data) not in (2, 3):
        raise InvalidInput(
            "`validation_data` must be (x, y) or (x, y, sample_weight).",
            received=f"{len(validation_data)} entries",
        )
    weighted = len(validation_data) == 3 and validation_data[2] is not None
    return "weighted" if weighted else "unweighted", read_labels(validation_data[1])


def read_folds(
    cv: Any, labels: Labels, groups: Any
) -> tuple[int | None, list[tuple[NDArray[np.int64], NDArray[np.int64]]] | None]:
    """Returns the number of folds, or the folds themselves where they can be had."""
    if cv is None:
        return None, None
    if isinstance(cv, (int, np.integer)):
        return check_integer("cv", cv, minimum=2), None
    if hasattr(cv, "split") and not isinstance(cv, (str, bytes)):
        try:
            pairs = list(cv.split(np.zeros((labels.shape[0], 1)), _as_given(labels), groups))
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"`cv` cannot split this `y`: {error}",
                received=type(cv).__name__,
                remedy="Use equipoise.model_selection.MultilabelStratifiedKFold.",
            ) from error
    else:
        pairs = list(cv) if isinstance(cv, Iterable) else []
    splits = [_pair(pair, labels.shape[0]) for pair in pairs]
    if not splits:
        raise InvalidInput(
            "`cv` must be a number of folds, a splitter, or pairs of row indices.",
            received=repr(cv),
        )
    return None, splits


def _as_given(labels: Labels) -> Any:
    """y as any splitter takes it: as it was given, or as an array if only we know its form."""
    if not isinstance(labels.given, Targets):
        return labels.given
    values: Any = labels.targets.values
    return np.asarray(values.argmax(axis=1)).reshape(-1) if labels.exclusive else values


def _pair(pair: Any, n_rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    parts: list[NDArray[np.int64]] = []
    for part in pair if isinstance(pair, (tuple, list)) and len(pair) == 2 else ():
        rows = np.asarray(part)
        if rows.dtype == bool and rows.shape == (n_rows,):
            rows = np.flatnonzero(rows)
        fits = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
        if fits and rows.min() >= 0 and rows.max() < n_rows:
            parts.append(rows.astype(np.int64))
    if len(parts) != 2:
        raise InvalidInput(
            f"Each fold of `cv` must be a pair (train, test) of rows from 0 to {n_rows - 1}.",
            received=repr(pair)[:200],
        )
    return parts[0], parts[1]

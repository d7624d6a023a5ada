"""Where Keras applies a `class_weight`, beside where it was meant to go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_names
from equipoise.audit.document import class_weight_document
from equipoise.audit.row_weights import by_keras, by_rule, keras_can_be_asked
from equipoise.report.render import to_fragment, to_text
from equipoise.targets import Targets, as_targets
from equipoise.weights import LabelWeights

_BLOCK = 1 << 18  # cells whose loss is computed at a time
_ORDERS = 100  # label orders tried for the range of the loss
_ASKED = 5_000  # distinct rows about which Keras is asked


@dataclass(frozen=True)
class Reading:
    """One meaning that a class_weight may have had.

    Attributes:
        name: "positives", "label" or "pair".
        meaning: the same in words.
        loss: the loss on the given predictions; None where the reading does not apply.
        code: the line that does it.
    """

    name: str
    meaning: str
    loss: float | None
    code: str


@dataclass(frozen=True)
class ClassWeightAudit:
    """What Keras does with a `class_weight` on these labels; made by `class_weight`.

    Attributes:
        source: how it is known: "keras" (the installed Keras was asked) or "rule".
        label_names: L names.
        n_rows: number of rows.
        asked: (L,) the weight asked for; 1 where none was.
        rows_touched: rows whose weight is not 1.
        rows_without_the_label: touched rows that do not have the label whose weight they got.
        unlabelled_rows: rows without any label.
        unlabelled_weight: the weight that they get, that of the first label.
        rows_with_unused_weights: rows with several labels, of which only the first one's counts.
        rows_given: (L,) rows that got the weight of this label, the unlabelled ones included.
        never_applied: labels whose weight no row that has them got.
        effective_positive: (L,) mean weight of the rows that have the label; NaN without any.
        effective_negative: (L,) mean weight of the rows that do not have it; NaN without any.
        unweighted_loss: mean binary cross-entropy of the predictions.
        keras_loss: the same as Keras weighs it.
        reversed_loss: the same with the labels in reversed order.
        loss_range: lowest and highest over many orders of the labels.
        readings: what may have been meant.
    """

    source: str
    label_names: tuple[str, ...]
    n_rows: int
    asked: NDArray[np.float64]
    rows_touched: int
    rows_without_the_label: int
    unlabelled_rows: int
    unlabelled_weight: float
    rows_with_unused_weights: int
    rows_given: NDArray[np.int64]
    never_applied: tuple[str, ...]
    effective_positive: NDArray[np.float64]
    effective_negative: NDArray[np.float64]
    unweighted_loss: float
    keras_loss: float
    reversed_loss: float
    loss_range: tuple[float, float]
    readings: tuple[Reading, ...]

    @property
    def effective_ratio(self) -> NDArray[np.float64]:
        """(L,) effective weight of positives over that of negatives; NaN where one is missing."""
        return self.effective_positive / self.effective_negative

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values; NaN becomes None."""
        arrays = ("asked", "effective_positive", "effective_negative", "effective_ratio")
        return {
            "kind": "ClassWeightAudit",
            "schema_version": 1,
            "source": self.source,
            "n_rows": self.n_rows,
            "rows_touched": self.rows_touched,
            "rows_without_the_label": self.rows_without_the_label,
            "unlabelled_rows": self.unlabelled_rows,
            "unlabelled_weight": self.unlabelled_weight,
            "rows_with_unused_weights": self.rows_with_unused_weights,
            "never_applied": list(self.never_applied),
            "losses": {
                "unweighted": self.unweighted_loss,
                "keras": self.keras_loss,
                "keras, labels reversed": self.reversed_loss,
                "keras, lowest over label orders": self.loss_range[0],
                "keras, highest over label orders": self.loss_range[1],
                **{reading.name: reading.loss for reading in self.readings},
            },
            "readings": [vars(reading) for reading in self.readings],
            "labels": [
                {
                    "label": name,
                    "rows_given": int(self.rows_given[i]),
                    **{key: _none_if_nan(getattr(self, key)[i]) for key in arrays},
                }
                for i, name in enumerate(self.label_names)
            ],
        }

    def document(self) -> dict[str, Any]:
        """Returns the audit as a report document (`equipoise.report`)."""
        return class_weight_document(self.to_dict())

    def __str__(self) -> str:
        return to_text(self.document())

    def _repr_html_(self) -> str:
        return to_fragment(self.document())


def class_weight(
    y: Any,
    class_weight: Mapping[Any, float],
    *,
    y_score: ArrayLike | None = None,
    label_names: Iterable[object] | None = None,
) -> ClassWeightAudit:
    """Shows what `model.fit(..., class_weight=class_weight)` does with multi-label targets.

    Keras gives each **row** one weight, that of `argmax(row)`: of the first label it has, or of
    label 0 if it has none. The row's whole loss is multiplied by it, negatives and all.

    Args:
        y: the labels, anything `as_targets` reads.
        class_weight: weight by label position (or name), as it would go to Keras.
        y_score: predicted probabilities for the losses: (N, L), (L,) or one number; by default
            each label's share of positives.
        label_names: L names.

    Raises:
        InvalidInput: y is not multi-label, weights that do not fit, probabilities outside (0, 1).

    Examples:
        >>> y = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
        >>> audit = class_weight(y, {0: 1.0, 1: 10.0, 2: 5.0}, y_score=0.5)
        >>> audit.rows_given, audit.never_applied
        (array([3, 1, 0]), ('label_2',))
        >>> audit.effective_positive
        array([ 1., 10.,  1.])
    """
    targets = as_targets(y, label_names=label_names)
    if targets.n_labels < 2 or targets.n_rows == 0:
        raise InvalidInput(
            "The audit is about targets with several labels a row.",
            received=f"{targets.n_rows} rows and {targets.n_labels} labels",
            remedy="Keras' class_weight is right for classes in one column: leave it there.",
        )
    by_position = _by_position(class_weight, targets.label_names)
    asked = np.array([by_position.get(i, 1.0) for i in range(targets.n_labels)])
    given = _given(targets)
    source, weights = _row_weights(targets, given, by_position)
    p = _probabilities(y_score, targets)
    sums = _sums(targets, weights, asked, p)
    n_cells = targets.n_rows * targets.n_labels
    per_row = np.asarray(targets.values.sum(axis=1)).reshape(-1)
    rows_given = np.bincount(given, minlength=targets.n_labels)
    used = np.bincount(given[per_row > 0], minlength=targets.n_labels)
    orders = _losses_over_orders(targets, asked, sums["row"])
    return ClassWeightAudit(
        source=source,
        label_names=targets.label_names,
        n_rows=targets.n_rows,
        asked=asked,
        rows_touched=int(np.count_nonzero(weights != 1)),
        rows_without_the_label=int(np.count_nonzero((weights != 1) & (per_row == 0))),
        unlabelled_rows=int(np.count_nonzero(per_row == 0)),
        unlabelled_weight=float(asked[0]),
        rows_with_unused_weights=int(np.count_nonzero(per_row > 1)),
        rows_given=rows_given,
        never_applied=tuple(
            name for name, n in zip(targets.label_names, used, strict=True) if n == 0
        ),
        effective_positive=_ratio(sums["weight_positive"], sums["positives"]),
        effective_negative=_ratio(sums["weight_negative"], sums["negatives"]),
        unweighted_loss=float(sums["row"].sum() / n_cells),
        keras_loss=float((weights * sums["row"]).sum() / n_cells),
        reversed_loss=float(orders[0]),
        loss_range=(float(orders.min()), float(orders.max())),
        readings=_readings(by_position, asked, sums, n_cells),
    )


def _by_position(class_weight: Any, names: tuple[str, ...]) -> dict[int, float]:
    """Checks the weights as `LabelWeights.from_class_weight` does, missing labels allowed."""
    if isinstance(class_weight, LabelWeights):
        raise InvalidInput(
            "Keras takes a dictionary as `class_weight`.",
            received="a LabelWeights",
            remedy="Pass dict(enumerate(weights.positive)) to see what Keras would do with it.",
        )
    # Positions stay positions, whatever the labels are called.
    checked = LabelWeights.from_class_weight(
        class_weight, label_names=check_names("label_names", names), default=1.0
    )
    named = {names.index(key) if isinstance(key, str) else int(key) for key in class_weight}
    return {i: float(checked.positive[i]) for i in sorted(named)}


def _given(targets: Targets) -> NDArray[np.int64]:
    """(N,) the label whose weight each row gets: its first one, or label 0."""
    csr = targets.positives()
    first = np.zeros(targets.n_rows, dtype=np.int64)
    has = np.diff(csr.indptr) > 0
    first[has] = csr.indices[csr.indptr[:-1][has]]
    return first


def _row_weights(
    targets: Targets, given: NDArray[np.int64], by_position: Mapping[int, float]
) -> tuple[str, NDArray[np.float64]]:
    """The weight of each row, and whether Keras itself said so."""
    table = np.array([by_position.get(i, 1.0) for i in range(targets.n_labels)])
    weights = table[given]
    if not keras_can_be_asked():
        return "rule", weights
    some = np.random.default_rng(0).permutation(targets.n_rows)[:_ASKED]
    rows = targets.take(some).to_array(unknown=0.0)
    answer = by_keras(rows, by_position)
    # The answer is float32, the weights are not.
    if np.allclose(answer, by_rule(rows, by_position), rtol=1e-6):
        return "keras", weights
    everything = by_keras(targets.to_array(unknown=0.0), by_position)
    return "keras", everything


def _probabilities(y_score: ArrayLike | None, targets: Targets) -> NDArray[np.float64]:
    """Probabilities that broadcast against (N, L)."""
    if y_score is None:
        positives = np.asarray(targets.values.sum(axis=0)).reshape(-1)
        return (positives + 0.5) / (targets.n_rows + 1)
    p = np.asarray(y_score, dtype=np.float64)
    if p.shape not in ((), (targets.n_labels,), (targets.n_rows, targets.n_labels)):
        raise InvalidInput(
            "`y_score` must be one probability, one per label, or one per cell.",
            received=f"y_score.shape={p.shape} for y.shape={targets.shape}",
        )
    if not ((p > 0) & (p < 1)).all():
        raise InvalidInput(
            "`y_score` must hold probabilities between 0 and 1.",
            received=f"{p.min()} to {p.max()}",
            remedy="Pass 1 / (1 + exp(-z)) of logits z.",
        )
    return p


def _sums(
    targets: Targets, weights: NDArray[np.float64], asked: NDArray[np.float64], p: Any
) -> dict[str, NDArray[np.float64]]:
    """Sums of cell losses per row and per label and side, a block of rows at a time."""
    n, n_labels = targets.n_rows, targets.n_labels
    row = np.empty(n)
    totals = {
        key: np.zeros(n_labels)
        for key in (
            "loss_positive",
            "loss_negative",
            "positives",
            "negatives",
            "weight_positive",
            "weight_negative",
        )
    }
    step = max(1, _BLOCK // n_labels)
    for start in range(0, n, step):
        rows = np.arange(start, min(start + step, n))
        block = targets.take(rows).to_dense()
        known = block.known
        positive = (block.values == 1) & known
        negative = ~positive & known
        q = p[rows] if np.ndim(p) == 2 else p
        cells_positive = np.where(positive, -np.log(q), 0.0)
        cells_negative = np.where(negative, -np.log1p(-q), 0.0)
        row[rows] = (cells_positive + cells_negative).sum(axis=1)
        totals["loss_positive"] += cells_positive.sum(axis=0)
        totals["loss_negative"] += cells_negative.sum(axis=0)
        totals["positives"] += positive.sum(axis=0)
        totals["negatives"] += negative.sum(axis=0)
        totals["weight_positive"] += weights[rows] @ positive
        totals["weight_negative"] += weights[rows] @ negative
    return {"row": row, **totals}


def _losses_over_orders(
    targets: Targets, asked: NDArray[np.float64], row_losses: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Keras' loss under other orders of the labels, their weights too; the reversed one first."""
    csr = targets.positives()
    sizes = np.diff(csr.indptr)
    has = np.flatnonzero(sizes)
    starts = csr.indptr[:-1][has]
    rng = np.random.default_rng(0)
    n_labels = targets.n_labels
    orders = [np.arange(n_labels)[::-1], np.arange(n_labels)]
    orders += [rng.permutation(n_labels) for _ in range(_ORDERS if n_labels > 2 else 0)]
    losses = []
    for order in orders:
        rank = np.empty(n_labels, dtype=np.int64)
        rank[order] = np.arange(n_labels)
        weights = np.full(targets.n_rows, asked[order[0]])
        if len(has):
            weights[has] = asked[order[np.minimum.reduceat(rank[csr.indices], starts)]]
        losses.append((weights * row_losses).sum() / (targets.n_rows * n_labels))
    return np.array(losses)


def _readings(
    by_position: Mapping[int, float],
    asked: NDArray[np.float64],
    sums: Mapping[str, NDArray[np.float64]],
    n_cells: int,
) -> tuple[Reading, ...]:
    positive, negative = sums["loss_positive"], sums["loss_negative"]

    def loss(on_positives: Any, on_negatives: Any) -> float:
        return float((on_positives * positive + on_negatives * negative).sum() / n_cells)

    pair = None
    if set(by_position) == {0, 1}:
        pair = loss(by_position[1], by_position[0])
    return (
        Reading(
            "positives",
            "each label's weight on its positives, negatives keep 1",
            loss(asked, 1.0),
            "eq.fit(model, X, y, class_weight=class_weight)",
        ),
        Reading(
            "label",
            "each label's weight on its whole term, positives and negatives",
            loss(asked, asked),
            'eq.fit(model, X, y, class_weight=class_weight, applies_to="label")',
        ),
        Reading(
            "pair",
            "0 and 1 are not labels but the negatives and the positives of every label",
            pair,
            "eq.fit(model, X, y, class_weight={i: class_weight for i in range(n_labels)})"
            if pair is not None
            else "eq.fit(model, X, y, class_weight={label: {0: w_negative, 1: w_positive}, ...})",
        ),
    )


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.divide(
        numerator, denominator, out=np.full(len(numerator), np.nan), where=denominator > 0
    )


def _none_if_nan(value: float) -> float | None:
    return None if np.isnan(value) else float(value)

"""Cases that make each rule of the audit speak, and cases in which it must not."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import equipoise as eq

RNG = np.random.default_rng(0)
# 40 rows, 3 labels; none, one and several labels in a row; no label follows from another.
Y = (RNG.random((40, 3)) < [0.5, 0.3, 0.2]).astype(np.float32)
ONE_HOT = np.eye(3, dtype=np.float32)[RNG.integers(0, 3, 40)]
WEIGHTS = {0: 2.5, 1: 10.0, 2: 5.0}
FEATURES = np.random.default_rng(3).normal(size=(40, 4))
SCORES = np.clip(0.25 + 0.4 * Y + 0.3 * RNG.random(Y.shape), 0.01, 0.99)


@dataclass(frozen=True)
class FindingCase:
    """Arguments of `check`, and what one rule must make of them.

    Attributes:
        code: the rule.
        name: what is special about the case.
        arguments: makes the arguments; models are built only when the case runs.
        outcome: "error", "warning", "note", "passed" or "not applicable".
        evidence: entries that the finding's evidence must hold, a tolerance of 1e-3 apart.
        says: text that the outcome must hold.
        keras: whether the case needs a Keras backend.
    """

    code: str
    name: str
    arguments: Callable[[], dict[str, Any]]
    outcome: str
    evidence: dict[str, Any] = field(default_factory=dict)
    says: str = ""
    keras: bool = True

    def parameter(self) -> Any:
        marks = [pytest.mark.keras] if self.keras else []
        return pytest.param(self, id=f"{self.code} {self.name}", marks=marks)


def model(
    activation: Any = "sigmoid",
    loss: Any = "binary_crossentropy",
    metrics: Any = None,
    *,
    n_labels: int = 3,
    dtype: Any = None,
    shape: tuple[int, ...] = (4,),
    **compile_arguments: Any,
) -> Any:
    """A small compiled model."""
    import keras

    built = keras.Sequential(
        [keras.layers.Input(shape), keras.layers.Dense(n_labels, activation, dtype=dtype)]
    )
    built.compile(optimizer="sgd", loss=loss, metrics=metrics, **compile_arguments)
    return built


def losses() -> Any:
    import keras

    return keras.losses


def metrics() -> Any:
    import keras

    return keras.metrics


def two_outputs(loss: Any = "binary_crossentropy", **compile_arguments: Any) -> Any:
    import keras

    inputs = keras.layers.Input((4,))
    a = keras.layers.Dense(3, "sigmoid", name="a")(inputs)
    b = keras.layers.Dense(2, name="b")(inputs)
    built = keras.Model(inputs, [a, b])
    built.compile(optimizer="sgd", loss=loss, **compile_arguments)
    return built


def subclassed(loss: Any) -> Any:
    import keras

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(3, "sigmoid")

        def call(self, x: Any) -> Any:
            return self.dense(x)

    built = Own()
    built.compile(optimizer="sgd", loss=loss)
    return built


def with_column(column: Any) -> np.ndarray:
    """Y with its last column replaced."""
    return np.column_stack([Y[:, :2], column]).astype(np.float32)


def with_unknown(marker: float) -> np.ndarray:
    y = Y.copy()
    y[::4, 1] = marker
    return y


def no_positives() -> np.ndarray:
    return with_column(np.zeros(40))


def crowded_scores() -> dict[str, Any]:
    """Rare labels whose scores are all below 1/199, yet rank well."""
    rng = np.random.default_rng(1)
    y = (rng.random((2000, 2)) < 0.02).astype(np.float32)
    scores = np.exp(rng.normal(-8 + 1.5 * y, 0.8))
    return {"y": y, "y_score": np.clip(scores, 0, 1)}


def auc(**options: Any) -> list[Any]:
    return [metrics().AUC(**options)]


def unmasked_mse(y: Any, y_pred: Any) -> Any:
    from keras import ops

    return ops.mean(ops.square(y - y_pred), axis=-1)


def masked_mse(y: Any, y_pred: Any) -> Any:
    from keras import ops

    known = ops.logical_and(y >= 0, y <= 1)
    return ops.mean(ops.square(ops.where(known, y - y_pred, 0.0)), axis=-1)


def _class_weight_cases() -> list[FindingCase]:
    demo = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]])
    return [
        FindingCase(
            "EQP001",
            "several labels a row",
            lambda: {"y": demo, "class_weight": {0: 1, 1: 10, 2: 5}},
            "error",
            {
                "rows_reweighted": 1,
                "rows_without_labels": 1,
                "rows_of_several_labels": 1,
                "labels_whose_weight_never_applies": ["label_2"],
                "effective_on_positives": {"label_0": 1, "label_1": 10, "label_2": 1},
            },
        ),
        FindingCase("EQP001", "none", lambda: {"y": Y}, "not applicable", keras=False),
        FindingCase("EQP001", "one-hot", lambda: {"y": ONE_HOT, "class_weight": WEIGHTS}, "passed"),
        FindingCase(
            "EQP001",
            "classes",
            lambda: {"y": ONE_HOT.argmax(1), "class_weight": WEIGHTS},
            "passed",
        ),
        FindingCase(
            "EQP001",
            "one label",
            lambda: {"y": Y[:, :1], "class_weight": {0: 1.0, 1: 4.0}},
            "passed",
        ),
        FindingCase(
            "EQP001",
            "LabelWeights",
            lambda: {"y": Y, "class_weight": eq.LabelWeights.from_targets(Y)},
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP001",
            "no usable entry",
            lambda: {"y": Y, "class_weight": {"a": 3.0}},
            "not applicable",
            says="EQP002",
            keras=False,
        ),
        FindingCase(
            "EQP002",
            "names and too large numbers",
            lambda: {"y": Y, "class_weight": {0: 2.0, "label_1": 3.0, 7: 1.0}},
            "error",
            {"keys_that_name_no_class": ["label_1", 7], "classes_without_weight": 2},
        ),
        FindingCase(
            "EQP002",
            "negative, NaN and None",
            lambda: {"y": Y, "class_weight": {0: -1.0, 1: np.nan, 2: None}},
            "error",
            {"weights_that_are_none": {"0": "-1.0", "1": "nan", "2": "None"}},
            keras=False,
        ),
        FindingCase(
            "EQP002",
            "pairs",
            lambda: {"y": Y, "class_weight": {i: {0: 1.0, 1: 2.0} for i in range(3)}},
            "error",
            {"pairs": [0, 1, 2]},
            says="Keras fails on pairs",
            keras=False,
        ),
        FindingCase(
            "EQP002",
            "a missing label",
            lambda: {"y": Y, "class_weight": {0: 2.0, 2: 3.0}},
            "warning",
            {"classes_without_weight": [1]},
        ),
        FindingCase(
            "EQP002",
            "LabelWeights of other labels",
            lambda: {"y": Y, "class_weight": eq.LabelWeights.from_targets(Y[:, :2])},
            "error",
            {"weights": 2, "labels": 3},
            keras=False,
        ),
        FindingCase("EQP002", "all", lambda: {"y": Y, "class_weight": WEIGHTS}, "passed"),
        FindingCase(
            "EQP002",
            "both classes of one label",
            lambda: {"y": Y[:, 0], "class_weight": {0: 1.0, 1: 2.0}},
            "passed",
        ),
        FindingCase(
            "EQP002",
            "classes by number",
            lambda: {"y": [3, 5, 9, 3], "class_weight": {3: 1.0, 5: 2.0, 9: 1.0}},
            "passed",
        ),
        FindingCase(
            "EQP003",
            "beside sample_weight",
            lambda: {"y": Y, "class_weight": WEIGHTS, "sample_weight": np.ones(40)},
            "error",
            {"sample_weight_shape": [40]},
        ),
        FindingCase(
            "EQP003",
            "several outputs",
            lambda: {"y": Y, "model": two_outputs(), "output": "a", "class_weight": WEIGHTS},
            "error",
            {"several_outputs": True},
        ),
        FindingCase(
            "EQP003", "alone", lambda: {"y": Y, "model": model(), "class_weight": WEIGHTS}, "passed"
        ),
    ]


def _sample_weight_cases() -> list[FindingCase]:
    cells = RNG.random(Y.shape)
    three = RNG.random((8, 5, 3)).round()

    def weighted_loss() -> Any:
        return eq.losses.WeightedBinaryCrossentropy()

    return [
        FindingCase(
            "EQP004",
            "one weight a cell",
            lambda: {"y": Y, "model": model(), "sample_weight": cells},
            "error",
            {"loss_values_of_a_batch": [32], "weights_of_a_batch": [32, 3]},
        ),
        FindingCase(
            "EQP004",
            "one weight a row, three axes",
            lambda: {"y": three, "model": model(shape=(5, 4)), "sample_weight": np.ones(8)},
            "error",
            {"loss_values_of_a_batch": [8, 5], "weights_of_a_batch": [8]},
        ),
        FindingCase(
            "EQP004",
            "a loss that weighs cells",
            lambda: {"y": Y, "model": model(loss=weighted_loss()), "sample_weight": cells},
            "not applicable",
        ),
        FindingCase(
            "EQP004",
            "one weight a row",
            lambda: {"y": Y, "model": model(), "sample_weight": np.ones(40)},
            "passed",
        ),
        FindingCase(
            "EQP004",
            "(N, 1)",
            lambda: {"y": Y, "model": model(), "sample_weight": np.ones((40, 1))},
            "passed",
        ),
        FindingCase(
            "EQP004",
            "one weight a step",
            lambda: {"y": three, "model": model(shape=(5, 4)), "sample_weight": np.ones((8, 5))},
            "passed",
        ),
        FindingCase(
            "EQP004",
            "a column of one label",
            lambda: {"y": Y[:, 0], "model": model(n_labels=1), "sample_weight": np.ones(40)},
            "passed",
        ),
        FindingCase(
            "EQP004",
            "classes by number",
            lambda: {
                "y": ONE_HOT.argmax(1),
                "model": model("softmax", "sparse_categorical_crossentropy"),
                "sample_weight": cells,
            },
            "error",
            {"loss_values_of_a_batch": [32], "weights_of_a_batch": [32, 3]},
        ),
        FindingCase(
            "EQP005",
            "as many rows as labels",
            lambda: {
                "y": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
                "model": model(),
                "sample_weight": [[1, 1, 1], [2, 2, 2], [3, 3, 3]],
            },
            "error",
            {"weights_of_a_batch": [3, 3], "loss_values_of_a_batch": [3]},
        ),
        FindingCase(
            "EQP005",
            "a batch of as many rows as labels",
            lambda: {"y": Y, "model": model(), "sample_weight": cells, "batch_size": 3},
            "error",
            {"weights_of_a_batch": [3, 3]},
        ),
        FindingCase(
            "EQP005",
            "batches of one row",
            lambda: {"y": Y, "model": model(), "sample_weight": cells, "batch_size": 1},
            "error",
            {"weights_of_a_batch": [1, 3], "loss_values_of_a_batch": [1]},
        ),
        FindingCase(
            "EQP005",
            "as many rows as steps",
            lambda: {
                "y": three[:5],
                "model": model(shape=(5, 4)),
                "sample_weight": np.arange(5.0),
            },
            "error",
            {"loss_values_of_a_batch": [5, 5], "weights_of_a_batch": [5]},
        ),
        FindingCase(
            "EQP005",
            "a loss with one value a batch",
            lambda: {
                "y": Y,
                "model": model(loss=losses().Dice()),
                "sample_weight": np.ones(40),
            },
            "error",
            {"loss_values_of_a_batch": [], "weights_of_a_batch": [32]},
        ),
        FindingCase(
            "EQP005",
            "one weight a row",
            lambda: {"y": Y, "model": model(), "sample_weight": np.ones(40), "batch_size": 3},
            "passed",
        ),
        FindingCase(
            "EQP005",
            "as many rows as labels, a loss that weighs cells",
            lambda: {
                "y": Y,
                "model": model(loss=weighted_loss()),
                "sample_weight": cells,
                "batch_size": 3,
            },
            "not applicable",
        ),
        FindingCase(
            "EQP006",
            "negative and NaN",
            lambda: {"y": Y, "sample_weight": [-1.0, np.nan, np.inf] + [1.0] * 37},
            "error",
            {"negative": 1, "nan_or_infinite": 2, "first_at": [0]},
            keras=False,
        ),
        FindingCase(
            "EQP006",
            "good",
            lambda: {"y": Y, "sample_weight": np.linspace(0, 1, 40)},
            "passed",
            says="0 to 1",
            keras=False,
        ),
    ]


def _weight_cases() -> list[FindingCase]:
    tens = {0: 10.0, 1: 10.0, 2: 10.0}
    rows = np.full(40, 3.0)

    def half(**options: Any) -> Any:
        return model(dtype="mixed_float16", **options)

    return [
        FindingCase(
            "EQP007",
            "class_weight",
            lambda: {"y": Y, "class_weight": tens, "validation_data": (Y, Y)},
            "warning",
            {"ratio": 10.0},
        ),
        FindingCase(
            "EQP007",
            "class_weight, weighted validation data",
            lambda: {"y": Y, "class_weight": tens, "validation_data": (Y, Y, rows)},
            "warning",
        ),
        FindingCase(
            "EQP007",
            "class_weight and a split",
            lambda: {"y": Y, "class_weight": tens, "validation_split": 0.2},
            "warning",
        ),
        FindingCase(
            "EQP007",
            "LabelWeights",
            lambda: {
                "y": Y,
                "class_weight": eq.LabelWeights([2, 2, 2], [2, 2, 2], ("a", "b", "c")),
                "validation_data": (Y, Y),
            },
            "warning",
            {"ratio": 2.0},
            says="weight_validation=True",
            keras=False,
        ),
        FindingCase(
            "EQP007",
            "class_weight of one label",
            lambda: {"y": Y[:, :1], "class_weight": {0: 4.0, 1: 4.0}, "validation_split": 0.5},
            "warning",
            {"ratio": 4.0},
        ),
        FindingCase(
            "EQP007",
            "sample_weight",
            lambda: {"y": Y, "sample_weight": rows, "validation_data": (Y, Y)},
            "warning",
            {"ratio": 3.0},
            keras=False,
        ),
        FindingCase(
            "EQP007",
            "weighted validation data",
            lambda: {"y": Y, "sample_weight": rows, "validation_data": (Y, Y, rows)},
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP007",
            "sample_weight and a split",
            lambda: {"y": Y, "sample_weight": rows, "validation_split": 0.2},
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP007",
            "a data set",
            lambda: {"y": Y, "sample_weight": rows, "validation_data": object()},
            "not applicable",
            keras=False,
        ),
        FindingCase(
            "EQP007",
            "no validation",
            lambda: {"y": Y, "class_weight": tens},
            "not applicable",
        ),
        FindingCase(
            "EQP008",
            "large sample_weight",
            lambda: {"y": Y, "model": half(), "sample_weight": np.full(40, 1e4)},
            "warning",
            {"times_an_unweighted_batch": 1e4, "steps_skipped_at_most_about": 13},
        ),
        FindingCase(
            "EQP008",
            "one large weight",
            lambda: {"y": Y, "model": half(), "sample_weight": [3200.0] + [0.0] * 39},
            "warning",
            {"times_an_unweighted_batch": 100.0},
        ),
        FindingCase(
            "EQP008",
            "class_weight",
            lambda: {"y": Y, "model": half(), "class_weight": {0: 1e3, 1: 1e3, 2: 1e3}},
            "warning",
            {"times_an_unweighted_batch": 1e3},
        ),
        FindingCase(
            "EQP008",
            "LabelWeights",
            lambda: {
                "y": Y,
                "model": half(),
                "class_weight": eq.LabelWeights([1e3] * 3, [1e3] * 3, ("a", "b", "c")),
            },
            "warning",
            {"times_an_unweighted_batch": 1e3},
        ),
        FindingCase(
            "EQP008",
            "weights of the loss",
            lambda: {
                "y": Y,
                "model": half(loss=eq.losses.WeightedBinaryCrossentropy(label_weight=[1e3] * 3)),
            },
            "warning",
            {"by_source": {"loss": 1e3}},
        ),
        FindingCase(
            "EQP008",
            "weights of mean 1",
            lambda: {"y": Y, "model": half(), "sample_weight": np.linspace(0, 2, 40)},
            "passed",
        ),
        FindingCase(
            "EQP008",
            "float32",
            lambda: {"y": Y, "model": model(), "sample_weight": np.full(40, 1e4)},
            "not applicable",
        ),
    ]


def _label_cases() -> list[FindingCase]:
    cases = [
        FindingCase(
            "EQP009",
            "matrix",
            lambda: {"y": 2 * Y - 1},
            "error",
            {"cells_of_minus_1": int((Y == 0).sum()), "cells_of_1": int(Y.sum())},
        ),
        FindingCase("EQP009", "one column", lambda: {"y": 2 * Y[:, 0] - 1}, "error"),
        FindingCase("EQP009", "0 and 1", lambda: {"y": Y}, "passed"),
        FindingCase("EQP009", "−1 for unknown", lambda: {"y": with_unknown(-1)}, "passed"),
        FindingCase(
            "EQP010",
            "label_names",
            lambda: {"y": Y, "label_names": ["a", "b", "a"]},
            "error",
            {"names": ["a"], "n_names": 1},
        ),
        FindingCase("EQP010", "a data frame", lambda: {"y": _frame(["a", "b", "a"])}, "error"),
        FindingCase("EQP010", "distinct", lambda: {"y": _frame(["a", "b", "c"])}, "passed"),
        FindingCase(
            "EQP011",
            "no positives",
            lambda: {"y": no_positives()},
            "warning",
            {"labels_without_positives": ["label_2"], "n_without_negatives": 0},
        ),
        FindingCase(
            "EQP011",
            "no negatives",
            lambda: {"y": with_column(np.ones(40))},
            "warning",
            {"labels_without_negatives": ["label_2"], "n_without_positives": 0},
        ),
        FindingCase("EQP011", "both", lambda: {"y": Y}, "passed"),
        FindingCase(
            "EQP012",
            "fewer positives than folds",
            lambda: {"y": with_column(np.arange(40) < 3), "cv": 5},
            "warning",
            {
                "positives": {"label_2": 3},
                "folds_that_cannot_score_it": {"label_2": 2},
                "folds_that_cannot_learn_it": {"label_2": 0},
            },
        ),
        FindingCase(
            "EQP012",
            "one positive",
            lambda: {"y": with_column(np.arange(40) == 3), "cv": 5},
            "warning",
            {
                "folds_that_cannot_score_it": {"label_2": 4},
                "folds_that_cannot_learn_it": {"label_2": 1},
            },
        ),
        FindingCase(
            "EQP012",
            "folds in the order of the rows",
            lambda: {"y": np.arange(40) < 8, "cv": _kfold(5)},
            "warning",
            {"folds_that_cannot_score_it": {"1": 4}, "folds_that_cannot_learn_it": {"1": 1}},
        ),
        FindingCase(
            "EQP012",
            "folds by hand",
            lambda: {"y": Y, "cv": [(np.arange(20), np.arange(20, 40))]},
            "passed",
        ),
        FindingCase(
            "EQP012",
            "stratified",
            lambda: {
                "y": with_column(np.arange(40) < 8),
                "cv": eq.model_selection.MultilabelStratifiedKFold(4, random_state=0),
            },
            "passed",
        ),
        FindingCase("EQP012", "enough", lambda: {"y": Y, "cv": 5}, "passed"),
        FindingCase(
            "EQP012",
            "three axes",
            lambda: {"y": Y.reshape(8, 5, 3), "cv": 20},
            "warning",
            {
                "positives": {
                    f"label_{i}": int(Y.reshape(8, 5, 3).max(1).sum(0)[i]) for i in range(3)
                }
            },
        ),
        FindingCase("EQP012", "no cv", lambda: {"y": Y}, "not applicable"),
        FindingCase(
            "EQP013",
            "the same",
            lambda: {"y": with_column(Y[:, 0])},
            "warning",
            {"same": ["label_0 = label_2"], "n_negated": 0, "n_implied": 0},
        ),
        FindingCase(
            "EQP013",
            "negated",
            lambda: {"y": with_column(1 - Y[:, 0])},
            "warning",
            {"negated": ["label_0 = not label_2"], "n_same": 0, "n_implied": 0},
        ),
        FindingCase(
            "EQP013",
            "implied",
            lambda: {"y": np.column_stack([Y[:, 0] * (np.arange(40) % 3 > 0), Y[:, 1], Y[:, 0]])},
            "note",
            {"implied": ["label_0 → label_2"], "n_same": 0, "n_negated": 0},
        ),
        FindingCase(
            "EQP013",
            "the same where both are known",
            lambda: {"y": _half_known(Y[:, 0])},
            "warning",
            {"same": ["label_0 = label_2"]},
        ),
        FindingCase(
            "EQP013",
            "negated where both are known",
            lambda: {"y": _half_known(1 - Y[:, 0])},
            "warning",
            {"negated": ["label_0 = not label_2"]},
        ),
        FindingCase(
            "EQP013",
            "the same by chance",
            lambda: {"y": [[1, 1, 0], [0, 0, 1], [0, 0, 0], [1, 0, 0]]},
            "passed",
        ),
        FindingCase("EQP013", "independent", lambda: {"y": Y}, "passed"),
        FindingCase("EQP013", "one label", lambda: {"y": Y[:, :1]}, "not applicable"),
        FindingCase("EQP014", "two axes", lambda: {"y": Y}, "passed"),
        FindingCase("EQP014", "three axes alone", lambda: {"y": Y.reshape(8, 5, 3)}, "passed"),
        FindingCase("EQP015", "0 and 1", lambda: {"y": Y}, "passed"),
        FindingCase("EQP015", "soft alone", lambda: {"y": 0.9 * Y + 0.05}, "passed"),
    ]
    return [FindingCase(**{**vars(case), "keras": False}) for case in cases] + [
        FindingCase(
            "EQP014",
            "class_weight",
            lambda: {"y": Y.reshape(8, 5, 3), "class_weight": WEIGHTS},
            "error",
            {"y_shape": [8, 5, 3]},
            says="TypeError",
            keras=False,
        ),
        FindingCase(
            "EQP014",
            "metrics",
            lambda: {
                "y": Y.reshape(8, 5, 3),
                "model": model(
                    shape=(5, 4),
                    metrics=[*auc(multi_label=True), metrics().F1Score(threshold=0.5)],
                ),
            },
            "error",
            says="F1Score (a ValueError), AUC (a ValueError)",
        ),
        FindingCase(
            "EQP015",
            "class_weight",
            lambda: {"y": 0.9 * Y + 0.05, "class_weight": WEIGHTS},
            "warning",
            {"soft_cells": 120, "counted_as_positive_though_below_half": int((Y == 0).sum())},
        ),
        FindingCase(
            "EQP015",
            "metrics",
            lambda: {"y": 0.9 * Y + 0.05, "model": model(metrics=["Precision", "AUC"])},
            "warning",
            says="Precision counts every target above 0",
        ),
    ]


def _frame(names: list[str]) -> Any:
    import pandas as pd

    return pd.DataFrame(Y, columns=names)


def _kfold(n: int) -> Any:
    from sklearn.model_selection import KFold

    return KFold(n)


def _half_known(column: np.ndarray) -> np.ndarray:
    y = with_column(column)
    y[:4, 0] = np.nan
    y[2:8, 2] = np.nan
    return y


def _model_cases() -> list[FindingCase]:
    unknown_nan, unknown_minus = with_unknown(np.nan), with_unknown(-1)
    logits = np.log(SCORES / (1 - SCORES))

    def bce(**options: Any) -> Any:
        return losses().BinaryCrossentropy(**options)

    def focal(**options: Any) -> Any:
        return losses().BinaryFocalCrossentropy(**options)

    return [
        FindingCase(
            "EQP016",
            "softmax",
            lambda: {
                "y": ONE_HOT,
                "model": model("softmax", losses().CategoricalCrossentropy(from_logits=True)),
            },
            "by backend",
            {"highest_probability_it_can_say": np.e / (np.e + 2)},
        ),
        FindingCase(
            "EQP016",
            "sigmoid",
            lambda: {"y": Y, "model": model(loss=bce(from_logits=True)), "y_score": SCORES},
            "by backend",
            {
                "lowest_probability_it_can_say": 0.5,
                "highest_probability_it_can_say": 0.7311,
                "least_loss_of_a_negative": 0.6931,
                "lowest_score": float(SCORES.min()),
            },
        ),
        FindingCase(
            "EQP016",
            "our loss",
            lambda: {
                "y": Y,
                "model": model(loss=eq.losses.WeightedBinaryCrossentropy(from_logits=True)),
            },
            "error",
        ),
        FindingCase(
            "EQP016",
            "scores of a subclassed model",
            lambda: {"y": Y, "model": subclassed(bce(from_logits=True)), "y_score": SCORES},
            "error",
            says="all scores lie in [0, 1]",
        ),
        FindingCase(
            "EQP016",
            "logits of a subclassed model",
            lambda: {"y": Y, "model": subclassed(bce(from_logits=True)), "y_score": logits},
            "passed",
        ),
        FindingCase(
            "EQP016",
            "a subclassed model",
            lambda: {"y": Y, "model": subclassed(bce(from_logits=True))},
            "not applicable",
        ),
        FindingCase(
            "EQP016",
            "logits",
            lambda: {"y": Y, "model": model(None, bce(from_logits=True))},
            "passed",
        ),
        FindingCase("EQP016", "probabilities", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP017",
            "no activation",
            lambda: {"y": Y, "model": model(None), "y_score": logits},
            "error",
            {
                "activation": "linear",
                "share_of_scores_outside_0_to_1": float(((logits < 0) | (logits > 1)).mean()),
            },
            says="keras.losses.BinaryCrossentropy(from_logits=True)",
        ),
        FindingCase("EQP017", "relu", lambda: {"y": Y, "model": model("relu", bce())}, "error"),
        FindingCase(
            "EQP017",
            "our loss",
            lambda: {"y": Y, "model": model(None, eq.losses.WeightedBinaryCrossentropy())},
            "error",
            says="eq.losses.WeightedBinaryCrossentropy(from_logits=True)",
        ),
        FindingCase(
            "EQP017",
            "logits of a subclassed model",
            lambda: {"y": Y, "model": subclassed("bce"), "y_score": logits},
            "error",
        ),
        FindingCase("EQP017", "sigmoid", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP017",
            "a loss without from_logits",
            lambda: {"y": Y, "model": model(None, "mse")},
            "not applicable",
        ),
        FindingCase(
            "EQP018",
            "softmax",
            lambda: {"y": Y, "model": model("softmax")},
            "error",
            {
                "rows": 40,
                "rows_without_labels": int((Y.sum(1) == 0).sum()),
                "rows_of_several_labels": int((Y.sum(1) > 1).sum()),
            },
        ),
        FindingCase(
            "EQP018",
            "categorical loss",
            lambda: {"y": Y, "model": model(loss="categorical_crossentropy")},
            "error",
            says="the loss is categorical_crossentropy",
        ),
        FindingCase(
            "EQP018",
            '"crossentropy"',
            lambda: {"y": Y, "model": model(loss="crossentropy")},
            "error",
        ),
        FindingCase(
            "EQP018",
            "classes",
            lambda: {"y": ONE_HOT, "model": model("softmax", "categorical_crossentropy")},
            "passed",
        ),
        FindingCase("EQP018", "sigmoid", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP019",
            "float16",
            lambda: {
                "y": Y,
                "model": model(dtype="mixed_float16"),
                "y_score": np.ones_like(Y),
            },
            "warning",
            {"saturates_from_logit": 8.3, "mistakes_without_gradient": int((Y == 0).sum())},
        ),
        FindingCase(
            "EQP019",
            "bfloat16, then a float32 layer",
            lambda: {"y": Y, "model": _late_float32()},
            "warning",
            {"dtype": "bfloat16"},
        ),
        FindingCase("EQP019", "float32", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP019",
            "logits",
            lambda: {"y": Y, "model": model(None, bce(from_logits=True), dtype="mixed_float16")},
            "passed",
        ),
        FindingCase(
            "EQP020",
            "alpha",
            lambda: {"y": Y, "model": model(loss=focal(alpha=0.9))},
            "warning",
            {"alpha": 0.9, "weight_asked_of_positives_over_negatives": 9.0},
        ),
        FindingCase(
            "EQP020",
            "alpha by default",
            lambda: {"y": Y, "model": model(loss="binary_focal_crossentropy")},
            "note",
            {"alpha": 0.25},
        ),
        FindingCase(
            "EQP020",
            "balancing",
            lambda: {"y": Y, "model": model(loss=focal(alpha=0.9, apply_class_balancing=True))},
            "passed",
        ),
        FindingCase("EQP020", "another loss", lambda: {"y": Y, "model": model()}, "not applicable"),
        FindingCase(
            "EQP021",
            "NaN",
            lambda: {"y": unknown_nan, "model": model(None, bce(from_logits=True))},
            "error",
            {"cells": {"NaN": 10}, "labels_with_most": {"label_1": 10}, "share_of_cells": 1 / 12},
            says="NaN makes it NaN",
        ),
        FindingCase(
            "EQP021",
            "−1",
            lambda: {"y": unknown_minus, "model": model(None, bce(from_logits=True))},
            "error",
            says="-1 is trained on",
        ),
        FindingCase(
            "EQP021",
            "a function that trains on them",
            lambda: {"y": unknown_minus, "model": model(loss=unmasked_mse)},
            "error",
        ),
        FindingCase(
            "EQP021",
            "a function that masks them",
            lambda: {"y": unknown_nan, "model": model(loss=masked_mse)},
            "passed",
        ),
        FindingCase(
            "EQP021",
            "our loss",
            lambda: {
                "y": unknown_minus,
                "model": model(loss=eq.losses.WeightedBinaryCrossentropy()),
            },
            "passed",
        ),
        FindingCase(
            "EQP021",
            "classes by number",
            lambda: {"y": [0.0, 2.0, np.nan, 1.0], "model": model("softmax")},
            "not applicable",
        ),
        FindingCase("EQP021", "all known", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP022",
            "too few",
            lambda: {"y": Y, "model": model(n_labels=2)},
            "error",
            {"outputs": 2, "labels": 3},
        ),
        FindingCase("EQP022", "as many", lambda: {"y": Y, "model": model()}, "passed"),
        FindingCase(
            "EQP022",
            "classes by number",
            lambda: {"y": ONE_HOT.argmax(1), "model": model("softmax")},
            "not applicable",
        ),
    ]


def _late_float32() -> Any:
    import keras

    built = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(3, "sigmoid", dtype="mixed_bfloat16"),
            keras.layers.Activation("linear", dtype="float32"),
        ]
    )
    built.compile(optimizer="sgd", loss="binary_crossentropy")
    return built


def _metric_cases() -> list[FindingCase]:
    unknown = with_unknown(np.nan)

    def logits_model(metric: Any) -> Any:
        return model(None, losses().BinaryCrossentropy(from_logits=True), [metric])

    def f1(**options: Any) -> Any:
        return metrics().F1Score(**options)

    return [
        FindingCase(
            "EQP023",
            "accuracy",
            lambda: {"y": Y, "model": model(metrics=["accuracy"]), "y_score": SCORES},
            "error",
            {
                "rows_without_labels": int((Y.sum(1) == 0).sum()),
                "categorical_accuracy_of_scores": float((Y.argmax(1) == SCORES.argmax(1)).mean()),
                "binary_accuracy_of_scores": float(((SCORES > 0.5) == Y).mean()),
            },
        ),
        FindingCase(
            "EQP023",
            "CategoricalAccuracy, weighted",
            lambda: {
                "y": Y,
                "model": model(weighted_metrics=[metrics().CategoricalAccuracy()]),
            },
            "error",
        ),
        FindingCase(
            "EQP023",
            "a function",
            lambda: {"y": Y, "model": model(metrics=[metrics().categorical_accuracy])},
            "error",
        ),
        FindingCase(
            "EQP023",
            "binary_accuracy",
            lambda: {"y": Y, "model": model(metrics=["binary_accuracy"])},
            "passed",
        ),
        FindingCase(
            "EQP023",
            "classes",
            lambda: {"y": ONE_HOT, "model": model("softmax", metrics=["accuracy"])},
            "not applicable",
        ),
        FindingCase(
            "EQP024",
            "ROC",
            lambda: {
                **crowded_scores(),
                "model": model(n_labels=2, metrics=auc(multi_label=True)),
            },
            "warning",
            {"curve": "ROC", "thresholds": 200},
        ),
        FindingCase(
            "EQP024",
            "PR of all cells",
            lambda: {**crowded_scores(), "model": model(n_labels=2, metrics=auc(curve="PR"))},
            "warning",
            {"curve": "PR"},
        ),
        FindingCase(
            "EQP024",
            "many thresholds",
            lambda: {
                **crowded_scores(),
                "model": model(n_labels=2, metrics=auc(multi_label=True, num_thresholds=20_000)),
            },
            "passed",
        ),
        FindingCase(
            "EQP024",
            "spread scores",
            lambda: {"y": Y, "model": model(metrics=["AUC"]), "y_score": SCORES},
            "passed",
        ),
        FindingCase(
            "EQP024",
            "no scores",
            lambda: {"y": Y, "model": model(metrics=["AUC"])},
            "not applicable",
        ),
        FindingCase(
            "EQP025",
            "AUC",
            lambda: {"y": no_positives(), "model": model(metrics=auc(multi_label=True))},
            "warning",
            {"labels": ["label_2"], "highest_value_it_can_reach": 2 / 3, "metric": "AUC"},
        ),
        FindingCase(
            "EQP025",
            "AUC of a label without negatives",
            lambda: {
                "y": with_column(np.ones(40)),
                "model": model(metrics=auc(multi_label=True)),
            },
            "warning",
        ),
        FindingCase(
            "EQP025",
            "F1, validation data",
            lambda: {
                "y": Y,
                "model": model(metrics=[f1(average="macro", threshold=0.5)]),
                "validation_data": (None, no_positives()),
            },
            "warning",
            says="in validation_data",
        ),
        FindingCase(
            "EQP025",
            "PR of a label without negatives",
            lambda: {
                "y": with_column(np.ones(40)),
                "model": model(metrics=auc(multi_label=True, curve="PR")),
            },
            "passed",
        ),
        FindingCase(
            "EQP025",
            "all cells as one label",
            lambda: {"y": no_positives(), "model": model(metrics=auc())},
            "not applicable",
        ),
        FindingCase(
            "EQP025",
            "all measurable",
            lambda: {"y": Y, "model": model(metrics=auc(multi_label=True))},
            "passed",
        ),
        FindingCase(
            "EQP026",
            "F1",
            lambda: {"y": Y, "model": model(metrics=[f1(average="macro")])},
            "error",
            {
                "rows_without_labels_that_get_one": int((Y.sum(1) == 0).sum()),
                "positives_it_cannot_predict": int(np.maximum(Y.sum(1) - 1, 0).sum()),
            },
        ),
        FindingCase(
            "EQP026",
            "threshold",
            lambda: {"y": Y, "model": model(metrics=[f1(threshold=0.5)])},
            "passed",
        ),
        FindingCase(
            "EQP026",
            "classes",
            lambda: {"y": ONE_HOT, "model": model("softmax", metrics=["f1_score"])},
            "passed",
        ),
        FindingCase(
            "EQP027",
            "label_weights",
            lambda: {
                "y": Y,
                "model": model(metrics=auc(multi_label=True, label_weights=[1, 2, 3], name="mine")),
            },
            "error",
            {"metrics": ["mine"]},
        ),
        FindingCase("EQP027", "none", lambda: {"y": Y, "model": model(metrics=["AUC"])}, "passed"),
        FindingCase(
            "EQP028",
            "NaN",
            lambda: {"y": unknown, "model": model(metrics=["AUC", "binary_accuracy"])},
            "error",
            {"unknown_cells": 10},
            says="AUC as positives",
        ),
        FindingCase(
            "EQP028",
            "−1",
            lambda: {"y": with_unknown(-1), "model": model(metrics=["binary_accuracy"])},
            "error",
        ),
        FindingCase(
            "EQP028",
            "no metric of labels",
            lambda: {"y": unknown, "model": model(metrics=["cosine_similarity"])},
            "passed",
        ),
        FindingCase(
            "EQP028",
            "all known",
            lambda: {"y": Y, "model": model(metrics=["AUC"])},
            "passed",
        ),
        FindingCase(
            "EQP029",
            "AUC",
            lambda: {"y": Y, "model": logits_model("AUC"), "y_score": 10 * (SCORES - 0.5)},
            "warning",
            says="AUC read it as probabilities",
        ),
        FindingCase(
            "EQP029",
            "binary_accuracy",
            lambda: {"y": Y, "model": logits_model("binary_accuracy")},
            "warning",
            {"threshold_in_probability": 0.6225},
        ),
        FindingCase(
            "EQP029",
            "metrics for logits",
            lambda: {
                "y": Y,
                "model": model(
                    None,
                    losses().BinaryCrossentropy(from_logits=True),
                    [*auc(from_logits=True), metrics().BinaryAccuracy(threshold=0.0)],
                ),
            },
            "passed",
        ),
        FindingCase(
            "EQP029",
            "probabilities",
            lambda: {"y": Y, "model": model(metrics=["AUC"])},
            "passed",
        ),
    ]


def resampled() -> dict[str, Any]:
    """Forty rows and ten clones, and what cloned them."""
    sampler = eq.resampling.MLROS(n_new=10, random_state=0)
    X, y = sampler.fit_resample(FEATURES, Y)
    return {"X": X, "y": y, "sampling": sampler}


def without(names: tuple[str, ...], given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


def _sampling_cases() -> list[FindingCase]:
    halves = [(np.arange(20), np.arange(20, 40))]
    own = [(np.arange(0, 50, 2), np.arange(1, 50, 2))]
    twice = np.concatenate([FEATURES[:20], FEATURES[:20]])
    one = with_column(np.arange(40) == 7)

    def copies(n: int) -> dict[str, Any]:
        sampler = eq.resampling.LPROS(n_new=n, random_state=0)
        return {"y": sampler.fit_resample(FEATURES, one)[1], "sampling": sampler}

    def rates(positives: list[float]) -> Any:
        return eq.resampling.SamplingRates(np.array(positives), np.ones(3), ("a", "b", "c"))

    def correction(shift: list[float]) -> Any:
        return eq.decision.Correction(shift=np.log(shift))

    return [
        FindingCase(
            "EQP030",
            "resampled before folds",
            lambda: {**without(("X",), resampled()), "cv": own},
            "error",
            says="Rows were resampled before they were split",
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "resampled before any folds",
            lambda: {**resampled(), "cv": 5},
            "error",
            {"rows_tested_on": 40},
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "resampled before Keras splits",
            lambda: {**resampled(), "validation_split": 0.2},
            "error",
            {"rows_seen_in_training": 10, "share_of_them": 1.0, "rows_tested_on": 10},
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "resampled, others held out",
            lambda: {**resampled(), "validation_data": (FEATURES + 1, Y)},
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "validation rows among those resampled",
            lambda: {**resampled(), "validation_data": (FEATURES[:10], Y[:10])},
            "warning",
            {"rows_seen_in_training": 10, "share_of_them": 1.0},
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "the same values",
            lambda: {"X": twice, "y": Y, "cv": halves},
            "warning",
            {"rows_seen_in_training": 20, "share_of_them": 1.0},
            says="groups",
            keras=False,
        ),
        FindingCase(
            "EQP030",
            "rows that differ",
            lambda: {"X": FEATURES, "y": Y, "cv": halves},
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP030", "no split", lambda: {"X": FEATURES, "y": Y}, "not applicable", keras=False
        ),
        FindingCase(
            "EQP030", "no X", lambda: {"y": Y, "cv": halves}, "not applicable", keras=False
        ),
        FindingCase(
            "EQP031",
            "clones",
            lambda: resampled(),
            "warning",
            says="no correction was given",
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "rates",
            lambda: {"y": Y, "sampling": rates([1.0, 3.0, 0.0]), "label_names": list("abc")},
            "warning",
            {"odds_times": {"b": 3.0}, "labels_that_lost_all_positives_or_negatives": ["c"]},
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "classes, compared with each other",
            lambda: {"y": ONE_HOT.argmax(1), "sampling": rates([2.0, 2.0, 16.0])},
            "warning",
            {"odds_times": {"2": 4.0, "0": 0.5, "1": 0.5}},
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "another correction",
            lambda: {
                "y": Y,
                "sampling": rates([1.0, 3.0, 2.0]),
                "correction": correction([1.0, 3.0, 1.0]),
            },
            "warning",
            {"odds_times": {"label_2": 2.0}},
            says="correction included",
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "its own correction",
            lambda: {
                **resampled(),
                "correction": eq.decision.Correction(resampled()["sampling"].sampling_rates_),
            },
            "passed",
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "a correction of weights too",
            lambda: {
                "y": Y,
                "sampling": rates([1.0, 3.0, 2.0]),
                "class_weight": eq.LabelWeights.from_targets(Y),
                "correction": correction([2.0, 3.0, 1.0]),
            },
            "not applicable",
            keras=False,
        ),
        FindingCase(
            "EQP031",
            "all alike",
            lambda: {"y": Y, "sampling": rates([1.0, 1.0, 1.0])},
            "passed",
            keras=False,
        ),
        FindingCase("EQP031", "none", lambda: {"y": Y}, "not applicable", keras=False),
        FindingCase(
            "EQP031",
            "balanced batches",
            lambda: {
                "y": Y,
                "sampling": eq.batching.LabelBalancedBatches(FEATURES, Y, strategy="label"),
            },
            "warning",
        ),
        FindingCase(
            "EQP032",
            "copies of one row",
            lambda: copies(8),
            "warning",
            {"labels": ["label_2"], "n_labels": 1},
            keras=False,
        ),
        FindingCase(
            "EQP032",
            "LabelWeights",
            lambda: {"y": one, "class_weight": eq.LabelWeights.from_targets(one)},
            "warning",
            {"labels": ["label_2"]},
            keras=False,
        ),
        FindingCase(
            "EQP032", "class_weight", lambda: {"y": one, "class_weight": {2: 20.0}}, "warning"
        ),
        FindingCase(
            "EQP032",
            "one label",
            lambda: {"y": one[:, 2:], "class_weight": {0: 1.0, 1: 20.0}},
            "warning",
        ),
        FindingCase(
            "EQP032",
            "a weighted loss",
            lambda: {
                "y": one,
                "model": model(
                    loss=eq.losses.WeightedBinaryCrossentropy(positive_weight=[1, 1, 30])
                ),
            },
            "warning",
        ),
        FindingCase(
            "EQP032",
            "another label is raised",
            lambda: {"y": one, "class_weight": {0: 20.0, 2: 1.0}},
            "passed",
        ),
        FindingCase(
            "EQP032", "several positives", lambda: {"y": Y, "class_weight": WEIGHTS}, "passed"
        ),
        FindingCase("EQP032", "nothing raised", lambda: {"y": one}, "not applicable", keras=False),
        FindingCase(
            "EQP032",
            "a few rows",
            lambda: {"y": one[5:9], "class_weight": WEIGHTS},
            "not applicable",
        ),
    ]


CASES = [
    *_class_weight_cases(),
    *_sample_weight_cases(),
    *_weight_cases(),
    *_label_cases(),
    *_model_cases(),
    *_metric_cases(),
    *_sampling_cases(),
]

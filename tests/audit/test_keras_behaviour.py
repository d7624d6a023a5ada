"""What the rules of the audit rely on, shown on the installed Keras.

A test that fails here means that Keras has changed: then the rule, and its page, have to change.
"""

import keras
import numpy as np
import pytest
from finding_cases import WEIGHTS
from keras import ops

from equipoise.audit.check import check

pytestmark = pytest.mark.keras

BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(8, 4)).astype(np.float32)
Y = np.array(
    [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0], [0, 1, 1], [0, 0, 0], [0, 0, 1], [1, 1, 1]],
    dtype=np.float32,
)
Z = np.array([-1.0, 0.5, 2.0], dtype=np.float32)  # what every row gets


def sigmoid(z):
    return 1 / (1 + np.exp(-np.asarray(z, dtype=np.float64)))


def cells(y, p):
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def constant(activation="sigmoid", loss="binary_crossentropy", z=Z, dtype=None, **options):
    """A model whose output is the same for all rows, compiled without jit to start sooner."""
    layer = keras.layers.Dense(
        len(z),
        activation,
        kernel_initializer="zeros",
        bias_initializer=lambda shape, dtype=None: ops.convert_to_tensor(z, dtype=dtype),
        dtype=dtype,
    )
    built = keras.Sequential([keras.layers.Input((4,)), layer])
    options.setdefault("optimizer", keras.optimizers.SGD(0.0))
    built.compile(loss=loss, run_eagerly=True, **options)
    return built


def fit(built, *data, **options):
    return built.fit(*data, batch_size=8, shuffle=False, verbose=0, **options).history


def number(tensor):
    return np.asarray(ops.convert_to_numpy(tensor)).item()


# --------------------------------------------------------------------------------------- weights


def test_eqp001_a_row_weighs_what_its_first_label_weighs():
    rows = np.array([2.5, 10.0, 2.5, 2.5, 10.0, 2.5, 5.0, 2.5])
    expected = (rows * cells(Y, sigmoid(Z)).mean(axis=1)).mean()
    assert fit(constant(), X, Y, class_weight=WEIGHTS)["loss"][0] == pytest.approx(expected, 1e-5)


def test_eqp002_unknown_keys_are_passed_over_and_negative_weights_taken():
    plain = fit(constant(), X, Y)["loss"][0]
    named = fit(constant(), X, Y, class_weight={"label_0": 100.0, 7: 100.0})["loss"][0]
    assert named == pytest.approx(plain)
    negative = fit(constant(), X, Y, class_weight={0: -1.0, 1: -1.0, 2: -1.0})["loss"][0]
    assert negative == pytest.approx(-plain)
    with pytest.raises((TypeError, ValueError)):
        fit(constant(), X, Y, class_weight={0: {0: 1.0, 1: 2.0}})


def test_eqp003_class_weight_is_refused_beside_sample_weight_and_for_two_outputs():
    with pytest.raises(ValueError, match="at the same time"):
        fit(constant(), X, Y, class_weight=WEIGHTS, sample_weight=np.ones(8))
    inputs = keras.layers.Input((4,))
    two = keras.Model(inputs, [keras.layers.Dense(3)(inputs), keras.layers.Dense(3)(inputs)])
    two.compile(loss="mse")
    with pytest.raises(ValueError, match="single output"):
        fit(two, X, [Y, Y], class_weight=WEIGHTS)


@pytest.mark.parametrize(
    ("y", "weights"),
    [((8, 3), (8, 3)), ((8, 5, 3), (8,)), ((8, 5, 3), (8, 5, 3))],
)
def test_eqp004_weights_that_do_not_fit_the_loss_values_raise(y, weights):
    loss = keras.losses.BinaryCrossentropy()
    with pytest.raises(Exception, match=r"(?i)shape|size"):  # each backend has an error of its own
        loss(np.zeros(y), np.full(y, 0.5), np.ones(weights))


def test_eqp005_weights_broadcast_in_silence_and_the_audit_says_to_what():
    y, w = Y[:3], RNG.random((3, 3))
    built = constant()
    found = check(y, built, sample_weight=w).found[0]
    prior = (y.sum(axis=0) + 0.5) / 4
    p = np.broadcast_to(prior, (3, 3)).astype(np.float32)
    asked = number(keras.losses.BinaryCrossentropy()(y, p, w))
    assert found.code == "EQP005"
    meant = (cells(y, prior) * w).mean()
    assert found.evidence["crossentropy_at_prior_as_keras_weighs_it"] == pytest.approx(asked, 1e-5)
    assert found.evidence["crossentropy_at_prior_as_meant"] == pytest.approx(meant)
    assert abs(asked - meant) > 1e-3
    one_row = number(keras.losses.BinaryCrossentropy()(y[:1], p[:1], w[:1]))
    assert one_row == pytest.approx(cells(y[:1], prior).mean() * w[0].mean(), rel=1e-5)
    # Rows of three steps: the weights of rows are taken for those of steps.
    p = np.broadcast_to(np.array([0.1, 0.3, 0.5])[:, None, None], (3, 3, 3))
    got = number(keras.losses.BinaryCrossentropy()(np.zeros((3, 3, 3)), p, np.arange(3.0)))
    by_row = -np.log1p(-p[:, 0, 0])
    assert got == pytest.approx(by_row.mean() * np.arange(3).mean(), rel=1e-5)
    assert got < 0.8 * (by_row * np.arange(3)).mean()


def test_eqp006_negative_and_nan_weights_are_multiplied():
    plain = fit(constant(), X, Y)["loss"][0]
    assert fit(constant(), X, Y, sample_weight=-np.ones(8))["loss"][0] == pytest.approx(-plain)
    spoilt = np.ones(8)
    spoilt[3] = np.nan
    assert np.isnan(fit(constant(), X, Y, sample_weight=spoilt)["loss"][0])


def test_eqp007_validation_data_get_sample_weights_only_if_they_bring_them():
    plain = fit(constant(), X, Y)["loss"][0]
    tens = dict.fromkeys(range(3), 10.0)
    history = fit(constant(), X, Y, class_weight=tens, validation_data=(X, Y))
    assert history["loss"][0] == pytest.approx(10 * plain, rel=1e-5)
    assert history["val_loss"][0] == pytest.approx(plain, rel=1e-5)
    rows = np.full(8, 3.0)
    unweighted = fit(constant(), X, Y, sample_weight=rows, validation_data=(X, Y))
    assert unweighted["val_loss"][0] == pytest.approx(plain, rel=1e-5)
    weighted = fit(constant(), X, Y, sample_weight=rows, validation_data=(X, Y, rows))
    assert weighted["val_loss"][0] == pytest.approx(3 * plain, rel=1e-5)
    halves = np.concatenate([X, X]), np.concatenate([Y, Y])
    split = fit(constant(), *halves, sample_weight=np.full(16, 3.0), validation_split=0.5)
    assert split["val_loss"][0] == pytest.approx(3 * plain, rel=1e-5)


def test_eqp008_float16_skips_a_step_for_each_halving_of_the_scale():
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-6))
    built, weights = constant(dtype="mixed_float16", optimizer=optimizer), np.full(8, 1e4)
    built.fit(X, Y, sample_weight=weights, epochs=16, batch_size=8, verbose=0)
    skipped = 15 - np.log2(number(optimizer.dynamic_scale))
    (found,) = (f for f in check(Y, built, sample_weight=weights).found if f.code == "EQP008")
    most = found.evidence["steps_skipped_at_most_about"]
    assert most - 6 <= skipped <= most


# ---------------------------------------------------------------------------------------- labels


def test_eqp009_crossentropy_of_minus_1_has_no_lower_bound():
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    falling = [number(loss([[-1.0]], [[z]])) for z in (-10.0, -100.0, -1000.0)]
    assert falling == pytest.approx([-10.0, -100.0, -1000.0], rel=1e-3)


def test_eqp014_three_axes_are_not_handled():
    x, y = np.zeros((8, 5, 4), np.float32), np.zeros((8, 5, 3), np.float32)
    built = keras.Sequential([keras.layers.Input((5, 4)), keras.layers.Dense(3, "sigmoid")])
    built.compile(loss="binary_crossentropy", run_eagerly=True)
    with pytest.raises(TypeError, match="0-dimensional"):
        fit(built, x, y, class_weight=WEIGHTS)
    for metric in (keras.metrics.F1Score(threshold=0.5), keras.metrics.AUC(multi_label=True)):
        with pytest.raises(ValueError, match="2D|rank 2"):
            metric.update_state(y, y)


def test_eqp015_soft_negatives_are_counted_as_positives():
    precision = keras.metrics.Precision()
    y, p = np.array([[0.05, 0.95, 0.05]]), np.array([[0.9, 0.9, 0.1]])
    assert number(precision(y, p)) == 1.0
    assert number(keras.metrics.AUC()(y, p)) == 0.0  # there seems to be no negative


# ------------------------------------------------------------------------------- model and loss


def test_eqp016_a_sigmoid_read_as_logits_is_squashed_twice():
    built = constant(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    once, twice = cells(Y, sigmoid(Z)).mean(), cells(Y, sigmoid(sigmoid(Z))).mean()
    if BACKEND == "tensorflow":
        with pytest.warns(UserWarning, match="from_logits=True"):
            assert fit(built, X, Y)["loss"][0] == pytest.approx(once, rel=1e-5)
    else:
        assert fit(built, X, Y)["loss"][0] == pytest.approx(twice, rel=1e-5)


def test_eqp017_logits_read_as_probabilities_have_no_gradient_outside_0_to_1():
    built = constant(None, z=np.array([-3.0, 2.0, 5.0]), optimizer=keras.optimizers.SGD(1.0))
    before = ops.convert_to_numpy(built.layers[-1].bias).copy()
    loss = fit(built, X, Y)["loss"][0]
    assert np.array_equal(ops.convert_to_numpy(built.layers[-1].bias), before)
    assert loss > 5  # log(1e-7) is about -16


def test_eqp018_a_row_without_labels_costs_a_categorical_loss_nothing():
    loss = keras.losses.CategoricalCrossentropy()
    assert number(loss([[0.0, 0.0, 0.0]], [[0.9, 0.05, 0.05]])) == 0.0
    focal = keras.losses.CategoricalFocalCrossentropy()
    assert number(focal([[0.0, 0.0, 0.0]], [[0.9, 0.05, 0.05]])) == 0.0


def test_eqp018_tensorflow_takes_the_logits_of_a_softmax_for_those_of_sigmoids():
    softmax = np.exp(Z) / np.exp(Z).sum()
    p = sigmoid(Z) if BACKEND == "tensorflow" else softmax
    loss = fit(constant("softmax"), X, Y)["loss"][0]
    assert loss == pytest.approx(cells(Y, p).mean(), rel=1e-5)


@pytest.mark.parametrize(("dtype", "z"), [("mixed_float16", 9.0), ("mixed_bfloat16", 7.0)])
def test_eqp019_a_saturated_sigmoid_is_never_unlearnt(dtype, z):
    optimizer = keras.optimizers.SGD(1.0)
    half, full = (constant(z=np.full(3, z), dtype=d, optimizer="sgd") for d in (dtype, "float32"))
    for built, moves in ((half, False), (full, True)):
        built.compile(loss="binary_crossentropy", optimizer=optimizer, run_eagerly=True)
        optimizer = keras.optimizers.SGD(1.0)
        fit(built, X, np.zeros((8, 3), np.float32))
        assert (ops.convert_to_numpy(built.layers[-1].bias)[0] < z - 0.1) == moves


def test_eqp020_alpha_does_nothing_without_balancing():
    y, p = Y, np.broadcast_to(sigmoid(Z), Y.shape).astype(np.float32)
    focal = keras.losses.BinaryFocalCrossentropy
    assert number(focal(alpha=0.9)(y, p)) == number(focal(alpha=0.1)(y, p))
    balanced = [focal(alpha=a, apply_class_balancing=True) for a in (0.9, 0.1)]
    assert number(balanced[0](y, p)) != number(balanced[1](y, p))
    assert focal().get_config()["apply_class_balancing"] is False


def test_eqp021_unknown_labels_are_trained_on_or_spoil_the_loss():
    from_logits = keras.losses.BinaryCrossentropy(from_logits=True)
    assert np.isnan(number(from_logits([[np.nan, 1.0]], [[0.3, 0.3]])))
    values = [number(from_logits([[-1.0, 1.0]], [[z, 0.3]])) for z in (0.3, 0.6)]
    assert values[1] != values[0]
    plain = keras.losses.BinaryCrossentropy()
    if BACKEND == "torch":
        with pytest.raises(RuntimeError, match="between 0 and 1"):
            plain([[-1.0, 1.0]], [[0.3, 0.3]])
    else:
        assert np.isfinite(number(plain([[-1.0, 1.0]], [[0.3, 0.3]])))


def test_eqp022_one_column_is_broadcast_against_all_outputs():
    loss = keras.losses.MeanSquaredError()
    y, y_pred = np.ones((2, 1)), np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    assert number(loss(y, y_pred)) == pytest.approx(2 / 3)


# --------------------------------------------------------------------------------------- metrics


def test_eqp023_accuracy_becomes_categorical():
    built = constant(metrics=["accuracy", "binary_accuracy"])
    categorical, binary = built.evaluate(X, Y, verbose=0)[1:]
    assert categorical == pytest.approx((Y.argmax(axis=1) == 2).mean())
    assert binary == pytest.approx(((sigmoid(Z) > 0.5) == Y).mean())
    (compiled,) = (m for m in built.metrics if hasattr(m, "metrics"))
    assert type(compiled.metrics[0]).__name__ == "CategoricalAccuracy"


def test_eqp025_absent_labels_count_as_0():
    y = np.array([[1, 0], [1, 0], [0, 0], [0, 0]], np.float32)
    p = np.array([[0.9, 0.2], [0.8, 0.9], [0.2, 0.4], [0.1, 0.1]], np.float32)
    assert number(keras.metrics.AUC(multi_label=True)(y, p)) == pytest.approx(0.5)
    assert number(keras.metrics.F1Score(average="macro", threshold=0.5)(y, p)) == pytest.approx(0.5)
    y[:, 1] = 1
    assert number(keras.metrics.AUC(multi_label=True)(y, p)) == pytest.approx(0.5)
    assert number(keras.metrics.AUC(multi_label=True, curve="PR")(y, p)) == pytest.approx(1.0)


def test_eqp026_f1_without_a_threshold_predicts_the_largest_output():
    f1 = keras.metrics.F1Score()
    f1.update_state([[1, 1, 0], [0, 0, 0]], [[0.9, 0.8, 0.1], [0.3, 0.2, 0.1]])
    assert ops.convert_to_numpy(f1.true_positives).tolist() == [1, 0, 0]
    assert ops.convert_to_numpy(f1.false_positives).tolist() == [1, 0, 0]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_eqp027_auc_with_label_weights_does_not_load(tmp_path):
    path = tmp_path / "model.keras"
    weighted = keras.metrics.AUC(multi_label=True, label_weights=[1.0, 2.0, 3.0])
    built = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(3, "sigmoid")])
    built.compile(loss="binary_crossentropy", metrics=[weighted])
    built.evaluate(X, Y, verbose=0)
    built.save(path)
    with pytest.raises((TypeError, ValueError)):
        keras.models.load_model(path)
    keras.models.load_model(path, compile=False)


@pytest.mark.parametrize("marker", [np.nan, -1.0])
def test_eqp028_unknown_labels_are_counted_as_positives(marker):
    y, p = np.array([[marker, 0.0]], np.float32), np.array([[0.9, 0.9]], np.float32)
    assert number(keras.metrics.Precision()(y, p)) == 0.5
    assert number(keras.metrics.Recall()(y, p)) == 1.0
    assert number(keras.metrics.BinaryAccuracy()(y, p)) == 0.0


def test_eqp029_metrics_compare_logits_with_probabilities():
    y, z = np.array([[1.0, 1.0, 0.0]]), np.array([[0.3, 0.7, -0.2]])
    assert number(keras.metrics.BinaryAccuracy()(y, z)) == pytest.approx(2 / 3)
    assert number(keras.metrics.BinaryAccuracy(threshold=0.0)(y, z)) == 1.0
    below = np.array([[-1.0, -2.0, -3.0]])
    assert number(keras.metrics.AUC()(y, below)) == pytest.approx(0.5)
    assert number(keras.metrics.AUC(from_logits=True)(y, below)) == 1.0

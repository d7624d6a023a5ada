import json

import keras
import numpy as np
import pytest
from keras import ops
from metric_cases import (
    MAKERS,
    N_LABELS,
    N_ROWS,
    NAMES,
    OVER_LABELS,
    exact_of,
    fed,
    numbers,
    per_label,
)

from equipoise import metrics
from equipoise._errors import InvalidInput

pytestmark = pytest.mark.keras


def data(seed=0, n_rows=N_ROWS):
    rng = np.random.default_rng(seed)
    y = (rng.random((n_rows, N_LABELS)) < 0.4).astype("float32")
    y[rng.random(y.shape) < 0.1] = np.nan
    return y, rng.random(y.shape).astype("float32"), rng.random(n_rows).astype("float32")


def close(a, b):
    assert numbers(a.result()) == pytest.approx(numbers(b.result()), rel=1e-5, nan_ok=True)


@pytest.mark.parametrize("name", MAKERS)
def test_merged_parts_are_one_pass_and_reset_forgets(name):
    y, p, w = data()
    whole = fed(MAKERS[name](), y, p, w)
    parts = [MAKERS[name]() for _ in range(3)]
    fed(parts[0], y[:4], p[:4], w[:4])
    fed(parts[1], y[4:], p[4:], w[4:])
    merged = MAKERS[name]()
    assert np.isnan(numbers(merged.result()))  # nothing seen yet
    merged.merge_state(parts)
    close(merged, whole)
    merged.reset_state()
    assert np.isnan(numbers(merged.result()))
    close(fed(merged, y, p, w), whole)


@pytest.mark.parametrize("name", MAKERS)
def test_configuration_is_json_and_makes_the_same_metric(name):
    options = {"label_names": NAMES, "name": "mine"}
    if name in OVER_LABELS:
        options.update(average="weighted", per_label=True, undefined="zero")
    metric = MAKERS[name](**options)
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(metric)))
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()
    y, p, _ = data()
    close(fed(again, y, p), fed(metric, y, p))


@pytest.mark.parametrize("name", MAKERS)
def test_a_score_that_is_nan_shows_and_an_unknown_cell_hides_it(name):
    y, p, _ = data()
    y[0] = [1, 0, 1]
    p[0, 1] = np.nan
    assert np.isnan(numbers(fed(MAKERS[name](), y, p).result()))
    y[0] = np.nan
    finite = np.where(np.isnan(p), 0.5, p)
    close(fed(MAKERS[name](), y, p), fed(MAKERS[name](), y, finite))


@pytest.mark.parametrize("name", MAKERS)
def test_the_pure_form_gives_the_same(name):
    y, p, w = data()
    metric = fed(MAKERS[name](), y[:4], p[:4], w[:4])
    state = [ops.convert_to_tensor(v) for v in metric.variables]
    state = metric.stateless_update_state(state, y[4:8], p[4:8], w[4:8])
    value = numbers(metric.stateless_result(state))
    assert value == pytest.approx(numbers(fed(metric, y[4:8], p[4:8], w[4:8]).result()), rel=1e-6)


@pytest.mark.parametrize("name", ["FBeta", "AveragePrecision", "PrecisionAtK"])
def test_further_leading_axes_are_rows(name):
    y, p, w = data()
    shaped = MAKERS[name]()
    shaped.update_state(y.reshape(3, 4, 3), p.reshape(3, 4, 3), w.reshape(3, 4))
    close(shaped, fed(MAKERS[name](), y, p, w))


def test_rows_and_labels_of_equal_number_are_not_mixed_up():
    y, p, _ = data(n_rows=3)
    w = np.array([1.0, 0.0, 2.0], "float32")
    metric = fed(metrics.BrierScore(per_label=True), y, p, w, batch=3)
    wanted = exact_of("BrierScore", y, p, average=None, sample_weight=w)
    np.testing.assert_allclose(per_label(metric), wanted, rtol=1e-5)


def test_half_precision_predictions_are_read():
    y, p, _ = data()
    half = ops.cast(ops.convert_to_tensor(p), "bfloat16")
    metric = metrics.AveragePrecision()
    metric.update_state(y, half)
    wanted = fed(metrics.AveragePrecision(), y, ops.convert_to_numpy(ops.cast(half, "float32")))
    assert numbers(metric.result()) == pytest.approx(numbers(wanted.result()), abs=2e-3)


def test_a_keras_mask_leaves_cells_out():
    y, p, _ = data()
    tokens = keras.Input((2,), dtype="int32")
    embedded = keras.layers.Embedding(9, 3, mask_zero=True, embeddings_initializer="uniform")(
        tokens
    )
    model = keras.Model(tokens, keras.layers.Activation("sigmoid")(embedded))
    model.compile(loss="binary_crossentropy", metrics=[metrics.BrierScore()])
    x = np.array([[1, 2], [3, 0], [4, 0], [5, 6]])
    y = (np.random.default_rng(0).random((4, 2, 3)) < 0.5).astype("float32")
    found = model.evaluate(x, y, verbose=0, return_dict=True)["brier_score"]
    p = model.predict(x, verbose=0)
    assert found == pytest.approx(np.mean((p - y)[x > 0] ** 2), rel=1e-5)


def test_only_metrics_made_alike_are_merged():
    for other in (metrics.FBeta(beta=2.0), metrics.BalancedAccuracy()):
        with pytest.raises(InvalidInput, match="made alike"):
            metrics.FBeta().merge_state([other])


@pytest.mark.parametrize(
    ("y", "p", "w", "message"),
    [
        (np.ones((4, 2)), np.ones((4, 3)), None, "must have the same shape"),
        (np.ones(4), np.ones(4), None, "and, last, a label axis"),
        (np.ones((4, 3)), np.ones((4, 3)), np.ones(3), "does not fit the cells"),
        (np.ones((4, 3)), np.ones((4, 3)), np.ones((4, 2)), "does not fit the cells"),
        (np.ones((4, 2)), np.ones((4, 2)), None, "`y_pred` has 2 entries but `label_names` has 3"),
        (np.ones((4, 3)), np.full((4, 3), -2.0), None, "must hold probabilities"),
    ],
)
def test_wrong_batches_are_refused(y, p, w, message):
    with pytest.raises(InvalidInput, match=message):
        metrics.BrierScore(label_names=NAMES).update_state(y, p, w)

"""The metrics inside Keras: training, callbacks, saving."""

import importlib.util

import keras
import numpy as np
import pytest
from metric_cases import MAKERS, NAMES, OVER_LABELS, exact_of, fed, numbers

from equipoise import metrics
from equipoise.losses import WeightedBinaryCrossentropy

pytestmark = pytest.mark.keras
BACKEND = keras.backend.backend()


WEIGHTED = ("FBeta", "AveragePrecision", "PrecisionAtK", "BrierScore")


def every_metric(suffix="", names=tuple(MAKERS), **options):
    found = []
    for name in names:
        make = MAKERS[name]
        over_labels = options if name in OVER_LABELS else {}
        found.append(make(name=f"{name}{suffix}", label_names=NAMES, **over_labels))
    return found


def model_with(*, jit_compile="auto", **compiled):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="sigmoid")])
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape) for w in model.get_weights()])
    model.compile("sgd", WeightedBinaryCrossentropy(), jit_compile=jit_compile, **compiled)
    return model


def data(seed=0, n_rows=40):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 4)).astype("float32")
    y = (rng.random((n_rows, 3)) < 0.4).astype("float32")
    y[rng.random(y.shape) < 0.1] = np.nan
    y[:, 1] = np.where(np.isnan(y[:, 1]), np.nan, 0)  # absent
    return x, y


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One training run with every metric, plain and weighted, and every callback."""
    folder = tmp_path_factory.mktemp("run")
    x, y = data()
    weights = np.random.default_rng(2).random(len(x)).astype("float32")
    model = model_with(
        metrics=every_metric(per_label=True), weighted_metrics=every_metric("_weighted", WEIGHTED)
    )
    best = str(folder / "best.keras")
    callbacks = [
        keras.callbacks.EarlyStopping("val_AveragePrecision", patience=5),
        keras.callbacks.EarlyStopping("val_BrierScore", patience=5, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(best, "val_FBeta/a", mode="max", save_best_only=True),
    ]
    history = model.fit(
        x,
        y,
        sample_weight=weights,
        validation_data=(x, y, weights),
        epochs=2,
        batch_size=20,
        verbose=0,
        callbacks=callbacks,
    )
    return model, history.history, best, (x, y, weights), callbacks


def test_logs_hold_the_average_each_label_and_the_number_left_out(trained):
    _, history, *_ = trained
    for name in OVER_LABELS:
        keys = [name, *(f"{name}/{label}" for label in NAMES), f"{name}_undefined"]
        for key in keys:
            assert len(history[key]) == len(history[f"val_{key}"]) == 2
    assert history["val_ROCAUC_undefined"] == [1, 1]
    assert np.isnan(history["val_ROCAUC/b"]).all()
    assert np.isfinite(history["val_ROCAUC"]).all()
    assert history["val_BrierScore_undefined"] == [0, 0]


@pytest.mark.parametrize("name", MAKERS)
def test_evaluation_gives_the_exact_metric(trained, name):
    model, _, _, (x, y, weights), _ = trained
    found = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True, batch_size=20)
    p = model.predict(x, verbose=0, batch_size=20)
    cases = {name: {}}
    if name in WEIGHTED:
        cases[f"{name}_weighted"] = {"sample_weight": weights}
    for key, options in cases.items():
        tolerance = 0.05 if name in ("ROCAUC", "AveragePrecision") else 1e-5
        assert found[key] == pytest.approx(float(exact_of(name, y, p, **options)), abs=tolerance)


def test_callbacks_know_which_way_is_better(trained):
    *_, callbacks = trained
    ap, brier, _ = callbacks
    assert "greater" in ap.monitor_op.__name__
    assert "less" in brier.monitor_op.__name__
    assert ap.best is not None


def test_a_saved_model_is_compiled_with_the_same_metrics(trained):
    model, _, best, (x, y, weights), _ = trained
    again = keras.saving.load_model(best)
    found = again.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True, batch_size=20)
    model.set_weights(again.get_weights())
    wanted = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True, batch_size=20)
    assert found == pytest.approx(wanted, rel=1e-6, nan_ok=True)
    again.fit(x, y, sample_weight=weights, batch_size=20, verbose=0)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_compiled_and_eager_evaluation_agree(trained, jit_compile):
    if BACKEND == "torch" and jit_compile:
        pytest.skip("torch.compile builds C++ code; see test_torch_compile")
    *_, (x, y, _), _ = trained
    model = model_with(metrics=every_metric(), jit_compile=jit_compile, run_eagerly=not jit_compile)
    found = model.evaluate(x, y, batch_size=20, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    for metric in every_metric():
        value = numbers(fed(metric, y, p, batch=20).result())
        assert found[metric.name] == pytest.approx(value, rel=1e-3, abs=1e-4)


@pytest.mark.skipif(BACKEND != "torch", reason="torch.compile")
def test_torch_compile():
    import torch

    torch.compiler.reset()
    _, y = data(n_rows=20)
    p = np.random.default_rng(3).random(y.shape).astype("float32")
    wanted = [fed(metric, y, p) for metric in every_metric()]
    found = [fed(metric, y, p) for metric in every_metric()]  # makes the variables
    for metric in found:
        metric.reset_state()

    def update(y, p):
        for metric in found:
            metric.update_state(y, p)

    with torch.no_grad():
        torch.compile(update, backend="eager")(torch.tensor(y), torch.tensor(p))
    for one, other in zip(found, wanted, strict=True):
        assert numbers(one.result()) == pytest.approx(numbers(other.result()), rel=1e-5)


def test_cell_weights_reach_weighted_metrics():
    x, y = data()
    weights = np.random.default_rng(1).random(y.shape).astype("float32")
    model = model_with(weighted_metrics=[metrics.BrierScore(average="micro")])
    found = model.evaluate(x, y, sample_weight=weights, verbose=0, return_dict=True)
    p = model.predict(x, verbose=0)
    wanted = exact_of("BrierScore", y, p, average="micro", sample_weight=weights)
    assert found["brier_score"] == pytest.approx(float(wanted), rel=1e-4)


def test_tensorboard_gets_every_label(tmp_path):
    for package in ("tensorflow", "tensorboard"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed, which keras.callbacks.TensorBoard needs")
    import tensorflow as tf
    from tensorboard.util.tensor_util import make_ndarray

    x, y = data()
    model = model_with(metrics=[metrics.AveragePrecision(per_label=True, label_names=NAMES)])
    history = model.fit(x, y, verbose=0, callbacks=[keras.callbacks.TensorBoard(tmp_path)])
    logged = {}
    for file in (tmp_path / "train").glob("events*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.tag.startswith("epoch_average"):
                    logged[value.tag] = float(make_ndarray(value.tensor))
    names = ["average_precision", *(f"average_precision/{n}" for n in NAMES)]
    wanted = {f"epoch_{n}": history.history[n][-1] for n in [*names, "average_precision_undefined"]}
    assert logged == pytest.approx(wanted, rel=1e-5, nan_ok=True)

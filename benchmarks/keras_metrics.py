"""The Keras metrics against Keras' own AUC: error, state, and time of a step.

KERAS_BACKEND=jax python -m benchmarks keras_metrics

The first table is the case where equal steps of probability fail: labels of prevalence .005, 95%
of the scores below 1/199. The second is the time of one step of training or evaluation as far as
it is the metric's (adding a batch and reading the result, as Keras does in every step), compiled
on JAX and TensorFlow and eager on Torch, in turn in one process, the fastest of several calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.timing import seconds
from equipoise import exact, metrics

BACKEND = keras.backend.backend()
# Rows, labels, repeats.
SHAPES = ((32, 20, 200), (256, 100, 100), (1024, 100, 50), (1024, 1000, 10))
BASE = "Keras AUC(multi_label)"


def crowded(n_rows: int, n_labels: int) -> tuple[Any, Any]:
    """Labels of prevalence .005, and probabilities that crowd near 0."""
    rng = np.random.default_rng(0)
    y = (rng.random((n_rows, n_labels)) < 0.005).astype("float32")
    z = rng.normal(size=y.shape) * 1.5 + 3 * y - 7.85
    return y, (1 / (1 + np.exp(-z))).astype("float32")


def accuracy() -> None:
    """Prints errors and bounds on the crowded case."""
    n_labels = 4
    y, p = crowded(100_000, n_labels)
    below = float(np.mean(p < 1 / 199))
    print(f"prevalence {y.mean():.4f}, {below:.1%} of scores below 1/199, {BACKEND}")
    for curve, ours, truth in (
        ("ROC", metrics.ROCAUC(), exact.roc_auc(y, p)),
        ("PR", metrics.AveragePrecision(), exact.average_precision(y, p)),
    ):
        peer = keras.metrics.AUC(curve=curve, multi_label=True, num_labels=n_labels)
        for start in range(0, len(y), 5000):
            rows = slice(start, start + 5000)
            ours.update_state(y[rows], p[rows])
            peer.update_state(y[rows], p[rows])
        low, high = ours.bounds()
        value, theirs = float(ours.result()), float(peer.result())
        print(
            f"{curve:<4} exact {float(truth):.5f}   ours {value:.5f} (off by {value - truth:+.5f},"
            f" bound {low:.5f} to {high:.5f})   Keras {theirs:.5f} (off by {theirs - truth:+.5f})"
            f"   state {state_bytes(ours)} and {state_bytes(peer)} bytes"
        )


def state_bytes(metric: Any) -> int:
    """Bytes of the variables of a metric."""
    return sum(int(np.prod(v.shape)) * np.dtype(v.dtype).itemsize for v in metric.variables)


def all_metrics(n_labels: int) -> dict[str, Any]:
    """Keras' AUC and ours."""
    peers = {
        BASE: keras.metrics.AUC(multi_label=True, num_labels=n_labels),
        "Keras AUC(curve='PR', multi_label)": keras.metrics.AUC(
            curve="PR", multi_label=True, num_labels=n_labels
        ),
    }
    ours = (
        metrics.ROCAUC(),
        metrics.AveragePrecision(),
        metrics.FBeta(),
        metrics.BalancedAccuracy(),
        metrics.MatthewsCorrelation(),
        metrics.HammingLoss(),
        metrics.PrecisionAtK(5),
        metrics.PropensityPrecisionAtK(5, propensity=np.full(n_labels, 0.5)),
        metrics.ExpectedCalibrationError(),
        metrics.BrierScore(),
    )
    return {**peers, **{type(metric).__name__: metric for metric in ours}}


def step_of(metric: Any, y: Any, p: Any) -> Callable[[], Any]:
    """Returns a function that adds the batch, reads the result and waits for it."""
    metric.update_state(y, p)  # makes the variables
    if BACKEND == "jax":
        import jax

        def pure(variables: Any, y: Any, p: Any) -> Any:
            variables = metric.stateless_update_state(variables, y, p)
            return variables, metric.stateless_result(variables)

        compiled = jax.jit(pure, donate_argnums=0)
        state = [[v.value + 0 for v in metric.variables]]

        def step() -> None:
            state[0], result = compiled(state[0], y, p)
            jax.block_until_ready((state[0], result))

        return step
    if BACKEND == "torch":
        import torch

        def step() -> None:
            with torch.no_grad():
                metric.update_state(y, p)
                float(metric.result())

        return step
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def both(y: Any, p: Any) -> Any:
        metric.update_state(y, p)
        return metric.result()

    return lambda: both(y, p).numpy()


def speed() -> None:
    """Prints the time of a step, and the bytes of the state."""
    for n_rows, n_labels, repeats in SHAPES:
        y, p = (keras.ops.convert_to_tensor(part) for part in crowded(n_rows, n_labels))
        found = all_metrics(n_labels)
        steps = {name: step_of(metric, y, p) for name, metric in found.items()}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for repeat in range(repeats + 1):
            for name, step in steps.items():
                elapsed = seconds(step)
                if repeat:  # the first call compiles
                    times[name].append(elapsed)
        fastest = {name: min(all_times) for name, all_times in times.items()}
        print(f"\n({n_rows}, {n_labels})")
        for name, taken in fastest.items():
            print(
                f"{name:<36} {1e3 * taken:9.3f} ms   {taken / fastest[BASE]:6.2f} of {BASE}"
                f"   state {state_bytes(found[name]) / state_bytes(found[BASE]):6.3f} of its",
                flush=True,
            )


def main() -> None:
    accuracy()
    speed()


if __name__ == "__main__":
    main()

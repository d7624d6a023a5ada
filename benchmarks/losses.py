"""Every loss, forward and backward, against Keras' own binary cross-entropy.

KERAS_BACKEND=jax python -m benchmarks.losses [--only NAME …]

JAX and TensorFlow compile the step with XLA, Torch runs it eagerly, as Keras does by default. The
ratio is the time of a loss over that of Keras' BinaryCrossentropy(from_logits=True), taken in turn
in one process, the fastest of several calls each: what else runs on the machine only adds time. A
dense loss must at least read logits and labels and write the gradient (12 bytes a cell), one from
indices read and write logits alone (8 bytes): that over the time is the rate, to be held against
that of x + 1. On a CUDA device Torch is timed by events.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from benchmarks.timing import seconds
from equipoise import losses

BACKEND = keras.backend.backend()
# Rows, labels, repeats.
SHAPES = ((256, 20, 200), (1024, 1000, 30), (512, 100_000, 4))
LABELS_A_ROW = 5
BASE = "Keras BCE"


def all_losses(n_labels: int) -> dict[str, Any]:
    """Keras' losses and ours, with a weight per label where that costs something."""
    rng = np.random.default_rng(0)
    prevalence = rng.uniform(1e-3, 0.2, n_labels)
    weights = {"positive_weight": rng.uniform(1, 9, n_labels)}
    weighted = losses.WeightedBinaryCrossentropy(from_logits=True, **weights)
    ours = {
        "WeightedBinaryCrossentropy": weighted,
        "FromIndices(the same)": losses.FromIndices(weighted),
        "LogitAdjustedBinaryCrossentropy": losses.LogitAdjustedBinaryCrossentropy(
            prevalence=prevalence, from_logits=True
        ),
        "PropensityBinaryCrossentropy": losses.PropensityBinaryCrossentropy(
            propensity=prevalence, from_logits=True
        ),
        "Focal": losses.Focal(from_logits=True, **weights),
        "Asymmetric": losses.Asymmetric(from_logits=True, **weights),
        "FromIndices(Asymmetric)": losses.FromIndices(losses.Asymmetric(from_logits=True)),
        "Hill": losses.Hill(from_logits=True, **weights),
        "LDAM": losses.LDAM(prevalence=prevalence, from_logits=True, **weights),
        "DistributionBalanced": losses.DistributionBalanced(
            prevalence=prevalence, from_logits=True
        ),
        "ZLPR": losses.ZLPR(from_logits=True),
        "TwoWay": losses.TwoWay(from_logits=True),
        "SoftFBeta": losses.SoftFBeta(from_logits=True),
        "WeightedCategoricalCrossentropy": losses.WeightedCategoricalCrossentropy(
            from_logits=True, **weights
        ),
        "LogitAdjustedCategoricalCrossentropy": losses.LogitAdjustedCategoricalCrossentropy(
            prevalence=prevalence, from_logits=True
        ),
        "CategoricalFocal": losses.CategoricalFocal(from_logits=True, **weights),
    }
    return {
        BASE: keras.losses.BinaryCrossentropy(from_logits=True),
        "Keras focal": keras.losses.BinaryFocalCrossentropy(from_logits=True),
        "Keras categorical": keras.losses.CategoricalCrossentropy(from_logits=True),
        **ours,
    }


def step_of(loss: Any, y: Any, z: Any) -> Callable[[], Any]:
    """Returns a function that takes the loss and its gradient once and waits for them."""
    if BACKEND == "jax":
        import jax

        compiled = jax.jit(jax.value_and_grad(lambda z, y: loss(y, z)))
        return lambda: finished(compiled(z, y))
    if BACKEND == "torch":

        def step() -> Any:
            z.grad = None
            loss(y, z).backward()

        return step
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def value_and_gradient(z: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(z)
            value = loss(y, z)
        return value, tape.gradient(value, z)

    return lambda: finished(value_and_gradient(z, y))


def seconds_of(step: Callable[[], Any]) -> float:
    """Time of one call: by events of the device where there is one, else on the wall."""
    if BACKEND == "torch":
        import torch

        if torch.cuda.is_available():
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            step()
            end.record()
            end.synchronize()
            return start.elapsed_time(end) / 1e3
    return seconds(step)


def memory_rate(n_cells: int = 1 << 27) -> float:
    """Bytes a second of x + 1, which reads and writes each cell once, where the losses run."""
    x = keras.ops.ones((n_cells,), dtype="float32")

    def step() -> None:
        finished(x + 1.0)

    step()
    return 8 * n_cells / min(seconds_of(step) for _ in range(5))


def finished(result: Any) -> None:
    """Waits for a device; Torch is timed by events instead."""
    if BACKEND == "jax":
        import jax

        jax.block_until_ready(result)
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()


def data_of(n_rows: int, n_labels: int) -> tuple[Any, Any, Any]:
    """Returns logits, dense labels and padded label indices as tensors of the backend."""
    rng = np.random.default_rng(0)
    z = keras.ops.convert_to_tensor(rng.normal(size=(n_rows, n_labels)).astype("float32"))
    indices = np.sort(rng.integers(0, n_labels, (n_rows, LABELS_A_ROW)), axis=1).astype("int32")
    dense = np.zeros((n_rows, n_labels), dtype="float32")
    np.put_along_axis(dense, indices, 1.0, axis=1)
    y, indices = keras.ops.convert_to_tensor(dense), keras.ops.convert_to_tensor(indices)
    return (z.requires_grad_() if BACKEND == "torch" else z), y, indices


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", help="losses that are measured beside Keras BCE")
    only = parser.parse_args().only
    rate = memory_rate()
    print(f"{BACKEND}: x + 1 moves {rate / 1e9:.1f} GB/s")
    for n_rows, n_labels, repeats in SHAPES:
        z, y, indices = data_of(n_rows, n_labels)
        steps = {
            name: step_of(loss, indices if isinstance(loss, losses.FromIndices) else y, z)
            for name, loss in all_losses(n_labels).items()
            if only is None or name in (BASE, *only)
        }
        times: dict[str, list[float]] = {name: [] for name in steps}
        for repeat in range(repeats + 1):
            for name, step in steps.items():
                elapsed = seconds_of(step)
                if repeat:  # the first call compiles
                    times[name].append(elapsed)
        fastest = {name: min(all_times) for name, all_times in times.items()}
        print(f"\n({n_rows}, {n_labels})")
        for name, taken in fastest.items():
            cell = 8 if name.startswith("FromIndices") else 12
            moved = cell * n_rows * n_labels / taken
            print(
                f"{name:<38} {1e3 * taken:9.2f} ms   {taken / fastest[BASE]:6.2f} of {BASE}"
                f"   {moved / 1e9:6.2f} GB/s, {moved / rate:4.0%} of x + 1",
                flush=True,
            )


if __name__ == "__main__":
    main()

"""Five networks of one fit: trained anew each, in turn on one compiled program, or stacked.

    python -m benchmarks folds

Stacked is the most that JAX gives: all five in one program (`jax.vmap`), an epoch in one call, the
data on the device, written out by hand without Keras. What it lacks: early stopping, Keras' losses
and callbacks. Every way takes the same number of steps of Adam at the same batch size.
"""

from __future__ import annotations

import os

os.environ.setdefault("KERAS_BACKEND", "jax")

from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from benchmarks.timing import interleaved
from equipoise.batching import ArrayBatches
from equipoise.losses import WeightedBinaryCrossentropy
from equipoise.training import build_network
from equipoise.training.workbench import Workbench

FOLDS, BATCH, EPOCHS = 5, 64, 20
# Rows, inputs, units and labels, as the default has them on these sets.
SHAPES = {
    "emotions": (380, 360, 256, 6),
    "yeast": (1540, 515, 256, 14),
    "scene": (1540, 1470, 256, 6),
    "medical": (626, 1449, 512, 45),
}


def problem(n: int, n_features: int, n_labels: int) -> list[tuple[Any, Any]]:
    """Returns the rows of each fold."""
    rng = np.random.default_rng(0)
    return [
        (
            rng.normal(size=(n, n_features)).astype(np.float32),
            (rng.random((n, n_labels)) < 0.2).astype(np.float32),
        )
        for _ in range(FOLDS)
    ]


def by_keras(folds: list[tuple[Any, Any]], n_units: int, bench: Workbench | None) -> None:
    """Trains one network after the other, each on a bench of its own if there is none for all."""
    for X, y in folds:
        network = build_network(X.shape[1], y.shape[1], hidden_units=n_units, seed=0)
        loss = WeightedBinaryCrossentropy(from_logits=True)
        at = bench or Workbench(network, loss, 1e-3)
        if bench:
            bench.put_in(network)
        batches = ArrayBatches(X, y, batch_size=BATCH, random_state=0)
        at.model.fit(batches, epochs=EPOCHS, shuffle=False, verbose=0)


def new_bench(n_features: int, n_units: int, n_labels: int) -> Workbench:
    network = build_network(n_features, n_labels, hidden_units=n_units, seed=0)
    return Workbench(network, WeightedBinaryCrossentropy(from_logits=True), 1e-3)


def loss_of(parameters: Any, X: Any, y: Any, kept: Any) -> Any:
    hidden = jax.nn.relu(X @ parameters["w"] + parameters["b"]) * kept * 2
    z = hidden @ parameters["v"] + parameters["c"]
    return jnp.mean(jnp.maximum(z, 0) - z * y + jnp.log1p(jnp.exp(-jnp.abs(z))))


def epoch_of_one(state: Any, X: Any, y: Any, order: Any, key: Any) -> Any:
    """Takes the steps of an epoch; `order` is (steps, rows of a batch)."""

    def step(state: Any, drawn: Any) -> tuple[Any, None]:
        (parameters, m, v, t), (rows, key) = state, drawn
        kept = jax.random.bernoulli(key, 0.5, (len(rows), parameters["b"].shape[0]))
        slopes = jax.grad(loss_of)(parameters, X[rows], y[rows], kept)
        t += 1
        rate = 1e-3 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, slopes)
        v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, slopes)
        parameters = jax.tree.map(
            lambda p, m, v: p - rate * m / (jnp.sqrt(v) + 1e-7), parameters, m, v
        )
        return (parameters, m, v, t), None

    return jax.lax.scan(step, state, (order, jax.random.split(key, len(order))))[0]


epoch_of_all = jax.jit(jax.vmap(epoch_of_one), donate_argnums=0)


def stacked(folds: list[tuple[Any, Any]], n_units: int) -> None:
    """Trains all networks at once."""
    rng = np.random.default_rng(0)
    X, y = (jnp.stack(parts) for parts in zip(*folds, strict=True))
    n, n_features, n_labels = X.shape[1], X.shape[2], y.shape[2]
    shapes = {"w": (n_features, n_units), "v": (n_units, n_labels)}
    parameters = {
        name: jnp.asarray(rng.normal(0, 0.05, (FOLDS, *shape)), jnp.float32)
        for name, shape in shapes.items()
    }
    parameters |= {"b": jnp.zeros((FOLDS, n_units)), "c": jnp.zeros((FOLDS, n_labels))}
    state: Any = (
        parameters,
        jax.tree.map(jnp.zeros_like, parameters),
        jax.tree.map(jnp.zeros_like, parameters),
        jnp.zeros(FOLDS),
    )
    steps = -(-n // BATCH)
    for epoch in range(EPOCHS):
        # The last batch is filled up with rows of the first: the same shape for all.
        orders = np.stack([np.resize(rng.permutation(n), steps * BATCH) for _ in range(FOLDS)])
        keys = jax.random.split(jax.random.key(epoch), FOLDS)
        state = epoch_of_all(state, X, y, orders.reshape(FOLDS, steps, BATCH), keys)
    jax.block_until_ready(state)


def main() -> None:
    """Prints medians and ratios for each shape."""
    print(f"{FOLDS} networks, {EPOCHS} epochs each, Keras {keras.__version__} on JAX")
    for name, (n, n_features, n_units, n_labels) in SHAPES.items():
        folds = problem(n, n_features, n_labels)
        bench = new_bench(n_features, n_units, n_labels)
        ways = {
            "anew": lambda f=folds, u=n_units: by_keras(f, u, None),
            "in turn": lambda f=folds, u=n_units, b=bench: by_keras(f, u, b),
            "stacked": lambda f=folds, u=n_units: stacked(f, u),
        }
        medians = interleaved(ways, repeats=3)
        ours = medians["in turn"]
        shown = ", ".join(f"{way} {s:.2f} s ({s / ours:.2f})" for way, s in medians.items())
        print(f"{name:<10} {n} x {n_features}, {n_units} units, {n_labels} labels: {shown}")


if __name__ == "__main__":
    main()

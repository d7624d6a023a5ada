"""Small data and classifiers for the tests of bundles."""

import keras
import numpy as np

import equipoise as eq

NAMES = ["=common", "rare|one", "rärest"]


def problem(n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5)).astype(np.float32)
    return X, (X[:, :3] + rng.normal(0, 0.5, (n, 3)) > [0, 0.7, 1.2]).astype(int)


def quick(**options):
    return eq.MultilabelClassifier(
        **{"n_folds": 2, "hidden_units": 4, "max_epochs": 2, "batch_size": 16, "random_state": 0}
        | options
    )


def network(own):
    """Returns a function that builds a network with this layer in it."""

    def build(n_features, n_labels):
        inputs = keras.layers.Input((n_features,))
        hidden = keras.layers.Dense(4, activation="tanh")(inputs)
        return keras.Model(inputs, keras.layers.Dense(n_labels)(own(hidden)))

    return build

"""The seed of a network: its weights and its dropout, whatever else draws random numbers."""

import random

import keras
import numpy as np
import pytest

from equipoise.training import build_network

pytestmark = pytest.mark.keras


def numbers(network):
    return [keras.ops.convert_to_numpy(v.value) for v in network.variables]


def test_the_seed_decides_whatever_the_global_generators_say():
    one = build_network(5, 3, prevalence=[0.1, 0.2, 0.5], seed=1)
    random.random()
    np.random.default_rng().random()
    again, other = (build_network(5, 3, prevalence=[0.1, 0.2, 0.5], seed=s) for s in (1, 2))
    for a, b in zip(numbers(one), numbers(again), strict=True):
        np.testing.assert_array_equal(a, b)
    differ = [not np.array_equal(a, b) for a, b in zip(numbers(one), numbers(other), strict=True)]
    # kernel, bias, state of dropout, kernel, bias: the biases are given
    assert sum(differ) == 3
    wanted = np.log([1 / 9, 1 / 4, 1])
    assert numbers(one)[-1] == pytest.approx(wanted, abs=1e-6)


def test_weights_are_spread_as_keras_spreads_them():
    ours = numbers(build_network(300, 2, hidden_units=200, seed=3))[0]
    bound = np.sqrt(6 / 500)
    assert np.abs(ours).max() <= bound
    assert ours.std() == pytest.approx(bound / np.sqrt(3), rel=0.02)
    assert abs(ours.mean()) < bound / 50

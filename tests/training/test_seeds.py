import random

import keras
import numpy as np
import pytest

from equipoise.links import SigmoidLink
from equipoise.training import build_network, seeded

pytestmark = pytest.mark.keras


def draws():
    dense = keras.layers.Dense(3)
    dense.build((None, 2))
    return (
        random.random(),
        np.random.random(),  # noqa: NPY002 the state that others share
        float(keras.random.uniform((), dtype="float32")),
        float(keras.ops.convert_to_numpy(dense.kernel).sum()),
    )


def test_a_seed_repeats_and_leaves_the_outside_undisturbed():
    keras.utils.set_random_seed(7)
    undisturbed = [draws(), draws()]
    keras.utils.set_random_seed(7)
    before = draws()
    with seeded(3):
        first = draws()
    after = draws()
    with seeded(3):
        second = draws()
    with seeded(4):
        other = draws()
    assert first == second
    assert first != other
    assert [before, after] == undisturbed


def test_the_outside_is_restored_after_an_error():
    keras.utils.set_random_seed(7)
    expected = draws()
    keras.utils.set_random_seed(7)
    with pytest.raises(KeyError), seeded(3):
        raise KeyError
    assert draws() == expected


def test_the_network_starts_at_the_prevalence():
    prevalence, shift = np.array([0.5, 0.01, 0.0]), np.array([0.0, 2.0, 0.0])
    model = build_network(4, 3, prevalence=prevalence, link=SigmoidLink(shift))
    logits = keras.ops.convert_to_numpy(model(np.zeros((1, 4), dtype=np.float32)))[0]
    probability = 1 / (1 + np.exp(-(logits - shift)))
    assert probability == pytest.approx([0.5, 0.01, 1e-4], rel=1e-4)


def test_the_network_can_be_saved_and_loaded(tmp_path):
    model = build_network(4, 3, prevalence=[0.1, 0.2, 0.3], hidden_units=5)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    x = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    same = [keras.ops.convert_to_numpy(m(x)) for m in (model, again)]
    np.testing.assert_array_equal(*same)
    linear = build_network(4, 3, hidden_units=0)
    assert [layer.name for layer in linear.layers] == ["logits"]

import keras
import numpy as np
import pytest
from finding_cases import crowded_scores

from equipoise import exact
from equipoise.audit.binned_area import binned_area, thresholds_of

pytestmark = pytest.mark.keras

RNG = np.random.default_rng(0)
Y = (RNG.random((300, 3)) < [0.5, 0.1, 0.0]).astype(np.float32)
CROWDED = np.clip(RNG.random(Y.shape) ** 6 + 0.1 * Y, 0, 1).astype(np.float32)
CROWDED[:20] = np.linspace(0, 1, 20)[:, None]  # both ends, and ties


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"multi_label": True},
        {"curve": "PR"},
        {"curve": "PR", "multi_label": True, "num_thresholds": 11},
        {"summation_method": "minoring", "num_thresholds": 5},
        {"curve": "PR", "summation_method": "majoring", "num_thresholds": 5},
        {"thresholds": [0.5, 0.01, 0.2], "multi_label": True},
        {"num_thresholds": 2},
    ],
)
def test_the_area_is_that_of_the_installed_keras(options):
    metric = keras.metrics.AUC(**options)
    config = metric.get_config()
    assert thresholds_of(config) == pytest.approx(metric.thresholds)
    metric.update_state(Y, CROWDED)
    asked = float(keras.ops.convert_to_numpy(metric.result()))
    assert binned_area(Y, CROWDED, config) == pytest.approx(asked, abs=1e-6)


def test_200_thresholds_are_far_from_the_area_of_crowded_scores():
    case = crowded_scores()
    few, many = (
        binned_area(case["y"], case["y_score"], {"num_thresholds": n}) for n in (200, 20_000)
    )
    true_area = float(exact.roc_auc(case["y"], case["y_score"], average="micro"))
    assert few < true_area - 0.1
    assert many == pytest.approx(true_area, abs=0.01)


def test_two_thresholds_tell_nothing_apart():
    config = {"num_thresholds": 2, "multi_label": True}
    assert binned_area(Y[:, :2], CROWDED[:, :2], config) == 0.5


def test_a_label_without_positives_counts_as_0():
    config = {"num_thresholds": 500, "multi_label": True}
    alone = [binned_area(Y[:, i : i + 1], CROWDED[:, i : i + 1], config) for i in range(3)]
    assert alone[2] == 0
    assert binned_area(Y, CROWDED, config) == pytest.approx(np.mean(alone))

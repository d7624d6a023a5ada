import numpy as np
import pytest

from equipoise.training import TrainingOptions

QUICK = TrainingOptions(max_epochs=2, hidden_units=4, batch_size=16)


@pytest.fixture(scope="session")
def small():
    """Features and labels of 60 rows on which a comparison takes a moment."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    return X, (X[:, :2] + rng.normal(size=(60, 2)) > 0.3).astype(int)


@pytest.fixture(scope="session")
def quick():
    return QUICK


def plain(comparison):
    """Everything but how long it took."""
    rows = comparison.to_dict()["cells"]
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="session")
def without_seconds():
    return plain

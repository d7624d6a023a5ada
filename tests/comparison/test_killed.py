"""A comparison that is killed at random moments and resumed ends with the table of an unbroken run.

EQUIPOISE_KILLS sets the number of kills (3 by default, so that the test stays short).
"""

import os
import random
import sqlite3
import subprocess
import sys
import textwrap
import time
from contextlib import closing

import pytest

from equipoise.comparison import compare

pytestmark = pytest.mark.keras

KILLS = int(os.environ.get("EQUIPOISE_KILLS", "3"))
TREATMENTS = ["none", "balanced", "inverse_sqrt"]
FOLDS = 4 * (1 + KILLS // 3)

SCRIPT = textwrap.dedent("""
    import sys
    import numpy as np
    from equipoise.comparison import compare
    from equipoise.training import TrainingOptions
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = (X[:, :2] + rng.normal(size=(60, 2)) > 0.3).astype(int)
    quick = TrainingOptions(max_epochs=2, hidden_units=4, batch_size=16)
    compare(X, y, sys.argv[3:], cv=int(sys.argv[2]), options=quick, store=sys.argv[1])
""")


def records(path):
    """Key and bytes of everything that is kept."""
    if not path.exists():
        return {}
    try:
        with closing(sqlite3.connect(path, timeout=60)) as connection:
            return dict(connection.execute("SELECT key, payload FROM records"))
    except sqlite3.OperationalError:  # the table is not there yet
        return {}


def killed_once(path, moment):
    """Starts the comparison, and kills it a moment after it has kept one part more."""
    before = records(path)
    command = [sys.executable, "-c", SCRIPT, str(path), str(FOLDS), *TREATMENTS]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(records(path)) == len(before) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(moment)
    process.kill()
    process.wait()
    after = records(path)
    # The bytes hold how long each part took, so they tell of a part that was made twice.
    assert all(after[key] == kept for key, kept in before.items())
    return len(after) - len(before)


def test_killed_at_random_moments_and_resumed(small, quick, tmp_path, without_seconds):
    randomly = random.Random(0)
    path = tmp_path / "store"
    gained = [killed_once(path, randomly.uniform(0, 0.3)) for _ in range(KILLS)]
    assert all(gained)
    before = records(path)
    trained = []
    resumed = compare(
        *small,
        TREATMENTS,
        cv=FOLDS,
        options=quick,
        store=path,
        on_cell=lambda cell, total: cell.restored or trained.append(cell),
    )
    assert len(trained) == FOLDS * len(TREATMENTS) - len(before)
    after = records(path)
    assert all(after[key] == kept for key, kept in before.items())
    assert len(after) == FOLDS * len(TREATMENTS)
    unbroken = compare(*small, TREATMENTS, cv=FOLDS, options=quick)
    assert without_seconds(resumed) == without_seconds(unbroken)

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from loss_cases import CASES
from loss_helpers import BACKEND

pytestmark = pytest.mark.keras
HERE = Path(__file__).parent


@pytest.mark.skipif(BACKEND != "jax", reason="Keras distributes over devices on JAX")
def test_every_loss_is_the_same_on_two_devices():
    """In a process of its own, for the number of devices is fixed when JAX starts."""
    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, HERE / "data_parallel.py"],
        env={
            **os.environ,
            "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
            "PYTHONPATH": path,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found) == len({case.loss for case in CASES.values()}) + 1
    for name, runs in found.items():
        one, two = runs["one"], runs["two"]
        assert two["losses"] == pytest.approx(one["losses"], rel=1e-5), name
        np.testing.assert_allclose(two["weights"], one["weights"], rtol=1e-4, atol=1e-6)

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

pytestmark = pytest.mark.keras
HERE = Path(__file__).parent


@pytest.mark.skipif(
    keras.backend.backend() != "jax", reason="Keras distributes over devices on JAX"
)
def test_metrics_are_the_same_on_two_devices():
    """In a process of its own, for the number of devices is fixed when JAX starts."""
    path = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, HERE / "metrics_data_parallel.py"],
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
    assert len(found["one"]) == 5
    assert found["two"] == pytest.approx(found["one"], rel=1e-5)

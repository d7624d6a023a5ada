"""--backend and --device: set before Keras is imported, checked after it, never guessed."""

import importlib.util
import os
import subprocess
import sys

import keras
import numpy as np
import polars as pl
import pytest

from equipoise._errors import InvalidInput, MissingDependency
from equipoise.cli import main
from equipoise.cli.machine import MachineOptions, _check_backend, _first_installed, _visible

pytestmark = pytest.mark.keras

RUNNING = keras.backend.backend()
BACKENDS = ("jax", "tensorflow", "torch")
QUICK = ["--folds", "1", "--epochs", "1", "--hidden-units", "2"]


@pytest.fixture
def table(tmp_path):
    x = np.random.default_rng(0).normal(size=(60, 2)).round(3)
    path = tmp_path / "t.csv"
    pl.DataFrame(x, ["a", "b"]).with_columns(
        lab_x=pl.Series((x[:, 0] > 0).astype(int)), lab_y=pl.Series((x[:, 1] > 0.5).astype(int))
    ).write_csv(path)
    return path


def as_program(*arguments, **environment):
    """Runs the command line in a process of its own, as a shell does."""
    code = "import sys; from equipoise.cli import main; sys.exit(main())"
    kept = {k: v for k, v in os.environ.items() if k not in ("TF_CPP_MIN_LOG_LEVEL",)}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=500,
        env=kept | environment,
    )


def test_training_on_the_cpu_says_nothing_but_what_we_say(table, tmp_path):
    # Keras runs on the backend that is under test; $KERAS_BACKEND names another one.
    done = as_program(
        *("train", table, "-l", "lab_*", "--out", tmp_path / "b", *QUICK),
        *("--backend", RUNNING, "--device", "cpu"),
        KERAS_BACKEND="torch" if RUNNING == "jax" else "jax",
    )
    assert done.returncode == 0
    assert done.stderr == ""
    manifest = (tmp_path / "b" / "bundle.json").read_text(encoding="utf-8")
    assert f'"backend": "{RUNNING}"' in manifest


def test_an_audit_says_nothing_but_what_we_say(table):
    done = as_program("audit", table, "-l", "lab_*", "--json")
    assert (done.returncode, done.stderr) == (0, "")


def test_worker_processes_say_nothing_either(table):
    done = as_program(
        *("compare", table, "-l", "lab_*", "--cv", "2", "--treatments", "none"),
        *("--jobs", "2", "--json"),
    )
    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout.startswith("{")
    assert done.stdout.endswith("}\n")


def test_a_device_that_is_not_there_is_refused(table, tmp_path):
    pytest.importorskip("jax")
    import jax

    if any(device.platform != "cpu" for device in jax.devices()):
        pytest.skip("there is a GPU here")
    arguments = ("train", table, "-l", "lab_*", "--out", tmp_path / "b", "--device", "gpu:1")
    done = as_program(*arguments, KERAS_BACKEND=RUNNING)
    assert done.returncode == 2
    assert f"no device 'gpu:1' for the backend '{RUNNING}'" in done.stderr
    assert "Leave --device out" in done.stderr
    assert not (tmp_path / "b").exists()


def test_the_device_that_keras_runs_on_is_accepted():
    machine = MachineOptions(device="cpu")
    machine.choose()
    if as_found() == "cpu":
        machine.start()
        with pytest.raises(InvalidInput, match="no device 'gpu'"):
            MachineOptions(device="gpu").start()


def as_found():
    from equipoise.cli.machine import _place_of_tensors

    return _place_of_tensors()


@pytest.mark.parametrize("device", ["gpus", "cpu:1", "gpu:", "gpu:x", "", "cuda:-1", "cpu,gpu"])
def test_a_device_that_cannot_be_meant_is_refused(device):
    with pytest.raises(InvalidInput, match="`--device` must be cpu, gpu, or gpu with a number"):
        MachineOptions(device=device).choose()


def test_another_backend_than_the_running_one_is_refused(table, tmp_path, capsys):
    others = [b for b in BACKENDS if b != RUNNING and importlib.util.find_spec(b)]
    if not others:
        pytest.skip("only one backend is installed")
    arguments = ["train", str(table), "-l", "lab_*", "--out", str(tmp_path / "b")]
    assert main([*arguments, "--backend", others[0]]) == 2
    assert f"Keras runs on '{RUNNING}' in this process" in capsys.readouterr().err
    with pytest.raises(InvalidInput, match="cannot change once Keras is imported"):
        MachineOptions(device="gpu:3").choose()


def test_an_unknown_backend_is_refused(table, capsys):
    assert main(["compare", str(table), "-l", "lab_*", "--backend", "jaxx"]) == 2
    assert "jax" in capsys.readouterr().err
    with pytest.raises(InvalidInput, match=r"KERAS_BACKEND must be one of .* mean 'torch'"):
        _check_backend("troch", asked=False)


def test_a_backend_that_is_not_installed_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not there
    with pytest.raises(MissingDependency, match=r"'torch' is not .*'equipoise\[torch\]'"):
        _check_backend("torch", asked=True)
    for name in BACKENDS:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependency, match="none of them is installed"):
        _first_installed()


def test_a_backend_that_does_not_start_is_told_in_one_message(table, tmp_path):
    if RUNNING != "jax":
        pytest.skip("JAX_PLATFORMS is of JAX")
    done = as_program(
        *("train", table, "-l", "lab_*", "--out", tmp_path / "b"),
        KERAS_BACKEND="jax",
        JAX_PLATFORMS="abacus",
    )
    assert done.returncode == 1
    assert "does not start on the backend 'jax'" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_gpu_is_counted_among_the_visible_ones(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert _visible(1) == "1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    assert _visible(1) == "6"
    with pytest.raises(InvalidInput, match="no GPU number 2"):
        _visible(2)


def test_scores_need_no_machine(tmp_path, capsys):
    path = tmp_path / "s.csv"
    path.write_text("true_a,probability_a\n1,0.9\n0,0.2\n", encoding="utf-8")
    assert main(["evaluate", str(path), "--device", "cpu"]) == 2
    assert "are for bundles" in capsys.readouterr().err

"""The README's example is the one in examples/; every example runs."""

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_readme_shows_the_example():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1]
    assert (ROOT / "examples" / "quickstart.py").read_text(encoding="utf-8").endswith(shown)


@pytest.mark.keras
def test_the_example_runs_and_the_correction_helps(capsys):
    runpy.run_path(str(ROOT / "examples" / "quickstart.py"))
    out = capsys.readouterr().out
    raw, corrected = (float(x) for x in re.findall(r"calibration error (0\.\d+)", out))
    assert corrected < 0.03 < 0.1 < raw
    assert float(re.search(r"macro-F1 .* (0\.\d+)", out)[1]) > 0.3


@pytest.mark.keras
def test_tensorboard_has_every_epoch_of_every_label(tmp_path, monkeypatch, capsys):
    pytest.importorskip("tensorflow")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    monkeypatch.setattr(sys, "argv", ["tensorboard_logs.py", str(tmp_path)])
    runpy.run_path(str(ROOT / "examples" / "tensorboard_logs.py"))
    assert "curves of 3 epochs" in capsys.readouterr().out
    found = accumulator.EventAccumulator(str(tmp_path / "validation"))
    found.Reload()
    tags = {tag for tag in found.Tags()["tensors"] if tag.startswith("epoch_ap")}
    assert tags >= {"epoch_ap", *(f"epoch_ap/label_{i}" for i in range(10))}
    assert [event.step for event in found.Tensors("epoch_ap/label_9")] == [0, 1, 2]


@pytest.mark.keras
def test_mlflow_has_every_epoch_of_every_label(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="mlflow is not installed; no dependency of ours")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["mlflow_logs.py", "sqlite:///runs.db"])
    namespace = runpy.run_path(str(ROOT / "examples" / "mlflow_logs.py"))
    history, run = namespace["history"].history, namespace["run"].info.run_id
    for name in ("loss", "val_ap", "val_ap/label_9"):
        values = mlflow.MlflowClient().get_metric_history(run, name)
        assert [value.step for value in values] == [0, 1, 2]
        assert [value.value for value in values] == pytest.approx(history[name], abs=1e-6)

"""The README's example is the one in examples/, and runs."""

import re
import runpy
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

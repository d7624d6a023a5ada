import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import equipoise

ROOT = Path(__file__).parents[1]


def test_import_loads_nothing_heavy():
    code = "import equipoise, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    heavy = {"keras", "sklearn", "matplotlib", "jinja2", "numpy", "numba", "polars", "jax", "torch"}
    assert not heavy & set(loaded.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "equipoise.targets",
        "equipoise.stats",
        "equipoise.weights",
        "equipoise.exact",
        "equipoise.decision",
        "equipoise.links",
        "equipoise.statistics",
        "equipoise.readers",
        "equipoise.report",
        "equipoise.model_selection",
        "equipoise.metrics",
        "equipoise.resampling",
        "equipoise.evaluation",
        "equipoise.plots",
    ],
)
def test_the_numpy_half_loads_no_keras(module):
    code = f"import {module}, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"keras", "jax", "torch", "tensorflow"} & set(loaded.stdout.split())


def test_every_public_name_exists_and_says_what_it_is():
    for name in equipoise.__all__:
        value = getattr(equipoise, name)
        assert name == "__version__" or (value.__doc__ and value.__doc__.strip())
    assert set(equipoise.__all__) <= set(dir(equipoise))
    with pytest.raises(AttributeError, match="no attribute 'losess'"):
        _ = equipoise.losess


def test_what_loads_lazily_is_what_is_public():
    lazy = {*equipoise._MODULES, *equipoise._HOMES, "__version__"}
    assert lazy == set(equipoise.__all__)


def test_every_name_in_all_exists():
    for module in pkgutil.walk_packages(equipoise.__path__, "equipoise."):
        if module.name.endswith("._torch") and importlib.util.find_spec("torch") is None:
            continue
        loaded = importlib.import_module(module.name)
        for name in getattr(loaded, "__all__", []):
            assert hasattr(loaded, name), f"{module.name}.{name}"


def test_the_version_is_that_of_the_package():
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert re.search(r'^version = "(.+)"$', text, re.MULTILINE)[1] == equipoise.__version__

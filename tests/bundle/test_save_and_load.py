"""MultilabelClassifier.save and load: the same afterwards, or not written at all."""

import hashlib
import json
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
from bundle_cases import NAMES, network, problem, quick
from sklearn.base import clone

import equipoise as eq
from equipoise._errors import InvalidFile, InvalidInput, Undefined
from equipoise.bundle import Bundle
from equipoise.exact import average_precision

pytestmark = pytest.mark.keras

OLD = Path(__file__).parent / "data" / "format_1"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A folder and the classifier that it was saved from."""
    X, y = problem()
    fitted = quick(treatment="focal").fit(X, y)
    return fitted.save(tmp_path_factory.mktemp("bundles") / "b", y), fitted


@pytest.mark.parametrize("treatment", ["balanced", "focal", "ldam"])
def test_what_is_loaded_predicts_the_same(tmp_path, treatment):
    X, y = problem()
    frame = pd.DataFrame(y, columns=NAMES)
    fitted = quick(treatment=treatment, n_folds=1).fit(X, frame)
    loaded = eq.MultilabelClassifier.load(fitted.save(tmp_path / "b"))
    assert loaded.classes_.tolist() == NAMES
    assert loaded.n_features_in_ == 5
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(loaded.decision_function(X), fitted.decision_function(X))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    assert loaded.fitted_.treatment == fitted.fitted_.treatment
    assert loaded.get_params()["hidden_units"] == 4


@pytest.mark.parametrize(
    "classes",
    [["ham", "spam"], ["a", "b", "c"], [3, -1, 7], [False, True]],
    ids=["words", "three", "numbers", "truths"],
)
def test_classes_keep_their_type(tmp_path, classes):
    X, y = problem()
    target = np.array(classes)[(y[:, 0] + y[:, 1]) % len(classes)]
    fitted = quick(n_folds=1).fit(X, target)
    loaded = eq.MultilabelClassifier.load(fitted.save(tmp_path / "b"))
    assert loaded.classes_.dtype == fitted.classes_.dtype
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))


def test_a_loss_without_probabilities_still_has_none(tmp_path):
    X, y = problem()
    fitted = quick(treatment="zlpr", n_folds=1).fit(X, y)
    loaded = eq.MultilabelClassifier.load(fitted.save(tmp_path / "b"))
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))
    with pytest.raises(Undefined, match="gives no probabilities"):
        loaded.predict_proba(X)


def test_names_of_features_are_kept_and_checked(tmp_path):
    X, y = problem()
    frame = pd.DataFrame(X, columns=list("vwxyz"))
    loaded = eq.MultilabelClassifier.load(quick().fit(frame, y).save(tmp_path / "b"))
    assert loaded.predict(frame).shape == y.shape
    with pytest.raises(ValueError, match="feature names"):
        loaded.predict(frame[list("zyxwv")])


def test_it_is_saved_again_and_trained_again(tmp_path):
    X, y = problem()
    fitted = quick(n_folds=1).fit(X, y)
    first = fitted.save(tmp_path / "a", y)
    loaded = eq.MultilabelClassifier.load(first)
    second = loaded.save(tmp_path / "b")
    assert (
        json.loads((second / "bundle.json").read_text())["held_out"]
        == json.loads((first / "bundle.json").read_text())["held_out"]
    )
    with pytest.raises(InvalidInput, match="a bundle does not keep them"):
        loaded.save(tmp_path / "c", y)
    again = clone(loaded).fit(X, y)
    np.testing.assert_allclose(again.predict_proba(X), fitted.predict_proba(X), rtol=1e-5)


@pytest.mark.parametrize("bins", [0, 3])
def test_the_card_says_how_numeric_columns_are_seen(tmp_path, bins):
    X, y = problem()
    folder = quick(bins=bins).fit(X, y).save(tmp_path / "bundle")
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert ("seen by 3 bins beside their value" in card) == (bins == 3)


def test_the_card_says_what_held_out_rows_show(tmp_path):
    X, y = problem()
    frame = pd.DataFrame(y, columns=["[a](b)", "<i>", "c"])
    fitted = quick().fit(X, frame)
    folder = fitted.save(tmp_path / "b", frame)
    held = Bundle.load(folder).held_out
    expected = average_precision(y, fitted.fitted_.held_scores, average="macro")
    assert held["overall"]["macro average precision"] == pytest.approx(expected)
    assert [row["f1_low"] <= row["f1"] <= row["f1_high"] for row in held["labels"]] == [True] * 3
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{expected:.3f}" in card
    assert f"| {y[:, 0].sum()} |" in card
    assert r"\[a\](b)" in card
    assert "<i>" not in card.replace(r"\<i\>", "")
    other = frame.rename(columns={"c": "d"})
    with pytest.raises(InvalidInput, match="must be the labels that `fit` saw"):
        fitted.save(tmp_path / "b", other)
    assert fitted.classes_.tolist() == frame.columns.tolist()


# ------------------------------------------------------------------------------ own networks


@keras.saving.register_keras_serializable(package="bundle_tests")
class Scaled(keras.layers.Layer):
    def __init__(self, factor, **options):
        super().__init__(**options)
        self.factor = factor

    def call(self, x):
        return x * self.factor

    def get_config(self):
        return super().get_config() | {"factor": self.factor}


class Unregistered(Scaled):
    pass


def test_networks_of_ones_own(tmp_path):
    X, y = problem()
    fitted = quick(model=network(Scaled(2.0)), n_folds=1).fit(X, y)
    loaded = eq.MultilabelClassifier.load(fitted.save(tmp_path / "b"))
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    again = clone(loaded).fit(X, y)
    assert again.fitted_.members[0].model.layers[2].factor == 2.0
    with pytest.raises(InvalidInput, match="saved model is for 5 features and 3 labels"):
        clone(loaded).fit(X[:, :4], y)


@pytest.mark.parametrize("own", [Unregistered(2.0), keras.layers.Lambda(lambda x: 2 * x)])
def test_what_could_not_be_loaded_is_not_saved(tmp_path, own):
    X, y = problem()
    fitted = quick(model=network(own), n_folds=1, max_epochs=1).fit(X, y)
    with pytest.raises(InvalidInput, match=r"cannot be saved.*register_keras_serializable"):
        fitted.save(tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_is_not_registered_is_named_on_loading(tmp_path):
    X, y = problem()
    folder = (
        quick(model=network(Scaled(2.0)), n_folds=1, max_epochs=1).fit(X, y).save(tmp_path / "b")
    )
    code = "import sys, equipoise; equipoise.MultilabelClassifier.load(sys.argv[1])"
    run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True)
    assert "InvalidFile" in run.stderr
    assert "Scaled" in run.stderr
    assert "register_keras_serializable" in run.stderr


# ----------------------------------------------------------------------- other backends, formats

_PREDICT = """
import sys, numpy as np, equipoise as eq
X = np.load(sys.argv[2])
loaded = eq.MultilabelClassifier.load(sys.argv[1])
np.save(sys.argv[3], loaded.predict_proba(X))
"""


@pytest.mark.parametrize("backend", ["jax", "torch", "tensorflow"])
def test_every_backend_predicts_the_same(saved, tmp_path, backend):
    if backend == keras.backend.backend():
        pytest.skip("it is the backend that saves")
    pytest.importorskip(backend)
    folder, fitted = saved
    X, _ = problem()
    np.save(tmp_path / "x.npy", X)
    subprocess.run(
        [sys.executable, "-c", _PREDICT, folder, tmp_path / "x.npy", tmp_path / "p.npy"],
        check=True,
        capture_output=True,
        env=os.environ | {"KERAS_BACKEND": backend},
    )
    np.testing.assert_allclose(
        np.load(tmp_path / "p.npy"), fitted.predict_proba(X), rtol=1e-5, atol=1e-7
    )


def test_a_bundle_of_the_first_format_loads():
    expected = np.load(OLD.parent / "format_1_probabilities.npy")
    X, _ = problem()
    loaded = eq.MultilabelClassifier.load(OLD)
    assert loaded.classes_.tolist() == NAMES
    np.testing.assert_allclose(loaded.predict_proba(X), expected, rtol=1e-5)
    assert json.loads((OLD / "bundle.json").read_text(encoding="utf-8"))["schema_version"] == 1


# ---------------------------------------------------------------------------- whole or not at all


def test_a_bundle_is_replaced_and_nothing_else_is(tmp_path):
    X, y = problem()
    first, second = quick(n_folds=1).fit(X, y), quick(n_folds=1, random_state=1).fit(X, y)
    folder = first.save(tmp_path / "b")
    second.save(folder)
    loaded = eq.MultilabelClassifier.load(folder)
    np.testing.assert_array_equal(loaded.predict_proba(X), second.predict_proba(X))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for name, problem_ in [
        ("mine", r"holds other files.*'thesis.txt'"),
        ("file", "is a file"),
        ("link", "a file or a link"),
        ("no/b", "does not exist"),
    ]:
        with pytest.raises(InvalidFile, match=problem_):
            first.save(tmp_path / name)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "x"


def test_an_older_bundle_outlives_a_failure(tmp_path):
    X, y = problem()
    fitted = quick(n_folds=1).fit(X, y)
    folder = fitted.save(tmp_path / "b")
    broken = quick(n_folds=1, model=network(Unregistered(1.0)), max_epochs=1).fit(X, y)
    with pytest.raises(InvalidInput, match="cannot be saved"):
        broken.save(folder)
    loaded = eq.MultilabelClassifier.load(folder)
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
    with pytest.raises(InvalidInput, match=r"option cannot be saved: a Random is neither"):
        replace(loaded.bundle_, options={"seed": random.Random()}).save(folder)
    eq.MultilabelClassifier.load(folder)


def test_numbers_of_numpy_in_options_are_numbers(saved, tmp_path):
    bundle = eq.MultilabelClassifier.load(saved[0]).bundle_
    given = {"a": np.float32(0.5), "b": np.array([1, 2]), "c": (np.int8(1), True)}
    folder = replace(bundle, options=given).save(tmp_path / "b")
    assert Bundle.load(folder).options == {"a": 0.5, "b": [1, 2], "c": [1, True]}


def test_checksums_are_those_of_sha256sum(saved):
    folder = saved[0]
    lines = (folder / "SHA256SUMS").read_text().splitlines()
    found = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert set(found) == {path.name for path in folder.iterdir()} - {"SHA256SUMS"}
    for name, digest in found.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_no_row_of_the_training_data_is_in_it(saved):
    folder, fitted = saved
    loaded = eq.MultilabelClassifier.load(folder)
    assert len(fitted.fitted_.held_rows) == 120
    assert loaded.fitted_.held_rows.shape == (0,)
    assert loaded.fitted_.held_scores.shape == (0, 3)

"""Damaged, incomplete, newer and hostile bundles: refused with InvalidFile, or loaded the same."""

import hashlib
import io
import json
import shutil
import sys
import zipfile

import numpy as np
import pytest
from bundle_cases import problem, quick
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import equipoise as eq
from equipoise._errors import EquipoiseError, InvalidFile, MissingDependency
from equipoise.bundle import Bundle

pytestmark = pytest.mark.keras

FILES = ["bundle.json", "preprocessing.npz", "model_0.keras", "SHA256SUMS", "README.md"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    X, y = problem()
    fitted = quick(n_folds=1, max_epochs=1).fit(X, y)
    folder = fitted.save(tmp_path_factory.mktemp("bundles") / "b")
    return folder, fitted.predict_proba(X)


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle[0], tmp_path / "copy")


def loads_the_same_or_is_refused(folder, expected):
    try:
        loaded = eq.MultilabelClassifier.load(folder)
    except InvalidFile:
        return False
    X, _ = problem()
    np.testing.assert_array_equal(loaded.predict_proba(X), expected)
    return True


@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_cut_and_changed_files(bundle, copy, name, data):
    original = (bundle[0] / name).read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    kind = data.draw(st.sampled_from(["cut", "changed", "longer"]))
    damaged = {
        "cut": original[:place],
        "changed": original[:place]
        + bytes([original[place] ^ data.draw(st.integers(1, 255))])
        + original[place + 1 :],
        "longer": original + original[place:],
    }[kind]
    (copy / name).write_bytes(damaged)
    same = loads_the_same_or_is_refused(copy, bundle[1])
    (copy / name).write_bytes(original)
    # The card is for people, who may add to it; of checksums only the last line end can go.
    assert not same or name in ("README.md", "SHA256SUMS")


@pytest.mark.parametrize("name", [*FILES[:-1]])
def test_missing_files_are_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(InvalidFile, match=f"{name}"):
        eq.MultilabelClassifier.load(copy)


def test_the_card_may_be_edited_or_go(copy, bundle):
    with (copy / "README.md").open("a") as card:
        card.write("\nAsk Ada.\n")
    assert loads_the_same_or_is_refused(copy, bundle[1])
    (copy / "README.md").unlink()
    assert loads_the_same_or_is_refused(copy, bundle[1])


def test_what_is_no_bundle(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name in ("empty", "file", "missing", "null\0"):
        with pytest.raises(InvalidFile, match=r"is no bundle|Cannot read"):
            eq.MultilabelClassifier.load(tmp_path / name)


# ------------------------------------------- changed by somebody who also changed the checksums


def rewrite(folder, name, content):
    (folder / name).write_bytes(content)
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256(content).hexdigest()
    lines = [f"{digest}  {name}" if line.endswith(f"  {name}") else line for line in sums]
    if not any(line.endswith(f"  {name}") for line in sums):
        lines.append(f"{digest}  {name}")
    (folder / "SHA256SUMS").write_text("".join(f"{line}\n" for line in lines))


def change(folder, **values):
    manifest = json.loads((folder / "bundle.json").read_text(encoding="utf-8"))
    rewrite(folder, "bundle.json", json.dumps(manifest | values).encode())


def test_a_newer_bundle_says_what_to_do(copy):
    change(copy, schema_version=2)
    with pytest.raises(InvalidFile, match=r"newer equipoise.*pip install --upgrade equipoise"):
        eq.MultilabelClassifier.load(copy)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"kind": "Thresholds"}, "not a saved equipoise bundle"),
        ({"schema_version": "1"}, "no valid `schema_version`"),
        ({"task": "ranking"}, "`task` must be one of"),
        ({"label_names": ["a", "b"]}, "other features or labels"),
        ({"label_names": ["a", "b", "c"]}, "thresholds are for other labels"),
        ({"label_names": ["a", "a", "b"]}, "same name"),
        ({"members": []}, "no network"),
        ({"members": "x"}, "model_0|not complete"),
        ({"n_features": 4}, "other features or labels"),
        ({"classes": {"dtype": "object", "values": [1]}}, "not as many classes"),
        ({"classes": {"dtype": "S4", "values": [1, 2, 3]}}, "must be text or numbers"),
        ({"classes": {"dtype": "nonsense", "values": []}}, "not complete"),
        ({"treatment": {"name": "x", "power": 1}}, "not complete"),
        ({"chain": {}}, "not a saved DecisionChain"),
        ({"columns": [{"name": "a", "kind": "image"}]}, "`kind` must be one of"),
        ({"columns": [{"name": "a"}]}, "not as many columns"),
        ({"encoder": "encoder.skops"}, "encoder.skops"),
    ],
)
def test_a_manifest_that_contradicts_itself(copy, values, message):
    change(copy, **values)
    with pytest.raises(InvalidFile, match=message):
        eq.MultilabelClassifier.load(copy)


def test_every_entry_of_the_manifest_is_needed_or_does_not_matter(copy, bundle):
    text = (copy / "bundle.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    for name in manifest:
        for replaced in (None, {}, "x", -1):
            rewrite(copy, "bundle.json", json.dumps(manifest | {name: replaced}).encode())
            loads_the_same_or_is_refused(copy, bundle[1])
        without = {key: value for key, value in manifest.items() if key != name}
        rewrite(copy, "bundle.json", json.dumps(without).encode())
        if name in ("choice", "bins"):  # older bundles have neither
            loads_the_same_or_is_refused(copy, bundle[1])
            continue
        with pytest.raises(InvalidFile):
            eq.MultilabelClassifier.load(copy)
    for content in (b"", b"[]", b"[" * 100_000, b"\xff", text.encode()[:100]):
        rewrite(copy, "bundle.json", content)
        with pytest.raises(InvalidFile):
            eq.MultilabelClassifier.load(copy)


def test_pickles_are_not_read(copy):
    array = np.array([print], dtype=object)
    buffer = io.BytesIO()
    np.savez(buffer, center_0=array, scale_0=array)
    rewrite(copy, "preprocessing.npz", buffer.getvalue())
    with pytest.raises(InvalidFile, match="preprocessing.npz. is damaged"):
        eq.MultilabelClassifier.load(copy)
    rewrite(copy, "preprocessing.npz", b"nothing")
    with pytest.raises(InvalidFile, match="preprocessing.npz. is damaged"):
        eq.MultilabelClassifier.load(copy)


def test_scalers_that_are_no_numbers(copy):
    for center, scale in ((np.nan, 1.0), (0.0, 0.0), (0.0, np.nan)):
        buffer = io.BytesIO()
        arrays = {"center_0": np.full(5, center), "scale_0": np.full(5, scale)}
        np.savez(buffer, **arrays)
        rewrite(copy, "preprocessing.npz", buffer.getvalue())
        with pytest.raises(InvalidFile, match="not finite"):
            eq.MultilabelClassifier.load(copy)


def test_code_in_a_keras_file_is_not_run(copy):
    import keras

    inputs = keras.layers.Input((5,))
    hidden = keras.layers.Lambda(lambda x: x * 2)(inputs)
    keras.Model(inputs, keras.layers.Dense(3)(hidden)).save(copy / "other.keras")
    rewrite(copy, "model_0.keras", (copy / "other.keras").read_bytes())
    with pytest.raises(InvalidFile, match=r"model_0.keras.*cannot be loaded"):
        eq.MultilabelClassifier.load(copy)


def test_files_inside_a_keras_file_that_are_damaged(copy):
    with zipfile.ZipFile(copy / "model_0.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    rng = np.random.default_rng(0)
    for name in parts:
        for _ in range(6):
            place = int(rng.integers(0, len(parts[name])))
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w") as file:
                for other, content in parts.items():
                    file.writestr(other, content[:place] if other == name else content)
            rewrite(copy, "model_0.keras", buffer.getvalue())
            try:
                eq.MultilabelClassifier.load(copy)
            except InvalidFile:
                continue


# ---------------------------------------------------------------------------------- encoders


def test_an_encoder_of_other_types_is_refused(copy):
    skops = pytest.importorskip("skops.io")

    class Mine:
        pass

    change(copy, encoder="encoder.skops")
    rewrite(copy, "encoder.skops", skops.dumps(Mine()))
    with pytest.raises(InvalidFile, match=r"types that are not trusted.*Mine"):
        Bundle.load(copy)
    rewrite(copy, "encoder.skops", b"PK\x03\x04 nothing")
    with pytest.raises(InvalidFile, match="encoder.skops' cannot be loaded"):
        Bundle.load(copy)


def test_without_skops_the_error_says_how_to_install_it(copy, monkeypatch):
    change(copy, encoder="encoder.skops")
    rewrite(copy, "encoder.skops", b"x")
    monkeypatch.setitem(sys.modules, "skops", None)
    monkeypatch.setitem(sys.modules, "skops.io", None)
    with pytest.raises(MissingDependency, match=r"'skops'.*pip install 'equipoise\[tables\]'"):
        Bundle.load(copy)
    assert issubclass(MissingDependency, EquipoiseError)


def test_a_damaged_encoder_whose_checksum_fits(copy):
    pytest.importorskip("skrub")
    pytest.importorskip("skops")
    import polars as pl

    from equipoise.bundle import _encoder
    from equipoise.readers.tables import table_encoder

    table = pl.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    _encoder.save_encoder(copy, table_encoder().fit(table))
    change(copy, encoder="encoder.skops")
    original = (copy / "encoder.skops").read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(0, len(original), 20).tolist():
        changed = original[:place] + bytes([original[place] ^ 4]) + original[place + 1 :]
        for content in (original[:place], changed):
            rewrite(copy, "encoder.skops", content)
            try:
                encoder = Bundle.load(copy).encoder
            except InvalidFile:
                continue
            assert encoder.transform(table).height == 3

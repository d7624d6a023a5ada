"""What a store keeps, what it finds again, and what it refuses."""

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

from equipoise._errors import EquipoiseWarning, InvalidFile, InvalidInput
from equipoise._store import Store
from equipoise.comparison import _keys, compare
from equipoise.targets import as_targets
from equipoise.training import TREATMENTS, TrainingOptions, Treatment

pytestmark = pytest.mark.keras


class Told(list):
    """Remembers for each finished cell whether it was trained now."""

    def __call__(self, cell, total):
        self.append((cell.fold, cell.treatment, cell.restored))

    @property
    def trained(self):
        return sorted((fold, name) for fold, name, restored in self if not restored)


def run(data, quick, store, treatments=("none", "balanced"), **options):
    told = Told()
    options = {"cv": 2, "options": quick, "store": store, "on_cell": told} | options
    return compare(*data, treatments, **options), told


def test_a_comparison_that_broke_off_goes_on_where_it_was(small, quick, tmp_path, without_seconds):
    whole, _ = run(small, quick, None, cv=3)

    def stop(cell, total):
        done.append(cell)
        if len(done) == 4:
            raise KeyboardInterrupt

    done = []
    with pytest.raises(KeyboardInterrupt):
        run(small, quick, tmp_path / "store", cv=3, on_cell=stop)
    assert len(Store(tmp_path / "store")) == 4
    resumed, told = run(small, quick, tmp_path / "store", cv=3)
    assert len(told) == 6
    assert told.trained == [(2, "balanced"), (2, "none")]
    assert without_seconds(resumed) == without_seconds(whole)
    kept = {(c.fold, c.treatment): c.seconds for c in done}
    assert all(kept.get((c.fold, c.treatment), c.seconds) == c.seconds for c in resumed.cells)


def test_a_changed_plan_trains_only_what_changed(small, quick, tmp_path):
    store = Store(tmp_path / "store")
    X, y = small
    run(small, quick, store)

    def trained(data=small, **options):
        return run(data, options.pop("options", quick), store, **options)[1].trained

    both = [(0, "balanced"), (0, "none"), (1, "balanced"), (1, "none")]
    assert trained() == []
    assert trained(treatments=["none", "zlpr"]) == [(0, "zlpr"), (1, "zlpr")]
    assert trained(treatments=[replace(TREATMENTS["balanced"], name="other name")]) == []
    assert trained(options=replace(quick, max_epochs=3)) == both
    assert trained(random_state=1) == both
    assert trained(min_positives=1) == []  # the same labels are judged
    assert trained(groups=np.arange(60)) == both
    changed = X.copy()
    changed[7, 1] += 1
    assert trained((changed, y)) == both
    flipped = y.copy()
    flipped[7] = 1 - flipped[7]
    assert trained((X, flipped)) == both
    folds = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    assert trained(cv=folds) == both
    assert trained(cv=folds[::-1]) == both  # the seed of a fold is that of its place
    assert trained() == []


def test_the_store_holds_arrays_and_what_made_them(small, quick, tmp_path):
    result, _ = run(small, quick, tmp_path / "store", treatments=["none"])
    store = Store(tmp_path / "store")
    made_by = store.made_by()
    assert {m["backend"] for m in made_by} == {keras.backend.backend()}
    assert "name" not in made_by[0]["treatment"]
    records = [store.get(m) for m in made_by]
    assert all(isinstance(r["per_label"]["f1_tuned"], np.ndarray) for r in records)
    for record in records:
        cell = result.cells[record["fold"]]
        np.testing.assert_array_equal(record["precision"], cell.measured.precision)


def test_a_cell_that_failed_is_tried_again(small, quick, tmp_path):
    weather = {"bad": True}

    def build(n_features, n_labels):
        if weather["bad"] and len(calls) >= 2:
            raise MemoryError
        calls.append(1)
        return keras.Sequential([keras.layers.Input((n_features,)), keras.layers.Dense(n_labels)])

    calls = []
    options = {"build_model": build, "model_name": "linear", "treatments": ["none", "balanced"]}
    first, _ = run(small, quick, tmp_path / "store", **options)
    assert first.failures() == {"none": {1: "MemoryError"}, "balanced": {1: "MemoryError"}}
    weather["bad"] = False
    second, told = run(small, quick, tmp_path / "store", **options)
    assert told.trained == [(1, "balanced"), (1, "none")]
    assert second.failures() == {}
    assert run(small, quick, tmp_path / "store", **options)[1].trained == []
    assert len(run(small, quick, tmp_path / "store", **options | {"model_name": "x"})[1]) == 4


def test_a_model_without_a_name_is_refused(small, quick, tmp_path):
    with pytest.raises(InvalidInput, match="`model_name` is needed"):
        run(small, quick, tmp_path / "store", build_model=lambda n, m: None)


def test_encoders_are_told_apart(small, tmp_path):
    X, y = small
    frames = [pd.DataFrame(X, columns=list("abc")), pl.DataFrame(X, schema=list("abc"))]
    targets = as_targets(y)

    def key(encoder, frame):
        judged = np.ones(2, dtype=bool)
        return _keys.shared_parts(frame, targets, None, judged, encoder, None, TrainingOptions())

    for frame in frames:
        one = key(MinMaxScaler(), frame)
        assert one == key(MinMaxScaler(), frame)
        assert one != key(MinMaxScaler(feature_range=(0, 2)), frame)
        assert one != key(MinMaxScaler(), frame[["b", "a", "c"]])
    text = pl.DataFrame({"a": ["x", None]})
    assert key(None, text) != key(None, pl.DataFrame({"a": ["x", "None"]}))
    rows = sparse.csr_array(X * (X > 0))
    assert key(None, rows) == key(None, rows.tocoo().tocsr())
    assert key(None, rows) != key(None, sparse.csr_array(X * (X > 0.1)))
    with pytest.raises(InvalidInput, match="settings can be told"):
        compare(
            frames[0], y, ["none"], encoder=FunctionTransformer(lambda x: x), store=tmp_path / "s"
        )


def test_options_that_are_arrays_make_the_same_key_as_lists():
    one, other = (
        Treatment("p", loss="LogitAdjustedBinaryCrossentropy", loss_options={"prevalence": p})
        for p in ([0.1, 0.2], np.array([0.1, 0.2]))
    )
    assert _keys.parts_of_treatment(one) == _keys.parts_of_treatment(other)


def test_a_damaged_store_is_named(small, quick, tmp_path):
    path = tmp_path / "store"
    run(small, quick, path, treatments=["none"])
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE records SET payload = zeroblob(9)")
    connection.close()
    with pytest.raises(InvalidFile, match="'.*store' is damaged: a record does not match"):
        run(small, quick, path, treatments=["none"])
    path.write_bytes(b"SQLite format 3\0" + b"\7" * 4000)
    with pytest.raises(InvalidFile, match="store' is damaged"):
        run(small, quick, path)
    path.write_text("not a store")
    with pytest.raises(InvalidFile, match="store' is damaged"):
        run(small, quick, path)
    with pytest.raises(InvalidFile, match="does not exist"):
        run(small, quick, tmp_path / "nowhere" / "store")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(small, quick, tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InvalidFile, match="may not be written to"):
            run(small, quick, tmp_path / "store")
    finally:
        tmp_path.chmod(0o700)


def test_a_store_that_breaks_on_the_way_costs_a_warning_and_no_figure(
    small, quick, tmp_path, without_seconds
):
    whole, _ = run(small, quick, None)
    path = tmp_path / "store"

    def lose(cell, total):
        if len(done) == 0:
            path.write_bytes(b"\7" * 5000)
        done.append(cell)

    done = []
    with pytest.warns(EquipoiseWarning, match="store' is damaged.*The comparison goes on") as told:
        result, _ = run(small, quick, path, on_cell=lose)
    assert sum(issubclass(w.category, EquipoiseWarning) for w in told) == 1
    assert without_seconds(result) == without_seconds(whole)


SCRIPT = textwrap.dedent("""
    import sys, json, warnings
    import numpy as np
    from equipoise.comparison import compare
    from equipoise.training import TrainingOptions
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    y = (X[:, :2] + rng.normal(size=(60, 2)) > 0.3).astype(int)
    quick = TrainingOptions(max_epochs=2, hidden_units=4, batch_size=16)
    def limited(cell, total):
        if sys.argv[2:] == ["full"]:
            import resource, os
            size = os.path.getsize(sys.argv[1])
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = compare(X, y, ["none", "balanced"], cv=2, options=quick, store=sys.argv[1],
                         on_cell=limited)
    rows = [{**row, "seconds": 0} for row in result.to_dict()["cells"]]
    told = [str(w.message) for w in caught if "goes on" in str(w.message)]
    print(json.dumps([rows, told]))
""")


def start(path, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finished(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def test_two_processes_on_one_store_and_a_full_disk(tmp_path):
    """On a full disk (here a limit on the size of files) the table is whole, and one is told."""
    running = [start(tmp_path / "store") for _ in range(2)]
    full = start(tmp_path / "full", "full")
    (one, no_warning), (other, _) = map(finished, running)
    assert one == other
    assert no_warning == []
    store = Store(tmp_path / "store")
    assert len(store) == 4
    assert all(store.get(made_by)["error"] is None for made_by in store.made_by())
    rows, told = finished(full)
    assert rows == one
    assert len(told) == 1
    assert "full disk" in told[0]
    assert 1 <= len(Store(tmp_path / "full")) < 4

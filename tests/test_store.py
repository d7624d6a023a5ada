"""Store: records survive, damage is named, many processes may write."""

import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise._errors import InvalidFile, InvalidInput
from equipoise._store import Store

plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(), plain, max_size=4))
def test_plain_values_come_back(tmp_path_factory, payload):
    store = Store(tmp_path_factory.mktemp("store") / "s.sqlite")
    store.put({"a": 1}, payload)
    assert repr(store.get({"a": 1})) == repr(payload)


def test_arrays_come_back_with_their_dtype(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    arrays = {
        "f": np.array([1.5, np.nan, -np.inf]),
        "nested": [{"b": np.zeros((0, 3), dtype=np.uint8)}, np.array(["ü", "a"])],
        "scalar": np.float32(0.5),
    }
    store.put({}, arrays)
    again = Store(tmp_path / "s.sqlite").get({})
    np.testing.assert_array_equal(again["f"], arrays["f"])
    assert again["nested"][0]["b"].shape == (0, 3)
    assert again["nested"][0]["b"].dtype == np.uint8
    assert again["nested"][1].tolist() == ["ü", "a"]
    assert again["scalar"] == 0.5


def test_a_record_is_found_by_what_made_it_in_any_order(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    made_by = {"fold": 1, "treatment": {"name": "none", "options": [1, 2]}}
    store.put(made_by, {"x": 1})
    assert made_by in store
    assert store.get({"treatment": {"options": [1, 2], "name": "none"}, "fold": 1}) == {"x": 1}
    for other in ({"fold": 2}, {**made_by, "fold": 1.5}, {}):
        assert store.get(other) is None
        assert other not in store
    store.put(made_by, {"x": 2})
    assert (len(store), store.get(made_by), store.made_by()) == (1, {"x": 2}, [made_by])


def test_what_cannot_be_kept_is_refused(tmp_path):
    store = Store(tmp_path / "s.sqlite")
    with pytest.raises(InvalidInput, match="Arrays of objects"):
        store.put({}, {"a": np.array([{}])})
    for made_by in ({"a": np.zeros(2)}, {"a": float("nan")}):
        with pytest.raises(InvalidInput, match="plain values"):
            store.put(made_by, {})
    assert len(store) == 0


@pytest.mark.parametrize("at", [0, 30, 2000, 5000])
def test_damage_is_named_and_never_a_wrong_record(tmp_path, at):
    path = tmp_path / "s.sqlite"
    store = Store(path)
    for i in range(8):
        store.put({"i": i}, {"a": np.full(200, i / 7)})
    content = bytearray(path.read_bytes())
    content[at : at + 600] = b"\xaa" * min(600, len(content) - at)
    path.write_bytes(bytes(content))
    assert _read_all(path) in ("right or missing", "told")


def _read_all(path):
    """Reads every record of the damaged store; a wrong one fails the test."""
    try:
        damaged = Store(path)
        records = [damaged.get({"i": i}) for i in range(8)]
    except InvalidFile:
        return "told"
    for i, record in enumerate(records):
        assert record is None or (record["a"] == i / 7).all()
    return "right or missing"


def test_a_changed_record_is_noticed(tmp_path):
    path = tmp_path / "s.sqlite"
    Store(path).put({}, {"a": 1})
    connection = sqlite3.connect(path)
    connection.execute("UPDATE records SET payload = payload || x'00'")
    connection.commit()
    connection.close()
    with pytest.raises(InvalidFile, match="does not match its checksum"):
        Store(path).get({})


def test_files_that_are_no_store_are_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be read as a header of one" * 20)
    with pytest.raises(InvalidFile, match="is damaged: file is not a database"):
        Store(text)
    assert text.read_text().startswith("not a database")
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    with pytest.raises(InvalidFile, match="not a store of equipoise"):
        Store(other)
    newer = tmp_path / "newer.sqlite"
    Store(newer)
    connection = sqlite3.connect(newer)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(InvalidFile, match="newer equipoise"):
        Store(newer)
    with pytest.raises(InvalidFile, match="does not exist"):
        Store(tmp_path / "missing" / "s.sqlite")
    with pytest.raises(InvalidFile, match="is a folder"):
        Store(tmp_path)


def test_a_full_disk_is_told_and_leaves_the_store_whole(tmp_path):
    path = tmp_path / "s.sqlite"
    store = Store(path)
    store.put({"i": 0}, {"a": 1})
    code = (
        "import resource, signal, sys; import numpy as np; from equipoise._store import Store;"
        "from equipoise._errors import InvalidFile;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000));"
        f"s = Store({str(path)!r});\n"
        "try: s.put({'i': 1}, {'a': np.random.default_rng(0).random(100_000)})\n"
        "except InvalidFile as e: print('told', e)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout.startswith("told"), run.stderr
    again = Store(path)
    assert again.get({"i": 0}) == {"a": 1}
    assert {"i": 1} not in again


_WRITER = """
import sys
from equipoise._store import Store
store = Store(sys.argv[1])
for i in range(int(sys.argv[2]), int(sys.argv[3])):
    store.put({"i": i}, {"value": i * i})
    print(i, flush=True)
"""


def test_two_processes_write_one_store(tmp_path):
    path = tmp_path / "s.sqlite"
    ranges = [("0", "25"), ("25", "50")]
    processes = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(path), *r], stdout=subprocess.DEVNULL)
        for r in ranges
    ]
    assert [p.wait(timeout=60) for p in processes] == [0, 0]
    store = Store(path)
    assert len(store) == 50
    assert all(store.get({"i": i}) == {"value": i * i} for i in range(50))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no SIGKILL on this system")
def test_a_killed_writer_loses_nothing_that_it_had_finished(tmp_path):
    path = tmp_path / "s.sqlite"
    rng = np.random.default_rng(0)
    for _ in range(3):
        command = [sys.executable, "-c", _WRITER, str(path), "0", "100000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            process.stdout.readline()
            time.sleep(float(rng.uniform(0.05, 0.3)))
            os.kill(process.pid, signal.SIGKILL)
            done = [int(line) for line in process.stdout.read().split()]
        store = Store(path)
        assert all(store.get({"i": i}) == {"value": i * i} for i in [0, *done])


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", object()])
def test_values_that_cannot_be_kept_are_refused(tmp_path, value):
    store = Store(tmp_path / "work.sqlite")
    with pytest.raises(InvalidInput, match="plain values and arrays"):
        store.put({"fold": 1}, {"value": [value]})
    assert len(store) == 0


def test_keys_that_are_the_same_as_text_are_refused(tmp_path):
    with pytest.raises(InvalidInput, match="same as text"):
        Store(tmp_path / "work.sqlite").put({"fold": 1}, {"x": {1: 2, "1": 3}})

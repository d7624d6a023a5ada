import csv
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import sparse

from equipoise._errors import InvalidInput, Undefined
from equipoise.readers import read
from equipoise.stats import LabelStats

SETS = ("emotions", "scene", "yeast", "birds", "genbase", "medical", "enron", "slashdot", "bibtex")

cells = st.sampled_from([0.0, 1.0, np.nan])
matrices = hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=cells)


def load(real_data, name):
    files = sorted((real_data / name).glob("*.arff"))
    return read(files, labels=next((real_data / name).glob("*.xml")))


@pytest.mark.parametrize("name", SETS)
def test_measures_equal_the_published_ones(real_data, name):
    data = load(real_data, name)
    published = json.loads((real_data / "published" / "measures.json").read_text())[name]
    stats = LabelStats.from_targets(data.targets, n_features=data.n_attributes)
    with_absent = LabelStats.from_targets(data.targets, absent="zero")
    measured = {
        "n": stats.n_rows,
        "L": stats.n_labels,
        "card": stats.cardinality,
        "dens": stats.density,
        "MeanIR_pos": stats.mean_ir,
        "MeanIR_mldr": with_absent.mean_ir,
        "MaxIR": stats.max_ir,
        "CVIR": stats.cvir,
        "SCUMBLE": stats.scumble,
        "labelsets": stats.n_labelsets,
        "Pmin": stats.p_min,
        "TCS": stats.tcs,
        "zero": len(stats.absent_labels),
    }
    assert measured == pytest.approx({key: published[key] for key in measured}, rel=1e-12)


@pytest.mark.parametrize("name", ["emotions", "birds", "genbase", "medical", "slashdot"])
def test_measures_per_label_equal_the_published_ones(real_data, name):
    stats = LabelStats.from_targets(load(real_data, name).targets)
    with (real_data / "published" / f"labels_{name}.csv").open(encoding="utf-8") as file:
        rows = {row[""]: row for row in csv.DictReader(file)}
    assert len(rows) == stats.n_labels
    for i, label in enumerate(stats.label_names):
        row = rows[label]
        assert stats.positives[i] == int(row["count"])
        assert stats.irlbl[i] == pytest.approx(float(row["IRLbl"]), rel=1e-8)
        # The published table leaves SCUMBLE empty for a label without any positive.
        assert stats.scumble_per_label[i] == pytest.approx(float(row["SCUMBLE"] or 0), abs=1e-9)


def test_hand_computed_scumble():
    # Counts 4, 2, 1 -> irlbl 1, 2, 4. Rows: {0,1}, {0,2}, {0}, {0}, {1}, {}.
    y = [[1, 1, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 0]]
    stats = LabelStats.from_targets(y)
    first, second = 1 - np.sqrt(2) / 1.5, 1 - np.sqrt(4) / 2.5
    assert stats.scumble == pytest.approx((first + second) / 6)
    assert stats.scumble_per_label == pytest.approx([(first + second) / 4, first / 2, second])


def brute_force(y):
    known = ~np.isnan(y)
    return (y == 1).sum(0), (y == 0).sum(0), (~known).sum(0)


@given(matrices)
def test_counts_by_brute_force_for_every_form(y):
    positives, negatives, unknown = brute_force(y)
    frame = pd.DataFrame(y, columns=[f"label_{i}" for i in range(y.shape[1])])
    arrow = pl.from_pandas(frame, nan_to_null=True)
    for stats in (
        LabelStats.from_targets(y),
        LabelStats.from_targets(sparse.csr_array(y)),
        LabelStats.from_table(arrow),
        LabelStats.from_table(arrow.lazy()),
    ):
        np.testing.assert_array_equal(stats.positives, positives)
        np.testing.assert_array_equal(stats.negatives, negatives)
        np.testing.assert_array_equal(stats.unknown, unknown)
        assert stats.n_rows == len(y)
        assert np.isfinite(stats.prevalence).all()
        assert np.isfinite(stats.irlbl).all()
        assert np.isfinite([stats.mean_ir, stats.max_ir, stats.cvir, stats.cardinality]).all()


@given(matrices, st.data())
def test_streamed_and_merged_equal_whole(y, data):
    cut = data.draw(st.integers(0, len(y)))
    whole = LabelStats.from_targets(y)
    streamed = LabelStats.from_batches([y[:cut], y[cut:]])
    merged = LabelStats.from_targets(y[cut:]).merge(LabelStats.from_targets(y[:cut]))
    restored = LabelStats.from_dict(json.loads(json.dumps(whole.to_dict())))
    for stats in (streamed, merged, restored):
        np.testing.assert_array_equal(stats.positives, whole.positives)
        np.testing.assert_array_equal(stats.unknown, whole.unknown)
        assert stats.labelsets == whole.labelsets
        assert (stats.p_min, stats.n_rows) == (whole.p_min, whole.n_rows)
        assert stats.scumble == pytest.approx(whole.scumble, abs=1e-12)


@given(matrices, st.randoms())
def test_measures_do_not_depend_on_the_order_of_labels(y, random):
    order = list(range(y.shape[1]))
    random.shuffle(order)
    a, b = LabelStats.from_targets(y), LabelStats.from_targets(y[:, order])
    for measure in ("mean_ir", "max_ir", "cvir", "scumble", "p_min", "n_labelsets", "cardinality"):
        assert getattr(a, measure) == pytest.approx(getattr(b, measure), abs=1e-12)
    assert b.scumble_per_label == pytest.approx(a.scumble_per_label[order], abs=1e-12)


def test_many_rows_count_alike_dense_and_sparse():
    y = np.random.default_rng(0).random((1003, 7)) < 0.9
    expected = y.sum(0)
    for form in (y, y.astype(np.float32), np.asfortranarray(y.astype(np.uint8)), y[::-1]):
        np.testing.assert_array_equal(LabelStats.from_targets(form).positives, expected)


@given(matrices)
def test_cooccurrence_by_brute_force(y):
    together = LabelStats.from_targets(y).cooccurrence().toarray()
    has = y == 1
    for i in range(y.shape[1]):
        for j in range(y.shape[1]):
            assert together[i, j] == (has[:, i] & has[:, j]).sum()


def test_rows_without_labels_and_absent_labels_are_ordinary():
    stats = LabelStats.from_targets(np.zeros((5, 3), dtype=int), n_features=2)
    assert stats.absent_labels == ("label_0", "label_1", "label_2")
    assert (stats.mean_ir, stats.max_ir, stats.scumble, stats.n_labelsets) == (0, 0, 0, 1)
    assert stats.tcs == pytest.approx(np.log(6))
    mixed = LabelStats.from_targets([[1, 0], [1, 0]])
    assert (mixed.mean_ir, mixed.irlbl.tolist()) == (1.0, [1.0, 0.0])
    assert LabelStats.from_targets([[1, 0], [1, 0]], absent="zero").mean_ir == 0.5


def test_rows_of_which_nothing_is_known_are_in_no_measure():
    y = np.array([[1.0, 0.0], [np.nan, np.nan], [np.nan, 1.0]])
    stats = LabelStats.from_targets(y)
    assert stats.n_labelsets == 2
    assert stats.p_min == 1.0
    assert stats.prevalence.tolist() == [1.0, 0.5]


def test_to_frame_has_one_row_per_label():
    frame = LabelStats.from_targets([[1, 0], [1, 1]]).to_frame()
    assert isinstance(frame, pl.DataFrame)
    assert frame["positives"].to_list() == [2, 1]
    assert isinstance(LabelStats.from_targets([[1, 0]]).to_frame("pandas"), pd.DataFrame)


def test_wrong_use_says_what_is_wrong():
    stats = LabelStats.from_targets([[1, 0]])
    with pytest.raises(InvalidInput, match="other labels than these statistics"):
        stats.update([[1, 0, 1]])
    with pytest.raises(InvalidInput, match="other labels"):
        stats.merge(LabelStats.from_targets([[1, 0]], label_names=["a", "b"]))
    with pytest.raises(InvalidInput, match="held no batch"):
        LabelStats.from_batches([])
    with pytest.raises(Undefined, match=r"n_features=X.shape\[1\]"):
        _ = stats.tcs
    counts_only = LabelStats.from_targets([[1, 0]], labelsets=False)
    with pytest.raises(Undefined, match="labelsets=True"):
        _ = counts_only.scumble
    with pytest.raises(InvalidInput, match="no column 'lab_c'.*Did you mean 'lab_a'"):
        LabelStats.from_table(pl.DataFrame({"lab_a": [0]}), labels=["lab_c"])
    with pytest.raises(InvalidInput, match="other than 0, 1 and null.*1 such rows"):
        LabelStats.from_table(pl.DataFrame({"a": [0, 3]}))
    with pytest.raises(InvalidInput, match="newer equipoise"):
        LabelStats.from_dict({**stats.to_dict(), "schema_version": 99})
    with pytest.raises(InvalidInput, match="not a saved LabelStats"):
        LabelStats.from_dict({"kind": "LabelWeights"})
    with pytest.raises(InvalidInput, match="`absent` must be one of"):
        LabelStats.from_targets([[1]], absent="drop")

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from equipoise._errors import InvalidInput
from equipoise.model_selection import MultilabelStratifiedKFold, split_report


def label_distribution(y, parts):
    """LD from its definition, cell by cell."""
    n_rows, n_labels = len(y), len(y[0])
    total = 0.0
    for label in range(n_labels):
        d = sum(row[label] for row in y)
        for part in parts:
            s = sum(y[i][label] for i in part)
            if d < n_rows:
                total += abs(s / max(len(part) - s, 1) - d / (n_rows - d))
    return total / n_labels / len(parts)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_measures_follow_their_definitions(data):
    n_rows, n_labels = data.draw(st.integers(2, 12)), data.draw(st.integers(1, 5))
    cells = st.lists(st.integers(0, 1), min_size=n_labels, max_size=n_labels)
    y = data.draw(st.lists(cells, min_size=n_rows, max_size=n_rows))
    cut = data.draw(st.integers(1, n_rows - 1))
    rows = data.draw(st.permutations(range(n_rows)))
    parts = [rows[:cut], rows[cut:]]
    report = split_report(np.array(y), parts)
    assert_allclose(report["label_distribution"], label_distribution(y, parts))
    assert report["sizes"] == [cut, n_rows - cut]
    assert report["examples_distribution"] == abs(cut - n_rows / 2)
    empty = [(j, f) for j in range(n_labels) for f in (0, 1) if not any(y[i][j] for i in parts[f])]
    assert report["empty_cells"] == len(empty)
    assert {(m["label"], f) for m in report["missing"] for f in m["parts"]} == {
        (f"label_{j}", f) for j, f in empty
    }


def test_by_hand():
    y = [{"a", "b"}, {"a"}, {"a"}, set()]
    report = split_report(y, [[0, 3], [1, 2]], shares=[1, 3])
    # a: |1/1 − 3/1| and |2/1 (no row without it counts as one) − 3/1|; b: |1/1 − 1/3|, |0 − 1/3|
    assert report["label_distribution"] == pytest.approx((2 + 1 + 2 / 3 + 1 / 3) / 4)
    assert report["examples_distribution"] == 1.0
    assert report["missing"] == [{"label": "b", "positives": 1, "parts": [1]}]
    assert json.loads(json.dumps(report)) == report


def test_pairs_are_judged_by_their_test_rows():
    y = np.eye(6, 3)
    splits = list(MultilabelStratifiedKFold(3, random_state=0).split(None, y))
    assert split_report(y, splits) == split_report(y, [test for _, test in splits])


def test_a_pair_of_parts_is_not_a_split():
    y = np.eye(4, 2)
    train, test = np.array([0, 1]), np.array([2, 3])
    assert split_report(y, [train, test])["n_parts"] == 2
    assert split_report(y, [(train, test)])["n_parts"] == 1


def test_masks_are_parts():
    mask = np.array([True, False, True])
    assert split_report([[1], [0], [0]], [mask, ~mask])["sizes"] == [2, 1]


def test_labels_without_positives_or_negatives_stay_finite():
    y = np.array([[1, 0], [1, 0], [1, 0]])
    report = split_report(y, [[0], [1, 2]])
    assert report["label_distribution"] == 0.0
    assert report["missing"] == [{"label": "label_1", "positives": 0, "parts": [0, 1]}]


@pytest.mark.parametrize(
    ("splits", "options", "message"),
    [
        ([], {}, "`splits` holds no split"),
        ([[0], []], {}, "Part 1 of `splits` must hold row indices between 0 and 3"),
        ([[0, 4]], {}, "Part 0 of `splits` must hold row indices"),
        ([[-1]], {}, "Part 0 of `splits` must hold row indices"),
        ([[0.5]], {}, "Part 0 of `splits` must hold row indices"),
        ([np.zeros(4, bool)], {}, "Part 0 of `splits` must hold row indices"),
        ([[0], [1]], {"shares": [1.0]}, "`shares` must hold one positive number"),
        ([[0], [1]], {"shares": [1.0, 0.0]}, "`shares` must hold one positive number"),
        ([[0], [1]], {"shares": [1.0, np.nan]}, "`shares` must hold one positive number"),
        ([[0], [1]], {"shares": "ab"}, "`shares` must hold one positive number"),
    ],
)
def test_refuses(splits, options, message):
    with pytest.raises(InvalidInput, match=message):
        split_report(np.eye(4), splits, **options)

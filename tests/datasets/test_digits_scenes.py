"""Scenes of digits: frequencies as asked for, groups that share no image, the same every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise import LabelStats
from equipoise._errors import InvalidInput
from equipoise.datasets import digits_scenes
from equipoise.datasets.digits_scenes import _Images


def test_what_it_is_by_default():
    d = digits_scenes()
    s = LabelStats.from_targets(d.targets, n_features=d.n_attributes)
    assert d.x.shape == (2000, 336)
    assert d.x.dtype == np.float32
    assert np.isfinite(d.x).all()
    assert len(d.feature_names) == len(set(d.feature_names)) == d.n_attributes == 336
    assert d.targets.label_names == tuple(f"digit_{i}" for i in range(10))
    assert len(np.unique(d.groups)) == 40
    assert (np.diff(s.positives) < 0).all()
    assert 15 < s.max_ir < 25
    sizes = d.targets.values.sum(axis=1)
    np.testing.assert_array_equal(np.bincount(sizes), [1200, 400, 240, 160])


@settings(max_examples=20, deadline=None)
@given(
    n_rows=st.integers(300, 900),
    unlabelled=st.floats(0, 0.7),
    imbalance=st.floats(1, 25),
    seed=st.integers(0, 9),
)
def test_frequencies_are_as_asked_for(n_rows, unlabelled, imbalance, seed):
    d = digits_scenes(n_rows, unlabelled=unlabelled, imbalance=imbalance, random_state=seed)
    positives = d.targets.values.sum(axis=0).astype(float)
    labelled = np.count_nonzero(d.targets.values.sum(axis=1))
    assert labelled == n_rows - round(unlabelled * n_rows)
    share = imbalance ** -(np.arange(10) / 9)
    np.testing.assert_allclose(positives, positives.sum() * share / share.sum(), atol=1.01)


def test_the_same_arguments_give_the_same_arrays():
    a, b, c = digits_scenes(300), digits_scenes(300), digits_scenes(300, random_state=1)
    np.testing.assert_array_equal(a.x, b.x)
    np.testing.assert_array_equal(a.targets.values, b.targets.values)
    np.testing.assert_array_equal(a.groups, b.groups)
    assert not np.array_equal(a.x, c.x)
    before = np.random.get_state()[1].copy()  # noqa: NPY002 (that it is left alone)
    digits_scenes(300)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_scenes_of_a_group_hold_images_of_its_block_only():
    d = digits_scenes(400, noise=0.0, clutter=0, imbalance=2, canvas=(8, 24), random_state=3)
    images = _Images.load(40)
    scenes = d.x.reshape(-1, 8, 24)
    for scene, group, labels in zip(scenes, d.groups, d.targets.values, strict=True):
        inked = [
            scene[:, left : left + 8] for left in (0, 8, 16) if scene[:, left : left + 8].any()
        ]
        assert len(inked) == labels.sum()
        found = set()
        for piece in inked:  # a digit is an image of the block, of some darkness
            for digit in np.flatnonzero(labels):
                start = images.starts[group, digit]
                pixels = images.pixels[start : start + images.counts[group, digit]].reshape(-1, 64)
                ink = piece.max() / pixels.max(axis=1, keepdims=True)
                if np.isclose(pixels * ink, piece.reshape(1, 64), atol=1e-5).all(axis=1).any():
                    found.add(int(digit))
        assert found == set(np.flatnonzero(labels).tolist())


def test_blocks_of_images_are_disjoint_and_complete():
    images = _Images.load(40)
    assert images.counts.sum() == 1797
    assert images.counts.min() >= 1
    np.testing.assert_array_equal(
        images.starts.reshape(-1), np.concatenate([[0], np.cumsum(images.counts)[:-1]])
    )


def test_clutter_and_jitter_change_the_scenes_but_not_the_labels():
    plain = digits_scenes(300, noise=0.0, clutter=0)
    empty = plain.targets.values.sum(axis=1) == 0
    assert not plain.x[empty].any()
    cluttered = digits_scenes(300, noise=0.0, clutter=3)
    assert cluttered.x[cluttered.targets.values.sum(axis=1) == 0].any(axis=1).mean() > 0.7
    assert digits_scenes(300, jitter=20).x.shape == plain.x.shape
    wide = digits_scenes(300, canvas=(16, 40))
    assert wide.x.shape == (300, 640)


def test_a_linear_model_learns_it_but_not_well():
    from sklearn.linear_model import RidgeClassifier
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import GroupShuffleSplit

    d = digits_scenes()
    train, test = next(
        GroupShuffleSplit(1, test_size=0.3, random_state=0).split(d.x, groups=d.groups)
    )
    y = d.targets.values.astype(int)
    score = RidgeClassifier(alpha=30).fit(d.x[train], y[train]).decision_function(d.x[test])
    precision = average_precision_score(y[test], score, average="macro")
    assert 4 * y.mean() < precision < 0.9


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"n_rows": 0}, "`n_rows` must be a whole number of at least 1"),
        ({"n_rows": 20}, "too few scenes with digits for every digit to occur.*Raise `n_rows`"),
        ({"imbalance": 1e6}, "too few scenes"),
        ({"imbalance": 0.5}, "`imbalance` must be a number in"),
        ({"unlabelled": 1.0}, "`unlabelled` must be a number in"),
        ({"unlabelled": float("nan")}, "`unlabelled` must be a number in"),
        ({"canvas": 16}, r"`canvas` must be \(height, width\)"),
        ({"canvas": (7, 24)}, r"`canvas\[0\]` must be a whole number of at least 8"),
        ({"canvas": (8, 23)}, r"`canvas\[1\]` must be a whole number of at least 24"),
        ({"noise": -1}, "`noise` must be a number in"),
        ({"clutter": -1}, "`clutter` must be a whole number"),
        ({"jitter": 0.5}, "`jitter` must be a whole number"),
        ({"n_groups": 0}, "`n_groups` must be a whole number"),
        ({"n_groups": 62}, "some block of images lacks a digit.*at most 61"),
        ({"random_state": None}, "`random_state` must be a whole number"),
    ],
)
def test_arguments_out_of_range(options, problem):
    with pytest.raises(InvalidInput, match=problem):
        digits_scenes(**options)

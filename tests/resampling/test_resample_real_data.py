from functools import cache

import numpy as np
import pytest

from equipoise import LabelStats, readers
from equipoise._errors import EquipoiseWarning
from equipoise.resampling import (
    LPROS,
    LPRUS,
    MLROS,
    MLRUS,
    MLSMOTE,
    MLSOL,
    MLTL,
    MLUL,
    REMEDIAL,
    MLeNN,
)


@cache
def load(folder):
    labels = next(folder.glob("*.xml"))
    return readers.read(sorted(folder.glob("*.arff")), labels=labels)


# MeanIR after ML-ROS over five seeds, by an independent program.
@pytest.mark.parametrize(
    ("name", "percentage", "threshold", "expected"),
    [
        ("yeast", 10, "static", 3.928),
        ("yeast", 10, "recomputed", 3.989),
        ("yeast", 25, "static", 3.755),
        ("yeast", 25, "recomputed", 3.368),
        ("enron", 10, "static", 33.29),
        ("enron", 10, "recomputed", 27.33),
        ("enron", 25, "static", 33.29),
        ("enron", 25, "recomputed", 22.06),
    ],
)
def test_mean_ratios_after_cloning(real_data, name, percentage, threshold, expected):
    data = load(real_data / name)
    after = []
    for seed in range(20):
        sampler = MLROS(percentage=percentage, threshold=threshold, random_state=seed)
        y = sampler.fit_resample(data.x, data.targets)[1]
        after.append(LabelStats.from_targets(y, labelsets=False).mean_ir)
    # A mean of five seeds beside a mean of twenty: within three standard errors of their spread.
    assert abs(np.mean(after) - expected) < 3 * np.std(after, ddof=1) * np.sqrt(1 / 5 + 1 / 20)


@pytest.mark.parametrize(
    ("name", "n_rows", "before", "after", "empty"),
    [("yeast", 3234, 0.1044, 0.0645, 612), ("enron", 2547, 0.3028, 0.1929, None)],
)
def test_remedial_gives_the_published_rows_and_scumble(
    real_data, name, n_rows, before, after, empty
):
    data = load(real_data / name)
    sampler = REMEDIAL()
    x, y = sampler.fit_resample(data.x, data.targets)
    assert y.n_rows == x.shape[0] == n_rows
    old, new = LabelStats.from_targets(data.targets), LabelStats.from_targets(y)
    assert round(old.scumble, 4) == before
    assert round(new.scumble, 4) == after
    assert new.mean_ir == old.mean_ir
    assert new.cvir == old.cvir
    np.testing.assert_array_equal(new.positives, old.positives)
    assert empty in (None, sampler.n_unlabelled_)


@pytest.mark.parametrize("name", ["emotions", "yeast", "enron", "genbase"])
@pytest.mark.filterwarnings("ignore::equipoise._errors.EquipoiseWarning")
def test_every_resampler_works_on_real_data(real_data, name):
    data = load(real_data / name)
    before = LabelStats.from_targets(data.targets)
    n = data.n_rows
    for sampler in (
        LPROS(random_state=0),
        LPRUS(random_state=0),
        MLROS(random_state=0),
        MLRUS(random_state=0),
        MLSMOTE(random_state=0),
        MLSOL(random_state=0),
        MLTL(),
        MLUL(random_state=0),
        MLeNN(),
        REMEDIAL(then=MLSMOTE(random_state=0)),
    ):
        x, y = sampler.fit_resample(data.x, data.targets)
        assert x.shape[0] == y.n_rows == len(sampler.sample_indices_)
        after = LabelStats.from_targets(y)
        rates = sampler.sampling_rates_
        np.testing.assert_allclose(rates.positives * before.positives, after.positives)
        if isinstance(sampler, MLROS):
            assert after.mean_ir < before.mean_ir or after.n_rows == n


def test_a_label_with_one_positive_is_named(real_data):
    data = load(real_data / "enron")
    with pytest.warns(EquipoiseWarning, match="cannot be improved, for they have one positive"):
        MLSMOTE(random_state=0).fit(data.x, data.targets)

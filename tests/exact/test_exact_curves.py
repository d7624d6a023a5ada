import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import precision_recall_curve

from equipoise import exact
from equipoise._errors import InvalidInput

RECALLS = [0.0, 0.1, 0.5, 0.75, 1.0]


@given(
    y=hnp.arrays(np.int8, 12, elements=st.integers(0, 1)),
    s=hnp.arrays(np.float64, 12, elements=st.sampled_from([0.1, 0.2, 0.5, 0.7, 0.9])),
)
def test_by_scikit_learns_curve(y, s):
    ours = exact.precision_at_recall(y, s, RECALLS)
    if not y.any():
        assert np.isnan(ours).all()
        return
    precision, recall, _ = precision_recall_curve(y, s)
    precision, recall = precision[:-1], recall[:-1]  # its last point is no threshold
    expected = [precision[recall >= r - 1e-9].max() for r in RECALLS]
    np.testing.assert_allclose(ours, expected, rtol=1e-12)


def test_averages():
    rng = np.random.default_rng(0)
    y, s = (rng.random((80, 3)) < [0.5, 0.2, 0.0]).astype(int), rng.random((80, 3))
    per_label = exact.precision_at_recall(y, s, RECALLS, average=None)
    assert per_label.shape == (3, 5)
    assert np.isnan(per_label[2]).all()
    macro = exact.precision_at_recall(y, s, RECALLS)
    np.testing.assert_allclose(macro, per_label[:2].mean(axis=0))
    micro = exact.precision_at_recall(y, s, RECALLS, average="micro")
    np.testing.assert_allclose(micro, exact.precision_at_recall(y.ravel(), s.ravel(), RECALLS))
    assert (np.diff(micro) <= 1e-12).all()
    assert micro[-1] >= y.mean() - 1e-12


def test_wrong_recalls_are_refused():
    for recalls in ([1.5], [[0.5]], [np.nan]):
        with pytest.raises(InvalidInput, match="numbers from 0 to 1"):
            exact.precision_at_recall([1, 0], [0.2, 0.1], recalls)

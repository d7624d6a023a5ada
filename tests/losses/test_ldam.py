import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from loss_helpers import cells_of, number, reference_cells

from equipoise import LabelStats, LabelWeights
from equipoise._errors import InvalidInput
from equipoise.losses import LDAM
from equipoise.losses.ldam import ldam_margins

pytestmark = pytest.mark.keras


def test_hand_computed_number():
    # Margins of n = 16 and 256: (1/16)^¼ = ½ of the largest, .5, is .25.
    loss = LDAM(prevalence=[0.01, 0.16], scale=2.0, from_logits=True, reduction="none")
    assert loss.margins == pytest.approx([0.5, 0.25])
    cells = cells_of(loss, [[1.0, 0.0]], np.array([[1.0, 0.25]], dtype="float32"))
    np.testing.assert_allclose(cells[0], np.log1p(np.exp([-1.0, 0.5])), rtol=1e-6)


@given(
    hnp.arrays(np.float64, 4, elements=st.floats(1e-6, 0.999)),
    st.floats(0.01, 3.0),
    st.floats(0.1, 50),
)
def test_margins_depend_on_the_fourth_root_of_the_counts_alone(frequency, largest, factor):
    margins = ldam_margins(frequency, largest)
    assert margins.max() == pytest.approx(largest)
    np.testing.assert_allclose(margins**4 * frequency, (margins**4 * frequency)[0], rtol=1e-9)
    np.testing.assert_allclose(ldam_margins(frequency * factor, largest), margins, rtol=1e-9)


def test_without_margin_and_scale_it_is_crossentropy():
    y, z = np.eye(3), np.linspace(-5, 5, 9, dtype="float32").reshape(3, 3)
    loss = LDAM(
        prevalence=[0.1, 0.2, 0.3], max_margin=0.0, scale=1.0, from_logits=True, reduction="none"
    )
    np.testing.assert_allclose(cells_of(loss, y, z), reference_cells(y, z), rtol=1e-5)


def test_labels_without_positives_have_the_margin_of_the_rarest():
    y = np.zeros((100, 4))
    y[:16, 0] = y[0, 1] = 1
    y[:, 3] = 1
    loss = LDAM(LabelStats.from_targets(y), from_logits=True)
    assert loss.margins[:3] == pytest.approx([0.25, 0.5, 0.5])
    assert 0 < loss.margins[3] < 0.25
    restored = LDAM.from_config(loss.get_config())
    assert restored.margins.tolist() == loss.margins.tolist()
    none = LDAM(LabelStats.from_targets(np.zeros((5, 2))), from_logits=True)
    assert none.margins.tolist() == [0.5, 0.5]
    assert np.isfinite(number(none(np.zeros((5, 2)), np.zeros((5, 2), dtype="float32"))))


def test_statistics_and_weights_must_agree():
    y = [[1, 0], [0, 1]]
    stats = LabelStats.from_targets(y, label_names=["a", "b"])
    weights = LabelWeights.from_targets(y, label_names=["b", "a"])
    with pytest.raises(InvalidInput, match="different labels"):
        LDAM(stats, weights=weights)
    with pytest.raises(InvalidInput, match="both `stats` and `prevalence`"):
        LDAM(stats, prevalence=[0.5, 0.5])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "label frequencies once.*neither"),
        ({"prevalence": [0.1], "scale": 0.0}, "`scale` must be a number in \\(0"),
        ({"prevalence": [0.1], "max_margin": -1.0}, "`max_margin` must be a number in \\[0"),
        ({"prevalence": [0.0]}, "strictly between 0 and 1"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(InvalidInput, match=message):
        LDAM(**options)

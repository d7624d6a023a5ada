import json

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import equipoise as eq
from equipoise._errors import InvalidInput
from equipoise.audit import class_weight
from equipoise.audit.row_weights import by_keras, by_rule

pytestmark = pytest.mark.keras

ASKED = {0: 2.5, 1: 10.0, 2: 5.0, 3: 20.0}
matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 12), st.integers(2, 5)),
    elements=st.sampled_from([0.0, 1.0]),
)


def question():
    """The motivating question: 20,000 rows, independent labels, most rows without any."""
    rng = np.random.default_rng(0)
    return (rng.random((20_000, 4)) < np.array([2000, 500, 1000, 250]) / 20_000).astype(int)


def test_the_question():
    audit = class_weight(question(), ASKED, y_score=0.05)
    assert audit.source == "keras"
    assert audit.effective_ratio == pytest.approx([0.84, 3.3, 1.7, 6.1], rel=0.03)
    assert audit.effective_positive == pytest.approx([2.5, 9.2, 4.9, 16.9], rel=0.02)
    assert audit.effective_negative == pytest.approx([2.98, 2.8, 2.8, 2.8], rel=0.02)
    assert audit.unlabelled_rows / 20_000 == pytest.approx(0.82, abs=0.01)
    assert audit.unlabelled_weight == 2.5
    assert (audit.keras_loss, audit.reversed_loss) == pytest.approx((0.817, 1.645), abs=0.01)
    low, high = audit.loss_range
    assert low <= min(audit.keras_loss, audit.reversed_loss)
    assert high >= max(audit.keras_loss, audit.reversed_loss)


def test_the_small_example_by_hand():
    y = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
    audit = class_weight(y, {0: 1.0, 1: 10.0, 2: 5.0}, y_score=0.5)
    assert audit.rows_given.tolist() == [3, 1, 0]
    assert audit.never_applied == ("label_2",)
    assert (audit.rows_touched, audit.rows_with_unused_weights, audit.unlabelled_rows) == (1, 1, 1)
    assert audit.effective_negative == pytest.approx([11 / 2, 1, 12 / 3])
    log2 = np.log(2)  # every cell costs log 2
    losses = audit.to_dict()["losses"]
    assert losses["unweighted"] == pytest.approx(log2)
    assert losses["keras"] == pytest.approx(13 / 4 * log2)
    assert losses["positives"] == pytest.approx((1 + 10 + 1 + 5 + 8) / 12 * log2)
    assert losses["label"] == pytest.approx(4 * (1 + 10 + 5) / 12 * log2)
    assert losses["pair"] is None


def test_keys_zero_and_one_may_mean_negative_and_positive():
    y = [[1, 0], [0, 0]]
    audit = class_weight(y, {0: 1.0, 1: 10.0}, y_score=0.5)
    assert audit.to_dict()["losses"]["pair"] == pytest.approx(13 / 4 * np.log(2))


@settings(max_examples=15, deadline=None)
@given(matrices)
def test_the_rule_is_what_the_installed_keras_does(y):
    weights = {i: 1.5 + i for i in range(y.shape[1]) if i != 1}
    np.testing.assert_allclose(by_keras(y, weights), by_rule(y, weights), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(matrices)
def test_losses_are_what_keras_trains_on(y):
    weights = {i: 1.0 + 2 * i for i in range(y.shape[1])}
    audit = class_weight(y, weights, y_score=0.2)
    p = np.full_like(y, 0.2)
    rows = by_rule(y, weights)
    cells = -(y * np.log(p) + (1 - y) * np.log1p(-p))
    assert audit.keras_loss == pytest.approx(float((rows * cells.mean(axis=1)).mean()), rel=1e-6)
    assert audit.unweighted_loss == pytest.approx(float(cells.mean()), rel=1e-6)
    flipped = {y.shape[1] - 1 - i: w for i, w in weights.items()}
    reversed_rows = by_rule(y[:, ::-1], flipped)
    assert audit.reversed_loss == pytest.approx(
        float((reversed_rows * cells.mean(axis=1)).mean()), rel=1e-6
    )


def test_after_eq_fit_the_weights_are_those_asked_for():
    """What training minimises: its loss on constant predictions, as a function of the labels."""
    y = question()[:2000].astype(np.float32)
    x = np.zeros((2000, 1), dtype=np.float32)

    def loss(targets):
        model = keras.Sequential(
            [
                keras.layers.Input((1,)),
                keras.layers.Dense(4, activation="sigmoid", kernel_initializer="zeros"),
            ]
        )
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss="binary_crossentropy")
        fitted = eq.fit(model, x, targets, class_weight=ASKED, verbose=0, batch_size=2000)
        return fitted.history["loss"][0] * targets.size / np.log(2)

    nothing = loss(np.full_like(y, np.nan))
    assert nothing == 0
    for label, asked in ASKED.items():
        only = np.full_like(y, np.nan)
        only[:, label] = y[:, label]
        positives = np.where(only == 1, only, np.nan)
        negatives = np.where(only == 0, only, np.nan)
        n_positive, n_negative = np.nansum(positives), np.sum(negatives == 0)
        effective = (loss(positives) / n_positive) / (loss(negatives) / n_negative)
        assert effective == pytest.approx(asked, rel=1e-4)


def test_large_and_sparse_inputs_and_names():
    names = ["a", "<b>", "c", "d"]
    dense = class_weight(
        question(), dict(zip(names, ASKED.values(), strict=True)), label_names=names
    )
    targets = eq.as_targets(question(), label_names=names).to_sparse()
    sparse = class_weight(targets, ASKED)
    assert dense.to_dict() == sparse.to_dict()
    assert dense.label_names == tuple(names)


def test_rendering():
    y = [[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 0, 0]]
    audit = class_weight(y, {0: 1.0, 1: 10.0, 2: 5.0}, label_names=["<i>", "b", "c"])
    text = str(audit)
    assert "Weights that no row with the label ever gets: c" in text
    assert "eq.fit(model, X, y, class_weight=class_weight)" in text
    html = audit._repr_html_()
    assert "&lt;i&gt;" in html
    assert "<i>" not in html
    json.dumps(audit.to_dict(), allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (([0, 1, 1], {0: 1.0}), {}, "several labels a row"),
        (([[0, 1]], {5: 1.0}), {}, "names the label 5"),
        (([[0, 1]], {0: -1.0}), {}, "must be a number"),
        (([[0, 1]], [1.0, 2.0]), {}, "must be a dictionary"),
        (([[0, 1]], {0: 1.0}), {"y_score": 0.0}, "between 0 and 1"),
        (([[0, 1]], {0: 1.0}), {"y_score": [0.1, 0.2, 0.3]}, "one probability, one per label"),
        (([[0, 1]], eq.LabelWeights.from_targets([[0, 1]])), {}, "takes a dictionary"),
    ],
)
def test_wrong_input(arguments, options, message):
    with pytest.raises(InvalidInput, match=message):
        class_weight(*arguments, **options)

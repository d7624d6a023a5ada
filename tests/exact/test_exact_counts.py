"""Metrics of decisions: parity with scikit-learn, conventions, identities, hostile input."""

import numpy as np
import pytest
from exact_cases import TOLERANCE, cases, quietly
from scipy import sparse
from sklearn import metrics as sk

from equipoise import exact
from equipoise._errors import InvalidInput, Undefined
from equipoise.exact import _confusion
from equipoise.targets import as_targets

METRICS = [
    exact.precision,
    exact.recall,
    exact.f_beta,
    exact.balanced_accuracy,
    exact.matthews_correlation,
    exact.hamming_loss,
]


def decided(kind, n_cases, **options):
    for y, s, w in cases(kind, n_cases, **options):
        yield y, (s >= np.median(s)).astype(np.int64), w


@pytest.mark.parametrize("average", [None, "macro", "micro", "weighted", "samples"])
def test_precision_recall_and_f_are_those_of_scikit_learn(average):
    for i, (y, p, w) in enumerate(decided("ties", 100, min_labels=2)):
        weight = np.ones(len(y)) if w is None else w
        if average == "weighted" and not (weight @ y).any():
            continue
        beta = (0.5, 1.0, 2.0)[i % 3]
        wanted = quietly(
            sk.precision_recall_fscore_support, y, p, average=average, sample_weight=w, beta=beta
        )
        options = {"average": average, "sample_weight": w, "undefined": "zero"}
        np.testing.assert_allclose(exact.precision(y, p, **options), wanted[0], **TOLERANCE)
        np.testing.assert_allclose(exact.recall(y, p, **options), wanted[1], **TOLERANCE)
        found = exact.f_beta(y, p, beta=beta, **options)
        np.testing.assert_allclose(found, wanted[2], **TOLERANCE)


def test_balanced_accuracy_and_matthews_are_those_of_scikit_learn():
    for y, p, w in decided("continuous", 80):
        balanced = exact.balanced_accuracy(y, p, average=None, sample_weight=w)
        matthews = exact.matthews_correlation(y, p, average=None, sample_weight=w, undefined="zero")
        weight = np.ones(len(y)) if w is None else w
        for label in range(y.shape[1]):
            pair = y[:, label], p[:, label]
            wanted = quietly(sk.matthews_corrcoef, *pair, sample_weight=w)
            np.testing.assert_allclose(matthews[label], wanted, **TOLERANCE)
            if weight @ y[:, label] > 0 and weight @ (1 - y[:, label]) > 0:
                wanted = sk.balanced_accuracy_score(*pair, sample_weight=w)
                np.testing.assert_allclose(balanced[label], wanted, **TOLERANCE)
            else:
                assert np.isnan(balanced[label])
        cells = np.ones(y.shape) if w is None else np.broadcast_to(w[:, None], y.shape)
        flat = y.ravel(), p.ravel()
        found = exact.matthews_correlation(y, p, average="micro", sample_weight=w, undefined="zero")
        wanted = quietly(sk.matthews_corrcoef, *flat, sample_weight=cells.ravel())
        np.testing.assert_allclose(found, wanted, **TOLERANCE)


def test_hamming_loss_and_subset_accuracy_are_those_of_scikit_learn():
    for y, p, w in decided("ties", 120, min_labels=2):
        wanted = sk.hamming_loss(y, p, sample_weight=w)
        for average in ("micro", "macro", "samples"):
            found = exact.hamming_loss(y, p, sample_weight=w, average=average)
            np.testing.assert_allclose(found, wanted, **TOLERANCE)
        wanted = sk.accuracy_score(y, p, sample_weight=w)
        found = exact.subset_accuracy(y, p, sample_weight=w)
        np.testing.assert_allclose(found, wanted, **TOLERANCE)


def test_where_a_metric_is_undefined():
    y = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
    p = np.array([[0, 1, 0, 1], [0, 0, 0, 1]])
    nan = np.nan
    for metric, wanted in [
        (exact.precision, [nan, 0, nan, 1]),
        (exact.recall, [nan, nan, 0, 1]),
        (exact.f_beta, [nan, 0, 0, 1]),
        (exact.balanced_accuracy, [nan] * 4),
        (exact.matthews_correlation, [nan] * 4),
    ]:
        np.testing.assert_array_equal(metric(y, p, average=None), wanted)
        zero = metric(y, p, average=None, undefined="zero")
        np.testing.assert_array_equal(zero, np.nan_to_num(wanted))
    assert exact.precision(y, p).undefined == ("label_0", "label_2")
    # scikit-learn gives the recall of the one class that is there
    assert quietly(sk.balanced_accuracy_score, y[:, 3], p[:, 3]) == 1
    with pytest.raises(Undefined, match="`balanced_accuracy` is undefined for every label"):
        exact.balanced_accuracy(y, p)
    with pytest.raises(Undefined, match="`precision` is undefined for these cells"):
        exact.precision([[0, 1]], [[0, 0]], average="micro")
    rows = exact.f_beta([[0, 0], [1, 0]], [[0, 0], [1, 0]], average="samples")
    assert (rows, rows.n_undefined) == (1, 1)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("average", [None, "micro", "samples"])
def test_every_form_of_decisions_gives_the_same_value(metric, average):
    rng = np.random.default_rng(0)
    y, p = rng.integers(0, 2, size=(2, 40, 3))
    wanted = metric(y, p, average=average)
    for form in (p.astype(bool), p.astype(np.uint8), p.astype(float), p.tolist(), as_targets(p)):
        np.testing.assert_array_equal(metric(y, form, average=average), wanted)
    for truth in (sparse.csr_array(y), sparse.csc_array(y), as_targets(y).to_sparse()):
        for form in (p, sparse.csr_array(p), sparse.coo_array(p)):
            np.testing.assert_array_equal(metric(truth, form, average=average), wanted)
    sets = [set(np.flatnonzero(row).tolist()) for row in p]
    named = as_targets(y, label_names=["0", "1", "2"])
    np.testing.assert_array_equal(metric(named, sets, average=average), wanted)
    folded = y.reshape(4, 10, 3), p.reshape(4, 10, 3)
    np.testing.assert_array_equal(metric(*folded, average=average), wanted)


@pytest.mark.parametrize("metric", METRICS)
def test_unknown_cells_and_cells_of_no_weight_are_not_there(metric):
    rng = np.random.default_rng(1)
    y, p = rng.integers(0, 2, size=(2, 60, 3))
    hidden = rng.random(y.shape) < 0.3
    masked = np.where(hidden, np.nan, y)
    for average in (None, "macro", "micro", "samples"):
        wanted = metric(masked, p, average=average)
        zero_weight = metric(y, p, average=average, sample_weight=(~hidden).astype(float))
        np.testing.assert_allclose(zero_weight, wanted, **TOLERANCE)
        flipped = np.where(hidden, 1 - p, p)
        np.testing.assert_array_equal(metric(masked, flipped, average=average), wanted)
        # Sparse labels store what is not zero, so what is unknown as well.
        pair = sparse.csr_array(masked), sparse.csr_array(p)
        np.testing.assert_array_equal(metric(*pair, average=average), wanted)
        rows = metric(masked, p, average=average, sample_weight=np.full(60, 2.0))
        np.testing.assert_allclose(rows, wanted, **TOLERANCE)
    alone = metric(masked, p, average=None)
    for label in range(3):
        keep = ~hidden[:, label]
        np.testing.assert_array_equal(alone[label], metric(y[keep, label], p[keep, label]))


def test_labels_and_rows_of_which_nothing_is_known_are_left_out_whatever_is_asked():
    y = [[1, np.nan], [0, np.nan], [np.nan, np.nan]]
    p = [[1, 1], [0, 0], [1, 1]]
    assert exact.f_beta(y, p, undefined="zero").undefined == ("label_1",)
    assert exact.f_beta(y, p, undefined="zero") == 1
    assert exact.recall(y, p, average="samples", undefined="zero") == 0.5
    assert exact.subset_accuracy(y, p) == 1
    assert exact.hamming_loss(y, p) == 0
    assert exact.hamming_loss(y, p, average="macro").undefined == ("label_1",)


def test_counts_are_added_over_blocks(monkeypatch):
    rng = np.random.default_rng(2)
    y, p = rng.integers(0, 2, size=(2, 1000, 3))
    w = rng.random(y.shape)
    whole = [
        exact.f_beta(y, p, average=average, sample_weight=weights)
        for average in ("macro", "samples")
        for weights in (None, w, w[:, 0])
    ]
    monkeypatch.setattr(_confusion, "_BLOCK", 1000)
    blocks = [
        exact.f_beta(y, p, average=average, sample_weight=weights)
        for average in ("macro", "samples")
        for weights in (None, w, w[:, 0])
    ]
    np.testing.assert_allclose(blocks, whole, **TOLERANCE)


def test_no_negative_is_no_negative_however_the_weights_add_up():
    w = [0.1, 0.2, 0.3, 0.7, 0.9]  # sums of these differ in the last bit by order
    assert np.isnan(
        exact.balanced_accuracy([1] * 5, [1, 0, 1, 0, 1], average=None, sample_weight=w)
    )
    assert np.isnan(exact.recall([0] * 5, [1, 0, 1, 0, 1], average=None, sample_weight=w))


def test_f_beta_by_hand():
    y, p = [1, 1, 1, 0, 0], [1, 0, 0, 1, 0]  # tp 1, fn 2, fp 1
    assert exact.f_beta(y, p) == pytest.approx(2 / 5)
    assert exact.f_beta(y, p, beta=2) == pytest.approx(5 / (5 + 8 + 1))
    assert exact.f_beta(y, p, beta=0.5) == pytest.approx(1.25 / (1.25 + 0.5 + 1))


def test_classes_in_one_column():
    y, p = ["a", "b", "c", "a"], ["a", "b", "b", "c"]
    wanted = sk.f1_score(y, p, average=None)
    np.testing.assert_allclose(exact.f_beta(y, p, average=None), wanted, **TOLERANCE)
    with pytest.raises(InvalidInput, match="not in `label_names`"):
        exact.f_beta(y, ["a", "b", "b", "d"])


# ------------------------------------------------------------------------------- hostile input


def test_decisions_that_are_none_are_refused():
    y = [[1, 0], [0, 1]]
    with pytest.raises(InvalidInput, match=r"must hold the decisions 0 and 1.*0\.7.*Decide first"):
        exact.f_beta(y, [[0.7, 0.2], [0.1, 0.6]])
    with pytest.raises(InvalidInput, match="must hold the decisions 0 and 1"):
        exact.f_beta(y, [[np.nan, 0], [0, 1]])
    with pytest.raises(InvalidInput, match="must hold the decisions 0 and 1"):
        exact.f_beta(y, np.array([[2, 0], [0, 1]], dtype=np.uint8))
    with pytest.raises(InvalidInput, match="must hold the decisions 0 and 1"):
        exact.f_beta(y, [["yes", "no"], ["no", "yes"]])
    with pytest.raises(InvalidInput, match="must hold the decisions 0 and 1"):
        exact.f_beta(y, sparse.csr_array([[0.5, 0], [0, 1]]))
    with pytest.raises(InvalidInput, match="must decide every cell"):
        exact.f_beta(y, as_targets([[np.nan, 0], [0, 1]]))
    with pytest.raises(InvalidInput, match="must decide every cell"):
        exact.f_beta(y, as_targets([[1, 0], [0, 1]], label_names=["a", "b"]))


def test_shapes_that_do_not_fit_are_refused():
    y = [[1, 0], [0, 1], [1, 1]]
    wrong = np.ones((2, 2)), np.ones((3, 3)), np.ones(3), np.ones((1, 3, 2)), np.ones(())
    for p in wrong:
        with pytest.raises(InvalidInput, match="`y_pred` must have one column per label"):
            exact.recall(y, p)
    with pytest.raises(InvalidInput, match="`y_pred` must have one column per label"):
        exact.recall(y, sparse.csr_array(np.ones((2, 2))))
    with pytest.raises(InvalidInput, match="cannot be read as an array"):
        exact.recall(y, [[1, 0], [1], [1, 1]])


def test_weights_and_options_that_make_no_sense_are_refused():
    y = p = [[1, 0], [0, 1], [1, 1]]
    with pytest.raises(InvalidInput, match="weighs rows, not cells"):
        exact.subset_accuracy(y, p, sample_weight=np.ones((3, 2)))
    with pytest.raises(InvalidInput, match="`beta` must be a number"):
        exact.f_beta(y, p, beta=0)
    with pytest.raises(InvalidInput, match="`average` must be one of"):
        exact.f_beta(y, p, average="binary")
    with pytest.raises(InvalidInput, match="`sample_weight` must have shape"):
        exact.f_beta(y, p, sample_weight=np.ones(2))
    with pytest.raises(InvalidInput, match="not negative"):
        exact.f_beta(y, p, sample_weight=[1, -1, 1])

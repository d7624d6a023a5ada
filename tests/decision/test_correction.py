"""Correction: closed forms against their definitions, order, finiteness, saving."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from equipoise._errors import InvalidInput, Undefined
from equipoise.decision import Correction
from equipoise.links import SigmoidLink
from equipoise.stats import LabelStats
from equipoise.weights import LabelWeights

probabilities = st.floats(1e-6, 1 - 1e-6)
weights = st.floats(1e-3, 1e3)


@settings(max_examples=100, deadline=None)
@given(probabilities, weights, weights)
def test_the_minimiser_of_a_weighted_loss_comes_back_as_the_true_probability(q, positive, negative):
    learned = positive * q / (positive * q + negative * (1 - q))
    w = LabelWeights(np.array([positive]), np.array([negative]), ("a",))
    for correction in (
        Correction(shift=w),
        Correction(w),
        Correction(shift=[np.log(positive / negative)]),
        Correction(shift=np.log(positive / negative)),
        Correction(SigmoidLink(shift=np.log(positive / negative))),
        Correction.from_sampling_rates(positive, negative),
    ):
        found = correction.transform([[logit(learned)]])
        np.testing.assert_allclose(found, [[q]], rtol=1e-6)
        found = correction.transform([[learned]], from_logits=False)
        np.testing.assert_allclose(found, [[q]], rtol=1e-6)


@settings(max_examples=100, deadline=None)
@given(probabilities, probabilities, probabilities)
def test_a_new_prior_is_bayes_rule(q, old, new):
    # p(x | y) is as it was, so the odds change by the ratio of the prior odds.
    positive, negative = q / old * new, (1 - q) / (1 - old) * (1 - new)
    correction = Correction(target_prior=[new], training_prior=[old])
    found = correction.transform([[q]], from_logits=False)
    np.testing.assert_allclose(found, [[positive / (positive + negative)]], rtol=1e-6)
    there_and_back = Correction(target_prior=[old], training_prior=[new])
    back = there_and_back.transform(correction.log_odds([[q]], from_logits=False))
    np.testing.assert_allclose(back, [[q]], rtol=1e-6)


def test_sampled_rows_have_the_frequencies_the_correction_undoes():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 4, size=400_000)
    true = np.array([0.02, 0.05, 0.1, 0.3])
    y = rng.random(len(x)) < true[x]
    keep = y | (rng.random(len(x)) < 0.1)
    learned = np.array([y[keep & (x == v)].mean() for v in range(4)])
    corrected = Correction.from_sampling_rates(negative_rate=0.1)
    found = corrected.transform(learned[:, None], from_logits=False)[:, 0]
    np.testing.assert_allclose(found, true, atol=0.01)


def test_parts_add_up_in_log_odds():
    z = np.array([[0.3, -1.0], [2.0, 0.0]])
    prior = {"target_prior": [0.2, 0.5], "training_prior": [0.1, 0.5]}
    c = Correction(SigmoidLink(shift=[1.0, 2.0]), shift=[0.5, 0.0], **prior)
    wanted = z - [1.5, 2.0] + [logit(0.2) - logit(0.1), 0]
    np.testing.assert_allclose(c.log_odds(z), wanted, rtol=1e-12)
    np.testing.assert_allclose(c.transform(z), expit(wanted), rtol=1e-12)
    np.testing.assert_allclose(c.log_odds(expit(z), from_logits=False), wanted, rtol=1e-12)
    np.testing.assert_array_equal(Correction().log_odds(z), z)


def test_priors_may_be_label_statistics():
    old = LabelStats.from_targets([[1, 0], [0, 0], [0, 1], [1, 0]], label_names=["a", "b"])
    new = LabelStats.from_targets([[1, 1], [0, 0]], label_names=["a", "b"])
    c = Correction(training_prior=old, target_prior=new)
    assert c.label_names == ("a", "b")
    np.testing.assert_allclose(c.log_odds([[0.0, 0.0]]), [[0, np.log(3)]], atol=1e-15)


def test_priors_of_0_and_1_matter_only_where_they_move():
    c = Correction(target_prior=[0.0, 1.0, 0.5], training_prior=[0.0, 1.0, 0.5])
    np.testing.assert_array_equal(c.log_odds([[1.0, 2.0, 3.0]]), [[1, 2, 3]])
    with pytest.raises(InvalidInput, match="never there, or always.*labels 1"):
        Correction(target_prior=[0.5, 0.0], training_prior=[0.5, 0.5])
    with pytest.raises(InvalidInput, match="never there, or always.*'b'"):
        Correction(target_prior=[0.5, 0.2], training_prior=[0.5, 1.0], label_names=["a", "b"])
    with pytest.raises(InvalidInput, match="never there, or always"):
        Correction(target_prior=0.5, training_prior=0.0)


def test_logits_as_large_as_10000_stay_finite_and_in_order():
    z = np.concatenate([np.linspace(-1e4, 1e4, 2001), np.linspace(-30, 30, 601)])
    z = np.unique(z)[:, None]
    c = Correction(shift=[5.0])
    assert np.isfinite(c.transform(z)).all()
    assert (np.diff(c.log_odds(z)[:, 0]) > 0).all()
    assert (np.diff(c.transform(z)[:, 0]) >= 0).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_probabilities_at_the_ends_of_their_dtype_keep_their_order(dtype):
    limits = np.finfo(dtype)
    p = np.array(
        [0, limits.smallest_subnormal, limits.tiny, 0.5, 1 - limits.epsneg, 1], dtype=dtype
    )
    found = Correction().log_odds(p[:, None], from_logits=False)[:, 0]
    assert np.isfinite(found).all()
    assert (np.diff(found) > 0).all()
    assert found[3] == 0
    inner = p[1:-1].astype(np.float64)
    np.testing.assert_allclose(found[1:-1], logit(inner), rtol=1e-12, atol=1e-12)


def test_shapes():
    c = Correction(shift=[1.0, 2.0])
    assert c.transform(np.zeros((3, 4, 2))).shape == (3, 4, 2)
    assert c.transform(np.zeros((0, 2))).shape == (0, 2)
    assert Correction(shift=[1.0]).transform([0.0, 1.0]).shape == (2,)
    assert Correction(shift=1.0).transform(np.zeros((3, 5))).shape == (3, 5)
    assert c.transform(np.zeros((1, 2), dtype=np.float32)).dtype == np.float64
    assert Correction().transform(np.array([[1, 0]]), from_logits=False).shape == (1, 2)
    assert c.fit([[0.0, 0.0]], [[1, 0]]) is c


def test_corrections_survive_saving(tmp_path):
    z = np.random.default_rng(0).normal(size=(5, 2))
    stats = LabelStats.from_targets([[1, 0], [0, 1], [0, 1]], label_names=["a", "b"])
    corrections = [
        Correction(),
        Correction(shift=0.3),
        Correction.from_sampling_rates(negative_rate=[0.1, 0.5], label_names=["a", "b"]),
        Correction(SigmoidLink(shift=[0.1, 0.2]), shift=LabelWeights.from_stats(stats)),
        Correction(target_prior=[0.2, 0.4], training_prior=stats),
    ]
    for i, c in enumerate(corrections):
        for same in (
            Correction.from_dict(json.loads(json.dumps(c.to_dict(), allow_nan=False))),
            Correction.from_json(c.to_json(tmp_path / f"{i}.json")),
        ):
            np.testing.assert_array_equal(same.transform(z), c.transform(z))
            assert same.label_names == c.label_names
            assert repr(same) == repr(c)


def test_broken_files_are_refused():
    good = Correction(shift=0.3).to_dict()
    with pytest.raises(InvalidInput, match="This is not a saved Correction"):
        Correction.from_dict({**good, "kind": "Thresholds"})
    with pytest.raises(InvalidInput, match="not complete.*'shift'"):
        Correction.from_dict({k: v for k, v in good.items() if k != "shift"})
    with pytest.raises(InvalidInput, match="This is not a saved Link"):
        Correction.from_dict({**good, "link": {"kind": "Chain"}})


def test_wrong_arguments_are_refused():
    with pytest.raises(InvalidInput, match="needed together.*only target_prior"):
        Correction(target_prior=[0.5])
    with pytest.raises(InvalidInput, match="`link` has no `log_odds`"):
        Correction([0.5], shift=[0.1])
    with pytest.raises(InvalidInput, match="`shift` must be a finite number"):
        Correction(shift=[0.5, np.inf])
    with pytest.raises(InvalidInput, match="`shift` must be a number"):
        Correction(shift="balanced")
    with pytest.raises(InvalidInput, match=r"frequencies in \[0, 1\]"):
        Correction(target_prior=[1.5], training_prior=[0.5])
    with pytest.raises(InvalidInput, match="must be for the same labels.*lengths 1 and 2"):
        Correction(target_prior=[0.5], training_prior=[0.5, 0.1])
    with pytest.raises(InvalidInput, match="parts of a correction must be for the same labels"):
        Correction(shift=[0.1, 0.2, 0.3], target_prior=[0.5, 0.1], training_prior=[0.5, 0.1])
    with pytest.raises(InvalidInput, match="must be for the same labels.*lengths"):
        Correction(shift=[0.1, 0.2], label_names=["a"])
    w = LabelWeights(np.ones(2), np.ones(2), ("a", "b"))
    with pytest.raises(InvalidInput, match="the same labels in the same order"):
        Correction(w, label_names=["b", "a"])
    for rate in (0.0, -1.0):
        with pytest.raises(InvalidInput, match="`negative_rate` must be above 0"):
            Correction.from_sampling_rates(negative_rate=rate)
    with pytest.raises(Undefined, match="no log-odds shift"):
        Correction(LabelWeights(np.array([0.0]), np.array([1.0]), ("a",)))


def test_scores_that_do_not_fit_are_refused():
    c = Correction(shift=[1.0, 2.0])
    for wrong in ([[0.1]], [0.1, 0.2, 0.3], 0.5):
        with pytest.raises(InvalidInput, match="`y_score` must have 2 columns"):
            c.transform(wrong)
    with pytest.raises(InvalidInput, match="`y_score` holds NaN"):
        c.transform([[0.1, np.nan]])
    with pytest.raises(InvalidInput, match="`y_score` must hold numbers"):
        c.transform([["a", "b"]])
    with pytest.raises(InvalidInput, match=r"probabilities in \[0, 1\].*from -1 to 2"):
        c.transform([[-1.0, 2.0]], from_logits=False)

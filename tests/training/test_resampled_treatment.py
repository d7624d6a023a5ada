"""A treatment that trains on other rows: which rows, and what is taken back out of the scores."""

import numpy as np
import pytest

from equipoise._errors import InvalidInput, Undefined
from equipoise.links import LINKS, SigmoidLink, SoftmaxLink
from equipoise.resampling import LPRUS, MLROS, SamplingRates
from equipoise.targets import as_targets
from equipoise.training.treatment import Treatment, check_treatment, without_sampling

pytestmark = pytest.mark.keras


def rows(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3)).astype(np.float32)
    return X, as_targets((X[:, :2] + rng.normal(size=(80, 2)) > [0.5, 1.5]).astype(int))


def test_the_rows_are_those_of_the_resampler():
    X, targets = rows()
    weight = np.linspace(1, 2, 80, dtype=np.float32)
    treatment = Treatment("more", resampler="MLROS", resampler_options={"percentage": 50})
    new_X, new_targets, new_weight, rates = treatment.resampled(X, targets, weight, 7)
    peer = MLROS(percentage=50, random_state=7)
    wanted = peer.fit_resample(X, targets, weight)
    np.testing.assert_array_equal(new_X, wanted[0])
    np.testing.assert_array_equal(new_targets.values, wanted[1].values)
    np.testing.assert_array_equal(new_weight, wanted[2])
    np.testing.assert_array_equal(rates.positives, peer.sampling_rates_.positives)
    assert len(new_X) > 80
    assert treatment.resampled(X, targets, None, 7)[2] is None


def test_without_a_resampler_nothing_changes():
    X, targets = rows()
    assert Treatment("plain").resampled(X, targets, None, 0) == (X, targets, None, None)
    link = SigmoidLink(shift=2.0)
    assert without_sampling(link, None, targets) is link


def test_what_sampling_added_is_taken_out():
    _, targets = rows()
    rates = SamplingRates(np.array([3.0, 1.0]), np.array([1.0, 0.5]), ("a", "b"))
    link = without_sampling(SigmoidLink(shift=np.log(2.0)), rates, targets)
    assert link.shift == pytest.approx(np.log([6.0, 4.0]))
    assert link.to_probability([[0.0, 0.0]]) == pytest.approx(np.array([[1 / 7, 1 / 5]]))
    for made in LINKS.values():
        moved = without_sampling(made(), rates, targets)
        assert moved.shift == pytest.approx(np.log([3.0, 2.0]))


def test_classes_keep_the_ratios_of_their_frequencies():
    """Class 0 at half its rate: p_0 is half as large against the others as it truly is."""
    classes = as_targets(np.array([0, 1, 2, 0, 0, 0]))
    rates = SamplingRates(np.array([0.5, 1.0, 1.0]), np.array([1.0, 0.7, 0.7]), ("0", "1", "2"))
    link = without_sampling(SoftmaxLink(), rates, classes)
    assert link.to_probability([[0.0, 0.0, 0.0]]) == pytest.approx(np.array([[0.5, 0.25, 0.25]]))


def test_then_is_named_and_options_are_checked():
    X, targets = rows()
    both = Treatment("both", resampler="REMEDIAL", resampler_options={"then": "MLROS"})
    once, again = (both.resampled(X, targets, None, 1)[0] for _ in range(2))
    np.testing.assert_array_equal(once, again)
    with pytest.raises(InvalidInput, match="MLROS has no option 'percent'"):
        Treatment("x", resampler="MLROS", resampler_options={"percent": 5}).resampled(
            X, targets, None, 0
        )
    with pytest.raises(InvalidInput, match="Did you mean 'MLSMOTE'"):
        Treatment("x", resampler="SMOTE").resampled(X, targets, None, 0)
    with pytest.raises(InvalidInput, match="unknown `resampler`.*Did you mean 'MLSMOTE'"):
        check_treatment(Treatment("x", resampler="SMOTE"))
    with pytest.raises(InvalidInput, match="unknown `keras_class_weight`"):
        check_treatment(Treatment("x", keras_class_weight="balancd"))


def test_a_label_that_lost_all_its_positives_cannot_be_corrected():
    _, targets = rows()
    rates = SamplingRates(np.array([0.0, 1.0]), np.array([1.0, 1.0]), ("a", "b"))
    with pytest.raises(Undefined, match="left a label without positives"):
        without_sampling(SigmoidLink(), rates, targets)


def test_it_is_saved_and_restored():
    treatment = Treatment("t", resampler="LPRUS", resampler_options={"percentage": 10})
    assert Treatment(**treatment.to_dict()) == treatment
    assert LPRUS(percentage=10).percentage == 10

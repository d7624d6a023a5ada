"""The link of every loss finds the true probability again from the logit that costs least."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize, minimize_scalar
from scipy.special import expit, log_expit

from equipoise._errors import InvalidInput
from equipoise.links import (
    LINKS,
    AsymmetricLink,
    CategoricalFocalLink,
    FocalLink,
    HillLink,
    LDAMLink,
    NegativeToleranceLink,
    PropensityLink,
    SigmoidLink,
    SoftmaxLink,
)
from loss_formulas import (
    asymmetric_sides,
    categorical_focal,
    expected_loss,
    focal_sides,
    hill_sides,
    ldam_sides,
    log_softmax,
    propensity_sides,
    softplus,
    tolerant_sides,
)

FAR = np.array([-1e4, -700.0, -100.0, -20.0, -3.0, -2.9, 0.0, 2.0, 20.0, 100.0, 700.0, 1e4])


def detached_minimum(q, gamma_pos, gamma_neg, margin):
    """Where the gradient is 0 if the focal factors count as constants: found by halving."""

    def gradient(z):
        p, not_p = expit(z), expit(-z)
        p_m = max(p - margin, 0.0)
        down = q * not_p**gamma_pos * not_p
        return (1 - q) * p_m**gamma_neg * p * not_p / (1 - p_m) - down

    low, high = -20.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (low, middle) if gradient(middle) > 0 else (middle, high)
    return low


def minimum(sides, q, w_positive=1.0, w_negative=1.0, near=0.0):
    """The logit of the least expected loss, from a grid and then a bounded search."""
    grid = np.linspace(near - 40, near + 40, 3201)
    costs = expected_loss(sides(grid), q, w_positive, w_negative)
    best = grid[np.argmin(costs)]
    return minimize_scalar(
        lambda z: expected_loss(sides(z), q, w_positive, w_negative),
        bounds=(best - 0.05, best + 0.05),
        method="bounded",
        options={"xatol": 1e-12},
    ).x


# ---------------------------------------------------------------------- the published table

BCE = lambda z: (softplus(-z), softplus(z))  # noqa: E731 one formula a line
TABLE = {
    "weighted 9:1": (SigmoidLink(shift=np.log(9)), (".083", ".500", ".900", ".100")),
    "focal": (FocalLink(gamma=2.0), (".154", ".306", ".500", ".500")),
    "focal alpha .25": (
        FocalLink(shift=np.log(0.25 / 0.75), gamma=2.0),
        (".108", ".227", ".399", ".750"),
    ),
    "ASL": (AsymmetricLink(), (".321", ".468", ".639", ".147")),
    "ASL detached": (AsymmetricLink(detach=True), (".376", ".528", ".687", ".069")),
    "NTR": (NegativeToleranceLink(lambda_=5.0, gamma=0.0), (".273", ".373", ".500", ".500")),
    "Hill": (HillLink(), (".065", ".275", ".937", ".196")),
}
TABLE_SIDES = {
    "weighted 9:1": lambda z: (9 * softplus(-z), softplus(z)),
    "focal": lambda z: focal_sides(z, 2),
    "focal alpha .25": lambda z: focal_sides(z, 2, 0.25),
    "ASL": lambda z: asymmetric_sides(z, 1, 4, 0.05),
    "NTR": lambda z: tolerant_sides(z, 0.0, 5.0, 0),
    "Hill": hill_sides,
}


def printed(number):
    return f"{number:.3f}".removeprefix("0")


@pytest.mark.parametrize("name", TABLE)
def test_the_published_table_is_reproduced_to_its_digits(name):
    link, (*learned, at_half) = TABLE[name]
    assert printed(link.to_probability(0.0)) == at_half
    for q, wanted, z in zip((0.01, 0.1, 0.5), learned, link.logits([0.01, 0.1, 0.5]), strict=True):
        if name == "ASL detached":
            assert printed(expit(z)) == wanted
            assert z == pytest.approx(detached_minimum(q, 1, 4, 0.05), abs=1e-9)
            continue
        # The table was read off a grid of logits in steps of .001; of 21 entries this matters to
        # one: ASL learns .63845 at q = .5, and the nearest step above prints as .639.
        grid = np.linspace(-12, 12, 24001)
        nearest = grid[np.argmin(expected_loss(TABLE_SIDES[name](grid), q))]
        assert printed(expit(nearest)) == wanted
        assert z == pytest.approx(nearest, abs=0.00051)
        assert z == pytest.approx(minimum(TABLE_SIDES[name], q), abs=1e-5)


# ------------------------------------------------------------------ q from the least expected loss

CASES = {
    "focal 2": (FocalLink(gamma=2.0), lambda z: focal_sides(z, 2)),
    "focal .5": (FocalLink(gamma=0.5), lambda z: focal_sides(z, 0.5)),
    "focal 0": (FocalLink(gamma=0.0), BCE),
    "focal 5": (FocalLink(gamma=5.0), lambda z: focal_sides(z, 5)),
    "ASL": (AsymmetricLink(), lambda z: asymmetric_sides(z, 1, 4, 0.05)),
    "ASL 0 4 .05": (
        AsymmetricLink(0.0, gamma_pos=0.0),
        lambda z: asymmetric_sides(z, 0, 4, 0.05),
    ),
    "ASL no margin": (AsymmetricLink(margin=0.0), lambda z: asymmetric_sides(z, 1, 4, 0)),
    "ASL margin only": (
        AsymmetricLink(gamma_pos=0.0, gamma_neg=0.0, margin=0.2),
        lambda z: asymmetric_sides(z, 0, 0, 0.2),
    ),
    "ASL fractions": (
        AsymmetricLink(gamma_pos=0.5, gamma_neg=1.5, margin=0.01),
        lambda z: asymmetric_sides(z, 0.5, 1.5, 0.01),
    ),
    "NTR 5": (
        NegativeToleranceLink(offset=-0.3, lambda_=5.0, gamma=0.0),
        lambda z: tolerant_sides(z, -0.3, 5.0, 0),
    ),
    "NTR focal": (
        NegativeToleranceLink(offset=0.7, lambda_=2.0, gamma=2.0),
        lambda z: tolerant_sides(z, 0.7, 2.0, 2),
    ),
    "Hill": (HillLink(), hill_sides),
    "Hill 2 1 1": (
        HillLink(lambda_=2.0, margin=0.5, gamma=1.0),
        lambda z: hill_sides(z, 2.0, 0.5, 1.0),
    ),
    "LDAM": (LDAMLink(margin=0.5, scale=3.0), lambda z: ldam_sides(z, 0.5, 3.0)),
    "LDAM 30": (LDAMLink(margin=0.2, scale=30.0), lambda z: ldam_sides(z, 0.2, 30.0)),
    "propensity": (
        PropensityLink(propensity=0.6),
        lambda z: propensity_sides(z, 0.6, "unbiased"),
    ),
}


@pytest.mark.parametrize("name", CASES)
@settings(max_examples=15, deadline=None)
@given(st.floats(0.001, 0.999), st.floats(-3, 3))
def test_the_link_recovers_the_true_probability(name, q, shift):
    plain, sides = CASES[name]
    link = type(plain).from_dict({**plain.to_dict(), "shift": shift})
    low, high = link.range
    if not low + 1e-6 < q < high - 1e-6:
        return
    z = minimum(sides, q, np.exp(shift))
    assert link.to_probability(z) == pytest.approx(q, abs=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_beyond_its_range_nothing_finite_is_learned(name):
    """The declared range is not narrower than it must be."""
    link, sides = CASES[name]
    low, high = link.range
    if low > 1e-6:  # lower q are all learned as the logit where the loss becomes flat
        assert minimum(sides, low / 2) <= link.logit_range[0] + 0.01
    if high < 1 - 1e-6:  # for higher q the loss falls for ever
        far = np.array([5.0, 10.0, 20.0, 30.0])
        costs = expected_loss(sides(far), (1 + high) / 2)
        assert (np.diff(costs) <= 0).all()


def test_declared_ranges():
    def numbers(link):
        return tuple(float(f"{end:.3g}") for end in link.range)

    for link in (FocalLink(), HillLink(), LDAMLink(), NegativeToleranceLink(), SoftmaxLink()):
        assert link.range == (0.0, 1.0)
    assert numbers(AsymmetricLink(margin=0.0)) == (0.0, 1.0)
    assert AsymmetricLink().range[0] == pytest.approx(1e-9, rel=0.2)
    assert AsymmetricLink().range[1] == 1.0
    assert numbers(AsymmetricLink(gamma_pos=0.0)) == pytest.approx((0.0, 0.964), abs=1e-3)
    assert PropensityLink(propensity=[0.5, 1.0]).range[1] == pytest.approx([0.5, 1.0], abs=1e-6)
    assert HillLink(gamma=0.5).range[1] == pytest.approx(0.207, abs=1e-3)
    # Weights move the range with the link.
    assert PropensityLink(np.log(3), propensity=0.5).range[1] == pytest.approx(0.25, abs=1e-6)


def test_the_clipped_asymmetric_loss_is_flat_where_the_link_says():
    z = np.array([-10.0, -5.0, -2.95])
    assert (asymmetric_sides(z, 1, 4, 0.05)[1] == 0).all()
    assert asymmetric_sides(np.array([-2.93]), 1, 4, 0.05)[1] > 0
    floor = AsymmetricLink().logit_range[0]
    assert -2.94 < floor < -2.7
    flat = AsymmetricLink().to_probability(z)
    assert (flat < 1e-9).all()
    assert (np.diff(flat) > 0).all()


# ------------------------------------------------------------------------- far logits and order


def every_link():
    for name, (link, _) in {**CASES, **TABLE}.items():
        yield pytest.param(link, id=name)
    for gamma_pos in (0.0, 0.01, 3.0):
        for gamma_neg in (0.0, 0.3, 8.0):
            for margin in (0.0, 1e-6, 0.05, 0.7):
                for detach in (False, True):
                    link = AsymmetricLink(0.5, gamma_pos, gamma_neg, margin, detach)
                    yield pytest.param(link, id=f"{gamma_pos} {gamma_neg} {margin} {detach}")
    for link in (HillLink(gamma=0.3), HillLink(lambda_=3.0, gamma=0.0), HillLink(gamma=1.0)):
        yield pytest.param(link, id=f"Hill {link.lambda_} {link.gamma}")


@pytest.mark.parametrize("link", list(every_link()))
def test_far_logits_are_finite_and_every_logit_keeps_its_rank(link):
    odds, q = link.log_odds(FAR), link.to_probability(FAR)
    assert np.isfinite(odds).all()
    assert np.isfinite(q).all()
    z = np.concatenate([FAR[:3], np.linspace(-60, 60, 12001), FAR[-3:]])
    assert (np.diff(link.log_odds(z)) > 0).all()
    assert (np.diff(link.to_probability(z)) >= 0).all()
    assert np.isfinite(link.log_odds([-np.inf, np.inf])).all() or link.logit_range[1] < np.inf


@pytest.mark.parametrize("link", list(every_link()))
def test_logits_is_the_inverse(link):
    q = np.array([1e-6, 0.01, 0.2, 0.5, 0.8, 0.99, 1 - 1e-6])
    np.testing.assert_allclose(link.to_probability(link.logits(q)), q, rtol=1e-7)


def test_numbers_per_label_stay_with_their_label():
    links = [
        NegativeToleranceLink([0.1, 0.2], offset=[0.5, -0.5]),
        LDAMLink([0.1, 0.2], margin=[0.5, 0.1]),
        PropensityLink([0.1, 0.2], propensity=[0.5, 0.9]),
        PropensityLink(0.1, propensity=[0.5, 0.9]),
    ]
    z = np.linspace(-20, 20, 12).reshape(2, 3, 2)
    for link in links:
        both = link.log_odds(z)
        for label in range(2):
            payload = {
                key: value[label] if isinstance(value, list) else value
                for key, value in link.to_dict().items()
            }
            single = type(link).from_dict(payload)
            np.testing.assert_allclose(both[..., label], single.log_odds(z[..., label]))
        np.testing.assert_allclose(link.to_probability(link.logits([0.2, 0.3])), [0.2, 0.3])
        with pytest.raises(InvalidInput, match="made for 2 labels.*\\(3,\\)"):
            link.log_odds(np.zeros(3))
    low, high = links[2].range
    assert low.shape == high.shape == (2,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FocalLink(gamma=-1.0), "`gamma` must be a number in \\[0"),
        (lambda: AsymmetricLink(margin=1.0), "`margin` must be a number in \\[0, 1\\)"),
        (lambda: AsymmetricLink(detach="yes"), "`detach` must be one of"),
        (lambda: HillLink(lambda_=1.2), "`lambda_` must be a number in \\[1.5"),
        (lambda: LDAMLink(scale=0.0), "`scale` must be a number in \\(0"),
        (lambda: LDAMLink(margin=[[0.1]]), "`margin` must be one finite number"),
        (lambda: NegativeToleranceLink(lambda_=0.0), "`lambda_` must be a number in \\(0"),
        (lambda: PropensityLink(propensity=[0.5, 0.0]), "`propensity` must lie in \\(0, 1\\]"),
        (lambda: PropensityLink(propensity=1.5), "`propensity` must lie in \\(0, 1\\]"),
        (
            lambda: LDAMLink([0.0, 0.0], margin=[0.1]),
            "one number per label.*2 of shift, 1 of margin",
        ),
        (lambda: FocalLink().logits([0.5, 1.0]), "strictly between 0 and 1.*1.0"),
        (lambda: FocalLink().logits([np.nan]), "strictly between 0 and 1.*nan"),
        (lambda: SoftmaxLink().log_odds([[1.0]]), "at least two"),
        (lambda: SoftmaxLink().log_odds(1.0), "at least two"),
    ],
)
def test_what_a_link_cannot_be_is_refused(make, message):
    with pytest.raises(InvalidInput, match=message):
        make()


# ------------------------------------------------------------------------------- classes

shares = st.lists(st.floats(0.02, 1.0), min_size=3, max_size=3).map(lambda s: np.array(s) / sum(s))


def class_losses(link):
    if isinstance(link, SoftmaxLink):
        return lambda z: -log_softmax(z)
    return lambda z: categorical_focal(z, link.gamma)


@pytest.mark.parametrize("kind", [SoftmaxLink, CategoricalFocalLink])
@settings(max_examples=12, deadline=None)
@given(shares, st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3), st.sampled_from([0.5, 2.0]))
def test_class_probabilities_are_recovered(kind, q, shift, gamma):
    link = kind(shift) if kind is SoftmaxLink else kind(shift, gamma=gamma)
    losses, w = class_losses(link), np.exp(shift)

    def cost(free):  # the last logit is 0: a shift of all logits changes nothing
        return (q * w * losses(np.append(free, 0.0))).sum()

    start = link.logits(q)
    found = minimize(cost, start[:2] - start[2] + 0.1, method="BFGS", options={"gtol": 1e-9})
    np.testing.assert_allclose(link.to_probability(np.append(found.x, 0.0)), q, atol=1e-4)


@pytest.mark.parametrize("kind", [SoftmaxLink, CategoricalFocalLink])
@settings(max_examples=15, deadline=None)
@given(shares, st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_class_logits_is_the_inverse(kind, q, shift):
    link = kind(shift)
    np.testing.assert_allclose(link.to_probability(link.logits(q)), q, rtol=1e-6)
    np.testing.assert_allclose(link.to_probability(link.logits(q)).sum(), 1.0)


def test_focal_of_two_classes_is_binary_focal():
    z = np.linspace(-8, 8, 33)
    both = np.stack([np.zeros_like(z), z], axis=-1)
    for gamma in (0.0, 0.5, 2.0):
        odds = CategoricalFocalLink(gamma=gamma).log_odds(both)
        np.testing.assert_allclose(odds[:, 1], FocalLink(gamma=gamma).log_odds(z), atol=1e-9)
        np.testing.assert_allclose(odds[:, 0], -odds[:, 1], atol=1e-9)


@pytest.mark.parametrize("kind", [SoftmaxLink, CategoricalFocalLink])
def test_far_class_logits_are_finite_and_in_order(kind):
    rows = [[1e4, 0.0, -1e4], [0.0, 0.0, 0.0], [-1e4, -1e4, 1e4], [30.0, 31.0, -700.0]]
    link = kind([0.0, 1.0, -1.0])
    odds, q = link.log_odds(rows), link.to_probability(rows)
    assert np.isfinite(odds).all()
    np.testing.assert_allclose(q.sum(-1), 1.0)
    z = np.linspace(-1e4, 1e4, 501)
    one_moves = np.stack([z, np.zeros_like(z), np.zeros_like(z)], axis=-1)
    assert (np.diff(link.log_odds(one_moves)[:, 0]) > 0).all()


def test_one_weight_for_all_classes_changes_nothing():
    z = np.array([[0.3, -1.0, 2.0]])
    for kind in (SoftmaxLink, CategoricalFocalLink):
        np.testing.assert_allclose(kind(1.7).log_odds(z), kind().log_odds(z))


def test_every_link_is_registered_and_sigmoid_without_focus():
    assert set(LINKS) == {name for name in LINKS if LINKS[name].__name__ == name}
    z = np.linspace(-30, 30, 61)
    for link in (
        FocalLink(gamma=0.0),
        AsymmetricLink(gamma_pos=0.0, gamma_neg=0.0, margin=0.0),
        NegativeToleranceLink(lambda_=1.0, gamma=0.0),
        LDAMLink(scale=1.0),
        PropensityLink(),
    ):
        np.testing.assert_allclose(link.log_odds(z), z, atol=1e-9)
        np.testing.assert_allclose(link.to_probability(z), np.exp(log_expit(z)), rtol=1e-9)

"""Curves by compiled loops, by NumPy and by definition; pools sorted in pieces; threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise._kernels import ranking
from equipoise._kernels.ranking import Cells
from equipoise._kernels.threads import map_in_threads, thread_count


def draw_cells(seed, n, dtype, kind="mixed", masked=False, per=0):
    """Cells with scores of a kind; `per` > 0 gives weights, a fifth of them 0."""
    rng = np.random.default_rng(seed)
    scores = {
        "mixed": rng.normal(size=n),
        "ties": rng.integers(-3, 4, size=n) / 2,
        "constant": np.full(n, 0.25),
        "tiny": rng.normal(size=n) * 1e-40,  # subnormal in float32
        "extreme": rng.choice([-np.inf, -1e30, -0.0, 0.0, 1e30, np.inf], size=n),
    }[kind].astype(dtype)
    positive = (rng.random(n) < rng.choice([0.05, 0.5])).astype(np.uint8)
    cells = Cells(scores, positive)
    if masked:
        cells = cells._replace(known=rng.random(n) < 0.8)
    if per:
        weights = rng.random(-(-n // per)) * (rng.random(-(-n // per)) < 0.8)
        cells = cells._replace(weights=weights, per=per)
    return cells


def assert_same(a, b):
    for name, left, right in zip(a._fields, a, b, strict=True):
        np.testing.assert_array_equal(left, right, err_msg=name)


def by_definition(cells):
    """(score, below, tp, fp_before, fp) at each distinct score of a positive."""
    n = len(cells.scores)
    weights = np.repeat(cells.weights, cells.per)[:n] if len(cells.weights) else np.ones(n)
    keep = (weights > 0) & (cells.known if len(cells.known) else True)
    s, y, w = cells.scores[keep].astype(float), cells.positive[keep], weights[keep]
    rows = []
    for score in sorted(set(s[y == 1].tolist()), reverse=True):
        below = max(s[s < score].tolist(), default=-np.inf)
        rows.append(
            (
                score,
                below,
                w[(s >= score) & (y == 1)].sum(),
                w[(s > score) & (y == 0)].sum(),
                w[(s >= score) & (y == 0)].sum(),
            )
        )
    return np.array(rows).reshape(-1, 5).T


KINDS = ["mixed", "ties", "constant", "tiny", "extreme"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("per", [0, 1, 3])
def test_compiled_curve_is_the_numpy_curve_is_the_definition(dtype, kind, masked, per):
    for seed, n in enumerate([1, 2, 7, 60, 300]):
        cells = draw_cells(seed, n * max(per, 1), dtype, kind, masked, per)
        compiled = ranking.curve(cells, ranking.new_workspace(len(cells.scores)), with_scores=True)
        plain = ranking.curve_numpy(cells, with_scores=True)
        assert_same(compiled, plain)
        score, below, tp, fp_before, fp = by_definition(cells)
        np.testing.assert_array_equal(plain.score, score)
        np.testing.assert_array_equal(plain.below, below)
        np.testing.assert_allclose(plain.tp, tp, rtol=1e-13)
        np.testing.assert_allclose(plain.fp_before, fp_before, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(plain.fp, fp, rtol=1e-13, atol=1e-13)
        np.testing.assert_allclose(plain.gained.sum(), plain.positive, atol=1e-12)


def test_64_bit_scores_that_differ_in_the_last_bit_are_not_tied():
    scores = np.nextafter(0.5, [0.0, 1.0, 0.5])  # below, above and at one half
    for workspace in (None, ranking.new_workspace(3)):
        found = ranking.curve(Cells(scores, np.array([1, 0, 1], np.uint8)), workspace)
        np.testing.assert_array_equal(found.fp_before, [1, 1])
        np.testing.assert_array_equal(found.tp, [1, 2])


def test_negative_zero_is_tied_with_zero():
    for dtype in (np.float32, np.float64):
        cells = Cells(np.array([0.0, -0.0, -0.0], dtype), np.array([1, 0, 1], np.uint8))
        for workspace in (None, ranking.new_workspace(3)):
            found = ranking.curve(cells, workspace)
            np.testing.assert_array_equal(found.tp, [2])
            np.testing.assert_array_equal(found.fp_before, [0])


def test_scores_are_left_out_unless_asked_for():
    cells = draw_cells(0, 50, np.float32)
    for workspace in (None, ranking.new_workspace(50)):
        assert len(ranking.curve(cells, workspace).score) == 0
        assert len(ranking.curve(cells, workspace).tp) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_compiled_histogram_is_the_numpy_histogram(dtype):
    for kind in KINDS:
        cells = draw_cells(1, 400, dtype, kind, masked=True, per=2)
        bits = 8 * np.dtype(dtype).itemsize
        whole = ranking.KeyRange(0, 2**bits - 1)
        compiled = ranking.histogram(cells, whole, bits - 16)
        plain = ranking.histogram_numpy(cells, whole, bits - 16)
        for left, right in zip(compiled, plain, strict=True):
            np.testing.assert_allclose(left, right, rtol=1e-13)
        part = ranking.KeyRange(2 ** (bits - 2), 2 ** (bits - 1) - 1)
        inside, plain = (f(cells, part, 0)[0] for f in (ranking.histogram, ranking.histogram_numpy))
        np.testing.assert_array_equal(inside, plain)


def ap_term(c):
    return float(c.gained @ (c.tp / (c.tp + c.fp)))


def pairs_term(c):
    return float(c.gained @ (c.negative - (c.fp_before + c.fp) / 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("limit", [1, 7, 100])
def test_pieces_of_a_pool_add_up_to_the_whole(dtype, kind, limit):
    for per in (0, 4):
        cells = draw_cells(3, 400, dtype, kind, masked=True, per=per)
        whole = ranking.whole_curve(cells)
        pieces, positive, negative = ranking.plan_pieces(cells, limit)
        assert positive == pytest.approx(whole.positive, abs=1e-12)
        assert negative == pytest.approx(whole.negative, abs=1e-12)
        work = ranking.new_workspace(limit)  # a piece that is too long would not fit
        parts = [ranking.piece_curve(cells, p, positive, negative, work) for p in pieces]
        for name in ("tp", "fp_before", "fp", "gained"):
            joined = np.concatenate([getattr(part, name) for part in parts] or [np.empty(0)])
            np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-12, atol=1e-12)
        for term in (ap_term, pairs_term):
            assert sum(map(term, parts)) == pytest.approx(term(whole), rel=1e-12, abs=1e-12)


def test_a_pool_in_pieces_has_the_value_of_the_pool_at_once(monkeypatch):
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.normal(size=150_000), np.zeros(100_000)]).astype(np.float32)
    cells = Cells(scores, (rng.random(250_000) < 0.1).astype(np.uint8))
    whole = ranking.sum_over_curve(cells, ap_term)
    pieces = ranking.sum_over_curve(cells, ap_term, piece=20_000)
    assert pieces == pytest.approx(whole, rel=1e-12)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert ranking.sum_over_curve(cells, ap_term, piece=20_000) == pieces


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(width=32, allow_nan=False), st.booleans()), max_size=30))
def test_any_float32_scores_are_sorted_alike(pairs):
    scores = np.array([s for s, _ in pairs], dtype=np.float32)
    positive = np.array([y for _, y in pairs], dtype=np.uint8)
    for dtype in (np.float32, np.float64):
        cells = Cells(scores.astype(dtype), positive)
        compiled = ranking.curve(cells, ranking.new_workspace(len(pairs)), with_scores=True)
        assert_same(compiled, ranking.curve_numpy(cells, with_scores=True))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_return_results_in_order_each_with_its_own_workspace(n_threads):
    spaces = []

    def new_workspace():
        spaces.append([])
        return spaces[-1]

    def work(i, space):
        space.append(i)
        return i

    found = map_in_threads(work, 7, new_workspace=new_workspace, n_threads=n_threads)
    assert found == list(range(7))
    assert len(spaces) == n_threads
    assert sorted(i for space in spaces for i in space) == list(range(7))


def test_threads_raise_what_was_raised():
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda i, _: 1 // (i - 2), 4, new_workspace=list, n_threads=2)


def test_thread_count_keeps_to_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_count(50) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= thread_count(50) <= 8
    assert thread_count(1) == 1

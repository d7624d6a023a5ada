"""Curves by compiled loops, by NumPy and by definition; long curves in pieces; threads."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise._kernels import cuts, ranking
from equipoise._kernels.counts import are_zero_one
from equipoise._kernels.cuts import all_cuts, best_cuts
from equipoise._kernels.label_sums import (
    label_sums,
    label_sums_numpy,
    pairs_in_order,
    precision_gained,
)
from equipoise._kernels.outcomes import outcome_counts, outcome_counts_numpy
from equipoise._kernels.ranking import NO_MASK, Cells, curve_numpy
from equipoise._kernels.threads import label_blocks, map_in_threads, thread_count


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
        known = rng.random(n) < 0.8
        cells = cells._replace(known=known, positive=cells.positive * known)
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
        compiled = ranking.curve(cells, compiled=True, with_scores=True)
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
    for compiled in (False, True):
        found = ranking.curve(Cells(scores, np.array([1, 0, 1], np.uint8)), compiled=compiled)
        np.testing.assert_array_equal(found.fp_before, [1, 1])
        np.testing.assert_array_equal(found.tp, [1, 2])


def test_negative_zero_is_tied_with_zero():
    for dtype in (np.float32, np.float64):
        cells = Cells(np.array([0.0, -0.0, -0.0], dtype), np.array([1, 0, 1], np.uint8))
        for compiled, weights in itertools.product((False, True), (np.empty(0), np.ones(3))):
            found = ranking.curve(cells._replace(weights=weights), compiled=compiled)
            np.testing.assert_array_equal(found.tp, [2])
            np.testing.assert_array_equal(found.fp_before, [0])


def test_scores_are_left_out_unless_asked_for():
    cells = draw_cells(0, 50, np.float32)
    for compiled in (False, True):
        assert len(ranking.curve(cells, compiled=compiled).score) == 0
        assert len(ranking.curve(cells, compiled=compiled).tp) > 0


def ap_term(c):
    return float(c.gained @ (c.tp / (c.tp + c.fp)))


def pairs_term(c):
    return float(c.gained @ (c.negative - (c.fp_before + c.fp) / 2))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("piece", [1, 2, 7, 1000])
def test_pieces_of_a_curve_add_up_to_the_whole(monkeypatch, dtype, kind, piece):
    monkeypatch.setattr(ranking, "PIECE", piece)
    for per in (0, 4):
        for n in (4, 28, 400):
            cells = draw_cells(3, n, dtype, kind, masked=True, per=per)
            lengths = []

            def joined(c, lengths=lengths):
                lengths.append(len(c.tp))
                return np.array([ap_term(c), pairs_term(c)])

            found, positive, negative = ranking.sum_over_curve(cells, joined, compiled=True)
            assert max(lengths) <= piece
            whole = ranking.curve(cells, compiled=False)
            assert sum(lengths) == len(whole.tp)
            assert (positive, negative) == (whole.positive, whole.negative)
            wanted = [ap_term(whole), pairs_term(whole)]
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
            plain, *_ = ranking.sum_over_curve(cells, joined, compiled=False)
            np.testing.assert_allclose(plain, wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_many_weighted_cells_sorted_range_by_range_are_as_sorted_at_once(monkeypatch, dtype, kind):
    for per in (1, 4):
        cells = draw_cells(5, 400, dtype, kind, masked=True, per=per)
        wanted = ranking.sum_over_curve(cells, ap_term, compiled=False)
        pairs = ranking.sum_over_curve(cells, pairs_term, compiled=False)
        monkeypatch.setattr(ranking, "LARGE", 10)
        for compiled in (False, True):
            found = ranking.sum_over_curve(cells, ap_term, compiled=compiled)
            np.testing.assert_allclose(found, wanted, rtol=1e-12)
            found = ranking.sum_over_curve(cells, pairs_term, compiled=compiled)
            np.testing.assert_allclose(found, pairs, rtol=1e-12, atol=1e-12)
        monkeypatch.undo()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(width=32, allow_nan=False), st.booleans()), max_size=30))
def test_any_float32_scores_are_sorted_alike(pairs):
    scores = np.array([s for s, _ in pairs], dtype=np.float32)
    positive = np.array([y for _, y in pairs], dtype=np.uint8)
    for dtype in (np.float32, np.float64):
        cells = Cells(scores.astype(dtype), positive)
        compiled = ranking.curve(cells, compiled=True, with_scores=True)
        assert_same(compiled, ranking.curve_numpy(cells, with_scores=True))


@pytest.mark.parametrize("n_threads", [1, 3])
def test_threads_return_results_in_order_each_with_a_workspace_of_its_own(n_threads):
    spaces = []

    def new_workspace():
        spaces.append([])
        return spaces[-1]

    def work(i, space):
        space.append(i)
        return i * i

    found = map_in_threads(work, 7, new_workspace=new_workspace, n_threads=n_threads)
    assert found == [i * i for i in range(7)]
    assert len(spaces) == n_threads
    assert sorted(i for space in spaces for i in space) == list(range(7))
    assert map_in_threads(work, 0, new_workspace=new_workspace, n_threads=n_threads) == []


def test_threads_raise_what_was_raised():
    with pytest.raises(ZeroDivisionError):
        map_in_threads(lambda i, _: 1 // (i - 2), 4, new_workspace=list, n_threads=2)


def test_blocks_hold_every_label_once():
    for n_rows in (1, 1000, 200_000, 3_000_000):
        for n_labels in (1, 2, 7, 16, 20, 100, 1000):
            blocks, n_threads = label_blocks(n_rows, n_labels)
            assert [j for first, last in blocks for j in range(first, last)] == [*range(n_labels)]
            assert 1 <= n_threads <= n_labels
            assert max(last - first for first, last in blocks) <= 16


def test_thread_count_keeps_to_the_environment(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_count(50) == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert 1 <= thread_count(50) <= 8
    assert thread_count(1) == 1


@pytest.mark.parametrize("n_threads", ["1", "2", "8"])
def test_outcomes_of_large_arrays_are_counted_in_parts(monkeypatch, n_threads):
    monkeypatch.setenv("OMP_NUM_THREADS", n_threads)
    rng = np.random.default_rng(0)
    y, p = (rng.random((2, 30_001, 101)) < 0.6).astype(np.uint8)
    np.testing.assert_array_equal(outcome_counts(y, p), outcome_counts_numpy(y, p))


@pytest.mark.parametrize("shape", [(0, 3), (4, 5), (60_000, 101)])
def test_bytes_that_are_not_all_zero_or_one_are_found_wherever_they_are(shape):
    values = (np.random.default_rng(0).random(shape) < 0.5).astype(np.uint8)
    for form in (values, np.asfortranarray(values), values[::2]):
        assert are_zero_one(form)
    for place in (0, values.size // 2, values.size - 1)[: values.size]:
        wrong = values.copy()
        wrong.reshape(-1)[place] = 2
        assert not are_zero_one(wrong)
        assert not are_zero_one(np.asfortranarray(wrong))


@pytest.mark.parametrize("shape", [(4, 5), (60_000, 101)])
@pytest.mark.parametrize("value", [2, 128, 255, 254])
def test_outcomes_of_other_bytes_than_zero_and_one_are_not_counted(shape, value):
    y, p = (np.random.default_rng(0).random((2, *shape)) < 0.5).astype(np.uint8)
    assert outcome_counts(y, p) is not None
    for wrong in (y, p):
        for place in (0, y.size // 2, y.size - 1):
            before = wrong.flat[place]
            wrong.flat[place] = value
            assert outcome_counts(y, p) is None
            wrong.flat[place] = before


def test_compiled_outcome_counts_are_the_numpy_counts():
    from equipoise._kernels import outcomes_numba

    rng = np.random.default_rng(0)
    for n_rows, n_labels in ((1, 1), (255, 3), (256, 1), (1000, 7)):
        y, p = rng.integers(0, 2, size=(2, n_rows, n_labels)).astype(np.uint8)
        compiled = outcomes_numba.outcome_counts(y, p)
        np.testing.assert_array_equal(compiled[:3], outcome_counts_numpy(y, p))
        wanted = [(y & p).sum(0), y.sum(0), p.sum(0), (y | p).max(0)]
        np.testing.assert_array_equal(compiled, wanted)
    y, p = rng.integers(0, 2, size=(2, 70_000, 3)).astype(np.uint8)
    for form in (y, np.asfortranarray(y), y[::1, ::-1]):
        np.testing.assert_array_equal(outcome_counts(form, p), outcome_counts_numpy(form, p))


def draw_matrix(seed, n, n_labels, dtype, kind, masked):
    columns = [draw_cells(seed + j, n, dtype, kind, masked) for j in range(n_labels)]
    known = np.stack([c.known for c in columns], axis=1) if masked else None
    scores, positive = (np.stack([c[i] for c in columns], axis=1) for i in (0, 1))
    return scores, positive, known


def columns_of(scores, positive, known):
    for j in range(scores.shape[1]):
        yield scores[:, j], positive[:, j], NO_MASK if known is None else known[:, j]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_sums_of_all_labels_at_once_are_those_of_their_curves(monkeypatch, dtype, kind, masked):
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    for n, n_labels in ((1, 1), (7, 3), (300, 20), (700, 2)):
        matrix = draw_matrix(n, n, n_labels, dtype, kind, masked)
        curves = [curve_numpy(Cells(*column)) for column in columns_of(*matrix)]
        wanted = [(pairs_in_order(c), precision_gained(c), c.positive, c.negative) for c in curves]
        for sums in (label_sums, label_sums_numpy):
            np.testing.assert_allclose(sums(*matrix), wanted, rtol=1e-12, atol=1e-12)


def f1(tp, fp, positive, negative):
    return 2 * tp / np.maximum(tp + fp + positive, 1)


def youden(tp, fp, positive, negative):
    return tp / np.maximum(positive, 1) - fp / np.maximum(negative, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [f1, youden])
def test_the_part_with_the_best_cut_is_that_part_of_the_whole_curve(
    monkeypatch, dtype, kind, value
):
    monkeypatch.setattr(cuts, "_LABELS", 3)
    for seed, n in enumerate([1, 2, 7, 60, 300, 3000]):
        scores, positive, known = draw_matrix(seed, n, 5, dtype, kind, masked=seed % 2 == 1)
        scores = (scores + np.where(np.isfinite(scores), positive, 0)).astype(dtype)
        limits = float(scores.min()), float(scores.max())
        column = 0
        for part in best_cuts(scores, positive, known, limits, value):
            for label, (start, stop) in enumerate(itertools.pairwise(part.starts)):
                mask = ranking.NO_MASK if known is None else known[:, column]
                cells = Cells(scores[:, column], positive[:, column], mask)
                whole = all_cuts(ranking.curve_numpy(cells, with_scores=True))
                assert part.positive[label] == whole.positive[0]
                assert part.negative[label] == whole.negative[0]
                own = [getattr(part, name)[start:stop] for name in ("score", "below", "tp", "fp")]
                assert_part(own, whole, value)
                column += 1
        assert column == 5


def assert_part(own, whole, value):
    """`own` are the arrays of consecutive cuts of `whole`, all the best among them."""
    assert (len(own[0]) == 0) == (len(whole.tp) == 0)
    if len(whole.tp) == 0:
        return
    start = int(np.flatnonzero(whole.tp == own[2][0])[0])
    here = slice(start, start + len(own[0]))
    for found, name in zip(own, ("score", "below", "tp", "fp"), strict=True):
        np.testing.assert_array_equal(found, getattr(whole, name)[here])
    reached = value(whole.tp, whole.fp, whole.positive, whole.negative)
    if reached.max() > 0:
        best = np.flatnonzero(reached >= reached.max() - 1e-12)
        assert here.start <= best.min()
        assert best.max() < here.stop


def test_most_of_a_long_curve_is_never_sorted():
    rng = np.random.default_rng(0)
    positive = (rng.random((100_000, 1)) < 0.05).astype(np.uint8)
    scores = (1 / (1 + np.exp(3 - 2 * positive - rng.normal(size=positive.shape)))).astype("f4")
    (part,) = best_cuts(scores, positive, None, (0.0, 1.0), f1)
    assert len(part.tp) < 0.3 * np.count_nonzero(positive)

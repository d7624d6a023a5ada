"""Metrics of the k best-ranked labels of each row.

Labels of equal score are in no order, so each metric is its mean over all orders of them
(McSherry and Najork, ECIR 2008), which is what scikit-learn does in `ndcg_score`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput, check_choice, check_integer
from equipoise.exact import averaging
from equipoise.exact._row_ranks import row_weights
from equipoise.exact.averaging import Result, Score, WhenUndefined, ratio
from equipoise.exact.cells import ScoredCells, read_scored

Float = NDArray[np.float64]

_BLOCK = 1 << 20  # cells ranked at a time


def precision_at_k(
    y_true: Any,
    y_score: Any,
    k: int,
    *,
    average: Literal["samples"] | None = "samples",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Precision at k: how much of a row's k best-ranked labels it really has.

        P@k = mean over rows of |top k ∩ Y_i| / k

    Not for rows with fewer than k labels if 1 is to be reachable: nDCG@k allows for that. A row
    with fewer than k known labels is undefined.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        k: how many labels are looked at, at most L.
        average: "samples" for the mean, None for one value per row (NaN where undefined).
        sample_weight: (N,) or (N, 1) for rows.
        undefined: "skip" leaves undefined rows out and counts them in `Score.n_undefined`;
            "zero" counts them as 0.

    Returns:
        A `Score`, or an (N,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, k above L, weights of cells.
        Undefined: no row has k known labels.

    Examples:
        >>> precision_at_k([[1, 0, 1], [0, 1, 0]], [[.9, .1, .8], [.5, .4, .1]], k=2)
        0.75
        >>> precision_at_k([[1, 0, 0]], [[.5, .5, .5]], k=1)  # a tie of three
        0.3333333333333333
    """
    cells = _read(y_true, y_score, k, average, sample_weight, undefined)
    found, _ = _gains(cells, np.full(k, 1 / k), np.ones(cells.n_labels))
    return _over_rows(cells, found, average, undefined, "precision_at_k")


def ndcg_at_k(
    y_true: Any,
    y_score: Any,
    k: int,
    *,
    average: Literal["samples"] | None = "samples",
    sample_weight: Any = None,
    undefined: WhenUndefined = "skip",
) -> Result:
    """Normalised discounted cumulative gain at k: like precision at k, but early ranks count more.

        nDCG@k = mean over rows of  DCG@k / best DCG@k,   DCG@k = Σ_{r≤k} y_(r) / log₂(r + 1)

    Rows without labels are undefined (scikit-learn counts them as 0), and so are rows with fewer
    than k known labels.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        k: how many labels are looked at, at most L.
        average: "samples" for the mean, None for one value per row (NaN where undefined).
        sample_weight: (N,) or (N, 1) for rows.
        undefined: "skip" leaves undefined rows out and counts them in `Score.n_undefined`;
            "zero" counts them as 0.

    Returns:
        A `Score`, or an (N,) array with average=None.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, k above L, weights of cells.
        Undefined: no row has a label.

    Examples:
        >>> ndcg_at_k([[0, 1, 0], [0, 0, 0]], [[.9, .5, .1], [.1, .2, .3]], k=2)
        0.6309297535714575 (undefined for 1 row)

    Reference: Järvelin and Kekäläinen, ACM TOIS 20(4), 2002.
    """
    cells = _read(y_true, y_score, k, average, sample_weight, undefined)
    found, best = _gains(cells, _discounts(k), np.ones(cells.n_labels))
    return _over_rows(cells, ratio(found, best), average, undefined, "ndcg_at_k")


def propensity_precision_at_k(
    y_true: Any,
    y_score: Any,
    k: int,
    *,
    propensity: ArrayLike,
    normalize: bool = True,
    sample_weight: Any = None,
) -> Score:
    """Propensity-scored precision at k: a hit on a label that is seldom recorded counts more.

        PSP@k = mean over rows of (1/k) Σ_{l ∈ top k} y_l / p_l

    Normalised it is divided by the largest value that any ranking could reach, as the Extreme
    Classification Repository reports it. Not for labels that are complete: where a missing
    label truly means no, `precision_at_k` is the right measure.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        k: how many labels are looked at, at most L.
        propensity: (L,) probability in (0, 1] that a label that applies is recorded. The weight
            scheme "inverse_propensity" gives 1 / p from the counts of the training data.
        normalize: whether to divide by the best value.
        sample_weight: (N,) or (N, 1) for rows.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, k above L, a propensity outside (0, 1].
        Undefined: no row has k known labels, or normalised, none has a label.

    Examples:
        >>> propensity_precision_at_k([[1, 1]], [[.9, .1]], k=1, propensity=[.5, .25])
        0.5

    Reference: Jain, Prabhu and Varma, KDD 2016.
    """
    cells = _read(y_true, y_score, k, None, sample_weight, "skip")
    worth = 1 / _check_propensity(propensity, cells.n_labels)
    found, best = _gains(cells, np.full(k, 1 / k), worth)
    return _scored(cells, found, best, normalize, "propensity_precision_at_k")


def propensity_ndcg_at_k(
    y_true: Any,
    y_score: Any,
    k: int,
    *,
    propensity: ArrayLike,
    normalize: bool = True,
    sample_weight: Any = None,
) -> Score:
    """Propensity-scored nDCG at k: discounted gains, each divided by its label's propensity.

        PSnDCG@k = mean over rows of Σ_{r≤k} y_(r) / (p_(r) log₂(r + 1))  /  Σ_{r≤k} 1 / log₂(r + 1)

    Normalised it is divided by the largest value that any ranking could reach, as the Extreme
    Classification Repository reports it. Not for labels that are complete: see `ndcg_at_k`.

    Args:
        y_true: labels, anything `as_targets` reads.
        y_score: (N, L) scores, higher for more likely.
        k: how many labels are looked at, at most L.
        propensity: (L,) probability in (0, 1] that a label that applies is recorded.
        normalize: whether to divide by the best value.
        sample_weight: (N,) or (N, 1) for rows.

    Raises:
        InvalidInput: shapes that do not fit, NaN scores, k above L, a propensity outside (0, 1].
        Undefined: no row has k known labels, or normalised, none has a label.

    Examples:
        >>> propensity_ndcg_at_k([[1, 1]], [[.9, .1]], k=1, propensity=[.5, .25])
        0.5

    Reference: Jain, Prabhu and Varma, KDD 2016.
    """
    cells = _read(y_true, y_score, k, None, sample_weight, "skip")
    worth = 1 / _check_propensity(propensity, cells.n_labels)
    discounts = _discounts(k)
    found, best = _gains(cells, discounts / discounts.sum(), worth)
    return _scored(cells, found, best, normalize, "propensity_ndcg_at_k")


# ------------------------------------------------------------------------------------------ parts


def _read(
    y_true: Any, y_score: Any, k: int, average: str | None, sample_weight: Any, undefined: str
) -> ScoredCells:
    check_choice("average", average, ("samples", None))
    check_choice("undefined", undefined, ("skip", "zero"))
    cells = read_scored(y_true, y_score, sample_weight)
    if check_integer("k", k, minimum=1) > cells.n_labels:
        raise InvalidInput(
            f"`k` must be at most the number of labels, {cells.n_labels}.", received=k
        )
    if cells.weights is not None and cells.weights.shape[1] > 1:
        raise InvalidInput(
            "Metrics at k weigh rows, not cells.",
            received=f"sample_weight.shape={cells.weights.shape}",
            remedy="Pass (N,) weights; write NaN into y_true for cells that must not count.",
        )
    return cells


def _check_propensity(propensity: ArrayLike, n_labels: int) -> Float:
    p = np.asarray(propensity, dtype=np.float64)
    if p.shape != (n_labels,) or not ((p > 0) & (p <= 1)).all():
        raise InvalidInput(
            f"`propensity` must hold {n_labels} probabilities in (0, 1], one per label.",
            received=f"shape {p.shape}, values {np.array2string(p, threshold=6)}",
            remedy="Inverse propensities (at least 1) go in as 1 / them.",
        )
    return p


def _discounts(k: int) -> Float:
    return 1 / np.log2(np.arange(2, k + 2))


def _gains(cells: ScoredCells, discounts: Float, worth: Float) -> tuple[Float, Float]:
    """Returns (N,) Σ discount·worth over the top k hits, and the most that could be reached.

    NaN for rows with fewer than k known labels.
    """
    rows = max(1, _BLOCK // cells.n_labels)
    starts = range(0, cells.n_rows, rows)
    blocks = [_block_gains(cells, slice(s, s + rows), discounts, worth) for s in starts]
    found, best = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
    return found, best


def _block_gains(
    cells: ScoredCells, rows: slice, discounts: Float, worth: Float
) -> tuple[Float, Float]:
    k = len(discounts)
    scores, gains = cells.scores[rows], cells.positive[rows] * worth
    known = None if cells.known is None else cells.known[rows]
    if known is not None:
        scores = np.where(known, scores, -np.inf)
    top = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    top_scores = np.take_along_axis(scores, top, axis=1)
    order = np.argsort(-top_scores, axis=1, kind="stable")
    top_scores = np.take_along_axis(top_scores, order, axis=1)
    top_gains = np.take_along_axis(gains, np.take_along_axis(top, order, axis=1), axis=1)

    # Above the k-th score every tie is inside the top k: each of its cells has the mean discount.
    last = top_scores[:, -1:]
    above = top_scores > last
    found = np.where(above, top_gains * _tied(discounts, top_scores), 0.0).sum(axis=1)
    # The ties of the k-th score share the ranks that are left.
    tied = scores == last
    if known is not None:
        tied &= known
    n_above = above.sum(axis=1)
    left = np.cumsum(discounts[::-1])[::-1][n_above]
    found += left * np.where(tied, gains, 0.0).sum(axis=1) / np.maximum(tied.sum(axis=1), 1)

    best = np.einsum("ij,j->i", -np.sort(-gains, axis=1)[:, :k], discounts)
    if known is not None:
        few = known.sum(axis=1) < k
        found[few] = best[few] = np.nan
    return found, best


def _tied(discounts: Float, scores: NDArray[Any]) -> Float:
    """Returns each cell's discount, the mean over the cells of the row that have its score."""
    n, k = scores.shape
    new = np.ones((n, k), dtype=np.bool_)
    new[:, 1:] = scores[:, 1:] != scores[:, :-1]
    group = np.cumsum(new.reshape(-1)) - 1  # runs through all rows; each row starts a group
    sums = np.bincount(group, weights=np.tile(discounts, n))
    return (sums / np.bincount(group))[group].reshape(n, k)


def _over_rows(
    cells: ScoredCells, values: Float, average: str | None, undefined: str, metric: str
) -> Result:
    weights = row_weights(cells)
    if average is None:
        fill = np.isnan(values) & (weights > 0) & (undefined == "zero")
        return np.where(fill, 0.0, values)
    return averaging.over_rows(values, weights=weights, undefined=undefined, metric=metric)


def _scored(cells: ScoredCells, found: Float, best: Float, normalize: bool, metric: str) -> Score:
    weights = row_weights(cells)
    mean = averaging.over_rows(found, weights=weights, undefined="skip", metric=metric)
    if not normalize:
        return mean
    most = averaging.over_rows(best, weights=weights, undefined="skip", metric=metric)
    value = averaging.of_pool(
        float(ratio(float(mean), float(most))), undefined="skip", metric=metric
    )
    return Score(value, n_undefined=mean.n_undefined)

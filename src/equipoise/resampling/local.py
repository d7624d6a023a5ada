"""MLSOL and MLUL: rows made, or kept, where the neighbourhood contradicts a rare value."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import EquipoiseWarning, check_choice, check_integer
from equipoise.resampling._amount import Amount, read_amount, shortest_prefix, warn_short
from equipoise.resampling._base import Drawn, Resampler
from equipoise.resampling._between import in_box
from equipoise.resampling._features import Features
from equipoise.resampling._kept import rows_left
from equipoise.resampling._local import local_imbalance
from equipoise.resampling._ratios import lonely_warning
from equipoise.resampling._sparse import stacked
from equipoise.targets import Targets

Indices = NDArray[np.int64]

_CELLS = 1 << 20
_ROUNDS = 100

# How far from the row that holds the minority value a new row still gets it, by type: majority or
# unknown, safe, borderline, rare, outlier.
REACH = np.array([0.5, 0.5, 0.75, np.inf, -np.inf])


class MLSOL(Resampler):
    """Makes rows where neighbours contradict a rare value, its labels by how near they lie.

        C_ij = share of the n_neighbors nearest rows with another value of label j
        w_i = sum_j C_ij / sum_i C_ij  over cells with the rarer value and C_ij < 1
        seeds drawn by w, the other row r among the seed's neighbours; x_f = s_f + u_f (r_f − s_f)
        where labels differ, that of the row with the rarer value if d(x, it) / (d(x, s) + d(x, r))
        <= 0.5 (safe, C < .3), 0.75 (borderline, C < .7), always (rare), never (outlier, C = 1)

    Not for a label whose positives have no other positive nearby: C is 1 for all of them, and
    they get no seed (a warning names labels with one positive). Standardize numbers first.
    Nominal values are those of the nearer row, and count 1 in d where the two rows differ.
    Unknown cells have no C; a new row between a known and an unknown cell gets that of the nearer.

    Args:
        n_neighbors: number of neighbours k.
        percentage: new rows, in percent of the rows; 30 if nothing else is said.
        n_new: number of new rows.
        mean_ir: stop as soon as the mean imbalance ratio is this low; alone, at most as many rows
            as there are already.
        unlabelled: "keep" new rows without any label, as published, or "drop" them and make
            others.
        nominal_features: nominal columns of X, as for `MLSMOTE`.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, an X without distances, y of classes.

    Examples:
        >>> X = np.arange(12.0).reshape(12, 1)
        >>> y = np.array([[0], [0], [1], [0], [1], [0], [0], [1], [1], [0], [0], [0]])
        >>> sampler = MLSOL(n_neighbors=3, n_new=4, random_state=0)
        >>> X_more, y_more = sampler.fit_resample(X, y)
        >>> X_more.shape, y[sampler.sample_indices_[12:]].ravel()
        ((16, 1), array([1, 1, 1, 1]))

    Reference: Liu and Tsoumakas, ECML PKDD 2019, algorithms 1 to 4; Liu, Blekas and Tsoumakas,
    Pattern Recognition 122, 2022.
    """

    _rewrites_labels = True

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        percentage: float | None = None,
        n_new: int | None = None,
        mean_ir: float | None = None,
        unlabelled: Literal["keep", "drop"] = "keep",
        nominal_features: Any = None,
        random_state: Any = None,
    ):
        self.n_neighbors = n_neighbors
        self.percentage = percentage
        self.n_new = n_new
        self.mean_ir = mean_ir
        self.unlabelled = unlabelled
        self.nominal_features = nominal_features
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        k = check_integer("n_neighbors", self.n_neighbors, minimum=1)
        check_choice("unlabelled", self.unlabelled, ("keep", "drop"))
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_new,
            count_name="n_new",
            mean_ir=self.mean_ir,
            default=30,
        )
        features = Features(X, self.nominal_features)
        near = features.points(targets).nearest(k)
        local = local_imbalance(targets, near)
        _warn_lonely(targets)
        count = targets.n_rows if amount.count is None else amount.count
        maker = _Maker(features, targets, near, local.weights, local.types(), random)
        made = maker.rows(count, self.unlabelled == "drop")
        made = made.cut(_end(targets, made.labels, amount))
        warn_short(amount, len(made.seeds), "added", "no seed, or none that leads to a label")
        return Drawn(
            np.concatenate([np.arange(targets.n_rows), made.seeds]),
            targets.n_rows + np.arange(len(made.seeds)),
            made.labels,
            features.grown(made.seeds, made.features),
            len(made.seeds),
        )


class MLUL(Resampler):
    """Keeps rows by how much they matter to the rare values around them.

        v_i = w_i + mean over the rows m that have i among their neighbours of sum_j ±S_mj
        (+ where i and m have the same value of label j), raised so that the least is 0

    with w and S as in `MLSOL`. Rows are kept at random, without replacement, with probability in
    proportion to v; rows with v = 0 go first. Rows keep their order. Not where rows are few: a
    positive that no neighbour agrees with has no weight, and a rare label can lose all it has.

    Args:
        n_neighbors: number of neighbours k.
        percentage: rows to remove, in percent of all; 30 if nothing else is said.
        n_removed: number of rows to remove.
        mean_ir: stop as soon as the mean imbalance ratio is this low.
        min_kept: positives, and negatives, that each label keeps, or all it has if these are
            fewer; deletions are taken back for it, the last ones first. 0 as published.
        nominal_features: nominal columns of X, as for `MLSMOTE`.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, an X without distances.

    Examples:
        >>> X = np.arange(12.0).reshape(12, 1)
        >>> y = np.array([[0], [0], [1], [0], [1], [0], [0], [1], [1], [0], [0], [0]])
        >>> MLUL(n_neighbors=3, n_removed=4, random_state=0).fit_resample(X, y)[1].sum()
        np.int64(4)

    Reference: Liu, Blekas and Tsoumakas, Pattern Recognition 122, 2022, section 4.
    """

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        percentage: float | None = None,
        n_removed: int | None = None,
        mean_ir: float | None = None,
        min_kept: int = 0,
        nominal_features: Any = None,
        random_state: Any = None,
    ):
        self.n_neighbors = n_neighbors
        self.percentage = percentage
        self.n_removed = n_removed
        self.mean_ir = mean_ir
        self.min_kept = min_kept
        self.nominal_features = nominal_features
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        k = check_integer("n_neighbors", self.n_neighbors, minimum=1)
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_removed,
            count_name="n_removed",
            mean_ir=self.mean_ir,
            default=30,
            removes=True,
        )
        near = Features(X, self.nominal_features).points(targets).nearest(k)
        local = local_imbalance(targets, near)
        value = local.weights + local.influence(targets)
        value -= min(float(value.min()), 0.0)
        # The n largest of u^(1/v) are a weighted draw of n without replacement (Efraimidis and
        # Spirakis, 2006); in logs, for small v.
        with np.errstate(divide="ignore"):
            key = np.log(random.random(len(value))) / value
        order = np.lexsort((random.random(len(value)), key))
        removed = order[: amount.bounded(targets.n_rows - 1)]
        positives = targets.positives()
        counts = np.bincount(positives.indices, minlength=targets.n_labels)
        end = shortest_prefix(counts, positives[removed], amount.mean_ir, sign=-1)
        return Drawn(rows_left(targets, removed[:end], self.min_kept))


class _Made:
    """New rows of MLSOL: seeds, their labels, and their features, which were made with them."""

    def __init__(self, seeds: Indices, labels: Targets, numbers: Any, sources: Any):
        self.seeds, self.labels = seeds, labels
        self._numbers, self._sources = numbers, sources

    def cut(self, end: int) -> _Made:
        part = np.arange(end)
        if end == len(self.seeds):
            return self
        sources = None if self._sources is None else self._sources[part]
        return _Made(self.seeds[part], self.labels.take(part), self._numbers[part], sources)

    def features(self, start: int, stop: int) -> tuple[Any, Any]:
        sources = None if self._sources is None else self._sources[start:stop]
        return self._numbers[start:stop], sources


class _Maker:
    """Draws seeds and other rows, and makes a row between each two."""

    def __init__(
        self,
        features: Features,
        targets: Targets,
        near: Indices,
        weights: NDArray[np.float64],
        types: sparse.csr_array,
        random: np.random.Generator,
    ):
        self._features, self._targets, self._near = features, targets, near
        self._cumulated = np.cumsum(weights)
        self._types, self._random = types, random
        self._spread = features.spread()

    def rows(self, count: int, drop_unlabelled: bool) -> _Made:
        """Makes so many rows; fewer if there is no seed, or if none gets a label."""
        parts: list[_Made] = [self._block(0)]
        if not len(self._cumulated) or self._cumulated[-1] == 0:
            return parts[0]
        width = self._features.numeric.shape[1] + self._targets.n_labels
        step = max(1, _CELLS // width)
        rounds = 0
        while count and rounds < _ROUNDS:
            block = self._block(min(count, step))
            if drop_unlabelled:
                labelled = np.flatnonzero(np.diff(block.labels.positives().indptr))
                rounds = 0 if len(labelled) else rounds + 1
                block = self._only(block, labelled)
            parts.append(block)
            count -= len(block.seeds)
        return self._joined(parts)

    def _block(self, count: int) -> _Made:
        top = self._cumulated[-1] if len(self._cumulated) else 0
        seeds = np.searchsorted(self._cumulated, self._random.random(count) * top, side="right")
        seeds = np.minimum(seeds, len(self._near) - 1).astype(np.int64)
        pick = (self._random.random(count) * self._near.shape[1]).astype(np.int64)
        others = self._near[seeds, pick] if count else np.empty(0, np.int64)
        numbers, near_seed, near_other = in_box(
            self._features.numeric, seeds, others, self._spread, self._random
        )
        sources = self._sources(seeds, others, near_seed, near_other)
        far = np.sqrt(near_seed) + np.sqrt(near_other)
        share = np.divide(np.sqrt(near_seed), far, out=np.zeros(count), where=far > 0)
        return _Made(seeds, self._labels(seeds, others, share), numbers, sources)

    def _sources(self, seeds: Indices, others: Indices, near_seed: Any, near_other: Any) -> Any:
        """Nominal values come from either row, and move the new row by 1 where these differ."""
        nominal = self._features.nominal
        if nominal is None:
            return None
        take = self._random.random((len(seeds), nominal.shape[1])) < 0.5
        ours, theirs = nominal[seeds], nominal[others]
        if isinstance(nominal, np.ndarray):
            differs = ours != theirs
            result: Any = np.where(
                take & (theirs >= 0) & (ours >= 0), others[:, None], seeds[:, None]
            )
            took = differs & (result == others[:, None])
        else:
            ours, theirs = ours.toarray(), theirs.toarray()
            differs = ours != theirs
            took = differs & take
            result = sparse.csr_array(np.where(took, theirs, ours))
        near_seed += took.sum(axis=1)
        near_other += (differs & ~took).sum(axis=1)
        return result

    def _labels(self, seeds: Indices, others: Indices, share: NDArray[np.float64]) -> Targets:
        """Labels of new rows that lie this share of the way from seed to the other row."""
        ours, theirs = self._cells(seeds), self._cells(others)
        of_seed = self._types[seeds].toarray()
        of_other = self._types[others].toarray()
        share = share[:, None]
        # The row with the minority value decides; two unknown or majority cells: the nearer.
        by_seed = share <= REACH[of_seed]
        by_other = 1 - share <= REACH[of_other]
        keep = np.where((of_seed == 0) & (of_other > 0), ~by_other, by_seed)
        cells = np.where(keep | (ours == theirs), ours, theirs)
        values = sparse.csr_array((cells == 1).astype(np.uint8))
        unknown = None if self._targets.unknown is None else sparse.csr_array(cells == -1)
        names, task = self._targets.label_names, self._targets.task
        return Targets(values, unknown, names, task, values.shape)

    def _cells(self, rows: Indices) -> NDArray[np.int8]:
        part = self._targets.take(rows).to_dense()
        cells = np.asarray(part.values).astype(np.int8)
        if part.unknown is not None:
            cells[np.asarray(part.unknown)] = -1
        return cells

    @staticmethod
    def _only(made: _Made, rows: Indices) -> _Made:
        numbers, sources = made.features(0, len(made.seeds))
        sources = None if sources is None else sources[rows]
        return _Made(made.seeds[rows], made.labels.take(rows), numbers[rows], sources)

    @staticmethod
    def _joined(parts: list[_Made]) -> _Made:
        seeds = np.concatenate([part.seeds for part in parts])
        first = parts[0].labels
        columns = [part.features(0, len(part.seeds)) for part in parts]
        values = stacked([part.labels.values for part in parts])
        unknown = None
        if first.unknown is not None:
            unknown = stacked([part.labels.unknown for part in parts])
        labels = Targets(values, unknown, first.label_names, first.task, values.shape)
        numbers = stacked([numbers for numbers, _ in columns])
        sources = None if columns[0][1] is None else stacked([sources for _, sources in columns])
        return _Made(seeds, labels, numbers, sources)


def _end(targets: Targets, labels: Targets, amount: Amount) -> int:
    positives = targets.positives()
    counts = np.bincount(positives.indices, minlength=targets.n_labels)
    return shortest_prefix(counts, labels.positives(), amount.mean_ir)


def _warn_lonely(targets: Targets) -> None:
    positives = targets.positives()
    counts = np.bincount(positives.indices, minlength=targets.n_labels)
    lonely = np.flatnonzero(counts == 1)
    if len(lonely) and targets.n_rows > 2:
        why = "for they have one positive, and no neighbour agrees with it"
        warnings.warn(
            lonely_warning(targets.label_names, lonely, why), EquipoiseWarning, stacklevel=4
        )

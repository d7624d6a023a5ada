"""MLSMOTE: new rows between neighbours that share a rare label."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import EquipoiseWarning, check_choice, check_integer
from equipoise.resampling._amount import Amount, read_amount, shortest_prefix, warn_short
from equipoise.resampling._base import Drawn, Resampler
from equipoise.resampling._between import codes_of, majority_of, on_segment, sparse_majority_of
from equipoise.resampling._features import Features
from equipoise.resampling._ratios import lonely_warning, rare_labels
from equipoise.resampling._sparse import cells_where
from equipoise.targets import Targets

Indices = NDArray[np.int64]


class MLSMOTE(Resampler):
    """Makes rows between a row that has a rare label and a neighbour that has it too.

        rare: irlbl_l > mean_ir;  x = s + u · (r − s),  u uniform in [0, 1)

    s runs through the rows of each rare label, r is drawn from the `n_neighbors` nearest rows
    *of that label*, and nominal values are the mode of these neighbours. Labels are judged over
    the seed and its neighbours; the rare label is always among them.

    Not for a label with a single positive, which has no neighbour (a warning names it), and not
    for features in which the middle of two rows means nothing. Standardize numbers first:
    distances are Euclidean in the features as given. With nominal features they are
    heterogeneous: numbers in units of four standard deviations, nominal values by the value
    difference metric over all labels. Missing numbers are left out of distances, and are missing
    where the seed's are.

    Args:
        n_neighbors: number of neighbours k; fewer where a label has fewer rows.
        labels: "ranking" takes labels that at least half of seed and neighbours have, "union"
            those that any has, "intersection" those that all have. Unknown ones do not vote.
        nominal_features: nominal columns of X: indices, names, a mask or "all". Text, categories
            and booleans of a data frame always are.
        percentage: new rows, in percent of the rows; by default each row of each rare label is
            seed once.
        n_new: number of new rows. More than there are seeds goes through the seeds again.
        mean_ir: stop as soon as the mean imbalance ratio is this low.
        random_state: None, a seed, or a NumPy generator.

    Raises:
        InvalidInput: options out of their range, X without columns, text that is not named as
            nominal, infinite numbers, y of classes.

    Examples:
        >>> X = np.array([[0.0], [1.0], [2.0], [10.0], [14.0]])
        >>> y = np.array([[1, 0], [1, 0], [1, 0], [1, 1], [1, 1]])
        >>> X_more, y_more = MLSMOTE(random_state=0).fit_resample(X, y)
        >>> bool((X_more[5:] >= 10).all() and (X_more[5:] <= 14).all()), y_more[5:].tolist()
        (True, [[1, 1], [1, 1]])

    Reference: Charte et al., Knowledge-Based Systems 89, 2015, algorithms 1 and 2.
    """

    _rewrites_labels = True

    def __init__(
        self,
        *,
        n_neighbors: int = 5,
        labels: Literal["ranking", "union", "intersection"] = "ranking",
        nominal_features: Any = None,
        percentage: float | None = None,
        n_new: int | None = None,
        mean_ir: float | None = None,
        random_state: Any = None,
    ):
        self.n_neighbors = n_neighbors
        self.labels = labels
        self.nominal_features = nominal_features
        self.percentage = percentage
        self.n_new = n_new
        self.mean_ir = mean_ir
        self.random_state = random_state

    def _draw(self, X: Any, targets: Targets, random: np.random.Generator) -> Drawn:
        k = check_integer("n_neighbors", self.n_neighbors, minimum=1)
        check_choice("labels", self.labels, ("ranking", "union", "intersection"))
        amount = read_amount(
            targets.n_rows,
            percentage=self.percentage,
            count=self.n_new,
            count_name="n_new",
            mean_ir=self.mean_ir,
            default=None,
        )
        features = Features(X, self.nominal_features)
        bags = _bags(features, targets, k)
        voted = vote(targets, bags, self.labels)
        chosen = _chosen(targets, voted, amount, random)
        seeds, table = bags.seeds[chosen], bags.table[chosen]
        reference = (random.random(len(chosen)) * bags.sizes[chosen]).astype(np.int64)
        others = table[np.arange(len(chosen)), reference]
        share = random.random(len(chosen))

        def make(start: int, stop: int) -> tuple[Any, Any]:
            part = slice(start, stop)
            numbers = on_segment(features.numeric, seeds[part], others[part], share[part])
            return numbers, _modes(features, seeds[part], table[part])

        n_new = len(chosen)
        return Drawn(
            np.concatenate([np.arange(targets.n_rows), seeds]),
            targets.n_rows + np.arange(n_new),
            voted.take(chosen),
            features.grown(seeds, make),
            n_new,
        )


@dataclass(frozen=True)
class Bags:
    """Seeds of all rare labels, with their neighbours of the same label.

    Attributes:
        seeds: (m,) rows; a row that has two rare labels is there twice.
        table: (m, k) neighbours, nearest first; −1 where there are fewer.
        sizes: (m,) number of neighbours.
    """

    seeds: Indices
    table: Indices
    sizes: Indices


def _bags(features: Features, targets: Targets, k: int) -> Bags:
    columns = targets.positives().tocsc()
    rare = rare_labels(targets)
    counts = np.diff(columns.indptr)
    lonely = rare[counts[rare] < 2]
    if len(lonely):
        why = "for they have one positive, and no neighbour to go to"
        warnings.warn(
            lonely_warning(targets.label_names, lonely, why), EquipoiseWarning, stacklevel=4
        )
    rare = rare[counts[rare] >= 2]
    seeds: list[Indices] = [np.empty(0, np.int64)]
    tables: list[Indices] = [np.empty((0, k), np.int64)]
    points = features.points(targets) if len(rare) else None
    for label in rare.tolist():
        bag = columns.indices[columns.indptr[label] : columns.indptr[label + 1]].astype(np.int64)
        assert points is not None
        near = bag[points.subset(bag).nearest(k)]
        table = np.full((len(bag), k), -1, np.int64)
        table[:, : near.shape[1]] = near
        seeds.append(bag)
        tables.append(table)
    table = np.concatenate(tables)
    return Bags(np.concatenate(seeds), table, (table >= 0).sum(axis=1))


def vote(targets: Targets, bags: Bags, labels: str) -> Targets:
    """Returns the labels of a new row for each seed.

    Ranking asks those who know: half of them is enough, and a label is unknown where nobody
    knows. A union is unknown where nobody has the label and somebody may; an intersection where
    nobody lacks it and somebody may.
    """
    voters = np.column_stack([bags.seeds, bags.table])
    present = voters >= 0
    size = present.sum(axis=1)
    shape = (len(voters), targets.n_rows)
    ends = np.concatenate([[0], np.cumsum(size)])
    member = sparse.csr_array(
        (np.ones(len(voters[present]), np.int32), voters[present], ends), shape
    )
    votes = sparse.csr_array(member @ targets.positives().astype(np.int32))
    row = np.repeat(np.arange(len(voters)), np.diff(votes.indptr))
    unsure = None
    if targets.unknown is not None:
        unsure = sparse.csr_array(member @ sparse.csr_array(targets.unknown).astype(np.int32))
    among = np.zeros(len(votes.data), np.int64) if unsure is None else _at(unsure, row, votes)
    asked = size[row] - among
    needed = {"ranking": 2 * votes.data >= asked, "union": votes.data > 0}
    won = needed.get(labels, votes.data == size[row])
    values = cells_where(votes, won, np.uint8)
    unknown = None
    if unsure is not None:
        where = np.repeat(np.arange(len(voters)), np.diff(unsure.indptr))
        support = _at(votes, where, unsure)
        doubt = {"ranking": unsure.data == size[where], "union": support == 0}
        unknown = cells_where(
            unsure, doubt.get(labels, unsure.data + support == size[where]), np.bool_
        )
    return Targets(values, unknown, targets.label_names, targets.task, values.shape)


def _at(matrix: sparse.csr_array, rows: Indices, pattern: sparse.csr_array) -> Indices:
    """Values of a matrix at the stored cells of another."""
    if not len(rows):
        return np.empty(0, np.int64)
    return np.asarray(matrix[rows, pattern.indices]).reshape(-1).astype(np.int64)


def _chosen(
    targets: Targets, voted: Targets, amount: Amount, random: np.random.Generator
) -> Indices:
    """Which of the seeds, in what order: all equally often, the rest at random."""
    n_seeds = voted.n_rows
    count = n_seeds if amount.count is None else amount.count
    if amount.count is None and amount.mean_ir is not None:
        count = 100 * n_seeds  # a bound, for a target that may lie out of reach
    if n_seeds == 0:
        warn_short(amount, 0, "added", "no rare label has two positives")
        return np.empty(0, np.int64)
    full, rest = divmod(count, n_seeds)
    if amount.mean_ir is None:
        every = np.repeat(np.arange(n_seeds), full)
        return np.concatenate([every, random.permutation(n_seeds)[:rest]])
    rounds = [random.permutation(n_seeds) for _ in range(full + 1)]
    order = np.concatenate(rounds)[:count]
    positives = targets.positives()
    counts = np.bincount(positives.indices, minlength=targets.n_labels)
    return order[: shortest_prefix(counts, voted.positives()[order], amount.mean_ir)]


def _modes(features: Features, seeds: Indices, table: Indices) -> Any:
    """Nominal values of new rows: the rows to take them from, or CSR values of a sparse X."""
    nominal = features.nominal
    if nominal is None:
        return None
    if isinstance(nominal, np.ndarray):
        return majority_of(nominal, seeds, table)
    quick = sparse_majority_of(nominal, seeds, table)
    if quick is not None:
        return quick
    # Only the rows in question are made dense.
    rows, place = np.unique(np.column_stack([seeds, table]), return_inverse=True)
    codes, values = codes_of(nominal[np.maximum(rows, 0)])
    place = place.reshape(len(seeds), -1).astype(np.int64)
    near = np.where(table >= 0, place[:, 1:], -1)
    source = majority_of(codes, place[:, 0], near)
    return sparse.csr_array(values[np.take_along_axis(codes, source, axis=0)])

"""LabelStats: how often each label occurs, and every published measure of imbalance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import narwhals as nw
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import (
    InvalidInput,
    Undefined,
    check_choice,
    check_integer,
    check_names,
    did_you_mean,
    shown_list,
)
from equipoise._files import check_schema
from equipoise._kernels.counts import label_counts
from equipoise.targets import Targets, as_targets

_SCHEMA_VERSION = 1

Absent = Literal["exclude", "zero"]


@dataclass(eq=False)
class LabelStats:
    """Counts per label, and the label sets of the rows, from which every measure follows.

    Build it with `from_targets`, `from_batches` or `from_table`; grow it with `update` (in place)
    and `merge` (a new object). Unknown cells are in no count but `unknown`. A row with unknown
    cells counts, in the measures over rows, with the labels it is known to have; a row of which
    nothing is known does not count there.

    With n_l the positives of label l, and k_i the number of labels of row i
    (Charte et al., Neurocomputing 163, 2015, section 2):

        irlbl_l      max_j n_j / n_l
        scumble_i    1 - (prod_l irlbl_l)^(1/k_i) / mean_l irlbl_l   over the row's own labels

    Args:
        positives: (L,) rows that have the label.
        negatives: (L,) rows that are known not to have it.
        unknown: (L,) rows of which it is not known.
        n_rows: number of rows seen.
        label_names: L names.
        n_features: number of input attributes, for `tcs`.
        absent: how labels without any positive enter the measures over labels: "exclude" leaves
            them out, "zero" counts their irlbl as 0 (the convention of mldr).
        labelsets: how many rows have each label set, or None if only counts are held. The keys
            are the sorted label positions as int32 bytes.

    Examples:
        >>> s = LabelStats.from_targets([[1, 1], [1, 0], [1, 0], [0, 0]])
        >>> s.positives, s.irlbl
        (array([3, 1]), array([1., 3.]))
        >>> s.cardinality, s.n_labelsets, s.p_min
        (1.0, 3, 0.5)
    """

    positives: NDArray[np.int64]
    negatives: NDArray[np.int64]
    unknown: NDArray[np.int64]
    n_rows: int
    label_names: tuple[str, ...]
    n_features: int | None = None
    absent: Absent = "exclude"
    labelsets: dict[bytes, int] | None = field(default=None, repr=False)

    # ------------------------------------------------------------------------ building

    @classmethod
    def from_targets(
        cls,
        y: Any,
        *,
        label_names: Iterable[object] | None = None,
        n_features: int | None = None,
        absent: Absent = "exclude",
        labelsets: bool = True,
    ) -> Self:
        """Counts the labels of y (anything `as_targets` reads).

        `labelsets=False` holds counts only: faster and smaller, without the measures over rows
        (`n_labelsets`, `p_min`, `tcs`, `scumble`).
        """
        check_choice("absent", absent, ("exclude", "zero"))
        if n_features is not None:
            n_features = check_integer("n_features", n_features, minimum=0)
        targets = as_targets(y, label_names=label_names)
        positives, unknown = _counts(targets)
        return cls(
            positives,
            targets.n_rows - positives - unknown,
            unknown,
            targets.n_rows,
            targets.label_names,
            n_features,
            absent,
            _labelsets(targets) if labelsets else None,
        )

    @classmethod
    def from_batches(cls, batches: Iterable[Any], **options: Any) -> Self:
        """Counts the labels of a stream of y; each batch is read once and then let go."""
        stats: Self | None = None
        for y in batches:
            if stats is None:
                stats = cls.from_targets(y, **options)
            else:
                stats.update(y)
        if stats is None:
            raise InvalidInput("`batches` held no batch.", remedy="Pass at least one y.")
        return stats

    @classmethod
    def from_table(
        cls, frame: Any, labels: Sequence[str] | None = None, *, n_features: int | None = None
    ) -> Self:
        """Counts 0/1 label columns of a table in one query; null is unknown.

        The table may be eager or lazy (pandas, polars, a polars LazyFrame, duckdb, dask, …) and
        larger than memory; only the counts come back, so measures over rows are not there.

        Args:
            frame: the table.
            labels: the label columns; all columns by default.
            n_features: number of input attributes, for `tcs`.
        """
        table = nw.from_native(frame)
        columns = table.collect_schema().names()
        names = check_names("labels", columns if labels is None else labels)
        for name in names:
            if name not in columns:
                raise InvalidInput(
                    f"The table has no column {name!r}.", remedy=did_you_mean(name, columns)
                )
        expressions = [nw.len().alias("rows")]
        for i, name in enumerate(names):
            cell = nw.col(name).cast(nw.Float64)
            # Sums are cast to Int64 first: narrow integers overflow in some engines.
            expressions += [
                (cell == 1).cast(nw.Int64).sum().alias(f"p{i}"),
                (cell == 0).cast(nw.Int64).sum().alias(f"n{i}"),
                cell.is_null().cast(nw.Int64).sum().alias(f"u{i}"),
            ]
        result = table.select(*expressions)
        row = (result.collect() if isinstance(result, nw.LazyFrame) else result).row(0)
        n_rows, counts = int(row[0]), np.array([c or 0 for c in row[1:]], dtype=np.int64)
        positives, negatives, unknown = counts.reshape(-1, 3).T
        for i, name in enumerate(names):
            if positives[i] + negatives[i] + unknown[i] != n_rows:
                raise InvalidInput(
                    f"Column {name!r} holds values other than 0, 1 and null.",
                    received=f"{n_rows - positives[i] - negatives[i] - unknown[i]} such rows",
                    remedy="Name label columns only.",
                )
        return cls(positives.copy(), negatives.copy(), unknown.copy(), n_rows, names, n_features)

    def update(self, y: Any) -> Self:
        """Adds the rows of y in place, and returns self."""
        targets = as_targets(y)
        self._check_same_labels(targets.label_names, "y")
        positives, unknown = _counts(targets)
        self.positives = self.positives + positives
        self.unknown = self.unknown + unknown
        self.negatives = self.negatives + (targets.n_rows - positives - unknown)
        self.n_rows += targets.n_rows
        if self.labelsets is not None:
            _add_labelsets(self.labelsets, _labelsets(targets))
        return self

    def merge(self, other: LabelStats) -> LabelStats:
        """Returns the statistics of both sets of rows together."""
        self._check_same_labels(other.label_names, "other")
        labelsets = None
        if self.labelsets is not None and other.labelsets is not None:
            labelsets = dict(self.labelsets)
            _add_labelsets(labelsets, other.labelsets)
        return LabelStats(
            self.positives + other.positives,
            self.negatives + other.negatives,
            self.unknown + other.unknown,
            self.n_rows + other.n_rows,
            self.label_names,
            self.n_features,
            self.absent,
            labelsets,
        )

    def _check_same_labels(self, names: tuple[str, ...], argument: str) -> None:
        if names != self.label_names:
            raise InvalidInput(
                f"`{argument}` has other labels than these statistics.",
                received=f"{shown_list(names)} beside {shown_list(self.label_names)}",
                remedy="Pass the same labels in the same order.",
            )

    # ------------------------------------------------------------------ measures over labels

    @property
    def n_labels(self) -> int:
        """Number of labels L."""
        return len(self.label_names)

    @property
    def n_known(self) -> NDArray[np.int64]:
        """(L,) rows whose label is known."""
        return self.positives + self.negatives

    @property
    def prevalence(self) -> NDArray[np.float64]:
        """(L,) share of positives among the known rows; 0 for a label of which nothing is known."""
        return self.positives / np.maximum(self.n_known, 1)

    @property
    def cardinality(self) -> float:
        """Mean number of labels a row (the sum of the prevalences)."""
        return float(self.prevalence.sum())

    @property
    def density(self) -> float:
        """Cardinality divided by the number of labels."""
        return self.cardinality / self.n_labels

    @property
    def absent_labels(self) -> tuple[str, ...]:
        """Names of the labels without any positive."""
        return tuple(n for n, p in zip(self.label_names, self.positives, strict=True) if p == 0)

    @property
    def irlbl(self) -> NDArray[np.float64]:
        """(L,) imbalance ratio: positives of the commonest label over positives of this one.

        0 marks a label without any positive; every true ratio is at least 1.
        """
        ratio = np.zeros(self.n_labels)
        np.divide(self.positives.max(), self.positives, out=ratio, where=self.positives > 0)
        return ratio

    def _measured_irlbl(self) -> NDArray[np.float64]:
        ratio = self.irlbl
        return ratio if self.absent == "zero" else ratio[self.positives > 0]

    @property
    def mean_ir(self) -> float:
        """Mean of `irlbl` (0 if no label has any positive)."""
        ratio = self._measured_irlbl()
        return float(ratio.mean()) if len(ratio) else 0.0

    @property
    def max_ir(self) -> float:
        """Largest `irlbl`."""
        return float(self.irlbl.max())

    @property
    def cvir(self) -> float:
        """Coefficient of variation of `irlbl`: standard deviation (ddof=1) over mean."""
        ratio = self._measured_irlbl()
        if len(ratio) < 2 or ratio.mean() == 0:
            return 0.0
        return float(ratio.std(ddof=1) / ratio.mean())

    # -------------------------------------------------------------------- measures over rows

    def _rows(self) -> tuple[sparse.csr_array, NDArray[np.int64]]:
        """The distinct label sets as rows of a CSR array, and how many rows have each."""
        if self.labelsets is None:
            raise Undefined(
                "These statistics hold counts only, no label sets.",
                remedy="Build them with LabelStats.from_targets(y, labelsets=True).",
            )
        sizes = np.array([len(key) // 4 for key in self.labelsets], dtype=np.int64)
        indptr = np.concatenate([[0], np.cumsum(sizes)])
        indices = np.frombuffer(b"".join(self.labelsets), dtype=np.int32)
        counts = np.fromiter(self.labelsets.values(), dtype=np.int64, count=len(self.labelsets))
        ones = np.ones(len(indices))
        return sparse.csr_array((ones, indices, indptr), shape=(len(sizes), self.n_labels)), counts

    @property
    def n_labelsets(self) -> int:
        """Number of distinct label sets, the empty one included."""
        return self._rows()[0].shape[0]

    @property
    def p_min(self) -> float:
        """Share of rows that have exactly one label."""
        sets, counts = self._rows()
        single = np.diff(sets.indptr) == 1
        return float(counts[single].sum() / max(counts.sum(), 1))

    @property
    def tcs(self) -> float:
        """Theoretical complexity: ln(n_features · L · n_labelsets)."""
        if not self.n_features:
            raise Undefined(
                "`tcs` needs the number of input attributes.",
                remedy="Build the statistics with n_features=X.shape[1].",
            )
        return float(np.log(self.n_features) + np.log(self.n_labels) + np.log(self.n_labelsets))

    def _scumble_of_sets(self) -> tuple[sparse.csr_array, NDArray[Any], NDArray[Any]]:
        sets, counts = self._rows()
        ratio = np.maximum(self.irlbl, 1.0)  # only labels that occur are in a set
        sizes = np.maximum(np.diff(sets.indptr), 1)
        log_mean = (sets @ np.log(ratio)) / sizes  # logs: a product over many labels overflows
        mean = (sets @ ratio) / sizes
        scumble = np.where(np.diff(sets.indptr) > 0, 1 - np.exp(log_mean) / np.maximum(mean, 1), 0)
        return sets, counts, np.clip(scumble, 0.0, 1.0)  # rounding can reach -1e-16

    @property
    def scumble(self) -> float:
        """Mean over rows of how far common and rare labels meet; 0 in a row without labels."""
        _, counts, scumble = self._scumble_of_sets()
        return float(scumble @ counts / max(counts.sum(), 1))

    @property
    def scumble_per_label(self) -> NDArray[np.float64]:
        """(L,) mean of the rows' scumble over the rows that have the label; 0 if there are none."""
        sets, counts, scumble = self._scumble_of_sets()
        rows = sets.T @ counts.astype(np.float64)
        return (sets.T @ (scumble * counts)) / np.maximum(rows, 1)

    def cooccurrence(self) -> sparse.csr_array:
        """Returns the (L, L) counts of rows that have both labels; the diagonal is `positives`.

        Examples:
            >>> LabelStats.from_targets([[1, 1], [1, 0]]).cooccurrence().toarray()
            array([[2, 1],
                   [1, 1]])
        """
        sets, counts = self._rows()
        member = sets.astype(np.int64)
        weighted = sparse.csr_array(member.multiply(counts[:, None]))
        return sparse.csr_array(member.T @ weighted)

    # ---------------------------------------------------------------------------- saving

    def to_dict(self) -> dict[str, Any]:
        """Returns the statistics as plain numbers, lists and strings (see `from_dict`)."""
        labelsets = None
        if self.labelsets is not None:
            labelsets = [
                [np.frombuffer(key, dtype=np.int32).tolist(), count]
                for key, count in self.labelsets.items()
            ]
        return {
            "kind": "LabelStats",
            "schema_version": _SCHEMA_VERSION,
            "label_names": list(self.label_names),
            "n_rows": self.n_rows,
            "positives": self.positives.tolist(),
            "negatives": self.negatives.tolist(),
            "unknown": self.unknown.tolist(),
            "n_features": self.n_features,
            "absent": self.absent,
            "labelsets": labelsets,
        }

    @classmethod
    def from_dict(cls, payload: Mapping[str, Any]) -> Self:
        """Restores what `to_dict` returned."""
        check_schema(payload, "LabelStats", _SCHEMA_VERSION)
        names = check_names("label_names", payload["label_names"])
        counts = [
            np.asarray(payload[key], dtype=np.int64)
            for key in ("positives", "negatives", "unknown")
        ]
        if any(c.shape != (len(names),) or (c < 0).any() for c in counts):
            raise InvalidInput(
                "Saved counts must be non-negative, one per label.",
                received=f"{len(names)} labels and counts of shapes {[c.shape for c in counts]}",
            )
        saved = payload["labelsets"]
        labelsets = None
        if saved is not None:
            labelsets = {
                np.asarray(positions, dtype=np.int32).tobytes(): int(count)
                for positions, count in saved
            }
        return cls(
            *counts,
            n_rows=payload["n_rows"],
            label_names=names,
            n_features=payload["n_features"],
            absent=payload["absent"],
            labelsets=labelsets,
        )

    def to_frame(self, backend: Any = "polars") -> Any:
        """Returns one row per label as a data frame of the named library (polars, pandas, …)."""
        columns: dict[str, Any] = {
            "label": list(self.label_names),
            "positives": self.positives.tolist(),
            "negatives": self.negatives.tolist(),
            "unknown": self.unknown.tolist(),
            "prevalence": self.prevalence.tolist(),
            "irlbl": self.irlbl.tolist(),
        }
        if self.labelsets is not None:
            columns["scumble"] = self.scumble_per_label.tolist()
        return nw.from_dict(columns, backend=backend).to_native()


def _counts(targets: Targets) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    positives = label_counts(targets.values)
    if targets.unknown is None:
        return positives, np.zeros_like(positives)
    return positives, label_counts(targets.unknown)


def _labelsets(targets: Targets) -> dict[bytes, int]:
    """How many rows have each label set, rows of which nothing is known left out."""
    values = targets.positives()
    indices = values.indices.astype(np.int32, copy=False)
    ends = values.indptr.tolist()
    rows: Iterable[int] = range(targets.n_rows)
    if targets.unknown is not None:
        unknown_per_row = np.asarray(targets.unknown.sum(axis=1)).reshape(-1)
        rows = np.flatnonzero(unknown_per_row < targets.n_labels).tolist()
    found: dict[bytes, int] = {}
    data = indices.tobytes()
    for row in rows:
        key = data[4 * ends[row] : 4 * ends[row + 1]]
        found[key] = found.get(key, 0) + 1
    return found


def _add_labelsets(total: dict[bytes, int], more: dict[bytes, int]) -> None:
    for key, count in more.items():
        total[key] = total.get(key, 0) + count

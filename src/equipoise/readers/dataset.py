"""Dataset: what every reader returns."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from equipoise._errors import shown_list
from equipoise.readers._paths import stem_of
from equipoise.targets import Targets

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Features and labels of N rows, as `equipoise.readers.read` returns them.

    Attributes:
        x: (N, d) float32 features, dense or CSR; NaN is missing. Of a mixed table a polars data
            frame of numbers, text and dates, which `equipoise.readers.tables.table_encoder`
            turns into numbers; null is missing.
        targets: the labels.
        feature_names: names of the d columns of x.
        n_attributes: number of input attributes in the file, before any of them became several
            columns of x (the number that published measures such as TCS count).
        groups: (N,) which rows belong together, or None.
        name: a short name, from that of the file.
    """

    x: NDArray[np.float32] | sparse.csr_array | pl.DataFrame
    targets: Targets
    feature_names: tuple[str, ...]
    n_attributes: int
    groups: NDArray[Any] | None = None
    name: str = ""

    @property
    def n_rows(self) -> int:
        """Number of rows N."""
        return self.targets.n_rows

    def between(self, start: int, stop: int) -> Dataset:
        """Returns the rows from `start` up to but without `stop`."""
        rows = slice(start, stop)
        groups = None if self.groups is None else self.groups[rows]
        targets = self.targets.take(np.arange(start, stop))
        return replace(self, x=self.x[rows], targets=targets, groups=groups)

    def __repr__(self) -> str:
        kind = "dense" if isinstance(self.x, np.ndarray) else "mixed"
        if sparse.issparse(self.x):
            kind = "sparse"
        groups = "" if self.groups is None else f", {len(np.unique(self.groups))} groups"
        return (
            f"Dataset({self.name!r}: {self.n_rows} rows, {len(self.feature_names)} features "
            f"({kind}), {self.targets.n_labels} labels "
            f"{shown_list(self.targets.label_names, 4)}{groups})"
        )


def name_of(paths: Sequence[Path]) -> str:
    """Returns what the names of the files have in common, whole words only.

    Examples:
        >>> name_of([Path("data/scene-train.arff"), Path("data/scene-test.arff")])
        'scene'
    """
    stems = [stem_of(path) for path in paths]
    common = os.path.commonprefix(stems)  # noqa: RUF071 (names, not paths)
    if any(common != stem and stem[len(common)] not in "-_. " for stem in stems):
        common = re.sub(r"[^-_. ]*$", "", common)  # the prefix ends inside a word
    return common.strip("-_. ") or stems[0]

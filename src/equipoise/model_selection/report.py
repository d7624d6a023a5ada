"""How well the parts of a split represent the whole."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import InvalidInput
from equipoise._kernels.counts import label_counts
from equipoise.targets import as_targets


def split_report(
    y: Any, splits: Iterable[Any], *, shares: ArrayLike | None = None
) -> dict[str, Any]:
    """Says how well parts of the rows represent the whole: sizes, labels, what is missing.

    With S_fl the positives of label l in part f of |S_f| rows, D_l those in all N rows of y, and
    c_f the rows that part f should have:

        label_distribution     LD = mean over l, f of |S_fl / (|S_f| − S_fl) − D_l / (N − D_l)|
        examples_distribution  ED = mean over f of ||S_f| − c_f|

    A label that every row has counts 0 in LD; in a part where every row has it, it counts as if
    one row had not. Not for choosing between random splits until one looks good: stratify.

    Args:
        y: (N, L) labels, anything `as_targets` reads; unknown cells count as not positive.
        splits: what a splitter yields, of which the test rows are the parts; or the parts
            themselves, each an array of row indices.
        shares: relative sizes that the parts should have; equal by default.

    Returns:
        n_rows, n_labels, n_parts; sizes (rows of each part); label_distribution;
        examples_distribution; empty_cells (pairs of part and label without a positive); missing:
        for each label that lacks in some part its name, its number of positives, and the parts.

    Raises:
        InvalidInput: no part, an empty part, rows that y does not have, shares that do not fit.

    Examples:
        >>> report = split_report([[1, 0], [1, 1], [1, 0], [0, 0]], [[0, 3], [1, 2]])
        >>> report["label_distribution"], report["examples_distribution"]
        (1.0, 0.0)
        >>> report["missing"]
        [{'label': 'label_1', 'positives': 1, 'parts': [0]}]

    Reference: Sechidis, Tsoumakas and Vlahavas, On the stratification of multi-label data,
    ECML PKDD 2011.
    """
    targets = as_targets(y).to_sparse()
    parts = [_rows_of_part(split, f, targets.n_rows) for f, split in enumerate(splits)]
    if not parts:
        raise InvalidInput(
            "`splits` holds no split.",
            remedy="Pass list(splitter.split(X, y)), or a list of index arrays.",
        )
    try:
        share = np.asarray(np.ones(len(parts)) if shares is None else shares, dtype=np.float64)
    except (TypeError, ValueError):
        share = np.empty(0)
    if share.shape != (len(parts),) or not np.all((share > 0) & np.isfinite(share)):
        raise InvalidInput(
            f"`shares` must hold one positive number for each of {len(parts)} parts.",
            received=f"{shares!r}",
        )
    values: Any = targets.values
    total = label_counts(values)
    held = np.stack([label_counts(values[rows]) for rows in parts])
    sizes = np.array([len(rows) for rows in parts])
    odds = held / np.maximum(sizes[:, None] - held, 1)
    distance = np.abs(odds - total / np.maximum(targets.n_rows - total, 1))
    distance[:, total == targets.n_rows] = 0.0
    absent = np.flatnonzero((held == 0).any(axis=0))
    return {
        "n_rows": targets.n_rows,
        "n_labels": targets.n_labels,
        "n_parts": len(parts),
        "sizes": sizes.tolist(),
        "label_distribution": float(distance.mean()),
        "examples_distribution": float(np.abs(sizes - sizes.sum() * share / share.sum()).mean()),
        "empty_cells": int(np.count_nonzero(held == 0)),
        "missing": [
            {
                "label": targets.label_names[label],
                "positives": int(total[label]),
                "parts": np.flatnonzero(held[:, label] == 0).tolist(),
            }
            for label in absent[np.argsort(total[absent], kind="stable")]
        ],
    }


def _rows_of_part(split: Any, f: int, n_rows: int) -> NDArray[np.int64]:
    pair = isinstance(split, tuple) and len(split) == 2 and np.ndim(split[1]) == 1
    rows = np.asarray(split[1] if pair else split)
    if rows.dtype == bool and rows.shape == (n_rows,):
        rows = np.flatnonzero(rows)
    fits = rows.ndim == 1 and rows.size > 0 and rows.dtype.kind in "iu"
    if not fits or rows.min() < 0 or rows.max() >= n_rows:
        raise InvalidInput(
            f"Part {f} of `splits` must hold row indices between 0 and {n_rows - 1}.",
            received=f"{split!r}",
            remedy="Pass list(splitter.split(X, y)), or a list of index arrays.",
        )
    return rows.astype(np.int64)

"""RowDraws: how often each row is drawn so that labels come as often as they should."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from equipoise._errors import (
    InvalidInput,
    check_choice,
    check_integer,
    check_number,
    check_numbers,
)
from equipoise.resampling import SamplingRates
from equipoise.stats import LabelStats
from equipoise.targets import Targets

Float = NDArray[np.float64]

# Share of draws of a label ∝ positives ** power; "progressive" goes from 1 to 0.
POWERS = {"instance": 1.0, "square_root": 0.5, "label": 0.0, "progressive": None}


class RowDraws:
    """The draws of `LabelBalancedBatches`: probabilities of rows, and the rows of each epoch.

    Args:
        targets: (N, L) labels of the rows.
        strategy: one of `POWERS`.
        label_shares: (L,) shares of one's own, or None.
        unlabelled_share: share of the draws that have no label; by default that of the rows.
        n_draws: draws an epoch; N by default.
        n_epochs: epochs over which "progressive" goes all the way.
        random_state: seed.
    """

    def __init__(
        self,
        targets: Targets,
        *,
        strategy: str,
        label_shares: ArrayLike | None,
        unlabelled_share: float | None,
        n_draws: int | None,
        n_epochs: int | None,
        random_state: int,
    ):
        check_choice("strategy", strategy, tuple(POWERS))
        if (strategy == "progressive") != (n_epochs is not None):
            raise InvalidInput(
                '`n_epochs` is needed with strategy="progressive", and has no other meaning.',
                received=f"strategy={strategy!r}, n_epochs={n_epochs!r}",
            )
        self.targets = targets
        self._strategy = strategy
        self._n_epochs = (
            None if n_epochs is None else check_integer("n_epochs", n_epochs, minimum=2)
        )
        self.seed = check_integer("random_state", random_state, minimum=0)
        self.n_draws = (
            targets.n_rows
            if n_draws is None
            else check_integer("rows_per_epoch", n_draws, minimum=1)
        )
        self.positive = targets.positives()
        counts = np.asarray(self.positive.sum(axis=0), dtype=np.float64).reshape(-1)
        self._counts = counts
        if not counts.any():
            raise InvalidInput("No label has a positive, so there is nothing to balance.")
        self._unlabelled = np.diff(self.positive.indptr) == 0
        share = float(self._unlabelled.mean())
        if unlabelled_share is not None:
            share = check_number("unlabelled_share", unlabelled_share, minimum=0, maximum=1)
            if share > 0 and not self._unlabelled.any():
                raise InvalidInput("There is no row without labels, so none can be drawn.")
        self._unlabelled_share = share
        self._shares = None if label_shares is None else _shares(label_shares, counts)

    def probabilities(self, epoch: int) -> Float:
        """Returns (N,) the probability of each row at a draw."""
        power = POWERS[self._strategy]
        if power is None:
            assert self._n_epochs is not None  # checked in __init__
            power = max(0.0, 1 - epoch / (self._n_epochs - 1))
        if self._shares is None and power == 1.0 and self._keeps_unlabelled():
            return np.full(self.targets.n_rows, 1 / self.targets.n_rows)
        shares = self._shares
        if shares is None:
            shares = np.where(self._counts > 0, self._counts, np.inf) ** power
            shares[self._counts == 0] = 0
            shares = shares / shares.sum()
        per_positive = np.divide(
            shares, self._counts, out=np.zeros_like(shares), where=self._counts > 0
        )
        p = (1 - self._unlabelled_share) * np.asarray(self.positive @ per_positive)
        if self._unlabelled.any():
            p[self._unlabelled] = self._unlabelled_share / self._unlabelled.sum()
        else:
            p /= p.sum()
        return p

    def rows(self, epoch: int, again: int = 0) -> NDArray[np.intp]:
        """Returns the rows of an epoch, in their order, from its own seed.

        `again` numbers other draws of the same epoch, from which none is trained.
        """
        seed = [self.seed, epoch, 0, again] if again else [self.seed, epoch]
        random = np.random.default_rng(seed)
        reached = np.cumsum(self.probabilities(epoch))
        reached *= self.n_draws / reached[-1]
        # One random offset for all: a row is taken once for each whole number its part holds. The
        # rows are put in a random order first, so that neighbours do not go together.
        order = random.permutation(len(reached))
        parts = np.diff(reached, prepend=0.0)[order]
        ends = np.floor(np.cumsum(parts) + random.random()).astype(np.int64)
        ends[-1] = max(ends[-1], 0)
        times = np.diff(ends, prepend=0)
        rows = np.repeat(order, times)
        missing = self.n_draws - len(rows)
        if missing > 0:  # rounding at the very end
            rows = np.append(rows, order[-missing:])
        return random.permutation(rows[: self.n_draws])

    def sampling_rates(self, probabilities: Float) -> SamplingRates:
        """Returns how often cells are drawn with these probabilities, as a share of the data's."""
        p = probabilities * self.targets.n_rows
        stats = LabelStats.from_targets(self.targets, labelsets=False)
        positives = np.asarray(self.positive.T @ p)
        unknown: Any = self.targets.unknown
        out = 0.0 if unknown is None else np.asarray(unknown.T @ p).reshape(-1)
        negatives = p.sum() - positives - out
        return SamplingRates(
            _rate(positives, stats.positives),
            _rate(negatives, stats.negatives),
            self.targets.label_names,
        )

    def _keeps_unlabelled(self) -> bool:
        return self._unlabelled_share == float(self._unlabelled.mean())


def _rate(drawn: Float, there: NDArray[Any]) -> Float:
    return np.divide(drawn, there, out=np.ones(len(drawn)), where=there > 0)


def _shares(label_shares: ArrayLike, counts: Float) -> Float:
    shares = check_numbers("label_shares", label_shares)
    if shares.shape != counts.shape or not np.isfinite(shares).all() or (shares < 0).any():
        raise InvalidInput(
            "`label_shares` must hold one number from 0 on per label.",
            received=f"shape {shares.shape} for {len(counts)} labels",
        )
    if not (shares * (counts > 0)).any() or ((shares > 0) & (counts == 0)).any():
        raise InvalidInput(
            "`label_shares` must be above 0 somewhere, and 0 for labels without positives.",
            received=f"{shares.tolist()[:8]}",
        )
    return shares / shares.sum()

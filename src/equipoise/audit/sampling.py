"""What was done to the rows of an audit: their sources, and how often their cells were sampled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import InvalidInput
from equipoise.audit.labels import Labels

if TYPE_CHECKING:
    from equipoise.resampling import SamplingRates


@dataclass(frozen=True, eq=False)
class Sampling:
    """How the rows to train on were chosen.

    Attributes:
        rates: how often positives and negatives of each label were sampled.
        sources: (N,) the row of the original data that each row of y comes from; None where y
            is the original data.
    """

    rates: SamplingRates
    sources: NDArray[np.int64] | None

    def shift(self, labels: Labels) -> NDArray[np.float64]:
        """(L,) by how much the log-odds are moved; NaN for a label that lost one side."""
        positives = np.where(self.rates.positives > 0, self.rates.positives, np.nan)
        if labels.targets.task == "multiclass":  # the softmax compares classes with each other
            logs: NDArray[np.float64] = np.log(positives)
            return logs - float(np.nanmean(logs)) if np.isfinite(logs).any() else logs
        negatives = np.where(self.rates.negatives > 0, self.rates.negatives, np.nan)
        return np.log(positives) - np.log(negatives)


def read_sampling(sampling: Any, labels: Labels) -> Sampling | None:
    """Returns what a fitted resampler, balanced batches or sampling rates say."""
    if sampling is None:
        return None
    from equipoise.resampling import SamplingRates  # brings scikit-learn, which takes its time

    rates: Any = getattr(sampling, "sampling_rates_", None)
    if rates is None:
        rates = getattr(sampling, "sampling_rates", sampling)
        rates = rates() if callable(rates) else rates
    if not isinstance(rates, SamplingRates):
        raise InvalidInput(
            "`sampling` must be a fitted resampler, LabelBalancedBatches or SamplingRates.",
            received=type(sampling).__name__,
            remedy="Call fit_resample first, and pass the resampler.",
        )
    if len(rates.positives) != labels.n_labels:
        raise InvalidInput(
            "`sampling` was not made for the labels of `y`.",
            received=f"rates of {len(rates.positives)} labels, and {labels.n_labels} labels",
        )
    sources: Any = getattr(sampling, "sample_indices_", None)
    if sources is not None and len(sources) != labels.shape[0]:
        raise InvalidInput(
            "`y` must hold the rows that the resampler returned.",
            received=f"{labels.shape[0]} rows in `y`, {len(sources)} from the resampler",
            remedy="Pass the y of X, y = sampler.fit_resample(X, y).",
        )
    return Sampling(rates, sources)

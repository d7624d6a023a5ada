"""Coverage of the intervals of tuned thresholds, by simulation.

Labels and scores are drawn from a population whose F1 at any threshold is known: scores are
normal, with mean d for positives. `python -m benchmarks intervals`
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from equipoise.decision import tune_thresholds

# (prevalence, d): the population's best F1 is about .4, .48, .57, .8 and .8
POPULATIONS = ((0.02, 2.0), (0.1, 1.5), (0.3, 1.0), (0.1, 3.0), (0.02, 3.5))
POSITIVES = (10, 25, 50, 100, 300)
REPEATS = 500


def population_f1(threshold: np.ndarray, prevalence: float, distance: float) -> np.ndarray:
    """Returns the F1 of the population at thresholds."""
    hits, alarms = norm.sf(threshold - distance), norm.sf(threshold)
    said = prevalence * hits + (1 - prevalence) * alarms
    return 2 * prevalence * hits / (said + prevalence)


def coverage(prevalence: float, distance: float, positives: int, seed: int) -> dict[str, float]:
    """Returns the share of intervals that hold the population's F1, and the mean errors."""
    rng = np.random.default_rng(seed)
    n = round(positives / prevalence)
    block = max(1, 2_000_000 // n)  # labels, each with samples of its own, at a time
    inside, raw, corrected, width = [], [], [], []
    done = 0
    while done < REPEATS:
        labels = min(block, REPEATS - done, 50)
        y = (rng.random((n, labels)) < prevalence).astype(np.uint8)
        y[0, y.sum(axis=0) == 0] = 1
        t = tune_thresholds(
            y,
            rng.normal(size=y.shape) + distance * y,
            confidence=0.95,
            random_state=seed + done,
        )
        truth = population_f1(t.values, prevalence, distance)
        inside.append((t.intervals[:, 0] <= truth) & (truth <= t.intervals[:, 1]))
        raw.append(t.metric_values - truth)
        corrected.append(t.corrected_values - truth)
        width.append(np.diff(t.intervals, axis=1)[:, 0])
        done += labels
    means = [float(np.concatenate(part).mean()) for part in (inside, raw, corrected, width)]
    return dict(zip(("coverage", "raw error", "corrected error", "width"), means, strict=True))


def main() -> None:
    """Prints one line per population and number of positives."""
    print(f"{REPEATS} samples each; standard error of a coverage of .95: .010")
    print("positives  prevalence  d    coverage  F1 reached − true  corrected − true  width")
    for positives in POSITIVES:
        for seed, (prevalence, distance) in enumerate(POPULATIONS):
            c = coverage(prevalence, distance, positives, 1000 * seed)
            print(
                f"{positives:9d}  {prevalence:10.2f}  {distance:3.1f}  {c['coverage']:8.3f}"
                f"  {c['raw error']:17.3f}  {c['corrected error']:16.3f}  {c['width']:5.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

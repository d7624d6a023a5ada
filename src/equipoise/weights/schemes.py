"""Weight schemes: positives n and known rows N per label -> one weight per label.

Each is the bare formula. A label with n = 0 may come out infinite; the policy for that, powers,
caps and normalisation are applied by `LabelWeights.from_stats`, the same for every scheme. To add
a scheme, write the function and name it in `SCHEMES`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise._errors import check_number

Counts = NDArray[np.float64]
Scheme = Callable[..., NDArray[Any]]


def balanced(positives: Counts, n_rows: Counts) -> Counts:
    """Each side of a label weighs as much as the other in sum: w = N / (2 n).

    scikit-learn's "balanced", for the two classes of one label.
    """
    return n_rows / (2 * positives)


def inverse_frequency(positives: Counts, n_rows: Counts) -> Counts:
    """w = N / n."""
    return n_rows / positives


def inverse_sqrt(positives: Counts, n_rows: Counts) -> Counts:
    """w = sqrt(N / n)."""
    return np.sqrt(n_rows / positives)


def median_frequency(positives: Counts, n_rows: Counts) -> Counts:
    """w = median(n over labels that occur) / n  (Eigen and Fergus 2015, section 6.3.2)."""
    occurring = positives[positives > 0]
    return (np.median(occurring) if len(occurring) else 1.0) / positives


def effective_number(positives: Counts, n_rows: Counts, *, beta: float = 0.999) -> Counts:
    """w = (1 - beta) / (1 - beta^n)  (class-balanced weights, Cui et al. 2019, eq. 4).

    beta must suit the counts: 1 / (1 - beta) is the n beyond which weights hardly differ.
    """
    beta = check_number(
        "beta", beta, minimum=0.0, maximum=1.0, open_minimum=True, open_maximum=True
    )
    return (1 - beta) / -np.expm1(positives * np.log(beta))


def log_smoothed(positives: Counts, n_rows: Counts) -> Counts:
    """w = log(1 + N / max(n, 1)), finite for every n."""
    return np.log1p(n_rows / np.maximum(positives, 1))


def negative_positive_ratio(positives: Counts, n_rows: Counts) -> Counts:
    """w = (N - n) / n, the `pos_weight` of many tutorials."""
    return (n_rows - positives) / positives


def inverse_propensity(
    positives: Counts, n_rows: Counts, *, a: float = 0.55, b: float = 1.5
) -> Counts:
    """w = 1 + C (n + b)^-a with C = (log N - 1)(b + 1)^a  (Jain et al. 2016, eq. 3).

    C is at least 0: below e rows the published form would turn negative.
    """
    a = check_number("a", a, minimum=0.0, open_minimum=True)
    b = check_number("b", b, minimum=0.0, open_minimum=True)
    c = np.maximum(np.log(np.maximum(n_rows, 1)) - 1, 0) * (b + 1) ** a
    return 1 + c * (positives + b) ** -a


def minimum_count(positives: Counts, n_rows: Counts) -> Counts:
    """w = min(n over labels that occur) / n, in (0, 1]."""
    occurring = positives[positives > 0]
    return (occurring.min() if len(occurring) else 1.0) / positives


SCHEMES: dict[str, Scheme] = {
    scheme.__name__: scheme
    for scheme in (
        balanced,
        inverse_frequency,
        inverse_sqrt,
        median_frequency,
        effective_number,
        log_smoothed,
        negative_positive_ratio,
        inverse_propensity,
        minimum_count,
    )
}

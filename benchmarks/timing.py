"""Ratios that hold on noisy machines: ours and the peer in turn, medians of each."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds(function: Callable[[], Any]) -> float:
    """Returns the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(functions: dict[str, Callable[[], Any]], repeats: int = 7) -> dict[str, float]:
    """Returns the median seconds of each function, called in turn after one warm-up."""
    for function in functions.values():
        function()
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats):
        for name, function in functions.items():
            times[name].append(seconds(function))
    return {name: statistics.median(values) for name, values in times.items()}


def show(title: str, medians: dict[str, float], *, ours: str, peer: str, target: str) -> None:
    """Prints both medians, how many times faster ours is, and the target."""
    ratio = medians[peer] / medians[ours]
    print(
        f"{title:<46} {ours} {1e3 * medians[ours]:9.2f} ms   {peer} {1e3 * medians[peer]:9.2f} ms"
        f"   {ratio:8.2f}x   target {target}"
    )

"""Figures of a report: plain data in, inline SVG out.

Colours are those of Okabe and Ito, told apart by colour-blind readers too; lines and text take
the colour of the page, so that one file serves light and dark.
"""

import io
import textwrap
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise._errors import InvalidInput

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_MARKERS = ("o", "s", "^", "D", "v", "P")
_INK = "#010203"  # replaced by currentColor in the SVG

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "svg.hashsalt": "equipoise",  # the same figure gives the same file
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
    **dict.fromkeys(
        (
            "text.color",
            "axes.edgecolor",
            "axes.labelcolor",
            "axes.titlecolor",
            "xtick.color",
            "ytick.color",
        ),
        _INK,
    ),
}


def draw(figure: Mapping[str, Any]) -> str:
    """Returns the figure as an SVG element; its "kind" names one of `KINDS`."""
    kind = figure["kind"]
    if kind not in KINDS:
        raise InvalidInput(f"Unknown kind of figure {kind!r}.", remedy=f"Known: {list(KINDS)}.")
    with mpl.rc_context(_STYLE):
        drawn = KINDS[kind](figure)
        buffer = io.StringIO()
        drawn.savefig(
            buffer,
            format="svg",
            transparent=True,
            bbox_inches="tight",
            metadata={"Date": None, "Creator": None},
        )
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg ", '<svg role="img" ', 1)


def intervals(figure: Mapping[str, Any]) -> Figure:
    """Differences with their intervals, one row per name and one marker per series.

    Data: "names", "xlabel", "series": [{"title", "values", "low", "high"}]; None leaves a gap.
    """
    names, series = figure["names"], figure["series"]
    step = 0.7 / max(len(series), 1)
    drawn = Figure(figsize=(7.5, 1.2 + 0.5 * len(names)))
    axes: Axes = drawn.subplots()
    axes.axvline(0, color=_INK, linewidth=0.8)
    for number, one in enumerate(series):
        colour, marker = COLOURS[number % len(COLOURS)], _MARKERS[number % len(_MARKERS)]
        for i, value in enumerate(one["values"]):
            if value is None:
                continue
            y = i + (number - (len(series) - 1) / 2) * step
            label = one["title"] if i == _first(one["values"]) else None
            axes.plot([value], [y], marker, color=colour, label=label)
            if one["low"][i] is not None:
                axes.plot([one["low"][i], one["high"][i]], [y, y], color=colour, linewidth=2)
    axes.set_yticks(range(len(names)), [_short(n) for n in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlabel(figure["xlabel"])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


def reliability(figure: Mapping[str, Any]) -> Figure:
    """Share of positives against the mean predicted probability, bin by bin.

    Data: "series": [{"title", "cells", "predicted", "observed"}], lists with None in empty bins.
    The area of a marker grows with the logarithm of its number of cells.
    """
    from math import log10

    drawn = Figure(figsize=(6, 5))
    axes: Axes = drawn.subplots()
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
    for number, one in enumerate(figure["series"]):
        colour, marker = COLOURS[number % len(COLOURS)], _MARKERS[number % len(_MARKERS)]
        points = [
            (p, y, 8 + 12 * log10(n))
            for n, p, y in zip(one["cells"], one["predicted"], one["observed"], strict=True)
            if p is not None and n >= 1
        ]
        if points:
            x, y, size = zip(*points, strict=True)
            axes.plot(x, y, color=colour, linewidth=1)
            axes.scatter(x, y, s=size, marker=marker, color=colour, label=one["title"])
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share of positives")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


KINDS: dict[str, Callable[[Mapping[str, Any]], Figure]] = {
    "intervals": intervals,
    "reliability": reliability,
}


def _first(values: list[Any]) -> int:
    return next(i for i, value in enumerate(values) if value is not None)


def _short(name: str) -> str:
    # A dollar sign would start a formula.
    return textwrap.shorten(name, 30, placeholder="…").replace("$", r"\$")

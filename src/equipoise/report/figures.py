"""Figures of a report: plain data in, inline SVG out.

Colours are those of Okabe and Ito, told apart by colour-blind readers too; lines and text take
the colour of the page, so that one file serves light and dark.
"""

import io
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from equipoise._errors import InvalidInput

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LINES = ("-", "--", "-.", ":")
_NAMED = 60  # labels that a figure can name
_MARKERS = ("o", "s", "^", "D", "v", "P")
_INK = "#010203"  # replaced by currentColor in the SVG

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "text.parse_math": False,  # names may hold dollar signs
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
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # Text stays text in the file: the reader's fonts draw what ours cannot measure.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
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


def dots(figure: Mapping[str, Any]) -> Figure:
    """Positive numbers side by side, one row per name and one marker per series, logarithmic.

    Data: "names", "xlabel", "series": [{"title", "values"}]; None leaves a gap.
    """
    names = figure["names"]
    drawn = Figure(figsize=(7.5, 1 + 0.32 * len(names)))
    axes: Axes = drawn.subplots()
    axes.axvline(1, color=_INK, linewidth=0.8, linestyle=":")
    for number, one in enumerate(figure["series"]):
        points = [(v, i) for i, v in enumerate(one["values"]) if v is not None and v > 0]
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, _MARKERS[number], color=COLOURS[number], label=one["title"])
    _logarithmic(axes, "x")
    axes.set_yticks(range(len(names)), [_short(n) for n in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.2)
    axes.set_xlabel(figure["xlabel"])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


def frequencies(figure: Mapping[str, Any]) -> Figure:
    """Positives per label, most frequent first; names where there is room for them.

    Data: "names", "positives".
    """
    names, positives = figure["names"], figure["positives"]
    if len(names) <= _NAMED:
        drawn = Figure(figsize=(7.5, 0.8 + 0.25 * len(names)))
        axes: Axes = drawn.subplots()
        # On a logarithmic axis a bar of 0 has no end; it is left out.
        axes.barh(range(len(names)), [p or float("nan") for p in positives], color=COLOURS[0])
        axes.set_yticks(range(len(names)), [_short(n) for n in names])
        axes.set_ylim(len(names) - 0.5, -0.5)
        _logarithmic(axes, "x")
        axes.set_xlabel("positives")
        return drawn
    drawn = Figure(figsize=(7.5, 3.5))
    axes = drawn.subplots()
    axes.plot(range(1, len(names) + 1), [p or float("nan") for p in positives], color=COLOURS[0])
    _logarithmic(axes, "y")
    axes.set_xlabel("label, most frequent first")
    axes.set_ylabel("positives")
    return drawn


def changes(figure: Mapping[str, Any]) -> Figure:
    """A change per label with its interval, against how frequent the label is.

    Data: "positives", "series": {"title", "values", "low", "high"}; None for no interval.
    """
    one = figure["series"]
    drawn = Figure(figsize=(7.5, 4))
    axes: Axes = drawn.subplots()
    axes.axhline(0, color=_INK, linewidth=0.8)
    clear = [
        low is not None and (low > 0 or high < 0)
        for low, high in zip(one["low"], one["high"], strict=True)
    ]
    for certain, colour, marker, label in (
        (False, COLOURS[0], "o", "interval holds 0"),
        (True, COLOURS[1], "s", "interval excludes 0"),
    ):
        chosen = [i for i, c in enumerate(clear) if c is certain]
        if not chosen:
            continue
        x = [figure["positives"][i] for i in chosen]
        bounded = [i for i in chosen if one["low"][i] is not None]
        axes.vlines(
            [figure["positives"][i] for i in bounded],
            [one["low"][i] for i in bounded],
            [one["high"][i] for i in bounded],
            color=colour,
            alpha=0.35,
        )
        axes.plot(x, [one["values"][i] for i in chosen], marker, color=colour, label=label)
    _logarithmic(axes, "x")
    axes.set_xlabel("positives of the label")
    axes.set_ylabel(_short(one["title"], 60))
    if one["values"]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


def curves(figure: Mapping[str, Any]) -> Figure:
    """Lines of precision against recall.

    Data: "series": [{"title", "x", "y"}], "xlabel", "ylabel".
    """
    drawn = Figure(figsize=(6, 5))
    axes: Axes = drawn.subplots()
    for number, one in enumerate(figure["series"]):
        colour = COLOURS[number % len(COLOURS)]
        style = _LINES[(number // len(COLOURS) + number) % len(_LINES)]
        axes.plot(one["x"], one["y"], color=colour, linestyle=style, label=_short(one["title"]))
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    axes.set_xlabel(figure["xlabel"])
    axes.set_ylabel(figure["ylabel"])
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return drawn


KINDS: dict[str, Callable[[Mapping[str, Any]], Figure]] = {
    "changes": changes,
    "curves": curves,
    "dots": dots,
    "frequencies": frequencies,
    "intervals": intervals,
    "reliability": reliability,
}


def _logarithmic(axes: Axes, which: str) -> None:
    """A logarithmic axis whose numbers are written as such: formulas are off, see _STYLE."""
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    axes.set(**{f"{which}scale": "log"})
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _first(values: list[Any]) -> int:
    return next(i for i, value in enumerate(values) if value is not None)


def _short(name: str, width: int = 30) -> str:
    name = " ".join(name.split())
    return name if len(name) <= width else name[: width - 1] + "…"

"""Figures of a report: plain data in, inline SVG out.

Colours are those of Okabe and Ito, told apart by colour-blind readers too; lines and text take
the colour of the page, so that one file serves light and dark.
"""

import hashlib
import html
import io
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from equipoise._errors import InvalidInput

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_LINES = ("-", "--", "-.", ":")
_NAMED = 60  # labels that a figure can name
THIN_LINES = 150  # that can be told from a blot
_MARKERS = ("o", "s", "^", "D", "v", "P")
_INK = "#010203"  # replaced by currentColor in the SVG
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_GROUP_NAMES = re.compile(r'<g id="[^"]*"')

_STYLE: Any = {
    "svg.fonttype": "none",  # text stays text: searchable, and small
    "text.parse_math": False,  # names may hold dollar signs
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


def figure_of(figure: Mapping[str, Any]) -> Figure:
    """Returns the matplotlib figure, in ordinary colours; its "kind" names one of `KINDS`."""
    ordinary = {name: "black" for name, value in _STYLE.items() if value == _INK}
    with mpl.rc_context({**_STYLE, **ordinary}):
        return KINDS[figure["kind"]](figure)


def draw(figure: Mapping[str, Any]) -> str:
    """Returns the figure as an SVG element; its "kind" names one of `KINDS`."""
    kind = figure["kind"]
    if kind not in KINDS:
        raise InvalidInput(f"Unknown kind of figure {kind!r}.", remedy=f"Known: {list(KINDS)}.")
    # The same figure gives the same file; two figures of a page do not share the names of parts.
    salt = hashlib.sha256(repr(sorted(figure.items())).encode()).hexdigest()
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}), warnings.catch_warnings():
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
    return _inline(buffer.getvalue(), figure.get("caption"))


def _inline(svg: str, caption: str | None) -> str:
    """The SVG element as it stands in a page: named, in the page's colour, without clutter."""
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    for number, colour in enumerate(COLOURS):  # a page in the dark has lighter ones
        svg = svg.replace(colour, f"var(--colour-{number}, {colour})")
    svg = _METADATA.sub("", svg)
    svg = _GROUP_NAMES.sub("<g", svg)  # nothing refers to them, and every figure has the same
    named = "" if caption is None else f'aria-label="{html.escape(caption)}" '
    return svg.replace("<svg ", f'<svg role="img" {named}', 1)


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
    _legend(axes)
    return drawn


def reliability(figure: Mapping[str, Any]) -> Figure:
    """Share of positives against the mean predicted probability, bin by bin.

    Data: "series": [{"title", "cells", "predicted", "observed"}], lists with None in empty bins,
    and perhaps "low" and "high", intervals of the share. The area of a marker grows with the
    logarithm of its number of cells.
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
            axes.scatter(x, y, s=size, marker=marker, color=colour, label=_short(one["title"]))
        if "low" in one:
            axes.vlines(one["predicted"], one["low"], one["high"], color=colour, alpha=0.5)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set_xlabel("predicted probability")
    axes.set_ylabel("share of positives")
    _legend(axes)
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
            marker = _MARKERS[number % len(_MARKERS)]
            axes.plot(x, y, marker, color=COLOURS[number % len(COLOURS)], label=one["title"])
    _logarithmic(axes, "x")
    axes.set_yticks(range(len(names)), [_short(n) for n in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", alpha=0.2)
    axes.set_xlabel(figure["xlabel"])
    _legend(axes)
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
    _legend(axes)
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
    _legend(axes)
    return drawn


def bundle(figure: Mapping[str, Any]) -> Figure:
    """One thin line per label, a few of them named, and their mean; of many labels, where most are.

    Data: "series": [{"title", "x", "y"}], "named": titles of those in colour, "mean": {"x", "y"}
    or None, "diagonal": whether chance is a diagonal, "xlabel", "ylabel".
    """
    drawn = Figure(figsize=(6, 5))
    axes: Axes = drawn.subplots()
    named = list(figure["named"])
    if len(figure["series"]) > THIN_LINES:
        _shades(axes, figure["series"])
    else:
        faint = min(0.5, max(0.1, 40 / max(len(figure["series"]), 1)))
        for one in figure["series"]:
            if one["title"] not in named:
                axes.plot(one["x"], one["y"], color="#999999", linewidth=0.7, alpha=faint)
    for one in figure["series"]:
        if one["title"] in named:
            number = named.index(one["title"])
            axes.plot(
                one["x"],
                one["y"],
                color=COLOURS[number % len(COLOURS)],
                linestyle=_LINES[(number // len(COLOURS) + number) % len(_LINES)],
                label=_short(one["title"]),
            )
    if figure["mean"] is not None:
        mean = figure["mean"]
        axes.plot(mean["x"], mean["y"], color=_INK, linewidth=2.2, label="mean of all labels")
    if figure["diagonal"]:
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=":")
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.02))
    axes.set_xlabel(figure["xlabel"])
    axes.set_ylabel(figure["ylabel"])
    _legend(axes)
    return drawn


def _shades(axes: Axes, series: list[Any]) -> None:
    """Between which heights half, and four fifths, of the lines run; a thousand would be a blot."""
    places = np.asarray(series[0]["x"], dtype=np.float64)
    lines = np.array([np.interp(places, one["x"], one["y"]) for one in series])
    for low, high, label in ((0.1, 0.9, "80%, and half, of labels"), (0.25, 0.75, None)):
        ends = np.quantile(lines, [low, high], axis=0)
        axes.fill_between(places, *ends, color="#999999", alpha=0.3, linewidth=0, label=label)


def band(figure: Mapping[str, Any]) -> Figure:
    """A line with its interval, and a place on it that was chosen.

    Data: "x", "y", "low", "high", "chosen": {"x", "y", "title"} or None, "xlabel", "ylabel".
    """
    drawn = Figure(figsize=(6.5, 4))
    axes: Axes = drawn.subplots()
    axes.fill_between(figure["x"], figure["low"], figure["high"], color=COLOURS[0], alpha=0.2)
    axes.plot(figure["x"], figure["y"], color=COLOURS[0])
    chosen = figure["chosen"]
    if chosen is not None:
        axes.axvline(chosen["x"], color=COLOURS[1], linewidth=1, linestyle="--")
        axes.plot([chosen["x"]], [chosen["y"]], "s", color=COLOURS[1], label=chosen["title"])
        _legend(axes)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel(figure["xlabel"])
    axes.set_ylabel(figure["ylabel"])
    return drawn


def histograms(figure: Mapping[str, Any]) -> Figure:
    """Scores of positives and of negatives, one small panel per label.

    Data: "names", "edges", "positive", "negative": (labels, bins) shares of each side, "marks":
    a place per label or None, "xlabel".
    """
    names = figure["names"]
    columns = min(3, len(names))
    rows = -(-len(names) // columns)
    drawn = Figure(figsize=(2.6 * columns + 1.4, 1.7 * rows + 0.6), layout="constrained")
    panels = drawn.subplots(rows, columns, squeeze=False, sharex=True).reshape(-1)
    edges = figure["edges"]
    for i, (axes, name) in enumerate(zip(panels, names, strict=False)):
        for side, colour, label in (
            ("negative", COLOURS[0], "negatives"),
            ("positive", COLOURS[1], "positives"),
        ):
            axes.stairs(figure[side][i], edges, color=colour, fill=True, alpha=0.45, label=label)
            axes.stairs(figure[side][i], edges, color=colour, linewidth=0.8)
        if figure["marks"] is not None:
            axes.axvline(figure["marks"][i], color=_INK, linewidth=1, linestyle="--")
        axes.set_title(_short(name, 24), fontsize=9)
        axes.set_yticks([])
    for axes in panels[len(names) :]:
        axes.set_axis_off()
    drawn.supxlabel(figure["xlabel"], fontsize=10)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside right upper")
    return drawn


def scatter(figure: Mapping[str, Any]) -> Figure:
    """A number per label against its positives; of many labels those off the trend are named.

    Data: "names", "positives", "values" with None for gaps, "low" and "high" or None, "ylabel".
    """
    drawn = Figure(figsize=(7, 4.2))
    axes: Axes = drawn.subplots()
    points = [
        (n, v, name, i)
        for i, (n, v, name) in enumerate(
            zip(figure["positives"], figure["values"], figure["names"], strict=True)
        )
        if v is not None and n > 0
    ]
    if figure["low"] is not None:
        for n, _, _, i in points:
            if figure["low"][i] is not None:
                ends = [figure["low"][i], figure["high"][i]]
                axes.plot([n, n], ends, color=COLOURS[0], alpha=0.3, linewidth=1)
    axes.plot([p[0] for p in points], [p[1] for p in points], "o", color=COLOURS[0], markersize=4)
    for n, value, name, _ in points if len(points) <= 15 else _off_the_trend(points):
        axes.annotate(_short(name, 18), (n, value), (4, 3), textcoords="offset points", fontsize=8)
    _logarithmic(axes, "x")
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("positives of the label")
    axes.set_ylabel(figure["ylabel"])
    return drawn


def _off_the_trend(points: list[Any], each: int = 3) -> list[Any]:
    """Returns the points farthest above and below a line through the logarithms of positives."""
    x = np.log([p[0] for p in points])
    y = np.array([p[1] for p in points])
    slope, level = np.polyfit(x, y, 1) if np.ptp(x) > 0 else (0.0, y.mean())
    order = np.argsort(y - slope * x - level, kind="stable").tolist()
    return [points[i] for i in [*order[:each], *order[-each:]]]


KINDS: dict[str, Callable[[Mapping[str, Any]], Figure]] = {
    "band": band,
    "bundle": bundle,
    "changes": changes,
    "curves": curves,
    "dots": dots,
    "frequencies": frequencies,
    "histograms": histograms,
    "intervals": intervals,
    "reliability": reliability,
    "scatter": scatter,
}


def _logarithmic(axes: Axes, which: str) -> None:
    """A logarithmic axis whose numbers are written as such: formulas are off, see _STYLE.

    Where nothing above 0 was drawn it stays as it is: such an axis would have no ends.
    """
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    if not axis.get_data_interval()[1] > 0:
        return
    axes.set(**{f"{which}scale": "log"})
    low, high = axis.get_view_interval()
    if high < 100 * low:  # powers of ten alone would be one number, or none
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _legend(axes: Axes) -> None:
    """A legend beside the axes; none where nothing was drawn."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _first(values: list[Any]) -> int:
    return next(i for i, value in enumerate(values) if value is not None)


def _short(name: str, width: int = 30) -> str:
    name = " ".join(name.split())
    if name.startswith("_"):  # which keeps a line out of matplotlib's legends
        name = f"\N{THIN SPACE}{name}"
    return name if len(name) <= width else name[: width - 1] + "…"

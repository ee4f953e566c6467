"""Charts as plain data for plotly.js. A figure has one variant per way to lay out the costs, or a single one."""

import html
import math
from collections.abc import Callable, Sequence
from typing import Any

from apportion.reports import words
from apportion.reports.axes import Axis
from apportion.reports.fronts import front_steps
from apportion.reports.kinds import KINDS, Kind
from apportion.reports.labels import spread
from apportion.reports.lines import controller_lines, line_ends, places, spot
from apportion.reports.page.markup import Markup, element
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.statistics import Interval

Variant = dict[str, Any]
Figure = dict[str, Variant]
Read = Callable[[Scheme], Interval]
Places = dict[tuple[str, str], float]

ONLY = "only"
"""The variant of a figure that has just one."""

# As in plots.py: shape tells the kind, lightness repeats it.
MARKS: dict[Kind, dict[str, Any]] = {
    "anchor": {"symbol": "square", "color": "#111111", "size": 10},
    "hand-made": {"symbol": "circle", "color": "#ffffff", "size": 9, "line": {"color": "#4f6d8f", "width": 1.8}},
    "searched": {"symbol": "triangle-up", "color": "#b3261e", "size": 11},
}
INK: dict[Kind, str] = {"anchor": "#111111", "hand-made": "#4f6d8f", "searched": "#b3261e"}
FONT = {"family": "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif", "size": 12, "color": "#222222"}
LABEL_GAP = 14.0
"""Least distance of two labels, in pixels."""


def literal(name: str, limit: int = 40) -> str:
    """A name inside a chart: plotly reads a little HTML in its texts, so it gets none."""
    return html.escape(words.shown(name, limit), quote=False)


def chart(name: str, height: int, describe: str, least_width: int | None = None) -> Markup:
    """The place of figure `name` on the page; `describe` is what a screen reader says of it."""
    style = f"height:{height}px" + (f";min-width:{least_width}px" if least_width else "")
    return element("div", class_="chart", data_figure=name, style=style, role="img", aria_label=describe)


def layout(height: int, **more: Any) -> dict[str, Any]:
    """What all charts share. Axes are fixed, so that a finger on a chart scrolls the page."""
    return {
        "height": height,
        "font": FONT,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "margin": {"l": 54, "r": 10, "t": 8, "b": 44},
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"align": "left", "bgcolor": "#ffffff", "bordercolor": "#888888", "font": FONT},
        **more,
    }


def scale(**more: Any) -> dict[str, Any]:
    """What all axes share."""
    line = {"showline": True, "linecolor": "#666666", "gridcolor": "#e6e6e6", "zeroline": False}
    return {**line, "fixedrange": True, "ticks": "outside", "tickcolor": "#666666", "automargin": True, **more}


def scatter_figure(results: Results, axes: Sequence[Axis], read: Read, **options: Any) -> Figure:
    """Schemes by cost and by what `read` says of them; `options` as for `scatter`."""
    return {axis.field: scatter(results, axis, read, **options) for axis in axes}


def scatter(
    results: Results,
    axis: Axis,
    read: Read,
    *,
    height: int,
    percent: bool = False,
    lower_is_better: bool = True,
    labelled: bool = True,
) -> Variant:
    """One variant: the non-dominated steps, a thin line per controller, a marker with interval per scheme."""
    schemes = [scheme for scheme in results.measured if read(scheme).n]
    spots = places(results, axis)
    data = [_front(schemes, axis, read, 1.0 if lower_is_better else -1.0)]
    data += [_line(line, spots, read) for line in controller_lines(results)]
    data += [_markers([s for s in schemes if s.kind == kind], spots, read, kind) for kind in KINDS]
    x = _x_range(schemes, axis, line_ends(results, axis) if labelled else [])
    y = _y_range([read(scheme) for scheme in schemes])
    notes = _labels(results, axis, read, x, y, height - 52) if labelled else []
    title = {"text": axis.title if labelled else axis.short, "standoff": 8}
    return {
        "data": [trace for trace in data if trace["x"]],
        "layout": layout(
            height,
            xaxis=scale(title=title, tickformat=axis.tick_format, nticks=6 if labelled else 4, range=x),
            yaxis=scale(tickformat=decimals_for(y, percent), nticks=7 if labelled else 5, range=y),
            annotations=notes,
        ),
    }


def hover(scheme: Scheme) -> str:
    """Everything about one point, in lines."""
    price = scheme.price
    rows = [
        f"<b>{literal(scheme.controller)}</b> ({scheme.kind})",
        f"budget: {literal(words.budget_words(scheme.budget))}",
        f"loss {words.with_interval(scheme.loss)}",
        f"accuracy {words.with_interval(scheme.accuracy, 2, 100.0)} %",
        f"{words.count(price.parameters)} parameters",
        f"{price.live:.3f} backbones live, {words.percent(price.owned)} owned",
        f"n = {scheme.loss.n}" + (f", {scheme.loss.missing} failed" if scheme.loss.missing else ""),
    ]
    return "<br>".join(rows)


def _front(schemes: Sequence[Scheme], axis: Axis, read: Read, sign: float) -> dict[str, Any]:
    steps = front_steps([(axis.of(s), sign * read(s).mean) for s in schemes])
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [cost for cost, _ in steps],
        "y": [sign * value for _, value in steps],
        "line": {"shape": "hv", "color": "#c4c4c4", "width": 3},
        "hoverinfo": "skip",
    }


def _line(line: Sequence[Scheme], spots: Places, read: Read) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [spots[spot(scheme)] for scheme in line],
        "y": [read(scheme).mean for scheme in line],
        "line": {"color": INK[line[0].kind], "width": 1},
        "opacity": 0.55,
        "hoverinfo": "skip",
    }


def _markers(schemes: Sequence[Scheme], spots: Places, read: Read, kind: Kind) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": kind,
        "x": [spots[spot(scheme)] for scheme in schemes],
        "y": [read(scheme).mean for scheme in schemes],
        "error_y": {
            "type": "data",
            "array": [read(scheme).half_width or 0.0 for scheme in schemes],
            "color": INK[kind],
            "thickness": 1.2,
            "width": 3,
        },
        "marker": MARKS[kind],
        "text": [hover(scheme) for scheme in schemes],
        "hoverinfo": "text",
    }


def _x_range(schemes: Sequence[Scheme], axis: Axis, ends: Sequence[Scheme]) -> list[float]:
    """A little air on both sides, and a third of the width to the right of the last point with a label."""
    values = [axis.of(scheme) for scheme in schemes] or [0.0, 1.0]
    low, high = min(values), max(values)
    air = 0.06 * (high - low) or 0.1 * abs(high) or 1.0
    low, high = low - air, high + air
    if ends:
        last = max(axis.of(scheme) for scheme in ends)
        high = max(high, low + (last - low) / 0.66)
    return [low, high]


def _y_range(intervals: Sequence[Interval]) -> list[float]:
    """All means and intervals, with a little air."""
    edges = [i.mean + sign * (i.half_width or 0.0) for i in intervals for sign in (-1, 1)] or [0.0, 1.0]
    low, high = min(edges), max(edges)
    air = 0.06 * (high - low) or 0.02 * abs(high) or 0.1
    return [low - air, high + air]


def decimals_for(y: Sequence[float], percent: bool = False) -> str:
    """The d3 format with as many digits as ticks a seventh of the range apart need."""
    digits = max(0, math.ceil(-math.log10((y[1] - y[0]) / 4)))
    return f".{max(0, digits - 2)}%" if percent else f".{digits}f"


def _labels(
    results: Results, axis: Axis, read: Read, x: Sequence[float], y: Sequence[float], height: float
) -> list[dict[str, Any]]:
    """Names beside the last point of each controller, in a column and moved apart, and above the anchors.

    `x` and `y` are the ranges shown, `height` the pixels that `y` spans.
    """
    ends = [scheme for scheme in line_ends(results, axis) if read(scheme).n]
    spots = places(results, axis)
    here = [(read(scheme).mean - y[0]) / (y[1] - y[0]) * height for scheme in ends]
    there = spread(here, LABEL_GAP, 8.0, height - 8.0)
    column = max((spots[spot(scheme)] for scheme in ends), default=0.0) + 0.05 * (x[1] - x[0])
    notes = [
        _label(scheme, spots, read, {"ax": column, "axref": "x", "ay": old - new, "xanchor": "left"})
        for scheme, old, new in zip(ends, here, there, strict=True)
    ]
    anchors = [scheme for scheme in results.measured if scheme.kind == "anchor" and read(scheme).n]
    middle = max((axis.of(scheme) for scheme in results.measured), default=0.0) / 2
    return notes + [_label_above(scheme, read, axis.of(scheme), axis.of(scheme) > middle) for scheme in anchors]


def _label_above(scheme: Scheme, read: Read, x: float, right: bool) -> dict[str, Any]:
    """A name on top of its interval: beside its point it would hide those of the least budget."""
    value = read(scheme)
    return {
        "x": x,
        "y": value.mean + (value.half_width or 0.0),
        "text": literal(scheme.controller, 16),
        "showarrow": False,
        "xanchor": "right" if right else "left",
        "xshift": 12 if right else -12,
        "yanchor": "bottom",
        "yshift": 2 if value.half_width else 7,
        "font": {"size": 11, "color": INK[scheme.kind]},
    }


def _label(scheme: Scheme, spots: Places, read: Read, place: dict[str, Any]) -> dict[str, Any]:
    """A name with a thin line to its point; `place` says where the name stands."""
    return {
        "x": spots[spot(scheme)],
        "y": read(scheme).mean,
        "text": literal(scheme.controller, 16),
        **place,
        "showarrow": True,
        "arrowhead": 0,
        "arrowwidth": 0.7,
        "arrowcolor": "#8a8a8a",
        "standoff": 6,
        "bgcolor": "rgba(255,255,255,0.75)",
        "borderpad": 0,
        "font": {"size": 11, "color": INK[scheme.kind]},
    }

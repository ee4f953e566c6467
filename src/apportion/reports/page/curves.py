"""A chart of curves: a step line per controller, a band where several runs stand behind it, names at the ends."""

from collections.abc import Mapping, Sequence
from typing import Any

from apportion.reports import words
from apportion.reports.labels import spread
from apportion.reports.page.figures import INK, LABEL_GAP, Variant, decimals_for, layout, literal, scale
from apportion.reports.progress import Curve
from apportion.reports.statistics import Interval

# Dark enough to read as text on white; beyond ten, dashes tell lines of one colour apart.
COLOURS = (
    "#0b5fa5", "#b3261e", "#00795a", "#8a3f94", "#a65f00", "#3a3a3a", "#5c7a12", "#c2187a", "#7a4a2b", "#167f92",
)  # fmt: skip
DASHES = ("solid", "dash", "dot")
UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "\N{MICRO SIGN}s"))
NAME, ROOM = 16, 0.023
"""Letters of a name, and the part of the width that each takes on a phone."""


def colours(controllers: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Colour and dash of each controller's line, the same in every chart of a page."""
    return {
        name: {"color": COLOURS[i % len(COLOURS)], "dash": DASHES[i // len(COLOURS) % len(DASHES)]}
        for i, name in enumerate(controllers)
    }


def curves_figure(
    curves: Sequence[Curve],
    lines: Mapping[str, dict[str, Any]],
    levels: Mapping[str, float],
    *,
    across: str,
    seconds: bool,
    height: int,
    y: Sequence[float],
) -> Variant:
    """One variant. `levels`: horizontal lines by name, for schemes that do not search. `seconds`: x is seconds.

    `y` is the range shown, from `y_range`: one for all charts that stand side by side.
    """
    drawn = [curve for curve in curves if curve.points]
    last = max((curve.points[-1][0] for curve in drawn), default=1.0)
    size, unit = next(((s, u) for s, u in UNITS if last >= 2 * s), UNITS[-1]) if seconds else (1.0, "")
    opacity = 0.13 if len(drawn) <= 4 else 0.07
    data = [trace for curve in drawn for trace in _band(curve, lines[curve.controller], size, opacity)]
    data += [_line(curve, lines[curve.controller], size, unit) for curve in drawn]
    longest = max((len(literal(name, NAME)) for name in [*(curve.controller for curve in drawn), *levels]), default=0)
    x = [0.0, last / size / (1 - max(0.2, ROOM * longest))]
    data += [_level(name, value, last / size) for name, value in levels.items()]
    ends = {curve.controller: (curve.points[-1][0] / size, curve.points[-1][1].mean) for curve in drawn}
    title = f"{across}, {unit}" if seconds else across
    return {
        "data": data,
        "layout": layout(
            height,
            xaxis=scale(title={"text": title, "standoff": 8}, nticks=6, range=x, tickformat="~g" if seconds else ",d"),
            yaxis=scale(tickformat=decimals_for(y), nticks=7, range=y),
            annotations=_names(ends, lines, levels, last / size, x, y, height - 52),
        ),
    }


def _line(curve: Curve, line: dict[str, Any], size: float, unit: str) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": literal(curve.controller),
        "x": [x / size for x, _ in curve.points], "y": [interval.mean for _, interval in curve.points],
        "line": {"shape": "hv", "width": 2, **line}, "hoverinfo": "text",
        "text": [_hover(curve.controller, x / size, unit, interval) for x, interval in curve.points],
    }  # fmt: skip


def _hover(controller: str, x: float, unit: str, interval: Interval) -> str:
    place = f"{x:.4g} {unit}" if unit else words.plural(round(x), "trial")
    rows = [f"<b>{literal(controller)}</b>, {place}", f"best so far {words.with_interval(interval)}"]
    missing = f", {interval.missing} without a loss" if interval.missing else ""
    return "<br>".join([*rows, f"{words.plural(interval.n, 'run')}{missing}"])


def _band(curve: Curve, line: dict[str, Any], size: float, opacity: float) -> list[dict[str, Any]]:
    """The interval as a pale area: its lower edge, and the upper one filled down to it."""
    edges = [(x / size, i.low, i.high) for x, i in curve.points if i.low is not None and i.high is not None]
    if not edges:
        return []
    plain = {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "x": [x for x, _, _ in edges]}
    edge = {"shape": "hv", "width": 0, "color": line["color"]}
    red, green, blue = (int(line["color"][i : i + 2], 16) for i in (1, 3, 5))
    fill = {"fill": "tonexty", "fillcolor": f"rgba({red},{green},{blue},{opacity})"}
    return [
        {**plain, "y": [low for _, low, _ in edges], "line": edge},
        {**plain, "y": [high for _, _, high in edges], "line": edge, **fill},
    ]


def _level(name: str, value: float, end: float) -> dict[str, Any]:
    return {
        "type": "scatter", "mode": "lines", "name": literal(name), "x": [0.0, end], "y": [value, value],
        "line": {"color": INK["hand-made"], "width": 1.2, "dash": "dashdot"}, "hoverinfo": "skip",
    }  # fmt: skip


def y_range(curves: Sequence[Curve], levels: Mapping[str, float]) -> list[float]:
    """From the least mean to where the means are after a tenth of their length: their first fall says little.

    Bands have a say in their second half, and widen the range by half at most on each side: those of two or three runs
    would else press the curves flat.
    """
    means = [i.mean for curve in curves for _, i in curve.points[len(curve.points) // 10 :]]
    shown = [*means, *levels.values()] or [0.0, 1.0]
    least, greatest = min(shown), max(shown)
    more = 0.5 * (greatest - least) or 0.02 * abs(greatest) or 0.1
    later = [i for curve in curves for _, i in curve.points[len(curve.points) // 2 :]]
    edges = [edge for i in later for edge in (i.low, i.high) if edge is not None]
    low, high = max(least - more, min([least, *edges])), min(greatest + more, max([greatest, *edges]))
    air = 0.06 * (high - low) or more
    return [low - air, high + air]


def _names(
    ends: Mapping[str, tuple[float, float]],
    lines: Mapping[str, dict[str, Any]],
    levels: Mapping[str, float],
    last: float,
    x: Sequence[float],
    y: Sequence[float],
    height: float,
) -> list[dict[str, Any]]:
    """Names in a column right of the longest line, moved apart, each with a thin line to its curve's end."""
    spots = [(name, *end, lines[name]["color"]) for name, end in ends.items()]
    spots += [(name, last, value, INK["hand-made"]) for name, value in levels.items()]
    here = [(value - y[0]) / (y[1] - y[0]) * height for _, _, value, _ in spots]
    there = spread(here, LABEL_GAP, 8.0, height - 8.0)
    column = last + 0.04 * (x[1] - x[0])
    return [
        {
            "x": at, "y": value, "ax": column, "axref": "x", "ay": old - new, "xanchor": "left",
            "text": literal(name, NAME), "showarrow": True, "arrowhead": 0, "arrowwidth": 0.7, "arrowcolor": "#8a8a8a",
            "standoff": 2, "borderpad": 0, "font": {"size": 11, "color": colour},
        }
        for (name, at, value, colour), old, new in zip(spots, here, there, strict=True)
    ]  # fmt: skip

"""The front as a picture for papers and READMEs: PNG and SVG, two panels, readable without colour."""

import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from apportion.reports import words
from apportion.reports.axes import AXES
from apportion.reports.fronts import front_steps
from apportion.reports.kinds import KINDS, Kind
from apportion.reports.labels import spread
from apportion.reports.lines import controller_lines, line_ends, places, spot
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.statistics import Interval
from apportion.reports.tables import caption

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "svg.fonttype": "path",
    "svg.hashsalt": "apportion",
}

# Shape tells the kind; lightness repeats it, so that a grey print loses nothing.
MARKS: dict[Kind, dict[str, Any]] = {
    "anchor": {"marker": "s", "color": "#000000", "markerfacecolor": "#000000"},
    "hand-made": {"marker": "o", "color": "#4f6d8f", "markerfacecolor": "#ffffff"},
    "searched": {"marker": "^", "color": "#b3261e", "markerfacecolor": "#b3261e"},
}

Read = Callable[[Scheme], Interval]
Places = dict[tuple[str, str], float]
PANELS: tuple[tuple[str, Read, float], ...] = (
    ("loss (lower is better)", lambda scheme: scheme.loss, 1.0),
    ("accuracy, % (higher is better)", lambda scheme: scheme.accuracy, 100.0),
)
LABEL_GAP = 9.5
"""Least distance of two labels, in points."""


def front_picture(results: Results, format: Literal["png", "svg"]) -> bytes:
    """The picture's bytes; the same results give the same bytes."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes: not worth a report.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure = Figure(figsize=(8.6, 4.2), dpi=200, layout="constrained")
        FigureCanvasAgg(figure)
        _draw(figure, results)
        metadata = {"Software": "apportion"} if format == "png" else {"Creator": "apportion", "Date": None}
        figure.savefig(file, format=format, metadata=metadata)
    return file.getvalue()


def _draw(figure: "Figure", results: Results) -> None:
    if not results.measured:
        figure.text(0.5, 0.5, "nothing to show yet", ha="center", va="center", color="#555555", fontsize=12)
        return
    axes = figure.subplots(1, 2)
    for panel, (title, read, scale) in zip(axes, PANELS, strict=True):
        _panel(panel, results, read, scale)
        panel.set_title(title, loc="left", fontsize=9)
    figure.legend(handles=_legend(results), loc="outside upper left", ncols=5, frameon=False, handletextpad=0.4)
    header = results.study.header
    name = f"{words.shown(header.name, 40)}, {words.shown(header.shape.name, 30)}"
    beside = "Schemes at one budget stand side by side."
    figure.supxlabel(f"{name}. {caption(results)} {beside}", fontsize=7.5, color="#444444", parse_math=False)


def _panel(panel: "Axes", results: Results, read: Read, scale: float) -> None:
    from matplotlib.ticker import FuncFormatter

    axis, x = AXES[0], places(results, AXES[0])
    _lines(panel, results, read, scale, x)
    for kind in KINDS:
        for scheme in (s for s in results.measured if s.kind == kind):
            interval = read(scheme)
            half = interval.half_width
            panel.errorbar(
                [x[spot(scheme)]],
                [interval.mean * scale],
                yerr=None if half is None else [half * scale],
                linestyle="none",
                markersize=5,
                elinewidth=0.8,
                capsize=1.8,
                zorder=3,
                **MARKS[kind],
            )
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.round_parameters(value)))
    panel.locator_params(axis="x", nbins=6)
    panel.set_xlabel(axis.title)
    panel.margins(x=0.08, y=0.08)
    _label_ends(panel, results, read, scale, x)


def _lines(panel: "Axes", results: Results, read: Read, scale: float, x: Places) -> None:
    """The non-dominated steps in grey, and a thin line through the budgets of each controller."""
    axis, sign = AXES[0], -1.0 if scale > 1 else 1.0
    steps = front_steps([(axis.of(scheme), sign * read(scheme).mean) for scheme in results.measured])
    panel.step(
        [cost for cost, _ in steps],
        [sign * scale * value for _, value in steps],
        where="post",
        color="#bdbdbd",
        linewidth=2.4,
        zorder=1,
    )
    for line in controller_lines(results):
        panel.plot(
            [x[spot(s)] for s in line],
            [scale * read(s).mean for s in line],
            color=str(MARKS[line[0].kind]["color"]),
            linewidth=0.7,
            alpha=0.6,
            zorder=2,
        )


def _label_ends(panel: "Axes", results: Results, read: Read, scale: float, x: Places) -> None:
    """Names beside the last point of each line, moved apart, and above the anchors."""
    axis = AXES[0]
    ends = line_ends(results, axis)
    _leave_room(panel, [x[spot(scheme)] for scheme in ends])
    panel.figure.canvas.draw()
    points_per_unit = 72.0 / panel.figure.dpi
    at = [panel.transData.transform((x[spot(s)], read(s).mean * scale)) * points_per_unit for s in ends]
    column = max((float(point[0]) for point in at), default=0.0) + 12.0
    (_, bottom), (_, top) = panel.transAxes.transform([(0, 0), (0, 1)]) * points_per_unit
    heights = [float(point[1]) for point in at]
    for scheme, point, there in zip(ends, at, spread(heights, LABEL_GAP, bottom + 4.0, top - 4.0), strict=True):
        here = (x[spot(scheme)], read(scheme).mean * scale)
        _label(panel, scheme, here, (column - point[0], there - point[1]))
    for scheme in results.measured:
        if scheme.kind == "anchor":
            _label_above(panel, scheme, read(scheme), scale, axis.of(scheme))


def _label_above(panel: "Axes", scheme: Scheme, interval: Interval, scale: float, x: float) -> None:
    """A name on top of its interval: beside its point it would hide those of the least budget."""
    right = x > sum(panel.get_xlim()) / 2
    panel.annotate(
        words.shown(scheme.controller, 24),
        (x, (interval.mean + (interval.half_width or 0.0)) * scale),
        (8.0 if right else -8.0, 3.0 if interval.half_width else 5.0),
        textcoords="offset points",
        ha="right" if right else "left",
        va="bottom",
        fontsize=7.5,
        color=str(MARKS[scheme.kind]["color"]),
        parse_math=False,
    )


def _leave_room(panel: "Axes", ends: list[float]) -> None:
    """Widen the axis until a third of it lies to the right of the last labelled point."""
    low, high = panel.get_xlim()
    if ends and (high - max(ends)) < 0.33 * (high - low):
        panel.set_xlim(low, low + (max(ends) - low) / 0.67)


def _label(panel: "Axes", scheme: Scheme, at: tuple[float, float], offset: tuple[float, float]) -> None:
    panel.annotate(
        words.shown(scheme.controller, 24),
        at,
        offset,
        textcoords="offset points",
        ha="left",
        va="center",
        fontsize=7.5,
        color=str(MARKS[scheme.kind]["color"]),
        parse_math=False,
        bbox={"facecolor": "#ffffff", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        arrowprops={
            "arrowstyle": "-",
            "color": "#9a9a9a",
            "linewidth": 0.5,
            "shrinkA": 0,
            "shrinkB": 4,
            "relpos": (0.0, 0.5),
        },
    )


def _legend(results: Results) -> list[object]:
    from matplotlib.lines import Line2D

    present = {scheme.kind for scheme in results.measured}
    handles: list[object] = [
        Line2D([], [], linestyle="none", markersize=5, label=kind, **MARKS[kind]) for kind in KINDS if kind in present
    ]
    handles.append(Line2D([], [], color="#bdbdbd", linewidth=2.4, label="no scheme is both smaller and better"))
    return handles

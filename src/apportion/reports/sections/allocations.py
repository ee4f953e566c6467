"""Where the winners spend their budget: the part of each layer that every domain owns."""

from apportion.reports import words
from apportion.reports.comparisons import comparisons
from apportion.reports.page.figures import ONLY, Variant, chart, layout, literal, scale
from apportion.reports.page.markup import Markup, element, join, label
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.search.study import Header

RAMP = ((0.0, "#ffffff"), (0.25, "#d3dde9"), (0.5, "#8fa9c6"), (0.75, "#46698f"), (1.0, "#0b2545"))
"""Light to dark, evenly in lightness: a grey print shows the same order."""

LABELLED_SITES = 12
"""Up to this many sites the cells carry their number and the axis the sites' names."""


def render(results: Results) -> Fragment:
    """A heat map per winner."""
    winners = [s for c in comparisons(results) for s in (c.hand_made, c.searched) if s is not None]
    if not winners:
        return Fragment(element("p", "Nothing to show yet."))
    header = results.study.header
    height = 24 * len(header.space.owners) + (96 if len(header.space.sites) <= LABELLED_SITES else 52)
    panels = [
        element(
            "div",
            _title(scheme),
            element("div", chart(f"allocations.{i}", height, "heat map", _width(header)), class_="wide"),
        )
        for i, scheme in enumerate(winners)
    ]
    body = join(
        _ramp(), element("div", *panels, class_="panels" if len(header.space.sites) <= LABELLED_SITES else None)
    )
    return Fragment(body, {str(i): {ONLY: _heat_map(header, s, height)} for i, s in enumerate(winners)})


def _title(scheme: Scheme) -> Markup:
    return element("h3", f"{words.budget_words(scheme.budget)}, {scheme.kind}: ", label(scheme.controller))


def _width(header: Header) -> int:
    """Least width at which cells can still be told apart, in pixels."""
    return 90 + 13 * len(header.space.sites)


def _ramp() -> Markup:
    stops = ", ".join(f"{colour} {at:.0%}" for at, colour in RAMP)
    bar = element("span", class_="ramp", style=f"background:linear-gradient(90deg, {stops})")
    return element("p", "filters owned: none ", bar, " all", class_="quiet")


def _heat_map(header: Header, scheme: Scheme, height: int) -> Variant:
    """Rows are owners, the first on top; columns are sites from the input on; a cell is the fraction owned."""
    sites, owners = header.space.sites, header.space.owners
    by_depth = sorted(range(len(sites)), key=lambda i: sites[i].depth)
    levels = scheme.allocation.levels
    fractions = [[levels[i][d] / max(1, sites[i].max_level) for i in by_depth] for d in range(len(owners))]
    texts = [
        [
            f"{literal(owner)}, {literal(sites[i].name)}<br>{levels[i][d]} of {sites[i].max_level} filters owned"
            f" ({levels[i][d] / max(1, sites[i].max_level):.1%})"
            for i in by_depth
        ]
        for d, owner in enumerate(owners)
    ]
    named = len(sites) <= LABELLED_SITES
    trace = {
        "type": "heatmap", "x": list(range(len(sites))), "y": list(range(len(owners))), "z": fractions,
        "zmin": 0, "zmax": 1, "colorscale": [list(stop) for stop in RAMP], "showscale": False,
        "xgap": 1, "ygap": 1, "text": texts, "hoverinfo": "text",
    }  # fmt: skip
    columns = {"tickvals": trace["x"], "ticktext": [literal(sites[i].name, 14) for i in by_depth], "tickangle": -50}
    rows = {"tickvals": trace["y"], "ticktext": [literal(owner, 14) for owner in owners], "autorange": "reversed"}
    plain = {"showgrid": False, "showline": False, "ticklen": 4, "tickcolor": "#ffffff"}
    return {
        "data": [trace],
        "layout": layout(
            height,
            margin={"l": 10, "r": 10, "t": 8, "b": 10},
            plot_bgcolor="#c9c9c9",
            xaxis=scale(**plain, **(columns if named else {"title": {"text": "site, from the input on"}})),
            yaxis=scale(**plain, **rows),
            annotations=_numbers(fractions) if named else [],
        ),
    }


def _numbers(fractions: list[list[float]]) -> list[dict[str, object]]:
    """Percentages inside the cells, dark on light and light on dark."""
    return [
        {
            "x": x, "y": y, "text": f"{100 * value:.0f}", "showarrow": False,
            "font": {"size": 10, "color": "#ffffff" if value > 0.62 else "#444444"},
        }
        for y, row in enumerate(fractions)
        for x, value in enumerate(row)
    ]  # fmt: skip


ALLOCATIONS = Section(
    "allocations",
    "What the winners own",
    "At each budget the best scheme of each kind: a row per domain, a column per layer from the input on, in percent of"
    " the layer's filters.",
    render,
)

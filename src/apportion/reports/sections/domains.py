"""A small panel for every domain: who gains from owning, and who pays for sharing."""

from apportion.evaluators.measurement import Scores
from apportion.reports.axes import AXES
from apportion.reports.near_independent import BANDS, smallest_within
from apportion.reports.page.figures import Figure, chart, scatter_figure
from apportion.reports.page.markup import Markup, element, join, label
from apportion.reports.page.switch import axis_switch
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.statistics import Interval
from apportion.reports.words import bracketed, number, plural, shown

HEIGHT = 230


def render(results: Results) -> Fragment:
    """A chart per domain."""
    if not results.measured:
        return Fragment(element("p", "Nothing to show yet."))
    figures: dict[str, Figure] = {}
    panels: list[Markup] = []
    for i, domain in enumerate(results.study.header.domains):
        figures[str(i)] = _figure(results, domain.name)
        skipped = f", {plural(sum(domain.skipped.values()), 'file')} skipped" if domain.skipped else ""
        title = element("h3", label(domain.name), f" ({plural(domain.classes, 'class', 'classes')}{skipped})")
        describe = f"loss of {shown(domain.name)}, by cost"
        panels.append(element("div", title, chart(f"domains.{i}", HEIGHT, describe)))
    charts = join(axis_switch("domains"), element("div", *panels, class_="panels small"))
    return Fragment(join(charts, _near_independent(results)), figures)


def _near_independent(results: Results) -> Markup | None:
    """From which size on no domain is much worse off than with a network of its own."""
    if results.of("independent") is None:
        return None
    items = []
    for band in BANDS:
        found = smallest_within(results, band)
        start = f"within {plural(round(100 * band), 'point')} of accuracy: "
        if found is None:
            items.append(element("li", start, "no pattern that was measured"))
            continue
        scheme, worst = found
        budget = "" if scheme.budget is None else f", {scheme.budget}"
        gap = f" {number(100 * worst.difference.mean, 1, signed=True)} {bracketed(worst.difference, 1, 100)}"
        whose = join(label(scheme.controller), budget, "; worst off: ", label(worst.domain), gap)
        items.append(element("li", start, f"from {scheme.price.live:.2f} backbones on (", whose, ")"))
    lead = "Every domain about as well off as with a network of its own, by paired seeds of what was measured:"
    return element("div", element("p", lead), element("ul", *items), class_="quiet")


def _figure(results: Results, domain: str) -> Figure:
    objective = results.study.header.objective

    def loss(scores: Scores) -> float:
        return objective.of_domain(scores[domain])

    def read(scheme: Scheme) -> Interval:
        return scheme.of_domain(domain, loss)

    return scatter_figure(results, AXES, read, height=HEIGHT, labelled=False)


DOMAINS = Section(
    "domains", "Domain by domain", "Loss of each domain alone, shapes as above. Scales differ between panels.", render
)

"""A small panel for every domain: who gains from owning, and who pays for sharing."""

from apportion.evaluators.measurement import Scores
from apportion.reports.axes import AXES
from apportion.reports.page.figures import Figure, chart, scatter_figure
from apportion.reports.page.markup import Markup, element, join, label
from apportion.reports.page.switch import axis_switch
from apportion.reports.results import Results
from apportion.reports.schemes import Scheme
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.statistics import Interval
from apportion.reports.words import plural, shown

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
    return Fragment(join(axis_switch("domains"), element("div", *panels, class_="panels small")), figures)


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

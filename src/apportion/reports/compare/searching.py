"""How fast each controller searches: the mean of best-so-far over runs."""

from apportion.reports.best_so_far import BestSoFar
from apportion.reports.compare.comparison import Comparison
from apportion.reports.kinds import kind_of
from apportion.reports.page.curves import colours
from apportion.reports.page.figures import Figure
from apportion.reports.page.markup import Markup, element, join
from apportion.reports.progress import over_seconds, over_trials
from apportion.reports.sections.progress import NOTE, charts, pair
from apportion.reports.sections.section import Fragment, SectionOf
from apportion.reports.statistics import mean_interval


def render(comparison: Comparison) -> Fragment:
    """Two charts a budget."""
    runs, lines = comparison.runs, colours(comparison.runs.searched)
    figures: dict[str, Figure] = {}
    panels: list[Markup] = []
    for i, budget in enumerate(runs.budgets):
        found = {name: curves for name in runs.searched if (curves := runs.curves(name, budget))}
        if found:
            by_hand = {name: runs.curves(name, budget) for name in runs.controllers if kind_of(name) == "hand-made"}
            trials = [over_trials(name, curves) for name, curves in found.items()]
            seconds = [over_seconds(name, curves) for name, curves in found.items()]
            figures |= pair(str(i), trials, seconds, lines, _best_by_hand(by_hand))
            panels += charts(f"searching.{i}", budget)
    if not panels:
        return Fragment(element("p", "Nothing was searched yet."))
    several = "Bands are 95 % Student-t intervals of the mean over runs, not of a difference. "
    note = f"{several if len(runs.names) > 1 else ''}A curve ends where the first of its runs ends. {NOTE}"
    return Fragment(join(element("div", *panels, class_="panels"), element("p", note, class_="quiet")), figures)


def _best_by_hand(by_hand: dict[str, list[BestSoFar]]) -> dict[str, float]:
    """The hand-made scheme with the least mean loss over runs, and that loss."""
    means = {name: mean_interval(curve.last for curve in curves) for name, curves in by_hand.items()}
    measured = {name: mean.mean for name, mean in means.items() if mean.n}
    return dict([min(measured.items(), key=lambda entry: entry[1])]) if measured else {}


SEARCHING = SectionOf[Comparison](
    "searching",
    "How fast they search",
    "The least validation loss found so far. The dash-dotted line is the best scheme made by hand.",
    render,
    lambda comparison: bool(comparison.runs.searched),
)

"""How fast each controller searches: best-so-far against trials and against the seconds charged."""

from collections.abc import Mapping, Sequence
from typing import Any

from apportion.reports import words
from apportion.reports.best_so_far import BestSoFar, searches
from apportion.reports.kinds import kind_of
from apportion.reports.page.curves import colours, curves_figure, y_range
from apportion.reports.page.figures import ONLY, Figure, chart
from apportion.reports.page.markup import Markup, element, join
from apportion.reports.progress import Curve, over_seconds, over_trials
from apportion.reports.results import Results
from apportion.reports.sections.section import Fragment, Section
from apportion.spaces.budget import Budget

HEIGHT = 340
NOTE = (
    "A trial that failed takes its place and its seconds; a pattern measured before takes its place and no time. A"
    " step that trials share is charged in full to each controller that uses it, once in every chart. Trials of a"
    " controller that searches the whole front count at every budget, and its patterns wherever they fit. Losses are"
    " those of the search trials, on validation images: the least of many, so lower than when trained again."
)


def render(results: Results) -> Fragment:
    """Two charts a budget."""
    found = searches(results.study)
    searched = list(dict.fromkeys(name for name, _ in found if kind_of(name) == "searched"))
    if not searched:
        return Fragment(element("p", "Nothing was searched yet."))
    figures: dict[str, Figure] = {}
    panels: list[Markup] = []
    for i, budget in enumerate(dict.fromkeys(budget for name, budget in found if name in searched)):
        runs = {name: curve for (name, at), curve in found.items() if at == budget}
        figures |= _figures(str(i), runs, searched)
        panels += charts(f"progress.{i}", budget)
    body = join(element("div", *panels, class_="panels"), element("p", NOTE, class_="quiet"))
    return Fragment(body, figures)


def charts(place: str, budget: Budget) -> list[Markup]:
    """The places of the two figures of a budget, each under its title."""
    found = []
    for across, title in (("trials", "by trials"), ("seconds", "by time charged")):
        title = f"{words.budget_words(budget)}: best loss so far, {title}"
        found.append(element("div", element("h3", title), chart(f"{place}.{across}", HEIGHT, title)))
    return found


def _figures(place: str, runs: dict[str, BestSoFar], searched: list[str]) -> dict[str, Figure]:
    lines = colours(searched)
    here = {name: runs[name] for name in searched if name in runs}
    level = best_by_hand(runs)
    trials = [over_trials(name, [run]) for name, run in here.items()]
    seconds = [over_seconds(name, [run]) for name, run in here.items()]
    return pair(place, trials, seconds, lines, level)


def pair(
    place: str,
    trials: Sequence[Curve],
    seconds: Sequence[Curve],
    lines: Mapping[str, dict[str, Any]],
    level: Mapping[str, float],
) -> dict[str, Figure]:
    """Two figures, `<place>.trials` and `<place>.seconds`, with one range of losses."""
    y = y_range(trials, level)
    by_trials = curves_figure(trials, lines, level, across="trials", seconds=False, height=HEIGHT, y=y)
    by_seconds = curves_figure(seconds, lines, level, across="time charged", seconds=True, height=HEIGHT, y=y)
    return {f"{place}.trials": {ONLY: by_trials}, f"{place}.seconds": {ONLY: by_seconds}}


def best_by_hand(runs: dict[str, BestSoFar]) -> dict[str, float]:
    """The scheme made by hand with the least loss, and that loss; nothing where none was measured."""
    losses = {name: run.last for name, run in runs.items() if kind_of(name) == "hand-made"}
    measured = {name: loss for name, loss in losses.items() if loss is not None}
    return dict([min(measured.items(), key=lambda entry: entry[1])]) if measured else {}


def _searched(results: Results) -> bool:
    return any(
        trial.proposal.purpose == "search" and kind_of(trial.proposal.controller) == "searched"
        for trial in results.study.trials
    )


PROGRESS = Section(
    "progress",
    "How fast they search",
    "The least validation loss found so far. The dash-dotted line is the best scheme made by hand.",
    render,
    _searched,
)

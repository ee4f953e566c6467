"""What each controller cost in seconds: its own runs, and its part of the steps that trials share."""

from dataclasses import dataclass

from apportion.evaluators.measurement import Failure, Trial
from apportion.reports import words
from apportion.reports.kinds import kind_of
from apportion.reports.page.markup import Child, element, join, label
from apportion.reports.page.tables import Cell, Column, table
from apportion.reports.results import Results
from apportion.reports.sections.section import Fragment, Section
from apportion.reports.trial_rows import own_seconds
from apportion.search.study import Study


@dataclass(frozen=True)
class Cost:
    """Seconds of one controller. `shared`: every artifact that any of its trials used, once each."""

    controller: str
    trials: int
    failed: int
    duplicates: int
    searching: float
    retraining: float
    shared: float

    @property
    def total(self) -> float:
        return self.searching + self.retraining + self.shared


def costs(study: Study) -> list[Cost]:
    """One per controller, in order of first appearance."""
    by_controller: dict[str, list[Trial]] = {}
    for trial in study.trials:
        by_controller.setdefault(trial.proposal.controller, []).append(trial)
    return [_cost(study, controller, trials) for controller, trials in by_controller.items()]


def spent(study: Study) -> float:
    """Seconds really spent by the whole study: every run and every artifact once."""
    return sum(map(own_seconds, study.trials)) + sum(artifact.seconds for artifact in study.artifacts.values())


def _cost(study: Study, controller: str, trials: list[Trial]) -> Cost:
    used = {key for trial in trials for key in trial.artifacts}
    searching = [trial for trial in trials if trial.proposal.purpose == "search"]
    return Cost(
        controller,
        len(trials),
        sum(isinstance(trial.outcome, Failure) for trial in trials),
        sum(trial.duplicate_of is not None for trial in trials),
        sum(map(own_seconds, searching)),
        sum(own_seconds(trial) for trial in trials if trial.proposal.purpose != "search"),
        sum(study.artifacts[key].seconds for key in used if key in study.artifacts),
    )


def render(results: Results) -> Fragment:
    """A row per controller."""
    found = costs(results.study)
    if not found:
        return Fragment(element("p", "Nothing has been spent yet."))
    columns = [Column("controller"), Column("kind"), Column("trials", True), Column("failed", True)]
    columns += [Column("duplicates", True), Column("search, s", True), Column("retraining, s", True)]
    columns += [Column("shared steps, s", True), Column("total, s", True)]
    time = words.duration(spent(results.study))
    note = (
        f"The whole study took {time} of computing. A shared step (such as a warm start)"
        " is charged in full to every controller that used it, once each, so the totals add up to more."
        " Duplicates are free."
    )
    body = join(table(columns, [_cells(cost) for cost in found], sortable=True), element("p", note, class_="quiet"))
    return Fragment(body)


def _cells(cost: Cost) -> list[Cell | Child]:
    counts = [Cell(f"{n:,}", n) for n in (cost.trials, cost.failed, cost.duplicates)]
    seconds = [Cell(f"{s:,.1f}", s) for s in (cost.searching, cost.retraining, cost.shared, cost.total)]
    return [label(cost.controller), kind_of(cost.controller), *counts, *seconds]


COSTS = Section("costs", "Costs", "Seconds per controller.", render)

"""Runs side by side: what several run folders tell about the same controllers at the same budgets."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from apportion.evaluators.measurement import Split
from apportion.reports.best_so_far import BestSoFar, searches
from apportion.reports.kinds import KINDS, kind_of
from apportion.reports.over_front import budgets_of
from apportion.reports.results import Results, results_of
from apportion.reports.schemes import Scheme
from apportion.search.study import Study
from apportion.spaces.budget import Budget


@dataclass(frozen=True)
class Runs:
    """`names` of the runs and what each found, in the order given. `against`: a reference somebody named."""

    names: tuple[str, ...]
    results: tuple[Results, ...]
    against: str | None = None

    @property
    def studies(self) -> tuple[Study, ...]:
        return tuple(results.study for results in self.results)

    @cached_property
    def searches(self) -> tuple[dict[tuple[str, Budget], BestSoFar], ...]:
        """Best-so-far of every controller and budget, run by run."""
        return tuple(searches(study) for study in self.studies)

    @cached_property
    def settled(self) -> tuple[int, ...]:
        """Indices of the runs that have retrained a pattern: only they have losses that search had no say in."""
        return tuple(i for i, results in enumerate(self.results) if not results.provisional)

    @cached_property
    def split(self) -> Split:
        """`test` where every settled run has it, else `val`: losses are never compared across splits."""
        return "test" if self.settled and all(self.results[i].split == "test" for i in self.settled) else "val"

    @cached_property
    def budgets(self) -> tuple[Budget, ...]:
        """Budgets of any of the runs, by measure, the smaller first."""
        space = self.studies[0].header.space
        found = dict.fromkeys(budget for study in self.studies for budget in budgets_of(study))
        return tuple(sorted(found, key=lambda budget: (budget.measure, space.limit(budget))))

    @cached_property
    def controllers(self) -> tuple[str, ...]:
        """Names of all controllers that have asked for anything: anchors, then made by hand, then searched."""
        asked = [p for study in self.studies for p in (*(t.proposal for t in study.trials), *study.pending)]
        names = list(dict.fromkeys(proposal.controller for proposal in asked))
        return tuple(sorted(names, key=lambda name: KINDS.index(kind_of(name))))

    @cached_property
    def searched(self) -> tuple[str, ...]:
        """Controllers that search, in the order of their first trial."""
        return tuple(name for name in self.controllers if kind_of(name) == "searched")

    def curves(self, controller: str, budget: Budget) -> list[BestSoFar]:
        """Best-so-far of one controller in every run that searched with it."""
        return [found[controller, budget] for found in self.searches if (controller, budget) in found]

    def scheme(self, run: int, controller: str, budget: Budget) -> Scheme | None:
        """What a settled run retrained for that controller, measured or failed; one without a budget fits all."""
        schemes = self.results[run].schemes if run in self.settled else ()
        for wanted in (budget, None):
            for scheme in schemes:
                if (scheme.controller, scheme.budget) == (controller, wanted):
                    return scheme
        return None


def runs_of(studies: Sequence[Study], names: Sequence[str], against: str | None = None) -> Runs:
    """Read every study."""
    return Runs(tuple(names), tuple(map(results_of, studies)), against)

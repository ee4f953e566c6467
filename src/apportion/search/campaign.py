"""A campaign: every controller at every budget, then the best of each retrained over paired seeds.

It is itself a controller, so one loop runs it and one replay resumes it. Order: the search trials of each controller
and budget in the order of the config; when all are told, the retrains seed by seed, so that an interrupted run already
holds paired seeds. What is compared is a scheme: a controller at a budget, named `tpe/live-0.2`. A controller that
searches the whole front has one search, named `tpe/front`, and a scheme at every budget: the best of all its trials
that this budget holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from statistics import fmean

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, Controller, Done, Wait
from apportion.search.options import ControllerChoice, RetrainOptions, SearchOptions
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace


@dataclass
class Measured:
    """A pattern that a search had measured: how it was first asked for, and its values by seed."""

    proposal: Proposal
    values: dict[int, float] = field(default_factory=dict)

    def rank(self) -> tuple[int, float]:
        """The less the better."""
        return -len(self.values), fmean(self.values.values())


@dataclass
class Track:
    """One search on its way. `best`: the proposal to retrain at each budget; anchors have theirs from the start.

    It is the pattern of the least mean value among those that were measured on the most seeds: a race over seeds ends
    with its winner, and where there is one seed it is simply the least value.
    """

    choice: ControllerChoice
    context: Context
    controller: Controller
    trials: int
    asked: int = 0
    open: int = 0
    exhausted: bool = False
    best: dict[Budget | None, Proposal] = field(default_factory=dict)
    measured: dict[Budget, dict[str, Measured]] = field(default_factory=dict)
    incumbent: dict[Budget, Measured] = field(default_factory=dict)

    @property
    def schemes(self) -> tuple[Budget | None, ...]:
        """The budgets at which a pattern is retrained; an anchor has one scheme without a budget."""
        return self.context.budgets or (None,)

    @property
    def name(self) -> str:
        budgets = self.context.budgets
        if not budgets:
            return self.choice.label
        return f"{self.choice.label}/{budgets[0].name if len(budgets) == 1 else 'front'}"

    def ask(self) -> Proposal | None:
        """The controller's next proposal under this search's name; None when it has none now."""
        if self.exhausted or self.asked == self.trials:
            return None
        asked = self.controller.ask()
        self.exhausted = isinstance(asked, Done)
        if isinstance(asked, Wait | Done):
            return None
        self.asked, self.open = self.asked + 1, self.open + 1
        return replace(asked, id=f"{self.name}/{asked.id}", controller=self.choice.label)

    def tell(self, trial: Trial) -> None:
        self.open -= 1
        number = trial.proposal.id.removeprefix(f"{self.name}/")
        self.controller.tell(replace(trial, proposal=replace(trial.proposal, id=number)))
        value = self.context.value(trial)
        if value is None or trial.proposal.rung != self.context.rung:
            return  # a shorter run is a hint, not a result
        for budget in self._holding(trial.proposal):
            own = f"{self.choice.label}/{budget.name}/{number}"
            proposal = replace(trial.proposal, id=own, budget=budget, parent=trial.proposal.id)
            patterns = self.measured.setdefault(budget, {})
            pattern = patterns.setdefault(trial.proposal.allocation.key(), Measured(proposal))
            pattern.values[trial.proposal.seed] = value
            # More seeds only move a pattern forward: none but this one can have overtaken.
            best = min(self.incumbent.get(budget, pattern), pattern, key=Measured.rank)
            self.incumbent[budget], self.best[budget] = best, best.proposal

    def _holding(self, proposal: Proposal) -> list[Budget]:
        """This search's budgets that hold the pattern. Where there is one, it was made for that."""
        budgets, space = self.context.budgets, self.context.space
        if len(budgets) == 1:
            return list(budgets)
        cost = space.cost(proposal.allocation)
        return [budget for budget in budgets if budget.of(cost) <= space.limit(budget)]


class Campaign:
    """`rungs`: epochs of the full schedule. Ids: search trials `<scheme>/<n>`, retrains `<scheme>/<n>/seed-<s>`."""

    def __init__(
        self,
        space: SharingSpace,
        budgets: tuple[Budget, ...],
        objective: Objective,
        search: SearchOptions,
        retrain: RetrainOptions,
        rungs: int,
        lab: Laboratory | None = None,
    ) -> None:
        self.rungs, self.retrain = rungs, retrain
        rung = min(search.rung or rungs, rungs)
        self.tracks: list[Track] = []
        for choice in search.controllers:
            for own in _budgets_of_searches(choice, budgets):
                context = Context(space, own, objective, search.seed, search.seed, rung, lab)
                controller = choice.entry.build(context, choice.own_options())
                self.tracks.append(Track(choice, context, controller, search.trials_of(choice) * max(1, len(own))))
        for track in self.tracks:
            if not track.choice.entry.bound:
                asked = track.controller.ask()
                assert isinstance(asked, Proposal), "a controller without a budget knows its pattern"
                track.best[None] = replace(asked, id=track.name, controller=track.name)
        self._retrained: set[str] = set()
        self._retrains_open = 0

    def amend(self, search: SearchOptions, retrain: RetrainOptions) -> None:
        """Allow more trials or seeds. Controllers go on where they are."""
        counts = {choice.label: search.trials_of(choice) for choice in search.controllers}
        for track in self.tracks:
            track.trials = counts[track.choice.label] * len(track.schemes)
        self.retrain = retrain

    @property
    def planned(self) -> int:
        """Trials of the whole campaign, if no track ends early and none is overtaken by a better pattern again."""
        current = {proposal.id for proposal in self._retrains()}
        settled = self.schemes * self.retrain.seeds + len(self._retrained - current)
        return sum(track.trials for track in self.tracks) + settled

    @property
    def schemes(self) -> int:
        """Patterns that are retrained at every seed, if every search finds one."""
        return sum(len(track.schemes) for track in self.tracks)

    def ask(self) -> Proposal | Wait | Done:
        for track in self.tracks:
            asked = track.ask()
            if asked is not None:
                return asked
        if any(track.open for track in self.tracks):
            return Wait()
        for proposal in self._retrains():
            if proposal.id not in self._retrained:
                self._retrained.add(proposal.id)
                self._retrains_open += 1
                return proposal
        return Wait() if self._retrains_open else Done()

    def _retrains(self) -> Iterator[Proposal]:
        """Every scheme's best pattern at every seed, seed by seed. A scheme whose trials all failed has none."""
        for seed in self.retrain.all_seeds():
            for best in [
                track.best[budget] for track in self.tracks for budget in track.schemes if budget in track.best
            ]:
                settled = replace(best, id=f"{best.id}/seed-{seed}", rung=self.rungs, seed=seed)
                if best.budget is not None:
                    settled = replace(settled, purpose="retrain")
                yield replace(settled, purpose="table") if self.retrain.table else settled

    def tell(self, trial: Trial) -> None:
        if trial.proposal.final:
            self._retrains_open -= 1
            return
        next(track for track in self.tracks if trial.proposal.id.startswith(f"{track.name}/")).tell(trial)


def _budgets_of_searches(choice: ControllerChoice, budgets: tuple[Budget, ...]) -> list[tuple[Budget, ...]]:
    """The budgets of every search of a controller: each on its own, none for an anchor, all in one over the front."""
    if not choice.entry.bound:
        return [()]
    return [budgets] if choice.over_front else [(budget,) for budget in budgets]

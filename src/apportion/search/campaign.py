"""A campaign: every controller at every budget, then the best of each retrained over paired seeds.

It is itself a controller, so one loop runs it and one replay resumes it. Order: the search trials of each controller
and budget in the order of the config; when all are told, the retrains seed by seed, so that an interrupted run already
holds paired seeds. What is compared is a scheme: a controller at a budget, named `tpe/live-0.2`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from apportion.evaluators.measurement import Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, Controller, Done, Wait
from apportion.search.options import ControllerChoice, RetrainOptions, SearchOptions
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace


@dataclass
class Track:
    """One scheme on its way. `best`: the proposal to retrain; anchors have theirs from the start."""

    choice: ControllerChoice
    context: Context
    controller: Controller
    trials: int
    asked: int = 0
    open: int = 0
    exhausted: bool = False
    best: Proposal | None = None
    best_value: float = float("inf")

    @property
    def name(self) -> str:
        budgets = self.context.budgets
        return f"{self.choice.label}/{budgets[0].name}" if budgets else self.choice.label

    def ask(self) -> Proposal | None:
        """The controller's next proposal under this scheme's name; None when it has none now."""
        if self.exhausted or self.asked == self.trials:
            return None
        asked = self.controller.ask()
        self.exhausted = isinstance(asked, Done)
        if isinstance(asked, Wait | Done):
            return None
        self.asked, self.open = self.asked + 1, self.open + 1
        return replace(asked, id=f"{self.name}/{asked.id}")

    def tell(self, trial: Trial) -> None:
        self.open -= 1
        own = replace(trial.proposal, id=trial.proposal.id.removeprefix(f"{self.name}/"))
        self.controller.tell(replace(trial, proposal=own))
        value = self.context.value(trial)
        if value is not None and value < self.best_value:
            self.best, self.best_value = trial.proposal, value


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
    ) -> None:
        self.rungs, self.retrain = rungs, retrain
        rung = min(search.rung or rungs, rungs)
        self.tracks: list[Track] = []
        for choice in search.controllers:
            for own in [(budget,) for budget in budgets] if choice.entry.bound else [()]:
                context = Context(space, own, objective, search.seed, search.seed, rung)
                controller = choice.entry.build(context, choice.own_options())
                self.tracks.append(Track(choice, context, controller, search.trials_of(choice)))
        for track in self.tracks:
            if not track.choice.entry.bound:
                asked = track.controller.ask()
                assert isinstance(asked, Proposal), "a controller without a budget knows its pattern"
                track.best = replace(asked, id=track.name)
        self._retrained: set[str] = set()
        self._retrains_open = 0

    def amend(self, search: SearchOptions, retrain: RetrainOptions) -> None:
        """Allow more trials or seeds. Controllers go on where they are."""
        counts = {choice.label: search.trials_of(choice) for choice in search.controllers}
        for track in self.tracks:
            track.trials = counts[track.choice.label]
        self.retrain = retrain

    @property
    def planned(self) -> int:
        """Trials of the whole campaign, if no track ends early and none is overtaken by a better pattern again."""
        current = {proposal.id for proposal in self._retrains()}
        return sum(track.trials + self.retrain.seeds for track in self.tracks) + len(self._retrained - current)

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
            for best in (track.best for track in self.tracks):
                if best is None:
                    continue
                name = f"{best.id}/seed-{seed}"
                settled = replace(best, id=name, rung=self.rungs, seed=seed)
                if best.budget is not None:
                    settled = replace(settled, purpose="retrain", parent=best.id)
                yield replace(settled, purpose="table") if self.retrain.table else settled

    def tell(self, trial: Trial) -> None:
        if trial.proposal.final:
            self._retrains_open -= 1
            return
        next(track for track in self.tracks if trial.proposal.id.startswith(f"{track.name}/")).tell(trial)

"""Best-so-far: the least validation loss that a search had found, trial by trial, and what it had been charged by then.

What a search costs counts, whatever comes of it: a failed trial takes its place and its seconds, a repeat of an
earlier pattern its place and no seconds. A step that trials share (a warm start, a relaxation) is charged in full at
the first trial that uses it, as if this controller had been run at this budget alone.
"""

from dataclasses import dataclass

from apportion.evaluators.measurement import Trial
from apportion.reports.kinds import kind_of
from apportion.reports.over_front import budgets_of, holds, over_front
from apportion.reports.schemes import loss_on
from apportion.reports.trial_rows import own_seconds
from apportion.search.study import Study
from apportion.spaces.budget import Budget


@dataclass(frozen=True)
class BestSoFar:
    """One controller at one budget. `losses[n - 1]` after n trials, None until one was measured.

    `seconds[n - 1]` were charged for these n. Of all trials `failed` gave no finite loss, and `repeated` had been
    measured before.
    """

    losses: tuple[float | None, ...]
    seconds: tuple[float, ...]
    failed: int
    repeated: int

    @property
    def trials(self) -> int:
        return len(self.losses)

    @property
    def last(self) -> float | None:
        """The best of all, None where nothing was measured."""
        return self.losses[-1] if self.losses else None


def searches(study: Study) -> dict[tuple[str, Budget], BestSoFar]:
    """Every controller but anchors at every budget it searched, smaller budgets first. Front controllers at all."""
    by_controller: dict[str, list[Trial]] = {}
    for trial in study.trials:
        if trial.proposal.purpose == "search" and kind_of(trial.proposal.controller) != "anchor":
            by_controller.setdefault(trial.proposal.controller, []).append(trial)
    rung = max((trial.proposal.rung for trials in by_controller.values() for trial in trials), default=0)
    found: dict[tuple[str, Budget], BestSoFar] = {}
    for budget in budgets_of(study):
        for controller, trials in by_controller.items():
            here = [t for t in trials if over_front(t.proposal) or t.proposal.budget == budget]
            if here:
                found[controller, budget] = best_so_far(study, here, budget, rung)
    return found


def best_so_far(study: Study, trials: list[Trial], budget: Budget, rung: int) -> BestSoFar:
    """The curve of `trials`, which are in the order they were told.

    A pattern over the budget (a front controller asks for such) counts and costs, but is never the best. Nor is a trial
    of fewer than `rung` epochs: its loss means something else.
    """
    best: float | None = None
    losses: list[float | None] = []
    seconds: list[float] = []
    charged: set[str] = set()
    for trial in trials:
        loss = loss_on(trial, "val", study.header.objective)
        allowed = not over_front(trial.proposal) or holds(study.header.space, budget, trial.proposal.allocation)
        if loss is not None and allowed and trial.proposal.rung == rung:
            best = loss if best is None else min(best, loss)
        new = [key for key in dict.fromkeys(trial.artifacts) if key in study.artifacts and key not in charged]
        charged.update(new)
        losses.append(best)
        cost = own_seconds(trial) + sum(study.artifacts[key].seconds for key in new)
        seconds.append((seconds[-1] if seconds else 0.0) + cost)
    failed = sum(loss_on(trial, "val", study.header.objective) is None for trial in trials)
    return BestSoFar(tuple(losses), tuple(seconds), failed, sum(trial.duplicate_of is not None for trial in trials))

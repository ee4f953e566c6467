"""Laboratories for controllers that have something computed: synthetic worlds over any space, cheap options."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from apportion.evaluators.laboratory import Laboratory
from apportion.evaluators.measurement import Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.search.controllers import Context, Controller, ControllerEntry, Done
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import Line, measured
from tests.conformance.controllers.entries import chosen

# Options that take other ways through a controller than its defaults do, gates trained for 20 steps.
VARIANTS: dict[str, list[dict[str, Any]]] = {
    "bottom_by_need": [{}],
    "best_hand_made": [{}, {"starts": ["top", "bottom"], "seeds": 1}],
    "sensitivity": [{"scorer": "task_vector"}, {"scorer": "depth"}, {"scorer": "fisher", "reorder": False}],
    "taps": [
        {"epochs": 1, "sweep": [0.05, 0.2, 0.8]},
        {"epochs": 1, "per": "site"},
        {"epochs": 1, "rank": "filter", "rounds": 2},
    ],
    "ba2": [{"epochs": 1}, {"epochs": 1, "per": "site"}, {"epochs": 1, "target": 0.5, "rank": "filter"}],
    "hard_concrete": [{"epochs": 1}, {"epochs": 1, "per": "site", "rank": "parameter"}],
    "funnel": [
        {"scorers": ["depth", "fisher"]},
        {"scorers": ["taps", "ba2"], "full": 2, "seeds": 1},
        {"scorers": [], "full": 1},
        {"scorers": ["depth"], "full": 9},
    ],
}
RACES = ("best_hand_made", "funnel")


def lab_of(space: SharingSpace, folder: Path | None = None, **world: Any) -> Laboratory:
    """A laboratory of a synthetic world over `space`, as opening such a task makes it."""
    return Laboratory(Synthetic(space, SyntheticOptions.model_validate(world)), folder)


def context_of(space: SharingSpace, budget: Budget, lab: Laboratory | None, trial_seed: int = 7) -> Context:
    return Context(space, (budget,), Objective(), 0, trial_seed, rung=2, lab=lab)


def learning(
    entry: ControllerEntry, space: SharingSpace, budget: Budget, lab: Laboratory | None, **given: Any
) -> Controller:
    return entry.build(context_of(space, budget, lab), chosen(entry, given))


def room_for(entry: ControllerEntry, space: SharingSpace) -> SharingSpace:
    """The space, with levels for each domain where the controller is made for nothing else."""
    return replace(space, granularity="per_site_and_domain") if entry.name == "bottom_by_need" else space


def in_its_order(space: SharingSpace, allocation: Allocation) -> SharingSpace:
    """The space whose steps take filters as the allocation has them; all or nothing everywhere needs no order."""
    return space if allocation.order == Order() else replace(space, order=allocation.order)


Outcome = Callable[[Proposal], Trial]


def drained(controller: Controller, flying: int = 1, outcome: Outcome = measured) -> list[Line]:
    """All that it asks until it is done, up to `flying` under way and told in ask order, with what it was told."""
    log: list[Line] = []
    waiting: list[Proposal] = []
    while True:
        answer = controller.ask() if len(waiting) < flying else None
        if isinstance(answer, Proposal):
            log.append(answer)
            waiting.append(answer)
        elif waiting:
            trial = outcome(waiting.pop(0))
            controller.tell(trial)
            log.append(trial)
        else:
            assert isinstance(answer, Done), "it waits for a trial, but none is outstanding"
            return log

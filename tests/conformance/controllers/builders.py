"""What the laws of controllers are made of: trials told, proposals checked, a play of asks and tells."""

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import numpy as np

from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Controller, ControllerEntry, Done, Wait
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import Granularity
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.entries import built
from tests.spaces import brute_force
from tests.strategies import site

# Beyond so many steps the filter by filter arithmetic takes longer than the controllers.
_STEPS_BY_BRUTE_FORCE = 60

Line = Proposal | Trial


def proposals(asked: Proposal | Wait | Done) -> Proposal:
    assert isinstance(asked, Proposal)
    return asked


def some_space(granularity: Granularity = "per_site") -> SharingSpace:
    sites = (site(0, 4, 3), site(1, 6, 4), site(2, 8, 6, 1), site(3, 8, 8, 1), site(4, 16, 8, 2))
    return SharingSpace(sites, ("a", "b", "c"), granularity)


def loss_of(proposal: Proposal) -> float:
    """Anything that depends on the pattern: less where early sites are owned."""
    rows = enumerate(proposal.allocation.levels)
    return 2.0 - 0.1 * sum(math.sqrt(level) / (depth + 1) for depth, row in rows for level in row)


def measured(proposal: Proposal, loss: float | None = None, seconds: float = 0.0) -> Trial:
    value = loss_of(proposal) if loss is None else loss
    return Trial(proposal, Measurement({"val": {"a": Score(10, 0.5, value, 10)}}, (), seconds), seconds)


def failed(proposal: Proposal) -> Trial:
    return Trial(proposal, Failure("diverged", "a, step 3: loss nan"))


def bad(proposal: Proposal, kind: int) -> Trial:
    """A failure or a measurement that is no finite number."""
    return [
        failed(proposal),
        measured(proposal, math.nan),
        measured(proposal, math.inf),
        measured(proposal, -math.inf),
    ][kind % 4]


def check(proposal: Proposal, entry: ControllerEntry, space: SharingSpace, budget: Budget) -> None:
    """Inside the space, within the budget and using it up; labelled as the context says."""
    check_pattern(proposal.allocation, space, budget)
    assert proposal.controller == entry.name
    assert (proposal.budget, proposal.rung, proposal.seed, proposal.purpose) == (budget, 2, 7, "search")
    assert proposal.parent is None


@cache
def check_pattern(allocation: Allocation, space: SharingSpace, budget: Budget) -> None:
    """Inside the space, within the budget and using it up, by the space's own sums and by counting filters."""
    space.check(allocation)
    assert allocation == space.canonical(allocation)
    assert budget.of(space.cost(allocation)) <= space.limit(budget)
    assert space.exhausts(allocation, budget)
    # One owner has nobody to share with; what it would own by counting filters means nothing.
    if len(space.owners) > 1 and space.steps.sum() <= _STEPS_BY_BRUTE_FORCE:
        assert budget.of(brute_force.cost(space, allocation)) <= space.limit(budget)
        assert brute_force.steps_that_fit(space, allocation, budget.measure, space.limit(budget)) == []


def play(
    controller: Controller,
    asks: int,
    flying: int = 1,
    generator: np.random.Generator | None = None,
    outcome: Callable[[Proposal, int], Trial] | None = None,
    points: float = math.inf,
) -> list[Line]:
    """Ask `asks` times with up to `flying` in flight, told in ask order or as `generator` draws.

    `outcome(proposal, n)` of the n-th ask; by default every fifth fails. Who has asked `points` times may be done.
    Returns what was asked and told, in order.
    """
    log: list[Line] = []
    waiting: list[tuple[Proposal, int]] = []
    asked = 0
    while asked < asks or waiting:
        if asked < asks and len(waiting) < flying:
            answer = controller.ask()
            if isinstance(answer, Done):
                assert asked >= points, "an adaptive controller goes on asking"
                asks = asked
                continue
            if isinstance(answer, Proposal):
                log.append(answer)
                waiting.append((answer, asked))
                asked += 1
                continue
            assert waiting, "waits for a trial, but none is outstanding"
        place = 0 if generator is None else int(generator.integers(len(waiting)))
        proposal, number = waiting.pop(place)
        trial = outcome(proposal, number) if outcome else _every_fifth_fails(proposal, number)
        controller.tell(trial)
        log.append(trial)
    return log


def _every_fifth_fails(proposal: Proposal, number: int) -> Trial:
    return failed(proposal) if number % 5 == 1 else measured(proposal)


def asked_in(log: Iterable[Line]) -> list[Proposal]:
    return [line for line in log if isinstance(line, Proposal)]


def script(entry: ControllerEntry, seed: int, trials: int = 8, flying: int = 1, **given: Any) -> list[Proposal]:
    """What an adaptive controller asks at a middling budget of `some_space`, failures among what it is told."""
    return asked_in(play(built(entry, some_space(), Budget("live", 0.3), seed, **given), trials, flying))

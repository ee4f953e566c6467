"""Whatever comes of a trial is taken in: failures, numbers that are none, any order, trials nobody asked for."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import ControllerEntry, Done
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import GRANULARITIES
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import (
    Line,
    asked_in,
    bad,
    check,
    failed,
    measured,
    play,
    proposals,
    some_space,
)
from tests.conformance.controllers.entries import BOUND, SEARCHED, SLOW, built, named

BUDGET = Budget("live", 0.3)

Outcome = Callable[[Proposal, int], Trial]

OUTCOMES: dict[str, Outcome] = {
    "the first fails": lambda proposal, n: failed(proposal) if n == 0 else measured(proposal),
    "one fails": lambda proposal, n: failed(proposal) if n == 5 else measured(proposal),
    "one is left": lambda proposal, n: measured(proposal) if n == 5 else failed(proposal),
    "all fail": lambda proposal, n: failed(proposal),
    "all are no number": lambda proposal, n: measured(proposal, math.nan),
    "all are infinite": lambda proposal, n: measured(proposal, math.inf if n % 2 else -math.inf),
    "all are equal": lambda proposal, n: measured(proposal, 1.0),
    # The ends of a float32, in which networks are trained.
    "huge and tiny": lambda proposal, n: measured(proposal, 3e38 if n % 2 else 1e-45),
}


@named(SEARCHED)
@pytest.mark.parametrize("what", OUTCOMES)
def test_the_search_goes_on_whatever_its_trials_are_worth(entry: ControllerEntry, what: str) -> None:
    space, asks = some_space(), 8 if entry.name in SLOW else 10
    for proposal in asked_in(play(built(entry, space, BUDGET), asks, 3, outcome=OUTCOMES[what])):
        check(proposal, entry, space, BUDGET)


@named(BOUND)
@pytest.mark.parametrize("first", range(4))
def test_failures_and_numbers_that_are_not_finite_are_told_and_the_search_goes_on(
    entry: ControllerEntry, first: int
) -> None:
    space = some_space()
    controller = built(entry, space, BUDGET)
    for n in range(10):
        asked = controller.ask()
        if isinstance(asked, Done):
            assert entry.kind == "hand-made" and n == 1
            break
        proposal = proposals(asked)
        check(proposal, entry, space, BUDGET)
        # Nothing but failures first, then every second one.
        controller.tell(bad(proposal, first + n) if n < 4 or n % 2 else measured(proposal))


@named(BOUND)
@settings(max_examples=6)
@given(data=st.data())
def test_several_in_flight_told_in_any_order_and_replayed_ask_the_same(
    entry: ControllerEntry, data: st.DataObject
) -> None:
    space = some_space(data.draw(st.sampled_from(GRANULARITIES)))
    controller = built(entry, space, BUDGET)
    log: list[Line] = []
    flying: list[Proposal] = []
    done = False
    for _ in range(12):
        if not done and (not flying or (len(flying) < 4 and data.draw(st.booleans()))):
            asked = controller.ask()
            done = isinstance(asked, Done)
            if isinstance(asked, Proposal):
                check(asked, entry, space, BUDGET)
                flying.append(asked)
                log.append(asked)
        elif flying:
            proposal = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            trial = bad(proposal, 0) if data.draw(st.integers(0, 4)) == 0 else measured(proposal)
            controller.tell(trial)
            log.append(trial)
    assert len({proposal.id for proposal in asked_in(log)}) == len(asked_in(log))
    again = built(entry, space, BUDGET)
    for line in log:
        if isinstance(line, Proposal):
            assert again.ask() == line
        else:
            again.tell(line)
    assert again.ask() == controller.ask()


# Trials that the controller did not ask for: warm starts, a log that another version wrote.


def drawn(space: SharingSpace, seed: int) -> Proposal:
    """A pattern on the budget that somebody else proposed."""
    generator = np.random.Generator(np.random.Philox(seed))
    allocation = space.decode(generator.random(space.dimension), BUDGET)
    return Proposal(f"elsewhere-{seed}", "bottom", allocation, BUDGET, 2, 7)


def worth(proposal: Proposal) -> float:
    """Another opinion than `loss_of`: less where late sites are owned."""
    return 2.0 - 0.01 * sum((depth + 1) * sum(row) for depth, row in enumerate(proposal.allocation.levels))


@named(SEARCHED)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_trial_it_never_asked_for_is_taken_in(entry: ControllerEntry, granularity: str) -> None:
    space = some_space(next(name for name in GRANULARITIES if name == granularity))
    controller = built(entry, space, BUDGET)
    # Before its own first ask, between asks and tells, failed and not finite.
    for seed in range(3):
        controller.tell(measured(drawn(space, seed)))
    controller.tell(failed(drawn(space, 3)))
    for n in range(5):
        proposal = proposals(controller.ask())
        check(proposal, entry, space, BUDGET)
        controller.tell(bad(drawn(space, 10 + n), n) if n % 2 else measured(drawn(space, 10 + n), worth(proposal)))
        controller.tell(measured(proposal))
    # A pattern that it has measured itself, under another name; then the two ends, which exhaust no budget between.
    controller.tell(measured(Proposal("again", "listed", proposal.allocation, BUDGET, 2, 7), 0.1))
    for name, end in (("shared", space.shared()), ("independent", space.independent())):
        controller.tell(measured(Proposal(name, name, end, None, 2, 7, "anchor")))
    check(proposals(controller.ask()), entry, space, BUDGET)


@named(SEARCHED)
def test_a_logged_pattern_that_was_not_asked_for_is_learned_from(entry: ControllerEntry) -> None:
    # After an upgrade a replay may propose something else than the log; then the log wins.
    space = some_space()
    controller = built(entry, space, BUDGET)
    for n in range(8):
        proposal = proposals(controller.ask())
        logged = Proposal(proposal.id, entry.name, drawn(space, n).allocation, BUDGET, 2, 7)
        controller.tell(bad(logged, n) if n % 4 == 3 else measured(logged, worth(logged)))
        check(proposals(controller.ask()), entry, space, BUDGET)


# These draw without looking at what came of it; all others must be moved by it.
BLIND = {"random_search", "qmc", "nni_random"}
LEARNERS = [entry for entry in SEARCHED if entry.name not in BLIND]


def told(entry: ControllerEntry, kind: str, good: bool) -> list[Proposal]:
    """20 asks (a slow one 8) of a controller, some of whose trials are said to be better than all, or worse than all.

    Which ones: `own`, all it asked for, in this order of worth or in the opposite one; `foreign`, five of somebody else
    before its own; `logged`, the first half of its own, measured as other patterns than it asked for.
    """
    space = some_space()
    controller = built(entry, space, BUDGET)
    asks = 8 if entry.name in SLOW else 20

    def said(proposal: Proposal) -> Trial:
        return measured(proposal, 0.1 + 0.01 * worth(proposal) if good else 10.0 - worth(proposal))

    if kind == "foreign":
        for seed in range(5):
            controller.tell(said(drawn(space, seed)))

    def outcome(proposal: Proposal, number: int) -> Trial:
        if kind == "logged" and number < asks // 2:
            return said(replace(proposal, allocation=drawn(space, 100 + number).allocation))
        return said(proposal) if kind == "own" else measured(proposal)

    return asked_in(play(controller, asks, outcome=outcome))


@named(LEARNERS)
@pytest.mark.parametrize("kind", ["own", "foreign", "logged"])
def test_what_trials_were_worth_moves_its_asks(entry: ControllerEntry, kind: str) -> None:
    assert told(entry, kind, good=True) != told(entry, kind, good=False)


@named([entry for entry in SEARCHED if entry.name in BLIND])
def test_who_draws_blindly_is_moved_by_nothing(entry: ControllerEntry) -> None:
    assert told(entry, "own", good=True) == told(entry, "own", good=False)

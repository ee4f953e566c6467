"""`objectives: [loss, parameters]`: the budget is proposed too, between the least and the greatest of the study's."""

import math
from dataclasses import replace

import numpy as np
import pytest

from apportion.errors import InputError
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import ControllerEntry, controllers
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import asked_in, failed, measured, play, proposals, some_space
from tests.conformance.controllers.entries import (
    HAND_MADE,
    OVER_FRONT,
    SEARCHED,
    SLOW,
    built,
    built_at,
    installed,
    named,
)
from tests.conformance.controllers.fifty_spaces import Case, fifty

BOTH = ["loss", "parameters"]
BUDGETS = (Budget("live", 0.4), Budget("live", 0.1), Budget("live", 0.2))


def test_the_samplers_that_can_take_both_objectives() -> None:
    # Those that Optuna documents for several objectives; CMA-ES takes one.
    multiple = {"tpe", "gp", "nsga2", "nsga3", "qmc"} & {entry.name for entry in SEARCHED}
    assert {entry.name for entry in OVER_FRONT} >= multiple
    assert not {entry.name for entry in OVER_FRONT} & {"cmaes", "nni_tpe", "nni_evolution", "nni_random", "nni"}


@pytest.mark.parametrize("entry", SEARCHED, ids=lambda entry: entry.name)
def test_its_line_says_how_many_objectives_it_takes(entry: ControllerEntry) -> None:
    assert ("two objectives" in entry.summary) == (entry in OVER_FRONT) or not installed(entry)


def check_on_front(
    proposal: Proposal, entry: ControllerEntry, space: SharingSpace, budgets: tuple[Budget, ...]
) -> None:
    """Within the study's budget that it names, no cheaper than the least one, and nothing that is free left out."""
    assert proposal.budget is not None
    assert proposal.budget in budgets
    measure, cost = proposal.budget.measure, proposal.budget.of(space.cost(proposal.allocation))
    assert cost <= space.limit(proposal.budget)
    assert space.exhausts(proposal.allocation, Budget(measure, cost, "parameters"))
    least = min(budgets, key=space.limit)
    assert cost > space.limit(least) or space.exhausts(proposal.allocation, least)
    assert proposal.allocation == space.canonical(proposal.allocation)
    assert (proposal.controller, proposal.rung, proposal.seed) == (entry.name, 2, 7)
    assert (proposal.purpose, proposal.parent) == ("search", None)


def ends_of(case: Case) -> tuple[Budget, ...]:
    """The case's own budget and the whole range around it; fewer than two limits: no front."""
    measure = case.budget.measure
    range_ = (Budget(measure, amount, "parameters") for amount in case.space.reachable(case.budget))
    return tuple({case.space.limit(budget): budget for budget in (*range_, case.budget)}.values())


@named(OVER_FRONT)
def test_asks_over_fifty_spaces_stay_within_the_budget_they_name(entry: ControllerEntry) -> None:
    asks = 6  # what moves the parts of a budget has been asked a thousand times at one budget
    given = {"startup_trials": asks - 1} if entry.name in SLOW else {}
    for case in fifty():
        budgets = ends_of(case)
        if len(budgets) < 2:
            with pytest.raises(InputError, match="front"):
                built_at(entry, case.space, budgets, objectives=BOTH)
            continue
        generator = np.random.Generator(np.random.Philox(case.number))
        controller = built_at(entry, case.space, budgets, case.number, objectives=BOTH, **given)
        try:
            for proposal in asked_in(play(controller, asks, 1 + case.number % 4, generator)):
                check_on_front(proposal, entry, case.space, budgets)
        except Exception as error:
            error.add_note(f"{', '.join(budget.name for budget in budgets)}; {case}")
            raise


def over_front(entry: ControllerEntry, seed: int, flying: int = 1) -> list[Proposal]:
    controller = built_at(entry, some_space(), BUDGETS, seed, objectives=BOTH)
    return asked_in(play(controller, 12 if entry.name not in SLOW else 8, flying))


@named(OVER_FRONT)
def test_budgets_and_costs_between_them_are_proposed(entry: ControllerEntry) -> None:
    space, asked = some_space(), over_front(entry, 3)
    for proposal in asked:
        check_on_front(proposal, entry, space, BUDGETS)
    assert len({proposal.budget for proposal in asked}) > 1
    assert len({space.cost(proposal.allocation).live for proposal in asked}) > 3


@named(OVER_FRONT)
@pytest.mark.parametrize("flying", [1, 4])
def test_the_same_seed_asks_the_same_and_another_does_not(entry: ControllerEntry, flying: int) -> None:
    assert over_front(entry, 3, flying) == over_front(entry, 3, flying)
    assert over_front(entry, 3, flying) != over_front(entry, 4, flying)


@named(OVER_FRONT)
@pytest.mark.parametrize("kind", ["all fail", "no number", "the first fails"])
def test_the_search_goes_on_whatever_its_trials_are_worth(entry: ControllerEntry, kind: str) -> None:
    def outcome(proposal: Proposal, number: int) -> Trial:
        if kind == "no number":
            return measured(proposal, (math.nan, math.inf, -math.inf)[number % 3])
        return failed(proposal) if kind == "all fail" or number == 0 else measured(proposal)

    controller = built_at(entry, some_space(), BUDGETS, objectives=BOTH)
    for proposal in asked_in(play(controller, 8, 2, outcome=outcome)):
        check_on_front(proposal, entry, some_space(), BUDGETS)


@named(OVER_FRONT)
def test_patterns_of_others_and_others_under_its_ids_are_taken_in(entry: ControllerEntry) -> None:
    space = some_space()
    controller = built_at(entry, space, BUDGETS, objectives=BOTH)
    generator = np.random.Generator(np.random.Philox(0))
    for n in range(8):
        proposal = proposals(controller.ask())
        check_on_front(proposal, entry, space, BUDGETS)
        # At a budget, between two, and beyond the last.
        share = (0.1, 0.33, 0.7)[n % 3]
        pattern = space.decode(generator.random(space.dimension), Budget("live", share))
        foreign = Proposal(f"elsewhere-{n}", "bottom", pattern, BUDGETS[0], 2, 7)
        controller.tell(failed(foreign) if n == 4 else measured(foreign))
        controller.tell(measured(replace(proposal, allocation=pattern) if n % 2 else proposal))


@named(OVER_FRONT)
def test_a_warm_start_is_asked_at_every_budget_first(entry: ControllerEntry) -> None:
    space, schemes = some_space(), ["bottom", "uniform"]
    controller = built_at(entry, space, BUDGETS, objectives=BOTH, warm_start=schemes)
    asked = asked_in(play(controller, 8, 3))
    hand_made = {
        (budget, proposals(built(controllers.get(scheme), space, budget).ask()).allocation)
        for scheme in schemes
        for budget in BUDGETS
    }
    assert {(proposal.budget, proposal.allocation) for proposal in asked[:6]} == hand_made
    assert len(HAND_MADE) > len(schemes) and len({proposal.id for proposal in asked}) == 8
    for proposal in asked:
        check_on_front(proposal, entry, space, BUDGETS)


@named(OVER_FRONT)
def test_budgets_of_two_measures_are_no_front(entry: ControllerEntry) -> None:
    with pytest.raises(InputError, match="measure"):
        built_at(entry, some_space(), (Budget("live", 0.1), Budget("owned", 0.3)), objectives=BOTH)

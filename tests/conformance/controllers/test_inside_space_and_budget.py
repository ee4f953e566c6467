"""Every ask is inside the space, within the budget, and leaves nothing of it that a step would fit into."""

import math
from collections import Counter
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import ControllerEntry, Done
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import GRANULARITIES, Granularity
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import asked_in, check, measured, play, proposals, some_space
from tests.conformance.controllers.entries import BOUND, SEARCHED, SLOW, built, named
from tests.conformance.controllers.fifty_spaces import KINDS, PLACES, fifty
from tests.strategies import MEASURES, budgets_of, site, spaces

ASKS = 20  # in each of fifty spaces: 1,000 in all


@named(SEARCHED)
def test_a_thousand_asks_over_fifty_spaces_never_leave_space_or_budget(entry: ControllerEntry) -> None:
    given = {"startup_trials": ASKS - 1} if entry.name in SLOW else {}
    for case in fifty():
        generator = np.random.Generator(np.random.Philox(case.number))
        controller = built(entry, case.space, case.budget, seed=case.number, **given)
        try:
            asked = asked_in(play(controller, ASKS, 1 + case.number % 4, generator))
            for proposal in asked:
                check(proposal, entry, case.space, case.budget)
            assert len({proposal.id for proposal in asked}) == ASKS
        except Exception as error:
            error.add_note(str(case))
            raise


def test_the_fifty_spaces_hold_every_kind_of_space_and_budget() -> None:
    cases = fifty()
    assert len(cases) == 50
    for counted in (
        Counter((case.space.granularity, case.budget.measure) for case in cases),
        Counter(case.space.order for case in cases),
        Counter(len(case.space.owners) for case in cases),
        Counter(case.kind for case in cases),
        Counter(case.place for case in cases),
    ):
        assert min(counted.values()) >= 3, counted
    assert {case.space.granularity for case in cases} == set(GRANULARITIES)
    assert {case.kind for case in cases} == set(KINDS)
    assert {case.place for case in cases} == set(PLACES)
    assert {case.budget.measure for case in cases} == set(MEASURES)
    assert sum(case.space.dimension == 1 for case in cases) >= 5
    for case in cases:
        least, greatest = case.space.reachable(case.budget)
        assert least <= case.space.limit(case.budget) <= greatest


# Options that take a word, but list their words elsewhere.
WORDS = {"nni": {"tuner": ["Evolution", "Random", "GridSearch", "PBT"]}}


def choices(entry: ControllerEntry) -> list[tuple[str, Any]]:
    """Every value other than the default of every option that has a few: switches and words."""
    found: list[tuple[str, Any]] = [(name, word) for name, words in WORDS.get(entry.name, {}).items() for word in words]
    for name, field in entry.options.model_fields.items():
        values = (True, False) if field.annotation is bool else get_args(field.annotation)
        words = [value for value in values if isinstance(value, str | bool)]
        found += [(name, value) for value in words if value != field.default]
    return found


@named(SEARCHED)
def test_whatever_its_options_say_it_stays_inside(entry: ControllerEntry) -> None:
    for name, value in choices(entry):
        for case in fifty()[::5]:
            try:
                controller = built(entry, case.space, case.budget, **{name: value})
            except InputError:
                continue  # refused before it runs, as a mode for spaces with few levels may be
            # Of a few positions as words, each asked once, nothing may be left.
            points = math.prod((case.space.steps + 1).tolist()) if value == "categorical" else math.inf
            try:
                for proposal in asked_in(play(controller, 5, points=points)):
                    check(proposal, entry, case.space, case.budget)
            except Exception as error:
                error.add_note(f"{name}: {value}; {case}")
                raise


@named(BOUND)
@settings(max_examples=12)
@given(data=st.data())
def test_every_proposal_is_inside_space_and_budget_and_uses_it_up(entry: ControllerEntry, data: st.DataObject) -> None:
    space = data.draw(spaces())
    budget = data.draw(budgets_of(space))
    controller = built(entry, space, budget, data.draw(st.integers(0, 9)))
    ids: list[str] = []
    for _ in range(4):
        asked = controller.ask()
        if isinstance(asked, Done):
            assert entry.kind == "hand-made" and len(ids) == 1
            break
        proposal = proposals(asked)
        check(proposal, entry, space, budget)
        ids.append(proposal.id)
        controller.tell(measured(proposal))
    assert len(set(ids)) == len(ids)


SMALL = {
    "one site": ((site(0, 5, 3),), ("a", "b", "c")),
    "one level": ((site(0, 1, 3), site(1, 1, 2)), ("a", "b", "c")),
    "one site of one level": ((site(0, 1, 3),), ("a", "b")),
    "two owners": ((site(0, 3, 2), site(1, 4, 5, 1)), ("a", "b")),
}


@named(BOUND)
@pytest.mark.parametrize("granularity", GRANULARITIES)
@pytest.mark.parametrize("small", SMALL)
def test_the_smallest_spaces_are_served_at_both_ends_of_the_budget(
    entry: ControllerEntry, small: str, granularity: Granularity
) -> None:
    sites, owners = SMALL[small]
    space = SharingSpace(sites, owners, granularity)
    for measure in MEASURES:
        for share, end in ((0.0, space.shared()), (0.5, None), (1.0, space.independent())):
            budget = Budget(measure, share)
            space.check_budget(budget)
            controller = built(entry, space, budget)
            for _ in range(1 if entry.kind == "hand-made" else 2):
                proposal = proposals(controller.ask())
                check(proposal, entry, space, budget)
                assert end is None or proposal.allocation == end
                controller.tell(measured(proposal))


@named(BOUND)
@settings(max_examples=4)
@given(data=st.data())
def test_orders_per_owner_are_kept(entry: ControllerEntry, data: st.DataObject) -> None:
    space = data.draw(spaces([Order("random", 3, True)]))
    budget = data.draw(budgets_of(space))
    allocation = proposals(built(entry, space, budget).ask()).allocation
    ends = all(n in (0, one.max_level) for one, row in zip(space.sites, allocation.levels, strict=True) for n in row)
    assume(not ends)
    assert allocation.order == space.order


@named(SEARCHED)
def test_trials_differ_from_one_another(entry: ControllerEntry) -> None:
    asked = asked_in(play(built(entry, some_space(), Budget("live", 0.3)), 8))
    assert len({proposal.allocation for proposal in asked}) > 1


@named(BOUND)
def test_another_budget_is_another_search(entry: ControllerEntry) -> None:
    one, other = (proposals(built(entry, some_space(), Budget("live", share)).ask()).allocation for share in (0.2, 0.6))
    assert one != other


def test_that_check_can_fail() -> None:
    entry, space, budget = SEARCHED[0], some_space(), Budget("live", 0.3)
    good = proposals(built(entry, space, budget).ask())
    over = space.decode(np.ones(space.dimension), Budget("live", 0.4))
    under = space.decode(np.ones(space.dimension), Budget("live", 0.2))
    for allocation in (over, under):
        with pytest.raises(AssertionError):
            check(Proposal("1", entry.name, allocation, budget, 2, 7), entry, space, budget)
    with pytest.raises(AssertionError):
        check(Proposal("1", "another", good.allocation, budget, 2, 7), entry, space, budget)
    check(good, entry, space, budget)

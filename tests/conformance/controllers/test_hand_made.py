"""What the hand-made schemes mean: whole layers from one end, equal fractions, equal spend."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.search.controllers import ControllerEntry, Done, controllers
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import measured, proposals, some_space
from tests.conformance.controllers.entries import HAND_MADE, built, named
from tests.spaces import brute_force
from tests.strategies import COMMON_ORDERS, OWNERS, budgets_of, site, spaces


@named(HAND_MADE)
def test_a_hand_made_scheme_is_one_pattern(entry: ControllerEntry) -> None:
    controller = built(entry, some_space(), Budget("owned", 0.2))
    proposal = proposals(controller.ask())
    assert isinstance(controller.ask(), Done)
    controller.tell(measured(proposal))
    assert isinstance(controller.ask(), Done)


def positions(entry_name: str, space: SharingSpace, budget: Budget) -> list[int]:
    allocation = proposals(built(controllers.get(entry_name), space, budget).ask()).allocation
    return brute_force.positions_of(space, allocation)


def cost_at(space: SharingSpace, places: list[int], measure: Measure) -> int:
    cost = brute_force.cost(space, Allocation(brute_force.levels_at(space, places), space.order))
    return cost.owned if measure == "owned" else cost.live


def taken_in_order(space: SharingSpace, budget: Budget, when: Callable[[int, int], float]) -> list[int]:
    """All steps, least `when` first and then by variable; one that does not fit ends its variable."""
    places = [0] * space.dimension
    ended: set[int] = set()
    steps = [(when(v, k), v) for v, variable in enumerate(space.variables) for k in range(1, variable.steps + 1)]
    for _, v in sorted(steps):
        if v in ended:
            continue
        places[v] += 1
        if cost_at(space, places, budget.measure) > space.limit(budget):
            places[v] -= 1
            ended.add(v)
    return places


# Owners move together here, so that a step's price never changes and one pass takes what it should.
together = spaces(COMMON_ORDERS).filter(lambda space: space.granularity != "per_site_and_domain")


@settings(max_examples=60)
@given(together, st.data(), st.sampled_from(["bottom", "top"]))
def test_bottom_and_top_own_whole_layers_from_their_end(space: SharingSpace, data: st.DataObject, name: str) -> None:
    budget = data.draw(budgets_of(space))
    sign = 1 if name == "bottom" else -1
    # Variables stand by depth already.
    by_depth = taken_in_order(space, budget, lambda v, step: sign * v * 1000 + step)
    assert positions(name, space, budget) == by_depth


@pytest.mark.parametrize("name", ["bottom", "top"])
@settings(max_examples=40)
@given(space=spaces(COMMON_ORDERS), data=st.data())
def test_at_a_layer_all_owners_rise_together(name: str, space: SharingSpace, data: st.DataObject) -> None:
    # Of a `live` budget: an `owned` one charges the last but one owner twice, so that left-overs may go elsewhere.
    least, greatest = space.reachable(Budget("live", 0, "parameters"))
    budget = Budget("live", data.draw(st.integers(least, greatest)), "parameters")
    allocation = proposals(built(controllers.get(name), space, budget).ask()).allocation
    assert all(max(row) - min(row) <= 1 for row in allocation.levels)


def test_bottom_starts_at_the_input_and_top_at_the_output() -> None:
    space = SharingSpace((site(0, 4, 5), site(1, 4, 5), site(2, 4, 5)), ("a", "b"))
    # live: 60 shared, a filter owned costs 5 more; six filters are a layer and a half.
    budget = Budget("live", 60 + 6 * 5, "parameters")
    assert positions("bottom", space, budget) == [4, 2, 0]
    assert positions("top", space, budget) == [0, 2, 4]


def surplus_is_less_than_the_step_left_out(
    space: SharingSpace, budget: Budget, places: list[int], when: Callable[[int, int], float]
) -> bool:
    """True where every step beyond the first one left out was bought with what that one could not use."""
    open_ = [v for v, variable in enumerate(space.variables) if places[v] < variable.steps]
    if not open_:
        return True
    left_out = min(open_, key=lambda v: when(v, places[v] + 1))
    moment = when(left_out, places[left_out] + 1)
    trimmed = list(places)
    for v in range(space.dimension):
        # Steps of the same moment may be taken in any order.
        while trimmed[v] and when(v, trimmed[v]) > moment:
            trimmed[v] -= 1
    trimmed[left_out] = places[left_out] + 1
    return cost_at(space, trimmed, budget.measure) > space.limit(budget)


@settings(max_examples=60)
@given(together, st.data())
def test_uniform_owns_equal_fractions_up_to_one_step_and_the_left_over(
    space: SharingSpace, data: st.DataObject
) -> None:
    budget = data.draw(budgets_of(space))
    places = positions("uniform", space, budget)
    assert surplus_is_less_than_the_step_left_out(
        space, budget, places, lambda v, step: round(step / space.variables[v].steps, 9)
    )


@settings(max_examples=60)
@given(together, st.data())
def test_equal_spend_spends_equal_parameters_up_to_one_step_and_the_left_over(
    space: SharingSpace, data: st.DataObject
) -> None:
    budget = data.draw(budgets_of(space))
    places = positions("equal_spend", space, budget)
    whole = [sum(space.sites[i].parameters for i, _ in variable.cells) for variable in space.variables]

    def spent(v: int, step: int) -> float:
        return round(step / space.variables[v].steps * whole[v], 9)

    assert surplus_is_less_than_the_step_left_out(space, budget, places, spent)


def test_uniform_and_equal_spend_on_a_network_of_real_size() -> None:
    widths = (64, 64, 128, 128, 256)
    sites = tuple(site(i, f, 9 * c) for i, (f, c) in enumerate(zip(widths, (3, 64, 64, 128, 128), strict=True)))
    space = SharingSpace(sites, OWNERS)
    budget = Budget("live", 0.3)
    fractions = [n / f for n, f in zip(positions("uniform", space, budget), widths, strict=True)]
    dearest = max(one.parameters_per_filter for one in sites)
    # The cheap stem takes what is too little for a filter of the last layer: dearest / cheapest filters at most.
    assert max(fractions[1:]) - min(fractions[1:]) <= 2 / min(widths)
    assert fractions[0] <= min(fractions[1:]) + (dearest // sites[0].parameters_per_filter + 2) / widths[0]
    places = positions("equal_spend", space, budget)
    spent = [n * one.parameters_per_filter for n, one in zip(places, sites, strict=True)]
    free = [part for part, n, f in zip(spent, places, widths, strict=True) if n < f]
    assert len(free) >= 2
    assert max(free) - min(free) <= 2 * dearest
    assert all(part <= min(free) + dearest for part, n, f in zip(spent, places, widths, strict=True) if n == f)

"""The allocation of greatest worth: against all positions of small spaces, never less than filling, within budget."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.search.filling import Floats, order_by_worth, ranked
from apportion.search.greatest import greatest, worth_of
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import Granularity
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.search.test_filling import cost, taken
from tests.spaces import brute_force
from tests.spaces.test_optimal import small_spaces
from tests.strategies import COMMON_ORDERS, budgets_of, site, spaces

FEW = settings(max_examples=60)
VALUES = [0.0, 0.25, 0.5, 1.0, 3.0]

Case = tuple[SharingSpace, list[Floats], Budget]


@st.composite
def cases(draw: st.DrawFn, of: st.SearchStrategy[SharingSpace], values: list[float] = VALUES) -> Case:
    """A space, worths of few different values, so that there are ties, and a budget."""
    space = draw(of)
    value = st.sampled_from(values)
    worths = [
        np.array([[draw(value) for _ in range(one.filters)] for _ in space.owners], dtype=np.float64)
        for one in space.sites
    ]
    return space, worths, draw(budgets_of(space))


def counted(space: SharingSpace, worths: list[Floats], allocation: Allocation) -> float:
    """What it is worth, filter by filter."""
    owned = taken(space, allocation)
    return sum(
        float(worths[i][d, f])
        for i in range(len(space.sites))
        for d in range(len(space.owners))
        for f in sorted(owned[i][d])
    )


def best_of_all(space: SharingSpace, worths: list[Floats], budget: Budget) -> float:
    """The greatest worth of any positions within the budget, in the space's order, counted filter by filter."""
    found = []
    for positions in product(*(range(int(number) + 1) for number in space.steps)):
        allocation = Allocation(brute_force.levels_at(space, list(positions)), space.order)
        if budget.of(brute_force.cost(space, allocation)) <= space.limit(budget):
            # What all but one own the last one owns as well.
            found.append(counted(space, worths, space.canonical(allocation)))
    return max(found)


def ordered_by_worth(space: SharingSpace, worths: list[Floats]) -> SharingSpace:
    """The space with the filters that are worth most to all together first."""
    return replace(space, order=order_by_worth(space, worths, per_owner=False))


@FEW
@given(cases(small_spaces(granularities=("per_site", "per_stage"))))
def test_where_owners_rise_together_no_positions_are_worth_more(case: Case) -> None:
    space, worths, budget = case
    found = counted(space, worths, greatest(space, worths, budget))
    assert found == pytest.approx(best_of_all(ordered_by_worth(space, worths), worths, budget), abs=1e-9)


@FEW
@given(cases(small_spaces(granularities=("per_site", "per_stage"))))
def test_in_the_spaces_own_order_neither(case: Case) -> None:
    space, worths, budget = case
    allocation = greatest(space, worths, budget, reorder=False)
    assert allocation.order in (space.order, Order())
    assert counted(space, worths, allocation) == pytest.approx(best_of_all(space, worths, budget), abs=1e-9)


@FEW
@given(cases(small_spaces(COMMON_ORDERS, ("per_site_and_domain",))), st.booleans())
def test_apart_it_is_worth_no_less_than_any_positions_in_one_order_for_all(case: Case, reorder: bool) -> None:
    space, worths, budget = case
    allocation = greatest(space, worths, budget, reorder=reorder)
    ordered = ordered_by_worth(space, worths) if reorder else space
    assert counted(space, worths, allocation) >= best_of_all(ordered, worths, budget) - 1e-9
    assert reorder or allocation.order in (space.order, Order())


@FEW
@given(cases(spaces(grids=True), [-1.0, *VALUES]), st.booleans())
def test_it_is_never_worth_less_than_filling(case: Case, reorder: bool) -> None:
    space, worths, budget = case
    filled = ranked(space, worths, budget, learned_order=reorder)
    assert worth_of(space, worths, greatest(space, worths, budget, reorder=reorder)) >= worth_of(space, worths, filled)


@FEW
@given(cases(spaces(grids=True, least_owners=1), [-1.0, *VALUES]), st.booleans())
def test_it_is_canonical_and_within_the_budget_and_uses_it_up(case: Case, reorder: bool) -> None:
    # Worth below nothing too: an unbiased estimate may be.
    space, worths, budget = case
    allocation = greatest(space, worths, budget, reorder=reorder)
    space.check(allocation)
    assert space.canonical(allocation) == allocation
    if len(space.owners) > 1:
        assert budget.of(brute_force.cost(space, allocation)) <= space.limit(budget)
        assert cost(space, taken(space, allocation), budget.measure) <= space.limit(budget)
    if allocation.order != Order():
        assert reorder or allocation.order == space.order
        space = replace(space, order=allocation.order)
    assert space.exhausts(allocation, budget)


@FEW
@given(cases(spaces(grids=True), [-1.0, *VALUES]))
def test_what_an_allocation_is_worth_is_the_sum_over_what_it_owns(case: Case) -> None:
    space, worths, budget = case
    allocation = ranked(space, worths, budget)
    assert worth_of(space, worths, allocation) == pytest.approx(counted(space, worths, allocation))


def test_filling_alone_would_miss_it() -> None:
    # Three filters of 1, 3 and 3 weights, two owners: `live` charges a row once more. Of four weights to spend, filling
    # takes the small filter, which is worth most for its size, and then has room for one of three.
    space = SharingSpace((site(0, 1, 1), site(1, 1, 3), site(2, 1, 3)), ("a", "b"))
    worths = [np.full((2, 1), 2.0), np.full((2, 1), 5.0), np.full((2, 1), 5.0)]
    budget = Budget("live", 7 + 6, "parameters")
    filled, best = (how(space, worths, budget) for how in (ranked, greatest))
    assert filled.levels == ((1, 1), (1, 1), (0, 0))
    assert best.levels == ((0, 0), (1, 1), (1, 1))


@pytest.mark.parametrize("granularity", ["per_site", "per_site_and_domain"])
def test_a_scorers_order_takes_its_best_filters_first(granularity: Granularity) -> None:
    space = SharingSpace((site(0, 4),), ("a", "b"), granularity)
    worths = [np.array([[0.0, 3.0, 1.0, 2.0], [0.0, 3.0, 1.0, 2.0]])]
    budget = Budget("live", 4 + 2, "parameters")
    found = greatest(space, worths, budget)
    assert taken(space, found) == [[{1, 3}, {1, 3}]]
    assert taken(space, greatest(space, worths, budget, reorder=False)) == [[{0, 1}, {0, 1}]]


@pytest.mark.parametrize("wrong", [[np.ones((2, 3))], [np.full((2, 4), np.nan)]], ids=["shape", "no number"])
def test_worth_that_is_none_is_refused(wrong: Any) -> None:
    space = SharingSpace((site(0, 4),), ("a", "b"))
    with pytest.raises(ValueError, match="worth"):
        greatest(space, wrong, Budget("live", 0.2))

"""The closed-form cost and the canonical form of `filters` against a count of every copy of every filter."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Cost
from apportion.spaces.operators import operators
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import COMMON_ORDERS, ORDERS_PER_OWNER, OWNERS, allocations_of, site, spaces


@settings(max_examples=200)
@given(st.data())
def test_the_closed_form_is_a_count_of_the_copies(data: st.DataObject) -> None:
    space = data.draw(spaces())
    allocation = data.draw(allocations_of(space))
    assert space.cost(allocation) == brute_force.cost(space, allocation)


@settings(max_examples=100)
@given(st.data())
def test_all_sites_at_once_cost_what_they_cost_one_by_one(data: st.DataObject) -> None:
    space = data.draw(spaces(least_owners=1))
    allocation = data.draw(allocations_of(space))
    at_once = space.operator.costs(space.sites, space.owners, np.array(allocation.levels), space.order)
    one_by_one = [
        space.operator.cost(one, space.owners, row, space.order)
        for one, row in zip(space.sites, allocation.levels, strict=True)
    ]
    assert at_once.tolist() == [[price.owned, price.live] for price in one_by_one]


@settings(max_examples=100)
@given(st.data())
def test_owning_one_filter_more_never_costs_less(data: st.DataObject) -> None:
    space = data.draw(spaces())
    allocation = data.draw(allocations_of(space))
    before = space.cost(allocation)
    for i, d in product(range(len(space.sites)), range(len(space.owners))):
        if allocation.levels[i][d] < space.sites[i].max_level:
            levels = [list(row) for row in allocation.levels]
            levels[i][d] += 1
            after = space.cost(Allocation(tuple(map(tuple, levels)), space.order))
            assert after.owned >= before.owned
            assert after.live >= before.live


@settings(max_examples=150)
@given(st.data())
def test_the_canonical_form_is_the_same_network_at_the_same_cost_and_its_own_canonical_form(
    data: st.DataObject,
) -> None:
    space = data.draw(spaces())
    allocation = data.draw(allocations_of(space))
    canonical = space.canonical(allocation)
    assert brute_force.groups(space, canonical) == brute_force.groups(space, allocation)
    assert space.cost(canonical) == space.cost(allocation)
    assert space.canonical(canonical) == canonical


@pytest.mark.parametrize("order", COMMON_ORDERS, ids=lambda order: order.name)
@pytest.mark.parametrize("owners", [2, 3, 4])
def test_with_a_common_order_equal_networks_have_one_canonical_form_and_different_ones_have_two(
    owners: int, order: Order
) -> None:
    space = SharingSpace((site(0, 4, 3),), OWNERS[:owners], "per_site_and_domain", order=order)
    forms: dict[object, set[Allocation]] = {}
    for row in product(range(5), repeat=owners):
        allocation = Allocation((row,), order)
        forms.setdefault(brute_force.groups(space, allocation), set()).add(space.canonical(allocation))
    assert {len(same) for same in forms.values()} == {1}
    assert len({form for same in forms.values() for form in same}) == len(forms)


def test_a_filter_that_all_but_one_own_is_owned_by_the_last_one_too() -> None:
    # DESIGN, "Cost": (3, 3, 0) equals (3, 3, 3).
    space = SharingSpace((site(0, 5, 7),), ("a", "b", "c"), "per_site_and_domain")
    assert space.canonical(Allocation(((3, 3, 0),))) == space.canonical(Allocation(((3, 3, 3),)))
    assert space.canonical(Allocation(((3, 3, 0),))).levels == ((3, 3, 3),)
    assert space.canonical(Allocation(((0, 5, 2),))).levels == ((2, 5, 2),)


def test_the_ends_have_one_form_whatever_the_order() -> None:
    for order in COMMON_ORDERS + ORDERS_PER_OWNER:
        space = SharingSpace((site(0, 5), site(1, 2)), ("a", "b", "c"), order=order)
        assert space.canonical(Allocation(((5, 5, 0), (2, 2, 2)), order)) == space.independent()
        assert space.canonical(Allocation(((0, 0, 0), (0, 0, 0)), order)) == space.shared()


def test_the_formulas_of_the_design_by_hand() -> None:
    # F = 10 filters of c = 3 weights; common order: live = c * (sum n + F - min n).
    levels = (4, 2, 1)
    common = SharingSpace((site(0, 10, 3),), ("a", "b", "c"), "per_site_and_domain")
    assert common.cost(Allocation((levels,))).live == 3 * (7 + 10 - 1)
    # Owned: 7 filters by levels, and filter 1, which c alone still takes from the shared layer.
    assert common.cost(Allocation((levels,))).owned == 3 * (7 + 1)
    # Orders per owner: live = c * (sum n + F - |owned by all|).
    order = Order("random", 0, per_owner=True)
    sets = [set(order.permutation("conv0", owner, 10)[:n].tolist()) for owner, n in zip("abc", levels, strict=True)]
    each = SharingSpace((site(0, 10, 3),), ("a", "b", "c"), "per_site_and_domain", order=order)
    assert each.cost(Allocation((levels,), order)).live == 3 * (7 + 10 - len(set.intersection(*sets)))


def test_a_single_owner_pays_for_one_plain_layer_whatever_its_level() -> None:
    space = SharingSpace((site(0, 4, 3),), ("a",), "per_site_and_domain")
    for level in range(5):
        assert space.cost(Allocation(((level,),))) == Cost(0, 12)
        assert space.canonical(Allocation(((level,),))) == space.shared()


@pytest.mark.parametrize("operator", operators, ids=lambda operator: operator.name)
def test_an_operator_says_what_it_is(operator: object) -> None:
    assert operators.get(getattr(operator, "name", "")) is operator
    assert getattr(operator, "summary", "")
    assert len(set(getattr(operator, "parametrisations", ()))) >= 1

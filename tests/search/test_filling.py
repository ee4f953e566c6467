"""Filling by worth: never over, nothing more fits, what is worth most comes first, and names do not matter."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.search.filling import Floats, ranked
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import MEASURES, budgets_of, site, spaces

FEW = settings(max_examples=80)
Owned = list[list[set[int]]]
"""For each site and owner, the filters."""


@st.composite
def worths_of(draw: st.DrawFn, space: SharingSpace) -> list[Floats]:
    """Few different values, so that there are ties."""
    value = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1.0, 3.0])
    return [
        np.array([[draw(value) for _ in range(one.filters)] for _ in space.owners], dtype=np.float64)
        for one in space.sites
    ]


@st.composite
def cases(draw: st.DrawFn) -> tuple[SharingSpace, list[Floats], Budget]:
    space = replace(draw(spaces()), granularity="per_site_and_domain")
    return space, draw(worths_of(space)), draw(budgets_of(space))


def taken(space: SharingSpace, allocation: Allocation) -> Owned:
    return [
        [
            set(allocation.order.permutation(one.name, owner, one.filters)[:level].tolist())
            for owner, level in zip(space.owners, row, strict=True)
        ]
        for one, row in zip(space.sites, allocation.levels, strict=True)
    ]


def cost(space: SharingSpace, owned: Owned, measure: Measure) -> int:
    """Copies of every filter that somebody uses, or that exactly one does."""
    total = 0
    for one, mine in zip(space.sites, owned, strict=True):
        for f in range(one.filters):
            own = sum(f in filters for filters in mine)
            left = len(mine) - own
            copies = own + (left == 1) if measure == "owned" else own + (left > 0)
            total += copies * one.parameters_per_filter
    return total


def with_one(owned: Owned, i: int, d: int, filters: set[int]) -> Owned:
    return [[mine | filters if (i, d) == (j, e) else mine for e, mine in enumerate(row)] for j, row in enumerate(owned)]


def filled(space: SharingSpace, worth: list[Floats], budget: Budget, whole: bool) -> Owned:
    """The rule, one filter at a time."""
    limit, owned = space.limit(budget), [[set[int]() for _ in space.owners] for _ in space.sites]
    free = [i for i, one in enumerate(space.sites) if one.name not in space.keep_shared]

    def take(i: int, d: int, filters: set[int]) -> None:
        nonlocal owned
        raised = with_one(owned, i, d, filters)
        if cost(space, raised, budget.measure) > limit:
            return
        owned = raised
        for f in filters:
            left = [e for e in range(len(space.owners)) if f not in owned[i][e]]
            if len(left) == 1:
                owned = with_one(owned, i, left[0], {f})

    if whole:
        for _, i, d in sorted((-worth[i][d].mean(), i, d) for i in free for d in range(len(space.owners))):
            if not owned[i][d]:
                take(i, d, set(range(space.sites[i].filters)))
    places = []
    for i in free:
        for d in range(len(space.owners)):
            best = sorted((-value, f) for f, value in enumerate(worth[i][d].tolist()))
            places += [(value, place, i, d, f) for place, (value, f) in enumerate(best)]
    for _, _, i, d, f in sorted(places):
        take(i, d, {f})
    return owned


@FEW
@given(cases(), st.booleans(), st.booleans())
def test_filters_are_taken_one_after_another_by_worth_where_they_fit(
    case: tuple[SharingSpace, list[Floats], Budget], whole: bool, per_parameter: bool
) -> None:
    space, worth, budget = case
    allocation = ranked(space, worth, budget, whole=whole, per_parameter=per_parameter)
    if per_parameter:
        worth = [one / site.parameters_per_filter for one, site in zip(worth, space.sites, strict=True)]
    assert taken(space, allocation) == filled(space, worth, budget, whole)


@FEW
@given(cases(), st.booleans())
def test_it_is_never_over_and_no_filter_of_anybody_still_fits(
    case: tuple[SharingSpace, list[Floats], Budget], whole: bool
) -> None:
    space, worth, budget = case
    allocation = ranked(space, worth, budget, whole=whole)
    limit = space.limit(budget)
    assert budget.of(brute_force.cost(space, allocation)) == budget.of(space.cost(allocation)) <= limit
    owned = taken(space, allocation)
    for i, one in enumerate(space.sites):
        for d in range(len(space.owners)):
            for f in set(range(one.filters)) - owned[i][d]:
                fits = cost(space, with_one(owned, i, d, {f}), budget.measure) <= limit
                assert one.name in space.keep_shared or not fits
    # So says the space too, with the order that was learned.
    assert replace(space, order=allocation.order).exhausts(allocation, budget)
    assert space.canonical(allocation) == allocation


@FEW
@given(cases())
def test_a_row_that_all_but_one_own_is_the_last_ones_too(case: tuple[SharingSpace, list[Floats], Budget]) -> None:
    space, worth, budget = case
    for row, one in zip(taken(space, ranked(space, worth, budget)), space.sites, strict=True):
        holders = [sum(f in mine for mine in row) for f in range(one.filters)]
        assert len(space.owners) - 1 not in holders


@FEW
@given(cases())
def test_an_order_has_what_is_owned_first_and_both_parts_by_worth(
    case: tuple[SharingSpace, list[Floats], Budget],
) -> None:
    space, worth, budget = case
    allocation = ranked(space, worth, budget)
    if allocation.order == Order():
        return  # All or nothing at every site: no order is needed.
    assert allocation.order.per_owner
    for i, one in enumerate(space.sites):
        for d, owner in enumerate(space.owners):
            order, level = allocation.order.permutation(one.name, owner, one.filters), allocation.levels[i][d]
            assert sorted(order) == list(range(one.filters))
            for part in (order[:level], order[level:]):
                if one.name not in space.keep_shared:
                    assert all(worth[i][d, left] >= worth[i][d, right] for left, right in pairwise(part))


@FEW
@given(cases(), st.sampled_from(["per_site", "per_site_and_domain"]))
def test_owners_names_do_not_matter(case: tuple[SharingSpace, list[Floats], Budget], granularity: str) -> None:
    space, worth, budget = case
    space = replace(space, granularity=granularity)  # type: ignore[arg-type]
    other = replace(space, owners=tuple(f"z{9 - d}" for d in range(len(space.owners))))
    one, two = (ranked(which, worth, budget) for which in (space, other))
    assert one.levels == two.levels
    assert taken(space, one) == taken(other, two)


@FEW
@given(st.data())
def test_every_other_space_is_filled_inside_itself(data: st.DataObject) -> None:
    space = data.draw(spaces(grids=True))
    worth, budget = data.draw(worths_of(space)), data.draw(budgets_of(space))
    learned = data.draw(st.booleans())
    allocation = ranked(space, worth, budget, learned_order=learned)
    assert budget.of(brute_force.cost(space, allocation)) <= space.limit(budget)
    assert learned or allocation.order in (space.order, Order())
    if allocation.order != Order():
        space = replace(space, order=allocation.order)
    assert space.exhausts(allocation, budget)


@FEW
@given(st.data())
def test_levels_common_to_all_go_by_the_sum_of_worths(data: st.DataObject) -> None:
    space = replace(data.draw(spaces()), granularity="per_site")
    worth, budget = data.draw(worths_of(space)), data.draw(budgets_of(space))
    allocation = ranked(space, worth, budget)
    summed = [one.sum(axis=0) for one in worth]
    owned = [row[0] for row in taken(space, allocation)]
    assert all(mine == row[0] for row in taken(space, allocation) for mine in row)
    # What is not owned is worth no more than anything owned of no smaller price, or no longer fitted.
    room = space.limit(budget) - budget.of(space.cost(allocation))
    copies = len(space.owners) - (budget.measure == "live")
    for i, one in enumerate(space.sites):
        for f in set(range(one.filters)) - owned[i]:
            assert one.name in space.keep_shared or one.parameters_per_filter * copies > room
            better = [g for g in owned[i] if summed[i][g] < summed[i][f]]
            assert better == []


@pytest.mark.parametrize("measure", MEASURES)
def test_equal_worth_goes_round_sites_and_owners(measure: Measure) -> None:
    # Two sites of 4 filters and one weight, three owners: a row for everybody costs two more copies (its shared one is
    # dead), or three of an owner's own. Four rows fit: the first and the second of each site.
    space = SharingSpace((site(0, 4), site(1, 4)), ("a", "b", "c"), "per_site_and_domain")
    worth = [np.ones((3, 4)), np.ones((3, 4))]
    budget = Budget(measure, 8 + 4 * 2 if measure == "live" else 4 * 3, "parameters")
    assert ranked(space, worth, budget).levels == ((2, 2, 2), (2, 2, 2))


def test_whole_sites_go_as_far_as_they_fit_and_then_filters() -> None:
    # 4 + 6 + 4 filters of one weight, three owners. The wide site is worth most, and no owner of it fits into 5.
    space = SharingSpace((site(0, 4), site(1, 6), site(2, 4)), ("a", "b", "c"), "per_site_and_domain")
    worth = [np.full((3, 4), 1.0), np.full((3, 6), 2.0), np.full((3, 4), 0.5)]
    worth[0][1] += 0.1
    budget = Budget("live", 14 + 5, "parameters")
    assert ranked(space, worth, budget, whole=True).levels == ((0, 4, 0), (1, 0, 0), (0, 0, 0))
    # By filters the wide site comes first: its rows 0 and 1 for everybody at two copies each, a third for one.
    assert ranked(space, worth, budget).levels == ((0, 0, 0), (3, 2, 2), (0, 0, 0))


def test_one_owner_has_nobody_to_share_with() -> None:
    space = SharingSpace((site(0, 4),), ("a",), "per_site_and_domain")
    assert ranked(space, [np.ones((1, 4))], Budget("live", 4, "parameters")) == space.shared()


@pytest.mark.parametrize("shape", [(2, 4), (3, 5)])
def test_worth_of_another_shape_is_refused(shape: tuple[int, int]) -> None:
    space = SharingSpace((site(0, 4),), ("a", "b", "c"), "per_site_and_domain")
    with pytest.raises(ValueError, match=r"the space has \[\(3, 4\)\]"):
        ranked(space, [np.ones(shape)], Budget("live", 0.2))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_worth_that_is_no_number_is_refused(wrong: float) -> None:
    space = SharingSpace((site(0, 2),), ("a", "b"), "per_site_and_domain")
    with pytest.raises(ValueError, match="finite"):
        ranked(space, [np.array([[0.0, 1.0], [wrong, 0.0]])], Budget("live", 0.2))


def test_sixty_sites_and_ten_domains_take_less_than_50_ms_of_processor_time() -> None:
    owners = tuple(f"d{d}" for d in range(10))
    space = SharingSpace(synthetic_shape("widening", 60).sites, owners, "per_site_and_domain")
    generator = np.random.default_rng(0)
    worth = [generator.normal(size=(10, one.filters)) for one in space.sites]
    seconds = []
    for share in (0.05, 0.2, 0.6):
        began = time.process_time()
        ranked(space, worth, Budget("live", share))
        seconds.append(time.process_time() - began)
    assert min(seconds) < 0.05

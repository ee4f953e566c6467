"""Allocations are values: they survive JSON, and their key is the same on every machine."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.search.study import from_json, to_json
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.strategies import allocations_of, budgets_of, spaces

PINNED = "989a9935f72e1613"


@settings(max_examples=60)
@given(st.data())
def test_allocations_budgets_and_spaces_survive_json(data: st.DataObject) -> None:
    space = data.draw(spaces())
    values = (data.draw(allocations_of(space)), data.draw(budgets_of(space)), space)
    for value in values:
        again = from_json(type(value), json.loads(json.dumps(to_json(value), allow_nan=False)))
        assert again == value
        assert hash(again) == hash(value)


def test_the_key_of_an_allocation_is_pinned() -> None:
    # SHA-256 of its JSON; computed by this code. A change would break the resuming of every older run.
    assert Allocation(((1, 2), (0, 0))).key() == PINNED
    assert from_json(Allocation, to_json(Allocation(((1, 2), (0, 0))))).key() == PINNED


@settings(max_examples=60)
@given(st.data())
def test_keys_are_equal_exactly_where_allocations_are(data: st.DataObject) -> None:
    space = data.draw(spaces())
    left, right = data.draw(allocations_of(space)), data.draw(allocations_of(space))
    assert (left.key() == right.key()) == (left == right)


def test_levels_and_orders_both_decide_the_key() -> None:
    keys = {
        Allocation(levels, order).key()
        for levels in (((1, 2),), ((2, 1),), ((1,), (2,)))
        for order in (Order(), Order("random"), Order("random", 1), Order("random", 1, True))
    }
    assert len(keys) == 12


def test_a_space_is_the_same_space_after_json() -> None:
    space = SharingSpace((), ("a", "b"))
    again = from_json(SharingSpace, to_json(space))
    assert again.reachable(Budget("live", 0, "parameters")) == (0, 0)

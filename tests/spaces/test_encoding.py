"""Vectors and allocations: encode is the inverse of decode, in both parametrisations and across them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.granularity import GRANULARITIES
from apportion.spaces.space import Parametrisation, SharingSpace, Vector
from tests.strategies import OWNERS, cases, site, spaces

PARAMETRISATIONS: tuple[Parametrisation, ...] = ("fractions", "spend")
ways = st.sampled_from(PARAMETRISATIONS)


@settings(max_examples=100)
@given(cases(), ways, ways)
def test_what_is_decoded_in_one_way_is_encoded_in_any_and_comes_back(
    case: tuple[SharingSpace, Budget, Vector], decoded_by: Parametrisation, encoded_by: Parametrisation
) -> None:
    space, budget, vector = case
    allocation = space.decode(vector, budget, decoded_by)
    code = space.encode(allocation, encoded_by)
    assert code.shape == (space.dimension,)
    assert ((code >= 0) & (code <= 1)).all()
    assert space.decode(code, budget, encoded_by) == allocation


@settings(max_examples=60)
@given(st.data())
def test_positions_and_allocations_are_inverse(data: st.DataObject) -> None:
    space = data.draw(spaces(grids=True))
    positions = np.array([data.draw(st.integers(0, variable.steps)) for variable in space.variables])
    allocation = space.allocation_at(positions)
    assert allocation == space.canonical(allocation)
    assert space.allocation_at(space.positions_of(allocation)) == allocation


@settings(max_examples=60)
@given(cases(), st.floats(1e-3, 1))
def test_a_spend_vector_counts_only_in_proportion(case: tuple[SharingSpace, Budget, Vector], scale: float) -> None:
    space, budget, _ = case
    vector: Vector = np.exp2(-np.arange(space.dimension, dtype=np.float64))
    exact = float(np.exp2(np.round(np.log2(scale))))
    assert space.decode(vector * exact, budget) == space.decode(vector, budget)


def test_a_real_network_s_allocation_comes_back_from_its_code() -> None:
    generator = np.random.default_rng(1)
    sites = tuple(site(i, 8 * (i + 2), int(generator.integers(9, 960)), i // 8) for i in range(30))
    for granularity in GRANULARITIES:
        space = SharingSpace(sites, OWNERS, granularity)
        for amount in (0.05, 0.4):
            budget = Budget("live", amount)
            for by in PARAMETRISATIONS:
                allocation = space.decode(generator.random(space.dimension), budget, by)
                for back in PARAMETRISATIONS:
                    assert space.decode(space.encode(allocation, back), budget, back) == allocation


def test_an_allocation_that_the_granularity_cannot_express_has_no_code() -> None:
    per_site = SharingSpace((site(0, 4),), ("a", "b", "c"))
    with pytest.raises(InputError, match="the per_site space has no such point"):
        per_site.encode(Allocation(((1, 2, 3),)))
    kept = SharingSpace((site(0, 4), site(1, 4)), ("a", "b"), keep_shared=("conv1",))
    with pytest.raises(InputError, match="no such point"):
        kept.encode(Allocation(((0, 0), (1, 1))))


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        (((1, 1),), r"allocation: 1 sites, but the space has 2"),
        (((1, 1), (1,)), r"site conv1: 1 levels, but there are 2 owners"),
        (((1, 1), (1, 5)), r"b, site conv1: level 5, but the site has 4 filters"),
        (((-1, 1), (1, 1)), r"a, site conv0: level -1, but the site has 4 filters"),
    ],
)
def test_levels_that_a_space_does_not_have_are_refused_by_name(levels: tuple[tuple[int, ...], ...], said: str) -> None:
    space = SharingSpace((site(0, 4), site(1, 4)), ("a", "b"))
    with pytest.raises(InputError, match=said):
        space.check(Allocation(levels))

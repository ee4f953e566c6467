"""Projection onto budgets: never over, exhausted, unchanged where nothing is to do, monotone in the budget."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.granularity import GRANULARITIES, Granularity
from apportion.spaces.projection import fill, project
from apportion.spaces.space import Parametrisation, SharingSpace, Vector
from tests.spaces import brute_force
from tests.strategies import MEASURES, OWNERS, budgets_of, cases, site, spaces, vectors_of

PARAMETRISATIONS: tuple[Parametrisation, ...] = ("fractions", "spend")
ways = st.sampled_from(PARAMETRISATIONS)
FEW = settings(max_examples=60)


@FEW
@given(cases(), ways)
def test_a_decoded_vector_is_within_budget_and_no_step_of_the_space_still_fits(
    case: tuple[SharingSpace, Budget, Vector], by: Parametrisation
) -> None:
    space, budget, vector = case
    allocation = space.decode(vector, budget, by)
    limit = int(budget.amount)
    assert getattr(brute_force.cost(space, allocation), budget.measure) <= limit
    assert brute_force.steps_that_fit(space, allocation, budget.measure, limit) == []
    assert space.exhausts(allocation, budget)


@FEW
@given(st.data())
def test_exhausts_is_true_exactly_where_brute_force_finds_no_step(data: st.DataObject) -> None:
    space = data.draw(spaces(grids=True))
    budget = data.draw(budgets_of(space))
    positions = np.array([data.draw(st.integers(0, variable.steps)) for variable in space.variables])
    allocation = space.allocation_at(positions)
    within = getattr(brute_force.cost(space, allocation), budget.measure) <= budget.amount
    fits = brute_force.steps_that_fit(space, allocation, budget.measure, int(budget.amount))
    assert space.exhausts(allocation, budget) == (within and not fits)


@FEW
@given(cases(), ways)
def test_projecting_a_projection_changes_nothing(
    case: tuple[SharingSpace, Budget, Vector], by: Parametrisation
) -> None:
    space, budget, vector = case
    positions = space.positions_of(space.decode(vector, budget, by))
    np.testing.assert_array_equal(project(space, positions, budget), positions)


@FEW
@given(st.data(), ways)
def test_a_larger_budget_never_costs_less(data: st.DataObject, by: Parametrisation) -> None:
    space = data.draw(spaces(grids=True))
    vector, smaller = data.draw(vectors_of(space)), data.draw(budgets_of(space))
    _, greatest = space.reachable(smaller)
    larger = Budget(smaller.measure, data.draw(st.integers(int(smaller.amount), greatest)), "parameters")
    costs = [smaller.of(brute_force.cost(space, space.decode(vector, b, by))) for b in (smaller, larger)]
    assert costs[0] <= costs[1]


@FEW
@given(spaces(keep_shared=False, grids=True), st.sampled_from(MEASURES), ways, st.data())
def test_the_extreme_budgets_reach_both_ends_of_the_space(
    space: SharingSpace, measure: Measure, by: Parametrisation, data: st.DataObject
) -> None:
    vector = data.draw(vectors_of(space))
    least, greatest = space.reachable(Budget(measure, 0, "parameters"))
    low, high = (Budget(measure, amount, "parameters") for amount in (least, greatest))
    assert space.decode(vector, low, by) == space.shared()
    assert space.decode(vector, high, by) == space.allocation_at(space.steps)
    assert low.of(brute_force.cost(space, space.shared())) == least
    assert high.of(brute_force.cost(space, space.allocation_at(space.steps))) == greatest


@FEW
@given(cases(), st.integers(0, 2**32))
def test_filling_in_any_order_stays_within_the_budget_and_exhausts_it(
    case: tuple[SharingSpace, Budget, Vector], seed: int
) -> None:
    space, budget, _ = case
    noise = np.random.default_rng(seed).random((space.dimension, int(space.steps.max()) + 1))
    positions = fill(space, np.zeros_like(space.steps), budget, lambda v, step: float(noise[v, step]))
    allocation = space.allocation_at(positions)
    assert budget.of(brute_force.cost(space, allocation)) <= budget.amount
    assert brute_force.steps_that_fit(space, allocation, budget.measure, int(budget.amount)) == []


@FEW
@given(cases(), ways)
def test_sites_that_are_kept_shared_stay_shared(case: tuple[SharingSpace, Budget, Vector], by: Parametrisation) -> None:
    space, budget, vector = case
    assume(space.keep_shared)
    allocation = space.decode(vector, budget, by)
    kept = [row for one, row in zip(space.sites, allocation.levels, strict=True) if one.name in space.keep_shared]
    assert kept == [(0,) * len(space.owners)] * len(space.keep_shared)


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_a_network_of_real_size_is_projected_without_a_weight_to_spare(granularity: Granularity) -> None:
    # 50 sites as wide as MobileNetV2's; the left-over is less than the dearest step of the space.
    generator = np.random.default_rng(0)
    sites = tuple(site(i, 8 * (i + 2), int(generator.integers(9, 960)), i // 12) for i in range(50))
    space = SharingSpace(sites, OWNERS, granularity)
    budget = Budget("live", 0.2)
    for by in PARAMETRISATIONS:
        allocation = space.decode(generator.random(space.dimension), budget, by)
        spent, limit = space.cost(allocation).live, space.limit(budget)
        positions = space.positions_of(allocation)
        raised = [
            space.cost(space.allocation_at(positions + np.eye(space.dimension, dtype=np.int64)[v])).live
            for v in range(space.dimension)
            if positions[v] < space.steps[v]
        ]
        assert spent <= limit < min(raised)


def test_wishes_are_followed_in_proportion() -> None:
    # 20 steps of one weight fit (live: 2 owners, one more copy a step): three quarters go to the first site.
    space = SharingSpace((site(0, 100), site(1, 100)), ("a", "b"))
    allocation = space.decode([0.75, 0.25], Budget("live", 220, "parameters"), "fractions")
    assert allocation.levels == ((15, 15), (5, 5))


def test_a_spend_vector_divides_the_budget_by_parameters() -> None:
    # Equal parts of 24 weights: 12 steps of one weight and 3 of four.
    space = SharingSpace((site(0, 100, 1), site(1, 100, 4)), ("a", "b"))
    allocation = space.decode([1.0, 1.0], Budget("live", 500 + 24, "parameters"), "spend")
    assert allocation.levels == ((12, 12), (3, 3))


@pytest.mark.parametrize(
    "vector", [[0.5], [0.5, 0.5, 0.5], [0.5, float("nan")], [0.5, float("inf")], [-0.1, 0.5], [0.5, 1.1]]
)
def test_vectors_of_another_shape_or_outside_the_unit_cube_are_refused(vector: list[float]) -> None:
    space = SharingSpace((site(0, 3), site(1, 3)), ("a", "b"))
    with pytest.raises(InputError, match=r"the space takes 2 finite numbers in \[0, 1\]"):
        space.decode(vector, Budget("live", 0.5))

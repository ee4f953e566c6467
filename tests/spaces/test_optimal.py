"""The exact solver against all allocations of small spaces, against known optima, and against its own bound."""

import time
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.granularity import GRANULARITIES, Granularity
from apportion.spaces.optimal import Solver
from apportion.spaces.optimal.layers import Layers
from apportion.spaces.optimal.prices import Prices, Tangled, groups_of
from apportion.spaces.optimal.rows import Rows
from apportion.spaces.optimal.water import Pool
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import COMMON_ORDERS, GRIDS, MEASURES, ORDERS_PER_OWNER, OWNERS, budgets_of, site

Worths = list[np.ndarray[tuple[int], np.dtype[np.float64]]]

ALL_ORDERS = COMMON_ORDERS + ORDERS_PER_OWNER
FEW = settings(max_examples=80)
# Filter by filter counting takes .1 ms a pattern.
MOST_PATTERNS = 200


@st.composite
def small_spaces(
    draw: st.DrawFn,
    orders: tuple[Order, ...] = ALL_ORDERS,
    granularities: tuple[Granularity, ...] = GRANULARITIES,
    least_owners: int = 2,
) -> SharingSpace:
    """Spaces of no more than `MOST_PATTERNS` positions, some on coarse grids."""
    granularity = draw(st.sampled_from(granularities))
    apart = granularity == "per_site_and_domain"
    owners = OWNERS[: draw(st.integers(least_owners, 4))]
    sites, stage = [], 0
    for depth in range(draw(st.integers(1, 2 if apart else 4))):
        stage += draw(st.integers(0, 1)) if depth else 0
        sites.append(site(depth, draw(st.integers(1, 3 if apart else 6)), draw(st.integers(1, 9)), stage))
    grid = draw(st.sampled_from(GRIDS)) if granularity != "per_stage" else ()
    space = SharingSpace(tuple(sites), owners, granularity, order=draw(st.sampled_from(orders)), fractions=grid)
    assume(np.prod(space.steps + 1.0) <= MOST_PATTERNS)
    return space


# Three owners or more with a level each and one order: they share a floor.
on_floors = small_spaces(COMMON_ORDERS, ("per_site_and_domain",), 3)
# Each owner with an order of its own.
apart = small_spaces(ORDERS_PER_OWNER, ("per_site_and_domain",))


def summed(steps: list[list[float]]) -> Worths:
    return [np.concatenate([[0.0], np.cumsum(one)]) for one in steps]


@st.composite
def rising_worths(draw: st.DrawFn, space: SharingSpace) -> Worths:
    """Concave, any rising or with many ties."""
    kind = draw(st.sampled_from(["concave", "rising", "ties"]))
    worth = st.integers(0, 3).map(float) if kind == "ties" else st.floats(0, 1, allow_subnormal=False)
    steps = [[draw(worth) for _ in range(int(number))] for number in space.steps]
    return summed([sorted(one, reverse=True) if kind == "concave" else one for one in steps])


def worth_at(worths: Worths, positions: tuple[int, ...]) -> float:
    return float(sum(one[k] for one, k in zip(worths, positions, strict=True)))


def within_budget(space: SharingSpace, budget: Budget) -> dict[tuple[int, ...], int]:
    """Cost of all positions within the budget, counted filter by filter."""
    costs = {}
    for positions in product(*(range(int(number) + 1) for number in space.steps)):
        levels = brute_force.levels_at(space, list(positions))
        cost = getattr(brute_force.cost(space, Allocation(levels, space.order)), budget.measure)
        if cost <= space.limit(budget):
            costs[positions] = cost
    return costs


def settled(space: SharingSpace, budget: Budget) -> list[tuple[int, ...]]:
    """Positions within the budget from which no step is free: those that stand for a network."""
    costs = within_budget(space, budget)
    up = np.eye(space.dimension, dtype=int)
    return [
        positions
        for positions, cost in costs.items()
        if all(costs.get(tuple(int(k) for k in np.add(positions, step))) != cost for step in up)
    ]


def check_used_up(space: SharingSpace, budget: Budget, positions: np.ndarray[tuple[int], np.dtype[np.int64]]) -> None:
    allocation = space.allocation_at(positions)
    assert getattr(brute_force.cost(space, allocation), budget.measure) <= space.limit(budget)
    assert space.exhausts(allocation, budget)


# Against all patterns.


@FEW
@given(st.data())
def test_no_pattern_of_a_small_space_is_worth_more_and_it_is_proven(data: st.DataObject) -> None:
    space = data.draw(small_spaces())
    budget, worths = data.draw(budgets_of(space)), data.draw(rising_worths(space))
    optimum = Solver(space, budget).best(worths)
    best = max(worth_at(worths, positions) for positions in within_budget(space, budget))
    assert optimum.worth == pytest.approx(best, abs=1e-9)
    assert optimum.worth == pytest.approx(worth_at(worths, tuple(optimum.positions)), abs=1e-12)
    assert optimum.proven
    check_used_up(space, budget, optimum.positions)


@FEW
@given(st.data())
def test_nor_is_any_where_owners_with_a_common_order_are_not_listed_but_solved(data: st.DataObject) -> None:
    # As at sites too wide to list: owners that share a floor, and the copy that nobody needs.
    space = data.draw(on_floors)
    budget, worths = data.draw(budgets_of(space)), data.draw(rising_worths(space))
    optimum = Solver(space, budget, listed_at_most=0).best(worths)
    best = max(worth_at(worths, positions) for positions in within_budget(space, budget))
    assert optimum.worth == pytest.approx(best, abs=1e-9)
    assert optimum.proven
    check_used_up(space, budget, optimum.positions)


@FEW
@given(st.data())
def test_with_orders_of_their_own_and_sites_too_wide_the_bound_holds(data: st.DataObject) -> None:
    space = data.draw(apart)
    budget, worths = data.draw(budgets_of(space)), data.draw(rising_worths(space))
    optimum = Solver(space, budget, listed_at_most=0).best(worths)
    best = max(worth_at(worths, positions) for positions in within_budget(space, budget))
    assert optimum.worth <= best + 1e-9 <= optimum.bound + 2e-9
    assert not optimum.proven or optimum.worth == pytest.approx(best, abs=1e-9)
    check_used_up(space, budget, optimum.positions)


@pytest.mark.parametrize("listed_at_most", [5000, 0])
@FEW
@given(data=st.data())
def test_steps_that_harm_are_taken_only_to_use_the_budget_up(listed_at_most: int, data: st.DataObject) -> None:
    space = data.draw(small_spaces() if listed_at_most else on_floors)
    budget = data.draw(budgets_of(space))
    steps = [[data.draw(st.floats(-1, 1, allow_subnormal=False)) for _ in range(int(k))] for k in space.steps]
    worths = summed(steps)
    optimum = Solver(space, budget, listed_at_most=listed_at_most).best(worths)
    check_used_up(space, budget, optimum.positions)
    found = sorted(((worth_at(worths, positions), positions) for positions in settled(space, budget)), reverse=True)
    best, positions = found[0]
    assert optimum.worth <= best + 1e-9 <= optimum.bound + 2e-9
    assert not optimum.proven or optimum.worth == pytest.approx(best, abs=1e-9)
    # Where the one best pattern uses the budget up, nothing has to be lost by that.
    only = len(found) == 1 or found[1][0] < best - 1e-6
    if only and space.exhausts(space.allocation_at(np.array(positions)), budget):
        assert tuple(optimum.positions) == positions
        assert listed_at_most == 0 or optimum.proven


@settings(max_examples=100)
@given(st.data())
def test_at_any_price_what_is_taken_is_worth_most_above_its_price(data: st.DataObject) -> None:
    # The bound rests on this: owners on a common floor cannot do better at that price in any other way.
    space = data.draw(on_floors)
    measure = data.draw(st.sampled_from(MEASURES))
    steps = [[data.draw(st.floats(0, 1, allow_subnormal=False)) for _ in range(int(k))] for k in space.steps]
    worths = summed([sorted(one, reverse=True) for one in steps])
    groups = groups_of(Prices(space, measure), listed_at_most=0)
    rows = Rows(groups, space.steps + 1)
    pool = Pool(rows, Layers(rows), rows.curves(np.concatenate(worths)))
    price = data.draw(st.floats(0.01, 0.5))
    level = pool.level(price, np.zeros_like(rows.length), rows.length)
    nothing = space.spent(np.zeros_like(space.steps), Budget(measure, 0))
    everything = Budget(measure, space.reachable(Budget(measure, 0))[1], "parameters")
    best = max(
        worth_at(worths, positions) - price * (cost - nothing)
        for positions, cost in within_budget(space, everything).items()
    )
    assert level.worth - price * level.cost == pytest.approx(best, abs=1e-9)


@FEW
@given(apart, st.sampled_from(MEASURES))
def test_owners_with_orders_of_their_own_never_cost_less_than_the_bound_supposes(
    space: SharingSpace, measure: Measure
) -> None:
    groups = groups_of(Prices(space, measure), listed_at_most=0)
    nothing = space.spent(np.zeros_like(space.steps), Budget(measure, 0))
    for group in groups:
        if isinstance(group, Tangled):
            for positions in product(*(range(len(costs)) for costs in group.costs)):
                everywhere = np.zeros_like(space.steps)
                everywhere[list(group.variables)] = positions
                alone = sum(int(costs[k]) for costs, k in zip(group.costs, positions, strict=True))
                assert space.spent(everywhere, Budget(measure, 0)) - nothing >= group.least * alone - 1e-9


@pytest.mark.parametrize("measure", MEASURES)
def test_a_choice_of_whole_sites_is_the_knapsack_that_enumeration_finds(measure: Measure) -> None:
    # 14 sites owned whole or not at all: 2^14 subsets, prices and worths drawn at random.
    generator = np.random.default_rng(5)
    sites = tuple(site(i, 1, int(generator.integers(20, 900))) for i in range(14))
    space = SharingSpace(sites, ("a", "b", "c"), fractions=(0.0, 1.0))
    worth = generator.random(14)
    subsets = np.array(list(product((0, 1), repeat=14)))
    price = np.array([one.parameters for one in sites]) * (3 if measure == "owned" else 2)
    for share in (0.1, 0.37, 0.8):
        budget = Budget(measure, share)
        limit = space.limit(budget) - space.spent(np.zeros_like(space.steps), budget)
        best = float((subsets @ worth)[subsets @ price <= limit].max())
        optimum = Solver(space, budget).best([np.array([0.0, w]) for w in worth])
        assert optimum.proven
        assert optimum.worth == pytest.approx(best, abs=1e-9)


@FEW
@given(small_spaces(), st.sampled_from(MEASURES))
def test_the_ends_of_the_range_are_all_shared_and_all_that_can_be_owned(space: SharingSpace, measure: Measure) -> None:
    worths = summed([[1.0] * int(number) for number in space.steps])
    least, greatest = space.reachable(Budget(measure, 0, "parameters"))
    low, high = (Solver(space, Budget(measure, amount, "parameters")).best(worths) for amount in (least, greatest))
    assert space.cost(space.allocation_at(low.positions)) == space.cost(space.shared())
    assert space.allocation_at(high.positions) == space.allocation_at(space.steps)
    assert low.proven and high.proven


# Large spaces.

MOBILENET = synthetic_shape("mobilenet_v2", 50).sites
TEN = tuple("abcdefghij")


def rooted(space: SharingSpace, seed: int = 0) -> Worths:
    generator = np.random.default_rng(seed)
    return [generator.lognormal(0, 0.6) * np.sqrt(np.arange(k + 1) / k) for k in space.steps]


def mean_step(space: SharingSpace, budget: Budget, worths: Worths) -> float:
    """What the next step is worth at the optimum, on average over the variables that have one."""
    at = Solver(space, budget).best(worths).positions
    return float(np.mean([one[k + 1] - one[k] for one, k in zip(worths, at, strict=True) if k + 1 < len(one)]))


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_at_real_size_concave_worths_leave_less_than_a_step_between_worth_and_bound(
    granularity: Granularity, measure: Measure
) -> None:
    space, budget = SharingSpace(MOBILENET, TEN[:5], granularity), Budget(measure, 0.2)
    worths = rooted(space)
    optimum = Solver(space, budget).best(worths)
    assert 0 <= optimum.bound - optimum.worth < mean_step(space, budget, worths)
    assert optimum.bound - optimum.worth < 1e-5 * optimum.worth
    assert optimum.proven or granularity == "per_site_and_domain"
    assert space.exhausts(space.allocation_at(optimum.positions), budget)


@pytest.mark.parametrize("world", range(3))
def test_the_known_optimum_of_the_synthetic_world_is_reached(world: int) -> None:
    # Its optimum is the closed form for any real numbers of filters, an upper bound.
    space, budget = SharingSpace(MOBILENET, TEN[:3]), Budget("owned", 0.2)
    evaluator = Synthetic(space, SyntheticOptions(shape="mobilenet_v2", world=world))
    worths = [gain * np.sqrt(np.arange(k + 1) / k) for gain, k in zip(evaluator.gains, space.steps, strict=True)]
    optimum = Solver(space, budget).best(worths)
    gain = float(evaluator.gain(space.allocation_at(optimum.positions)).mean())
    assert gain == pytest.approx(optimum.worth, abs=1e-12)
    assert 0.9999 * evaluator.optimum(budget) < gain <= evaluator.optimum(budget) + 1e-9


@pytest.mark.parametrize("measure", MEASURES)
def test_the_pocket_is_solved_and_proven_for_every_domain_apart(measure: Measure) -> None:
    # ResNet-8's widths; 33^5 combinations at each of the last three sites. Worths that are not concave, too.
    sites = tuple(site(i, 8 << i // 3, 72 << i // 3, i // 3) for i in range(9))
    space, budget = SharingSpace(sites, TEN[:5], "per_site_and_domain"), Budget(measure, 0.2)
    solver, generator = Solver(space, budget), np.random.default_rng(1)
    for power in (0.5, None):
        worths = [
            generator.lognormal(0, 0.6) * (np.arange(k + 1) / k) ** (power or generator.uniform(0.3, 2))
            for k in space.steps
        ]
        optimum = solver.best(worths)
        assert optimum.proven
        assert space.exhausts(space.allocation_at(optimum.positions), budget)


def test_prices_that_depend_on_the_others_are_taken_into_account(monkeypatch: pytest.MonkeyPatch) -> None:
    # Orders per owner: owning what all others own frees the shared row, which prices of each owner alone do not know.
    sites = tuple(site(i, 8 << i // 3, 72 << i // 3, i // 3) for i in range(9))
    space = SharingSpace(sites, TEN[:5], "per_site_and_domain", order=Order("random", 3, True))
    worths = rooted(space)
    found = {}
    for times in (0, 3):
        monkeypatch.setattr("apportion.spaces.optimal.solver._REPRICINGS", times)
        found[times] = [Solver(space, Budget("live", share)).best(worths).worth for share in (0.1, 0.2, 0.4)]
    assert all(again >= alone for alone, again in zip(found[0], found[3], strict=True))
    # 0, .1 and .7 % as first measured.
    assert sum(found[3]) > 1.002 * sum(found[0])


def test_with_little_effort_less_is_proven_and_the_bound_still_holds() -> None:
    space, budget = SharingSpace(MOBILENET[:20], TEN[:3]), Budget("live", 0.3)
    generator = np.random.default_rng(3)
    worths = [(np.arange(k + 1) / k) ** generator.uniform(0.5, 3) for k in space.steps]
    much, little = (Solver(space, budget, effort=effort).best(worths) for effort in (200_000, 10))
    assert much.proven
    assert not little.proven
    assert little.worth <= much.worth <= little.bound
    assert space.exhausts(space.allocation_at(little.positions), budget)


@pytest.mark.slow
@pytest.mark.parametrize("measure", MEASURES)
def test_sixty_sites_in_ten_domains_take_milliseconds(measure: Measure) -> None:
    # 7 ms on one idle core; here five times as much, for busy ones. CPU time of the best of five.
    sites = (*MOBILENET, *(site(50 + i, 64 * (i + 1), 576, 5) for i in range(10)))
    space, budget = SharingSpace(sites, TEN, "per_site_and_domain"), Budget(measure, 0.2)
    solver, worths, seconds = Solver(space, budget), rooted(space), []
    for _ in range(5):
        began = time.thread_time()
        solver.best(worths)
        seconds.append(time.thread_time() - began)
    assert min(seconds) < 0.05


# What is handed in.


def test_a_padded_array_is_as_good_as_a_list() -> None:
    space = SharingSpace((site(0, 3, 4), site(1, 6, 2)), ("a", "b", "c"))
    worths = rooted(space)
    padded = np.full((2, 9), np.nan)
    for row, one in zip(padded, worths, strict=True):
        row[: len(one)] = one
    solver = Solver(space, Budget("live", 0.5))
    np.testing.assert_array_equal(solver.best(padded).positions, solver.best(worths).positions)


@pytest.mark.parametrize(
    "worths",
    [
        [[0.0, 1.0]],
        [[0.0, 1.0], [0.0, 1.0]],
        [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, np.nan]],
        [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, np.inf]],
        [[0.0, 1.0, 2.0, 3.0], [0.0, 1.0, 2.0], [0.0]],
        np.zeros((2, 3)),
        np.zeros((3, 4)),
    ],
)
def test_worths_that_do_not_fit_the_space_are_refused(worths: Worths) -> None:
    space = SharingSpace((site(0, 3), site(1, 2)), ("a", "b"))
    with pytest.raises(InputError, match="one finite number for each of the 7 positions of 2 variables"):
        Solver(space, Budget("live", 0.5)).best(worths)


def test_a_budget_below_the_space_is_refused() -> None:
    space = SharingSpace((site(0, 3), site(1, 2)), ("a", "b"))
    with pytest.raises(InputError, match="the reachable range is 5 to 10 parameters"):
        Solver(space, Budget("live", 4, "parameters"))


@pytest.mark.parametrize("scale", [1e-170, 1e-300])
def test_worths_that_are_all_but_nothing_are_solved_as_well(scale: float) -> None:
    # The product of two prices near 1e-162 is 0, and a bisection that takes its root never ends.
    sites = (site(0, 4, 2), site(1, 6, 3, 1))
    space = SharingSpace(sites, OWNERS[:3], "per_site_and_domain", order=ORDERS_PER_OWNER[0])
    budget = Budget("owned", 0.4)
    worths = [scale * np.sqrt(np.arange(k + 1.0)) for k in space.steps]
    optimum = Solver(space, budget, listed_at_most=0).best(worths)
    assert 0 < optimum.worth <= optimum.bound * (1 + 1e-9)
    check_used_up(space, budget, optimum.positions)

"""Every registered controller: inside space and budget, repeatable, unharmed by failures and by trials out of order."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, Controller, ControllerEntry, Done, Wait, controllers
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget, Measure
from apportion.spaces.granularity import GRANULARITIES, Granularity
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.spaces import brute_force
from tests.strategies import COMMON_ORDERS, MEASURES, OWNERS, budgets_of, site, spaces

ANCHORS = [entry for entry in controllers if entry.kind == "anchor"]
HAND_MADE = [entry for entry in controllers if entry.kind == "hand-made" and entry.bound]
SEARCHED = [entry for entry in controllers if entry.kind == "searched"]
BOUND = HAND_MADE + SEARCHED

# Options under which a few trials exercise more of a controller than its defaults would.
EAGER: dict[str, dict[str, object]] = {"tpe": {"startup_trials": 2}}


def named(entries: list[ControllerEntry]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("entry", entries, ids=lambda entry: entry.name)


def built(entry: ControllerEntry, space: SharingSpace, budget: Budget | None, seed: int = 0) -> Controller:
    budgets = () if budget is None else (budget,)
    context = Context(space, budgets, Objective(), seed, trial_seed=7, rung=2)
    return entry.build(context, entry.options.model_validate(EAGER.get(entry.name, {})))


def proposals(asked: Proposal | Wait | Done) -> Proposal:
    assert isinstance(asked, Proposal)
    return asked


def loss_of(proposal: Proposal) -> float:
    """Anything that depends on the pattern: less where early sites are owned."""
    rows = enumerate(proposal.allocation.levels)
    return 2.0 - 0.1 * sum(math.sqrt(level) / (depth + 1) for depth, row in rows for level in row)


def measured(proposal: Proposal, loss: float | None = None) -> Trial:
    value = loss_of(proposal) if loss is None else loss
    return Trial(proposal, Measurement({"val": {"a": Score(10, 0.5, value, 10)}}))


def failed(proposal: Proposal) -> Trial:
    return Trial(proposal, Failure("diverged", "a, step 3: loss nan"))


def bad(proposal: Proposal, kind: int) -> Trial:
    """A failure or a measurement that is no finite number."""
    return [
        failed(proposal),
        measured(proposal, math.nan),
        measured(proposal, math.inf),
        measured(proposal, -math.inf),
    ][kind % 4]


def some_space(granularity: Granularity = "per_site") -> SharingSpace:
    sites = (site(0, 4, 3), site(1, 6, 4), site(2, 8, 6, 1), site(3, 8, 8, 1), site(4, 16, 8, 2))
    return SharingSpace(sites, ("a", "b", "c"), granularity)


def check(proposal: Proposal, entry: ControllerEntry, space: SharingSpace, budget: Budget) -> None:
    """Inside the space, within the budget and using it up; labelled as the context says."""
    space.check(proposal.allocation)
    assert proposal.allocation == space.canonical(proposal.allocation)
    assert budget.of(brute_force.cost(space, proposal.allocation)) <= space.limit(budget)
    assert brute_force.steps_that_fit(space, proposal.allocation, budget.measure, space.limit(budget)) == []
    assert proposal.controller == entry.name
    assert (proposal.budget, proposal.rung, proposal.seed, proposal.purpose) == (budget, 2, 7, "search")
    assert proposal.parent is None


def test_the_registry_has_what_the_hand_made_comparison_needs() -> None:
    assert [entry.name for entry in ANCHORS] == ["shared", "independent"]
    assert {entry.name for entry in HAND_MADE} >= {"top", "bottom", "uniform", "equal_spend", "random_filters"}
    assert {entry.name for entry in SEARCHED} >= {"random_search", "tpe"}
    assert all(entry.summary for entry in controllers)


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
            for _ in range(1 if entry.kind == "hand-made" else 3):
                proposal = proposals(controller.ask())
                check(proposal, entry, space, budget)
                assert end is None or proposal.allocation == end
                controller.tell(measured(proposal))


def script(entry: ControllerEntry, seed: int, trials: int = 6) -> list[Proposal]:
    """Ask and tell by turns, failures among them."""
    controller = built(entry, some_space(), Budget("live", 0.3), seed)
    asked = []
    for n in range(trials):
        proposal = controller.ask()
        if not isinstance(proposal, Proposal):
            break
        asked.append(proposal)
        controller.tell(failed(proposal) if n == 1 else measured(proposal))
    return asked


@named(BOUND)
def test_the_same_seed_asks_the_same(entry: ControllerEntry) -> None:
    assert script(entry, 3) == script(entry, 3)


@named(SEARCHED)
def test_another_seed_asks_something_else(entry: ControllerEntry) -> None:
    assert [p.allocation for p in script(entry, 3)] != [p.allocation for p in script(entry, 4)]


@named(SEARCHED)
def test_trials_differ_from_one_another(entry: ControllerEntry) -> None:
    assert len({proposal.allocation for proposal in script(entry, 3, 8)}) > 1


@named(BOUND)
def test_another_budget_is_another_search(entry: ControllerEntry) -> None:
    one, other = (proposals(built(entry, some_space(), Budget("live", share)).ask()).allocation for share in (0.2, 0.6))
    assert one != other


@named(BOUND)
@pytest.mark.parametrize("first", range(4))
def test_failures_and_numbers_that_are_not_finite_are_told_and_the_search_goes_on(
    entry: ControllerEntry, first: int
) -> None:
    space, budget = some_space(), Budget("live", 0.3)
    controller = built(entry, space, budget)
    for n in range(10):
        asked = controller.ask()
        if isinstance(asked, Done):
            assert entry.kind == "hand-made" and n == 1
            break
        proposal = proposals(asked)
        check(proposal, entry, space, budget)
        # Nothing but failures first, then every second one.
        controller.tell(bad(proposal, first + n) if n < 4 or n % 2 else measured(proposal))


@named(BOUND)
@settings(max_examples=6)
@given(data=st.data())
def test_several_in_flight_told_in_any_order_and_replayed_ask_the_same(
    entry: ControllerEntry, data: st.DataObject
) -> None:
    space, budget = some_space(data.draw(st.sampled_from(GRANULARITIES))), Budget("live", 0.3)
    controller = built(entry, space, budget)
    log: list[Proposal | Trial] = []
    flying: list[Proposal] = []
    done = False
    for _ in range(12):
        if not done and (not flying or (len(flying) < 4 and data.draw(st.booleans()))):
            asked = controller.ask()
            done = isinstance(asked, Done)
            if isinstance(asked, Proposal):
                check(asked, entry, space, budget)
                flying.append(asked)
                log.append(asked)
        elif flying:
            proposal = flying.pop(data.draw(st.integers(0, len(flying) - 1)))
            trial = bad(proposal, 0) if data.draw(st.integers(0, 4)) == 0 else measured(proposal)
            controller.tell(trial)
            log.append(trial)
    assert len({entry.id for entry in log if isinstance(entry, Proposal)}) == sum(
        isinstance(entry, Proposal) for entry in log
    )
    again = built(entry, space, budget)
    for line in log:
        if isinstance(line, Proposal):
            assert again.ask() == line
        else:
            again.tell(line)
    assert again.ask() == controller.ask()


@named(SEARCHED)
def test_a_logged_pattern_that_was_not_asked_for_is_learned_from(entry: ControllerEntry) -> None:
    # After an upgrade a replay may propose something else than the log; then the log wins.
    space, budget = some_space(), Budget("live", 0.3)
    controller = built(entry, space, budget)
    other = space.decode(np.linspace(1, 0, space.dimension), budget)
    for _ in range(4):
        proposal = proposals(controller.ask())
        logged = Proposal(proposal.id, entry.name, other, budget, 2, 7)
        controller.tell(measured(logged))
    check(proposals(controller.ask()), entry, space, budget)


@named(list(controllers))
def test_unknown_options_are_refused(entry: ControllerEntry) -> None:
    with pytest.raises(ValueError, match="no_such_option"):
        entry.options.model_validate({"no_such_option": 1})


# Anchors.


@named(ANCHORS)
@settings(max_examples=20)
@given(space=spaces())
def test_anchors_are_the_two_ends_and_know_no_budget(entry: ControllerEntry, space: SharingSpace) -> None:
    controller = built(entry, space, None)
    proposal = proposals(controller.ask())
    assert proposal.budget is None
    assert proposal.purpose == "anchor"
    full = 0 if entry.name == "shared" else 1
    assert proposal.allocation.levels == tuple((full * one.max_level,) * len(space.owners) for one in space.sites)
    controller.tell(failed(proposal))
    assert isinstance(controller.ask(), Done)


# What the hand-made schemes mean.


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


def test_random_filters_is_decided_by_its_seed() -> None:
    entry = controllers.get("random_filters")
    space, budget = some_space(), Budget("live", 0.4)

    def drawn(seed: int) -> Proposal:
        context = Context(space, (budget,), Objective(), 0, 7, 2)
        return proposals(entry.build(context, entry.options.model_validate({"seed": seed})).ask())

    assert drawn(1) == drawn(1)
    assert len({drawn(seed).allocation for seed in range(10)}) > 5


def test_random_filters_gives_every_filter_the_same_chance() -> None:
    # 000's random: no layer is preferred, so over many draws every layer owns the same fraction.
    entry = controllers.get("random_filters")
    widths = (20, 40, 80)
    space = SharingSpace(tuple(site(i, width, 4) for i, width in enumerate(widths)), ("a", "b"))
    context = Context(space, (Budget("live", 0.3),), Objective(), 0, 7, 2)
    shares = np.array(
        [
            [
                row[0] / width
                for row, width in zip(
                    proposals(
                        entry.build(context, entry.options.model_validate({"seed": seed})).ask()
                    ).allocation.levels,
                    widths,
                    strict=True,
                )
            ]
            for seed in range(60)
        ]
    )
    # Standard error of the narrowest layer: sqrt(.3 * .7 / 20 / 60) = .013.
    np.testing.assert_allclose(shares.mean(axis=0), 0.3, atol=0.055)
    assert shares.std(axis=0).min() > 0.02


@named(HAND_MADE)
def test_a_hand_made_scheme_is_one_pattern(entry: ControllerEntry) -> None:
    controller = built(entry, some_space(), Budget("owned", 0.2))
    proposal = proposals(controller.ask())
    assert isinstance(controller.ask(), Done)
    controller.tell(measured(proposal))
    assert isinstance(controller.ask(), Done)


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


def test_an_unknown_controller_is_refused_with_a_suggestion() -> None:
    with pytest.raises(InputError, match="did you mean 'bottom'"):
        controllers.get("botom")

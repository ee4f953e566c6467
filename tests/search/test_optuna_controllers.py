"""Optuna's controllers: what their variables stand for, what they learn from, and how they search a whole front."""

import math
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.protocol import Slot
from apportion.evaluators.synthetic import Synthetic, SyntheticOptions
from apportion.evaluators.synthetic_shapes import synthetic_shape
from apportion.search.controllers import Context, Controller, controllers
from apportion.search.controllers.optuna_aim import OverFront
from apportion.search.controllers.optuna_encoding import MOST_CATEGORIES, Categories, Numbers
from apportion.search.controllers.optuna_options import TAKE_BOTH
from apportion.search.controllers.optuna_study import OptunaStudy
from apportion.search.options import ControllerChoice
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.strategies import cases, site

ALL = ("tpe", "cmaes", "gp", "nsga2", "nsga3", "qmc")
BOTH = ["loss", "parameters"]
FRONT = ("tpe", "gp", "nsga2", "nsga3", "qmc")
# So few trials that a Gaussian process is fitted once or twice, and that generations come to an end.
EAGER: dict[str, dict[str, Any]] = {
    "tpe": {"startup_trials": 3},
    "gp": {"startup_trials": 6},
    "nsga2": {"population_size": 4},
    "nsga3": {"population_size": 4},
    "cmaes": {"population_size": 4},
}
SITES = (site(0, 4, 3), site(1, 6, 4), site(2, 8, 6, 1), site(3, 8, 8, 1), site(4, 16, 8, 2))
SPACE = SharingSpace(SITES, ("a", "b", "c"))
GRID = SharingSpace(SITES, ("a", "b", "c"), "per_site_and_domain", fractions=(0.0, 0.25, 1.0))
BUDGETS = tuple(Budget("live", share) for share in (0.4, 0.1, 0.2))


def built(
    name: str, space: SharingSpace = SPACE, budgets: tuple[Budget, ...] = BUDGETS[:1], seed: int = 0, **given: Any
) -> Controller:
    choice = ControllerChoice.model_validate({"name": name, "options": {**EAGER.get(name, {}), **given}})
    context = Context(space, budgets, Objective(), seed, trial_seed=7, rung=2)
    return choice.entry.build(context, choice.own_options())


def study_in(controller: Controller) -> OptunaStudy:
    assert isinstance(controller, OptunaStudy)
    return controller


def ask(controller: Controller) -> Proposal:
    asked = controller.ask()
    assert isinstance(asked, Proposal)
    return asked


def told(proposal: Proposal, loss: float) -> Trial:
    return Trial(proposal, Measurement({"val": {"a": Score(10, 0.5, loss, 10)}}))


def early_loss(proposal: Proposal) -> float:
    """Less where early sites are owned."""
    rows = enumerate(proposal.allocation.levels)
    return 2.0 - 0.1 * sum(math.sqrt(level) / (depth + 1) for depth, row in rows for level in row)


def played(controller: Controller, asks: int, loss: Callable[[Proposal], float] = early_loss) -> list[Proposal]:
    """Four in flight, told in the order asked, every sixth failed."""
    asked, waiting = [], []
    for n in range(asks):
        asked.append(ask(controller))
        waiting.append(asked[-1])
        if len(waiting) == 4:
            proposal = waiting.pop(0)
            failed = Trial(proposal, Failure("diverged", "a, step 3: loss nan"))
            controller.tell(failed if n % 6 == 5 else told(proposal, loss(proposal)))
    return asked


def foreign(allocation: Allocation, loss: float, name: str, budget: Budget | None = None) -> Trial:
    return told(Proposal(name, "somebody", allocation, budget, 2, 7), loss)


# What the variables stand for.


def test_with_all_variables_in_the_middle_every_site_spends_the_same() -> None:
    numbers = Numbers(SPACE, "spend", 0.5)
    asked = numbers.allocation(numbers.middle(), BUDGETS[0])
    assert asked == SPACE.decode(np.ones(SPACE.dimension), BUDGETS[0], "spend")


@given(cases(), st.sampled_from(["spend", "fractions"]), st.floats(0.05, 4.0))
def test_a_step_up_by_the_same_odds_multiplies_the_wish_by_the_same(
    case: tuple[SharingSpace, Budget, Any], by: Any, spread: float
) -> None:
    # u / (1 - u) doubled everywhere is the same wish for all, so the same pattern.
    space, budget, vector = case
    numbers = Numbers(space, by, spread)
    odds = 0.3 + vector
    once, twice = (dict(zip(numbers.names, (o / (1 + o)).tolist(), strict=True)) for o in (odds, 2 * odds))
    assume(all(abs(np.log(2 * o)) * spread < 4.5 for o in (odds.min(), odds.max())))
    one, other = numbers.allocation(once, budget), numbers.allocation(twice, budget)
    # Up to rounding, which may move a step between two variables that reach it at the same scale.
    levels = np.array(one.levels) - np.array(other.levels)
    assert np.abs(levels).max() <= max(
        1, max(s.max_level for s in space.sites) // min(v.steps for v in space.variables)
    )


@given(cases(), st.sampled_from(["spend", "fractions"]))
def test_any_parameters_are_exactly_on_the_budget(case: tuple[SharingSpace, Budget, Any], by: Any) -> None:
    space, budget, vector = case
    numbers = Numbers(space, by, 0.5)
    allocation = numbers.allocation(dict(zip(numbers.names, vector.tolist(), strict=True)), budget)
    assert space.exhausts(allocation, budget)
    categories = Categories(space)
    positions = np.round(vector * space.steps).astype(int).tolist()
    allocation = categories.allocation(dict(zip(numbers.names, positions, strict=True)), budget)
    assert space.exhausts(allocation, budget)


@given(st.lists(st.floats(0.2, 1.0), min_size=5, max_size=5), st.sampled_from(BUDGETS))
def test_a_pattern_is_found_again_from_its_parameters(vector: list[float], budget: Budget) -> None:
    pattern = SPACE.decode(vector, budget)
    # A site that owns nothing is wished a hundredth of the others, and one step of the stem costs more than that.
    numbers, categories = Numbers(SPACE, "spend", 0.5), Categories(SPACE)
    assert numbers.allocation(numbers.params(pattern), budget) == pattern
    assert categories.allocation(categories.params(pattern), budget) == pattern


@pytest.mark.parametrize("name", [name for name in ALL if name != "cmaes"])
def test_words_are_positions_of_few_levels(name: str) -> None:
    asked = played(built(name, GRID, by="categorical"), 12)
    assert all(GRID.exhausts(proposal.allocation, BUDGETS[0]) for proposal in asked)
    assert len({proposal.allocation for proposal in asked}) > 4
    with pytest.raises(
        InputError, match=rf"'categorical' with 81 positions of conv0, but .* at most {MOST_CATEGORIES}"
    ):
        built(name, SharingSpace((site(0, 80, 3),), ("a", "b")), by="categorical")


# Where they start, and how far they step.


@pytest.mark.parametrize("name", [name for name in ALL if name != "qmc"])
def test_the_first_trial_is_equal_spend_unless_others_are_given_to_start_from(name: str) -> None:
    even = SPACE.decode(np.ones(SPACE.dimension), BUDGETS[0])
    assert ask(built(name)).allocation == even
    warm = built(name, warm_start=["bottom"])
    assert ask(warm).id == "warm-bottom"
    assert ask(warm).allocation != even


@pytest.mark.parametrize("name", [name for name in FRONT if name != "qmc"])
def test_a_front_starts_with_equal_spend_at_every_budget(name: str) -> None:
    controller = built(name, SPACE, BUDGETS, objectives=BOTH)
    for budget in sorted(BUDGETS, key=SPACE.limit):
        asked = ask(controller)
        assert (asked.budget, asked.allocation) == (budget, SPACE.decode(np.ones(SPACE.dimension), budget))


@pytest.mark.parametrize("sigma", [0.1, 0.4, 0.8])
def test_the_first_generation_of_cmaes_has_the_spread_it_is_told(sigma: float) -> None:
    controller = built("cmaes", sigma=sigma, population_size=200)
    for _ in range(200):
        ask(controller)
    study = study_in(controller)
    drawn = np.array([list(trial.params.values()) for trial in study.study.trials[1:]])
    logarithms = study.sampling.spread * np.log(drawn / (1 - drawn))
    # Of 5 x 199 draws the deviation is known to 2.2 %.
    assert logarithms.std() == pytest.approx(sigma, rel=0.09)


def test_qmc_fills_every_variable_evenly() -> None:
    controller = built("qmc")
    for _ in range(64):
        ask(controller)
    drawn = np.array([list(trial.params.values()) for trial in study_in(controller).study.trials])
    # 64 points of a scrambled Sobol' sequence: in every sixty-fourth of every axis exactly one (Owen 1997).
    for column in drawn.T:
        assert sorted((column * 64).astype(int)) == list(range(64))


def test_without_scrambling_qmc_asks_every_seed_the_same() -> None:
    plain = [[ask(built("qmc", seed=seed, scramble=False)).allocation for _ in range(3)] for seed in (1, 2)]
    assert plain[0] == plain[1]
    assert ask(built("qmc", seed=1)).allocation != ask(built("qmc", seed=2)).allocation


# What they learn from.


@pytest.mark.parametrize("name", ["nsga2", "nsga3"])
def test_patterns_of_others_join_a_generation_and_have_children(name: str) -> None:
    controller = built(name, mutation=0.0)
    generator = np.random.Generator(np.random.Philox(1))
    given = [SPACE.decode(generator.random(SPACE.dimension), BUDGETS[0]) for _ in range(4)]
    for n, pattern in enumerate(given):
        controller.tell(foreign(pattern, 1.0, f"warm-{n}"))
    study = study_in(controller)
    ask(controller)  # the middle
    parents = [study.aim.params(pattern) for pattern in given]
    ask(controller)
    for variable, value in study.study.trials[-1].params.items():
        assert value in {parent[variable] for parent in parents if parent is not None}


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("qmc",)])
def test_asks_move_to_where_others_found_good_patterns(name: str) -> None:
    def level_of_last(good_late: bool) -> float:
        """Of what is asked after 24 trials of others, how much the last site owns."""
        controller = built(name, seed=1)
        generator = np.random.Generator(np.random.Philox(2))
        for n in range(24):
            pattern = SPACE.decode(generator.random(SPACE.dimension), BUDGETS[0])
            late = pattern.levels[4][0] / 16
            controller.tell(foreign(pattern, 1 - late if good_late else 1 + late, f"warm-{n}"))
        later = [ask(controller).allocation for _ in range(9)][1:]
        return float(np.mean([pattern.levels[4][0] for pattern in later]))

    assert level_of_last(True) > level_of_last(False) + 1


@pytest.mark.parametrize("name", ALL)
def test_what_no_parameters_stand_for_is_passed_over(name: str) -> None:
    controller = built(name)
    ask(controller)
    before = len(study_in(controller).study.trials)
    off_budget = SPACE.decode(np.ones(5), BUDGETS[1])
    uneven = Allocation(((4, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0)))
    on_budget = SPACE.decode(np.ones(5), BUDGETS[0])
    for n, pattern in enumerate((off_budget, uneven, SPACE.independent())):
        controller.tell(foreign(pattern, 0.1, f"elsewhere-{n}"))
    shorter = Proposal("elsewhere", "somebody", on_budget, BUDGETS[0], 1, 7)
    controller.tell(told(shorter, 0.1))
    assert len(study_in(controller).study.trials) == before


# Over the front.


@pytest.mark.parametrize("name", FRONT)
@pytest.mark.parametrize("by", ["spend", "categorical"])
def test_a_front_is_searched_from_the_least_budget_to_the_greatest(name: str, by: str) -> None:
    space = GRID if by == "categorical" else SPACE
    asked = played(built(name, space, BUDGETS, objectives=BOTH, by=by), 14 if name == "gp" else 30)
    limits = {budget: space.limit(budget) for budget in BUDGETS}
    for proposal in asked:
        assert proposal.budget is not None
        cost = space.cost(proposal.allocation).live
        assert cost <= limits[proposal.budget]
        assert not any(cost <= limit < limits[proposal.budget] for limit in limits.values())
    assert {proposal.budget for proposal in asked} == set(BUDGETS)
    # Patterns that use a budget up, and patterns between two.
    on_budget = [p for p in asked if p.budget is not None and space.exhausts(p.allocation, p.budget)]
    assert len(asked) / 4 < len(on_budget) < len(asked)


@pytest.mark.parametrize("name", FRONT)
def test_a_front_is_repeatable_and_told_of_its_own_costs(name: str) -> None:
    asks = 13 if name == "gp" else 20
    one, again = (built(name, SPACE, BUDGETS, seed=3, objectives=BOTH) for _ in range(2))
    asked = played(one, asks)
    assert asked == played(again, asks)
    assert asked != played(built(name, SPACE, BUDGETS, seed=4, objectives=BOTH), asks)
    for n, trial in enumerate(study_in(one).study.trials):
        if trial.values is not None:
            assert trial.values == [
                pytest.approx(early_loss(asked[n]) / np.log(10)),
                SPACE.cost(asked[n].allocation).live,
            ]


@pytest.mark.parametrize("name", ["tpe", "nsga2"])
def test_a_front_is_warm_started_at_every_budget(name: str) -> None:
    controller = built(name, SPACE, BUDGETS, objectives=BOTH, warm_start=["bottom", "equal_spend"])
    for scheme in ("bottom", "equal_spend"):
        for budget in BUDGETS:
            asked = ask(controller)
            assert (asked.id, asked.budget) == (f"warm-{scheme}-{budget.name}", budget)
            controller.tell(told(asked, early_loss(asked)))
    own = ask(controller)
    assert own.id == "1"


@given(st.integers(0, 10**6), st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_a_cost_is_found_again_from_its_place(way: int, gaps: list[int]) -> None:
    limits = np.cumsum([SPACE.backbone_parameters, *(20 * gap for gap in gaps)]).tolist()
    budgets = tuple(Budget("live", limit, "parameters") for limit in limits)
    front = OverFront(SPACE, Numbers(SPACE, "spend", 0.5), budgets)
    cost = limits[0] + way % (limits[-1] - limits[0] + 1)
    place = front.place_of(cost)
    assert place is not None and 0 <= place <= 1
    assert abs(front.cost_at(place) - cost) <= 1
    assert front.cost_at(0.0) == limits[0] and front.cost_at(1.0) == limits[-1]
    assert front.place_of(limits[0] - 1) is None and front.place_of(limits[-1] + 1) is None


def test_every_budget_of_a_front_is_aimed_at_as_often() -> None:
    front = OverFront(SPACE, Numbers(SPACE, "spend", 0.5), BUDGETS)
    aimed = [front.cost_at(place) for place in (np.arange(1000) + 0.5) / 1000]
    for budget in BUDGETS:
        assert aimed.count(SPACE.limit(budget)) == pytest.approx(200, abs=8)


@cache
def synthetic() -> Synthetic:
    options = SyntheticOptions(world=1)
    return Synthetic(SharingSpace(synthetic_shape("widening", 9).sites, options.domains), options)


@pytest.mark.parametrize("name", ["tpe", "nsga2", "nsga3"])
def test_a_search_of_the_front_goes_beyond_equal_spend(name: str) -> None:
    world, space = synthetic(), synthetic().space
    budgets = tuple(Budget("owned", share) for share in (0.1, 0.2, 0.4))
    entry = controllers.get(name)
    options = entry.options.model_validate({"objectives": BOTH})
    controller = entry.build(Context(space, budgets, Objective(), 0, 0, 4), options)
    best = dict.fromkeys(budgets, 0.0)
    for _ in range(150):
        asked = ask(controller)
        for budget in budgets:
            if space.cost(asked.allocation).owned <= space.limit(budget):
                best[budget] = max(best[budget], float(world.gain(asked.allocation).mean()))
        controller.tell(Trial(asked, world(asked, Slot()).measurement))
    even = {b: float(world.gain(space.decode(np.ones(space.dimension), b)).mean()) for b in budgets}
    assert all(even[budget] <= best[budget] <= world.optimum(budget) for budget in budgets)
    # Shares of the optimum over the three budgets: equal spend .93, found .97 to .98 by 150 trials on nine variables.
    gains = [(best[budget] - even[budget]) / world.optimum(budget) for budget in budgets]
    assert sum(gains) / 3 > 0.02


@pytest.mark.parametrize(
    ("budgets", "said"),
    [
        ((BUDGETS[0], Budget("owned", 0.1)), "live-0.4, owned-0.1, but parameters are counted by one measure"),
        (BUDGETS[:1], "live-0.4, but a front reaches from one budget to another"),
        ((BUDGETS[0], Budget("live", 1.8, "multiple")), "but a front reaches from one budget to another"),
    ],
)
def test_budgets_between_which_there_is_no_front_are_refused(budgets: tuple[Budget, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        built("tpe", SPACE, budgets, objectives=BOTH)


# Options.


def test_who_takes_two_objectives_says_so() -> None:
    both = [entry.name for entry in controllers if entry.name in ALL and "one or two objectives" in entry.summary]
    assert tuple(both) == FRONT
    assert re.split(", | and ", TAKE_BOTH) == both
    for name in ALL:
        entry = controllers.get(name)
        assert not entry.over_front(entry.options())
        if name in both:
            assert entry.over_front(entry.options.model_validate({"objectives": BOTH}))


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("cmaes", {"objectives": BOTH}, r"options.objectives: \[loss, parameters\], .* nsga2, nsga3 and qmc take"),
        ("cmaes", {"by": "categorical"}, "options.by: 'categorical', but this controller moves numbers"),
        ("cmaes", {"by": "spent"}, "options.by"),
        ("cmaes", {"sigma": 0.0}, "options.sigma"),
        ("cmaes", {"population_size": 2}, "options.population_size"),
        ("tpe", {"objectives": ["parameters"]}, r"options.objectives: \[parameters\], .* write \[loss\]"),
        ("tpe", {"objectives": BOTH[::-1]}, r"\[parameters, loss\]"),
        ("tpe", {"objectives": ["loss", "seconds"]}, "options.objectives.1"),
        ("tpe", {"startup": 3}, "did you mean 'startup_trials'"),
        ("gp", {"startup_trials": 0}, "options.startup_trials"),
        ("nsga2", {"population_size": 1}, "options.population_size"),
        ("nsga2", {"crossover": "unform"}, "options.crossover"),
        ("nsga3", {"mutation": 1.5}, "options.mutation"),
        ("qmc", {"sequence": "hammersley"}, "options.sequence"),
        ("qmc", {"warm_start": ["botom"]}, "options.warm_start.0: 'botom', .* 'bottom'"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_built(
    name: str, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        ControllerChoice.model_validate({"name": name, "options": wrong})


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("cmaes", {"separable": True}),
        ("gp", {"noiseless": True}),
        ("nsga2", {"crossover": "sbx"}),
        ("nsga3", {"crossover": "blxalpha", "divisions": 3, "objectives": BOTH}),
        ("qmc", {"sequence": "halton"}),
        ("tpe", {"multivariate": False, "candidates": 8}),
    ],
)
def test_options_are_handed_on_without_a_warning(name: str, given: dict[str, Any]) -> None:
    budgets = BUDGETS if "objectives" in given else BUDGETS[:1]
    usual = {"objectives": BOTH} if "objectives" in given else {}

    def noisy(proposal: Proposal) -> float:
        return early_loss(proposal) + (int(proposal.id) * 0.618) % 0.3

    one, other = (built(name, SPACE, budgets, **options) for options in (given, usual))
    for controller in (one, other):
        played(controller, 16, noisy)
    drawn, usually = ([trial.params for trial in study_in(controller).study.trials] for controller in (one, other))
    assert drawn != usually

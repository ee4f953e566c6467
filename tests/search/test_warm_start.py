"""Hand-made patterns are asked first, and the controller behind them learns what they were worth."""

from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.search.controllers import Context, Done, Wait, controllers
from apportion.search.controllers.random_search import RandomSearch, RandomSearchOptions
from apportion.search.controllers.warm_start import WarmStart, hand_made, warm_started
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.strategies import site

SPACE = SharingSpace((site(0, 4, 3), site(1, 6, 4), site(2, 16, 6, 1)), ("a", "b", "c"))
BUDGETS = (Budget("live", 0.2), Budget("live", 0.4))
CONTEXT = Context(SPACE, BUDGETS[:1], Objective(), 0, trial_seed=7, rung=2)


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    warm_start: WarmStart = ()


class Listening(RandomSearch):
    """Random search that keeps what it is told."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, RandomSearchOptions())
        self.told: list[Trial] = []

    def tell(self, trial: Trial) -> None:
        self.told.append(trial)


def proposal(asked: Proposal | Wait | Done) -> Proposal:
    assert isinstance(asked, Proposal)
    return asked


def test_without_schemes_the_controller_is_handed_back_as_it_is() -> None:
    controller = Listening(CONTEXT)
    assert warm_started("random_search", CONTEXT, (), controller) is controller


def test_schemes_are_asked_first_in_their_order_and_then_the_controllers_own() -> None:
    schemes = ("bottom", "equal_spend")
    warm = warm_started("random_search", CONTEXT, schemes, Listening(CONTEXT))
    first, second, third = (proposal(warm.ask()) for _ in range(3))
    for asked, scheme in zip((first, second), schemes, strict=True):
        entry = controllers.get(scheme)
        assert asked.allocation == proposal(entry.build(CONTEXT, entry.options()).ask()).allocation
        assert (asked.id, asked.controller, asked.budget) == (f"warm-{scheme}", "random_search", BUDGETS[0])
        assert (asked.seed, asked.rung, asked.purpose, asked.parent) == (7, 2, "search", None)
    assert third == proposal(Listening(CONTEXT).ask())


def test_every_trial_is_told_on_failed_ones_too() -> None:
    controller = Listening(CONTEXT)
    warm = warm_started("random_search", CONTEXT, ("top",), controller)
    first, second = proposal(warm.ask()), proposal(warm.ask())
    told = [
        Trial(second, Failure("diverged", "a, step 3: loss nan")),
        Trial(first, Measurement({"val": {"a": Score(10, 0.5, 1.0, 10)}})),
    ]
    for trial in told:
        warm.tell(trial)
    assert controller.told == told


def test_with_several_budgets_each_pattern_is_asked_at_each() -> None:
    context = Context(SPACE, BUDGETS, Objective(), 0, 7, 2)
    warm = warm_started("random_search", context, ("top", "bottom"), Listening(CONTEXT))
    asked = [proposal(warm.ask()) for _ in range(4)]
    assert [(one.id, one.budget) for one in asked] == [
        (f"warm-{scheme}-{budget.name}", budget) for scheme in ("top", "bottom") for budget in BUDGETS
    ]
    for one in asked:
        assert one.budget is not None
        assert SPACE.exhausts(one.allocation, one.budget)


def test_every_hand_made_scheme_of_a_budget_can_be_one() -> None:
    assert {"top", "bottom", "uniform", "equal_spend", "random_filters"} <= set(hand_made())
    assert not {"shared", "listed", "tpe"} & set(hand_made())
    warm = warm_started("random_search", CONTEXT, tuple(hand_made()), Listening(CONTEXT))
    for name in hand_made():
        assert proposal(warm.ask()).id == f"warm-{name}"


def test_a_list_from_yaml_or_json_is_taken() -> None:
    assert Options.model_validate({"warm_start": ["bottom", "uniform"]}).warm_start == ("bottom", "uniform")
    again = Options.model_validate_json(Options(warm_start=("bottom",)).model_dump_json())
    assert again.warm_start == ("bottom",)


@pytest.mark.parametrize(
    ("schemes", "said"),
    [
        (["botom"], "options.warm_start.0: 'botom', but .* did you mean 'bottom'"),
        (["top", "tpe"], "options.warm_start.1: 'tpe', but no hand-made controller"),
        (["shared"], "'shared', but no hand-made controller"),
        (["top", "top"], "options.warm_start.1: 'top', but each pattern is measured once"),
        ("top", "tuple"),
        ([1], "string"),
    ],
)
def test_what_is_no_hand_made_scheme_is_refused(schemes: Any, said: str) -> None:
    with pytest.raises((InputError, ValueError), match=said):
        Options.model_validate({"warm_start": schemes})

"""`warm_start`: the named hand-made patterns are asked first, exactly on the budget."""

from typing import Any

import pytest

from apportion.errors import InputError
from apportion.search.controllers import ControllerEntry, controllers
from apportion.spaces.budget import Budget
from tests.conformance.controllers.builders import asked_in, check, failed, measured, play, proposals, some_space
from tests.conformance.controllers.entries import HAND_MADE, SEARCHED, built, chosen, named

BUDGET = Budget("live", 0.3)
# The control that every other controller is judged by: what it draws never depends on anything.
WARM = [entry for entry in SEARCHED if entry.name != "random_search"]
SCHEMES = ["bottom", "equal_spend"]


@named(WARM)
@pytest.mark.parametrize("schemes", [SCHEMES, SCHEMES[::-1], ["top"], [entry.name for entry in HAND_MADE]])
def test_the_named_patterns_are_asked_first_and_exactly_on_the_budget(
    entry: ControllerEntry, schemes: list[str]
) -> None:
    space = some_space()
    asked = asked_in(play(built(entry, space, BUDGET, warm_start=schemes), len(schemes) + 4))
    for proposal, scheme in zip(asked, schemes, strict=False):
        assert proposal.id == f"warm-{scheme}"
        hand_made = proposals(built(controllers.get(scheme), space, BUDGET).ask())
        assert proposal.allocation == hand_made.allocation
    for proposal in asked:
        check(proposal, entry, space, BUDGET)
    assert not any(proposal.id.startswith("warm-") for proposal in asked[len(schemes) :])
    assert len({proposal.id for proposal in asked}) == len(asked)


@named(WARM)
def test_they_are_all_in_flight_before_any_is_told_and_may_all_fail(entry: ControllerEntry) -> None:
    space = some_space()
    controller = built(entry, space, BUDGET, warm_start=SCHEMES)
    asked = [proposals(controller.ask()) for _ in range(2)]
    assert [proposal.id for proposal in asked] == ["warm-bottom", "warm-equal_spend"]
    for proposal in asked[::-1]:
        controller.tell(failed(proposal))
    for _ in range(6):
        proposal = proposals(controller.ask())
        check(proposal, entry, space, BUDGET)
        controller.tell(measured(proposal))


@named(WARM)
def test_a_warm_start_is_repeatable(entry: ControllerEntry) -> None:
    one, again = (asked_in(play(built(entry, some_space(), BUDGET, 3, warm_start=SCHEMES), 10, 4)) for _ in range(2))
    assert one == again


@named(WARM)
@pytest.mark.parametrize(
    "wrong", [["botom"], ["tpe"], ["shared"], ["bottom", "bottom"], "bottom", [1], {"bottom": 1}, 3, [["bottom"]]]
)
def test_what_is_no_hand_made_scheme_is_refused(entry: ControllerEntry, wrong: Any) -> None:
    assert "warm_start" in entry.options.model_fields
    with pytest.raises(InputError, match="warm_start"):
        chosen(entry, {"warm_start": wrong})

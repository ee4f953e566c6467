"""Controllers that have something computed before they ask: inside the budget, repeatable, and all of it charged."""

import json
from pathlib import Path
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.evaluators.data import DataOptions
from apportion.evaluators.measurement import Trial
from apportion.evaluators.proposal import Proposal
from apportion.evaluators.registry import open_task
from apportion.evaluators.synthetic import SyntheticOptions
from apportion.evaluators.task import Task
from apportion.search.controllers import ControllerEntry, Done, controllers
from apportion.spaces.budget import Budget
from apportion.spaces.options import BackboneOptions, SpaceOptions
from apportion.spaces.orders import Order
from apportion.spaces.space import SharingSpace
from tests.conformance.controllers.builders import (
    asked_in,
    check_pattern,
    failed,
    measured,
    proposals,
    some_space,
)
from tests.conformance.controllers.entries import LEARNED, chosen, named
from tests.conformance.controllers.fifty_spaces import fifty
from tests.conformance.controllers.laboratories import (
    RACES,
    VARIANTS,
    context_of,
    drained,
    in_its_order,
    lab_of,
    learning,
    room_for,
)
from tests.conformance.controllers.test_options import wrong_values
from tests.conformance.controllers.test_repeatable import global_states
from tests.search.test_filling import cost, taken, with_one

BUDGETS = (Budget("live", 0.1), Budget("live", 0.4), Budget("owned", 0.3))
BUDGET = Budget("live", 0.3)


def apart() -> SharingSpace:
    return some_space("per_site_and_domain")


def asked_of(entry: ControllerEntry, space: SharingSpace, budget: Budget, **given: Any) -> list[Proposal]:
    """All that it asks of a laboratory of its own."""
    return asked_in(drained(learning(entry, space, budget, lab_of(space), **given)))


def named_with_options(entries: list[ControllerEntry]) -> pytest.MarkDecorator:
    cases = [
        pytest.param(entry, given, id=f"{entry.name}-{n}")
        for entry in entries
        for n, given in enumerate(VARIANTS[entry.name])
    ]
    return pytest.mark.parametrize(("entry", "given"), cases)


# Inside.


def check(proposal: Proposal, entry: ControllerEntry, space: SharingSpace, budget: Budget) -> None:
    """Within the budget and using it up, in the order that was learned; labelled as the context says."""
    allocation = proposal.allocation
    check_pattern(allocation, in_its_order(space, allocation), budget)
    assert (proposal.controller, proposal.budget) == (entry.name, budget)
    assert (proposal.rung, proposal.purpose, proposal.parent) == (2, "search", None)
    assert proposal.seed == 7 or entry.name in RACES
    if allocation.order.per_owner and allocation.order.table:
        check_no_filter_fits(space, proposal, budget)


def check_no_filter_fits(space: SharingSpace, proposal: Proposal, budget: Budget) -> None:
    """Where every owner has an order of its own to be filled: no filter of anybody, next in its order or not."""
    owned = taken(space, proposal.allocation)
    for i, site in enumerate(space.sites):
        if site.name not in space.keep_shared:
            for d in range(len(space.owners)):
                for f in set(range(site.filters)) - owned[i][d]:
                    raised = cost(space, with_one(owned, i, d, {f}), budget.measure)
                    assert raised > space.limit(budget), f"{site.name}, {space.owners[d]}: filter {f} still fits"


@named_with_options(LEARNED)
def test_asks_in_many_spaces_never_leave_space_or_budget_and_use_it_up(
    entry: ControllerEntry, given: dict[str, Any]
) -> None:
    for case in fifty()[::4]:
        space = room_for(entry, case.space)
        try:
            for proposal in asked_of(entry, space, case.budget, **given):
                check(proposal, entry, space, case.budget)
        except Exception as error:
            error.add_note(str(case))
            raise


@named_with_options(LEARNED)
def test_at_several_budgets_it_asks_three_times_and_more_and_always_inside(
    entry: ControllerEntry, given: dict[str, Any]
) -> None:
    # A task of the synthetic evaluator, opened as a study opens it.
    options = SyntheticOptions(sites=6, domains=("a", "b", "c"))
    space = SpaceOptions(granularity="per_site_and_domain")
    bench = open_task(Task(BackboneOptions(), space, DataOptions(), options))
    count = 0
    for budget in BUDGETS:
        for proposal in asked_in(drained(learning(entry, bench.space, budget, bench.lab, **given))):
            check(proposal, entry, bench.space, budget)
            count += 1
    assert count >= 3


def test_that_check_can_fail() -> None:
    entry, space = controllers.get("taps"), apart()
    good, over, under = (asked_of(entry, space, Budget("live", share))[0] for share in (0.3, 0.4, 0.2))
    check(good, entry, space, BUDGET)
    for other in (over, under):
        with pytest.raises(AssertionError):
            check(Proposal("1", "taps", other.allocation, BUDGET, 2, 7), entry, space, BUDGET)


def test_what_is_learned_apart_has_orders_of_its_own() -> None:
    # Else nothing above has seen a listed order.
    (proposal,) = asked_of(controllers.get("taps"), apart(), BUDGET)
    order = proposal.allocation.order
    assert (order.name, order.per_owner) == ("listed", True)
    assert order.table
    assert order != Order()


# As often as it says.


@named_with_options(LEARNED)
@pytest.mark.parametrize("flying", [1, 4])
def test_it_never_asks_for_more_than_it_says(entry: ControllerEntry, given: dict[str, Any], flying: int) -> None:
    said = entry.asks(chosen(entry, given))
    assert said is not None
    controller = learning(entry, apart(), BUDGET, lab_of(apart()), **given)
    asked = asked_in(drained(controller, flying))
    assert 1 <= len(asked) <= said
    assert entry.name in RACES or len(asked) == said
    assert isinstance(controller.ask(), Done)
    ids = [proposal.id for proposal in asked]
    # A campaign puts the scheme's name and a slash before them.
    assert len(set(ids)) == len(ids)
    assert all(name and "/" not in name and name.isprintable() for name in ids)


@pytest.mark.parametrize(
    ("name", "given", "asks"),
    [
        ("taps", {}, 1),
        ("taps", {"per": "site"}, 5),  # 004's sweep of lambda
        ("taps", {"per": "site", "sweep": [0.3, 0.6]}, 2),
        ("best_hand_made", {}, 6 + 3 + 2),
        ("best_hand_made", {"seeds": 1}, 6),
        ("best_hand_made", {"starts": ["top"], "seeds": 5}, 1),
        ("funnel", {}, 4 + 2),
        ("funnel", {"full": 1, "seeds": 3}, 2 + 2 + 2),
    ],
)
def test_how_many_it_asks_for_is_known_beforehand(name: str, given: dict[str, Any], asks: int) -> None:
    entry = controllers.get(name)
    assert entry.asks(chosen(entry, given)) == asks


# Repeatable.


@named_with_options(LEARNED)
def test_the_same_seed_asks_the_same_and_moves_no_global_generator(
    entry: ControllerEntry, given: dict[str, Any]
) -> None:
    expected = asked_of(entry, apart(), BUDGET, **given)  # whatever it loads is loaded now
    before = global_states()
    assert asked_of(entry, apart(), BUDGET, **given) == expected
    assert global_states() == before


@named_with_options(LEARNED)
def test_a_new_instance_and_a_new_laboratory_go_on_from_any_line(
    entry: ControllerEntry, given: dict[str, Any], tmp_path: Path
) -> None:
    def outcome(proposal: Proposal) -> Trial:
        return failed(proposal) if sum(map(sum, proposal.allocation.levels)) % 3 == 0 else measured(proposal)

    space = apart()
    whole = drained(learning(entry, space, BUDGET, lab_of(space, tmp_path), **given), 2, outcome)
    files = contents(tmp_path)
    for cut in range(len(whole) + 1):
        again = learning(entry, space, BUDGET, lab_of(space, tmp_path), **given)
        for line in whole[:cut]:
            if isinstance(line, Proposal):
                assert again.ask() == line
            else:
                again.tell(line)
        open_ = [line for line in whole[:cut] if isinstance(line, Proposal)]
        open_ = open_[sum(isinstance(line, Trial) for line in whole[:cut]) :]
        for proposal in open_:
            again.tell(outcome(proposal))
        rest = {p.id: p for p in asked_in(drained(again, 1, outcome))}
        assert rest == {p.id: p for p in asked_in(whole[cut:])}
    assert contents(tmp_path) == files, "what was computed once was written again"


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of the laboratory's artifacts, and when it was written."""
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.glob("artifacts/*.*s*")}


@named_with_options(LEARNED)
def test_a_failed_trial_is_told_like_any_other(entry: ControllerEntry, given: dict[str, Any]) -> None:
    space = apart()
    asked = asked_of(entry, space, BUDGET, **given)
    lost = asked_in(drained(learning(entry, space, BUDGET, lab_of(space), **given), outcome=failed))
    if entry.name in RACES:
        # Who goes on differs; the first round does not, and it ends.
        assert [p for p in lost if p.seed == 7] == [p for p in asked if p.seed == 7]
        assert len(lost) == len(asked)
    else:
        assert lost == asked


@named_with_options(LEARNED)
def test_a_trial_that_nobody_asked_for_changes_nothing(entry: ControllerEntry, given: dict[str, Any]) -> None:
    space = apart()
    controller = learning(entry, space, BUDGET, lab_of(space), **given)
    foreign = Proposal("nobody's", entry.name, space.decode([1.0] * space.dimension, BUDGET), BUDGET, 2, 7)
    controller.tell(measured(foreign, 0.001))
    first = proposals(controller.ask())
    controller.tell(measured(foreign, 0.001))
    controller.tell(measured(first))
    assert [first, *asked_in(drained(controller))] == asked_of(entry, space, BUDGET, **given)


# What is computed.


def computed(folder: Path) -> set[str]:
    """Keys of what a laboratory computed that nothing else was made of, but for scores of whole patterns."""
    cards = [json.loads(path.read_text()) for path in folder.glob("artifacts/*.json")]
    parts = {key for card in cards for key in card["needs"]}
    return {card["key"] for card in cards if card["key"] not in parts and not card["key"].startswith("rung1/")}


@named_with_options(LEARNED)
def test_it_uses_exactly_the_scorers_that_it_names_and_names_what_it_used(
    entry: ControllerEntry, given: dict[str, Any], tmp_path: Path
) -> None:
    space = apart()
    lab, options = lab_of(space, tmp_path), chosen(entry, given)
    asked = asked_in(drained(learning(entry, space, BUDGET, lab, **given)))
    found = computed(tmp_path)
    assert entry.uses is not None
    uses = entry.uses(context_of(space, BUDGET, lab), options)
    assert {lab.worth(scorer, how, 7).artifact for scorer, how in uses} == found
    assert computed(tmp_path) == found
    # All of it is charged to some trial of the first seed, and there is nothing behind a name.
    charged = {key for proposal in asked if proposal.seed == 7 for key in proposal.artifacts}
    assert {key for key in charged if not key.startswith("rung1/")} == found
    for key in charged:
        card = lab.card(key)
        assert card is not None
        assert (card.key, (tmp_path / card.path).exists()) == (key, True)


@named_with_options(LEARNED)
def test_one_pass_serves_all_budgets(entry: ControllerEntry, given: dict[str, Any], tmp_path: Path) -> None:
    space = apart()
    lab, by_budget = lab_of(space, tmp_path), []
    for budget in BUDGETS[:2]:
        controller = learning(entry, space, budget, lab, **given)
        keys = {key for proposal in asked_in(drained(controller)) for key in proposal.artifacts}
        by_budget.append((frozenset(key for key in keys if not key.startswith("rung1/")), computed(tmp_path)))
    # Its gates are trained for what the budget lets each domain own.
    own_target = "ba2" in (entry.name, *given.get("scorers", ())) and "target" not in given
    assert (by_budget[0] == by_budget[1]) == (not own_target)


@named_with_options(LEARNED)
def test_another_seed_computes_anew(entry: ControllerEntry, given: dict[str, Any]) -> None:
    space = apart()
    lab, options = lab_of(space), chosen(entry, given)
    found = []
    for seed in (7, 8):
        asked = asked_in(drained(entry.build(context_of(space, BUDGET, lab, seed), options)))
        found.append({key for proposal in asked for key in proposal.artifacts})
    assert not found[0] & found[1]


# Without a laboratory.


@named([entry for entry in LEARNED if entry.name != "best_hand_made"])
def test_an_evaluator_that_computes_nothing_is_refused_before_anything_is_asked(entry: ControllerEntry) -> None:
    if entry.name == "bottom_by_need":
        with pytest.raises(InputError, match=r"set space\.granularity: per_site_and_domain"):
            learning(entry, some_space(), BUDGET, lab_of(some_space()))
    with pytest.raises(InputError) as refused:
        learning(entry, apart(), BUDGET, None)
    assert entry.name in refused.value.place
    assert "use evaluator: {name: train}" in refused.value.remedy


def test_the_race_of_hand_made_patterns_then_goes_without_the_one_that_needs_it() -> None:
    entry = controllers.get("best_hand_made")
    for space, lab in ((apart(), None), (some_space(), lab_of(some_space()))):
        names = [p.id for p in asked_in(drained(learning(entry, space, BUDGET, lab))) if p.seed == 7]
        assert names == ["bottom", "top", "uniform", "equal_spend", "random_filters"]
    names = [p.id for p in asked_in(drained(learning(entry, apart(), BUDGET, lab_of(apart()))))]
    assert "bottom_by_need" not in names  # all domains of this world need the same: it is `bottom`


@named([entry for entry in LEARNED if entry.name in RACES])
def test_a_race_that_nobody_is_left_in_is_refused(entry: ControllerEntry) -> None:
    with pytest.raises(InputError, match=r"options\.starts.*per_site_and_domain"):
        learning(entry, some_space(), BUDGET, lab_of(some_space()), starts=["bottom_by_need"])


# Options.

WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("sensitivity", {"scorer": "fischer"}, r"^options\.scorer: 'fischer', but .* did you mean 'fisher'"),
    ("sensitivity", {"scorer": "rung1"}, r"^options\.scorer: 'rung1', but no scorer of filters has this name"),
    ("sensitivity", {"scorer": "fisher", "options": {"batches": 0}}, r"^options\.options\.batches: 0, but"),
    ("sensitivity", {"scorer": "fisher", "options": {"batchs": 3}}, r"^options\.options\.batchs: .*'batches'"),
    ("sensitivity", {"scorer": "fisher", "options": {"start": "cold"}}, r"^options\.options\.start\b"),
    ("sensitivity", {"options": {"penalty": 0.1}}, r"^options\.options\.penalty: 0\.1, but scorer task_vector has no"),
    ("taps", {"penalty": -1.0}, r"^options\.penalty: -1\.0, but"),
    ("taps", {"sweep": [0.1, -1.0]}, r"^options\.sweep\.1: -1\.0, but"),
    ("taps", {"sweep": [float("nan")]}, r"^options\.sweep\.0: nan, but"),
    ("taps", {"sweep": ["0.1"]}, r"^options\.sweep\.0: '0\.1', but"),
    ("taps", {"sweep": [0.1, 0.2, 0.1]}, r"^options\.sweep\.2: 0\.1, but each penalty is tried once"),
    ("taps", {"rank": "size"}, r"^options\.rank: 'size', but"),
    ("ba2", {"target": 0.0}, r"^options\.target: 0\.0, but"),
    ("hard_concrete", {"wait": 1.0}, r"^options\.wait: 1\.0, but"),
    ("funnel", {"scorers": ["taps", "task_vectors"]}, r"^options\.scorers\.1: .* did you mean 'task_vector'"),
    ("funnel", {"scorers": ["delta_supernet"]}, r"^options\.scorers\.0: .* no scorer of filters"),
    ("funnel", {"scorers": ["taps", "taps"]}, r"^options\.scorers\.1: 'taps', but each scorer is asked once"),
    ("funnel", {"starts": ["bottom", "bottom"]}, r"^options\.starts\.1: 'bottom', but each pattern is measured once"),
    ("funnel", {"starts": ["tpe"]}, r"^options\.starts\.0: 'tpe', but no hand-made controller has this name"),
    ("funnel", {"starts": ["best_hand_made"]}, r"^options\.starts\.0: 'best_hand_made', but no hand-made"),
    ("funnel", {"starts": []}, r"^options\.starts: "),
    ("funnel", {"rung1": {"epochs": 0}}, r"^options\.rung1\.epochs: 0, but"),
    ("funnel", {"rung1": {"epoch": 1}}, r"^options\.rung1\.epoch: "),
    ("best_hand_made", {"starts": ["bottom", "shared"]}, r"^options\.starts\.1: 'shared', but"),
    ("best_hand_made", {"starts": []}, r"^options\.starts: "),
    ("best_hand_made", {"seeds": 0}, r"^options\.seeds: 0, but"),
]


@pytest.mark.parametrize(("name", "given", "said"), WRONG, ids=[f"{name}-{n}" for n, (name, *_) in enumerate(WRONG)])
def test_what_is_wrong_is_named(name: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        chosen(controllers.get(name), given)


@named(LEARNED)
def test_values_of_another_type_are_refused_and_the_option_is_named(entry: ControllerEntry) -> None:
    for name, value in wrong_values(entry):
        with pytest.raises(InputError, match=rf"options\.{name}\b"):
            chosen(entry, {name: value})
            pytest.fail(f"{entry.name} takes {name}: {value!r}")


@named_with_options(LEARNED)
def test_options_survive_a_log(entry: ControllerEntry, given: dict[str, Any]) -> None:
    options = chosen(entry, given)
    assert entry.options.model_validate_json(options.model_dump_json()) == options
    assert chosen(entry, options.model_dump(mode="json")) == options

"""A campaign asks every scheme's trials, then retrains the best of each over paired seeds."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from apportion.errors import InputError
from apportion.evaluators.measurement import Failure, Measurement, Score, Trial
from apportion.evaluators.objective import Objective
from apportion.evaluators.proposal import Proposal
from apportion.reports.kinds import kind_of
from apportion.search.campaign import Campaign
from apportion.search.controllers import Done, Wait
from apportion.search.options import RetrainOptions, SearchOptions
from apportion.search.study import from_json, to_json
from apportion.spaces.budget import Budget
from apportion.spaces.space import SharingSpace
from tests.strategies import site

SPACE = SharingSpace((site(0, 8, 3), site(1, 8, 8), site(2, 16, 8, 1)), ("a", "b", "c"))
BUDGETS = (Budget("live", 0.2), Budget("live", 0.25))
ALL: tuple[Any, ...] = ("shared", "bottom", {"name": "random_search", "trials": 3}, {"name": "tpe", "trials": 2})

Loss = Callable[[Proposal], float | None]


def search(controllers: Sequence[Any] = ALL, **options: Any) -> SearchOptions:
    return SearchOptions.model_validate({"controllers": tuple(controllers), **options})


def campaign(
    controllers: Sequence[Any] = ALL,
    seeds: int = 2,
    budgets: tuple[Budget, ...] = BUDGETS,
    objective: Objective | None = None,
    rungs: int = 8,
    **options: Any,
) -> Campaign:
    retrain = RetrainOptions(seeds=seeds, first_seed=5)
    return Campaign(SPACE, budgets, objective or Objective(), search(controllers, **options), retrain, rungs)


def depth_loss(proposal: Proposal) -> float:
    """Less where the last site is owned; differs between patterns and budgets."""
    return 1.0 - 0.001 * sum((i + 1) * sum(row) for i, row in enumerate(proposal.allocation.levels))


def trial_of(proposal: Proposal, loss: float | None) -> Trial:
    if loss is None:
        return Trial(proposal, Failure("diverged", "a, step 1: loss nan"))
    val = {owner: Score(10, 0.5, loss, 10) for owner in SPACE.owners}
    # A test split that says the opposite: whoever looks at it chooses wrongly.
    test = {owner: Score(10, 0.5, 3.0 - loss, 10) for owner in SPACE.owners}
    return Trial(proposal, Measurement({"val": val, "test": test} if proposal.purpose != "search" else {"val": val}))


def run(study: Campaign, loss: Loss = depth_loss) -> list[Proposal]:
    """Ask and tell by turns until done."""
    asked: list[Proposal] = []
    while not isinstance(proposal := study.ask(), Done):
        assert isinstance(proposal, Proposal), "nothing is in flight, so there is nothing to wait for"
        asked.append(proposal)
        study.tell(trial_of(proposal, loss(proposal)))
    return asked


def searches(proposals: list[Proposal]) -> list[Proposal]:
    return [proposal for proposal in proposals if proposal.purpose == "search"]


def retrains(proposals: list[Proposal]) -> list[Proposal]:
    return [proposal for proposal in proposals if proposal.purpose != "search"]


def test_searches_come_by_controller_and_budget_and_then_retrains_seed_by_seed() -> None:
    asked = run(campaign())
    assert [proposal.id.rpartition("/")[0] for proposal in searches(asked)] == [
        "bottom/live-0.2",
        "bottom/live-0.25",
        *["random_search/live-0.2"] * 3,
        *["random_search/live-0.25"] * 3,
        *["tpe/live-0.2"] * 2,
        *["tpe/live-0.25"] * 2,
    ]
    assert asked == searches(asked) + retrains(asked)
    schemes = ["shared"] + [
        f"{name}/live-{amount}" for name in ("bottom", "random_search", "tpe") for amount in (0.2, 0.25)
    ]
    found = [proposal.id.rpartition("/seed-") for proposal in retrains(asked)]
    assert [(scheme if scheme == "shared" else scheme.rpartition("/")[0], int(seed)) for scheme, _, seed in found] == [
        (scheme, seed) for seed in (5, 6) for scheme in schemes
    ]


def test_ids_are_unique_and_each_scheme_has_its_planned_trials() -> None:
    study = campaign()
    # 2 + 6 + 4 searches; shared once and three controllers at two budgets, retrained over 2 seeds.
    assert study.planned == 12 + 7 * 2
    asked = run(study)
    assert len(asked) == study.planned
    assert len({proposal.id for proposal in asked}) == len(asked)


def test_search_trials_share_a_seed_that_no_retrain_uses_unless_told_so_and_run_at_their_rung() -> None:
    asked = run(campaign(rung=2, seed=9))
    assert {(proposal.seed, proposal.rung) for proposal in searches(asked)} == {(9, 2)}
    assert {(proposal.seed, proposal.rung) for proposal in retrains(asked)} == {(5, 8), (6, 8)}


def test_without_a_rung_the_search_runs_the_full_schedule() -> None:
    assert {proposal.rung for proposal in run(campaign(rungs=3))} == {3}
    assert {proposal.rung for proposal in run(campaign(rungs=3, rung=5))} == {3}


def test_retrains_are_paired_by_seed() -> None:
    by_seed: dict[int, list[tuple[str, str]]] = {}
    for proposal in retrains(run(campaign(seeds=3))):
        by_seed.setdefault(proposal.seed, []).append((proposal.id.rpartition("/")[0], proposal.allocation.key()))
    assert list(by_seed) == [5, 6, 7]
    assert len({tuple(same) for same in by_seed.values()}) == 1


def test_the_best_of_a_scheme_is_its_least_val_objective() -> None:
    asked = run(campaign())
    for scheme in ("random_search/live-0.2", "random_search/live-0.25", "tpe/live-0.2", "tpe/live-0.25"):
        best = min(
            (proposal for proposal in searches(asked) if proposal.id.startswith(f"{scheme}/")),
            key=lambda proposal: depth_loss(proposal),
        )
        chosen = {(p.allocation, p.parent) for p in retrains(asked) if p.id.startswith(f"{scheme}/")}
        assert chosen == {(best.allocation, best.id)}


@pytest.mark.parametrize(
    ("objective", "best"),
    [
        # Losses by trial and domain: (1, 1, 2.5), (2, 2, 1), (1.4, 1.4, 1.9); classes 10.
        (Objective(), 0),
        (Objective(aggregate="worst"), 2),
        (Objective(aggregate="weights", weights={"c": 10.0}), 1),
    ],
    ids=["mean", "worst", "weights"],
)
def test_the_objective_decides_which_is_best(objective: Objective, best: int) -> None:
    losses = [(1.0, 1.0, 2.5), (2.0, 2.0, 1.0), (1.4, 1.4, 1.9)]
    # With a seed that draws three patterns: equal ones are one pattern, of one loss.
    study = campaign([{"name": "random_search", "trials": 3}], budgets=BUDGETS[:1], objective=objective, seed=1)
    asked = []
    for loss in losses:
        proposal = study.ask()
        assert isinstance(proposal, Proposal)
        scores = {owner: Score(10, 0.5, one, 10) for owner, one in zip(SPACE.owners, loss, strict=True)}
        study.tell(Trial(proposal, Measurement({"val": scores})))
        asked.append(proposal)
    retrained = study.ask()
    assert isinstance(retrained, Proposal)
    assert len({proposal.allocation for proposal in asked}) == 3
    assert retrained.parent == asked[best].id


def test_retrained_patterns_are_marked_and_anchors_stay_anchors() -> None:
    for proposal in retrains(run(campaign())):
        if proposal.controller == "shared":
            assert (proposal.purpose, proposal.budget, proposal.parent) == ("anchor", None, None)
        else:
            assert proposal.purpose == "retrain"
            assert proposal.budget in BUDGETS
            assert proposal.id == f"{proposal.parent}/seed-{proposal.seed}"


def test_a_scheme_whose_trials_all_fail_is_not_retrained() -> None:
    asked = run(campaign(), lambda p: None if p.controller == "tpe" and p.budget == BUDGETS[0] else depth_loss(p))
    assert not [p for p in retrains(asked) if p.id.startswith("tpe/live-0.2/")]
    assert [p for p in retrains(asked) if p.id.startswith("tpe/live-0.25/")]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("metric", ["mean", "worst"])
def test_a_measurement_that_is_no_finite_number_is_never_best(loss: float, metric: Any) -> None:
    first: list[str] = []

    def diverging(proposal: Proposal) -> float:
        first.append(proposal.id)
        return loss if len(first) == 1 else depth_loss(proposal)

    study = campaign(
        [{"name": "random_search", "trials": 3}], budgets=BUDGETS[:1], objective=Objective(aggregate=metric)
    )
    asked = run(study, diverging)
    assert {proposal.parent for proposal in retrains(asked)} < {proposal.id for proposal in asked[1:3]}


def test_if_all_fails_nothing_is_retrained_but_anchors() -> None:
    asked = run(campaign(), lambda proposal: None)
    assert {proposal.controller for proposal in retrains(asked)} == {"shared"}


def test_a_failed_retrain_does_not_hold_up_the_others() -> None:
    asked = run(campaign(), lambda proposal: None if proposal.purpose == "retrain" else depth_loss(proposal))
    assert len(asked) == 12 + 7 * 2


def test_retrains_wait_until_every_search_trial_is_told() -> None:
    study = campaign(["shared", "bottom"], budgets=BUDGETS[:1])
    first = study.ask()
    assert isinstance(first, Proposal)
    assert isinstance(study.ask(), Wait)
    study.tell(trial_of(first, 1.0))
    flying = [study.ask() for _ in range(4)]
    assert all(isinstance(proposal, Proposal) for proposal in flying)
    assert isinstance(study.ask(), Wait)
    for proposal in flying[::-1]:
        assert isinstance(proposal, Proposal)
        study.tell(trial_of(proposal, 1.0))
    assert isinstance(study.ask(), Done)


def test_many_in_flight_are_told_to_their_own_scheme() -> None:
    study = campaign()
    flying: list[Proposal] = []
    while isinstance(proposal := study.ask(), Proposal):
        flying.append(proposal)
    assert len(flying) == 12
    for proposal in flying[::-1]:
        study.tell(trial_of(proposal, depth_loss(proposal)))
    chosen = {proposal.parent: proposal for proposal in retrains(run(study))}
    for scheme in ("random_search/live-0.2", "tpe/live-0.25"):
        own = [proposal for proposal in flying if proposal.id.startswith(f"{scheme}/")]
        (best,) = (chosen[proposal.id] for proposal in own if proposal.id in chosen)
        assert depth_loss(best) == min(map(depth_loss, own))


def test_an_amended_campaign_goes_on_where_it_was() -> None:
    study = campaign()
    before = run(study)
    more: tuple[Any, ...] = ("shared", "bottom", {"name": "random_search", "trials": 5}, {"name": "tpe", "trials": 2})
    study.amend(search(more), RetrainOptions(seeds=3, first_seed=5))
    added = run(study)
    # What a campaign that was as long from the start would have asked for, in another order.
    longer = run(campaign(more, seeds=3))
    assert searches(added) == [p for p in searches(longer) if p.id.endswith(("/4", "/5")) and "random" in p.id]
    assert not {proposal.id for proposal in before} & {proposal.id for proposal in added}
    assert {p.id for p in longer} <= {p.id for p in before + added}
    assert isinstance(study.ask(), Done)


def test_a_better_pattern_found_after_an_amendment_is_retrained_at_all_seeds() -> None:
    study = campaign([{"name": "random_search", "trials": 1}], budgets=BUDGETS[:1])
    run(study, lambda proposal: 2.0)
    study.amend(search([{"name": "random_search", "trials": 2}]), RetrainOptions(seeds=2, first_seed=5))
    added = run(study, lambda proposal: 1.0)
    assert [(p.parent, p.seed) for p in retrains(added)] == [
        ("random_search/live-0.2/2", 5),
        ("random_search/live-0.2/2", 6),
    ]


def test_the_planned_count_holds_after_an_amendment() -> None:
    study = campaign([{"name": "random_search", "trials": 1}], budgets=BUDGETS[:1])
    before = run(study, lambda proposal: 2.0)
    study.amend(search([{"name": "random_search", "trials": 2}]), RetrainOptions(seeds=2, first_seed=5))
    added = run(study, lambda proposal: 1.0)
    assert len(before) + len(added) == study.planned


def test_replayed_in_log_order_a_campaign_asks_the_same() -> None:
    study = campaign()
    log = [(proposal, trial_of(proposal, depth_loss(proposal))) for proposal in run(study)]
    again = campaign()
    for proposal, trial in log:
        assert again.ask() == proposal
        again.tell(trial)
    assert isinstance(again.ask(), Done)


def test_proposals_and_trials_survive_json() -> None:
    for proposal in run(campaign()):
        assert from_json(Proposal, to_json(proposal)) == proposal
        for loss in (1.5, None):
            trial = trial_of(proposal, loss)
            kind = type(trial.outcome)
            assert from_json(kind, to_json(trial.outcome)) == trial.outcome


# A controller that searches the whole front.

FRONT: dict[str, Any] = {"name": "nsga2", "trials": 12, "options": {"objectives": ["loss", "parameters"]}}
THREE = (Budget("live", 0.25), Budget("live", 0.1), Budget("live", 0.4))


def fits(proposal: Proposal, budget: Budget) -> bool:
    return budget.of(SPACE.cost(proposal.allocation)) <= SPACE.limit(budget)


def test_a_front_is_one_search_with_the_trials_of_all_budgets() -> None:
    study = campaign(["shared", "bottom", FRONT], budgets=THREE)
    asked = run(study)
    front = [proposal for proposal in searches(asked) if proposal.controller == "nsga2"]
    assert [proposal.id for proposal in front] == [f"nsga2/front/{n}" for n in range(1, 37)]
    for proposal in front:
        smallest = min((b for b in THREE if fits(proposal, b)), key=SPACE.limit)
        assert (proposal.budget, proposal.parent) == (smallest, None)
    # bottom three times, the front once, shared; then shared and two controllers at three budgets, over 2 seeds.
    assert len(asked) == study.planned == 3 + 36 + 7 * 2
    assert study.schemes == 7


def test_at_every_budget_the_best_trial_that_it_holds_is_retrained() -> None:
    asked = run(campaign([FRONT], budgets=THREE))
    for budget in THREE:
        best = min((proposal for proposal in searches(asked) if fits(proposal, budget)), key=depth_loss)
        own = [proposal for proposal in retrains(asked) if proposal.budget == budget]
        number = best.id.removeprefix("nsga2/front/")
        assert [proposal.id for proposal in own] == [f"nsga2/{budget.name}/{number}/seed-{seed}" for seed in (5, 6)]
        for proposal in own:
            assert (proposal.parent, proposal.purpose, proposal.controller) == (best.id, "retrain", "nsga2")
            assert proposal.allocation == best.allocation
    # Seed by seed, in the order of the config.
    assert [(p.seed, p.budget) for p in retrains(asked)] == [(seed, budget) for seed in (5, 6) for budget in THREE]


def test_a_pattern_of_a_smaller_budget_stands_at_a_larger_one_where_nothing_there_is_better() -> None:
    def cheap_is_good(proposal: Proposal) -> float:
        return 2.0 if fits(proposal, THREE[1]) else 3.0

    asked = run(campaign([FRONT], budgets=THREE), cheap_is_good)
    assert len({proposal.parent for proposal in retrains(asked)}) == 1
    assert len({proposal.id for proposal in asked}) == len(asked)
    assert {proposal.budget for proposal in retrains(asked)} == set(THREE)


def test_a_budget_that_holds_no_measured_trial_is_not_retrained() -> None:
    asked = run(campaign([FRONT], budgets=THREE), lambda p: None if fits(p, THREE[0]) else depth_loss(p))
    assert {proposal.budget for proposal in retrains(asked)} == {THREE[2]}


def test_a_front_is_replayed_and_amended() -> None:
    study = campaign([FRONT], budgets=THREE)
    log = [(proposal, trial_of(proposal, depth_loss(proposal))) for proposal in run(study)]
    again = campaign([FRONT], budgets=THREE)
    for proposal, trial in log:
        assert again.ask() == proposal
        again.tell(trial)
    assert isinstance(again.ask(), Done)
    again.amend(search([{**FRONT, "trials": 14}]), RetrainOptions(seeds=3, first_seed=5))
    added = run(again)
    assert [proposal.id for proposal in searches(added)] == [f"nsga2/front/{n}" for n in range(37, 43)]
    assert len(log) + len(added) == again.planned


def test_many_of_a_front_are_in_flight_and_told_in_any_order() -> None:
    study = campaign([FRONT], budgets=THREE)
    flying = [study.ask() for _ in range(36)]
    assert isinstance(study.ask(), Wait)
    proposals = [proposal for proposal in flying if isinstance(proposal, Proposal)]
    for proposal in proposals[::-1]:
        study.tell(trial_of(proposal, depth_loss(proposal)))
    found = retrains(run(study))
    for budget in THREE:
        best = min(depth_loss(proposal) for proposal in proposals if fits(proposal, budget))
        assert {depth_loss(proposal) for proposal in found if proposal.budget == budget} == {best}


def test_a_front_is_warm_started_at_every_budget() -> None:
    options = {"objectives": ["loss", "parameters"], "warm_start": ["bottom"]}
    asked = run(campaign([{"name": "tpe", "trials": 2, "options": options}], budgets=BUDGETS))
    assert [proposal.id for proposal in searches(asked)] == [
        "tpe/front/warm-bottom-live-0.2",
        "tpe/front/warm-bottom-live-0.25",
        "tpe/front/1",
        "tpe/front/2",
    ]


# One controller several times.

TWICE: tuple[Any, ...] = (
    {"name": "tpe", "trials": 2},
    {"name": "tpe", "label": "one-by-one", "trials": 3, "options": {"multivariate": False}},
    {"name": "tpe", "label": "front", "trials": 2, "options": {"objectives": ["loss", "parameters"]}},
)


def test_a_label_tells_two_of_one_name_apart() -> None:
    study = campaign(TWICE)
    asked = run(study)
    assert len(asked) == study.planned == len({proposal.id for proposal in asked})
    found = [(proposal.controller, proposal.id.rpartition("/")[0]) for proposal in searches(asked)]
    assert found == [
        *[("tpe", "tpe/live-0.2")] * 2,
        *[("tpe", "tpe/live-0.25")] * 2,
        *[("tpe:one-by-one", "tpe:one-by-one/live-0.2")] * 3,
        *[("tpe:one-by-one", "tpe:one-by-one/live-0.25")] * 3,
        *[("tpe:front", "tpe:front/front")] * 4,
    ]
    for proposal in retrains(asked):
        assert proposal.budget is not None
        assert proposal.id.startswith(f"{proposal.controller}/{proposal.budget.name}/")


def test_an_anchor_can_have_a_label_too() -> None:
    asked = run(campaign(["shared", {"name": "shared", "label": "again"}], budgets=BUDGETS[:1], seeds=1))
    assert [(p.id, p.controller, p.purpose) for p in asked] == [
        ("shared/seed-5", "shared", "anchor"),
        ("shared:again/seed-5", "shared:again", "anchor"),
    ]


def test_labels_survive_the_log_and_a_choice_without_one_is_written_as_before() -> None:
    chosen = search(TWICE)
    assert SearchOptions.model_validate_json(chosen.model_dump_json()) == chosen
    assert SearchOptions.model_validate(chosen.model_dump()) == chosen
    written = chosen.model_dump(mode="json")["controllers"]
    assert written[0] == {"name": "tpe", "trials": 2, "options": {}}
    assert written[1]["label"] == "one-by-one"
    assert [choice.label for choice in chosen.controllers] == ["tpe", "tpe:one-by-one", "tpe:front"]
    assert kind_of("tpe:one-by-one") == "searched" and kind_of("shared:again") == "anchor"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"controllers": ()}, "at least 1 item"),
        ({"controllers": ("tpe", "tpe")}, "lists 'tpe' twice"),
        ({"controllers": ({"name": "tpe", "label": "a"}, {"name": "tpe", "label": "a"})}, "lists 'tpe:a' twice"),
        ({"controllers": ({"name": "tpe", "label": "a/b"},)}, "label"),
        ({"controllers": ({"name": "tpe", "label": ""},)}, "label"),
        ({"controllers": ({"name": "tpe", "suffix": "a"},)}, "suffix"),
        ({"controllers": ("tpe",), "trials": 0}, "greater than or equal to 1"),
        ({"controllers": ("tpe",), "rung": 0}, "greater than or equal to 1"),
        ({"controllers": ({"name": "tpe", "options": {"startup": 1}},)}, "startup"),
    ],
)
def test_impossible_searches_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises((ValueError, InputError), match=said):
        SearchOptions.model_validate(wrong)

"""Controllers that search the whole front: their trials count at every budget that holds the pattern."""

from dataclasses import replace

import pytest

from apportion.reports import results_of
from apportion.reports.best_so_far import searches
from apportion.reports.kinds import kind_of
from apportion.reports.over_front import budgets_of, holds
from apportion.search.study import Study
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, header

SMALL, MIDDLE, LARGE = (Budget("live", amount) for amount in (0.1, 0.3, 0.6))
NAME = "tpe:front"


class Front(Builder):
    """Tells trials of a front controller, each with a pattern that exhausts one budget."""

    def find(self, n: int, budget: Budget, loss: float | None, **more: object) -> str:
        space = self.head.space
        pattern = space.decode([1.0] * space.dimension, budget)
        assert holds(space, budget, pattern)
        name = f"{NAME}/front/{n}"
        self.tell(NAME, loss, budget=budget, allocation=pattern, name=name, **more)  # type: ignore[arg-type]
        return name

    def retrain(self, parent: str, loss: float, seed: int, budget: Budget) -> None:
        searched = next(trial.proposal for trial in self.trials if trial.proposal.id == parent)
        name = f"{NAME}/{budget.name}/{parent.rpartition('/')[2]}/seed-{seed}"
        self.tell(
            NAME, loss, budget=budget, seed=seed, purpose="retrain", parent=parent, allocation=searched.allocation,
            name=name,
        )  # fmt: skip


def configured(study: Study) -> Study:
    budgets = [{"measure": "live", "share": amount} for amount in (0.6, 0.1, 0.3)]
    return replace(study, header=replace(study.header, config={"budgets": budgets}))


def test_a_suffix_tells_controllers_of_one_name_apart() -> None:
    assert kind_of(NAME) == "searched" and kind_of("listed:mine") == "hand-made"


def test_budgets_are_those_of_the_config_and_of_all_proposals() -> None:
    builder = Front()
    builder.tell("tpe", 0.5, budget=Budget("owned", 0.2))
    found = budgets_of(configured(builder.study()))
    assert found == (SMALL, MIDDLE, LARGE, Budget("owned", 0.2))
    assert budgets_of(Builder(header(config={"budgets": ["?"]})).study()) == ()


def test_a_trial_counts_where_it_fits_and_costs_everywhere() -> None:
    builder = Front()
    builder.find(1, LARGE, 0.3)
    builder.find(2, SMALL, 0.5)
    builder.find(3, MIDDLE, 0.4)
    found = searches(configured(builder.study()))
    losses = {budget: list(found[NAME, budget].losses) for budget in (SMALL, MIDDLE, LARGE)}
    approx = {value: pytest.approx(value) for value in (0.3, 0.4, 0.5)}
    assert losses[SMALL] == [None, approx[0.5], approx[0.5]]
    assert losses[MIDDLE] == [None, approx[0.5], approx[0.4]]
    assert losses[LARGE] == [approx[0.3]] * 3
    assert {found[NAME, budget].seconds for budget in losses} == {(10.0, 20.0, 30.0)}


def test_before_any_retrain_the_best_trial_that_fits_stands_in_at_every_budget() -> None:
    builder = Front()
    builder.find(1, MIDDLE, 0.4)
    builder.find(2, SMALL, 0.5)
    builder.find(3, LARGE, 0.45)
    results = results_of(configured(builder.study(finished=False)))
    means = {s.budget: s.loss.mean for s in results.schemes}
    # At the largest budget the pattern of the middle one is better than that which spends more.
    assert means == {SMALL: pytest.approx(0.5), MIDDLE: pytest.approx(0.4), LARGE: pytest.approx(0.4)}


def test_a_pattern_retrained_for_two_budgets_is_a_scheme_at_each() -> None:
    builder = Front()
    small = builder.find(1, SMALL, 0.4)
    middle = builder.find(2, MIDDLE, 0.5)
    for seed, loss in ((1, 0.42), (2, 0.44)):
        for budget in (SMALL, MIDDLE):  # the cheap pattern is the best at both
            builder.retrain(small, loss, seed, budget)
        builder.retrain(middle, 0.3, seed, LARGE)
    results = results_of(configured(builder.study()))
    assert {s.budget: s.loss.mean for s in results.schemes} == pytest.approx({SMALL: 0.43, MIDDLE: 0.43, LARGE: 0.3})
    assert {(s.loss.n, s.superseded) for s in results.schemes} == {(2, 0)}
    at_middle = results.of(NAME, MIDDLE)
    assert at_middle is not None and at_middle.choice_loss == pytest.approx(0.4)


def test_a_pattern_over_every_budget_is_shown_nowhere_and_failures_do_not_stand_for_it() -> None:
    builder = Front()
    builder.find(1, Budget("live", 0.9), 0.3)
    builder.find(2, SMALL, None)
    study = configured(builder.study(finished=False))
    study = replace(
        study,
        trials=(replace(study.trials[0], proposal=replace(study.trials[0].proposal, budget=LARGE)), study.trials[1]),
    )
    assert [s.loss.n for s in results_of(study).schemes] == [0, 0, 0]
    assert searches(study)[NAME, LARGE].last is None

"""A study read as schemes: which trials count, on which images, under which kind."""

from dataclasses import replace

import pytest

from apportion.reports.kinds import kind_of
from apportion.reports.results import results_of
from apportion.spaces.budget import Budget
from apportion.spaces.ledger import ledger_of
from tests.reports.builders import HAND_MADE, Builder, simulated, study

BUDGET = Budget("live", 0.2)


def test_a_scheme_has_one_trial_per_seed_for_every_controller_and_budget() -> None:
    results = results_of(simulated(seeds=3, budgets=(0.2, 0.4)))
    assert len(results.schemes) == 2 + 2 * (len(HAND_MADE) + 2)
    assert all(scheme.loss.n == 3 and scheme.loss.missing == 0 for scheme in results.schemes)
    assert [budget.amount for budget in results.budgets] == [0.2, 0.4]
    assert not results.provisional


def test_kinds_come_from_the_registry_of_controllers() -> None:
    assert [kind_of(name) for name in ("shared", "independent")] == ["anchor"] * 2
    assert {kind_of(name) for name in HAND_MADE} == {"hand-made"}
    assert {kind_of(name) for name in ("tpe", "random_search", "someone's own")} == {"searched"}


def test_test_scores_are_read_only_where_all_measured_trials_have_them() -> None:
    builder = Builder()
    builder.tell("shared", 0.5, purpose="anchor")
    builder.tell("bottom", 0.4, budget=BUDGET, purpose="retrain")
    assert results_of(builder.study()).split == "test"
    builder.tell("tpe", 0.4, budget=BUDGET, purpose="retrain", splits=("val",))
    assert results_of(builder.study()).split == "val"


def test_a_failed_seed_is_missing_not_forgotten() -> None:
    builder = Builder()
    for seed, loss in enumerate((0.4, None, 0.5)):
        builder.tell("bottom", loss, budget=BUDGET, seed=seed, purpose="retrain")
    (scheme,) = results_of(builder.study()).schemes
    assert scheme.losses == {0: pytest.approx(0.4), 1: None, 2: pytest.approx(0.5)}
    assert (scheme.loss.n, scheme.loss.missing) == (2, 1)


def test_a_duplicate_counts_as_a_measurement() -> None:
    builder = Builder()
    first = builder.tell("bottom", 0.4, budget=BUDGET, purpose="retrain")
    builder.tell("tpe", 0.4, budget=BUDGET, purpose="retrain", duplicate_of=first.proposal.id)
    assert {scheme.controller: scheme.loss.n for scheme in results_of(builder.study()).schemes} == {
        "bottom": 1,
        "tpe": 1,
    }


def test_when_a_longer_search_changed_the_pattern_only_the_new_retrains_count() -> None:
    builder = Builder()
    old = builder.tell("tpe", 0.45, budget=BUDGET).proposal.id
    for seed in (1, 2):
        builder.tell("tpe", 0.44, budget=BUDGET, seed=seed, purpose="retrain", parent=old)
    new = builder.tell("tpe", 0.41, budget=BUDGET).proposal.id
    builder.tell("tpe", 0.40, budget=BUDGET, seed=1, purpose="retrain", parent=new)
    (scheme,) = results_of(builder.study()).schemes
    assert scheme.losses == {1: pytest.approx(0.40)}
    assert scheme.superseded == 2
    assert scheme.choice_loss == pytest.approx(0.41)


def test_a_pattern_of_its_own_for_every_seed_keeps_all_seeds() -> None:
    builder = Builder()
    for seed in (1, 2, 3):
        parent = builder.tell("random_filters", 0.45, budget=BUDGET).proposal.id
        builder.tell("random_filters", 0.44, budget=BUDGET, seed=seed, purpose="retrain", parent=parent)
    (scheme,) = results_of(builder.study()).schemes
    assert scheme.loss.n == 3


def test_before_any_retrain_the_best_search_trial_stands_in_on_validation_images() -> None:
    builder = Builder()
    for loss in (0.5, 0.45, 0.47, None):
        builder.tell("tpe", loss, budget=BUDGET)
    results = results_of(builder.study(finished=False))
    (scheme,) = results.schemes
    assert results.provisional and results.split == "val"
    assert scheme.loss.mean == pytest.approx(0.45)


def test_early_scores_stand_in_only_from_the_longest_training() -> None:
    builder = Builder()
    builder.tell("tpe", 0.30, budget=BUDGET, rung=1)
    builder.tell("tpe", 0.45, budget=BUDGET, rung=10)
    (scheme,) = results_of(builder.study(finished=False)).schemes
    assert scheme.loss.mean == pytest.approx(0.45)


def test_prices_are_those_of_space_and_ledger() -> None:
    base = simulated(seeds=2)
    head = base.header
    for scheme in results_of(base).schemes:
        cost = head.space.cost(scheme.allocation)
        assert scheme.price.live == head.space.live_multiple(cost)
        assert scheme.price.owned == head.space.owned_share(cost)
        ledger = ledger_of(head.shape, head.space, scheme.allocation, head.classes)
        assert scheme.price.parameters == ledger.parameters


def test_pending_retrains_are_counted_with_their_scheme() -> None:
    base = simulated(seeds=3)
    last = base.trials[-1].proposal
    unfinished = replace(base, trials=base.trials[:-1], pending=(last,), finished=False)
    scheme = results_of(unfinished).of(last.controller, last.budget)
    assert scheme is not None and (scheme.loss.n, scheme.pending) == (2, 1)


def test_an_empty_study_has_no_schemes() -> None:
    assert results_of(study()).schemes == ()

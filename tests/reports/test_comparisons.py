"""Searched against made by hand: who is chosen, what is compared, when a verdict is allowed."""

import pytest

from apportion.reports.comparisons import chosen, comparisons, room
from apportion.reports.results import results_of
from apportion.search.study import Study
from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder

BUDGET = Budget("live", 0.2)
NOISE = (0.02, -0.01, 0.03, -0.02)


def scheme(builder: Builder, controller: str, search: float, losses: list[float | None], level: int = 0) -> None:
    """A search trial, then a retrain per seed. `level` of the first owner tells patterns apart."""
    shared = builder.head.space.shared().levels
    pattern = Allocation(((level, *shared[0][1:]), *shared[1:]))
    parent = builder.tell(controller, search, budget=BUDGET, allocation=pattern).proposal.id
    for seed, loss in enumerate(losses):
        builder.tell(
            controller, loss, budget=BUDGET, seed=seed, purpose="retrain", parent=parent, allocation=pattern
        )  # fmt: skip


def noisy(mean: float) -> list[float | None]:
    return [mean + noise for noise in NOISE]


def against(searched: list[float | None], by_hand: list[float | None], level: int = 1) -> Study:
    builder = Builder()
    scheme(builder, "bottom", 0.5, by_hand)
    scheme(builder, "tpe", 0.5, searched, level)
    return builder.study()


def test_noise_common_to_the_seeds_does_not_hide_a_small_difference() -> None:
    (found,) = comparisons(results_of(against(noisy(0.495), noisy(0.5))))
    assert found.loss.mean == pytest.approx(-0.005)
    assert found.verdict == "searched better"
    assert found.searched is not None and found.hand_made is not None
    assert found.searched.loss.high is not None and found.searched.loss.high > found.hand_made.loss.mean


def test_the_verdict_can_go_against_the_search() -> None:
    (found,) = comparisons(results_of(against(noisy(0.505), noisy(0.5))))
    assert found.verdict == "hand-made better"


def test_an_interval_around_zero_decides_nothing() -> None:
    (found,) = comparisons(results_of(against([0.49, 0.51, 0.5], [0.5, 0.5, 0.5])))
    assert found.verdict == "not decided"


def test_one_seed_decides_nothing_however_large_the_difference() -> None:
    (found,) = comparisons(results_of(against([0.1], [0.9])))
    assert found.verdict == "not decided"


def test_two_names_of_one_pattern_are_no_difference() -> None:
    (found,) = comparisons(results_of(against(noisy(0.5), noisy(0.5), level=0)))
    assert found.verdict == "the same pattern"


def test_a_failed_seed_drops_out_of_both_sides() -> None:
    (found,) = comparisons(results_of(against([None, 0.48, 0.52, 0.47], noisy(0.5))))
    assert (found.loss.n, found.loss.missing) == (3, 1)


def test_the_choice_is_made_by_validation_over_the_seeds_that_all_candidates_have() -> None:
    builder = Builder()
    # The lucky search trial is not what counts, and neither is a seed that only one of them has.
    scheme(builder, "tpe", 0.30, [0.49, 0.49, 0.20], 2)
    scheme(builder, "random_search", 0.48, [0.45, 0.45], 1)
    best = chosen(results_of(builder.study()), BUDGET, "searched")
    assert best is not None and best.controller == "random_search"


def test_test_scores_have_no_say_in_the_choice() -> None:
    study = builder_with_test_scores()
    best = chosen(results_of(study), BUDGET, "searched")
    assert best is not None and best.controller == "tpe"


def builder_with_test_scores() -> Study:
    """`tpe` is better on validation images, `random_search` on test images."""
    builder = Builder()
    for controller, val, test in (("tpe", 0.4, 0.6), ("random_search", 0.5, 0.3)):
        for seed in range(3):
            builder.tell(controller, val, budget=BUDGET, seed=seed, purpose="retrain", test=test)
    return builder.study()


def test_a_budget_with_one_kind_only_is_not_compared() -> None:
    builder = Builder()
    scheme(builder, "tpe", 0.5, noisy(0.5))
    (found,) = comparisons(results_of(builder.study()))
    assert found.verdict == "not measured" and found.hand_made is None


def test_the_room_is_independent_minus_bottom_seed_by_seed() -> None:
    builder = Builder()
    scheme(builder, "bottom", 0.5, noisy(0.5))
    for seed, noise in enumerate(NOISE):
        builder.tell("independent", 0.48 + noise, seed=seed, purpose="anchor")
    gap = room(results_of(builder.study()), BUDGET)
    assert gap.mean == pytest.approx(-0.02) and gap.n == 4 and gap.excludes_zero

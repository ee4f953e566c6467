"""Best-so-far of one run, and its mean over runs: what counts, what is charged, where curves begin and end."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apportion.evaluators.measurement import Artifact
from apportion.reports.best_so_far import BestSoFar, searches
from apportion.reports.progress import MOST_POINTS, over_seconds, over_trials
from apportion.spaces.budget import Budget
from tests.reports.builders import Builder, study

SMALL, LARGE = Budget("live", 0.2), Budget("live", 0.4)


def only(builder: Builder, controller: str = "tpe", budget: Budget = SMALL, **more: object) -> BestSoFar:
    return searches(builder.study(**more))[controller, budget]


def curve(*losses: float | None, seconds: tuple[float, ...] | None = None) -> BestSoFar:
    return BestSoFar(losses, seconds or tuple(10.0 * (i + 1) for i in range(len(losses))), 0, 0)


def test_a_failure_takes_its_place_and_its_seconds_and_a_repeat_its_place_alone() -> None:
    builder = Builder()
    builder.tell("tpe", None, budget=SMALL)  # a failure of 3 s
    builder.tell("tpe", 0.5, budget=SMALL)
    builder.tell("tpe", 0.5, budget=SMALL, duplicate_of="t1")
    builder.tell("tpe", math.nan, budget=SMALL)
    builder.tell("tpe", 0.4, budget=SMALL)
    found = only(builder)
    assert list(found.losses) == [None, *map(pytest.approx, (0.5, 0.5, 0.5, 0.4))]
    assert found.seconds == (3.0, 13.0, 13.0, 23.0, 33.0)
    assert (found.trials, found.failed, found.repeated) == (5, 2, 1)


def test_a_shared_step_is_charged_at_the_first_trial_that_uses_it_for_each_controller_and_budget() -> None:
    builder = Builder()
    for controller in ("tpe", "random_search"):
        for budget in (SMALL, LARGE):
            builder.tell(controller, 0.5, budget=budget, artifacts=("warm",))
            builder.tell(controller, 0.5, budget=budget, artifacts=("warm", "mask"))
    made = {"warm": Artifact("warm", "w", "0", 100.0), "mask": Artifact("mask", "m", "0", 7.0)}
    found = searches(builder.study(artifacts=made))
    assert len(found) == 4
    assert {curve.seconds for curve in found.values()} == {(110.0, 127.0)}


def test_only_search_trials_count_and_only_of_the_longest_schedule() -> None:
    builder = Builder()
    builder.tell("tpe", 0.2, budget=SMALL, rung=1)
    builder.tell("tpe", 0.5, budget=SMALL, rung=10)
    builder.tell("tpe", 0.1, budget=SMALL, purpose="retrain")
    builder.tell("random_search", 0.3, budget=SMALL, rung=1)
    builder.tell("shared", 0.6, purpose="anchor")
    found = searches(builder.study())
    assert list(found["tpe", SMALL].losses) == [None, pytest.approx(0.5)]
    # A loss after one epoch is no rival of one after ten, whoever measured it.
    assert found["random_search", SMALL].losses == (None,)
    assert set(found) == {("tpe", SMALL), ("random_search", SMALL)}


def test_an_empty_study_has_no_searches() -> None:
    assert searches(study()) == {}


def test_the_mean_over_runs_begins_where_all_have_a_loss_and_ends_where_the_first_ends() -> None:
    points = over_trials("tpe", [curve(0.5, 0.3, 0.1), curve(None, 0.4), curve(0.9, 0.8, 0.7)]).points
    assert [n for n, _ in points] == [2.0]
    assert points[0][1].mean == pytest.approx((0.3 + 0.4 + 0.8) / 3) and points[0][1].n == 3


def test_a_run_that_found_nothing_is_missing_not_forgotten() -> None:
    points = over_trials("tpe", [curve(0.5, 0.3), curve(None, None)]).points
    assert [(i.n, i.missing) for _, i in points] == [(1, 1), (1, 1)]
    assert over_trials("tpe", [curve(None, None)]).points == ()
    assert over_trials("tpe", []).points == over_seconds("tpe", []).points == ()


def test_at_a_time_every_run_has_what_it_found_by_then() -> None:
    one, other = curve(0.5, 0.3, seconds=(10.0, 20.0)), curve(0.9, 0.8, 0.1, seconds=(5.0, 15.0, 40.0))
    points = over_seconds("tpe", [one, other]).points
    # From 10 s, when the slower start has a loss, to 20 s, when the first run is over.
    assert [(x, round(i.mean, 6)) for x, i in points] == [(10.0, 0.7), (15.0, 0.65), (20.0, 0.55)]


def test_repeats_at_no_cost_leave_the_best_of_their_moment() -> None:
    points = over_seconds("tpe", [curve(0.5, 0.3, 0.2, seconds=(10.0, 10.0, 10.0))]).points
    assert [(x, i.mean) for x, i in points] == [(10.0, 0.2)]


losses = st.lists(st.one_of(st.none(), st.floats(0.1, 1.0)), min_size=1, max_size=30)


@given(st.lists(losses, min_size=1, max_size=4))
def test_curves_never_rise(runs: list[list[float | None]]) -> None:
    def best(values: list[float | None]) -> BestSoFar:
        found: list[float | None] = []
        for value in values:
            known = [v for v in (*found[-1:], value) if v is not None]
            found.append(min(known) if known else None)
        return curve(*found)

    made = [best(values) for values in runs]
    for drawn in (over_trials("tpe", made), over_seconds("tpe", made)):
        means = [interval.mean for _, interval in drawn.points]
        assert all(a >= b - 1e-12 for a, b in pairwise(means))
        assert len({(i.n, i.missing) for _, i in drawn.points}) <= 1


def test_a_long_search_is_thinned_but_keeps_its_ends() -> None:
    values = tuple(1.0 / n for n in range(1, 2001))
    points = over_trials("tpe", [curve(*values)]).points
    assert len(points) == MOST_POINTS
    assert points[0][0] == 1.0 and points[-1][0] == 2000.0 and points[-1][1].mean == values[-1]

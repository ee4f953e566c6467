"""The front against a comparison of every point with every other."""

import math

from hypothesis import given
from hypothesis import strategies as st

from apportion.reports.fronts import Front, front_steps, pareto_front

# Few distinct values, so that ties and duplicates are common.
coordinate = st.sampled_from([0.0, 1.0, 2.0, 3.0, math.nan, math.inf])
points = st.lists(st.tuples(coordinate, coordinate), max_size=12)


def dominates(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return a[0] <= b[0] and a[1] <= b[1] and a != b


@given(points)
def test_the_front_is_what_no_other_point_dominates(given_points: list[tuple[float, float]]) -> None:
    front = pareto_front(given_points)
    sound = [i for i, p in enumerate(given_points) if all(map(math.isfinite, p))]
    expected = {i for i in sound if not any(dominates(given_points[j], given_points[i]) for j in sound)}
    assert set(front.members) == expected
    assert front.skipped == len(given_points) - len(sound)


@given(points)
def test_along_the_front_cost_rises_and_loss_falls(given_points: list[tuple[float, float]]) -> None:
    members = [given_points[i] for i in pareto_front(given_points).members]
    assert members == sorted(members)
    assert [loss for _, loss in members] == sorted((loss for _, loss in members), reverse=True)


@given(points)
def test_the_steps_are_the_front_and_reach_the_dearest_point(given_points: list[tuple[float, float]]) -> None:
    steps = front_steps(given_points)
    members = [given_points[i] for i in pareto_front(given_points).members]
    assert steps[: len(members)] == members
    sound = [p for p in given_points if all(map(math.isfinite, p))]
    assert not sound or steps[-1][0] == max(cost for cost, _ in sound)
    assert steps[len(members) :] in ([], [(steps[-1][0], members[-1][1])] if members else [])


def test_no_point_and_only_unsound_points_have_an_empty_front() -> None:
    assert pareto_front([]) == Front((), 0)
    assert pareto_front([(math.nan, 1.0), (1.0, math.inf)]) == Front((), 2)

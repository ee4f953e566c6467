"""Labels keep their order and their distance, and move no more than they must."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apportion.reports.labels import spread

positions = st.lists(st.floats(0, 100), max_size=12)


@given(positions, st.floats(0.1, 20))
def test_labels_are_a_gap_apart_in_the_order_of_their_points(heights: list[float], gap: float) -> None:
    moved = spread(heights, gap)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    for below, above in pairwise(order):
        assert moved[above] - moved[below] >= gap - 1e-9


@given(positions)
def test_labels_that_are_far_enough_apart_stay(heights: list[float]) -> None:
    spaced = [height + 200 * i for i, height in enumerate(heights)]
    assert spread(spaced, 100) == pytest.approx(spaced)


@given(positions, st.floats(0.1, 20))
def test_labels_move_by_nothing_on_average(heights: list[float], gap: float) -> None:
    # Each pool sits at the mean of what it holds, so all moves cancel out.
    assert sum(spread(heights, gap)) == pytest.approx(sum(heights), abs=1e-6)


@given(positions)
def test_labels_stay_inside_where_there_is_room(heights: list[float]) -> None:
    moved = spread(heights, 5, 0, 100)
    assert all(0 <= place <= 100 for place in moved)
    assert all(abs(a - b) >= 5 - 1e-9 for i, a in enumerate(moved) for b in moved[:i])

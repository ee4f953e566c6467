"""Hypervolume and rank agreement against areas by hand and scipy."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from apportion.reports.statistics import Agreement, Hypervolume, NotShown, hypervolume, kendall, spearman

points = st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=12)


def staircase(front: list[tuple[float, float]], edge: float) -> float:
    """Area below (edge, edge) that a front dominates, strip by strip from the left."""
    area, top = 0.0, edge
    for x, y in sorted(front):
        if x < edge and y < top:
            area, top = area + (edge - x) * (top - y), y
    return area


def test_the_area_of_a_staircase_by_hand() -> None:
    # Below (4, 4): 3 x 1 + 2 x 1 + 1 x 1.
    assert hypervolume([(1, 3), (2, 2), (3, 1)], (4, 4)) == Hypervolume(6.0, 3, 0, 0)


@given(points)
def test_the_area_is_that_of_the_strips(front: list[tuple[float, float]]) -> None:
    found = hypervolume(front, (4.0, 4.0))
    assert isinstance(found, Hypervolume)
    assert found.value == pytest.approx(staircase(front, 4.0), abs=1e-9)
    assert found.n + found.outside == len(front)


@given(points, st.tuples(st.floats(0, 5), st.floats(0, 5)))
def test_another_point_never_takes_volume_away(front: list[tuple[float, float]], more: tuple[float, float]) -> None:
    before, after = hypervolume(front, (4.0, 4.0)), hypervolume([*front, more], (4.0, 4.0))
    assert isinstance(before, Hypervolume) and isinstance(after, Hypervolume)
    assert after.value >= before.value - 1e-12


def test_a_box_in_three_dimensions() -> None:
    assert hypervolume([(1, 1, 1)], (2, 3, 4)) == Hypervolume(6.0, 1, 0, 0)


def test_points_that_are_no_numbers_or_not_below_the_reference_are_counted() -> None:
    found = hypervolume([(1, 3), (math.nan, 1), (2, math.inf), (4, 1), (5, 5)], (4, 4))
    assert found == Hypervolume(3.0, 1, 2, 2)
    assert hypervolume([(5, 5)], (4, 4)) == Hypervolume(0.0, 0, 1, 0)


def test_no_front_has_no_volume_to_show() -> None:
    assert isinstance(hypervolume([], (4, 4)), NotShown)
    gone = hypervolume([(math.nan, 1.0)], (4, 4))
    assert isinstance(gone, NotShown) and gone.missing == 1
    assert isinstance(hypervolume([(1, 1)], (math.inf, 4)), NotShown)


@settings(max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=10, max_size=18))
def test_agreement_with_ties_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    left, right = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    assume(len(set(left)) > 1 and len(set(right)) > 1)
    tau, rho = kendall(left, right), spearman(left, right)
    assert isinstance(tau, Agreement) and isinstance(rho, Agreement)
    assert tau.value == pytest.approx(stats.kendalltau(left, right).statistic, abs=1e-12)
    assert rho.value == pytest.approx(stats.spearmanr(left, right).statistic, abs=1e-12)


def test_an_interval_surrounds_the_value_and_is_counted() -> None:
    generator = np.random.default_rng(0)
    left = generator.normal(size=40)
    right = left + generator.normal(size=40)
    for measure in (kendall, spearman):
        found = measure(left.tolist(), right.tolist())
        assert isinstance(found, Agreement) and isinstance(found.interval, tuple)
        assert -1 <= found.interval[0] < found.value < found.interval[1] <= 1
        assert found == measure(left.tolist(), right.tolist())


def test_an_interval_of_ranks_is_about_as_wide_as_theory_says() -> None:
    # Fisher's z of Spearman's rho has a standard error of about sqrt(1.06 / (n - 3)) (Fieller et al. 1957).
    generator = np.random.default_rng(1)
    left = generator.normal(size=100)
    found = spearman(left.tolist(), (left + generator.normal(size=100)).tolist())
    assert isinstance(found, Agreement) and isinstance(found.interval, tuple)
    width = 2 * 1.96 * math.sqrt(1.06 / 97)
    assert np.arctanh(found.interval[1]) - np.arctanh(found.interval[0]) == pytest.approx(width, rel=0.3)


@pytest.mark.parametrize("measure", [kendall, spearman])
def test_orders_that_cannot_be_compared_are_named_in_words(measure: object) -> None:
    assert callable(measure)
    ten = [float(i) for i in range(10)]
    assert isinstance(measure([], []), NotShown)
    assert isinstance(measure(ten[:9], ten[:9]), NotShown)
    assert "the same value" in str(measure(ten, [1.0] * 10))
    gone = measure([*ten, None, math.nan, 1.0], [*ten, 1.0, 1.0, math.inf])
    assert isinstance(gone, Agreement) and (gone.n, gone.missing) == (10, 3) and gone.value == pytest.approx(1.0)
    # In perfect agreement every resample agrees perfectly too: there is no spread to make an interval of.
    assert isinstance(gone.interval, NotShown)
    turned = measure(ten, ten[::-1])
    assert isinstance(turned, Agreement) and turned.value == pytest.approx(-1.0)

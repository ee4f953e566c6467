"""Intervals against scipy's, and what happens to values that are not there."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from apportion.reports.statistics import Interval, mean_interval, paired_difference, student_t

values = st.lists(st.floats(-10, 10), min_size=2, max_size=20)


@given(values)
def test_the_interval_is_the_one_of_scipy(sample: list[float]) -> None:
    interval = mean_interval(sample)
    low, high = stats.t.interval(
        0.95, len(sample) - 1, loc=sum(sample) / len(sample), scale=stats.sem(sample) or 1e-300
    )
    assert interval.n == len(sample)
    assert interval.low == pytest.approx(low, abs=1e-9)
    assert interval.high == pytest.approx(high, abs=1e-9)


def test_the_quantile_is_the_printed_one() -> None:
    # Any table of Student's t: 2.776 for 4 degrees of freedom at 95 %, two-sided.
    assert student_t(4) == pytest.approx(2.776, abs=5e-4)


def test_no_value_has_no_mean_and_one_value_has_no_interval() -> None:
    assert math.isnan(mean_interval([]).mean)
    assert mean_interval([0.3]) == Interval(1, 0, 0.3, None, None)
    assert mean_interval([0.3]).half_width is None
    assert not mean_interval([0.3]).excludes_zero


@given(values, st.lists(st.sampled_from([None, math.nan, math.inf]), max_size=4))
def test_values_that_are_missing_are_counted_and_change_nothing_else(
    sample: list[float], gone: list[float | None]
) -> None:
    whole, with_gaps = mean_interval(sample), mean_interval([*gone, *sample])
    assert with_gaps.missing == len(gone)
    assert (with_gaps.n, with_gaps.mean, with_gaps.low) == (whole.n, whole.mean, whole.low)


@given(values, st.floats(-1, 1))
def test_a_constant_shift_of_every_pair_is_found_exactly(sample: list[float], shift: float) -> None:
    left = {seed: value + shift for seed, value in enumerate(sample)}
    difference = paired_difference(left, dict(enumerate(sample)))
    assert difference.mean == pytest.approx(shift, abs=1e-12)
    assert difference.half_width == pytest.approx(0.0, abs=1e-12)


@given(values)
def test_a_difference_turned_round_changes_its_sign(sample: list[float]) -> None:
    left, right = dict(enumerate(sample)), dict(enumerate(reversed(sample)))
    there, back = paired_difference(left, right), paired_difference(right, left)
    assert there.mean == pytest.approx(-back.mean)
    assert there.excludes_zero == back.excludes_zero


def test_seeds_are_matched_by_seed_and_the_rest_is_counted() -> None:
    left: dict[int, float | None] = {3: 0.5, 1: 0.2, 2: None, 9: 0.1}
    difference = paired_difference(left, {1: 0.1, 2: 0.3, 3: 0.3})
    assert (difference.n, difference.missing) == (2, 2)
    assert difference.mean == pytest.approx((0.2 + 0.1) / 2)


def test_an_interval_on_one_side_of_zero_decides_the_sign() -> None:
    assert mean_interval([-0.010, -0.011, -0.012]).excludes_zero
    assert not mean_interval([-0.010, 0.011, -0.012]).excludes_zero

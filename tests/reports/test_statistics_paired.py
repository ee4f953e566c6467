"""Tests of paired differences against worked examples, scipy, and counting out every case."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from apportion.reports.statistics import (
    Interval,
    NotShown,
    SignedRank,
    bca_interval,
    crossed_interval,
    differences,
    finite,
    holm,
    mean_interval,
    more_pairs,
    pairs_for,
    pairs_needed,
    power_of,
    signed_rank,
)

GONE = (None, math.nan, math.inf, -math.inf)


def ranked(n: int, p: float) -> SignedRank:
    return SignedRank(n, 0, 0, 0.0, p)


def counted_out(values: Sequence[int]) -> Fraction:
    """p by trying all signs of the ranks: the definition of the test, in exact arithmetic."""
    kept = [value for value in values if value]
    twice = [int(2 * rank) for rank in stats.rankdata([abs(value) for value in kept])]
    observed = sum(rank for rank, value in zip(twice, kept, strict=True) if value > 0)
    sums = [
        sum(r for r, up in zip(twice, signs, strict=True) if up)
        for signs in itertools.product((0, 1), repeat=len(kept))
    ]
    tails = sum(s <= observed for s in sums), sum(s >= observed for s in sums)
    return min(Fraction(1), Fraction(2 * min(tails), len(sums)))


def test_values_that_are_no_numbers_are_counted_and_pairs_need_both_sides() -> None:
    assert finite([1.0, *GONE, 2.0]) == ([1.0, 2.0], 4)
    assert differences({1: 0.5, 2: None, 3: 0.3}, {3: 0.1, 1: 0.25, 4: 1.0, 2: math.nan}) == {
        1: 0.25, 2: None, 3: pytest.approx(0.2), 4: None,
    }  # fmt: skip
    assert differences({1: math.inf}, {1: math.inf}) == {1: None}


# Wilcoxon.


def test_the_signed_ranks_of_the_depression_scale_are_the_printed_ones() -> None:
    # Hollander and Wolfe (1973), p. 29 ff., as in R's help of wilcox.test: V = 40, one-sided p = 0.01953.
    first = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    second = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    found = signed_rank((first - second).tolist())
    assert isinstance(found, SignedRank)
    assert (found.n, found.rank_sum, found.zeros) == (9, 40.0, 0)
    assert found.p == pytest.approx(2 * 0.01953, abs=1e-5)


@settings(max_examples=40)
@given(st.lists(st.integers(-4, 4), min_size=6, max_size=11))
def test_with_ties_and_zeros_p_is_what_counting_out_all_signs_gives(values: list[int]) -> None:
    found = signed_rank(values)
    if sum(value != 0 for value in values) < 6:
        assert isinstance(found, NotShown)
    else:
        assert isinstance(found, SignedRank)
        assert found.p == pytest.approx(float(counted_out(values)), abs=1e-12)
        assert found.zeros == values.count(0)


@pytest.mark.parametrize("n", [6, 13, 50, 200])
def test_without_ties_p_is_that_of_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    found = signed_rank(values.tolist())
    assert isinstance(found, SignedRank)
    assert found.p == pytest.approx(stats.wilcoxon(values, method="exact").pvalue, rel=1e-9)


def test_five_pairs_cannot_reach_a_twentieth_and_six_can() -> None:
    assert isinstance(signed_rank([1, 2, 3, 4, 5]), NotShown)
    found = signed_rank([1, 2, 3, 4, 5, 6])
    assert isinstance(found, SignedRank) and found.p == pytest.approx(2 / 2**6)


def test_pairs_that_say_nothing_are_named_in_words() -> None:
    assert signed_rank([]) == NotShown("the exact Wilcoxon test needs 6 pairs that differ, not 0", 0, 0)
    assert signed_rank([0.0] * 9 + [None]) == NotShown("all 9 differences are zero", 0, 1)
    few = signed_rank([0.0, 0.0, 1.0, *GONE])
    assert isinstance(few, NotShown) and (few.n, few.missing) == (1, 4)
    assert "needs 6 pairs that differ, not 1 (besides 2 of zero)" in str(few)


def test_the_ends_of_the_distribution_are_reached_in_either_direction() -> None:
    up, down = signed_rank([1.0] * 8), signed_rank([-1.0] * 8)
    assert isinstance(up, SignedRank) and isinstance(down, SignedRank)
    assert up.p == down.p == pytest.approx(2 / 2**8)
    balanced = signed_rank([1, -1, 2, -2, 3, -3])
    assert isinstance(balanced, SignedRank) and balanced.p == 1.0


# Holm.


def test_holm_of_four_p_values_by_hand() -> None:
    # Sorted .005 .01 .03 .04 times 4 3 2 1 = .02 .03 .06 .04; the last may not fall below the one before: .06.
    tests = {"a": ranked(12, 0.01), "b": ranked(12, 0.04), "c": ranked(12, 0.03), "d": ranked(12, 0.005)}
    assert holm(tests) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06, "d": 0.02})


@pytest.mark.parametrize(("comparisons", "pairs"), [(1, 6), (4, 8), (20, 10), (40, 11)])
def test_many_comparisons_need_more_pairs(comparisons: int, pairs: int) -> None:
    # 2 / 2^n times the comparisons must be below .05.
    assert pairs_for(comparisons) == pairs
    assert comparisons * 2 / 2**pairs < 0.05 <= comparisons * 2 / 2 ** (pairs - 1)
    best = {i: ranked(pairs, 2 / 2**pairs) for i in range(comparisons)}
    assert all(isinstance(p, float) and p < 0.05 for p in holm(best).values())
    few = {i: ranked(pairs - 1, 2 / 2 ** (pairs - 1)) for i in range(comparisons)}
    assert all(isinstance(p, NotShown) for p in holm(few).values())


def test_a_comparison_that_was_not_shown_still_counts_among_the_declared() -> None:
    adjusted = holm({"a": ranked(12, 0.01), "b": NotShown("3 pairs"), "c": ranked(6, 0.03125)})
    assert adjusted["a"] == pytest.approx(0.03)
    assert adjusted["b"] == NotShown("3 pairs")
    assert isinstance(adjusted["c"], NotShown) and "over 3 comparisons p < .05 needs 7 pairs that differ, not 6" in str(
        adjusted["c"]
    )
    assert list(adjusted) == ["a", "b", "c"] and holm({}) == {}


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_corrected_values_keep_their_order_and_only_grow(p: list[float]) -> None:
    adjusted = holm({i: ranked(20, value) for i, value in enumerate(p)})
    numbers = [adjusted[i] for i in range(len(p))]
    assert all(isinstance(a, float) and b <= a <= 1 for a, b in zip(numbers, p, strict=True))
    order = sorted(range(len(p)), key=lambda i: p[i])
    sorted_ = [numbers[i] for i in order]
    assert all(float(a) <= float(b) for a, b in itertools.pairwise(sorted_))  # type: ignore[arg-type]


# Bootstrap.


def test_the_bootstrap_interval_is_that_of_the_formula() -> None:
    """Efron 1987: percentiles at Phi(z0 + (z0 + z) / (1 - a (z0 + z))), with z0 and a computed here anew."""
    values = np.random.default_rng(0).exponential(1.0, 25)
    found = bca_interval(values.tolist())
    assert isinstance(found, Interval)
    means = np.random.default_rng(1).choice(values, (40_000, 25)).mean(1)
    z0 = stats.norm.ppf((means < values.mean()).mean())
    left_out = np.array([np.delete(values, i).mean() for i in range(25)])
    gaps = left_out.mean() - left_out
    a = (gaps**3).sum() / (6 * (gaps**2).sum() ** 1.5)
    z = z0 + stats.norm.ppf([0.025, 0.975])
    low, high = np.quantile(means, stats.norm.cdf(z0 + z / (1 - a * z)))
    # Two sets of resamples, so equal up to their own noise (.01); the plain percentiles lie .07 and .15 lower.
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.03)


def test_the_bootstrap_is_counted_and_moves_with_its_values() -> None:
    values = np.random.default_rng(2).normal(0, 1, 12).tolist()
    state = np.random.get_state()[1].tolist()  # type: ignore[index]
    found, moved = bca_interval(values), bca_interval([value + 5 for value in values])
    assert found == bca_interval(values) != bca_interval(values, seed=1)
    assert isinstance(found, Interval) and isinstance(moved, Interval)
    assert moved.low == pytest.approx((found.low or 0) + 5) and moved.high == pytest.approx((found.high or 0) + 5)
    assert np.random.get_state()[1].tolist() == state  # type: ignore[index]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([], "a bootstrap interval needs 10 values, not 0"),
        ([1.0], "not 1"),
        ([1.0, 2.0], "not 2"),
        ([0.25] * 12, "all 12 values are equal"),
        ([*GONE, *range(9)], "not 9"),
    ],
)
def test_without_enough_spread_or_values_no_bootstrap_is_shown(values: list[float | None], reason: str) -> None:
    found = bca_interval(values)
    assert isinstance(found, NotShown) and reason in str(found)
    assert found.n + found.missing == len(values)


def test_ties_and_missing_values_leave_an_interval_and_are_counted() -> None:
    found = bca_interval([0.0] * 5 + [1.0] * 7 + list(GONE))
    assert isinstance(found, Interval) and (found.n, found.missing) == (12, 4)
    assert found.low is not None and found.high is not None and 0 <= found.low < 7 / 12 < found.high <= 1


# Rows and columns.


def test_the_spread_of_rows_and_columns_is_added_by_hand() -> None:
    # Row means 1.5, 4.5: variance 4.5, over 2 rows 2.25. Column means 2, 4: variance 2, over 2 columns 1. Sum 3.25,
    # degrees of freedom 3.25^2 / (2.25^2 / 1 + 1^2 / 1) = 1.7423.
    found = crossed_interval({("a", 1): 1.0, ("a", 2): 2.0, ("b", 1): 3.0, ("b", 2): 6.0})
    assert isinstance(found, Interval)
    half = stats.t.ppf(0.975, 10.5625 / 6.0625) * math.sqrt(3.25)
    assert (found.n, found.mean) == (4, 3.0)
    assert [found.low, found.high] == pytest.approx([3 - half, 3 + half])


def test_noise_common_to_a_column_is_not_taken_for_agreement_of_the_rows() -> None:
    # Ten runs share three seeds, whose noise alone moves the differences: row by row the difference looks certain.
    noise = {1: 0.010, 2: -0.001, 3: 0.006}
    cells: dict[tuple[int, int], float | None] = {
        (run, seed): noise[seed] + 1e-6 * run for run in range(10) for seed in noise
    }
    naive = mean_interval([sum(cells[run, seed] or 0 for seed in noise) / 3 for run in range(10)])
    found = crossed_interval(cells)
    assert naive.excludes_zero
    assert isinstance(found, Interval) and not found.excludes_zero


def test_one_row_or_one_column_shows_no_spread_of_both() -> None:
    for cells in ({}, {(1, 1): 0.5}, {(1, 1): 0.5, (1, 2): 0.7}, {(1, 1): 0.5, (2, 1): 0.7, (2, 2): math.nan}):
        found = crossed_interval(cells)
        assert isinstance(found, NotShown) and found.n + found.missing == len(cells)
    assert crossed_interval({(r, c): 0.5 for r in (1, 2) for c in (1, 2)}) == Interval(4, 0, 0.5, 0.5, 0.5)


# Power.


@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_the_pairs_needed_are_those_of_the_usual_tables(effect: float, pairs: int) -> None:
    # G*Power 3 (Faul et al. 2007), t test of matched pairs, two-sided, alpha .05, power .80.
    assert pairs_needed(effect) == pairs_needed(-effect) == pairs
    assert power_of(effect, pairs) >= 0.8 > power_of(effect, pairs - 1)


def test_power_is_the_rate_at_which_a_t_test_finds_the_effect() -> None:
    samples = np.random.default_rng(0).normal(1.0, 1.0, (20_000, 5))
    found = np.mean(np.asarray(stats.ttest_1samp(samples, 0.0, axis=1).pvalue) < 0.05)
    assert power_of(1.0, 5) == pytest.approx(found, abs=0.012)  # 3.5 standard errors of 20,000 draws


def test_no_difference_is_never_decided_and_a_tiny_one_not_soon() -> None:
    assert isinstance(pairs_needed(0.0), NotShown) and isinstance(pairs_needed(math.nan), NotShown)
    tiny = pairs_needed(1e-4)
    assert isinstance(tiny, NotShown) and "more than 10,000 pairs" in str(tiny)


def test_more_seeds_are_those_beyond_the_ones_there_are() -> None:
    # Mean .5, standard deviation 1 over 5 pairs: 34 in all.
    deviations = np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
    values = 0.5 + deviations / deviations.std(ddof=1)
    assert more_pairs(mean_interval(values.tolist())) == 34 - 5
    clear = mean_interval([-0.010, -0.011, -0.012])
    assert more_pairs(clear) == 0 and more_pairs(clear, least=8) == 5
    assert isinstance(more_pairs(mean_interval([])), NotShown)
    assert isinstance(more_pairs(mean_interval([0.3])), NotShown)
    assert isinstance(more_pairs(mean_interval([0.3, 0.3])), NotShown)
    assert isinstance(more_pairs(mean_interval([-1.0, 1.0])), NotShown)

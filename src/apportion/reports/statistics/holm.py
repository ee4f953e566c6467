"""Holm's correction (1979) of the p-values of comparisons that were declared beforehand."""

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

from apportion.reports.statistics.intervals import CONFIDENCE
from apportion.reports.statistics.not_shown import NotShown
from apportion.reports.statistics.wilcoxon import SignedRank

Name = TypeVar("Name", bound=Hashable)


def pairs_for(comparisons: int) -> int:
    """The least number of pairs at which exact Wilcoxon can reach p < .05 over that many comparisons.

    The least two-sided p of n pairs is 2 / 2^n; Holm multiplies the smallest p by the number of comparisons.
    """
    return math.floor(math.log2(2 * comparisons / (1 - CONFIDENCE)) + 1e-12) + 1


def holm(tests: Mapping[Name, SignedRank | NotShown]) -> dict[Name, float | NotShown]:
    """Adjusted p-values: below .05 the comparison holds, with at most .05 of any false claim among all of them.

    Use it on all comparisons that were declared, the disappointing ones too. One that was not shown counts as p = 1. A
    comparison of too few pairs for their number is not shown: 8 pairs for 4 comparisons, 10 for 20, 11 for 40.
    """
    m, needed = len(tests), pairs_for(max(1, len(tests)))
    shown = {name: test for name, test in tests.items() if isinstance(test, SignedRank)}
    adjusted: dict[Name, float | NotShown] = {name: test for name, test in tests.items() if isinstance(test, NotShown)}
    greatest = 0.0
    for i, (name, test) in enumerate(sorted(shown.items(), key=lambda entry: entry[1].p)):
        greatest = max(greatest, min(1.0, (m - i) * test.p))
        few = f"over {m} comparisons p < .05 needs {needed} pairs that differ, not {test.n}"
        adjusted[name] = greatest if test.n >= needed else NotShown(few, test.n, test.missing)
    return {name: adjusted[name] for name in tests}

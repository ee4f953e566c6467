"""How many more seeds would decide it: the power of a paired t-test."""

import math

from apportion.reports.statistics.intervals import CONFIDENCE, Interval, student_t
from apportion.reports.statistics.not_shown import NotShown

POWER = 0.8
MOST = 10_000


def power_of(effect: float, n: int, alpha: float = 1 - CONFIDENCE) -> float:
    """Chance that a two-sided paired t-test of n >= 2 pairs finds `effect` (mean / standard deviation), 0..1.

    At effect 1: .18 for n = 3, .40 for 5, .80 for 10. By the noncentral t distribution: exact for normal differences.
    """
    from scipy.special import nctdtr

    edge, shift = student_t(n - 1, 1 - alpha / 2), abs(effect) * math.sqrt(n)
    return 1 - float(nctdtr(n - 1, shift, edge)) + float(nctdtr(n - 1, shift, -edge))


def pairs_needed(effect: float, alpha: float = 1 - CONFIDENCE, power: float = POWER) -> int | NotShown:
    """The least number of pairs at which `effect` (mean / standard deviation) is found with that power."""
    if not math.isfinite(effect) or effect == 0:
        return NotShown("without a difference no number of pairs decides it")
    high = 2
    while power_of(effect, high, alpha) < power:
        if high >= MOST:
            return NotShown(f"more than {MOST:,} pairs would be needed")
        high = min(MOST, 2 * high)
    low = 1  # too few; `high` is enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if power_of(effect, middle, alpha) >= power else (middle, high)
    return high


def more_pairs(found: Interval, alpha: float = 1 - CONFIDENCE, least: int = 2) -> int | NotShown:
    """How many pairs beyond those of a Student-t interval would decide its sign at 80 %, were its effect the true one.

    Use it to plan, not to judge: an effect seen over few pairs is itself not known well. Of a true effect of 1, which
    10 pairs find, half of all samples of 5 ask for 6 to 18 in all, a tenth for 43 or more. At least `least` pairs in
    all are asked for. 0: there are enough.
    """
    if found.n < 2 or found.half_width is None:
        return NotShown(f"a spread needs 2 pairs, not {found.n}", found.n, found.missing)
    if found.half_width == 0:
        return NotShown("the differences are all equal", found.n, found.missing)
    deviation = found.half_width / student_t(found.n - 1) * math.sqrt(found.n)
    needed = pairs_needed(found.mean / deviation, alpha)
    return needed if isinstance(needed, NotShown) else max(needed, least, found.n) - found.n

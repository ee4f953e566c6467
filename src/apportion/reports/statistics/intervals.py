"""Student-t intervals of means, at 95 %.

Two questions, two intervals:
`mean_interval`      where does the mean of one scheme lie, if more seeds of the same kind were run?
`paired_difference`  does one scheme differ from another, when both were run from the same seeds?
Two schemes are compared by the second only. Seeds move all schemes together, so two overlapping intervals of the
first kind say nothing about their difference.

Both assume values drawn alike and not far from normal, which means over domains and images are.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from apportion.reports.statistics.samples import Key, differences, finite

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """The mean of `n` values and its interval, in the values' unit. `missing` values (failed, NaN) are not among n.

    `mean` is NaN where n = 0; `low` and `high` are None where n < 2, since one value shows no spread.
    """

    n: int
    missing: int
    mean: float
    low: float | None
    high: float | None

    @property
    def half_width(self) -> float | None:
        """The longer arm of the interval: the number behind a plus-minus sign."""
        return None if self.high is None or self.low is None else max(self.high - self.mean, self.mean - self.low)

    @property
    def excludes_zero(self) -> bool:
        """True when the interval exists and zero lies outside: the sign of the mean is decided."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def student_t(degrees: float, probability: float = (1 + CONFIDENCE) / 2) -> float:
    """The quantile of Student's t with that many degrees of freedom."""
    from scipy.special import stdtrit  # 0.1 s, which `apportion --help` must not pay

    return float(stdtrit(degrees, probability))


def mean_interval(values: Iterable[float | None]) -> Interval:
    """Mean and interval of one scheme over its seeds. None and NaN (or infinite) values are counted as missing.

    Use it to show how well one mean is known, never to compare two schemes that share seeds.
    """
    sound, missing = finite(values)
    n = len(sound)
    if n == 0:
        return Interval(0, missing, math.nan, None, None)
    mean = math.fsum(sound) / n
    if n == 1:
        return Interval(1, missing, mean, None, None)
    variance = math.fsum((value - mean) ** 2 for value in sound) / (n - 1)
    half = student_t(n - 1) * math.sqrt(variance / n)
    return Interval(n, missing, mean, mean - half, mean + half)


def paired_difference(left: Mapping[Key, float | None], right: Mapping[Key, float | None]) -> Interval:
    """Mean and interval of left - right over the seeds that both have; a seed without a pair is missing.

    Use it to compare two schemes whose equal seeds mean equal start weights, batches and augmentation.
    """
    return mean_interval(differences(left, right).values())

"""Whether two ways to judge the same things put them in one order: Kendall's tau-b and Spearman's rho."""

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from apportion.reports.statistics.intervals import CONFIDENCE
from apportion.reports.statistics.not_shown import NotShown
from apportion.spaces.orders import counted_seed

LEAST = 10
RESAMPLES = 1999
NUMBERS_AT_ONCE = 4_000_000

Values = npt.NDArray[np.float64]
Statistic = Callable[..., Any]


@dataclass(frozen=True)
class Agreement:
    """`value` in -1..1 over `n` things; `missing` ones had no finite number on one of the sides."""

    n: int
    missing: int
    value: float
    interval: tuple[float, float] | NotShown


def kendall(left: Sequence[float | None], right: Sequence[float | None], seed: int = 0) -> Agreement | NotShown:
    """Kendall's tau-b, which corrects for ties, with a BCa interval at 95 % over things drawn again.

    Use it on things judged independently, from 10 on. Not shown where one side is the same for all of them.
    """
    return _agreement(left, right, _tau, "kendall", seed)


def spearman(left: Sequence[float | None], right: Sequence[float | None], seed: int = 0) -> Agreement | NotShown:
    """Spearman's rho, the correlation of mean ranks, with a BCa interval at 95 %. Use it as `kendall`."""
    return _agreement(left, right, _rho, "spearman", seed)


def _agreement(
    left: Sequence[float | None], right: Sequence[float | None], statistic: Statistic, name: str, seed: int
) -> Agreement | NotShown:
    pairs = [
        (float(a), float(b))
        for a, b in zip(left, right, strict=True)
        if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)
    ]
    n, missing = len(pairs), len(left) - len(pairs)
    if n < LEAST:
        return NotShown(f"an order needs {LEAST} things to be compared, not {n}", n, missing)
    x, y = np.array(pairs).T
    if len(set(x)) == 1 or len(set(y)) == 1:
        return NotShown(f"one side gives all {n} things the same value", n, missing)
    value = float(statistic(x, y))
    return Agreement(n, missing, value, _interval(x, y, statistic, counted_seed(name, seed)))


def _interval(x: Values, y: Values, statistic: Statistic, seed: int) -> tuple[float, float] | NotShown:
    from scipy.stats import DegenerateDataWarning, bootstrap

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)  # such a sample gives NaN, which is said below
        found = bootstrap(
            (x, y),
            statistic,
            paired=True,
            vectorized=True,
            n_resamples=RESAMPLES,
            batch=max(1, NUMBERS_AT_ONCE // len(x) ** 2),
            confidence_level=CONFIDENCE,
            method="BCa",
            rng=np.random.Generator(np.random.Philox(seed)),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return NotShown(f"the {len(x)} things are ordered too much alike to be resampled", len(x))
    return low, high


def _tau(x: Values, y: Values, axis: int = -1) -> Any:
    """tau-b = sum sign(dx) sign(dy) / sqrt(sum sign(dx)^2 sum sign(dy)^2) over all pairs, along the last axis."""
    left, right = (np.sign(v[..., :, None] - v[..., None, :]) for v in (x, y))
    both = np.einsum("...ij,...ij->...", left, right)
    return both / np.sqrt(np.abs(left).sum((-1, -2)) * np.abs(right).sum((-1, -2)))


def _rho(x: Values, y: Values, axis: int = -1) -> Any:
    from scipy.stats import rankdata

    left, right = (ranks - ranks.mean(-1, keepdims=True) for ranks in (rankdata(x, axis=-1), rankdata(y, axis=-1)))
    return (left * right).sum(-1) / np.sqrt((left**2).sum(-1) * (right**2).sum(-1))

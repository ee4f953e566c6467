"""Bootstrap intervals of a mean: bias-corrected and accelerated (BCa), Efron 1987."""

import math
import warnings
from collections.abc import Iterable

import numpy as np

from apportion.reports.statistics.intervals import CONFIDENCE, Interval
from apportion.reports.statistics.not_shown import NotShown
from apportion.reports.statistics.samples import finite
from apportion.spaces.orders import counted_seed

LEAST = 10
RESAMPLES = 9999


def bca_interval(values: Iterable[float | None], seed: int = 0) -> Interval | NotShown:
    """Mean and BCa interval at 95 %, over 9,999 resamples drawn from the counted `seed`.

    Use it on paired differences (`differences`) whose shape is not known, from 10 pairs on. It is too narrow for few
    values: simulated on normal, t3 and exponential values it covers the true mean in .90, .87, .89 of samples of 10
    and .93, .90, .89 of 20, where Student's t covers .96, .96, .92 and .95, .97, .90. Below 10 (.73 at n = 3), or
    where all values are equal, it is not shown.
    """
    sound, missing = finite(values)
    n = len(sound)
    if n < LEAST:
        return NotShown(f"a bootstrap interval needs {LEAST} values, not {n}", n, missing)
    if len(set(sound)) == 1:
        return NotShown(f"all {n} values are equal, so resampling them shows no spread", n, missing)
    from scipy.stats import DegenerateDataWarning, bootstrap

    generator = np.random.Generator(np.random.Philox(counted_seed("bca", seed)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", DegenerateDataWarning)  # such a sample gives NaN, which is said below
        found = bootstrap(
            (np.array(sound),), np.mean, n_resamples=RESAMPLES, confidence_level=CONFIDENCE, method="BCa", rng=generator
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    if not (math.isfinite(low) and math.isfinite(high)):
        return NotShown(f"the {n} values are too much alike to be resampled", n, missing)
    return Interval(n, missing, math.fsum(sound) / n, low, high)

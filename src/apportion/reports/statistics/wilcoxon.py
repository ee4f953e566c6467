"""Wilcoxon's signed-rank test of paired differences, exact at any n, with ties and zeros."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from apportion.reports.statistics.not_shown import NotShown
from apportion.reports.statistics.samples import finite

LEAST = 6
MOST = 1000


@dataclass(frozen=True)
class SignedRank:
    """`n` differences other than zero were ranked; `zeros` and `missing` ones were not. `p` is two-sided."""

    n: int
    missing: int
    zeros: int
    rank_sum: float
    """Sum of the ranks of the differences above zero, 0 .. n (n + 1) / 2."""
    p: float


def signed_rank(differences: Iterable[float | None]) -> SignedRank | NotShown:
    """The two-sided exact test that differences lie around zero alike on both sides.

    Use it on independent pairs, from 6 that differ on: of 5 not even the clearest reaches p < .05 (2 / 2^5 = .0625).
    Differences of zero are left out of the ranks (Wilcoxon 1945), ties get their mean rank, and the distribution is
    counted out over all 2^n signs of these ranks, so that p is exact given the ties.
    """
    sound, missing = finite(differences)
    ranked = np.array([value for value in sound if value != 0.0], dtype=np.float64)
    n, zeros = len(ranked), len(sound) - len(ranked)
    if sound and not n:
        return NotShown(f"all {zeros} differences are zero", 0, missing)
    if n < LEAST:
        besides = f" (besides {zeros} of zero)" if zeros else ""
        return NotShown(f"the exact Wilcoxon test needs {LEAST} pairs that differ, not {n}{besides}", n, missing)
    if n > MOST:
        return NotShown(f"the distribution is counted out for at most {MOST} pairs, not {n}", n, missing)
    from scipy.stats import rankdata

    twice = np.rint(2 * rankdata(np.abs(ranked))).astype(np.int64)  # mean ranks are halves: doubled they are whole
    observed = int(twice[ranked > 0].sum())
    chance = _distribution(twice)
    tail = min(chance[: observed + 1].sum(), chance[observed:].sum())
    return SignedRank(n, missing, zeros, observed / 2, min(1.0, 2 * float(tail)))


def _distribution(
    ranks: np.ndarray[tuple[int, ...], np.dtype[np.int64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Probability of every sum of `ranks` when each counts or not by a fair coin. Shape [sum + 1]."""
    chance = np.zeros(int(ranks.sum()) + 1)
    chance[0] = 1.0
    for rank in ranks:
        shifted = np.zeros_like(chance)
        shifted[rank:] = chance[: len(chance) - rank]
        chance = (chance + shifted) / 2
    return chance

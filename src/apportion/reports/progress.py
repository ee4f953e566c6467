"""Curves of best-so-far over several runs of one controller: the mean, and how far the runs lie apart."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from apportion.reports.best_so_far import BestSoFar
from apportion.reports.statistics import Interval, mean_interval

MOST_POINTS = 240


@dataclass(frozen=True)
class Curve:
    """`points`: (trials or seconds, the mean over runs and its interval). Ends where the first of the runs ends.

    It begins where every run that finds anything by then has found it: a mean over runs that join one by one would
    jump. Runs that find nothing are counted as missing in every interval.
    """

    controller: str
    points: tuple[tuple[float, Interval], ...]


def over_trials(controller: str, runs: Sequence[BestSoFar]) -> Curve:
    """Best-so-far against the number of trials."""
    end = min((run.trials for run in runs), default=0)
    return _curve(controller, runs, [float(n) for n in range(1, end + 1)], lambda run, n: run.losses[int(n) - 1])


def over_seconds(controller: str, runs: Sequence[BestSoFar]) -> Curve:
    """Best-so-far against the seconds charged."""
    end = min((run.seconds[-1] if run.seconds else 0.0 for run in runs), default=0.0)
    return _curve(controller, runs, sorted({s for run in runs for s in run.seconds if s <= end}), _after)


def _after(run: BestSoFar, seconds: float) -> float | None:
    told = bisect_right(run.seconds, seconds)
    return run.losses[told - 1] if told else None


def _curve(
    controller: str, runs: Sequence[BestSoFar], grid: Sequence[float], read: Callable[[BestSoFar, float], float | None]
) -> Curve:
    if not grid:
        return Curve(controller, ())
    found = [run for run in runs if read(run, grid[-1]) is not None]
    first = next((i for i, x in enumerate(grid) if all(read(run, x) is not None for run in found)), 0)
    shown = _thinned(grid[first:]) if found else []
    return Curve(controller, tuple((x, mean_interval(read(run, x) for run in runs)) for x in shown))


def _thinned(grid: Sequence[float]) -> list[float]:
    """At most MOST_POINTS of them, evenly by rank, with the first and the last."""
    if len(grid) <= MOST_POINTS:
        return list(grid)
    return [grid[round(i * (len(grid) - 1) / (MOST_POINTS - 1))] for i in range(MOST_POINTS)]

"""What counts as one value when patterns of several runs were retrained with several seeds.

A run is one outcome of the search; a retraining seed is one outcome of training. Cells are values by (run, seed):
`seeds`    the patterns are the same in all runs (one run, or schemes made by hand): every seed is a value of its own;
`runs`     every run was retrained with seeds of its own: the mean of a run is a value;
`crossed`  runs with patterns of their own share retraining seeds, whose noise is common to all of them. Counting runs
           would take it for agreement: simulated with runs and seeds equally noisy, 10 runs that share 3 seeds, a
           test over runs claims a difference that is not there in .30 of all cases, instead of .05.
"""

from collections.abc import Hashable, Mapping
from statistics import fmean
from typing import Literal

from apportion.reports.statistics import Interval, NotShown, crossed_interval, finite, mean_interval

Unit = Literal["seeds", "runs", "crossed"]
Cells = Mapping[tuple[int, int], float | None]


def unit_of(patterns: Mapping[tuple[int, int], Hashable]) -> Unit:
    """`patterns` by (run, seed): equal values for equal patterns on both sides of a comparison."""
    seeds = [seed for _, seed in patterns]
    if len({run for run, _ in patterns}) < 2 or len(set(patterns.values())) == 1:
        return "seeds"
    return "runs" if len(seeds) == len(set(seeds)) else "crossed"


def values_of(cells: Cells, unit: Unit) -> list[float | None]:
    """One value per run or seed, the mean of its cells; None where none of them was measured."""
    groups: dict[int, list[float | None]] = {}
    for (run, seed), value in cells.items():
        groups.setdefault(run if unit == "runs" else seed, []).append(value)
    sound = (finite(group)[0] for group in groups.values())
    return [fmean(values) if values else None for values in sound]


def spread(cells: Cells, unit: Unit) -> Interval | NotShown:
    """The mean and its interval at 95 %: Student's t over values, or over rows and columns where they are crossed."""
    return crossed_interval(cells) if unit == "crossed" else mean_interval(values_of(cells, unit))

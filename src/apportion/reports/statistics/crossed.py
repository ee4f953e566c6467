"""The interval of a mean over a table whose rows and columns each bring noise of their own.

Search runs that are retrained with the same seeds make such a table: a run's pattern moves its whole row, a seed its
whole column. Its cells are no independent values, and neither rows nor columns alone show how far the mean is known.
"""

import math
from collections.abc import Hashable, Mapping
from statistics import fmean, variance
from typing import TypeVar

from apportion.reports.statistics.intervals import Interval, student_t
from apportion.reports.statistics.not_shown import NotShown

Row = TypeVar("Row", bound=Hashable)
Column = TypeVar("Column", bound=Hashable)


def crossed_interval(cells: Mapping[tuple[Row, Column], float | None]) -> Interval | NotShown:
    """Mean of all cells; variance of the row means / rows + variance of the column means / columns.

    Use it from 2 rows and 2 columns on. Degrees of freedom after Satterthwaite (1946). Simulated at 95 % with normal
    noise it covers .94 to .99 of the means from 2 x 2 to 10 x 10 (noise of single cells is counted twice: .98 to .99
    where there is no other), but .89 at 10 x 2 and .93 at 10 x 3 where rows and columns move alike.
    """
    sound = {key: value for key, value in cells.items() if value is not None and math.isfinite(value)}
    n, missing = len(sound), len(cells) - len(sound)
    rows = [fmean(v for (r, _), v in sound.items() if r == row) for row in dict.fromkeys(r for r, _ in sound)]
    columns = [fmean(v for (_, c), v in sound.items() if c == column) for column in dict.fromkeys(c for _, c in sound)]
    if len(rows) < 2 or len(columns) < 2:
        return NotShown(
            f"a spread over rows and columns needs 2 x 2 values, not {len(rows)} x {len(columns)}", n, missing
        )
    parts = [(variance(means) / len(means), len(means) - 1) for means in (rows, columns)]
    whole = sum(part for part, _ in parts)
    mean = math.fsum(sound.values()) / n
    if whole == 0:
        return Interval(n, missing, mean, mean, mean)
    degrees = whole**2 / sum(part**2 / free for part, free in parts)
    half = student_t(degrees) * math.sqrt(whole)
    return Interval(n, missing, mean, mean - half, mean + half)

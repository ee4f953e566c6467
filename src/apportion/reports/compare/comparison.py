"""A comparison: runs side by side and the row of every controller at every budget. What its page and table show."""

from collections.abc import Sequence
from dataclasses import dataclass

from apportion.reports.compare.rows import Row, rows_of
from apportion.reports.compare.runs import Runs, runs_of
from apportion.search.study import Study


@dataclass(frozen=True)
class Comparison:
    """`rows`: budget by budget, the best first."""

    runs: Runs
    rows: tuple[Row, ...]


def comparison_of(studies: Sequence[Study], names: Sequence[str], against: str | None = None) -> Comparison:
    """Compare all controllers of `studies`, which are alike but for their seeds, with the reference `against`."""
    runs = runs_of(studies, names, against)
    return Comparison(runs, tuple(rows_of(runs)))

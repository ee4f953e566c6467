"""One row per controller and budget: what it found, what that cost, and how it compares."""

import math
from dataclasses import dataclass

from apportion.reports.compare.declared import Declared, declared, takes_part
from apportion.reports.compare.paired import loss_of
from apportion.reports.compare.reference import reference_at
from apportion.reports.compare.runs import Runs
from apportion.reports.kinds import Kind, kind_of
from apportion.reports.statistics import Interval, NotShown, mean_interval
from apportion.spaces.budget import Budget


@dataclass(frozen=True)
class Row:
    """`best`: validation loss after `trials` trials, the number that every one of `runs` reached; its n is of runs.

    `seconds`: charged for the whole search, mean over runs. `loss`: of the final retraining. `declared` is None for the
    reference, and where there is none.
    """

    controller: str
    kind: Kind
    budget: Budget
    runs: int
    trials: int
    failed: int
    repeated: int
    best: Interval
    seconds: Interval
    loss: Interval | NotShown
    reference: str | None
    declared: Declared | None

    @property
    def is_reference(self) -> bool:
        return self.controller == self.reference


def rows_of(runs: Runs) -> list[Row]:
    """Budget by budget; within one the least retrained loss first, then the least loss found."""
    made = declared(runs)
    rows = []
    for budget in runs.budgets:
        reference = reference_at(runs, budget)
        here = [
            _row(runs, controller, budget, reference, made.get((controller, budget)))
            for controller in runs.controllers
            if takes_part(runs, controller, budget)
        ]
        rows += sorted(here, key=lambda row: (_mean(row.loss), _mean(row.best), row.controller))
    return rows


def _row(runs: Runs, controller: str, budget: Budget, reference: str | None, comparison: Declared | None) -> Row:
    curves = runs.curves(controller, budget)
    trials = min((curve.trials for curve in curves), default=0)
    return Row(
        controller,
        kind_of(controller),
        budget,
        len(curves),
        trials,
        sum(curve.failed for curve in curves),
        sum(curve.repeated for curve in curves),
        mean_interval(curve.losses[trials - 1] if trials else None for curve in curves),
        mean_interval(curve.seconds[-1] if curve.seconds else None for curve in curves),
        loss_of(runs, controller, budget),
        reference,
        comparison,
    )


def _mean(value: Interval | NotShown) -> float:
    return value.mean if isinstance(value, Interval) and value.n else math.inf

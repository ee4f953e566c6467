"""One comparison: losses of the final retraining, paired by run and retraining seed."""

from collections.abc import Hashable
from dataclasses import dataclass

from apportion.reports.compare.runs import Runs
from apportion.reports.compare.units import Cells, Unit, spread, unit_of, values_of
from apportion.reports.schemes import Scheme
from apportion.reports.statistics import Interval, NotShown, SignedRank, bca_interval, differences, signed_rank
from apportion.spaces.budget import Budget

SHARED_SEEDS = (
    "these runs share retraining seeds, whose noise is common to all of them; a test needs runs with a"
    " retrain.first_seed of their own"
)


@dataclass(frozen=True)
class Paired:
    """Loss of `controller` - loss of `reference`: below zero, the controller is better.

    `interval` over units; `bootstrap` and `test` over the same where they are independent. `same`: both are one pattern
    wherever both were measured.
    """

    controller: str
    budget: Budget
    reference: str
    unit: Unit
    interval: Interval | NotShown
    bootstrap: Interval | NotShown
    test: SignedRank | NotShown
    same: bool


def paired(runs: Runs, controller: str, reference: str, budget: Budget) -> Paired:
    """The comparison over the settled runs that have both. Seeds that failed on one side are missing."""
    cells: dict[tuple[int, int], float | None] = {}
    patterns: dict[tuple[int, int], Hashable] = {}
    same: list[bool] = []
    for i in runs.settled:
        left, right = runs.scheme(i, controller, budget), runs.scheme(i, reference, budget)
        if right is None or (left is None and (controller, budget) not in runs.searches[i]):
            continue  # nothing to pair with
        mine, its = _patterns(left), _patterns(right)
        for seed, difference in differences(losses(runs, left), losses(runs, right)).items():
            cells[i, seed] = difference
            if difference is not None:
                patterns[i, seed] = mine[seed], its[seed]
                same.append(mine[seed] == its[seed])
    unit = unit_of(patterns)
    bootstrap, test = _tested(cells, unit)
    return Paired(controller, budget, reference, unit, spread(cells, unit), bootstrap, test, bool(same) and all(same))


def loss_of(runs: Runs, controller: str, budget: Budget) -> Interval | NotShown:
    """The retrained loss of one controller over all settled runs, with the interval of its units."""
    cells: dict[tuple[int, int], float | None] = {}
    patterns: dict[tuple[int, int], Hashable] = {}
    for i in runs.settled:
        scheme = runs.scheme(i, controller, budget)
        cells |= {(i, seed): loss for seed, loss in losses(runs, scheme).items()}
        patterns |= {(i, seed): pattern for seed, pattern in _patterns(scheme).items()}
    return spread(cells, unit_of(patterns))


def losses(runs: Runs, scheme: Scheme | None) -> dict[int, float | None]:
    """The objective by retraining seed on the split that all runs have; None where a trial failed."""
    return {} if scheme is None else scheme.by_seed(scheme.objective, runs.split)


def _tested(cells: Cells, unit: Unit) -> tuple[Interval | NotShown, SignedRank | NotShown]:
    if unit == "crossed":
        n = sum(value is not None for value in cells.values())
        crossed = NotShown(SHARED_SEEDS, n, len(cells) - n)
        return crossed, crossed
    values = values_of(cells, unit)
    return bca_interval(values), signed_rank(values)


def _patterns(scheme: Scheme | None) -> dict[int, str]:
    return {} if scheme is None else {t.proposal.seed: t.proposal.allocation.key() for t in scheme.trials}

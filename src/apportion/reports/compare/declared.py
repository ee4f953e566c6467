"""The declared comparisons: at every budget every controller but the anchors against the reference.

They are declared by what the runs were configured to do, before a loss is read, and all of them enter Holm's
correction, at all budgets together.
"""

from dataclasses import dataclass
from typing import Literal

from apportion.reports.compare.paired import SHARED_SEEDS, Paired, paired
from apportion.reports.compare.reference import reference_at
from apportion.reports.compare.runs import Runs
from apportion.reports.kinds import kind_of
from apportion.reports.statistics import CONFIDENCE, NotShown, holm, more_pairs, pairs_for
from apportion.spaces.budget import Budget

Verdict = Literal["lower loss", "higher loss", "not decided", "not tested", "same pattern", "not measured"]
Key = tuple[str, Budget]


@dataclass(frozen=True)
class Declared:
    """A comparison among all declared ones. `p`: two-sided, after Holm.

    `more`: runs or seeds that would decide it with power .8, were the difference as large as it looks.
    """

    paired: Paired
    p: float | NotShown
    more: int | NotShown

    @property
    def verdict(self) -> Verdict:
        """What the corrected test says."""
        interval = self.paired.interval
        if not interval.n:
            return "not measured"
        if self.paired.same:
            return "same pattern"
        if isinstance(interval, NotShown) or isinstance(self.p, NotShown):
            return "not tested"
        if self.p >= 1 - CONFIDENCE:
            return "not decided"
        return "lower loss" if interval.mean < 0 else "higher loss"


def declared(runs: Runs) -> dict[Key, Declared]:
    """Every declared comparison, by controller and budget; none where no run has retrained a reference."""
    made: dict[Key, Paired] = {}
    for budget in runs.budgets:
        reference = reference_at(runs, budget)
        for controller in runs.controllers if reference is not None else ():
            if controller != reference and takes_part(runs, controller, budget):
                made[controller, budget] = paired(runs, controller, reference or "", budget)
    adjusted = holm({key: pair.test for key, pair in made.items()})
    m = max(1, len(made))
    return {key: Declared(pair, adjusted[key], _more(pair, m)) for key, pair in made.items()}


def takes_part(runs: Runs, controller: str, budget: Budget) -> bool:
    """True for what searched or was retrained at this very budget: neither anchors nor patterns without a budget."""
    if kind_of(controller) == "anchor":
        return False
    schemes = (runs.scheme(i, controller, budget) for i in runs.settled)
    return bool(runs.curves(controller, budget)) or any(s is not None and s.budget == budget for s in schemes)


def _more(pair: Paired, comparisons: int) -> int | NotShown:
    if pair.unit == "crossed":
        return NotShown(SHARED_SEEDS, pair.interval.n, pair.interval.missing)
    if isinstance(pair.interval, NotShown):
        return pair.interval
    return more_pairs(pair.interval, (1 - CONFIDENCE) / comparisons, pairs_for(comparisons))

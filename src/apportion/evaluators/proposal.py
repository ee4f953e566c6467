"""A proposal: one pattern to be measured, and why."""

from dataclasses import dataclass
from typing import Literal

from apportion.spaces.allocation import Allocation
from apportion.spaces.budget import Budget

Purpose = Literal["search", "retrain", "anchor", "table"]


@dataclass(frozen=True)
class Proposal:
    """What a controller asks to have measured.

    `budget` is None for anchors. `rung`: train the first `rung` epochs of the full schedule. `seed` decides start
    weights, batches and augmentation, so proposals with equal seeds are paired. `parent`: the trial whose pattern
    this one repeats (a retrain's search trial) or departs from. `artifacts`: keys of the results that it was made from;
    their seconds are charged to its controller. `purpose` table: test is scored after every epoch.
    """

    id: str
    controller: str
    allocation: Allocation
    budget: Budget | None
    rung: int
    seed: int
    purpose: Purpose = "search"
    parent: str | None = None
    artifacts: tuple[str, ...] = ()

    @property
    def final(self) -> bool:
        """True where the pattern is settled: it is trained in full and scored on test, which the search never sees."""
        return self.purpose != "search"
